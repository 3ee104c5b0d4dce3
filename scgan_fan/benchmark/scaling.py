"""What more processes give: the training step under torchrun, each process with a batch of its own (weak scaling).

Steps are of noise, so what is measured is computing and transfers, not loading. On CPUs each process gets one thread:
that many processes share the memory's bandwidth and what else there is one of, which costs more than their transfers.
"""
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from basicsr.utils.options import parse_options

from scgan_fan.benchmark.measurements import Trainer
from scgan_fan.errors import InputError


@dataclass(frozen=True)
class Scaling:
    """How fast so many processes train.

    Attributes:
        processes: each with its own batch.
        step_seconds: the median step.
        pairs_per_second: of all processes together.
        efficiency: pairs per second of one process, as a share of those of the first row.
    """

    processes: int
    step_seconds: float
    pairs_per_second: float
    efficiency: float


def measure_scaling(option_file: str | Path, processes: Iterable[int], iterations: int,
                    force_yml: Iterable[str] = ()) -> list[Scaling]:
    """Train on each number of processes of this machine, one GPU or one thread for each.

    Args:
        processes: numbers of them; the first is what the others are compared with: 1, as a rule.
        iterations: timed steps, after a first one that is not.
        force_yml: changes of options, as BasicSR's ``--force_yml`` has them: ``network_g:width=0.25``.

    Raises:
        InputError: a training fails.
    """
    rows = []
    for count in processes:
        measured = _run(option_file, count, [f'train:total_iter={iterations}', *force_yml])
        seconds = statistics.median(measured['seconds'])
        rate = measured['batch'] * count / seconds
        first = rows[0].pairs_per_second / rows[0].processes if rows else rate / count
        rows.append(Scaling(count, seconds, rate, rate / count / first))
    return rows


def _run(option_file: str | Path, processes: int, force_yml: list[str]) -> dict:
    """What the first of the processes has printed."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={processes}',
               '-m', 'scgan_fan.benchmark.scaling', '-opt', str(option_file), '--launcher', 'pytorch',
               '--force_yml', *force_yml]
    one_thread = {**os.environ, 'OMP_NUM_THREADS': '1'}
    ended = subprocess.run(command, env=one_thread, capture_output=True, text=True, check=False)
    if ended.returncode:
        reasons = [line for line in ended.stderr.splitlines() if 'error: ' in line.lower()]
        reason = reasons[0] if reasons else f'exit status {ended.returncode}'
        raise InputError(f'{option_file}: training on {processes} processes failed: {reason}')
    return json.loads(ended.stdout.splitlines()[-1])


def train_and_print() -> None:
    """What torchrun starts: ``total_iter`` timed steps of the option file on the command line."""
    opt, _ = parse_options(os.getcwd(), is_train=True)
    trainer = Trainer(opt)
    trainer.warm_up()
    seconds = [trainer.seconds(1) for _ in range(opt['train']['total_iter'])]
    if opt['rank'] == 0:
        print(json.dumps({'batch': opt['datasets']['train']['batch_size_per_gpu'], 'seconds': seconds}), flush=True)


if __name__ == '__main__':
    train_and_print()
