"""What people read of a benchmark: ``results.md``, ``results.json``, ``index.html``, ``comparison_DATASET.png``, and
``tsne.png`` where the option file asks for it."""
import json
import math
from importlib import metadata
from pathlib import Path

from scgan_fan.benchmark import neighbours
from scgan_fan.benchmark.gallery import grid, page_sets
from scgan_fan.benchmark.image_set import ImageSet
from scgan_fan.benchmark.results import Outcome, Results
from scgan_fan.benchmark.statistics import LEVEL
from scgan_fan.benchmark.tables import DatasetTables
from scgan_fan.errors import InputError
from scgan_fan.files import write_text
from scgan_fan.images import write_image
from scgan_fan.templates import render

PACKAGES = ('scgan_fan', 'basicsr', 'torch', 'torchvision', 'numpy', 'opencv-python', 'pillow', 'spandrel')


def write(results: Results, out: Path) -> list[Path]:
    """Write the reports into the folder ``out``; returns their paths."""
    of_datasets = [DatasetTables(results, dataset) for dataset in results.outcomes]
    tables = [table for of_dataset in of_datasets for table in of_dataset.all()]
    notes = [*notes_of(results), *(f'{of_dataset.title}; no figure to show' for of_dataset in of_datasets
                                   if not of_dataset.metrics)]
    pictures = {out / f'comparison_{name}.png': grid(results, name) for name in results.outcomes}
    try:
        if results.options['tsne'] is not None:
            pictures[out / 'tsne.png'] = neighbours.plot(results, results.options['tsne'])
    except InputError as reason:  # no reason to lose the rest
        notes.append(f'tsne.png was not drawn: {reason}')
    told = {'name': results.options['name'], 'tables': tables, 'notes': notes}
    written = {out / 'results.md': render('scgan_fan.benchmark', 'results.md.jinja', **told),
               out / 'results.json': json.dumps(as_data(results), indent=1, allow_nan=False),
               out / 'index.html': render('scgan_fan.benchmark', 'page.html.jinja', sets=page_sets(results), **told)}
    for path, text in written.items():
        write_text(path, text)
    drawn = {path: picture for path, picture in pictures.items() if picture is not None}
    for path, picture in drawn.items():
        write_image(path, picture)
    return [*written, *drawn]


def notes_of(results: Results) -> list[str]:
    """How to read the tables, then a line for each metric, its options, and for each method, its protocol and speed."""
    options = results.options
    notes = [options['note']] if options['note'] else []
    notes.append(f'Images are compared at {options["size"]} x {options["size"]} pixels. Brackets: {LEVEL} % percentile '
                 f'intervals of the bootstrap, {options["resamples"]} resamples of the images unless a metric states '
                 f'another number, seed {options["seed"]}. Bold, better and worse: the interval of the paired '
                 'difference excludes 0. No correction is made for the number of comparisons.')
    if any(_lies_outside(outcome) for outcomes in results.outcomes.values() for outcome in outcomes.values()):
        notes.append('A figure beside its interval is one of a whole set, such as FID: resampled sets repeat images, '
                     'which shifts it.')
    notes += dict.fromkeys(f'{metric} was not measured: {reason}' for outcomes in results.outcomes.values()
                           for outcome in outcomes.values() for metric, reason in outcome.not_measured.items())
    notes += [f'{metric}: {", ".join(f"{key} {value}" for key, value in block.items() if value is not None)}'
              for metric, block in options['metrics'].items()]
    return notes + [f'{method}: {protocol}{_speeds(results, method)}' for method, protocol in results.protocols.items()]


def as_data(results: Results) -> dict:
    """Everything as plain data: figures with intervals, the row of each image where it is one number, protocols,
    options (published figures among them), versions, SHA-256 of weights. What is not a finite number becomes None.
    """
    return {
        'options': results.options,
        'versions': {name: _version(name) for name in PACKAGES},
        'protocols': results.protocols,
        'sha256': results.hashes,
        'datasets': {name: {'not_run': images} if isinstance(images, str) else
                     {'images': len(images), 'sha256': images.digest} for name, images in results.sets.items()},
        'results': {dataset: {method: _outcome_data(outcome, results.sets[dataset])
                              for method, outcome in outcomes.items()}
                    for dataset, outcomes in results.outcomes.items()},
    }


def _outcome_data(outcome: Outcome, images: ImageSet | str) -> dict:
    if outcome.not_run:
        return {'not_run': outcome.not_run}
    assert not isinstance(images, str)  # where it is, nothing was run
    metrics: dict[str, dict] = {}
    for name, figure in outcome.figures.items():
        low, high = figure.interval
        metrics[name] = {'value': _finite(figure.value), 'low': _finite(low), 'high': _finite(high)}
        if outcome.rows[name].ndim == 1:
            metrics[name]['images'] = {key: _finite(row) for key, row in zip(images.keys, outcome.rows[name])}
    return {'images_per_second': outcome.images_per_second, 'metrics': metrics, 'not_measured': outcome.not_measured}


def _speeds(results: Results, method: str) -> str:
    speeds = [outcomes[method].images_per_second for outcomes in results.outcomes.values()]
    speeds = [speed for speed in speeds if speed and method in results.competing]
    return f'; {", ".join(f"{speed:,.1f}" for speed in speeds)} images/s' if speeds else ''


def _lies_outside(outcome: Outcome) -> bool:
    return any(not low <= figure.value <= high for figure in outcome.figures.values()
               for low, high in [figure.interval] if not math.isnan(low))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
