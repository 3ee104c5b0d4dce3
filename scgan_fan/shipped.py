"""The trained networks that come with the package, by name. Each has a card beside it that says what it is.

``weights/SHA256SUMS`` has the line of each file that ``sha256sum`` prints: a damaged or exchanged file is refused.
"""
import functools
import hashlib
import json
from pathlib import Path

from scgan_fan.errors import InputError

FOLDER = Path(__file__).parent / 'weights'
RESTORERS = {
    'scgan_fan': 'restores faces: SCGAN guided by fan64 and by likeness',
    'scgan_fan_32': 'restores faces of 32 pixels: SCGAN guided by fan64 and by likeness',
    'scgan_fan_through': 'restores faces: an earlier stage of it, with gradients through the cycles: softer',
    'scgan': 'restores faces: SCGAN, to compare',
    'cyclegan': 'restores faces: CycleGAN (fc), to compare',
    'lrgan': 'restores faces: LRGAN, to compare',
    'superfan': 'restores faces: Super-FAN, to compare',
    'pixel': 'restores faces: what the first one began with, trained with the pixel loss alone',
}
DEFAULT_RESTORERS = ('scgan_fan', 'scgan_fan_32')  # each restores the faces whose size is nearest to its own
FILES = {'fan64.pth': 'heatmap loss, landmarks', **{f'{name}.safetensors': what for name, what in RESTORERS.items()}}


def find_weights(weights: str | Path) -> Path:
    """The file of a restorer that comes with the package, by its name; whatever is no such name is a path.

    Raises InputError: a shipped file is missing, damaged or another one.
    """
    return shipped_file(f'{weights}.safetensors') if str(weights) in RESTORERS else Path(weights)


def largest_face(weights: str | Path) -> float | None:
    """Up to which side of the crop, pixels, a shipped restorer was measured to be better than bicubic enlargement
    (``scripts/measure_restore.py --largest``); None: whatever is no such name.

    Raises:
        InputError: the file of these figures is missing or damaged.
    """
    path = FOLDER / 'largest.json'
    try:
        return json.loads(path.read_text(encoding='utf-8')).get(str(weights))
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: missing or damaged; install the package again') from error


def named_file(name: str) -> Path | None:
    """The file that comes with the package under a name, ``pixel`` or ``fan64``; None where it is none of these."""
    return next((FOLDER / file for file in FILES if Path(file).stem == name), None)


@functools.cache
def shipped_file(name: str) -> Path:
    """A file of ``weights/``, once its hash is found to be right; see ``find_weights``."""
    lines = (FOLDER / 'SHA256SUMS').read_text(encoding='ascii').splitlines()
    digests = {file: digest for digest, file in (line.split() for line in lines)}
    path = FOLDER / name
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digests.get(name):
        raise InputError(f'{path}: missing, damaged or not the file that was shipped; install the package again')
    return path
