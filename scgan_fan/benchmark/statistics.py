"""How sure a figure is: the percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
chapters 6 and 13).

Images are drawn with replacement, as many as there are, and the figure is computed again. The same seed draws the same
images for every method, so that the difference of two methods is taken over the same images each time (paired).
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

LEVEL = 95  # percent


def bootstrap(rows: np.ndarray, summary: Callable, resamples: int, seed: int) -> np.ndarray:
    """``summary`` of ``resamples`` draws of ``rows`` (N, ...), float64 (resamples,); NaN where it is None.

    One image says nothing about how much images differ: all NaN.
    """
    if len(rows) < 2:
        return np.full(resamples, np.nan)
    generator = np.random.default_rng(seed)
    return np.array([summary(rows[generator.integers(len(rows), size=len(rows))])
                     for _ in tqdm(range(resamples), desc='resampling', leave=False, delay=1)], dtype=float)


@dataclass(frozen=True)
class Estimate:
    """A figure of a set, its 95 % interval, and the bootstrap's figures (resamples,) that the interval is made of."""

    value: float
    resampled: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; NaN where the bootstrap has no figures."""
        known = self.resampled[~np.isnan(self.resampled)]
        if not len(known):
            return np.nan, np.nan
        low, high = np.percentile(known, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
        return float(low), float(high)

    def minus(self, other: 'Estimate') -> 'Estimate':
        """The difference to another figure of the same images, which had the same resamples and seed."""
        return Estimate(self.value - other.value, self.resampled - other.resampled)


def verdict(difference: Estimate, better: str) -> str:
    """``better`` or ``worse`` where the whole interval of a method's figure minus another's lies on one side of 0, else
    an empty string; ``better`` is ``higher`` or ``lower``, as in the metric's block.

    >>> verdict(Estimate(0.2, np.array([0.1, 0.2, 0.3])), better='lower')
    'worse'
    """
    low, high = difference.interval
    higher, lower = ('better', 'worse') if better == 'higher' else ('worse', 'better')
    return higher if low > 0 else lower if high < 0 else ''
