"""Small restoration networks whose outputs depend on every tensor, and the files that hold them."""
import functools
import tempfile
from pathlib import Path

import torch
from torch import nn

from scgan_fan.archs import RestorationNet
from scgan_fan.export import export


def awake(network: nn.Module) -> nn.Module:
    """The network in evaluation mode, with running statistics, norms and slopes that differ from their first values."""
    generator = torch.Generator().manual_seed(0)
    for tensor in network.state_dict().values():
        if tensor.ndim == 1:
            tensor.add_(torch.rand(tensor.shape, generator=generator) / 5)
    return network.eval().requires_grad_(False)


def noise(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


@functools.cache
def small() -> nn.Module:
    torch.manual_seed(0)
    return awake(RestorationNet(width=1 / 64, blocks=(1, 1)))


def for_sizes(folder: Path, *sizes: int) -> list[Path]:
    """Files of small networks, each other weights, that say for which size of face they were made."""
    paths = [folder / f'for_{size}.pth' for size in sizes]
    for size, path in zip(sizes, paths):
        torch.manual_seed(size)
        weights = RestorationNet(width=1 / 64, blocks=(1, 1)).state_dict()
        torch.save({'params': weights, 'size': size, 'name': path.stem}, path)
    return paths


@functools.cache
def exported() -> bytes:
    """The ONNX file of ``small()``."""
    with tempfile.TemporaryDirectory() as folder:
        torch.save({'params': small().state_dict()}, Path(folder, 'small.pth'))
        export(Path(folder, 'small.pth'), Path(folder, 'small.onnx'))
        return Path(folder, 'small.onnx').read_bytes()
