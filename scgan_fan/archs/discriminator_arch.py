"""The discriminators of SCGAN and LRGAN, for sharp and for low-resolution faces."""
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs.blocks import LAST_SIZE, check_size, convolution, halvings, normalized, scaled
from scgan_fan.errors import InputError, check_choice

CHANNELS = (128, 128, 256, 256, 512, 512)  # papers.md section 2.4
HIDDEN_FEATURES = 512


class DiscriminatorBlock(nn.Module):
    """[ReLU]-conv-ReLU-[pool]-conv plus a skip of the raw input.

    Args:
        in_channels, channels: of input and output.
        pool: what halves the size of both branches, or None.
        norm: ``spectral`` or ``none``.
        bias: of the 3x3 convolutions.
        relu: begin with a ReLU.
    """

    def __init__(self, in_channels: int, channels: int, pool: nn.Module | None, norm: str = 'spectral',
                 bias: bool = False, relu: bool = True):
        super().__init__()
        self.pool = pool or nn.Identity()
        self.first = nn.ReLU() if relu else nn.Identity()
        self.conv1 = convolution(in_channels, channels, 3, bias=bias, norm=norm)
        self.conv2 = convolution(channels, channels, 3, bias=bias, norm=norm)
        self.skip: nn.Module = nn.Identity()
        if pool or in_channels != channels:
            self.skip = convolution(in_channels, channels, 1, bias=True, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.pool(F.relu(self.conv1(self.first(x))))
        return self.conv2(out) + self.skip(self.pool(x))


class FaceDiscriminator(nn.Module):
    """Six residual blocks, the last ones with pooling down to 4x4, and two linear layers
    (papers.md section 2.4; 15,390,849 parameters for 16 pixels, 15,456,641 for 64).

    Args:
        size: height and width of the faces: 4 times a power of two, up to 256.
        width: share of the papers' channels.
        pool: ``max`` (SCGAN, and LRGAN's paper) or ``avg`` (the training code that LRGAN's authors link to).
        norm: ``spectral``, for hinge losses, or ``none``, for WGAN-GP.
    """

    def __init__(self, size: int = 64, width: float = 1.0, pool: str = 'max', norm: str = 'spectral'):
        super().__init__()
        check_choice('FaceDiscriminator pool', pool, ('max', 'avg'))
        check_choice('FaceDiscriminator norm', norm or 'none', ('spectral', 'none'))
        if size % LAST_SIZE:
            raise InputError(f'FaceDiscriminator size: {size} is not a multiple of {LAST_SIZE}')
        poolings = halvings('FaceDiscriminator size / 4', size // LAST_SIZE)
        if poolings > len(CHANNELS):
            raise InputError(f'FaceDiscriminator size: {size} is above {LAST_SIZE * 2**len(CHANNELS)}')
        self.size = size
        channels = [3, *(scaled(c, width) for c in CHANNELS)]
        halve = nn.MaxPool2d(2) if pool == 'max' else nn.AvgPool2d(2)
        self.blocks = nn.Sequential(*(
            DiscriminatorBlock(before, after, halve if i >= len(CHANNELS) - poolings else None, norm)
            for i, (before, after) in enumerate(pairwise(channels))))
        hidden = scaled(HIDDEN_FEATURES, width)
        self.output = nn.Sequential(
            nn.Flatten(), normalized(nn.Linear(channels[-1] * LAST_SIZE**2, hidden), norm), nn.ReLU(),
            normalized(nn.Linear(hidden, 1), norm))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Judge faces: (batch, 3, size, size), RGB in [-1, 1] -> (batch, 1), high for real."""
        check_size(self, images)
        return self.output(self.blocks(images))
