"""How good a photograph is where a face is: how noisy, and how much of its finest detail is the face's."""
from typing import NamedTuple

import cv2
import numpy as np

from scgan_fan.faces.crop import Crop
from scgan_fan.faces.paste import cut_square, resize_square, round_square

AROUND = 3  # sides of the crop: where the noise is measured; most of it is smoother than the face
# Immerkaer, Fast noise variance estimation (CVIU 64, 1996), eq. 2: blind to what is linear in x or y, and scaled so
# that white noise keeps its standard deviation
DIAGONAL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
MEDIAN = 0.6745  # of the absolute values of a normal distribution whose standard deviation is 1


class Quality(NamedTuple):
    """What is known of a face in a photograph."""

    noise: float  # standard deviation of the noise / that of the face's brightness
    genuine: float  # share of the finest detail that is the face's, 0 to 1


def assess(image: np.ndarray, crop: Crop, restored: np.ndarray) -> Quality:
    """The quality of a photograph (``uint8`` RGB) where a face is, which ``restored`` (n, n, 3) shows as a sharp one.

    Detail that is seen there but is noise is not the face's; and where the face shows less than the restored one does
    at the same size, blur or compression took it.
    """
    corner, side = np.array((crop.x, crop.y)), crop.side
    around = round_square((*(corner - (AROUND - 1) / 2 * side), AROUND * side))
    whole = max(1, round(side))
    face = cut_square(image, round_square((crop.x, crop.y, side)), whole)  # not turned, which would soften it
    noise = fine_detail(cut_square(image, around, around[2]))
    seen, expected = fine_detail(face), fine_detail(resize_square(restored, whole))
    genuine = max(0, seen**2 - noise**2) / max(seen**2, expected**2, 1)
    return Quality(noise / max(float(_grey(face).std()), 1), genuine)


def fine_detail(image: np.ndarray) -> float:
    """Standard deviation of the brightness of an image (``uint8`` RGB) in its finest diagonal detail, levels of 255: of
    white noise its own. By the median, which edges do not move (Donoho and Johnstone, Biometrika 81, 1994)."""
    return float(np.median(np.abs(cv2.filter2D(_grey(image), -1, DIAGONAL)))) / MEDIAN


def _grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
