"""R_LS of SCGAN and the Low-to-High network of LRGAN: a small bad face becomes a sharp one. Used alone at test time."""
import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs.blocks import ResidualBlock, check_positive, convolution, halvings, scaled
from scgan_fan.errors import InputError, check_choice

GROUP_CHANNELS = (256, 128, 96)  # papers.md section 2.3, and N5 of section 2.8 for the third
HEAD_CHANNELS = 96


class Group(nn.Module):
    """Residual blocks of one size with a skip around all of them."""

    def __init__(self, in_channels: int, channels: int, blocks: int, relu_skip: bool, norm: str):
        super().__init__()
        self.relu_skip = relu_skip
        self.blocks = nn.Sequential(*(
            ResidualBlock(channels if i else in_channels, channels, relu_skip=relu_skip, norm=norm)
            for i in range(blocks)))
        self.skip: nn.Module = nn.Identity()
        if in_channels != channels:
            self.skip = convolution(in_channels, channels, 1, bias=True, norm=norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x) + self.skip(F.relu(x) if self.relu_skip else x)


class Upsampler(nn.Sequential):
    """Twice the size: bilinear, batch norm, ReLU, 1x1 convolution."""

    def __init__(self, channels: int, up_norm: str, norm: str):
        super().__init__(
            nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True),
            nn.BatchNorm2d(channels) if up_norm == 'batch' else nn.Identity(),
            nn.ReLU(),
            convolution(channels, channels, 1, bias=True, norm=norm))


class RestorationNet(nn.Module):
    """Groups of residual blocks with upsampling between them (papers.md section 2.3; 15,463,939 parameters).

    Args:
        scale: how many times larger the result is: 2, 4, 8, ...
        blocks: residual blocks of the groups at 1x, 2x, 4x the input's size. (12, 3) is the released network,
            (12, 3, 2) SCGAN's paper's (papers.md section 2.8, N5; 15,820,483 parameters), (2, 3, 12) LRGAN's.
        width: share of the papers' channels; 0.25 suits a CPU.
        relu_skip: see ResidualBlock.
        norm: ``none`` (default: released code), ``spectral`` (SCGAN's paper; papers.md section 2.8, N1) or ``batch``
            (LRGAN, with ``relu_skip`` false; papers.md section 4.1, 15,478,019 parameters).
        up_norm: ``batch`` as released; ``none`` keeps the samples of a batch apart.

    >>> RestorationNet(width=0.25)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(self, scale: int = 4, blocks: tuple[int, ...] = (12, 3), width: float = 1.0, relu_skip: bool = True,
                 norm: str = 'none', up_norm: str = 'batch'):
        super().__init__()
        check_choice('RestorationNet up_norm', up_norm or 'none', ('batch', 'none'))
        doublings = halvings('RestorationNet scale', scale)
        if doublings < 1 or not 1 <= len(blocks) <= min(doublings + 1, len(GROUP_CHANNELS)):
            raise InputError(f'RestorationNet: blocks {list(blocks)} do not go with scale {scale}; give 1 to '
                             f'{min(doublings + 1, len(GROUP_CHANNELS))} numbers and a scale of 2 or more')
        check_positive('RestorationNet blocks', *blocks)
        self.scale = scale
        channels = scaled(GROUP_CHANNELS[0], width)
        self.input = convolution(3, channels, 3, norm=norm)
        self.body = nn.Sequential()
        for step in range(doublings + 1):
            if step < len(blocks):
                group_channels = scaled(GROUP_CHANNELS[step], width)
                self.body.append(Group(channels, group_channels, blocks[step], relu_skip, norm))
                channels = group_channels
            if step < doublings:
                self.body.append(Upsampler(channels, up_norm, norm))
        head = scaled(HEAD_CHANNELS, width)
        self.head = nn.Sequential(
            convolution(channels, head, 3, norm=norm), nn.ReLU(), convolution(head, head, 1, bias=True, norm=norm),
            nn.ReLU(), convolution(head, 3, 1, bias=True, norm=norm), nn.Tanh())

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Restore faces: (batch, 3, height, width), RGB in [-1, 1] -> (batch, 3, scale * height, scale * width)."""
        return self.head(self.body(self.input(images)))
