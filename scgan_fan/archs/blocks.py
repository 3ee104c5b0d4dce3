"""The residual block of SCGAN's and LRGAN's networks, and the small choices that they share."""
import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs.spectral_norm import Layer, spectral_norm
from scgan_fan.errors import InputError, check_choice

NORMS = ('none', 'spectral', 'batch')
LAST_SIZE = 4  # height and width of what the last layers of discriminators see


def halvings(name: str, ratio: int) -> int:
    """log2 of ``ratio``; InputError where it is no power of two from 1. ``name``: what the user called it.

    >>> halvings('scale', 4)
    2
    """
    if not isinstance(ratio, int) or ratio < 1 or ratio & (ratio - 1):
        raise InputError(f'{name}: {ratio!r} is not a power of two (1, 2, 4, 8, ...)')
    return ratio.bit_length() - 1


def check_positive(name: str, *values: int) -> None:
    """Raise InputError where one is below 1. ``name``: what the user called them."""
    if min(values) < 1:
        raise InputError(f'{name}: {min(values)} is below 1')


def check_size(network: nn.Module, images: torch.Tensor) -> None:
    """Raise InputError unless images have the ``size`` that a network was built for."""
    if images.shape[-2:] != (network.size, network.size):
        raise InputError(f'{type(network).__name__}: images of {tuple(images.shape[-2:])}, built for size '
                         f'{network.size}')


def scaled(channels: int, width: float) -> int:
    """A share of the papers' channel count, at least 1.

    >>> scaled(64, 0.25)
    16
    """
    if not 0 < width <= 8:
        raise InputError(f'width: {width!r} must be a share of the papers\' channels, above 0 (1.0: as in the papers)')
    return max(1, round(channels * width))


def convolution(in_channels: int, channels: int, kernel: int, bias: bool = False,
                norm: str | None = 'none') -> nn.Conv2d:
    """A convolution that keeps the size, under spectral norm where ``norm`` is ``spectral``."""
    return normalized(nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=bias), norm)


def normalized(layer: Layer, norm: str | None) -> Layer:
    """``layer`` under spectral norm where ``norm`` is ``spectral``, else as it is: batch norm belongs to blocks."""
    check_choice('norm', norm or 'none', NORMS)  # --force_yml makes None of none
    return spectral_norm(layer) if norm == 'spectral' else layer


class ResidualBlock(nn.Module):
    """[norm]-[ReLU]-conv-[norm]-ReLU-[pool]-conv plus a skip (papers.md section 2.1; with batch norm section 4.1).

    Args:
        in_channels, channels: of input and output.
        pool: what halves the size, between the convolutions and on the skip, or None.
        relu_skip: the skip carries what the first ReLU gives, as in SCGAN's released generators, where it works in
            place; false: x, as in its discriminators and in LRGAN.
        norm: ``spectral`` puts every convolution under spectral norm (papers.md section 2.8, N1); ``batch`` puts batch
            norm before each ReLU, as in LRGAN.
        bias: of the 3x3 convolutions.
        relu: begin with a ReLU.
    """

    def __init__(self, in_channels: int, channels: int, pool: nn.Module | None = None, relu_skip: bool = True,
                 norm: str = 'none', bias: bool = False, relu: bool = True):
        super().__init__()
        self.pool = pool or nn.Identity()
        self.relu_skip = relu_skip
        self.norm1 = nn.BatchNorm2d(in_channels) if norm == 'batch' else nn.Identity()
        self.norm2 = nn.BatchNorm2d(channels) if norm == 'batch' else nn.Identity()
        self.first = nn.ReLU() if relu else nn.Identity()
        self.conv1 = convolution(in_channels, channels, 3, bias=bias, norm=norm)
        self.conv2 = convolution(channels, channels, 3, bias=bias, norm=norm)
        self.skip: nn.Module = nn.Identity()
        if pool or in_channels != channels:
            self.skip = convolution(in_channels, channels, 1, bias=True, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rectified = self.first(self.norm1(x))
        out = self.pool(F.relu(self.norm2(self.conv1(rectified))))
        return self.conv2(out) + self.skip(self.pool(rectified if self.relu_skip else x))
