"""The penalty that keeps a WGAN critic's gradient near length 1 (Gulrajani et al. 2017; Super-FAN, Eq 3)."""
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from scgan_fan.precision import at_least_float32


@LOSS_REGISTRY.register()
class GradientPenalty(nn.Module):
    """lambda E[(||grad D(x)||_2 - 1)^2] at points x between a real and a generated image, one point for each pair.

    The norm is over all pixels and channels of an image. (BasicSR's ``gradient_penalty_loss`` takes it over the
    channels alone.) Autocast is off: the gradient of a gradient wants single precision.

    Args:
        loss_weight: lambda; 10 as usual, the papers do not give it.
    """

    def __init__(self, loss_weight: float = 10.0):
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        """Penalize a critic.

        Args:
            critic: images -> (batch, 1).
            real, fake: (batch, 3, height, width); no gradient goes to them.
            mix: (batch,), each sample's share of the real image, uniform in [0, 1].

        Returns:
            scalar, weighted.
        """
        with torch.autocast(real.device.type, enabled=False):
            share = mix.view(-1, 1, 1, 1).to(real.dtype)
            between = torch.lerp(at_least_float32(fake.detach()), real.detach(), share)
            between.requires_grad_(True)
            gradient, = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            return self.loss_weight * (gradient.flatten(1).norm(dim=1) - 1).square().mean()
