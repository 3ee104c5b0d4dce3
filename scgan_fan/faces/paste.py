"""Cutting a face out of a photograph and pasting the restored one back in. Images are ``uint8`` RGB arrays.

A square is its upper left corner and its side, x, y, side, in whole pixels of the photograph: cut and pasted there, a
face comes back exactly to its place.
"""
import math

import cv2
import numpy as np

Square = tuple[int, int, int]
FADE = 0.12  # of the side, at each border; the face itself begins at 0.02


def round_square(square: tuple[float, float, float]) -> Square:
    """The nearest whole pixels to what ``faces.crop.crop_box`` gives."""
    x, y, side = square
    return round(x), round(y), max(1, round(side))


def cut_square(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """A square of the photograph, as (size, size, 3): by area where it is reduced, bicubic where it is enlarged.

    What lies outside the photograph repeats its border.
    """
    x, y, side = square
    height, width = image.shape[:2]
    rows, columns = (np.arange(start, start + side).clip(0, limit - 1) for start, limit in ((y, height), (x, width)))
    return resize_square(image[np.ix_(rows, columns)], size)


def cut_levelled(image: np.ndarray, square: Square, angle: float, size: int) -> np.ndarray:
    """``cut_square`` after turning the photograph around the middle of the square, bicubic.

    Args:
        angle: degrees by which the face's own right lies below the photograph's.
    """
    if angle == 0:
        return cut_square(image, square, size)
    x, y, side = square
    turn = cv2.getRotationMatrix2D((x + side / 2, y + side / 2), angle, 1)
    turn[:, 2] += turn[:, :2] @ (0.5, 0.5) - 0.5 - (x, y)  # OpenCV puts pixel centres at whole numbers
    turned = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return resize_square(turned, size)


def resize_square(image: np.ndarray, size: int) -> np.ndarray:
    """A square image as (size, size, 3): by area where it is reduced, bicubic where it is enlarged."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if len(image) > size else cv2.INTER_CUBIC)


def paste_square(background: np.ndarray, face: np.ndarray, square: Square, scale: int, angle: float = 0) -> None:
    """Paste a restored face into the enlarged photograph, which is changed in place.

    The face fades out towards the border of its square; not one pixel outside the (turned) square changes. Colours are
    left as the network gives them: SCGAN is trained to keep those of its input, and to match them would bring its noise
    back.

    Args:
        background: the photograph enlarged by ``scale``.
        face: the restored face, square, of any size.
        square: where it was cut, in pixels of the photograph before it was enlarged.
        angle: as for ``cut_levelled``.
    """
    x, y, side = (scale * number for number in square)
    face, strength = resize_square(face, side), _fade(side)
    if angle:
        room = math.ceil((2 ** 0.5 - 1) / 2 * side)  # the corners of a square that is turned by 45 degrees
        face, strength = (_turn(picture, -angle, room) for picture in (face, strength))
        x, y, side = x - room, y - room, side + 2 * room
    height, width = background.shape[:2]
    top, bottom, left, right = max(y, 0), min(y + side, height), max(x, 0), min(x + side, width)
    if top >= bottom or left >= right:
        return
    there, here = np.s_[top:bottom, left:right], np.s_[top - y:bottom - y, left - x:right - x]
    behind = background[there].astype(np.float32)
    background[there] = np.rint(behind + strength[here][..., None] * (face[here] - behind)).astype(np.uint8)


def _turn(picture: np.ndarray, angle: float, room: int) -> np.ndarray:
    """A square picture turned around its middle within ``room`` of zeros on each side, bilinear."""
    wide = len(picture) + 2 * room
    turn = cv2.getRotationMatrix2D(((wide - 1) / 2, (wide - 1) / 2), angle, 1)
    return cv2.warpAffine(cv2.copyMakeBorder(picture, *4 * [room], cv2.BORDER_CONSTANT), turn, (wide, wide))


def _fade(side: int) -> np.ndarray:
    """How much of the pasted face is seen, ``float32`` (side, side): 1 inside, 0 at the border, a cosine between."""
    pixels = np.arange(side) + 0.5
    depth = np.minimum(pixels, side - pixels) / (FADE * side)
    ramp = (0.5 - 0.5 * np.cos(np.pi * depth.clip(0, 1))).astype(np.float32)
    return ramp[:, None] * ramp
