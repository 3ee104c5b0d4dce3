"""Optimizers and learning rates of an option file."""
from collections.abc import Iterable

import torch
from torch import nn

from scgan_fan.errors import InputError, check_choice
from scgan_fan.models.lr_scheduler import CosineAnnealingRestartLR, OscillatingCosineLR

OPTIMIZERS = {name: getattr(torch.optim, name) for name in ('Adam', 'AdamW', 'RMSprop', 'SGD')}
SCHEDULERS = {'OscillatingCosineLR': OscillatingCosineLR, 'CosineAnnealingRestartLR': CosineAnnealingRestartLR,
              'LinearLR': torch.optim.lr_scheduler.LinearLR}


def build_optimizer(name: str, parameters: Iterable[nn.Parameter], options: dict) -> torch.optim.Optimizer:
    """The optimizer of network ``name`` from an ``optim_*`` block, ``{type, lr, ...}``.

    Raises:
        InputError: unknown type, or a wrong value.
    """
    options = dict(options)
    kind = options.pop('type')
    check_choice('train: optim type', kind, OPTIMIZERS)
    for key, value in options.items():
        if isinstance(value, str):
            raise InputError(f'train: optimizer of {name}: {key}: {value!r} is text, not a number; to YAML 1e-4 is '
                             'text and 1.0e-4 a number')
    try:
        return OPTIMIZERS[kind](parameters, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f'train: optimizer of {name}: {error}; see the arguments of torch.optim.{kind}') from error
