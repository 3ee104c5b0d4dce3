"""Which square of a picture is the face: one rule for training data, drawn faces and photographs to restore."""
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

FOREHEAD = 0.18  # of the height of the landmarks' box, above the brows
MARGIN = 1.04
LEVEL = 10  # degrees: crops of heads that are tilted by more are turned with them


class BoxRule(NamedTuple):
    """The crop from a box: ``side`` of it / the box's longer side, and how far its centre is ``lowered`` / its side."""

    side: float
    lowered: float


# By whose box it is. CenterFace's has two rules: training data of boxes alone (``prepare boxes``) is cut by 'detector',
# by which the mean of faces turned in all directions lies as that of sharp ones does; a face found in a photograph is
# cut by 'centerface', which is better for the single face. 'wider' and 'detector' are measured: the mean of faces cut
# so, levelled beyond 10 degrees, registers with that of sharp faces cut by their landmarks at scale 1.00 and shift 0
# (normalized grey values; correlation 0.96, WIDER).
BOX_RULES = {
    'landmarks': BoxRule(MARGIN, 0),  # box of the landmarks with the forehead above it: what ``crop_box`` squares
    'wider': BoxRule(MARGIN, 0.035),  # WIDER FACE's annotations, and RetinaFace's, which is trained on them
    'detector': BoxRule(0.92, 0.035),  # CenterFace's, measured with faces turned in all directions: correlation 0.8
    # Measured by the landmarks of 40 upright portraits of 12 to 64 pixels, and lowered along the face, wherever its
    # down is (``Face.crop``): LPIPS of restored faces of 16 pixels 0.264 (24 portraits), by 'detector' 0.276, cut
    # truly 0.259.
    'centerface': BoxRule(0.92, 0.08),
    'dlib': BoxRule(1.16, 0),
}


def crop_box(landmarks: np.ndarray, margin: float = MARGIN) -> tuple[float, float, float]:
    """The square around a face.

    The box of the landmarks, extended upwards by 18 % of its height for the forehead, and squared around its middle to
    ``margin`` x its longer side. How much of the crop the face fills decides how well SCGAN restores it (papers.md
    section 2.9): restore with the margin of the training data.

    Args:
        landmarks: (68, 2), x then y, in pixels.
        margin: 1.04 in the data that this package's networks are trained on.

    Returns:
        x and y of the upper left corner, and the side, in pixels.

    >>> crop_box(np.array([[0.0, 9.0], [100.0, 59.0]]), margin=1)  # the ends of the box stand for 68 points
    (0.0, -20.5, 100.0)
    """
    (left, top), (right, bottom) = landmarks.min(0), landmarks.max(0)
    top -= FOREHEAD * (bottom - top)
    side = margin * max(right - left, bottom - top)
    return float((left + right - side) / 2), float((top + bottom - side) / 2), float(side)


def crop_by_box(box: tuple[float, float, float, float], rule: BoxRule, margin: float = MARGIN
                ) -> tuple[float, float, float]:
    """The square that ``crop_box`` would find, from a face's box alone.

    Args:
        box: left, top, right, bottom, pixels.
        rule: one of ``BOX_RULES``.
        margin: as for ``crop_box``.

    Returns:
        x and y of the upper left corner, and the side, in pixels.
    """
    left, top, right, bottom = box
    usual_side = rule.side * max(right - left, bottom - top)
    side = usual_side * margin / MARGIN
    return (left + right - side) / 2, (top + bottom - side) / 2 + rule.lowered * usual_side, side


def tilt(points: np.ndarray | None) -> float:
    """Degrees by which the eye on the right lies below the one on the left where that is more than ``LEVEL``, else 0.

    Args:
        points: (5, 2) or None: the eyes come first, the one that is on the left of an upright face before the other.
    """
    if points is None:
        return 0
    across, down = points[1] - points[0]
    angle = float(np.degrees(np.arctan2(down, across)))
    return angle if abs(angle) > LEVEL else 0


@dataclass(frozen=True)
class Crop:
    """A square of a photograph, turned around its middle as the head is."""

    x: float  # upper left corner before it is turned, pixels
    y: float
    side: float  # pixels
    angle: float = 0  # degrees by which the face's own right lies below the photograph's

    def matrix(self, size: float) -> np.ndarray:
        """The similarity (2, 3) from pixels of the photograph to those of the levelled crop of ``size`` pixels.

        In both pixel i covers i to i + 1; ``cv2.warpAffine`` counts from the pixels' centres.
        """
        middle = np.array((self.x + self.side / 2, self.y + self.side / 2))
        matrix = cv2.getRotationMatrix2D(middle, self.angle, size / self.side)
        matrix[:, 2] += size / 2 - middle
        return matrix

    def rounded(self) -> 'Crop':
        """The nearest whole pixels; the angle stays."""
        return Crop(round(self.x), round(self.y), max(1, round(self.side)), self.angle)

    def scaled(self, scale: float) -> 'Crop':
        """The same of the photograph enlarged by ``scale``."""
        return Crop(scale * self.x, scale * self.y, scale * self.side, self.angle)

    def corners(self) -> np.ndarray:
        """(4, 2), clockwise from the upper left one of the levelled crop, pixels of the photograph."""
        return self.to_photo(np.array([(0, 0), (1, 0), (1, 1), (0, 1)]), 1)

    def to_photo(self, points: np.ndarray, size: float) -> np.ndarray:
        """Points (..., 2) in the levelled crop of ``size`` pixels -> pixels of the photograph."""
        inverse = cv2.invertAffineTransform(self.matrix(size))
        return points @ inverse[:, :2].T + inverse[:, 2]


@dataclass(frozen=True)
class Face:
    """A face in a photograph, in its pixels (pixel i covers i to i + 1)."""

    box: tuple[float, float, float, float]  # left, top, right, bottom, of the detector; may reach beyond the photograph
    # (5, 2), x then y: the eyes, that on the left of an upright face first, the nose, and the corners of the mouth;
    # None where the detector does not look for them
    points: np.ndarray | None
    # how sure the detector is. CenterFace, RetinaFace: a probability; dlib: the distance from the SVM's boundary, 0 or
    # more, about 2 for a clear face
    score: float
    box_of: str = 'centerface'  # whose box it is, of ``BOX_RULES``
    detail: float | None = None  # pixels, ``RestoredFace.detail`` in the video's frame before; None: not known

    @property
    def size(self) -> float:
        """The longer side of the box, pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)

    def crop(self, margin: float = MARGIN) -> Crop:
        """The square to cut, levelled. ``margin``: as for ``crop_box``."""
        rule, angle = BOX_RULES[self.box_of], tilt(self.points)
        x, y, side = crop_by_box(self.box, BoxRule(rule.side, 0), margin)
        lowered = rule.lowered * side * MARGIN / margin
        sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
        return Crop(float(x - sine * lowered), float(y + cosine * lowered), float(side), angle)
