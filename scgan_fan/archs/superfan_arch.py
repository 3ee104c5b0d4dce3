"""The networks of Super-FAN (CVPR 2018; papers.md section 5.1): super-resolution in one go, and its WGAN critic.

Widths and upsampler are not in the paper: 64 channels and a transposed convolution are papers.md's reconstruction.
"""
from itertools import pairwise

import torch
from torch import nn

from scgan_fan.archs.blocks import LAST_SIZE, check_size, scaled
from scgan_fan.errors import InputError, check_choice

CHANNELS = 64
CRITIC_CHANNELS = (64, 128, 256, 512)


def activation_layer(kind: str) -> nn.Module:
    """``relu`` or ``prelu`` with one learned slope."""
    return nn.ReLU() if kind == 'relu' else nn.PReLU()


class SuperFANBlock(nn.Sequential):
    """conv-BN-activation-conv-BN plus the input, no activation after the sum (papers.md section 5.1, Fig 3a)."""

    def __init__(self, channels: int, kind: str):
        super().__init__(
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels), activation_layer(kind),
            nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


def upsampler(channels: int, how: str, kind: str) -> nn.Sequential:
    """Twice the size."""
    if how == 'deconv':
        return nn.Sequential(nn.BatchNorm2d(channels), activation_layer(kind),
                             nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1))
    return nn.Sequential(nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), activation_layer(kind))


class SuperFANNet(nn.Module):
    """Residual blocks at 1x, 2x, 4x the input's size (1,394,883 parameters; with PixelShuffle 1,558,851).

    Args:
        blocks: residual blocks at each size, one number more than there are doublings: (12, 3, 2) is Super-FAN,
            (16, 1, 1) its SR-ResNet baseline.
        width: share of 64 channels.
        upsampling: ``deconv`` or ``pixelshuffle``.
        activation: ``relu``; ``prelu`` for SR-ResNet.
        long_skip: add the stem's output after the first group (Super-FAN's Table 4: no gain; SR-ResNet has it).
    """

    def __init__(self, blocks: tuple[int, ...] = (12, 3, 2), width: float = 1.0, upsampling: str = 'deconv',
                 activation: str = 'relu', long_skip: bool = False):
        super().__init__()
        check_choice('SuperFANNet upsampling', upsampling, ('deconv', 'pixelshuffle'))
        check_choice('SuperFANNet activation', activation, ('relu', 'prelu'))
        if len(blocks) < 2:
            raise InputError(f'SuperFANNet: blocks {list(blocks)}; give at least two numbers, one for each size')
        self.scale = 2 ** (len(blocks) - 1)
        channels = scaled(CHANNELS, width)
        self.long_skip = long_skip
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), activation_layer(activation))
        first, *others = blocks
        self.group = nn.Sequential(*(SuperFANBlock(channels, activation) for _ in range(first)))
        self.enlarge = nn.Sequential()
        for count in others:
            self.enlarge.append(upsampler(channels, upsampling, activation))
            self.enlarge.extend(SuperFANBlock(channels, activation) for _ in range(count))
        self.output = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Enlarge faces: (batch, 3, height, width), RGB in [-1, 1] -> 2^(len(blocks) - 1) times the size, unclamped."""
        stem = self.stem(images)
        x = self.group(stem)
        return self.output(self.enlarge(x + stem if self.long_skip else x))


class DCGANCritic(nn.Module):
    """Stride-2 convolutions down to 4x4 and one that sees it all, without batch norm (64 pixels: 2,763,776 parameters).

    Args:
        size: height and width of the faces: 4 times a power of two, from 8 to 64.
        width: share of the channels 64, 128, 256, 512.
    """

    def __init__(self, size: int = 64, width: float = 1.0):
        super().__init__()
        sizes = (8, 16, 32, 64)
        if size not in sizes:
            raise InputError(f'DCGANCritic size: {size} is not 8, 16, 32 or 64')
        self.size = size
        channels = [3, *(scaled(c, width) for c in CRITIC_CHANNELS[:sizes.index(size) + 1])]
        layers = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, LAST_SIZE, bias=False), nn.Flatten())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Judge faces: (batch, 3, size, size), RGB in [-1, 1] -> (batch, 1), high for real."""
        check_size(self, images)
        return self.layers(images)
