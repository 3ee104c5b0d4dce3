"""The networks of LRGAN's released code (ECCV 2018; papers.md section 4.1) that differ in kind from SCGAN's.

The others are options of SCGAN's: ``DegradationNet``, ``RestorationNet`` with ``norm: batch`` and ``relu_skip: false``,
and ``FaceDiscriminator``.
"""
import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs.blocks import LAST_SIZE, ResidualBlock, check_size, normalized, scaled
from scgan_fan.archs.degradation_arch import HALVINGS, doublings_of
from scgan_fan.archs.superfan_arch import SuperFANBlock
from scgan_fan.errors import InputError

DEGRADER_CHANNELS = 64
JUDGE_CHANNELS = 128
JUDGE_BLOCKS = 5


class LRGANReleasedDegrader(nn.Module):
    """The High-to-Low variant that the released code flags (1,336,518 parameters).

    Noise is a Gaussian for each pixel, times a learned weight for each channel, added to the image. The text leaves
    open whether the channels share the pixel's Gaussian; here they do.

    Args:
        size, scale: as DegradationNet's.
        width: share of the released 64 channels.
    """

    def __init__(self, size: int = 64, scale: int = 4, width: float = 1.0):
        super().__init__()
        doublings = doublings_of('LRGANReleasedDegrader', size, scale)
        self.size = size
        self.scale = scale
        self.noise_dim = size * size
        self.noise_weight = nn.Parameter(torch.zeros(3, 1, 1))
        channels = scaled(DEGRADER_CHANNELS, width)
        self.body = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1))
        for _ in range(HALVINGS):
            self.body.extend((SuperFANBlock(channels, 'relu'), SuperFANBlock(channels, 'relu'),
                              nn.BatchNorm2d(channels), nn.ReLU(),
                              nn.Conv2d(channels, channels, 3, stride=2, padding=1)))
        for _ in range(doublings):
            self.body.extend((SuperFANBlock(channels, 'relu'), SuperFANBlock(channels, 'relu'),
                              nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()))
        self.body.extend((nn.Conv2d(channels, 3, 3, padding=1), nn.Tanh()))

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """As DegradationNet's; noise: (batch, size * size)."""
        check_size(self, images)
        return self.body(images + self.noise_weight * noise.view(-1, 1, self.size, self.size))


class LRGANReleasedDiscriminator(nn.Module):
    """Five blocks of 128 channels, the first ones with average pooling down to 4x4, global pooling and one linear layer
    (1,348,993 parameters for 16 pixels, 1,382,017 for 64).

    The counts fix that the first blocks are those that pool; that a ReLU stands before the global pooling is our
    choice.

    Args:
        size: height and width of the faces: 4 times a power of two, from 8 to 128.
        width: share of the released 128 channels.
        norm: ``spectral``, for hinge losses, or ``none``, for WGAN-GP.
    """

    def __init__(self, size: int = 64, width: float = 1.0, norm: str = 'spectral'):
        super().__init__()
        sizes = [LAST_SIZE * 2**poolings for poolings in range(1, JUDGE_BLOCKS + 1)]
        if size not in sizes:
            raise InputError(f'LRGANReleasedDiscriminator size: {size} is not 4 times a power of two from 8 to '
                             f'{sizes[-1]}')
        self.size = size
        channels = scaled(JUDGE_CHANNELS, width)
        self.blocks = nn.Sequential(*(
            ResidualBlock(channels if i else 3, channels, nn.AvgPool2d(2) if i <= sizes.index(size) else None,
                          relu_skip=False, norm=norm, bias=True, relu=i > 0)
            for i in range(JUDGE_BLOCKS)))
        self.output = nn.Linear(channels, 1)
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.xavier_uniform_(layer.weight)
        normalized(self.output, norm)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Judge faces: (batch, 3, size, size), RGB in [-1, 1] -> (batch, 1), high for real."""
        check_size(self, images)
        return self.output(F.relu(self.blocks(images)).mean(dim=(2, 3)))
