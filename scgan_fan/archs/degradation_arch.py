"""Degradation networks: a sharp face and noise become a face that looks badly taken (D_HL and D_SL, High-to-Low)."""
from typing import Any

import torch
from torch import nn

from scgan_fan.archs.blocks import ResidualBlock, check_positive, check_size, convolution, halvings, scaled
from scgan_fan.errors import InputError, check_choice

ENCODER_CHANNELS = (96, 128, 256)  # papers.md section 2.2
BOTTLENECK_CHANNELS = 512
HIDDEN_CHANNELS = 8
HALVINGS = 4


class NoisyInput(nn.Module):
    """The image and one more channel, drawn from the noise vector, through a first convolution.

    ``linear``: the vector goes through a learned layer (released code); ``direct``: it is the channel (SCGAN's paper).
    """

    def __init__(self, channels: int, size: int, noise: str, noise_dim: int, norm: str):
        super().__init__()
        self.size = size
        self.project = nn.Linear(noise_dim, size * size) if noise == 'linear' else nn.Identity()
        self.conv = convolution(4, channels, 3, norm=norm)

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        channel = self.project(noise).view(-1, 1, self.size, self.size).to(images.dtype)
        return self.conv(torch.cat((images, channel), dim=1))


def doublings_of(network: str, size: int, scale: int) -> int:
    """How often a degrader, having halved ``size`` four times, doubles it again; InputError where they do not fit."""
    doublings = HALVINGS - halvings(f'{network} scale', scale)
    if size % 2**HALVINGS or size < 2**HALVINGS or doublings < 0:
        raise InputError(f'{network}: size {size} must be a multiple of {2**HALVINGS} and scale {scale} at most '
                         f'{2**HALVINGS}')
    return doublings


class DegradationNet(nn.Module):
    """Encoder, bottleneck and pixel-shuffle decoder with noise (papers.md section 2.2; 12,291,896 parameters).

    Its parts ``input enc1 enc2 enc3 dec1 dec2 ... output`` are what SCGAN's ablations share between the two degraders:
    ``parts()`` names them.

    Args:
        size: height and width of the sharp face, a multiple of 16.
        scale: how many times smaller the result is: 1, 2, 4, 8 or 16.
        width: share of the papers' channels; 0.25 suits a CPU.
        noise: ``linear`` (default: released code) or ``direct`` (paper; papers.md section 2.8, N2).
        noise_dim: length of the noise vector for ``linear``; ``direct`` has one value for each pixel.
        relu_skip: see ResidualBlock.
        norm: ``none`` (default: released code), ``spectral`` (paper; papers.md section 2.8, N1) or ``batch`` (LRGAN,
            with ``relu_skip`` false; papers.md section 4.1, 12,300,280 parameters).
    """

    def __init__(self, size: int = 64, scale: int = 4, width: float = 1.0, noise: str = 'linear', noise_dim: int = 64,
                 relu_skip: bool = True, norm: str = 'none'):
        super().__init__()
        check_choice('DegradationNet noise', noise, ('linear', 'direct'))
        check_positive('DegradationNet noise_dim', noise_dim)
        doublings = doublings_of('DegradationNet', size, scale)
        self.size = size
        self.scale = scale
        self.noise_dim = noise_dim if noise == 'linear' else size * size
        block: dict[str, Any] = {'relu_skip': relu_skip, 'norm': norm}

        channels = scaled(ENCODER_CHANNELS[0], width)
        self.input = NoisyInput(channels, size, noise, self.noise_dim, norm)
        stages = [scaled(c, width) for c in (*ENCODER_CHANNELS, BOTTLENECK_CHANNELS)]
        for name, stage in zip(('enc1', 'enc2', 'enc3', 'dec1'), stages):
            self.add_module(name, nn.Sequential(
                ResidualBlock(channels, stage, nn.AvgPool2d(2), **block), ResidualBlock(stage, stage, **block)))
            channels = stage
        for step in range(doublings):
            if channels % 4:
                raise InputError(f'DegradationNet width: {width} leaves {channels} channels, which a pixel shuffle '
                                 'cannot divide by 4; take a multiple of 1/32 (x4)')
            channels //= 4
            self.add_module(f'dec{step + 2}', nn.Sequential(
                nn.PixelShuffle(2), ResidualBlock(channels, channels, **block),
                ResidualBlock(channels, channels, **block)))
        self.output = nn.Sequential(
            convolution(channels, HIDDEN_CHANNELS, 3, norm=norm), nn.ReLU(),
            convolution(HIDDEN_CHANNELS, 3, 3, norm=norm), nn.Tanh())

    def parts(self) -> list[str]:
        """The names of the parts, in the order in which the image goes through them."""
        return [name for name, _ in self.named_children()]

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Degrade faces: (batch, 3, size, size), RGB in [-1, 1], and standard normal noise (batch, noise_dim) ->
        (batch, 3, size / scale, size / scale), RGB in [-1, 1].
        """
        check_size(self, images)
        first, *others = self.children()
        x = first(images, noise)
        for part in others:
            x = part(x)
        return x
