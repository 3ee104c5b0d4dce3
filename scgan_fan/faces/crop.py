"""Which square of a picture is the face: one rule for training data, drawn faces and photographs to restore."""
from typing import NamedTuple

import numpy as np

FOREHEAD = 0.18  # of the height of the landmarks' box, above the brows
MARGIN = 1.04


class BoxRule(NamedTuple):
    """The crop from a box: ``side`` of it / the box's longer side, and how far its centre is ``lowered`` / its side."""

    side: float
    lowered: float


# By whose box it is. The last two are measured: the mean of faces cut so, levelled beyond 10 degrees, registers
# with that of sharp faces cut by their landmarks at scale 1.00 and shift 0 (normalized grey values; correlation 0.96,
# WIDER).
BOX_RULES = {
    'landmarks': BoxRule(MARGIN, 0),  # box of the landmarks with the forehead above it: what ``crop_box`` squares
    'wider': BoxRule(MARGIN, 0.035),  # WIDER FACE's annotations
    'detector': BoxRule(0.92, 0.035),  # CenterFace's, measured with faces turned in all directions: correlation 0.8
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
