"""Weights from one kind of file to another: released SCGAN and LRGAN networks to this package's names, ``.pth`` to
``.safetensors`` and back, BGR to RGB, half precision.

What is written says what it is: the entry ``network`` (the block of an option file), ``name``, ``channel_order``,
``size``, and ``source`` and ``source_sha256``, the file that it was made of. In a ``.pth`` these stand beside
``params``, in a ``.safetensors`` in its metadata, as one JSON object under ``scgan_fan``.
"""
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import torch

from scgan_fan.checkpoint import save_atomically
from scgan_fan.errors import InputError, check_choice
from scgan_fan.choices import CHANNEL_ORDERS
from scgan_fan.files import written_whole
from scgan_fan.network_loader import METADATA_KEY, RestorerWeights, build, read_weights
from scgan_fan.shipped import find_weights

SUFFIXES = ('.pth', '.safetensors')
FIRST_AND_LAST = {'RestorationNet': ('input', 'head.4'), 'SuperFANNet': ('stem.0', 'output')}  # convolutions


def convert(source: str | Path, target: str | Path, channel_order: str = 'rgb', half: bool = False,
            overwrite: bool = False, name: str | None = None, size: int | None = None) -> RestorerWeights:
    """Convert a file of weights.

    Args:
        source: anything that ``network_loader.load_restorer`` reads, but ONNX; a shipped network by its name, too. The
            moving average is taken where the checkpoint has one.
        target: the file to write, ``.pth`` or ``.safetensors``.
        channel_order: of the images of the result. With ``rgb`` it can be used everywhere, without saying more; the
            first and the last convolution are changed where the source has the other order.
        half: store float16.
        overwrite: replace ``target`` where it exists.
        name: of the method, for people. Default: what ``source`` says, or the class of the network.
        size: height and width of the faces that it was made for, pixels. Default: what ``source`` says, if anything.

    Returns what was written.

    Raises:
        InputError: ``source`` cannot be read, ``target`` not be written, or the weights are beyond half precision.
    """
    check_choice('channel order', channel_order, CHANNEL_ORDERS)
    check_target(target, overwrite)
    check_choice(f'{target}: suffix', Path(target).suffix, SUFFIXES)
    source = find_weights(source)
    weights = read_weights(source)
    weights = replace(weights, name=name or weights.name, size=size or weights.size)
    build(weights, source)  # refuses what does not fit together
    if weights.channel_order != channel_order:
        weights = with_swapped_channels(weights)
    if half:
        weights = replace(weights, tensors=halved(weights.tensors, source))
    _write(weights, Path(target), origin(source))
    return weights


def with_swapped_channels(weights: RestorerWeights) -> RestorerWeights:
    """The same network for RGB images where it was for BGR, and the other way round: its first convolution takes the
    channels in the other order, and its last one gives them so.
    """
    first, last = FIRST_AND_LAST[weights.network['type']]
    tensors = dict(weights.tensors)
    for name, tensor in tensors.items():
        if name.startswith(f'{first}.') and tensor.ndim == 4:
            tensors[name] = tensor.flip(1)
        elif name == f'{first}.parametrizations.weight.0.v':  # one value for each input channel and kernel position
            tensors[name] = tensor.unflatten(0, (3, -1)).flip(0).flatten()
        elif name.startswith(f'{last}.') and not name.endswith('.v'):
            tensors[name] = tensor.flip(0)
    return replace(weights, tensors=tensors, channel_order='bgr' if weights.channel_order == 'rgb' else 'rgb')


def halved(tensors: dict[str, torch.Tensor], source: str | Path) -> dict[str, torch.Tensor]:
    """Weights in half precision. Raises InputError, which names ``source``, where they are beyond it."""
    results = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    for name, tensor in results.items():
        if not tensor.isfinite().all():
            raise InputError(f'{source}: {name} has values beyond half precision; convert it without --half')
    return results


def _write(weights: RestorerWeights, target: Path, facts: dict) -> None:
    facts = {'network': weights.network, 'name': weights.name, 'channel_order': weights.channel_order,
             'size': weights.size, **facts}
    # clones: safetensors takes neither shared storages nor other memory formats
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in weights.tensors.items()}
    if target.suffix == '.pth':
        save_atomically({'params': tensors, **facts}, target)
        return
    from safetensors.torch import save
    with written_whole(target, durable=True) as file:
        file.write(save(tensors, {METADATA_KEY: json.dumps(facts)}))


def check_target(target: str | Path, overwrite: bool) -> None:
    """Raise InputError where ``target`` exists and must not be replaced, or its folder does not exist."""
    if Path(target).exists() and not overwrite:
        raise InputError(f'{target}: exists already; give another name, or --overwrite to replace it')
    if not Path(target).parent.is_dir():
        raise InputError(f'{target}: its folder does not exist; make it, or give another name')


def origin(source: str | Path) -> dict[str, str]:
    """Name and SHA-256 of the file that something was made of."""
    return {'source': Path(source).name, 'source_sha256': hashlib.sha256(Path(source).read_bytes()).hexdigest()}
