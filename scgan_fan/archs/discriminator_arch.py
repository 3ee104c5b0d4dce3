"""The discriminators of SCGAN, for sharp and for low-resolution faces."""
import torch
import torch.nn.functional as F
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn

from scgan_fan.archs.blocks import convolution, halvings, scaled
from scgan_fan.archs.spectral_norm import spectral_norm
from scgan_fan.errors import InputError

CHANNELS = (128, 128, 256, 256, 512, 512)  # papers.md section 2.4
LAST_SIZE = 4
HIDDEN_FEATURES = 512


class DiscriminatorBlock(nn.Module):
    """Spectrally normalised ReLU-conv-ReLU-[pool]-conv plus a skip of the raw input."""

    def __init__(self, in_channels: int, channels: int, down: bool):
        super().__init__()
        self.down = down
        self.conv1 = convolution(in_channels, channels, 3, norm='spectral')
        self.conv2 = convolution(channels, channels, 3, norm='spectral')
        self.skip = None
        if down or in_channels != channels:
            self.skip = convolution(in_channels, channels, 1, bias=True, norm='spectral')

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, skip = F.relu(self.conv1(F.relu(x))), x
        if self.down:
            out, skip = F.max_pool2d(out, 2), F.max_pool2d(skip, 2)
        return self.conv2(out) + (skip if self.skip is None else self.skip(skip))


@ARCH_REGISTRY.register()
class FaceDiscriminator(nn.Module):
    """Six residual blocks, the last ones with max pooling down to 4x4, and two linear layers, all under spectral norm
    (papers.md section 2.4; 15,390,849 parameters for 16 pixels, 15,456,641 for 64).

    Args:
        size: height and width of the faces: 4 times a power of two, up to 256.
        width: share of the papers' channels.
    """

    def __init__(self, size: int = 64, width: float = 1.0):
        super().__init__()
        if size % LAST_SIZE:
            raise InputError(f'FaceDiscriminator size: {size} is not a multiple of {LAST_SIZE}')
        poolings = halvings('FaceDiscriminator size / 4', size // LAST_SIZE)
        if poolings > len(CHANNELS):
            raise InputError(f'FaceDiscriminator size: {size} is above {LAST_SIZE * 2**len(CHANNELS)}')
        self.size = size
        channels = [3, *(scaled(c, width) for c in CHANNELS)]
        self.blocks = nn.Sequential(*(
            DiscriminatorBlock(before, after, down=i >= len(CHANNELS) - poolings)
            for i, (before, after) in enumerate(zip(channels, channels[1:]))))
        hidden = scaled(HIDDEN_FEATURES, width)
        self.output = nn.Sequential(
            nn.Flatten(), spectral_norm(nn.Linear(channels[-1] * LAST_SIZE**2, hidden)), nn.ReLU(),
            spectral_norm(nn.Linear(hidden, 1)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Judge faces: (batch, 3, size, size), RGB in [-1, 1] -> (batch, 1), high for real."""
        if images.shape[-2:] != (self.size, self.size):
            raise InputError(f'FaceDiscriminator: images of {tuple(images.shape[-2:])}, built for size {self.size}')
        return self.output(self.blocks(images))
