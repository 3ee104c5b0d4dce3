"""The metrics of an option file over one set of images.

A metric measures one image and gives its *row*: a number, or an array such as the features of a network. A *summary*
makes one figure of the rows of all images: their mean, where the metric names no other. Rows can be gathered from
several processes, kept, and drawn anew for an interval, whatever the metric is.
"""
import inspect

import numpy as np
from basicsr.metrics import calculate_metric
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError, check_choice


def summarized_by(summary, prepare=None):
    """Name the summary of a metric: ``summary(rows, **options)``, rows (N, ...), the options those of its block.

    It returns None where there is nothing to measure. Decorate below ``METRIC_REGISTRY.register()``.

    Args:
        prepare: ``prepare(**options)`` does what the summary needs and several processes can share out; all call it.
    """
    def mark(metric):
        metric.summary, metric.prepare = summary, prepare
        return metric
    return mark


def takes_batches(metric):
    """Mark a metric that also takes N images of one size, (N, height, width, 3), and gives N rows."""
    metric.takes_batches = True
    return metric


def mean(rows: np.ndarray, **options) -> float:
    """The summary of a metric that names none."""
    return float(rows.mean())


class Metric:
    """A metric with its options.

    Args:
        name: what the option file calls it.
        block: as in BasicSR's ``val: metrics``, with ``type`` and ``better`` (higher, the default, or lower); and
            ``resamples`` of its bootstrap, where a benchmark's number would take too long.
        owner: of the block, for errors.

    Raises:
        InputError: the type is unknown; in the methods, the metric cannot be computed.
    """

    def __init__(self, name: str, block: dict, owner: str = 'metrics'):
        if block.get('type') not in METRIC_REGISTRY:
            raise InputError(f'{owner}: {name}: unknown metric {block.get("type")!r}')
        self.name = name
        self.better = block.get('better', 'higher')
        check_choice(f'{owner}: {name}: better', self.better, ('higher', 'lower'))
        self.resamples = block.get('resamples')
        self._block = {key: value for key, value in block.items() if key != 'resamples'}
        self._needed = needed_inputs(block)

    def applies_to(self, inputs: dict) -> bool:
        """Whether ``inputs`` has all that the metric needs."""
        return self._needed <= inputs.keys()

    def rows(self, images: list[dict]) -> list[float | np.ndarray]:
        """What the metric says of each image, of all of them at once where it can.

        Args:
            images: for each the arguments that metrics may ask for by name: ``uint8`` BGR images (height, width, 3):
                ``img``, restored; ``lq``; and ``img2``, the true one, where there is one. ``key``: its name.
        """
        if getattr(METRIC_REGISTRY.get(self._block['type']), 'takes_batches', False):
            stacked = {name: np.stack([inputs[name] for inputs in images]) for name in self._needed}
            return list(calculate_metric(stacked, self._block))
        return [calculate_metric(inputs, self._block) for inputs in images]

    def prepare(self) -> None:
        """What is better done by all processes before ``summary`` is called in one."""
        if prepare := getattr(METRIC_REGISTRY.get(self._block['type']), 'prepare', None):
            prepare(**options_of(self._block))

    def summary(self, rows: np.ndarray) -> float | None:
        """The figure of a set, of rows (N, ...); None where there is nothing to measure."""
        return summarize(self._block, rows)


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


def summarize(block: dict, rows: np.ndarray) -> float | None:
    """The figure of a metric's block for the rows (N, ...) of a set."""
    return getattr(METRIC_REGISTRY.get(block['type']), 'summary', mean)(rows, **options_of(block))


def options_of(block: dict) -> dict:
    """What a metric's block says to the metric itself."""
    return {key: value for key, value in block.items() if key not in ('type', 'better')}


def needed_inputs(block: dict) -> set[str]:
    """The parameters of a metric that neither have a default nor are set in its block."""
    parameters = inspect.signature(METRIC_REGISTRY.get(block['type'])).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    return required - block.keys()
