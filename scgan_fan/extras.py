"""Packages that only some functions need."""
import importlib
from types import ModuleType

from scgan_fan.errors import InputError


def import_extra(package: str, owner: str, install: str) -> ModuleType:
    """A package; InputError, which says what pip is to install for ``owner``, where it is not there."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise InputError(f'{owner}: needs {package}, which is not installed; pip install {install}') from error
