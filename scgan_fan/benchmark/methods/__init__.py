"""The kinds of methods that a benchmark's option file can name.

``build(name, block, size, device)`` makes one from its block of the option file; ``KINDS`` has its ``type``. A new kind
is a class derived from ``base.Method``, and its line in ``KINDS``.
"""
import torch

from scgan_fan.benchmark.methods.base import Method
from scgan_fan.benchmark.methods.networks import DFDNet, RegisteredNetwork, RestorerNetwork, SpandrelNetwork
from scgan_fan.benchmark.methods.without_network import Folder, Interpolation, Noise, Truth
from scgan_fan.errors import check_choice

KINDS = {'interpolation': Interpolation, 'network': RegisteredNetwork, 'restorer': RestorerNetwork,
         'spandrel': SpandrelNetwork, 'dfdnet': DFDNet, 'folder': Folder, 'truth': Truth, 'noise': Noise}


def build(name: str, block: dict, size: int, device: torch.device) -> Method:
    """The method of a block of the option file.

    Raises:
        NotRun: a file that it needs is not there.
        InputError: the block is wrong, or a file is damaged or of another kind.
    """
    check_choice(f'methods: {name}: type', block.get('type'), KINDS)
    return KINDS[block['type']](name, block, size, device)
