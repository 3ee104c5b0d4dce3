"""Learning rates over time, and the schedules that an option file may name."""
import math

import torch
from basicsr.models import lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from scgan_fan.errors import InputError


class OscillatingCosineLR(LRScheduler):
    """Cosine from the initial rate to ``eta_min`` over ``half_period`` epochs, and back up over as many.

    SCGAN's released code steps a cosine annealing with T_max = 10 once an epoch and never restarts it, so the rate
    oscillates: 1e-4 at epoch 0, 1e-5 at 10, 1e-4 at 20 (papers.md section 2.7). The paper's words, "cosine annealing
    at every 10 epochs", can also be read as restarts.

    Args:
        optimizer: its rates are the upper ends.
        half_period: epochs from the upper end to the lower.
        eta_min: the lower end.
        iters_per_epoch: BasicSR steps schedulers each iteration; the rate changes once in so many.
        warm_restarts: jump back to the upper end instead of going up slowly.
    """

    def __init__(self, optimizer, half_period: int, eta_min: float, iters_per_epoch: int, warm_restarts: bool = False,
                 last_epoch: int = -1):
        if half_period < 1 or iters_per_epoch < 1:
            raise InputError(f'train: scheduler: half_period {half_period} and iters_per_epoch {iters_per_epoch} must '
                             'be whole numbers from 1')
        self.half_period = half_period
        self.eta_min = eta_min
        self.iters_per_epoch = iters_per_epoch
        self.warm_restarts = warm_restarts
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rate of each parameter group."""
        epoch = self.last_epoch // self.iters_per_epoch
        if self.warm_restarts:
            epoch %= self.half_period
        height = (1 + math.cos(math.pi * epoch / self.half_period)) / 2
        return [self.eta_min + (base - self.eta_min) * height for base in self.base_lrs]


class CosineAnnealingRestartLR(lr_scheduler.CosineAnnealingRestartLR):
    """BasicSR's, which knows no rate for iterations after its last period: there it stays where that has ended."""

    def get_lr(self) -> list[float]:
        """The rate of each parameter group."""
        if self.last_epoch > self.cumulative_period[-1]:
            return [self.eta_min] * len(self.base_lrs)
        return super().get_lr()


SCHEDULERS = {
    'OscillatingCosineLR': OscillatingCosineLR, 'CosineAnnealingRestartLR': CosineAnnealingRestartLR,
    'LinearLR': torch.optim.lr_scheduler.LinearLR, 'MultiStepLR': lr_scheduler.MultiStepRestartLR,
    'MultiStepRestartLR': lr_scheduler.MultiStepRestartLR}
