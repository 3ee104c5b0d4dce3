"""The parts of the speed benchmark: each measures, notes all in the report, and tells it in lines of text."""
import argparse
import contextlib
import dataclasses
import os
import statistics
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import yaml
from tqdm import tqdm

from scgan_fan.benchmark.machine import Peak, describe
from scgan_fan.benchmark.measurements import LOADED_PAIRS, Files, Loading, Restoring, Trainer
from scgan_fan.benchmark.ratios import NOTHING, Spread, aligned, distances, hours, quotients
from scgan_fan.benchmark.scaling import measure_scaling
from scgan_fan.benchmark.variants import VARIANTS, read_task
from scgan_fan.benchmark.worker import Worker
from scgan_fan.errors import InputError

PLAIN = 'plain'
HEATMAP_VARIANTS = ('no heatmap term', 'stored heatmaps')
FED_VARIANT = 'fast'  # the faster the step, the more the loader matters
MATRIX_SIDES = (2048, 4096)
SEEDS = (0, 1)


class Speed:
    """Measures speeds; each public method is a part.

    Args:
        arguments: the command line of ``scgan_fan.benchmark.speed``.
        folder: an empty one for files.

    Attributes:
        report: what was measured, plain data for JSON: seconds, bytes, floating point operations.

    Raises:
        InputError: the option file cannot be used. The methods raise it where plain itself cannot be measured.
    """

    def __init__(self, arguments: argparse.Namespace, folder: str):
        self._arguments = arguments
        self._folder = folder
        self._task = read_task(arguments.opt, arguments.batch, arguments.width)
        self._opt = self._task.opt
        self._device = 'cuda' if torch.cuda.is_available() and self._opt['num_gpu'] else 'cpu'
        self._drawn = None
        shown = {name: value and str(value) if name == 'output' else value for name, value in vars(arguments).items()}
        self.report = {'machine': describe(arguments.threads), 'arguments': shown, 'batch': self._task.batch,
                       'notes': self._task.notes}

    def head(self) -> Iterator[str]:
        """What is measured, and on what."""
        machine = self.report['machine']
        yield f'{machine["processor"]} ({" ".join(machine["flags"])})'
        yield f'{machine["threads"]} threads, {machine["cores"]} cores; load {machine["load"]:.1f} before'
        yield from machine['gpus']
        width = self._arguments.width or 'of the file'
        yield f'PyTorch {machine["torch"]}; {self._arguments.opt}, width {width}, {self._task.batch} pairs in a step'
        yield from self._task.notes

    def _worker(self, build: type, *arguments) -> Worker:
        return Worker(self._arguments.threads, build, *arguments)

    def _in_turn(self, title: str, ways: Iterable, measure: Callable) -> dict:
        """``measure(way)`` of each way, round after round: way -> figures of the rounds."""
        figures = {way: [] for way in ways}
        with tqdm(total=len(figures) * self._arguments.rounds, desc=title, leave=False) as bar:
            for _ in range(self._arguments.rounds):
                for way, measured in figures.items():
                    measured.append(measure(way))
                    bar.update()
        return figures

    # ---- the training step ----

    def step(self) -> Iterator[str]:
        """Each variant of the step."""
        results = self.report['step'] = self._measure_steps(self._arguments.variants or VARIANTS)
        peaks = self.report['peak'] = self._measure_peaks()
        steps, batch = self._task.planned
        yield from aligned(['training step', 's/step', 'pairs/s', 'times plain', 'share of peak', 'GB', 'hours*'], [
            self._step_row(name, result) for name, result in results.items() if 'rounds' in result])
        yield f'* {steps:,} steps of {batch} pairs, extrapolated from steps of {self._task.batch}'
        flops = results[PLAIN]['flops'] / self._task.batch
        yield f'{flops / 1e9:,.0f} GFLOP for a pair in convolutions and matrix products'
        yield from (f'peak of matrix products in {name}: {peak / 1e9:,.0f} GFLOP/s' for name, peak in peaks.items())
        yield from (f'{name}: not run: {result["not_run"]}' for name, result in results.items() if 'not_run' in result)

    def _step_row(self, name: str, result: dict) -> list[str]:
        seconds, batch = statistics.median(result['rounds']), self._task.batch
        steps, planned = self._task.planned
        # what is compiled counts no operations; it computes what plain does
        flops = result['flops'] or self.report['step'][PLAIN]['flops']
        share = flops / seconds / self.report['peak'][VARIANTS[name].precision]
        return [name, f'{seconds:.3f}', f'{batch / seconds:.2f}', _speedup(result).text(), f'{share:.0%}',
                f'{result["memory"] / 1e9:.2f}' if result['memory'] else NOTHING,
                f'{hours(seconds, batch, steps * planned):,.1f}']

    def _measure_peaks(self) -> dict[str, float]:
        with self._worker(Peak, self._device) as peak:
            return {precision: peak.call('flops', precision, MATRIX_SIDES) for precision in ('float32', 'bfloat16')}

    def _measure_steps(self, names) -> dict[str, dict]:
        """Plain and other variants in turn, as many of them at a time as there is memory for.

        Returns:
            name -> ``not_run``, a reason, or ``first_step`` (seconds), ``flops`` and ``memory`` (bytes) of a step,
            ``rounds`` (seconds of a step in each) and ``plain`` (those of plain in the same rounds).
        """
        waiting = [name for name in names if name != PLAIN]
        with self._trainer(PLAIN) as plain:
            results = {PLAIN: plain.call('warm_up')}
            turns = 1 + self._arguments.rounds * self._arguments.steps
            minutes = results[PLAIN]['first_step'] * turns * (1 + len(waiting)) / 60
            tqdm.write(f'training steps: up to {minutes:.0f} minutes, and minutes for each that is compiled')
            while True:
                room = max(1, plain.call('room'))
                group, waiting = waiting[:room], waiting[room:]
                self._measure_group(plain, group, results)
                if not waiting:
                    return results

    def _measure_group(self, plain: Worker, names: list[str], results: dict) -> None:
        with contextlib.ExitStack() as stack:
            workers = {PLAIN: plain}
            for name in tqdm(names, desc='first steps', leave=False):
                try:
                    worker = stack.enter_context(self._trainer(name))
                    results[name] = worker.call('warm_up')
                    workers[name] = worker
                except InputError as reason:
                    results[name] = {'not_run': str(reason)}
            rounds = self._in_turn('steps', workers, lambda name: workers[name].call('seconds', self._arguments.steps))
            for name, worker in workers.items():
                results[name].update(rounds=rounds[name], plain=rounds[PLAIN], memory=worker.call('peak_memory'))

    def _trainer(self, name: str, **options) -> Worker:
        """A variant, with other ``options`` of the file."""
        variant = VARIANTS[name]
        if variant.needs_gpu and self._device == 'cpu':
            raise InputError('needs a GPU')
        return self._worker(Trainer, {**variant.options(self._opt), **options}, variant.stored)

    def heatmap(self) -> Iterator[str]:
        """The share of the step that is the heatmap term."""
        if self._opt['train'].get('heatmap_opt') is None:
            yield 'heatmap term: the option file has none'
            return
        results = self.report.get('step', {})
        if not all('rounds' in results.get(name, {}) for name in HEATMAP_VARIANTS):
            results = self.report['heatmap'] = self._measure_steps(HEATMAP_VARIANTS)
        for name, what in zip(HEATMAP_VARIANTS, ('heatmap term', 'of it, saved by stored heatmaps')):
            result = results[name]
            saved = Spread.of(1 - own / plain for own, plain in zip(result['rounds'], result['plain'], strict=True))
            operations = 1 - result['flops'] / results[PLAIN]['flops']
            yield f'{what}: {saved.text(0, 100)} % of the time of a plain step, {operations:.0%} of its operations'

    # ---- data ----

    def loading(self) -> Iterator[str]:
        """The loader alone, and steps that are fed by it."""
        data, ways = self._data(), {'as in the file': {}, 'prefetch_mode: cpu': {'prefetch_mode': 'cpu'}}
        if self._device == 'cuda':
            ways['prefetch_mode: cuda'] = {'prefetch_mode': 'cuda', 'pin_memory': True}
        fed_ways = list(ways)
        if self._arguments.data is None and self._opt['train'].get('heatmap_opt'):
            with self._worker(Files, self._folder) as files:
                ways['stored heatmaps'] = files.call('store_heatmaps', self._opt['train']['heatmap_opt'],
                                                     data['gt_size'])
        with self._worker(Loading, self._opt) as loading:
            alone = self._in_turn('loading', ways, lambda way: loading.call(
                'pairs_per_second', {**data, **ways[way]}, LOADED_PAIRS))
        with self._trainer(FED_VARIANT) as trainer:
            trainer.call('warm_up')
            fed = self._in_turn('training on loaded data', fed_ways, lambda way: trainer.call(
                'fed', {**data, **ways[way]}, max(2, self._arguments.steps)))
        self.report['loading'] = {'workers': data.get('num_worker_per_gpu'), 'alone': alone, 'fed': fed}
        plain = alone['as in the file']
        yield from aligned([f'loading, {data.get("num_worker_per_gpu")} workers', 'pairs/s alone', 'times the file\'s',
                            f'step "{FED_VARIANT}", s', 'of it waiting'], [
            [way, f'{statistics.median(alone[way]):,.0f}', quotients(alone[way], plain).text(), *_fed(fed.get(way))]
            for way in ways])
        step = statistics.median(step['seconds'] - step['waiting'] for step in fed['as in the file'])
        times = statistics.median(plain) * step / self._task.batch
        yield f'the step takes {self._task.batch / step:,.1f} pairs/s; the loader alone gives {times:,.1f} times that'

    def _data(self) -> dict:
        """The dataset's block with drawn faces, or those of the command line."""
        block = self._opt['datasets']['train']
        if self._arguments.data is not None:
            return {**block, **dict(zip(('dataroot_gt', 'dataroot_lq'), self._arguments.data))}
        if self._drawn is None:
            with self._worker(Files, self._folder) as files:
                self._drawn = files.call('draw', block['gt_size'], block['scale'])
        return {**block, **self._drawn}

    def writing(self) -> Iterator[str]:
        """LMDBs of drawn faces, by one process and by one for each core."""
        self._data()
        with self._worker(Files, self._folder) as files:
            if self._drawn is None:  # the user's data were loaded
                files.call('draw', self._opt['datasets']['train']['gt_size'], self._opt['scale'])
            count = files.call('turn')
            speeds = self._in_turn('writing', sorted({1, os.cpu_count()}),
                                   lambda workers: files.call('images_per_second', workers))
        self.report['writing'] = {'images': count, 'images_per_second': speeds}
        yield from aligned([f'writing an LMDB of {count} images', 'images/s', 'times plain'], [
            [f'{workers} processes', f'{statistics.median(speed):,.0f}', quotients(speed, speeds[1]).text()]
            for workers, speed in speeds.items()])

    # ---- faces ----

    def restoring(self) -> Iterator[str]:
        """Small faces one by one, and in batches as ``scgan-fan restore`` does."""
        if 'network_g' not in self._opt and self._arguments.weights is None:
            yield 'restoring: the option file has no network_g; give --weights'
            return
        plain = Restoring.ONE_BY_ONE
        with self._worker(Restoring, self._opt.get('network_g'), self._opt['scale'],
                          self._arguments.weights) as restoring:
            speeds = self._in_turn('restoring', [plain, *Restoring.BATCHES],
                                   lambda way: restoring.call('faces_per_second', way))
            differences = {way: restoring.call('difference', way) for way in speeds}
        self.report['restoring'] = {'faces_per_second': speeds, 'difference': differences}
        yield from aligned(['restoring', 'faces/s', 'times plain', 'difference, levels of 255'], [
            [way, f'{statistics.median(speed):.1f}', quotients(speed, speeds[plain]).text(), f'{differences[way]:.3f}']
            for way, speed in speeds.items()])

    # ---- agreement ----

    def agreement(self) -> Iterator[str]:
        """Losses of fast against those of plain, beside those of plain with another seed, on the same data."""
        names = [name for name in self._arguments.variants or ['fast'] if name != PLAIN]
        runs = {PLAIN: (PLAIN, SEEDS[0]), 'plain, other seed': (PLAIN, SEEDS[1]),
                **{name: (name, SEEDS[0]) for name in names}}
        data, logs = {'train': self._data()}, {}
        for title, (name, seed) in tqdm(runs.items(), desc='agreement', leave=False):
            with self._trainer(name, manual_seed=seed, datasets=data) as trainer:
                logs[title] = trainer.call('losses', self._arguments.agree)
        self.report['agreement'] = logs
        plain, others = logs[PLAIN], [title for title in logs if title != PLAIN]
        apart = {title: distances(logs[title], plain) for title in others}
        yield from aligned([f'{len(plain)} steps', 'mean of plain', *(f'{title}, apart' for title in others)], [
            [loss, *(f'{value:.5f}' for value in (statistics.fmean(step[loss] for step in plain),
                                                  *(apart[title][loss] for title in others)))]
            for loss in plain[0]])
        yield 'apart: mean over the steps of the absolute difference from plain'

    # ---- more processes ----

    def scaling(self) -> Iterator[str]:
        """Plain steps on one process and on one for each GPU or core, each with a batch of its own."""
        path = Path(self._folder) / 'plain.yml'
        path.write_text(yaml.safe_dump(VARIANTS[PLAIN].options(self._opt)), encoding='utf-8')
        most = torch.cuda.device_count() if self._device == 'cuda' else os.cpu_count()
        rows = measure_scaling(path, sorted({1, most}), max(3, self._arguments.steps))
        self.report['scaling'] = [dataclasses.asdict(row) for row in rows]
        yield from aligned(['processes', 's/step', 'pairs/s', 'efficiency'], [
            [str(row.processes), f'{row.step_seconds:.3f}', f'{row.pairs_per_second:.2f}', f'{row.efficiency:.0%}']
            for row in rows])


def _speedup(result: dict) -> Spread:
    return quotients(result['plain'], result['rounds'])


def _fed(steps: list[dict] | None) -> list[str]:
    if steps is None:
        return [NOTHING, NOTHING]
    return [f'{statistics.median(step["seconds"] for step in steps):.3f}',
            Spread.of(step['waiting'] / step['seconds'] for step in steps).text(0, 100) + ' %']
