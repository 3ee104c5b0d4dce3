"""Say what is installed, which devices and weights are there, and what to do about what is missing. With --download
fetch the weights that are missing, and check that they are the published ones.

With --hr and --lr say instead whether two sets of crops lie alike, as training without pairs needs them to: the mean
sharp and the mean small face are registered, and what differs is told in numbers and shown in a picture.
"""
import argparse
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from scgan_fan.commands.line import ends_in_one_line, parser_of, room
from scgan_fan.data.image_source import open_source
from scgan_fan.errors import InputError
from scgan_fan.extras import package_folder
from scgan_fan.images import write_image
from scgan_fan.shipped import FILES, shipped_file

EXAMPLES = """examples:
    scgan-fan doctor
    scgan-fan doctor --download detection_Resnet50_Final.pth
    scgan-fan doctor --hr datasets/hr_train.lmdb --lr datasets/lr_train.lmdb
    scgan-fan doctor --hr datasets/hr/train.lmdb --lr datasets/lr/train.lmdb --room-hr 1.3 --room-lr 1.3
"""
OK, MISSING, DIFFERENT = 'ok', '--', '!!'  # the last: not as it must be
MOST_FACES = 2000  # of each set; enough for errors of a fiftieth of the side
DEVELOPERS = 'test'  # the extra whose packages users do not need
DOWNLOADS = (  # what for, where from, what the SHA-256 begins with; they come to lie in torch's cache
    ('feature loss of Super-FAN', 'https://download.pytorch.org/models/resnet50-0676ba61.pth', '0676ba61'),
    ('LPIPS', 'https://download.pytorch.org/models/alexnet-owt-7be5be79.pth', '7be5be79'),
    ('FID', 'https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/'
            'weights-inception-2015-12-05-6726825d.pth', '6726825d'),
)


def report() -> Iterator[str]:
    """The lines of the report."""
    yield f'{OK}  Python {platform.python_version()}, {platform.platform()}'
    yield from _packages()
    yield from _devices()
    yield from _weights()


def _packages() -> Iterator[str]:
    """What setup.py asks for, each once: always, then for the extras."""
    try:
        requirements = [Requirement(text) for text in metadata.requires('scgan_fan') or ()]
    except metadata.PackageNotFoundError:
        yield f'{MISSING}  scgan_fan: runs from a folder and is not installed; pip install . there'
        return
    said: set[str] = set()
    for extra in ('', *(metadata.metadata('scgan_fan').get_all('Provides-Extra') or ())):
        for requirement in requirements:
            asked = requirement.marker is None or requirement.marker.evaluate({'extra': extra})
            if asked and extra != DEVELOPERS and requirement.name not in said:
                said.add(requirement.name)
                yield _package(requirement, f'pip install -U "scgan_fan[{extra}]"' if extra else
                               'pip install -U scgan_fan')


def _package(requirement: Requirement, remedy: str) -> str:
    name = requirement.name
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f'{MISSING}  {name}: not installed; {remedy}'
    if not requirement.specifier.contains(version, prereleases=True):
        return f'{DIFFERENT}  {name} {version}: must be {requirement.specifier}; {remedy}'
    return f'{OK}  {name} {version}'


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
    from scgan_fan.faces.fan_weights import cached_file
    for name, what in FILES.items():
        yield f'{OK}  {shipped_file(name).name}: comes with the package; {what}'
    for name, (what, url, _) in _published().items():
        yield f'{OK}  {name}: {what}' if _found(url) else (
            f'{MISSING}  {name}: {what}; scgan-fan doctor --download {name} fetches it, or put {url} into '
            f'{cached_file(url).parent}')


def fetch(names: list[str]) -> list[str]:
    """Download published weights that are missing, all of them where none is named; returns what failed, and why.

    Raises InputError at an unknown name.
    """
    from scgan_fan.faces.fan_weights import download
    published, failed = _published(), []
    unknown = sorted(set(names) - published.keys())
    if unknown:
        raise InputError(f'--download: {", ".join(unknown)}: unknown; give some of {", ".join(published)}')
    for name in names or published:
        what, url, digest = published[name]
        if not _found(url):
            try:
                download(url, digest, f'the weights ({what})')
            except InputError as error:
                failed.append(str(error))
    return failed


def _published() -> dict[str, tuple[str, str, str]]:
    """``DOWNLOADS`` and those of which the networks' own modules know, by the names of their files."""
    from scgan_fan.faces import fan_weights
    from scgan_fan.faces.detectors import retinaface
    fan = '2D-FAN, for heatmap losses as the papers have them', fan_weights.PUBLISHED_URL, fan_weights.PUBLISHED_HASH
    return {Path(url).name: (what, url, digest) for what, url, digest in (
        fan, *DOWNLOADS, ('--detector retinaface', retinaface.URL, retinaface.HASH))}


def _found(url: str) -> bool:
    """Whether a published file is there: in torch's cache, or RetinaFace's in facexlib's folder."""
    from scgan_fan.faces.fan_weights import cached_file
    path = cached_file(url)
    return path.is_file() or (package_folder('facexlib', 'doctor') / 'weights' / path.name).is_file()


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
    parser = parser_of(__doc__, EXAMPLES)
    parser.add_argument('--download', nargs='*', metavar='FILE', help='fetch weights that are missing: those that are '
                        'named, else all, up to 600 MB')
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
    """Print the report, or the comparison of two sets; returns 1 where a download failed."""
    arguments = parse_arguments()
    failed = [] if arguments.download is None else fetch(arguments.download)
    lines = report() if arguments.hr is None else compare_sets(
        arguments.hr, arguments.lr, arguments.output, arguments.room_hr, arguments.room_lr)
    print(*lines, *(f'{DIFFERENT}  {reason}' for reason in failed), sep='\n')
    return 1 if failed else 0
