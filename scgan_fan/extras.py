"""Packages that only some functions need."""
import importlib
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from scgan_fan.errors import InputError, first_line


def import_extra(package: str, owner: str, install: str) -> ModuleType:
    """A package; InputError, which says what pip is to install for ``owner``, where it is not there."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise _missing(package, owner, install) from error


def require_extra(package: str, owner: str, install: str) -> None:
    """The error of ``import_extra`` without importing the package: early, where other imports take seconds."""
    if find_spec(package) is None:
        raise _missing(package, owner, install)


def _missing(package: str, owner: str, install: str) -> InputError:
    return InputError(f'{owner}: needs {package}, which is not installed; pip install {install}')


def package_folder(package: str, owner: str) -> Path:
    """Where the files of a package lie, which is not imported; InputError, which says what ``owner`` lacks, where it is
    not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        name = package.replace('_', '-')
        raise InputError(f'{owner}: {name} is not installed; pip install {name}')
    return Path(spec.submodule_search_locations[0])


def open_onnx(model: bytes, label: str, threads: int):
    """The session of a ``model``, the content of an ``.onnx`` file, which onnxruntime runs on so many ``threads`` of
    the CPU; errors call it ``label``.

    Raises InputError where onnxruntime is not installed, or it is no ONNX model.
    """
    onnxruntime = import_extra('onnxruntime', label, '"scgan_fan[export]"')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what goes wrong is raised; no need to print it, too
    try:
        return onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'], enable_fallback=0)
    except Exception as error:  # onnxruntime's errors have no class in common
        raise InputError(f'{label}: not a readable ONNX file ({first_line(error)}); it is damaged or of another kind'
                         ) from error
