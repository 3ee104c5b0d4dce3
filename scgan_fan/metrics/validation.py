"""The metrics of an option file over one set of images.

A metric measures one image and gives its *row*: a number, or an array such as the features of a network. A *summary*
makes one figure of the rows of all images: their mean, where the metric names no other. Rows can be gathered from
several processes, kept, and drawn anew for an interval, whatever the metric is.
"""
import inspect

import numpy as np
from basicsr.metrics import calculate_metric
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError


def summarized_by(summary):
    """Name the summary of a metric: ``summary(rows, **options)``, rows (N, ...), the options those of its block.

    It returns None where there is nothing to measure. Decorate below ``METRIC_REGISTRY.register()``.
    """
    def mark(metric):
        metric.summary = summary
        return metric
    return mark


def mean(rows: np.ndarray, **options) -> float:
    """The summary of a metric that names none."""
    return float(rows.mean())


class ValidationMetrics:
    """Takes in a set image by image. A metric is measured where an image has all that it needs.

    Args:
        blocks: ``val: metrics`` of the option file, name -> {type, ...}.

    Raises:
        InputError: a type is unknown.
    """

    def __init__(self, blocks: dict[str, dict]):
        for name, block in blocks.items():
            if block.get('type') not in METRIC_REGISTRY:
                raise InputError(f'val: metrics: {name}: unknown metric {block.get("type")!r}')
        self.blocks = blocks
        self.needed = {name: needed_inputs(block) for name, block in blocks.items()}
        self.rows = {name: [] for name in blocks}

    def add(self, inputs: dict) -> None:
        """Take in an image: the arguments that metrics may ask for by name."""
        for name, rows in self.rows.items():
            if self.needed[name] <= inputs.keys():
                rows.append(calculate_metric(inputs, self.blocks[name]))

    def results(self) -> dict[str, float]:
        """Metric -> its figure for the set, in the option file's order; those with nothing to measure are left out."""
        results = {name: summarize(self.blocks[name], np.array(rows)) for name, rows in self.rows.items() if rows}
        return {name: value for name, value in results.items() if value is not None}


def summarize(block: dict, rows: np.ndarray) -> float | None:
    """The figure of a metric's block for the rows (N, ...) of a set."""
    metric = METRIC_REGISTRY.get(block['type'])
    options = {key: value for key, value in block.items() if key not in ('type', 'better')}
    return getattr(metric, 'summary', mean)(rows, **options)


def needed_inputs(block: dict) -> set[str]:
    """The parameters of a metric that neither have a default nor are set in its block."""
    parameters = inspect.signature(METRIC_REGISTRY.get(block['type'])).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    return required - block.keys()
