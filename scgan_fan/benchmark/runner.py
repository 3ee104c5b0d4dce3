"""Runs methods over datasets and metrics over their results, and remembers all of it.

    OUT/images/DATASET/METHOD-WORD/NAME.png               restored images
    OUT/rows/DATASET/METHOD-WORD/speed.json               how many images were restored, and the seconds that it took
    OUT/rows/DATASET/METHOD-WORD/METRIC-WORD/rows.npy     rows of a metric, in the order of the dataset's images

Each word stands for all that the files depend on: options, weights, the dataset's pixels (``fingerprint``). When one of
them changes the word does, and the work is done anew beside the old; otherwise a rerun continues where it stopped, with
the next image or, where a metric was interrupted, with that.
Images go through in batches; what stays in memory is the metrics' rows.
"""
import json
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
import torch
from tqdm import tqdm

from scgan_fan.benchmark import methods
from scgan_fan.benchmark.fingerprint import file_hashes, fingerprint
from scgan_fan.benchmark.image_set import ImageSet, NotRun, dataroots
from scgan_fan.benchmark.methods.base import Method
from scgan_fan.benchmark.results import Outcome, Results, image_path
from scgan_fan.benchmark.statistics import Estimate, bootstrap
from scgan_fan.data.image_source import check_outside
from scgan_fan.device import device_in_use
from scgan_fan.errors import InputError
from scgan_fan.files import is_written, write_array, write_text
from scgan_fan.images import read_image, write_image
from scgan_fan.metrics.validation import Metric


def run(options: dict, out: Path) -> Results:
    """Run the benchmark that ``read_options`` has read, keeping everything in the folder ``out``.

    Raises InputError: a block is wrong, or an image or weight file is damaged. What is not there at all is no error:
    the results say so.
    """
    results = Results(options, {name: Metric(name, block) for name, block in options['metrics'].items()},
                      hashes=file_hashes([options['methods'], options['metrics']]))
    for name, block in options['datasets'].items():
        for path in dataroots(block):
            check_outside(out, path)
        results.sets[name] = _open(name, block, options['size'])
        results.outcomes[name] = {}
    device = device_in_use()
    for name, block in options['methods'].items():
        method = _build(name, block, device, results)
        for dataset, images in results.sets.items():
            if isinstance(images, str):
                outcome = Outcome(not_run=images)
            elif isinstance(method, str):
                outcome = Outcome(not_run=method)
            else:
                outcome = _Run(name, method, images, results, out).outcome()
            results.outcomes[dataset][name] = outcome
    return results


def _open(name: str, block: dict, size: int) -> ImageSet | str:
    try:
        return ImageSet(name, block, size)
    except NotRun as reason:
        tqdm.write(f'{name}: {reason}')
        return str(reason)


def _build(name: str, block: dict, device: torch.device, results: Results) -> Method | str:
    """The method, noted in the results, or why it is not there."""
    try:
        method = methods.build(name, block, results.options['size'], device)
    except NotRun as reason:
        results.protocols[name] = f'not run: {reason}'
        tqdm.write(f'{name}: {results.protocols[name]}')
        return str(reason)
    results.protocols[name] = method.protocol()
    if method.competes:
        results.competing.add(name)
    tqdm.write(f'{name}: {results.protocols[name]}')
    return method


