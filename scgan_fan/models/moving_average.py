"""The moving average of a network's weights, which is validated and kept."""
from copy import deepcopy

import torch
from torch import nn

from scgan_fan.archs.spectral_norm import SpectralNorm
from scgan_fan.checkpoint import load_weights, read_checkpoint


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
