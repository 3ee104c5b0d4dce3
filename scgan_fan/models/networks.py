"""The networks of an option file: built, loaded, initialized, compiled, tied together."""
from typing import Any

import torch
from basicsr.archs import build_network as build
from basicsr.utils import get_root_logger
from torch import nn

from scgan_fan.checkpoint import load_weights
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
    known = networks[first].parts()
    for part in known if parts == 'all' else parts:
        check_choice('train: shared_parts', part, known)
        setattr(networks[second], part, getattr(networks[first], part))


def compile_network(network: nn.Module, mode: str | None) -> None:
    """Let torch.compile translate a network at its first use, in place: names and checkpoints stay as they are."""
    if mode is None:
        return
    # networks of one class share this limit, beyond which torch falls back to what it was to replace
    torch._dynamo.config.recompile_limit = 64
    network.compile(mode=mode)
