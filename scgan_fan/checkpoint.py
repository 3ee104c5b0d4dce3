"""Checkpoint files: written whole or not at all, known by a hash, read without running code that they might carry."""
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

import torch
from torch import nn

from scgan_fan.errors import InputError, first_line
from scgan_fan.files import written_whole
from scgan_fan.shipped import RESTORERS

HASH = 'sha256'  # the entry of a file with the hash of all others
ENTRIES = ('params_ema', 'params')  # what a checkpoint stands for: the average where there is one
WEIGHTS_ONLY = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD'  # torch.load looks at it
SILENCE = 60  # seconds


def save_atomically(content: dict, path: str | Path) -> str:
    """``torch.save`` by way of ``files.written_whole``, which see, its content's hash beside it; returns the hash."""
    digest = content_hash(content)
    with written_whole(path, durable=True) as file:
        torch.save({**content, HASH: digest}, file)
    return digest


def content_hash(content) -> str:
    """SHA-256, hexadecimal, of nested dictionaries and lists of tensors and plain values.

    Of types, keys, order and values, for a tensor of dtype, shape and bytes: what a file keeps. So it is the same
    before and after, wherever the tensors are.
    """
    digest = hashlib.sha256()
    _feed(digest, content)
    return digest.hexdigest()


def _feed(digest, value) -> None:
    kind = type(value).__name__
    if isinstance(value, torch.Tensor):
        digest.update(f'tensor {value.dtype} {tuple(value.shape)};'.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    elif isinstance(value, (dict, list, tuple)):
        digest.update(f'{kind} {len(value)};'.encode())
        for each in chain.from_iterable(value.items()) if isinstance(value, dict) else value:
            _feed(digest, each)
    else:
        digest.update(f'{kind} {value!r};'.encode())


def read_checkpoint(path: str | Path, digest: str | None = None) -> dict:
    """The dictionary in a ``.pth`` or ``.state`` file, on the CPU. Never unpickles anything but tensors and plain data.

    Args:
        path: the file.
        digest: the hash that its content must have. Default: what the file states; those of other programs state none.

    Raises:
        InputError: no such file, not a checkpoint, or its content has another hash.
    """
    if Path(path).suffix == '.safetensors' or (str(path) in RESTORERS and not Path(path).is_file()):
        raise InputError(f'{path}: .pth files are read here; scgan-fan convert {path} -o FILE.pth makes one of it')
    if not Path(path).is_file():
        raise InputError(f'{path}: no such checkpoint; check the path in the option file')
    try:
        _refuse_inflation(path)
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # a damaged pickle makes the reader raise nearly anything
        raise InputError(f'{path}: not a readable checkpoint ({first_line(error)}); it is damaged, of another kind, or '
                         'carries code') from error
    if not isinstance(content, dict):
        raise InputError(f'{path}: holds a {type(content).__name__}, not a checkpoint; give a file of network weights')
    wanted = digest or content.get(HASH)
    content.pop(HASH, None)
    if wanted is not None and (found := content_hash(content)) != wanted:
        raise InputError(f'{path}: damaged or replaced: its content has the hash {found[:8]} instead of {wanted[:8]}; '
                         'give another checkpoint')
    return content


def _refuse_inflation(path: str | Path) -> None:
    """torch.save does not compress: a file that would unpack to more than its size was made to fill the memory."""
    if is_zipfile(path):
        with ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > os.path.getsize(path):
                raise BadZipFile('unpacks to more than it holds')


@contextmanager
def fetching_weights() -> Iterator[None]:
    """Inside, ``torch.load`` reads tensors and plain data only, also where another library asks for more, and a server
    that says nothing for ``SILENCE`` is no longer waited for: it is an ``OSError``.

    torchvision, lpips and torch-fidelity fetch their weights through torch.hub, which by itself runs what they carry
    and waits for ever.
    """
    before, patience = os.environ.get(WEIGHTS_ONLY), socket.getdefaulttimeout()
    os.environ[WEIGHTS_ONLY] = '1'
    socket.setdefaulttimeout(SILENCE)
    try:
        yield
    finally:
        socket.setdefaulttimeout(patience)
        if before is None:
            del os.environ[WEIGHTS_ONLY]
        else:
            os.environ[WEIGHTS_ONLY] = before


def load_weights(network: nn.Module, path: str | Path, label: str, key: str | None = None,
                 strict: bool = True, channels: str = 'rgb') -> tuple[str, int]:
    """Load a network's weights from a checkpoint in BasicSR's form, ``{'params': ..., 'params_ema': ...}``, or a bare
    state dict.

    Args:
        network: loaded in place.
        label: what errors call the network: its name in the option file.
        key: entry to load. Default: the first of ``ENTRIES`` that is there.
        strict: every tensor must fit; otherwise those that do are loaded.
        channels: ``rgb`` or ``bgr``, of the images that the network gets.

    Returns:
        The entry, and how many tensors of the network it had.

    Raises:
        InputError: the file is no checkpoint, has no such entry, is of another network or width or for other
            images, or has values that are not finite.
    """
    content = read_checkpoint(path)
    order = content.get('channel_order', channels)
    if order != channels:
        raise InputError(f'{path}: for {str(order).upper()} images, but {label} gets {channels.upper()} ones; '
                         'scgan-fan convert makes a file for those')
    entry, weights = _find_entry(content, key, path, label)
    weights = {name.removeprefix('module.'): tensor for name, tensor in weights.items()
               if isinstance(tensor, torch.Tensor)}
    own = network.state_dict()
    if strict:
        _check_fit(network, weights, path, label)
    else:
        weights = {n: t for n, t in weights.items() if n in own and t.shape == own[n].shape}
        if own and not weights:
            raise InputError(f'{path}: not one tensor of its {entry} fits {label} ({type(network).__name__}); give the '
                             'checkpoint of such a network')
    if broken := next((name for name, tensor in weights.items() if not tensor.isfinite().all()), None):
        raise InputError(f'{path}: {broken} of {label} has values that are not finite; give a checkpoint from before '
                         'that training diverged')
    network.load_state_dict(weights, strict=strict)
    return entry, len(weights)


def load_part(network: nn.Module, path: str | Path, label: str) -> None:
    """Load what a network has of the bare state dict in a file, which may hold more.

    Raises InputError where it lacks some of it, or is no checkpoint; ``label``: what the file should be.
    """
    given = read_checkpoint(path)
    if missing := sorted(network.state_dict().keys() - given.keys()):
        raise InputError(f'{path}: not {label}: {missing[0]} is not in it')
    network.load_state_dict({name: given[name] for name in network.state_dict()})


def _find_entry(content: dict, key: str | None, path: str | Path, label: str) -> tuple[str, dict]:
    """Name and weights of the entry that ``key`` asks for; ``params`` also takes a bare state dict."""
    key = key or next((entry for entry in ENTRIES if entry in content), None)
    if key is not None and key in content:
        if not isinstance(content[key], dict):
            raise InputError(f'{path}: its entry {key!r} is not a set of weights; give a checkpoint of {label}')
        return key, content[key]
    entries = [name for name, value in content.items() if isinstance(value, dict)]
    if entries or key not in (None, 'params'):
        found = f'has {", ".join(entries)}' if entries else 'is a bare state dict, for which none is named'
        raise InputError(f'{path}: has no entry {key or " or ".join(ENTRIES)} for {label}; it {found}')
    return 'a bare state dict', content


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
