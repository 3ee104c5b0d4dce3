"""Loading of networks for inference: what is in a file of weights, as one function from small faces to large ones.

``load_restorer`` finds the network and its options from the names and shapes of the tensors. It reads

- checkpoints of this package, ``{'params': ..., 'params_ema': ...}``, of RestorationNet (SCGAN, LRGAN) and SuperFANNet;
- the released SCGAN checkpoint, whose restoration network is the entry ``G_l2h`` (``G_RLS`` is read as well), and
  LRGAN's released ``model.pkl``, a bare state dict with batch norm (``bn1``, ``bn2``) in the blocks;
- bare state dicts under the names of any of these;
- all of them as ``.safetensors``, and the ``.onnx`` files that ``scgan_fan.export`` writes.

What no tensor tells: ``relu_skip`` is false where the blocks have batch norm (LRGAN) and true otherwise (SCGAN),
``long_skip`` is true where the activation is PReLU (SR-ResNet) and false otherwise (Super-FAN). An entry ``network`` of
the checkpoint, the block of the option file, decides both where it is there.

No file is run as code. An ONNX file is a program of arithmetic: it reaches nothing outside, but one that was made with
ill intent could take as much time and memory as it likes.
"""
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from scgan_fan.archs import RestorationNet, SuperFANNet
from scgan_fan.checkpoint import ENTRIES, read_checkpoint
from scgan_fan.choices import CHANNEL_ORDERS
from scgan_fan.device import device_in_use
from scgan_fan.errors import InputError, check_choice, first_line
from scgan_fan.extras import open_onnx
from scgan_fan.released_weights import convert_released
from scgan_fan.shipped import DEFAULT_RESTORERS, RESTORERS, find_weights, largest_face

Weights = str | Path | Sequence[str | Path]  # of a restorer, or of several for different sizes
METADATA_KEY = 'scgan_fan'  # in safetensors, ONNX and TorchScript: one JSON object
OUTPUT_RANGES = ('fixed', 'minmax')
RELEASED_SIZE = 16
LARGEST = 1.5  # what the shipped networks reach at least (weights/largest.json)
SPECTRAL_WEIGHT = '.parametrizations.weight.original'
KNOWN = ('known are RestorationNet and SuperFANNet of this package, the released networks of SCGAN and LRGAN, and ONNX '
         'files of scgan-fan export')


