"""Real-world face super-resolution for BasicSR: semi-cycled GANs guided by a face alignment network.

Importing the package registers its networks, losses, metrics, datasets and models with BasicSR. An option file does so
with one line, ``plugin: !!python/name:scgan_fan.__name__``, or by being based on one that does (``options.py``).
"""
import scgan_fan_startup

scgan_fan_startup.install()

from scgan_fan import compat  # noqa: E402  (basicsr cannot be imported before the line above)

compat.apply()

from scgan_fan import archs, data, losses, metrics, models  # noqa: E402, F401
from scgan_fan.options import based_on  # noqa: E402, F401

__version__ = '0.1.0'
