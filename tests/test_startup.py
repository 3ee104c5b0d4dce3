"""What a program notices of this package: nothing, until BasicSR is imported or one of our own programs starts."""
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from drawn_faces import draw_face
from scgan_fan.commands import COMMANDS
from scgan_fan.images import write_image

ROOT = Path(__file__).parent.parent


def run(program: str, *paths: Path) -> str:
    """What a program prints that has these folders, and this package, before all others on its path."""
    path = os.pathsep.join(map(str, (*paths, ROOT)))
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                          env={**os.environ, 'PYTHONPATH': path})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize('name', ['torchvision', 'basicsr'])
def test_looking_for_a_module_imports_none(name):
    assert run('import sys; from importlib.util import find_spec\n'
               f'print(find_spec("{name}") is not None, "torch" in sys.modules)') == 'True False'


def test_a_plain_import_changes_nothing():
    assert run('import sys; hook = sys.excepthook\n'
               'import scgan_fan\n'
               'print(scgan_fan.__version__, sys.excepthook is hook,\n'
               '      {"torch", "torchvision", "basicsr", "cv2"} & sys.modules.keys())') == '0.1.0 True set()'


@pytest.mark.parametrize('arguments', ['-h', '--version', 'prepare ffhq -h', *(f'{name} -h' for name in COMMANDS)])
def test_help_comes_without_what_takes_seconds_to_import(arguments):
    assert run('import sys; from scgan_fan.commands import main\n'
               f'sys.argv = ["scgan-fan", *"{arguments}".split()]\n'
               'try:\n    main()\nexcept SystemExit:\n    pass\n'
               'print({"torch", "basicsr"} & sys.modules.keys())').endswith('set()')


def test_that_the_pages_package_is_missing_comes_as_fast():
    assert run('import sys; from scgan_fan.commands import main\n'
               'sys.modules["gradio"] = None; sys.argv = ["scgan-fan", "demo"]\n'
               'print(main(), {"torch", "basicsr"} & sys.modules.keys())').endswith('1 set()')


def test_restoring_imports_only_what_it_needs(tmp_path):
    write_image(tmp_path / 'face.png', draw_face(np.random.default_rng(0), 16)[0])
    line = ['scgan-fan', 'restore', '-i', str(tmp_path / 'face.png'), '-o', str(tmp_path / 'out')]
    assert run(f'import sys; from scgan_fan.commands import main\nsys.argv = {line}\n'
               'print(main(), {"basicsr", "torchvision", "scipy", "spandrel", "av"} & sys.modules.keys())'
               ).endswith('0 set()')
    assert (tmp_path / 'out/restored_imgs/face.png').is_file()


def test_the_plugin_registers_and_changes_nothing_else():
    assert run('import sys, cv2, basicsr\n'
               'from basicsr.data.data_sampler import EnlargedSampler as Sampler\n'
               'from basicsr.utils import dist_util, options\n'
               'from basicsr.utils.registry import MODEL_REGISTRY\n'
               'cv2.setNumThreads(3)\n'
               'def state():\n'
               '    return [sys.excepthook, cv2.getNumThreads(), Sampler.__iter__, Sampler.set_epoch, options.osp,\n'
               '            dist_util._init_dist_pytorch, basicsr.data.worker_init_fn]\n'
               'before = state()\n'
               'import scgan_fan\n'
               'print("SemiCycleModel" in MODEL_REGISTRY, state() == before)') == 'True True'


def test_what_basicsr_lacks_is_there_whoever_imports_it():
    assert run('import basicsr; from torchvision.transforms import functional_tensor\n'
               'print(functional_tensor.rgb_to_grayscale.__name__)') == 'rgb_to_grayscale'


def test_the_module_of_an_older_torchvision_is_taken(tmp_path):
    for name, text in {'torch': 'class ops:\n    class torchvision:\n        nms = None\n', 'torchvision': '',
                       'torchvision/transforms': '',
                       'basicsr': 'import torchvision.transforms.functional_tensor\n'}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / '__init__.py').write_text(text)
    (tmp_path / 'torchvision/transforms/functional_tensor.py').write_text('')
    file = run('import basicsr, sys; print(sys.modules["torchvision.transforms.functional_tensor"].__file__)', tmp_path)
    assert Path(file).is_relative_to(tmp_path)
