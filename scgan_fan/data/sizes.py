"""Image sizes: what networks need, and how an image is brought to it. Arrays are ``uint8`` RGB (height, width, 3)."""
import cv2
import numpy as np

from scgan_fan.errors import InputError


def centre_square(image: np.ndarray) -> np.ndarray:
    """The largest square in the middle of ``image``."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top:top + side, left:left + side]


def reduce_area(image: np.ndarray, size: int) -> np.ndarray:
    """A square image of at least ``size`` pixels -> (size, size, 3); each pixel is the mean of the area it covers."""
    if len(image) == size:
        return image
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)


def side_with_room(size: int, room: float) -> int:
    """Side in pixels of an image whose middle ``1 / room`` is ``size`` pixels wide.

    >>> side_with_room(64, room=1.25)
    80
    """
    return round(size * room)


def read_square(source, index: int, size: int) -> np.ndarray:
    """Read image ``index`` of ``source``, which must be square and ``size`` or larger: InputError otherwise."""
    image = source.read(index)
    height, width = image.shape[:2]
    if height != width or height < size:
        raise _wrong_size(source.name(index), image, f'a square of {size}x{size} or more', size)
    return image


def read_exact(source, index: int, size: int) -> np.ndarray:
    """Read image ``index`` of ``source``, which must be (size, size, 3): InputError otherwise."""
    image = source.read(index)
    if image.shape[:2] != (size, size):
        raise _wrong_size(source.name(index), image, f'{size}x{size}', size)
    return image


def _wrong_size(name: str, image: np.ndarray, expected: str, size: int) -> InputError:
    height, width = image.shape[:2]
    return InputError(f'{name}: {width}x{height} pixels where {expected} is needed; '
                      f'scgan-fan lmdb --size {size} brings a folder to that size')