class Restorer(nn.Module):
    """A network that restores faces, and what its images need.

    Args:
        network: faces (N, 3, h, w) in [-1, 1] -> (N, 3, scale * h, scale * w).
        name: of the method, for people.
        scale: how many times larger the result is.
        size: height and width of the faces that it was made for, pixels; None: any, or not known.
        channel_order: of the network's images, ``rgb`` or ``bgr``.
        output_range: ``fixed`` clamps to [-1, 1]; ``minmax`` stretches each image from its own minimum and maximum to
            -1 and 1, as the released codes of SCGAN and LRGAN do when they save one. SCGAN's also truncates to 8 bit
            where ``images.to_image`` rounds.
        largest: side of a face's crop in a photograph, pixels, up to which the result was measured to be better than
            bicubic enlargement; None: nobody measured it (``measured`` is false), ``LARGEST`` times ``size`` is taken.
    """

    def __init__(self, network: nn.Module, name: str, scale: int, size: int | None = None, channel_order: str = 'rgb',
                 output_range: str = 'fixed', largest: float | None = None):
        super().__init__()
        check_choice('channel_order', channel_order, CHANNEL_ORDERS)
        check_choice('output_range', output_range, OUTPUT_RANGES)
        self.network = network
        self.name = name
        self.scale = scale
        self.size = size
        self.channel_order = channel_order
        self.output_range = output_range
        self.measured = largest is not None
        self.largest = largest or LARGEST * (size or RELEASED_SIZE)

    def of(self, side: float) -> 'Restorer':
        """What restores a face whose crop has this side, pixels: this one."""
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Restore faces: (N, 3, h, w), RGB in [-1, 1] -> (N, 3, scale * h, scale * w), RGB in [-1, 1].

        Raises InputError: ``images`` is not (N, 3, h, w).
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise InputError(f'{self.name}: images of shape {tuple(images.shape)}; give (N, 3, height, width)')
        restored = self._reordered(self.network(self._reordered(images)))
        if self.output_range == 'fixed':
            return restored.clamp(-1, 1)
        low, high = restored.amin((1, 2, 3), keepdim=True), restored.amax((1, 2, 3), keepdim=True)
        return (restored - low) / (high - low).clamp_min(1e-5) * 2 - 1

    def _reordered(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(1) if self.channel_order == 'bgr' else images


class RestorerBySize(Restorer):
    """Several restorers as one: each face goes to the one that was made for the nearest size. ``name``, ``largest`` and
    ``measured`` are those of the one that restores the largest faces.

    Args:
        restorers: each made for another size.

    Raises:
        InputError: two are made for the same.
    """

    def __init__(self, restorers: Sequence[Restorer]):
        sizes = [face_size(restorer) for restorer in restorers]
        if len(set(sizes)) < len(sizes):
            raise InputError(f'restorers for faces of {", ".join(map(str, sizes))} pixels; give one for each size')
        furthest = max(restorers, key=lambda restorer: restorer.largest)
        super().__init__(nn.ModuleList(restorers), furthest.name, furthest.scale, largest=furthest.largest)
        self.measured = furthest.measured
        self.restorers = tuple(restorers)

    def of(self, side: float) -> Restorer:
        """The one of the nearest size in proportion, of those that restore faces of this side (of larger ones than any
        does: that do not end before the others)."""
        able = [each for each in self.restorers if min(side, self.largest) <= each.largest]
        return min(able, key=lambda each: abs(math.log(side / face_size(each))))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As ``Restorer``, by the one for faces of h pixels."""
        return self.of(images.shape[2])(images)


def face_size(restorer: Restorer) -> int:
    """Height and width of the small faces that a restorer takes, pixels."""
    return restorer.size or RELEASED_SIZE


def load_restorer(path: Weights = DEFAULT_RESTORERS, device: str | torch.device | None = None,
                  channel_order: str | None = None, output_range: str | None = None) -> Restorer:
    """The restorer in a file, in evaluation mode, without gradients of its weights. It computes in float32.

    Args:
        path: a file, see the module for what is read; or the name of a network that comes with the package; or several,
            made for faces of different sizes: see RestorerBySize.
        device: where the network runs. Default: ``device_in_use()``, a GPU where there is one; ONNX files run on the
            CPU alone.
        channel_order: ``rgb`` or ``bgr``: what the network was trained on. Default: what the file says; ``bgr`` for
            the released SCGAN (papers.md section 2.7), ``rgb`` for everything else.
        output_range: ``fixed`` (default) or ``minmax``; see Restorer.

    Raises:
        InputError: the file is missing, damaged, carries code, or holds something else; or an argument is wrong.
    """
    if not isinstance(path, (str, Path)):
        several = [load_restorer(each, device, channel_order, output_range) for each in path]
        return several[0] if len(several) == 1 else RestorerBySize(several).eval()
    largest, path = largest_face(path), _find(path)
    if path.suffix.lower() == '.onnx':
        network: nn.Module
        network, facts = _load_onnx(path, device)
        device = 'cpu'
    else:
        device = device or device_in_use()
        weights = read_weights(path)
        network = build(weights, path)
        facts = {'name': weights.name, 'scale': scale_of(weights.network), 'size': weights.size,
                 'channel_order': weights.channel_order}
    facts['channel_order'] = channel_order or facts['channel_order']
    restorer = Restorer(network, **facts, output_range=output_range or 'fixed', largest=largest)
    try:
        return restorer.eval().requires_grad_(False).to(device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f'device {str(device)!r}: {first_line(error)}; give cpu, or cuda on a machine that has it'
                         ) from error


def _find(weights: str | Path) -> Path:
    path = find_weights(weights)
    if not path.is_file():
        raise InputError(f'{path}: no such file, nor a network that comes with the package ({", ".join(RESTORERS)})')
    return path


@dataclass(frozen=True)
class RestorerWeights:
    """The restoration network in a file of weights."""

    tensors: dict[str, torch.Tensor]  # under this package's names, on the CPU, in the file's precision
    network: dict  # ``type`` and constructor arguments, as in an option file
    name: str  # of the method, for people
    channel_order: str  # of the images that it was trained on, ``rgb`` or ``bgr``
    size: int | None  # height and width of the faces that it was made for, pixels; None: not known


def read_weights(path: str | Path) -> RestorerWeights:
    """The restoration network in a checkpoint or ``.safetensors`` file, see the module for which; or the one of a
    shipped network's name.

    Raises InputError: the file is missing, damaged, carries code, or holds something else.
    """
    path = _find(path)
    content = _read_safetensors(path) if path.suffix.lower() == '.safetensors' else read_checkpoint(path)
    tensors = _tensors(content, path)
    try:
        tensors, assumed = _renamed(tensors)
        network = find_network({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    except (IndexError, KeyError) as error:
        raise InputError(f'{path}: looks like a restoration network, but a tensor is missing or not of the right '
                         f'dimensions ({first_line(error)}); the file is damaged, or of a variant unknown here'
                         ) from error
    if network is None:
        raise InputError(f'{path}: no restoration network; it holds {_inventory(content)}; {KNOWN}')
    stated = {key: content[key] for key in ('name', 'channel_order', 'size') if key in content}
    network = _completed(network, content.get('network', {}), path)
    return RestorerWeights(tensors, network, **_checked({'name': network['type'], **assumed, **stated}, path))


def _read_safetensors(path: Path) -> dict:
    from safetensors import safe_open
    try:
        with safe_open(path, framework='pt') as file:
            facts = json.loads((file.metadata() or {}).get(METADATA_KEY, '{}'))
            return {**facts, 'params': {name: file.get_tensor(name) for name in file.keys()}}  # noqa: SIM118 (it is no dictionary)
    except Exception as error:  # its own error, and what a damaged header makes of it
        raise InputError(f'{path}: not a readable safetensors file ({first_line(error)}); it is damaged or of another '
                         'kind') from error


def _tensors(content: dict, path: Path) -> dict[str, torch.Tensor]:
    """The state dict among a file's entries."""
    entries = (*ENTRIES, 'G_RLS', 'G_l2h')
    tensors = content.get(next((key for key in entries if key in content), None), content)
    if not isinstance(tensors, dict) or not all(map(_is_weight, tensors, tensors.values())):
        raise InputError(f'{path}: no weights of a restoration network; it holds {_inventory(content)}; {KNOWN}')
    if sum(tensor.nbytes for tensor in tensors.values()) > path.stat().st_size:
        raise InputError(f'{path}: its tensors claim to be larger than the file; it is damaged, fetch it again')
    return {name.removeprefix('module.'): tensor for name, tensor in tensors.items()}


def _is_weight(name, value) -> bool:
    return (isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
            and value.device.type == 'cpu' and (value.is_floating_point() or value.ndim == 0))


def _renamed(tensors: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict]:
    """The tensors under our names, and what is known of the released network that they are."""
    if 'layers_in.weight' not in tensors:
        return tensors, {'channel_order': 'rgb', 'size': None}
    lrgan = 'layers_set_final.0.0.bn1.weight' in tensors
    return convert_released(tensors, 'RestorationNet'), {
        'name': 'LRGAN, released' if lrgan else 'SCGAN, released',
        'channel_order': 'rgb' if lrgan else 'bgr', 'size': RELEASED_SIZE}


def _completed(network: dict, stated, path: Path) -> dict:
    """The network with the options that no tensor tells, where the checkpoint's own ``network`` entry has them."""
    untold = {'RestorationNet': 'relu_skip', 'SuperFANNet': 'long_skip'}[network['type']]
    if not isinstance(stated, dict) or not isinstance(stated.get(untold, True), bool):
        raise InputError(f'{path}: its entry network is not the block of an option file, with {untold}: true or false; '
                         'make it anew from the checkpoint of the training')
    return {**network, untold: stated.get(untold, network[untold])}


def _checked(facts: dict, path: Path) -> dict:
    """``facts``, which a file states, or InputError."""
    numbers = [facts.get('scale', 1), 1 if facts['size'] is None else facts['size']]
    if not isinstance(facts['name'], str) or not all(type(n) is int and n > 0 for n in numbers):
        raise InputError(f'{path}: states a name that is no text, or a size or scale that is no whole number; make it '
                         'anew from the checkpoint of the training')
    check_choice(f'{path}: channel_order', facts['channel_order'], CHANNEL_ORDERS)
    return facts


def _inventory(content: dict, most: int = 4) -> str:
    """A file's first entries in words, on one line."""
    def word(name, value) -> str:
        kind = 'x'.join(map(str, value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__
        return f'{str(name)[:60]!r} ({kind})'
    shown = [word(*entry) for entry in list(content.items())[:most]]
    return f'{len(content)} entries: {", ".join(shown)}{", ..." if len(content) > most else ""}' if shown else 'nothing'


def find_network(shapes: dict[str, tuple[int, ...]]) -> dict | None:
    """The network, ``type`` and arguments as in an option file, whose state dict has these names and shapes.

    None where it is no restoration network; KeyError or IndexError where it is one but for a tensor. See the module for
    ``relu_skip`` and ``long_skip``.
    """
    spectral = any(name.endswith(SPECTRAL_WEIGHT) for name in shapes)
    shapes = {name.replace(SPECTRAL_WEIGHT, '.weight'): shape for name, shape in shapes.items()}
    if 'input.weight' in shapes and 'body.0.blocks.0.conv1.weight' in shapes:
        return {'type': 'RestorationNet', **_restoration_options(shapes, spectral)}
    if 'stem.0.weight' in shapes and 'group.0.0.weight' in shapes:
        return {'type': 'SuperFANNet', **_super_fan_options(shapes)}
    return None


def _restoration_options(shapes: dict, spectral: bool) -> dict:
    groups = [len(_children(shapes, f'body.{step}.blocks.')) for step in _children(shapes, 'body.')]
    blocks = [count for count in groups if count]
    norm = 'batch' if 'body.0.blocks.0.norm1.weight' in shapes else 'spectral' if spectral else 'none'
    channels = {256: shapes['input.weight'][0], 96: shapes['head.0.weight'][0]}
    if len(blocks) > 1:
        channels[128] = shapes['body.2.blocks.0.conv1.weight'][0]
    return {'scale': 2 ** (len(groups) - len(blocks)), 'blocks': blocks, 'width': _width(channels),
            'relu_skip': norm != 'batch', 'norm': norm, 'up_norm': 'batch' if 'body.1.1.weight' in shapes else 'none'}


def _super_fan_options(shapes: dict) -> dict:
    blocks = [len(_children(shapes, 'group.'))]
    for step in _children(shapes, 'enlarge.'):
        if f'enlarge.{step}.4.weight' in shapes:  # the second batch norm of a block
            blocks[-1] += 1
        else:
            blocks.append(0)
    has_slopes = 'stem.1.weight' in shapes
    return {'blocks': blocks, 'width': _width({64: shapes['stem.0.weight'][0]}),
            'upsampling': 'deconv' if len(shapes['enlarge.0.0.weight']) == 1 else 'pixelshuffle',
            'activation': 'prelu' if has_slopes else 'relu', 'long_skip': has_slopes}


def _children(shapes: dict, prefix: str) -> list[str]:
    """The different next parts of the names that begin with ``prefix``, which are numbers, in order."""
    parts = {name.removeprefix(prefix).split('.')[0] for name in shapes if name.startswith(prefix)}
    return sorted(parts, key=lambda part: (len(part), part))


def _width(channels: dict[int, int]) -> float:
    """The share of the papers' channels (keys) that gives those found (values) when it is rounded."""
    full, found = next(iter(channels.items()))
    if all(round(found / full * other) == channels[other] for other in channels):
        return found / full
    low = max((found - 0.5) / full for full, found in channels.items())
    high = min((found + 0.5) / full for full, found in channels.items())
    return (low + high) / 2


def scale_of(network: dict) -> int:
    """How many times larger a network, ``type`` and constructor arguments, makes its images."""
    return network['scale'] if network['type'] == 'RestorationNet' else 2 ** (len(network['blocks']) - 1)


def build(weights: RestorerWeights, path: str | Path) -> nn.Module:
    """The network with its weights, as float32, in evaluation mode, and without spectral norm: each weight is divided
    by its singular value once.

    Args:
        path: what errors call the file.

    Raises:
        InputError: the tensors do not fit together.
    """
    arguments = dict(weights.network)
    network_class = {'RestorationNet': RestorationNet, 'SuperFANNet': SuperFANNet}[arguments.pop('type')]
    if arguments.get('norm') == 'spectral':
        arguments['norm'] = 'none'
    try:
        with torch.device('meta'):  # takes no memory, whatever sizes a file claims
            network = network_class(**arguments)
        network.load_state_dict(_without_spectral_norm(weights.tensors), assign=True)
    except (InputError, RuntimeError, KeyError, IndexError) as error:
        reason = str(error).strip().splitlines()[-1].strip()[:160]
        raise InputError(f'{path}: nearly a {weights.network["type"]}, but it does not fit ({reason}); the file is '
                         'damaged, or of a variant unknown here') from error
    return network.float().eval().requires_grad_(False)


def _without_spectral_norm(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    plain = {name: tensor for name, tensor in tensors.items() if '.parametrizations.' not in name}
    for name in tensors.keys() - plain.keys():
        if name.endswith(SPECTRAL_WEIGHT):
            weight = tensors[name].float()
            u, v = (tensors[name.removesuffix('original') + f'0.{vector}'].float() for vector in 'uv')
            plain[name.replace(SPECTRAL_WEIGHT, '.weight')] = weight / torch.dot(u, torch.mv(weight.flatten(1), v))
    return plain


class OnnxNetwork(nn.Module):
    """A model that ``scgan_fan.export`` wrote, run by onnxruntime on the CPU, on as many threads as torch.

    Arguments and errors as of ``open_onnx``. ``metadata``: what the exporter wrote beside the graph.
    """

    def __init__(self, model: bytes, label: str):
        super().__init__()
        self.label = label
        self.session = open_onnx(model, label, torch.get_num_threads())
        try:
            self.metadata = json.loads(self.session.get_modelmeta().custom_metadata_map[METADATA_KEY])
        except (KeyError, ValueError, RecursionError) as error:
            inputs = ', '.join(f'{value.name} {value.shape}' for value in self.session.get_inputs())
            raise InputError(f'{label}: an ONNX model that scgan-fan export did not write (inputs: {inputs[:120]}); '
                             f'{KNOWN}') from error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images (N, 3, h, w) -> restored images, of the same type and on the same device.

        Raises InputError: the model cannot be run on them.
        """
        array = np.ascontiguousarray(images.detach().float().cpu().numpy())
        try:
            restored, = self.session.run(None, {self.session.get_inputs()[0].name: array})
            return torch.from_numpy(restored).to(images)
        except Exception as error:  # onnxruntime's errors have no class in common
            raise InputError(f'{self.label}: fails on images of {tuple(images.shape)} ({first_line(error)}); export '
                             'it anew') from error


def _load_onnx(path: Path, device: str | torch.device | None) -> tuple[OnnxNetwork, dict]:
    if str(device or 'cpu') != 'cpu':
        raise InputError(f'{path}: ONNX files run on the CPU here; give device cpu, or the checkpoint instead of it')
    network = OnnxNetwork(path.read_bytes(), str(path))
    try:
        facts = _checked({key: network.metadata[key] for key in ('name', 'scale', 'size', 'channel_order')}, path)
    except (KeyError, TypeError) as error:
        raise InputError(f'{path}: its metadata lack {first_line(error)}; export it anew') from error
    found = network(torch.zeros(1, 3, RELEASED_SIZE, RELEASED_SIZE)).shape
    side = facts['scale'] * RELEASED_SIZE
    if found != (1, 3, side, side):
        raise InputError(f'{path}: makes {tuple(found)} of a face of {RELEASED_SIZE} pixels, where its metadata say '
                         f'{side} pixels; it is damaged, export it anew')
    return network, facts
