"""The optimizers and learning rates that an option file may name."""
import torch
from basicsr.models.lr_scheduler import MultiStepRestartLR

from scgan_fan.models.lr_scheduler import CosineAnnealingRestartLR, OscillatingCosineLR

OPTIMIZERS = {name: getattr(torch.optim, name) for name in ('Adam', 'AdamW', 'RMSprop', 'SGD')}
SCHEDULERS = {
    'OscillatingCosineLR': OscillatingCosineLR, 'CosineAnnealingRestartLR': CosineAnnealingRestartLR,
    'LinearLR': torch.optim.lr_scheduler.LinearLR, 'MultiStepLR': MultiStepRestartLR,
    'MultiStepRestartLR': MultiStepRestartLR}
