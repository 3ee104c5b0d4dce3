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

TORCH_NUMBERS = {'torch.Float': 'f', 'torch.Double': 'd'}
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
    file = io.BytesIO(data)
    kind = _torch_class(file).removesuffix('Tensor')
    dimensions, = _unpack(file, 'i')
    sizes, strides = _unpack(file, f'{dimensions}q'), _unpack(file, f'{dimensions}q')
    offset, = _unpack(file, 'q')
    if not 1 <= dimensions <= 2 or _torch_class(file) != f'{kind}Storage':
        raise ValueError('not a tensor of landmarks')
    count, = _unpack(file, 'q')
    values = np.array(_unpack(file, f'{count}{TORCH_NUMBERS[kind]}'))
    places = sum(stride * axis for stride, axis in zip(strides, np.indices(sizes)))
    return values[offset - 1 + places]


def _torch_class(file) -> str:
    """The name of the Lua Torch object that starts here."""
    kind, _ = _unpack(file, 'ii')
    if kind != 4:
        raise ValueError('not a tensor')
    version = _string(file)
    return _string(file) if version.startswith('V ') else version


def _string(file) -> str:
    return _unpack(file, f'{_unpack(file, "i")[0]}s')[0].decode()


def _unpack(file, layout: str) -> tuple:
    layout = f'<{layout}'
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


READERS = {'.t7': _parse_t7, '.pts': _parse_pts, '.mat': _parse_mat}  # in this order where there are several
