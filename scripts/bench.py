"""How fast this machine trains, plain and with each option for speed, restores faces, and loads pairs.

    python scripts/bench.py -opt options/train_scgan_fan_cpu.yml
    python scripts/bench.py -opt options/train_scgan_fan.yml --only step --options bfloat16 fast --rounds 5

The released script's way of stepping, plain (float32, contiguous, nothing compiled, fused, stored or judged jointly)
and the options take turns, round after round, so that a busy machine slows all; ratios are formed within a round.
Each step is printed when it is done, in the end least, median and greatest. All are in memory: networks of the papers'
width take 1.6 GB for each option, and the largest step 3 GB beside them.
Steps are of noise, with random weights and every loss term begun; what is loaded are the option file's faces.
-opt FILE and the other flags are BasicSR's: --force_yml datasets:train:batch_size_per_gpu=8
"""
import argparse
import copy
import functools
import itertools
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from basicsr.data import build_dataloader, build_dataset
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.losses import build_loss
from basicsr.models import build_model
from basicsr.utils.options import parse_options
from tqdm import tqdm

from scgan_fan import compat, plugin  # noqa: F401  (registers everything)
from scgan_fan.commands.line import ends_in_one_line, positive
from scgan_fan.device import device_in_use, use_device_of
from scgan_fan.errors import InputError, check_choice
from scgan_fan.inference import BATCH, restore
from scgan_fan.network_loader import face_size, load_restorer
from scgan_fan.run_position import POSITION
from scgan_fan.shipped import DEFAULT_RESTORERS

PLAIN = {'precision': 'float32', 'channels_last': False, 'compile': None, 'judge_jointly': False,
         'simultaneous': False, 'backward_every': 1}
FAST = {'precision': 'bfloat16', 'channels_last': True, 'judge_jointly': True, 'fused': True}
OPTIONS = {  # arguments of Step
    'channels_last': {'channels_last': True},
    'bfloat16': {'precision': 'bfloat16'},
    'compile': {'compile': 'default'},
    'cuda_graphs': {'compile': 'reduce-overhead'},
    'fused': {'fused': True},
    'judge_jointly': {'judge_jointly': True},
    'stored_heatmaps': {'stored_heatmaps': True},
    'no_heatmaps': {'heatmap_opt': None, 'heatmap_real_opt': None},
    'fast': FAST,
    'fast_compiled': {**FAST, 'compile': 'default'},
    'simultaneous': {'simultaneous': True},
    'backward_every_2': {'backward_every': 2},
    'fast_simultaneous': {**FAST, 'simultaneous': True},
    'fewest': {**FAST, 'simultaneous': True, 'backward_every': 2},
}
FUSED_OPTIMIZERS = ('Adam', 'AdamW', 'SGD')  # of torch.optim, those that have it
GPU = torch.cuda.is_available()
STEPS, WARM_UP, FACES = (20, 3, 512) if GPU else (1, 1, 32)  # CUDA graphs are recorded in the second and third step
LOADED_BATCHES = 64


