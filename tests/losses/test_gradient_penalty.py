"""The gradient penalty against critics whose gradient is known, and the hinge losses beside it."""
import pytest
import torch
from basicsr.losses.gan_loss import GANLoss
from torch import nn

from scgan_fan.losses import GradientPenalty, ZeroCenteredPenalty


class Linear(nn.Module):
    """D(x) = <w, x>: its gradient is w everywhere."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images * self.weight).flatten(1).sum(dim=1, keepdim=True)


class Square(nn.Module):
    """D(x) = |x|^2 / 2: its gradient is x, so the penalty tells at which point it was taken."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1).square().sum(dim=1, keepdim=True) / 2


def images(*shape: int, device: str, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(device)


def test_of_a_linear_critic(device):
    weight = images(3, 4, 4, device=device)
    real, fake = (images(2, 3, 4, 4, device=device, seed=seed) for seed in (1, 2))
    critic = Linear(weight)
    penalty = GradientPenalty(10.0)(critic, real, fake, torch.tensor([0.3, 0.9], device=device))
    length = weight.norm()
    assert penalty.item() == pytest.approx(10 * (length - 1).item()**2, rel=1e-12)
    penalty.backward()  # d/dw 10 (|w| - 1)^2
    assert torch.allclose(critic.weight.grad, 20 * (length - 1) * weight / length, rtol=1e-10)


def test_one_point_for_each_pair(device):
    real, fake = (images(3, 3, 4, 4, device=device, seed=seed) for seed in (1, 2))
    mix = images(3, device=device).abs().clamp_max(1)
    between = mix.view(3, 1, 1, 1) * real + (1 - mix.view(3, 1, 1, 1)) * fake
    expected = (between.flatten(1).norm(dim=1) - 1).square().mean()
    assert GradientPenalty(1.0)(Square(), real, fake, mix).item() == pytest.approx(expected.item(), rel=1e-12)


def test_gradcheck_in_float64(device):
    torch.manual_seed(0)
    first, second = (layer.double().to(device) for layer in (nn.Conv2d(3, 4, 3), nn.Linear(16, 1)))
    real, fake = (images(2, 3, 4, 4, device=device, seed=seed) for seed in (1, 2))
    mix = torch.tensor([0.2, 0.7], dtype=torch.float64, device=device)

    def penalty(kernel: torch.Tensor) -> torch.Tensor:
        def critic(x: torch.Tensor) -> torch.Tensor:
            return second(torch.tanh(nn.functional.conv2d(x, kernel)).flatten(1))
        return GradientPenalty(1.0)(critic, real, fake, mix)

    assert torch.autograd.gradcheck(penalty, first.weight)


def test_zero_centered_penalty_is_of_the_real_and_of_the_generated_images(device):
    real, fake = (images(3, 3, 4, 4, device=device, seed=seed) for seed in (1, 2))
    of_each = [kind.flatten(1).norm(dim=1).square() for kind in (real, fake)]
    for samples, seen in ((8, 3), (3, 3), (1, 1)):
        penalty = ZeroCenteredPenalty(0.3, samples)(Square(), real, fake, None)
        expected = 0.3 * sum(squares[:seen].mean() for squares in of_each)
        assert penalty.item() == pytest.approx(expected.item(), rel=1e-12)


def test_zero_centered_penalty_of_a_linear_critic(device):
    weight = images(3, 4, 4, device=device)
    critic = Linear(weight)
    real, fake = (images(2, 3, 4, 4, device=device) for _ in range(2))
    ZeroCenteredPenalty(0.3)(critic, real, fake, None).backward()
    assert torch.allclose(critic.weight.grad, 4 * 0.3 * weight)  # d/dw 2 lambda |w|^2


@pytest.mark.parametrize('target, is_disc', [(True, True), (False, True), (True, False)])
def test_hinge_gradcheck_in_float64(target, is_disc, device):
    loss = GANLoss('hinge', loss_weight=0.05)
    values = [[-1.7], [-0.3], [0.4], [1.6]]  # not at the hinges
    judged = torch.tensor(values, dtype=torch.float64, device=device, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss(x, target, is_disc=is_disc), judged)


def test_no_gradient_to_the_images_and_single_precision_under_autocast(device):
    real = images(2, 3, 4, 4, device=device).float()
    fake = images(2, 3, 4, 4, device=device, seed=1).bfloat16().requires_grad_(True)
    critic = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 1)).to(device)
    with torch.autocast(device, torch.bfloat16):
        penalty = GradientPenalty()(critic, real, fake, torch.tensor([0.5, 0.5], device=device))
    assert penalty.dtype is torch.float32
    penalty.backward()
    assert fake.grad is None and critic[0].weight.grad.isfinite().all() and critic[0].weight.grad.any()
