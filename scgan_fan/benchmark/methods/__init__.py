"""The kinds of methods that a benchmark's option file can name.

``build(name, block, size, device)`` makes one from its block of the option file; ``KINDS`` has its ``type``. A new kind
is a class derived from ``base.Method``, whose fields are its options, and its line in ``KINDS``.
"""
from typing import Any

import torch

from scgan_fan.benchmark.methods.base import GIVEN, Method
from scgan_fan.benchmark.methods.networks import DFDNet, RegisteredNetwork, RestorerNetwork, SpandrelNetwork
from scgan_fan.benchmark.methods.without_network import Folder, Interpolation, Noise, Truth
from scgan_fan.errors import check_choice
from scgan_fan.schema_types import block_of

KINDS = {'interpolation': Interpolation, 'network': RegisteredNetwork, 'restorer': RestorerNetwork,
         'spandrel': SpandrelNetwork, 'dfdnet': DFDNet, 'folder': Folder, 'truth': Truth, 'noise': Noise}


def build(name: str, block: dict, size: int, device: torch.device) -> Method:
    """The method of a block of the option file.

    Raises:
        NotRun: a file that it needs is not there.
        InputError: the block is wrong, or a file is damaged or of another kind.
    """
    owner, options = f'methods: {name}', {key: value for key, value in block.items() if key != 'type'}
    check_choice(f'{owner}: type', block.get('type'), KINDS)
    kind: Any = KINDS[block['type']]
    checked = block_of(kind, given=GIVEN).read(options, owner)
    return kind(owner=owner, size=size, device=device, **dict(checked))
