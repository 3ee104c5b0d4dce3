"""What a benchmark has found out."""
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scgan_fan.benchmark.image_set import ImageSet
from scgan_fan.benchmark.statistics import Estimate
from scgan_fan.benchmark.store import image_path
from scgan_fan.images import read_image
from scgan_fan.metrics.validation import Metric


@dataclass
class Outcome:
    """What came of one method on one dataset.

    Attributes:
        not_run: why there is nothing, or None.
        folder: where the restored images lie.
        images_per_second: of the method, without reading and writing.
        rows: metric -> (N, ...), in the order of the dataset's names.
        figures: metric -> value and interval. Metrics that do not apply, or have nothing to measure, are left out.
        not_measured: metric -> why it could not be measured.
    """

    not_run: str | None = None
    folder: Path | None = None
    images_per_second: float | None = None
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    figures: dict[str, Estimate] = field(default_factory=dict)
    not_measured: dict[str, str] = field(default_factory=dict)

    def read(self, key: str) -> np.ndarray:
        """The restored image of this name, ``uint8`` RGB."""
        assert self.folder is not None  # it was run
        return read_image(image_path(self.folder, key))


@dataclass
class Results:
    """Everything that a report tells.

    Attributes:
        options: of the benchmark.
        metrics: metric -> Metric.
        sets: dataset -> ImageSet, or the reason why it is not there.
        protocols: method -> what it does, in one line.
        competing: the methods that may be called the best.
        hashes: path -> SHA-256 of every file that a method or a metric names.
        outcomes: dataset -> method -> Outcome.
    """

    options: dict
    metrics: dict[str, Metric]
    sets: dict[str, ImageSet | str] = field(default_factory=dict)
    protocols: dict[str, str] = field(default_factory=dict)
    competing: set[str] = field(default_factory=set)
    hashes: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