def in_turn(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each way returns, round after round; first each is done without being noted: it compiles, fills caches."""
    for way in list(ways.values()) * WARM_UP:
        way()
    figures = {name: [] for name in ways}
    for _ in tqdm(range(rounds), 'rounds', leave=False):
        for name, way in ways.items():
            figures[name].append(way())
    return figures


def spread(values: list[float], digits: int = 2) -> str:
    """``1.76 1.93 2.10``: least, median and greatest."""
    return ' '.join(f'{value:,.{digits}f}' for value in (min(values), statistics.median(values), max(values)))


def ratios(numerators: list[float], denominators: list[float]) -> list[float]:
    """Of two figures of each round: what slows a whole round cancels."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


class Step:
    """The training step of an option file on a batch of noise, plain but for ``changes`` of ``train:``, optimizers
    ``fused`` into one kernel, or heatmaps that come with the batch (``stored_heatmaps``).
    """

    def __init__(self, opt: dict, fused: bool = False, stored_heatmaps: bool = False, **changes):
        opt = copy.deepcopy(opt)
        train, data = opt['train'], opt['datasets']['train']
        train.update({**PLAIN, **changes})
        for name, block in train.items():
            if name.startswith('optim_') and block and block['type'] in FUSED_OPTIMIZERS:
                block['fused'] = fused
        self.batch = {name: torch.rand(data['batch_size_per_gpu'], 3, side, side) * 2 - 1
                      for name, side in (('gt', data['gt_size']), ('lq', data['gt_size'] // opt['scale']))}
        if stored_heatmaps:
            self.batch['heatmaps'] = build_loss(train['heatmap_opt']).heatmaps(self.batch['gt'])
        self.model = build_model(opt)
        self.turns = (train.get('net_d_iters') or 1) * train['backward_every']  # until all networks have stepped
        self.iteration = train['total_iter'] * self.turns  # the heatmap term may begin late

    def step(self) -> None:
        """One iteration, as in training."""
        self.model.optimize_parameters(self.iteration)

    def seconds(self) -> float:
        """Mean time of an iteration."""
        start = time.perf_counter()
        for _ in range(STEPS * self.turns):
            self.iteration += 1
            self.model.feed_data(self.batch)
            self.step()
        if self.model.device.type == 'cuda':
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / (STEPS * self.turns)


class ReleasedStep(Step):
    """The same networks and terms, stepped as the released training script does (papers.md section 2.6): the
    discriminators' weights get gradients in the generators' turn too, and D_HL, R_LS and D_SL have a backward pass
    each.
    """

    BRANCHES = (('pixel_lr', 'adv_l1'),
                ('cycle_hr', 'adv_h1', 'heatmap', 'identity', 'pixel_hr', 'adv_h2', 'heatmap_real'),
                ('cycle_lr', 'adv_l2'))

    def step(self) -> None:
        """One iteration of the plain loop."""
        model, iteration = self.model, self.iteration
        batch = model.generate(iteration)
        losses = model.train_discriminators(batch, iteration)
        with model.step_of(model.trained):
            for cycles in batch:
                terms = model.generator_terms(cycles, iteration)
                for branch in self.BRANCHES:
                    own = {name: terms[name] for name in branch if name in terms}
                    if own:
                        model.backward(model.generator_loss(own), own, len(cycles), losses)
        model.finish_step(losses, iteration)
        model.update_average(iteration)


def bench_step(opt: dict, arguments: argparse.Namespace) -> dict:
    """Each option: name -> seconds of an iteration in each round, its own, plain's and the released way's."""
    names = arguments.options or list(OPTIONS)
    steps, failed = {'released': ReleasedStep(opt), 'plain': Step(opt)}, {}

    def seconds(name: str) -> float:
        figure = math.nan
        try:
            if name == 'cuda_graphs' and device_in_use().type == 'cpu':
                raise InputError('needs a GPU')
            if name not in steps and name not in failed:
                steps[name] = Step(opt, **OPTIONS[name])
            if name not in failed:
                figure = steps[name].seconds()
        except Exception as error:  # of compilers and drivers, too, which have no class in common
            steps.pop(name, None)
            failed[name] = f'{type(error).__name__}: {error}'.splitlines()[0]
        tqdm.write(f'{name:18}{figure:8.3f} s')
        return figure

    figures = in_turn({name: functools.partial(seconds, name) for name in ('released', 'plain', *names)},
                      arguments.rounds)
    plain, released = figures['plain'], figures['released']
    print(f'\n{"training step":18}{"s":>24}{"times plain":>20}{"times released":>20}')
    for name, own in figures.items():
        if name in failed:
            print(f'{name:18}not run: {failed[name]}')
        else:
            print(f'{name:18}{spread(own, 3):>24}{spread(ratios(plain, own)):>20}{spread(ratios(released, own)):>20}')
    return {name: {'not_run': failed[name]} if name in failed else
            {'seconds': figures[name], 'plain': plain, 'released': released} for name in names}


def bench_restoring(opt: dict, arguments: argparse.Namespace) -> dict:
    """Faces per second: one by one, and in batches as ``scgan-fan restore`` does."""
    restorer = load_restorer(arguments.weights)
    side = face_size(restorer)
    faces = np.random.default_rng(0).integers(0, 256, (FACES, side, side, 3), np.uint8)

    def faces_per_second(precision: str, batch: int) -> float:
        start = time.perf_counter()
        restore(faces, restorer, precision, batch)
        return FACES / (time.perf_counter() - start)

    ways = {'one by one': ('float32', 1), f'batches of {BATCH}': ('float32', BATCH), 'bfloat16': ('bfloat16', BATCH)}
    speeds = in_turn({name: lambda way=way: faces_per_second(*way) for name, way in ways.items()}, arguments.rounds)
    print(f'\n{"restoring":18}{"faces/s":>24}{"times one by one":>20}')
    for name, speed in speeds.items():
        print(f'{name:18}{spread(speed, 1):>24}{spread(ratios(speed, speeds["one by one"])):>20}')
    return speeds


def bench_loading(opt: dict, arguments: argparse.Namespace) -> dict:
    """Pairs per second of the loader alone, without a training beside it, from the first batch on."""
    data = opt['datasets']['train']
    dataset, batch = build_dataset(data), data['batch_size_per_gpu']
    POSITION.resume()  # steps that were measured before were of no epoch
    sampler = EnlargedSampler(dataset, 1, 0, -(-(LOADED_BATCHES + 1) * batch // len(dataset)))
    loader = build_dataloader(dataset, data, num_gpu=1, sampler=sampler, seed=opt['manual_seed'])

    def pairs_per_second() -> float:
        batches = iter(loader)
        next(batches)
        start = time.perf_counter()
        for _ in itertools.islice(batches, LOADED_BATCHES):
            pass
        return LOADED_BATCHES * batch / (time.perf_counter() - start)

    speeds = in_turn({'loading': pairs_per_second}, arguments.rounds)
    print(f'\n{"loading":18}{spread(speeds["loading"], 0):>24} pairs/s, {data["num_worker_per_gpu"]} workers')
    return speeds


PARTS = {'step': bench_step, 'restoring': bench_restoring, 'loading': bench_loading}


def parse_arguments() -> tuple[dict, argparse.Namespace]:
    """The option file, changed by BasicSR's flags and with nothing to load or continue; and what is asked for here."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     allow_abbrev=False)
    parser.add_argument('--only', nargs='+', choices=PARTS, help='default: all')
    parser.add_argument('--options', nargs='+', choices=OPTIONS, help='of the step. Default: all')
    parser.add_argument('--rounds', type=positive, default=3, help='turns of each. Default: %(default)s')
    parser.add_argument('--weights', default=DEFAULT_RESTORERS[0], help='of a restorer. Default: %(default)s')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write the figures of every round')
    arguments, sys.argv[1:] = parser.parse_known_args()
    compat.apply()
    opt, _ = parse_options(os.getcwd())
    check_choice('datasets: train: type', opt['datasets']['train']['type'], ('UnpairedFaceDataset',))
    opt.update(path={}, num_gpu=min(opt['num_gpu'], 1))
    use_device_of(opt)
    return opt, arguments


@ends_in_one_line(stopped='nothing is written')
def main() -> int:
    """Measure what the command line asks for; returns the exit status, 1 where a part could not be measured."""
    opt, arguments = parse_arguments()
    sys.stdout.reconfigure(line_buffering=True)  # what is done is seen, also if it is cut off
    torch.backends.cudnn.benchmark = True  # as in basicsr/train.py
    report = {'machine': {'system': platform.platform(), 'torch': torch.__version__, 'cores': os.cpu_count(),
                          'device': (torch.cuda.get_device_name() if device_in_use().type == 'cuda'
                                     else torch.backends.cpu.get_cpu_capability()),
                          'threads': torch.get_num_threads(), 'load': os.getloadavg()[0]},
              'options': opt['name'], 'batch': opt['datasets']['train']['batch_size_per_gpu']}
    print(report)
    for part in arguments.only or PARTS:
        try:
            report[part] = PARTS[part](opt, arguments)
        except InputError as error:
            report[part] = {'not_run': str(error)}
            print(f'\n{part}: not run: {error}')
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + '\n', encoding='utf-8')
    return int(any('not_run' in report[part] for part in arguments.only or PARTS))


if __name__ == '__main__':
    sys.exit(main())
