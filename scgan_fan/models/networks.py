"""The networks of an option file: built, loaded, initialized, compiled, tied together, averaged."""
from copy import deepcopy
from typing import Any

import torch
from basicsr.archs import build_network as build
from basicsr.utils import get_root_logger
from torch import nn

from scgan_fan.archs.spectral_norm import SpectralNorm
from scgan_fan.checkpoint import load_weights, read_checkpoint
from scgan_fan.errors import InputError, check_choice


def build_network(opt: dict, name: str, device: torch.device, memory_format: torch.memory_format) -> nn.Module:
    """``network_<name>``, with the weights that ``path:`` names for it, in training mode where ``opt`` trains.

    Raises:
        InputError: unknown type or option, or weights that do not fit.
    """
    key, paths, trains = f'network_{name}', opt['path'], opt['is_train']
    try:
        network = build(opt[key])
    except (TypeError, KeyError) as error:
        raise InputError(f'{key}: {str(error).strip(chr(34))}; see the options of this network') from error
    network = network.to(device, memory_format=memory_format)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    get_root_logger().info(f'{key}: {type(network).__name__}, {parameters:,d} parameters')
    path = paths.get(f'pretrain_{key}')
    if path is not None:
        wanted = paths.get(f'param_key_{name}') or ('params' if trains else None)  # what learns on is not the average
        entry, tensors = load_weights(network, path, key, wanted, paths.get(f'strict_load_{name}', True))
        get_root_logger().info(f'{key}: weights of {path}: {entry}, {tensors} of {len(network.state_dict())} tensors')
    elif trains:
        _initialize(network, opt['train'].get('init', 'default'))
    return network.train(trains)


def _initialize(network: nn.Module, how: str) -> None:
    """``default`` leaves the framework's values; ``kaiming`` draws by He et al. 2015 (papers.md section 2.7)."""
    if how == 'kaiming':
        for parameter in network.parameters():
            if parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter)


def share_parts(networks: dict[str, Any], first: str, second: str, parts: list[str] | str) -> None:
    """Give the second network the first one's parts of these names, or all: each is one tensor from now on."""
    for name in (first, second):
        if name not in networks:
            raise InputError(f'train: shared_parts: there is no network_{name} to share with')
        if not hasattr(networks[name], 'parts'):
            raise InputError(f'train: shared_parts: {type(networks[name]).__name__}, network_{name}, has no parts to '
                             'share; leave them out')
    known = networks[first].parts()
    for part in known if parts == 'all' else parts:
        check_choice('train: shared_parts', part, known)
        if _shapes(networks[first], part) != _shapes(networks[second], part):
            raise InputError(f'train: shared_parts: {part} of network_{first} and of network_{second} differ; give '
                             'both the same options')
        setattr(networks[second], part, getattr(networks[first], part))


def _shapes(network: nn.Module, part: str) -> dict[str, torch.Size] | None:
    module = getattr(network, part, None)
    return None if module is None else {name: tensor.shape for name, tensor in module.state_dict().items()}


def compile_network(network: nn.Module, mode: str | None) -> None:
    """Let torch.compile translate a network at its first use, in place: names and checkpoints stay as they are."""
    if mode is None:
        return
    # networks of one class share this limit, beyond which torch falls back to what it was to replace
    torch._dynamo.config.recompile_limit = 64
    network.compile(mode=mode)


def begin_average(network: nn.Module, name: str, paths: dict) -> nn.Module:
    """A copy of ``network_<name>``, or the average in its file of weights, if any; ``paths``: ``path:``."""
    average = deepcopy(network).requires_grad_(False).eval()
    path = paths.get(f'pretrain_network_{name}')
    if path is not None and 'params_ema' in read_checkpoint(path):
        load_weights(average, path, f'network_{name}', 'params_ema', paths.get(f'strict_load_{name}', True))
    return average


@torch.no_grad()
def move_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network by 1 - ``decay``: parameters and running statistics.

    Counters are copied, and the vectors of spectral norm: a mean of unit vectors is shorter than 1, so sigma would come
    out too small.
    """
    tensors, current = average.state_dict(), network.state_dict()
    copied = {f'{prefix}.{name}' for prefix, module in average.named_modules()
              if isinstance(module, SpectralNorm) for name, _ in module.named_buffers()}
    copied |= {name for name, tensor in tensors.items() if not tensor.is_floating_point()}
    for name in copied:
        tensors[name].copy_(current[name])
    moving = [name for name in tensors if name not in copied]
    torch._foreach_lerp_([tensors[name] for name in moving], [current[name] for name in moving], 1 - decay)
