"""FAN, the face alignment network (Bulat and Tzimiropoulos, ICCV 2017): stacked hourglasses that draw 68 heatmaps.

Module names are those of the published PyTorch 2D-FAN weights, so that their state dict loads unchanged.
"""
import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs.blocks import check_positive
from scgan_fan.errors import InputError, check_choice

MAX_STACKS = 4


class ConvBlock(nn.Module):
    """Hierarchical residual block: three BN-ReLU-conv3x3 of c/2, c/4 and c/4 channels, concatenated, plus the skip."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        half, quarter = channels // 2, channels // 4
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.downsample = None
        if in_channels != channels:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(in_channels), nn.ReLU(), nn.Conv2d(in_channels, channels, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.conv1(F.relu(self.bn1(x)))
        second = self.conv2(F.relu(self.bn2(first)))
        third = self.conv3(F.relu(self.bn3(second)))
        skip = x if self.downsample is None else self.downsample(x)
        return torch.cat((first, second, third), dim=1) + skip


class Hourglass(nn.Module):
    """``depth`` halvings and as many doublings, with a block on each level's skip; the size is kept."""

    def __init__(self, depth: int, channels: int, pool: nn.Module):
        super().__init__()
        self.depth = depth
        self.pool = pool
        for level in range(depth, 0, -1):
            for block in ('b1', 'b2', 'b3'):
                self.add_module(f'{block}_{level}', ConvBlock(channels, channels))
        self.b2_plus_1 = ConvBlock(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._level(self.depth, x)

    def _level(self, level: int, x: torch.Tensor) -> torch.Tensor:
        skip = self.get_submodule(f'b1_{level}')(x)
        low = self.get_submodule(f'b2_{level}')(self.pool(x))
        low = self._level(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = self.get_submodule(f'b3_{level}')(low)
        return skip + F.interpolate(low, scale_factor=2, mode='nearest')


class FAN(nn.Module):
    """Face alignment network (papers.md section 5.1; parameters with 1, 2, 4 stacks: 6,249,668 / 12,106,504 /
    23,820,176).

    Args:
        num_stacks: hourglasses, 1 to 4. The published 2D-FAN has 4, Super-FAN uses 2.
        num_landmarks: heatmaps, 68 for the iBUG scheme.
        width: channels of the hourglasses, a multiple of 16; the stem has a quarter and a half of it. Published: 256.
        depth: halvings inside an hourglass.
        stem_stride: image pixels for each heatmap pixel. 4 is the published stem (256 -> 64, 7x7 convolution of
            stride 2, then pooling); 2 leaves the pooling out, for small images (64 -> 32).
        pool: ``avg`` as the published PyTorch weights need, or ``max`` as the Lua training code.
    """

    def __init__(self, num_stacks: int = 4, num_landmarks: int = 68, width: int = 256, depth: int = 4,
                 stem_stride: int = 4, pool: str = 'avg'):
        super().__init__()
        check_choice('FAN num_stacks', num_stacks, range(1, MAX_STACKS + 1))
        check_choice('FAN stem_stride', stem_stride, (2, 4))
        check_choice('FAN pool', pool, ('avg', 'max'))
        check_positive('FAN num_landmarks', num_landmarks)
        check_positive('FAN depth', depth)
        if width < 16 or width % 16:
            raise InputError(f'FAN width: {width} is not a multiple of 16')
        self.num_stacks = num_stacks
        self.num_landmarks = num_landmarks
        self.stem_stride = stem_stride
        self.side_multiple = stem_stride * 2**depth
        self.pool = nn.AvgPool2d(2) if pool == 'avg' else nn.MaxPool2d(2)

        self.conv1 = nn.Conv2d(3, width // 4, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(width // 4)
        self.conv2 = ConvBlock(width // 4, width // 2)
        self.conv3 = ConvBlock(width // 2, width // 2)
        self.conv4 = ConvBlock(width // 2, width)
        for stack in range(num_stacks):
            self.add_module(f'm{stack}', Hourglass(depth, width, self.pool))
            self.add_module(f'top_m_{stack}', ConvBlock(width, width))
            self.add_module(f'conv_last{stack}', nn.Conv2d(width, width, 1))
            self.add_module(f'bn_end{stack}', nn.BatchNorm2d(width))
            self.add_module(f'l{stack}', nn.Conv2d(width, num_landmarks, 1))
            if stack < num_stacks - 1:  # features and heatmaps go back into the next stack
                self.add_module(f'bl{stack}', nn.Conv2d(width, width, 1))
                self.add_module(f'al{stack}', nn.Conv2d(num_landmarks, width, 1))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Heatmaps of images (batch, 3, side, side), RGB in [0, 1], the side a multiple of ``stem_stride * 2**depth``:
        for each stack (batch, num_landmarks, side / stem_stride, side / stem_stride), peaks near 1.
        """
        if images.shape[-1] % self.side_multiple or images.shape[-2] % self.side_multiple:
            raise InputError(f'FAN: image of {images.shape[-2]}x{images.shape[-1]} pixels; each side must be a '
                             f'multiple of {self.side_multiple}')
        x = self.conv2(F.relu(self.bn1(self.conv1(images))))
        if self.stem_stride == 4:
            x = self.pool(x)
        x = self.conv4(self.conv3(x))
        heatmaps = []
        for stack in range(self.num_stacks):
            features = self.get_submodule(f'top_m_{stack}')(self.get_submodule(f'm{stack}')(x))
            features = F.relu(self.get_submodule(f'bn_end{stack}')(self.get_submodule(f'conv_last{stack}')(features)))
            heatmaps.append(self.get_submodule(f'l{stack}')(features))
            if stack < self.num_stacks - 1:
                x = x + self.get_submodule(f'bl{stack}')(features) + self.get_submodule(f'al{stack}')(heatmaps[-1])
        return heatmaps
