"""The two sides of an adversarial term. ``model`` is a FaceModel; discriminator ``d_X`` (or ``d``) has the block
``adv_X_opt`` (or ``adv_opt``)."""
import torch

from scgan_fan.precision import at_least_float32

PENALTY = 1  # what a draw is for; see FaceModel.draw


def term_of(discriminator: str) -> str:
    """The loss block that trains a discriminator.

    >>> term_of('d_l1'), term_of('d')
    ('adv_l1_opt', 'adv_opt')
    """
    return f'adv{discriminator.removeprefix("d")}_opt'


def discriminators_learn(model) -> None:
    """The discriminators' half of a step begins."""
    for name in model.discriminators:
        model.networks[name].requires_grad_(True).train()


def discriminators_rest(model) -> None:
    """The generators' half begins: no gradients for the discriminators' parameters; in evaluation mode, after
    ``judge_jointly``, spectral norm rests too."""
    for name in model.discriminators:
        model.networks[name].requires_grad_(False).train(not model.discriminate_jointly)


def penalty_points(model, batch: list, current_iter: int) -> tuple[torch.Tensor, ...]:
    """For each microbatch where between real (1) and generated (0) each sample's gradient is penalized."""
    return model.draw(PENALTY, current_iter, torch.rand).split([len(microbatch) for microbatch in batch])


def discriminator_loss(model, name: str, real: torch.Tensor, fake: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """How badly a discriminator tells real from generated images, with its gradient penalty where there is one.

    Args:
        real, fake: (batch, 3, height, width), RGB in [-1, 1]; no gradient goes to them.
        points: (batch,), of ``penalty_points``.
    """
    discriminator, criterion = model.networks[name], model.terms[term_of(name)]
    with model.autocast():
        outputs = discriminate(discriminator, real, fake.detach(), model.discriminate_jointly)
    loss = sum(criterion(at_least_float32(output), target, is_disc=True)
               for output, target in zip(outputs, (True, False)))
    if model.gradient_penalty is not None:
        loss = loss + model.gradient_penalty(discriminator, real, fake, points)
    return loss


def discriminate(discriminator: torch.nn.Module, real: torch.Tensor, fake: torch.Tensor, jointly: bool):
    """A discriminator's outputs for real and for generated images, (batch, 1) each.

    Seen one after the other, as in the released code, spectral norm iterates for the real, for the generated, and again
    in the generators' half. ``jointly`` makes one batch of them and iterates once a step: less work.
    """
    if jointly:
        return discriminator(torch.cat([real, fake.to(real.dtype)])).chunk(2)
    return discriminator(real), discriminator(fake)


def adversarial_term(model, name: str, fake: torch.Tensor) -> torch.Tensor:
    """The generators' side: how badly they deceive a discriminator."""
    return model.terms[term_of(name)](at_least_float32(model.networks[name](fake)), True)
