"""Where networks run."""
import torch

from scgan_fan.errors import InputError


def choose_device(name: str) -> torch.device:
    """``auto`` (a GPU where PyTorch has one), or a device by its name in PyTorch.

    Raises InputError: there is no such device.
    """
    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f'device: {name!r} is not there; give auto, cpu, or cuda on a machine that has it') from error
