"""Training runs, in this process and in processes of their own, and option files made small for them."""
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import basicsr.train
import torch
import yaml

from killing import LIMIT
from scgan_fan import compat
from scgan_fan.options import read_options  # noqa: F401  (for the tests beside it)


OPTIONS = Path(__file__).parent.parent / 'options'
SMALL_FAN = {'width': 16, 'stem_stride': 2}  # looks at 64 pixels
FACES_OF_DATASET = {  # drawn faces in the place of each dataset's own
    'UnpairedFaceDataset': {'dataroot_gt': 'hr.lmdb', 'dataroot_lq': 'lr.lmdb'},
    'PairedFaceDataset': {'dataroot_gt': 'val_hr'},
    'LowResolutionFaceDataset': {'dataroot_lq': 'val_lr'},
    'LandmarkFaceDataset': {'dataroot': 'hr', 'landmarks': 'hr_landmarks.npz'},
}


def small(opt: dict, faces: Path) -> dict:
    """The options with narrow networks, few drawn faces, random instead of downloaded weights, and nothing to continue.

    Two iterations: the second is the generators' turn.
    """
    for name, network in opt.items():
        if name.startswith('network_'):
            network.update(SMALL_FAN if network['type'] == 'FAN' else {'width': 1 / 16})
    for dataset in opt['datasets'].values():
        dataset.update({key: str(faces / name) for key, name in FACES_OF_DATASET[dataset['type']].items()})
        for key in ('room_gt', 'room_lq', 'augment_lq'):  # drawn faces fill their images
            dataset.pop(key, None)
        if 'num_images' in dataset:
            dataset['num_images'] = 2
        if dataset['type'] == 'LandmarkFaceDataset':
            dataset['size'] = 64
    opt['datasets']['train'].update(batch_size_per_gpu=4, num_worker_per_gpu=0)
    opt['path'] = {key: None if key.startswith('pretrain') else value for key, value in opt['path'].items()}
    train = opt['train']
    if train.get('net_d_iters', 1) > 1:
        train['net_d_iters'] = 2
    for block in ('heatmap_opt', 'heatmap_real_opt'):
        if (train.get(block) or {}).get('type') == 'HeatmapLoss':
            stacks = (train[block].get('network') or {}).get('num_stacks', 4)
            train[block].update(fan='random', input_size=64, network={'num_stacks': stacks, **SMALL_FAN})
    if 'feature_opt' in train:
        train['feature_opt'].update(backbone='resnet18', weights='random')
    train.update(total_iter=2)
    opt['val']['val_freq'] = 2
    opt['logger'].update(print_freq=1, save_checkpoint_freq=2, use_tb_logger=False)
    return opt


def write_options(path: Path, opt: dict) -> Path:
    """An option file that imports the plugin as the shipped ones do."""
    path.write_text('plugin: !!python/name:scgan_fan.__name__\n' + yaml.safe_dump(opt))
    return path


@contextlib.contextmanager
def program(command: list, **options) -> Iterator[subprocess.Popen]:
    """A program that runs while the test does: what it has not ended by itself is ended, also where the test fails."""
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()  # torchrun ends its processes, which SIGKILL would leave behind
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def run(command: list[str], folder: Path, check: bool = True) -> subprocess.CompletedProcess:
    """Run a Python command in ``folder`` with one thread, so that the result does not depend on the machine."""
    with program([sys.executable, *command], cwd=folder, env={**os.environ, 'OMP_NUM_THREADS': '1'},
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        stdout, stderr = process.communicate(timeout=LIMIT)
    if check:
        assert process.returncode == 0, stdout[-3000:] + stderr[-3000:]
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def free_port() -> int:
    """A port of 127.0.0.1 below those that the system gives to whoever asks for any, as tests beside this one do."""
    for port in random.SystemRandom().sample(range(20_000, 32_768), 100):
        with contextlib.suppress(OSError), socket.create_server(('127.0.0.1', port)):
            return port
    raise OSError('no free port')


def losses(log: str) -> dict[int, str]:
    """Iteration -> the losses of its log line (BasicSR logs to stderr)."""
    found = {}
    for line in log.splitlines():
        if match := re.search(r', iter: *([\d,]+), lr:.*?(l_.*)', line):
            found[int(match[1].replace(',', ''))] = match[2].strip()
    return found


def assert_equal(a, b, where: str = '') -> None:
    """Nested containers of tensors and plain values are equal, bit for bit."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_equal(a[key], b[key], f'{where}.{key}')
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b)):
            assert_equal(x, y, f'{where}[{i}]')
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


def train_here(opt: dict, folder: Path, monkeypatch) -> None:
    """BasicSR's training in this process, which spares the start of another."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'argv', ['train', '-opt', str(write_options(folder / 'o.yml', opt))])
    compat.mend_train_script(basicsr.train)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        basicsr.train.train_pipeline(str(folder))
    finally:
        for number, handler in handlers.items():  # training that fails leaves its own
            signal.signal(number, handler)
