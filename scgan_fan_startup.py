"""What has to be in place before ``import basicsr`` and ``import torchvision`` can work on today's stack.

Python runs ``install()`` at every start, through a one-line ``.pth`` file that belongs to scgan_fan, because BasicSR's
own ``train.py`` imports both before it reads the option file that names the plugin. It only adds a finder to
``sys.meta_path``; nothing is imported until somebody asks for one of the two modules.
"""
import sys

FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'


class _Finder:
    """Answers for the module that torchvision has dropped, and prepares torchvision's own import.

    No base classes and no imports above: every start of Python would pay for them.
    """

    def find_spec(self, name, path=None, target=None):
        if name not in (FUNCTIONAL_TENSOR, 'torchvision'):
            return None
        import importlib.machinery
        if name == FUNCTIONAL_TENSOR:
            return importlib.machinery.ModuleSpec(name, self)  # type: ignore[arg-type]  # no base class
        _declare_operators(importlib.machinery.PathFinder.find_spec(name, path))
        return None  # the real torchvision is found as ever

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        """BasicSR 1.4.2 imports ``rgb_to_grayscale`` from ``functional_tensor``, gone since torchvision 0.17."""
        from torchvision.transforms.functional import rgb_to_grayscale
        module.rgb_to_grayscale = rgb_to_grayscale


def _declare_operators(torchvision_spec) -> None:
    """PyPI's torchvision is built for CUDA; beside a CPU-only torch its extension cannot load and the import dies with
    "operator torchvision::nms does not exist". Declaring the two operators it looks up is enough for BasicSR."""
    from pathlib import Path

    import torch
    if torchvision_spec is None or hasattr(torch.ops.torchvision, 'nms'):
        return
    for extension in Path(torchvision_spec.origin).parent.glob('_C*.so'):
        try:
            torch.ops.load_library(extension)  # torchvision does the same a moment later
        except OSError:
            library = torch.library.Library('torchvision', 'DEF')
            for operator in ('nms', 'qnms'):
                library.define(f'{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
            torch._scgan_fan_torchvision_operators = library  # type: ignore[attr-defined]  # they are gone when the library object is


def install() -> None:
    """Add the finder, once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
