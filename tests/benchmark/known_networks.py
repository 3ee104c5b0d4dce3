"""Networks whose answer is known, for the benchmark's tests."""
import torch
from basicsr.utils.registry import ARCH_REGISTRY
from torch import nn


@ARCH_REGISTRY.register()
class FirstChannelNet(nn.Module):
    """Keeps the first channel, and puts its parameter, black in the weights' value range, in place of the others."""

    def __init__(self, black: float = 0.0):
        super().__init__()
        self.black = nn.Parameter(torch.tensor(black))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        others = self.black.expand(x.shape[0], 2, *x.shape[2:])
        return torch.cat([x[:, :1], others], dim=1)


@ARCH_REGISTRY.register()
class SideNet(nn.Module):
    """Answers with the side of its input as a grey level, times a parameter."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.factor * torch.full_like(x, x.shape[-1] / 255)
