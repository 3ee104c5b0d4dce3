"""Landmarks of many images from files.

All give (68, 2) x and y for each image, pixel i covering i to i + 1, under the name of the image: its path relative to
the image folder, with or without its suffix.

``.npz``           ``name`` (N,) and ``landmarks`` (N, 68, 2)
``.csv``           a first line ``name,x0,y0,x1,y1,...,x67,y67``, then one line an image
folder of ``.pts`` one iBUG file an image, in the folders of the images: ``version: 1``, ``n_points: 68``, then one
                   ``x y`` a line between braces. 300-W counts from 1 at the centre of the first pixel, which is 0.5
                   here, so 0.5 is subtracted.
"""
import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from scgan_fan.data.image_source import make_key
from scgan_fan.errors import InputError
from scgan_fan.files import read_text

COLUMNS = ['name', *(f'{axis}{point}' for point in range(68) for axis in 'xy')]
UNREADABLE = (OSError, EOFError, KeyError, TypeError, ValueError, csv.Error, zipfile.BadZipFile)


def read_landmarks(paths: str | Path | list) -> dict[str, np.ndarray]:
    """Read one landmark file or several; where two have the same image, the later one counts.

    Args:
        paths: an ``.npz``, a ``.csv`` or a folder of ``.pts`` files, or a list of them.

    Returns:
        For the key of each image (see ``scgan_fan.data.image_source``) a float64 array (68, 2), pixels.

    Raises:
        InputError: a file is missing, of another format, or has other than 68 finite points.
    """
    landmarks: dict[str, np.ndarray] = {}
    for path in paths if isinstance(paths, (list, tuple)) else [paths]:
        path = Path(path).expanduser()
        try:
            landmarks.update((make_key(name), points) for name, points in _reader(path)(path))
        except InputError:
            raise
        except UNREADABLE as error:
            raise InputError(f'{path}: not a landmark file ({error}); give an .npz with name and landmarks, a .csv or '
                             'a folder of .pts files') from error
    return landmarks


def _reader(path: Path):
    if path.is_dir():
        return _read_pts_folder
    return _read_csv if path.suffix.lower() == '.csv' else _read_npz


def _read_npz(path: Path):
    with np.load(path) as content:
        names, landmarks = content['name'].astype(str).tolist(), content['landmarks']
    if landmarks.shape != (len(names), 68, 2):
        raise InputError(f'{path}: landmarks have the shape {landmarks.shape} where {(len(names), 68, 2)} is needed')
    for name, points in zip(names, landmarks):
        yield name, _points(points, f'{path}: {name}')


def _read_csv(path: Path):
    lines = filter(None, csv.reader(io.StringIO(read_text(path), newline='')))
    if next(lines, None) != COLUMNS:
        raise InputError(f'{path}: the first line is not name,x0,y0,...,x67,y67; write it there')
    for name, *numbers in lines:
        yield name, _points(numbers, f'{path}: {name}')


def _read_pts_folder(folder: Path):
    files = sorted(file for file in folder.rglob('*') if file.suffix.lower() == '.pts')
    if not files:
        raise InputError(f'{folder}: has no .pts files; give a folder of them, an .npz or a .csv')
    for file in files:
        _, _, content = read_text(file).partition('{')
        name = file.relative_to(folder).with_suffix('').as_posix()
        yield name, _points(content.partition('}')[0].split(), str(file)) - 0.5


def _points(values, where: str) -> np.ndarray:
    try:
        points = np.array(values, float).reshape(-1, 2)
    except ValueError:
        raise InputError(f'{where}: not a list of x and y; mend or remove it') from None
    if len(points) != 68:
        raise InputError(f'{where}: {len(points)} points where 68 are needed; mend or remove it')
    if not np.isfinite(points).all() or not np.ptp(points, axis=0).all():
        raise InputError(f'{where}: points that are not finite or all on one line; mend or remove it')
    return points
