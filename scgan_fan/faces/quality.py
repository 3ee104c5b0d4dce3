"""How good a photograph is where a face is: how noisy, and how blurred."""
from bisect import bisect_left
from typing import NamedTuple

import cv2
import numpy as np

from scgan_fan.faces.crop import Crop
from scgan_fan.faces.paste import blurred, cut_square, resize_square, round_square

AROUND = 3  # sides of the crop: where the noise is measured; most of it is smoother than the face
# Immerkaer, Fast noise variance estimation (CVIU 64, 1996), eq. 2: blind to what is linear in x or y, and scaled so
# that white noise keeps its standard deviation
DIAGONAL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
MEDIAN = 0.6745  # of the absolute values of a normal distribution whose standard deviation is 1
BLURS = [step / 20 for step in range(41)]  # standard deviations that are tried, pixels
BLUR_OF_SHARP = 0.4, 0.6  # pixels: what is found of sharp photographs, mostly at most, and of blurred ones at least
LESS_BY_COMPRESSION = 1 / 8  # power of ``Quality.left``: of JPEG 15 four fifths of the side remain


class Quality(NamedTuple):
    """What is known of a face in a photograph."""

    noise: float  # standard deviation of the noise / that of the face's brightness
    left: float  # share of the finest detail that compression left, 0 to 1
    genuine: float  # share of the face's of what is seen of that: the rest is noise and blocks, 0 to 1
    blur: float  # standard deviation of the Gaussian that the photograph was blurred with, pixels, 0 to 2

    @property
    def detail(self) -> float:
        """Share of the face's side with which a clean and sharp photograph would show as much: chosen by which of two
        networks restores better (docs/restore.md)."""
        return self.left**LESS_BY_COMPRESSION / (1 + self.blur)


def assess(image: np.ndarray, crop: Crop, restored: np.ndarray) -> Quality:
    """The quality of a photograph (``uint8`` RGB) where a face is.

    Noise is what is seen around the face, too. What the face shows less of than the restored one, blur took where that
    is so of the twice as coarse detail as well: compression takes the finest alone.

    Args:
        image: (height, width, 3).
        crop: of the face.
        restored: (n, n, 3), the face in it, sharp.
    """
    x, y, side = round_square((crop.x, crop.y, crop.side))
    face = cut_square(image, (x, y, side), side)  # not turned, which would soften it
    sharp = resize_square(restored, side)
    noise = fine_detail(cut_square(image, (x - side, y - side, AROUND * side), AROUND * side))
    blur = _blur(sharp, face, side)
    least = min(blur, _blur(sharp, face, max(1, side // 2)))
    certain = float(np.interp(least, BLUR_OF_SHARP, (0, 1)))
    seen, expected = fine_detail(face)**2, fine_detail(blurred(sharp, least))**2
    signal = max(seen - noise**2, fine_detail(sharp)**2, 1)
    left = max(certain, min(1, seen / max(expected, 1e-3)))
    contrast = max(float(_grey(face).std()), 1)
    return Quality(noise / contrast, left, left**2 * signal / (signal + noise**2), certain * blur)


def _blur(sharp: np.ndarray, face: np.ndarray, size: int) -> float:
    """Standard deviation, pixels, of the Gaussian that leaves a sharp face no more detail than another shows when both
    are reduced to so many pixels; edges count."""
    seen = _diagonal(resize_square(face, size)).std()
    index = bisect_left(BLURS, -seen, key=lambda blur: -_diagonal(resize_square(blurred(sharp, blur), size)).std())
    return BLURS[min(index, len(BLURS) - 1)]


def fine_detail(image: np.ndarray) -> float:
    """Standard deviation of the brightness of an image (``uint8`` RGB) in its finest diagonal detail, levels of 255: of
    white noise its own. By the median, which edges do not move (Donoho and Johnstone, Biometrika 81, 1994)."""
    return float(np.median(np.abs(_diagonal(image)))) / MEDIAN


def _diagonal(image: np.ndarray) -> np.ndarray:
    return cv2.filter2D(_grey(image), -1, DIAGONAL)


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
