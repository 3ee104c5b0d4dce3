"""The arithmetic of comparing speeds, and how it is printed."""
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

NOTHING = '–'


@dataclass(frozen=True)
class Spread:
    """Figures of several rounds."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Iterable[float]) -> 'Spread':
        """Of one value or more."""
        values = sorted(values)
        return cls(statistics.median(values), values[0], values[-1])

    def text(self, places: int = 2, factor: float = 1) -> str:
        """``1.93 (1.85 to 2.01)``, all multiplied by ``factor``."""
        median, least, greatest = (f'{value * factor:.{places}f}' for value in (self.median, self.least, self.greatest))
        return f'{median} ({least} to {greatest})'


def quotients(numerators: Iterable[float], denominators: Iterable[float]) -> Spread:
    """Of two figures of each round: what slows a whole round cancels."""
    return Spread.of(above / below for above, below in zip(numerators, denominators, strict=True))


def distances(log: list[dict[str, float]], reference: list[dict[str, float]]) -> dict[str, float]:
    """For each loss, the mean over the steps of its absolute difference from a reference run's."""
    return {name: statistics.fmean(abs(step[name] - other[name]) for step, other in zip(log, reference, strict=True))
            for name in reference[0]}


def hours(seconds: float, pairs: int, wanted: int) -> float:
    """For ``wanted`` pairs where ``pairs`` take ``seconds``: extrapolated."""
    return seconds / pairs * wanted / 3600


def aligned(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    """A table of text: the first column to the left, the others to the right."""
    rows = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:]))]
        yield '  '.join(cells).rstrip()
