"""Real-world face super-resolution for BasicSR: semi-cycled GANs guided by a face alignment network.

An option file imports the package with one line, ``plugin: !!python/name:scgan_fan.__name__``, or by being based on one
that does (``options.py``): where BasicSR is there already, ``plugin`` registers everything with it. Otherwise an import
is light and changes nothing.
"""
import importlib
import sys
from typing import TYPE_CHECKING

import scgan_fan_startup

__version__ = '0.1.0'
LATER = {  # name -> module that is imported when it is asked for
    'based_on': 'scgan_fan.options', 'load_restorer': 'scgan_fan.network_loader', 'read_photo': 'scgan_fan.images',
    'restore': 'scgan_fan.inference', 'restore_photo': 'scgan_fan.inference', 'write_photo': 'scgan_fan.images'}
if TYPE_CHECKING:
    from scgan_fan.images import read_photo, write_photo  # noqa: F401
    from scgan_fan.inference import restore, restore_photo  # noqa: F401
    from scgan_fan.network_loader import load_restorer  # noqa: F401
    from scgan_fan.options import based_on  # noqa: F401

scgan_fan_startup.install()
if 'basicsr' in sys.modules:
    from scgan_fan import plugin  # noqa: F401


def __getattr__(name: str):
    if name not in LATER:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(importlib.import_module(LATER[name]), name)
