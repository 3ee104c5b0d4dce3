"""The metrics of an option file over one validation set."""
import inspect

import numpy as np
from basicsr.metrics import calculate_metric
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError


def over_set(metric):
    """Mark a metric as one of a whole set, where others are of one sample and averaged.

    It is called once, with a list over the samples for each parameter that has no default, and may return None: nothing
    to measure. Decorate below ``METRIC_REGISTRY.register()``.
    """
    metric.over_set = True
    return metric


class ValidationMetrics:
    """Takes in a set sample by sample. A metric is measured where the samples have all that it needs.

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
        self.needed = {name: _needed_inputs(block) for name, block in blocks.items()}
        of_set = [name for name, block in blocks.items()
                  if getattr(METRIC_REGISTRY.get(block['type']), 'over_set', False)]
        self.kept = {needed: [] for name in of_set for needed in self.needed[name]}  # input -> one for each sample
        self.values = {name: [] for name in blocks if name not in of_set}  # metric -> one for each sample

    def add(self, inputs: dict) -> None:
        """Take in a sample: the arguments that metrics may ask for by name."""
        for name, values in self.values.items():
            if self.needed[name] <= inputs.keys():
                values.append(calculate_metric(inputs, self.blocks[name]))
        for needed in self.kept.keys() & inputs.keys():
            self.kept[needed].append(inputs[needed])

    def results(self) -> dict[str, float]:
        """Metric -> its value for the set, in the option file's order; those with nothing to measure are left out."""
        results = {name: self._mean(name) if name in self.values else self._of_set(name) for name in self.blocks}
        return {name: value for name, value in results.items() if value is not None}

    def _mean(self, name: str) -> float | None:
        return float(np.mean(self.values[name])) if self.values[name] else None

    def _of_set(self, name: str) -> float | None:
        inputs = {needed: self.kept[needed] for needed in self.needed[name]}
        return calculate_metric(inputs, self.blocks[name]) if all(inputs.values()) else None


def _needed_inputs(block: dict) -> set[str]:
    """The parameters of a metric that neither have a default nor are set in its block."""
    parameters = inspect.signature(METRIC_REGISTRY.get(block['type'])).parameters.values()
    required = {p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD}
    return required - block.keys()
