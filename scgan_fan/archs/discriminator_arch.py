"""The discriminators of SCGAN and LRGAN, for sharp and for low-resolution faces."""
from itertools import pairwise

import torch
from torch import nn

from scgan_fan.archs.blocks import LAST_SIZE, ResidualBlock, check_size, halvings, normalized, scaled
from scgan_fan.errors import InputError, check_choice

CHANNELS = (128, 128, 256, 256, 512, 512)  # papers.md section 2.4
HIDDEN_FEATURES = 512


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
            ResidualBlock(before, after, halve if i >= len(CHANNELS) - poolings else None, relu_skip=False, norm=norm)
            for i, (before, after) in enumerate(pairwise(channels))))
        hidden = scaled(HIDDEN_FEATURES, width)
        self.output = nn.Sequential(
            nn.Flatten(), normalized(nn.Linear(channels[-1] * LAST_SIZE**2, hidden), norm), nn.ReLU(),
            normalized(nn.Linear(hidden, 1), norm))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Judge faces: (batch, 3, size, size), RGB in [-1, 1] -> (batch, 1), high for real."""
        check_size(self, images)
        return self.output(self.blocks(images))
