"""Penalties on a discriminator's gradient: near length 1 for WGAN critics, near 0 for the others."""
import torch
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from scgan_fan.precision import at_least_float32
from scgan_fan.schema_types import Count


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
        """Penalize a critic, images -> (batch, 1), between ``real`` and ``fake`` images (batch, 3, height, width),
        which get no gradient; a weighted scalar. ``mix``: (batch,), each sample's share of the real one, in [0, 1].
        """
        with torch.autocast(real.device.type, enabled=False):
            share = mix.view(-1, 1, 1, 1).to(real.dtype)
            between = torch.lerp(at_least_float32(fake.detach()), real.detach(), share)
            between.requires_grad_(True)
            gradient, = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
            return self.loss_weight * (gradient.flatten(1).norm(dim=1) - 1).square().mean()


@LOSS_REGISTRY.register()
class ZeroCenteredPenalty(nn.Module):
    """lambda (E[||grad D(real)||^2] + E[||grad D(generated)||^2]), R1 and R2: keeps a discriminator that wins flat.

    Mescheder et al. 2018 (Eq 9); both together as in R3GAN (Huang et al. 2024), whose gamma / 2 is ``loss_weight``.
    Without it a hinge that is 0 teaches the discriminator nothing more, while the generators go on along its last
    gradient: fringes and specks.

    Args:
        loss_weight: lambda.
        samples: how many images of each kind are penalized in a step, the first of the batch. Each costs as much as
            five or six images in the discriminator's own step.
    """

    def __init__(self, loss_weight: float = 0.05, samples: Count = 2):
        super().__init__()
        self.loss_weight = loss_weight
        self.samples = samples

    def forward(self, critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        """Penalize a discriminator; the arguments of ``GradientPenalty``, of which ``mix`` is not needed."""
        with torch.autocast(real.device.type, enabled=False):
            images = torch.cat([at_least_float32(kind[:self.samples].detach()) for kind in (real, fake)])
            images.requires_grad_(True)
            gradient, = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
            return 2 * self.loss_weight * gradient.square().flatten(1).sum(dim=1).mean()  # the mean is over both kinds
