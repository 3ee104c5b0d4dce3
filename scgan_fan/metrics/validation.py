"""The metrics of an option file over one set of images.

A metric measures one image and gives its *row*: a number, or an array such as the features of a network. A *summary*
makes one figure of the rows of all images: their mean, where the metric names no other. Rows can be gathered from
several processes, kept, and drawn anew for an interval, whatever the metric is.
"""
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError, check_choice
from scgan_fan.schema_types import block_of

# what a metric and its parts are given, not asked for
METRIC_INPUTS = ('img', 'img2', 'lq', 'key', 'landmarks', 'landmarks2', 'rows', 'image')


def metric(summary: Callable | None = None, prepare: Callable | None = None, takes_batches: bool = False,
           looks_by: Callable | None = None, check: Callable | None = None) -> Callable:
    """Register a function with BasicSR as a metric.

    Args:
        summary: ``summary(rows, **options)``, rows (N, ...), the options those of the metric's block; gives None where
            there is nothing to measure. Default: the mean.
        prepare: ``prepare(**options)`` does what the summary needs and several processes can share out; all call it.
        check: ``check(**options)`` raises what is wrong with options that do not go together.
        takes_batches: it also takes N images of one size, (N, height, width, 3), and gives N rows.
        looks_by: ``looks_by(image, **options)``, which gets options of the metric's block, too.
    """
    def register(function: Any) -> Any:
        function.summary, function.prepare, function.looks_by = summary, prepare, looks_by
        function.check = check
        function.takes_batches = takes_batches
        METRIC_REGISTRY.register(function)
        return function
    return register


class Metric:
    """A metric with its options.

    Args:
        name: what the option file calls it.
        block: as in BasicSR's ``val: metrics``, with ``type`` and ``better`` (higher, the default, or lower); and
            ``resamples`` of its bootstrap, where a benchmark's number would take too long.
        owner: of the block, for errors.

    Raises:
        InputError: an unknown type or option, or a wrong value; in the methods, the metric cannot be computed.
    """

    def __init__(self, name: str, block: dict, owner: str = 'metrics'):
        if block.get('type') not in METRIC_REGISTRY:
            raise InputError(f'{owner}: {name}: unknown metric {block.get("type")!r}')
        self.name = name
        self.better = block.get('better', 'higher')
        check_choice(f'{owner}: {name}: better', self.better, ('higher', 'lower'))
        self.resamples = block.get('resamples')
        self._metric = METRIC_REGISTRY.get(block['type'])
        self._options = {key: value for key, value in block.items() if key not in ('type', 'better', 'resamples')}
        asked = {key: value for key, value in self._options.items() if key not in METRIC_INPUTS}
        block_of(self._metric, METRIC_INPUTS).read(asked, f'{owner}: {name}')
        parameters = inspect.signature(self._metric).parameters.values()
        self._needed = {each.name for each in parameters if each.default is each.empty
                        and each.kind is each.POSITIONAL_OR_KEYWORD and each.name not in self._options}

    def applies_to(self, inputs: dict) -> bool:
        """Whether ``inputs`` has all that the metric needs: its parameters that have neither a default nor an option.
        """
        return self._needed <= inputs.keys()

    def rows(self, images: list[dict]) -> list[float | np.ndarray]:
        """What the metric says of each image, of all of them at once where it can.

        Args:
            images: for each the arguments that metrics may ask for by name: ``uint8`` BGR images (height, width, 3):
                ``img``, restored; ``lq``; and ``img2``, the true one, where there is one. ``key``: its name.
        """
        if getattr(self._metric, 'takes_batches', False):
            stacked = {name: np.stack([inputs[name] for inputs in images]) for name in self._needed}
            return list(self._metric(**stacked, **self._options))
        return [self._metric(**inputs, **self._options) for inputs in images]

    def prepare(self) -> None:
        """What is better done by all processes before ``summary`` is called in one."""
        if prepare := getattr(self._metric, 'prepare', None):
            prepare(**self._options)

    def summary(self, rows: np.ndarray) -> float | None:
        """The figure of a set, of rows (N, ...): their mean, where the metric names no other; None where there is
        nothing to measure.
        """
        summary = getattr(self._metric, 'summary', None)
        return summary(rows, **self._options) if summary else float(rows.mean())


class ValidationMetrics:
    """Takes in a set image by image, for ``blocks``, ``val: metrics`` of the option file. A metric is measured where an
    image has all that it needs.
    """

    def __init__(self, blocks: dict[str, dict]):
        self.metrics = {name: Metric(name, block, 'val: metrics') for name, block in blocks.items()}
        self.rows: dict[str, list] = {name: [] for name in blocks}

    def add(self, inputs: dict) -> None:
        """Take in an image: the arguments that metrics may ask for by name."""
        for name, metric in self.metrics.items():
            if metric.applies_to(inputs):
                self.rows[name] += metric.rows([inputs])

    def prepare(self) -> None:
        """What all processes do together before the first asks for results."""
        for metric in self.metrics.values():
            metric.prepare()

    def results(self) -> dict[str, float]:
        """Metric -> its figure for the set, in the option file's order; those with nothing to measure are left out."""
        results = {name: self.metrics[name].summary(np.array(rows)) for name, rows in self.rows.items() if rows}
        return {name: value for name, value in results.items() if value is not None}
