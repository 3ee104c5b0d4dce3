"""The two sides of an adversarial term. ``model`` is a FaceModel; discriminator ``d_X`` (or ``d``) has the block
``adv_X_opt`` (or ``adv_opt``)."""
from typing import Any

import torch

from scgan_fan.errors import InputError
from scgan_fan.precision import at_least_float32

PENALTY = 1  # what a draw is for; see FaceModel.draw
SPECK = 2.0**-40  # far below float32's rounding, 2^-24, and far above its smallest number, 2^-126


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
    return _loss(model, name, *discriminate(model, name, real, fake.detach()), real, fake, points)


def discriminate(model, name: str, real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A discriminator's outputs for real and for generated images, (batch, 1) each.

    Seen one after the other, as in the released code, spectral norm iterates for the real, for the generated, and again
    in the generators' half. ``judge_jointly`` makes one batch of them and iterates once a step: less work.
    """
    discriminator = model.networks[name]
    with model.autocast():
        if model.discriminate_jointly:
            of_real, of_fake = discriminator(torch.cat([real, fake.to(real.dtype)])).chunk(2)
        else:
            of_real, of_fake = discriminator(real), discriminator(fake)
    return at_least_float32(of_real), at_least_float32(of_fake)


def _loss(model, name, of_real, of_fake, real, fake, points) -> torch.Tensor:
    criterion = model.terms[term_of(name)]
    loss = criterion(of_real, True, is_disc=True) + criterion(of_fake, False, is_disc=True)
    if model.gradient_penalty is not None:
        loss = loss + model.gradient_penalty(model.networks[name], real, fake, points)
    return loss


def adversarial_term(model, name: str, fake: torch.Tensor) -> torch.Tensor:
    """The generators' side: how badly they deceive a discriminator."""
    return model.terms[term_of(name)](at_least_float32(model.networks[name](fake)), True)


def judge_once(model, name: str, real: torch.Tensor, fake: torch.Tensor, points: torch.Tensor,
               losses: dict[str, torch.Tensor]) -> torch.Tensor:
    """Both sides by one forward and one backward pass: ``discriminator_loss``, whose gradients are added to those of
    the discriminator's parameters and which is noted in ``losses``, and ``adversarial_term``, which is returned.

    The judgement D of a sample is one number, so the gradients of its image for both sides are dD/dx times the slope of
    one loss or the other; what comes back for the discriminator is multiplied by their quotient, as gradient reversal
    (Ganin and Lempitsky 2015) multiplies by a constant. Where the discriminator's own slope is 0, as the hinge's of a
    sample judged below -1, a SPECK of the generators' takes its place, too little to move the weights.

    Raises InputError: the discriminator gives more than one number for an image.
    """
    seen: Any = fake.detach().requires_grad_()
    of_real, of_fake = discriminate(model, name, real, seen)
    if of_fake.numel() != len(fake):
        raise InputError(f'train: simultaneous: network_{name} judges an image by {tuple(of_fake.shape[1:])} numbers, '
                         'not by one; set it to false')
    loss = _loss(model, name, of_real, of_fake, real, fake, points)

    judged, criterion = of_fake.detach().requires_grad_(), model.terms[term_of(name)]
    term = criterion(judged, True)
    slope, = torch.autograd.grad(term, judged)
    own, = torch.autograd.grad(criterion(judged, False, is_disc=True), judged)
    added = torch.where(own.abs() < SPECK * slope.abs(), SPECK * slope - own, 0)

    model.backward(loss + (added * of_fake).sum(), {name: loss}, len(real), losses)
    passed = own + added
    quotient = slope / torch.where(passed == 0, 1, passed) * (len(model.lq) / len(real))  # less the microbatch's share
    gradient = seen.grad * quotient.view(-1, 1, 1, 1)
    return term.detach() + ((fake - fake.detach()) * gradient).sum()
