"""68 landmarks of an image from the file beside it, of the same name.

``.mat``  MATLAB 5, as 300W-LP and AFLW2000-3D have them: ``pt3d_68``, of which x and y are taken, or ``pt2d``. Read by
          scipy, which runs no code of the file.
``.pts``  iBUG's text file.
``.t7``   Lua Torch, as LS3D-W has them: one tensor (68, 2), float or double, in the binary format. Tables of tensors
          (the landmarks that LS3D-W's authors offer for 300W-LP) are not read.

All three are taken to count from 1 at the centre of the first pixel, as 300-W does; that is 0.5 here, so 0.5 is
subtracted. Neither 300W-LP nor LS3D-W says so; at 64 pixels the difference is a small part of a pixel.
"""
import io
import struct
from pathlib import Path

import numpy as np

from scgan_fan.errors import InputError

FIRST_PIXEL = 0.5  # from counting at pixel centres from 1 to pixel i covering i to i + 1


def find_annotation(image: str | Path) -> Path | None:
    """The landmark file beside an image, or None."""
    suffixes = [spelling for suffix in READERS for spelling in (suffix, suffix.upper())]
    return next((path for path in map(Path(image).with_suffix, suffixes) if path.is_file()), None)


def read_annotation(path: str | Path) -> np.ndarray:
    """Landmarks (68, 2), x and y in pixels, pixel i covering i to i + 1, from a ``.mat``, ``.pts`` or ``.t7`` file.

    Raises InputError where it holds something else.
    """
    path = Path(path)
    try:
        points = np.asarray(READERS[path.suffix.lower()](path.read_bytes()), float)
        if points.shape != (68, 2) or not np.isfinite(points).all() or not np.ptp(points, axis=0).all():
            raise ValueError(f'{points.shape} numbers')
    except Exception as error:  # scipy raises whatever its parser stumbles over
        raise InputError(f'{path}: no 68 landmarks can be read from it ({error}); replace or remove it') from error
    return points - FIRST_PIXEL


def _parse_mat(data: bytes) -> np.ndarray:
    import scipy.io  # takes seconds, which --help need not
    content = scipy.io.loadmat(io.BytesIO(data), variable_names=['pt3d_68', 'pt2d'])
    return content['pt3d_68' if 'pt3d_68' in content else 'pt2d'][:2].T  # AFLW2000-3D's pt2d are AFLW's 21 points


def _parse_pts(data: bytes) -> np.ndarray:
    inside = data.decode().partition('{')[2].partition('}')[0]
    return np.array(inside.split(), float).reshape(-1, 2)


def _parse_t7(data: bytes) -> np.ndarray:
    """The numbers of a storage, at the file's end, as the tensor that stands before it lays them out."""
    kind, number = ('Float', '<f4') if b'torch.FloatTensor' in data else ('Double', '<f8')
    tensor, storage = f'torch.{kind}Tensor'.encode(), f'torch.{kind}Storage'.encode()
    layout = f'<3i3si{len(tensor)}s i5q 3i3si{len(storage)}s q'  # each object: kind, number, version, class, content
    size = struct.calcsize(layout)
    _, _, _, _, _, outer, dimensions, rows, columns, down, across, first, *_, inner, count = struct.unpack(
        layout, data[:size])
    if (outer, dimensions, inner) != (tensor, 2, storage):
        raise ValueError('not a tensor of landmarks')
    places = first - 1 + down * np.arange(rows)[:, None] + across * np.arange(columns)
    return np.frombuffer(data, number, count, size)[places]


READERS = {'.t7': _parse_t7, '.pts': _parse_pts, '.mat': _parse_mat}  # in this order where there are several
