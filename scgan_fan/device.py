"""The device that networks run on: one for the whole program.

``--device`` of a command, or ``num_gpu`` of an option file, says which; whatever loads a network asks here.
"""
import functools
from collections.abc import Callable
from typing import TypeVar

import torch

from scgan_fan.errors import InputError

R = TypeVar('R')
_in_use: torch.device | None = None


def choose_device(name: str) -> torch.device:
    """``auto`` (a GPU where PyTorch has one), or a device by its name in PyTorch.

    Raises InputError: there is no such device.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f'device: {name!r} is not there; give auto, cpu, or cuda on a machine that has it') from error


def use_device(name: str) -> torch.device:
    """Let what loads networks from now on load them to the device that ``choose_device`` knows by this name."""
    global _in_use
    _in_use = choose_device(name)
    return _in_use


def use_device_of(opt: dict) -> torch.device:
    """``use_device`` by an option file: the GPU of this process where there is one and ``num_gpu`` is not 0, else the
    CPU. Raises InputError: several GPUs in one process.
    """
    if opt['num_gpu'] == 0 or not torch.cuda.is_available():
        return use_device('cpu')
    if opt['num_gpu'] > 1 and not opt['dist']:
        raise InputError(f'num_gpu: {opt["num_gpu"]} in one process; start one process for each with torchrun '
                         f'--nproc_per_node={opt["num_gpu"]} and --launcher pytorch, or set num_gpu: 1')
    return use_device(f'cuda:{torch.cuda.current_device()}')


def device_in_use() -> torch.device:
    """What ``use_device`` was told last; before that ``auto``."""
    return _in_use or choose_device('auto')


def cached_on_device(load: Callable[..., R]) -> Callable[..., R]:
    """``functools.cache`` for a function that loads a network to the device in use: once for each device."""
    @functools.cache
    def on_device(device: torch.device, *arguments) -> R:
        return load(*arguments)

    @functools.wraps(load)
    def cached(*arguments) -> R:
        return on_device(device_in_use(), *arguments)
    return cached