class _Run:
    """One method on one dataset."""

    def __init__(self, name: str, method: Method, images: ImageSet, results: Results, out: Path):
        self.name = name
        self.method = method
        self.images = images
        self.options = results.options
        self.metrics = results.metrics
        word = fingerprint(self.options['methods'][name], self.options['size'], images.digest)
        place = Path(quote(images.name, safe='')) / f'{quote(name, safe="")}-{word}'
        self.folder, self.rows_folder = out / 'images' / place, out / 'rows' / place

    def outcome(self) -> Outcome:
        """Restore and measure whatever is not there yet."""
        try:
            speed = self._restore()
        except NotRun as reason:
            tqdm.write(f'  {self.images.name}: not run: {reason}')
            return Outcome(not_run=str(reason))
        timed = f'{speed:,.1f} images/s' if speed else 'not timed'
        tqdm.write(f'  {self.images.name}: {len(self.images)} images restored, {timed}')
        outcome = Outcome(folder=self.folder, images_per_second=speed)
        for metric in self.metrics.values():
            try:
                self._measure(metric, outcome)
            except InputError as reason:
                outcome.not_measured[metric.name] = str(reason)
                tqdm.write(f'  {self.images.name}: {metric.name} not measured: {reason}')
        return outcome

    def _restore(self) -> float | None:
        """Images per second of the method, over all runs that the work was divided into."""
        speed_file, size = self.rows_folder / 'speed.json', self.options['batch_size']
        images, seconds = json.loads(speed_file.read_text()) if is_written(speed_file) else (0, 0.0)
        missing = [i for i, key in enumerate(self.images.keys) if not is_written(image_path(self.folder, key))]
        with self._progress('restoring', done=len(self.images) - len(missing)) as progress:
            for start in range(0, len(missing), size):
                faces = self.images.faces(missing[start:start + size])
                begin = time.perf_counter()
                restored = self.method(faces)
                images, seconds = images + len(faces.keys), seconds + time.perf_counter() - begin
                for key, image in zip(faces.keys, restored):
                    write_image(image_path(self.folder, key), image)
                write_text(speed_file, json.dumps([images, seconds]))
                progress.update(len(faces.keys))
        return images / seconds if seconds else None

    def _measure(self, metric: Metric, outcome: Outcome) -> None:
        if not metric.applies_to(self._inputs(0)):
            return
        word = fingerprint(self.options['metrics'][metric.name])
        folder = self.rows_folder / f'{quote(metric.name, safe="")}-{word}'
        rows = self._rows(metric, folder)
        figure = self._figure(metric, rows, folder)
        if not np.isnan(figure.value):
            outcome.rows[metric.name] = rows
            outcome.figures[metric.name] = figure
            tqdm.write(f'  {self.images.name}: {metric.name} {figure.value:.4f}')

    def _rows(self, metric: Metric, folder: Path) -> np.ndarray:
        path, count, size = folder / 'rows.npy', len(self.images), self.options['batch_size']
        if not is_written(path):
            rows: list = []
            with self._progress(metric.name) as progress:
                for start in range(0, count, size):
                    images = [self._inputs(index) for index in range(start, min(start + size, count))]
                    rows += metric.rows(images)
                    progress.update(len(images))
            write_array(path, np.array(rows))
        return np.load(path)

    def _figure(self, metric: Metric, rows: np.ndarray, folder: Path) -> Estimate:
        """NaN where there is nothing to measure."""
        resamples, seed = metric.resamples or self.options['resamples'], self.options['seed']
        path = folder / f'figure-{resamples}-{seed}.npy'
        if not is_written(path):
            figures = np.array([metric.summary(rows), *bootstrap(rows, metric.summary, resamples, seed)], dtype=float)
            write_array(path, figures)
        value, *resampled = np.load(path)
        return Estimate(value, np.array(resampled))

    def _inputs(self, index: int) -> dict:
        """What metrics may ask for by name (see ``Metric.rows``)."""
        faces = self.images.faces([index])
        key, = faces.keys
        images = {'img': read_image(image_path(self.folder, key)), 'lq': faces.lq[0]}
        if faces.gt is not None:
            images['img2'] = faces.gt[0]
        return {'key': key, **{name: np.ascontiguousarray(image[..., ::-1]) for name, image in images.items()}}

    def _progress(self, what: str, done: int = 0) -> tqdm:
        return tqdm(total=len(self.images), initial=done, unit='image', leave=False,
                    desc=f'{self.name} on {self.images.name}: {what}')
