"""A benchmark's results as tables of text: for Markdown and for the page alike."""
import math
from dataclasses import dataclass

from scgan_fan.benchmark.results import Results
from scgan_fan.benchmark.statistics import Estimate, verdict

NOTHING = '–'
ARROWS = {'higher': '↑', 'lower': '↓'}


@dataclass(frozen=True)
class Cell:
    """What stands in a table; ``best`` is shown in bold."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and rows of cells."""

    title: str
    header: list[str]
    rows: list[list[Cell]]


def digits(value: float) -> int:
    """Digits behind the point: two, and four below 10, as papers print PSNR and FID, SSIM and LPIPS."""
    return 2 if 10 <= abs(value) < math.inf else 4


class DatasetTables:
    """The tables of one dataset.

    Attributes:
        title: the dataset's name with the number of its images, or with the reason why it was not run.
        metrics: names of those that were measured, could not be, or have been published.
    """

    def __init__(self, results: Results, dataset: str):
        self._metrics = results.metrics
        self._competing = results.competing
        self._baseline = results.options['baseline']
        self._outcomes = results.outcomes[dataset]
        published = results.options['published']
        self._published = {method: published.get(method, {}).get(dataset, {}) for method in self._outcomes}
        self._dataset = dataset
        images = results.sets[dataset]
        self._absent = images if isinstance(images, str) else None
        self.title = f'{dataset}: not run: {images}' if self._absent else f'{dataset}, N = {len(images)}'
        self.metrics = [name for name in results.metrics if self._has_published(name) or any(
            name in outcome.figures or name in outcome.not_measured for outcome in self._outcomes.values())]

    def all(self) -> list[Table]:
        """Those of both tables that have something to tell."""
        return [table for table in (self.figures(), self.differences()) if len(table.header) > 1 and table.rows]

    def figures(self) -> Table:
        """The figures of each method with their intervals, beside the published ones where there are any."""
        header = ['method']
        for metric in self.metrics:
            header.append(self._head(metric))
            if self._has_published(metric):
                header += ['published', 'measured - published']
        return Table(self.title, header, [self._figures_of(method) for method in self._outcomes])

    def differences(self) -> Table:
        """Each other method's figures minus the baseline's: interval of the paired difference, and verdict."""
        known = self._outcomes[self._baseline].figures
        metrics = [metric for metric in self.metrics if metric in known and math.isfinite(known[metric].value)]
        rows = [[Cell(method), *(self._difference(method, metric) for metric in metrics)]
                for method, outcome in self._outcomes.items() if method != self._baseline and outcome.figures]
        return Table(f'{self._dataset}: difference from {self._baseline}', ['method', *map(self._head, metrics)], rows)

    def best(self, metric: str) -> str | None:
        """The method that competes and is better than each other that does, or None.

        One is better where the interval of the paired difference lies on the better side of 0.
        """
        figures = {method: outcome.figures[metric] for method, outcome in self._outcomes.items()
                   if method in self._competing and metric in outcome.figures}
        for method, figure in figures.items():
            others = [other for name, other in figures.items() if name != method]
            if others and all(self._verdict(figure.minus(other), metric) == 'better' for other in others):
                return method
        return None

    def _verdict(self, difference: Estimate, metric: str) -> str:
        return verdict(difference, self._metrics[metric].better)

    def _has_published(self, metric: str) -> bool:
        return any(metric in figures for figures in self._published.values())

    def _head(self, metric: str) -> str:
        return f'{metric} {ARROWS[self._metrics[metric].better]}'

    def _shown(self, figure: Estimate, metric: str, sign: str = '') -> str:
        """``24.31 [24.02, 24.60]``, a column alike; without the brackets where there is no interval."""
        places = min(digits(outcome.figures[metric].value) for outcome in self._outcomes.values()
                     if metric in outcome.figures)
        value, low, high = (f'{part:{sign}.{places}f}' for part in (figure.value, *figure.interval))
        return value if math.isnan(figure.interval[0]) else f'{value} [{low}, {high}]'

    def _figures_of(self, method: str) -> list[Cell]:
        reason = self._outcomes[method].not_run
        cells = [Cell(f'{method} (not run: {reason})' if reason and not self._absent else method)]
        for metric in self.metrics:
            cells.append(self._figure(method, metric))
            if self._has_published(metric):
                cells += self._beside(method, metric)
        return cells

    def _figure(self, method: str, metric: str) -> Cell:
        outcome = self._outcomes[method]
        if metric not in outcome.figures:
            return Cell('not measured' if metric in outcome.not_measured else NOTHING)
        return Cell(self._shown(outcome.figures[metric], metric), best=self.best(metric) == method)

    def _beside(self, method: str, metric: str) -> list[Cell]:
        """A published figure, and the measured one's difference from it."""
        known, figure = self._published[method].get(metric), self._outcomes[method].figures.get(metric)
        if known is None:
            return [Cell(NOTHING), Cell(NOTHING)]
        places = digits(known)
        return [Cell(f'{known:.{places}f}'), Cell(f'{figure.value - known:+.{places}f}' if figure else NOTHING)]

    def _difference(self, method: str, metric: str) -> Cell:
        figure = self._outcomes[method].figures.get(metric)
        if figure is None or not math.isfinite(figure.value):
            return Cell(NOTHING)
        difference = figure.minus(self._outcomes[self._baseline].figures[metric])
        said = self._verdict(difference, metric) or 'not separated'
        return Cell(f'{self._shown(difference, metric, sign="+")} {said}')
