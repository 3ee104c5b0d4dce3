"""What has to be in place before ``import basicsr`` can work on today's stack.

Python runs ``install()`` at every start, through a one-line ``.pth`` file that belongs to scgan_fan, because BasicSR's
own ``train.py`` imports BasicSR before it reads the option file that names the plugin. It only adds a finder to
``sys.meta_path``; nothing happens until somebody imports BasicSR.
"""
import sys

FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'


class _Finder:
    """Finds BasicSR as the others do, and prepares its import where it comes to that.

    No base classes and no imports above: every start of Python would pay for them.
    """

    def find_spec(self, name, path=None, target=None):
        if name != 'basicsr':
            return None
        others = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec = next((spec for spec in others if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def prepare_and_execute(module):
                _declare_operators()
                _add_functional_tensor()
                execute(module)

            spec.loader.exec_module = prepare_and_execute  # type: ignore[method-assign]  # of this import alone
        return spec


def _declare_operators() -> None:
    """PyPI's torchvision is built for CUDA; beside a CPU-only torch its extension cannot load and the import dies with
    "operator torchvision::nms does not exist". Declaring the two operators it looks up is enough for BasicSR."""
    from importlib.util import find_spec
    from pathlib import Path

    import torch
    spec = find_spec('torchvision')
    if spec is None or hasattr(torch.ops.torchvision, 'nms'):
        return
    for extension in Path(str(spec.origin)).parent.glob('_C*.so'):
        try:
            torch.ops.load_library(extension)  # torchvision does the same a moment later
        except OSError:
            library = torch.library.Library('torchvision', 'DEF')
            for operator in ('nms', 'qnms'):
                library.define(f'{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor')
            torch._scgan_fan_torchvision_operators = library  # type: ignore[attr-defined]  # gone when this object is


def _add_functional_tensor() -> None:
    """BasicSR 1.4.2 imports ``rgb_to_grayscale`` from ``functional_tensor``, gone since torchvision 0.17."""
    from importlib.util import find_spec
    if find_spec('torchvision') is None or find_spec(FUNCTIONAL_TENSOR) is not None:
        return
    from torchvision.transforms.functional import rgb_to_grayscale
    module = type(sys)(FUNCTIONAL_TENSOR)
    module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
    sys.modules[FUNCTIONAL_TENSOR] = module


def install() -> None:
    """Add the finder, once."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
