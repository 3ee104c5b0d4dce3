"""A training that diverges stops before it saves anything, and says what was first not finite."""
from collections.abc import Iterable

import torch
from torch import nn

from scgan_fan.errors import InputError


class Divergence:
    """Notes in which iteration each loss was first NaN or infinite.

    Args:
        device: of the losses. What is noted stays there: asking for a value would wait for it.
        folder: of the checkpoints, for the message.
    """

    def __init__(self, device: torch.device, folder: str | None):
        self._first: dict[str, torch.Tensor] = {}
        self._never = torch.tensor(torch.inf, device=device)
        self._folder = folder

    def note(self, losses: dict[str, torch.Tensor], iteration: int) -> None:
        """The losses of an iteration."""
        for name, loss in losses.items():
            first = self._first.get(name, self._never)
            self._first[name] = torch.where(loss.isfinite(), first, first.clamp_max(iteration))

    def check_losses(self) -> None:
        """Raise InputError naming the loss that was first not finite."""
        first = {name: value.item() for name, value in self._first.items()}
        if first and min(first.values()) < torch.inf:
            name = min(first, key=first.__getitem__)
            raise self._error(f'iteration {first[name]:.0f}: loss {name} is not finite')

    def check_learned(self, networks: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer],
                      iteration: int) -> None:
        """Raise InputError where a step has left a network or an optimizer with values that are not finite."""
        for name, network in networks.items():
            self._check(f'network_{name} has', network.state_dict().values(), iteration)
        for name, optimizer in optimizers.items():
            moments = (value for state in optimizer.state.values() for value in state.values())
            self._check(f'the optimizer of {name} has', moments, iteration)

    def _check(self, owner: str, values: Iterable, iteration: int) -> None:
        if not all(value.isfinite().all() for value in values if isinstance(value, torch.Tensor)):
            raise self._error(f'iteration {iteration}: {owner} values that are not finite')

    def _error(self, what: str) -> InputError:
        return InputError(f'{what}, training stops; the checkpoints in {self._folder} are from before. Continue from '
                          'one with a lower learning rate, or precision float32')
