"""What a benchmark has found out."""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scgan_fan.benchmark.image_set import ImageSet
from scgan_fan.benchmark.statistics import Estimate
from scgan_fan.images import read_image
from scgan_fan.metrics.validation import Metric


def image_path(folder: Path, key: str) -> Path:
    """Where the image of this name lies in a folder of restored images."""
    return folder / f'{key}.png'


@dataclass
class Outcome:
    """What came of one method on one dataset. Metrics that do not apply, or have nothing to measure, are left out."""

    not_run: str | None = None  # why there is nothing
    folder: Path | None = None  # of the restored images
    images_per_second: float | None = None  # of the method, without reading and writing
    rows: dict[str, np.ndarray] = field(default_factory=dict)  # metric -> (N, ...), in the order of the dataset's names
    figures: dict[str, Estimate] = field(default_factory=dict)  # metric -> value and interval
    not_measured: dict[str, str] = field(default_factory=dict)  # metric -> why it could not be measured

    def read(self, key: str) -> np.ndarray:
        """The restored image of this name, ``uint8`` RGB."""
        assert self.folder is not None  # it was run
        return read_image(image_path(self.folder, key))


@dataclass
class Results:
    """Everything that a report tells."""

    options: dict  # of the benchmark
    metrics: dict[str, Metric]
    sets: dict[str, ImageSet | str] = field(default_factory=dict)  # dataset -> it, or the reason why it is not there
    protocols: dict[str, str] = field(default_factory=dict)  # method -> what it does, in one line
    competing: set[str] = field(default_factory=set)  # the methods that may be called the best
    hashes: dict[str, str] = field(default_factory=dict)  # path -> SHA-256 of files that a method or a metric names
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)  # dataset -> method -> Outcome
