"""Checkpoint files: written whole or not at all, read without running code that they might carry."""
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile, is_zipfile

import torch
from torch import nn

from scgan_fan.errors import InputError


@contextmanager
def written_whole(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` once it is on the disk: a kill or a full disk leaves the
    old file.

    Raises:
        InputError: the file cannot be written; the half-written one is removed.
    """
    path = Path(path)
    aside = path.with_name(path.name + '.part')
    try:
        with open(aside, 'wb') as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise InputError(f'{path}: could not be written ({error}); what was there is intact. Free some space or make '
                         'the folder writable, then give the same command again (training: with --auto_resume)'
                         ) from error


def save_atomically(content: dict, path: str | Path) -> None:
    """``torch.save`` by way of ``written_whole``, which see."""
    with written_whole(path) as file:
        torch.save(content, file)


def read_checkpoint(path: str | Path) -> dict:
    """The dictionary in a ``.pth`` or ``.state`` file, on the CPU. Never unpickles anything but tensors and plain data.

    Raises:
        InputError: no such file, or not a checkpoint.
    """
    if not Path(path).is_file():
        raise InputError(f'{path}: no such checkpoint; check the path in the option file')
    try:
        _refuse_inflation(path)
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged pickle makes the reader raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(f'{path}: not a readable checkpoint ({reason[:120]}); it is damaged, of another kind, or '
                         'carries code') from error
    if not isinstance(content, dict):
        raise InputError(f'{path}: holds a {type(content).__name__}, not a checkpoint; give a file of network weights')
    return content


def _refuse_inflation(path: str | Path) -> None:
    """torch.save does not compress: a file that would unpack to more than its size was made to fill the memory."""
    if is_zipfile(path):
        with ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > os.path.getsize(path):
                raise BadZipFile('unpacks to more than it holds')


def load_weights(network: nn.Module, path: str | Path, label: str, key: str = 'params', strict: bool = True) -> None:
    """Load a network's weights from a checkpoint in BasicSR's form, ``{'params': ..., 'params_ema': ...}``, or a bare
    state dict.

    Args:
        network: loaded in place.
        label: what errors call the network: its name in the option file.
        key: entry to load; ``params`` where it is absent.
        strict: every tensor must fit; otherwise those that do are loaded.

    Raises:
        InputError: the file is no checkpoint, or of another network or width.
    """
    content = read_checkpoint(path)
    weights = content.get(key, content.get('params', content))
    if not isinstance(weights, dict):
        raise InputError(f'{path}: its entry {key!r} is not a set of weights; give a checkpoint of {label}')
    weights = {name.removeprefix('module.'): tensor for name, tensor in weights.items()}
    if strict:
        _check_fit(network, weights, path, label)
    else:
        own = network.state_dict()
        weights = {n: t for n, t in weights.items() if n in own and getattr(t, 'shape', None) == own[n].shape}
    network.load_state_dict(weights, strict=strict)


def _check_fit(network: nn.Module, weights: dict, path: str | Path, label: str) -> None:
    own = network.state_dict()
    missing, unknown = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if missing or unknown:
        example = f'it lacks {missing[0]}' if missing else f'it also has {unknown[0]}'
        raise InputError(f'{path}: not the weights of {label} ({type(network).__name__}): {len(missing)} tensors '
                         f'missing, {len(unknown)} unknown; {example}. Give the checkpoint of this network')
    for name, tensor in own.items():
        if weights[name].shape != tensor.shape:
            raise InputError(
                f'{path}: {label} ({type(network).__name__}) of another size: {name} is '
                f'{tuple(weights[name].shape)} there and {tuple(tensor.shape)} here. Give the width and blocks of the '
                f'checkpoint in the option block of {label}')
