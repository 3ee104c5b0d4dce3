"""The metrics of a benchmark: rows and summaries as ``scgan_fan.metrics.validation`` explains them."""
import numpy as np
from basicsr.metrics import calculate_metric
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError, check_choice
from scgan_fan.metrics.validation import needed_inputs, summarize


class Measure:
    """A metric with its options.

    Args:
        name: what the option file calls it.
        block: as in BasicSR's ``val: metrics``, with ``type`` and ``better`` (higher, the default, or lower); and
            ``resamples`` of its bootstrap, where the benchmark's number would take too long.

    Raises:
        InputError: the type is unknown. The methods raise it where the metric cannot be computed.
    """

    def __init__(self, name: str, block: dict):
        if block.get('type') not in METRIC_REGISTRY:
            raise InputError(f'metrics: {name}: unknown metric {block.get("type")!r}')
        self.name = name
        self.better = block.get('better', 'higher')
        check_choice(f'metrics: {name}: better', self.better, ('higher', 'lower'))
        self.resamples = block.get('resamples')
        self._block = {key: value for key, value in block.items() if key != 'resamples'}

    def applies_to(self, inputs: dict) -> bool:
        """Whether ``inputs`` has all that the metric needs."""
        return needed_inputs(self._block) <= inputs.keys()

    def row(self, inputs: dict) -> float | np.ndarray:
        """What the metric says of one image.

        Args:
            inputs: ``uint8`` BGR images (height, width, 3): ``img``, restored; ``lq``; and ``img2``, the true one,
                where there is one. ``key``: the image's name.
        """
        return calculate_metric(inputs, self._block)

    def summary(self, rows: np.ndarray) -> float | None:
        """The figure of a set, of rows (N, ...); None where there is nothing to measure."""
        return summarize(self._block, rows)
