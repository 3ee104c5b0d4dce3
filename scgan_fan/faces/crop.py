"""Which square of a picture is the face: one rule for training data, drawn faces and photographs to restore."""
import numpy as np

FOREHEAD = 0.18  # of the height of the landmarks' box, above the brows
MARGIN = 1.04


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
    """
    (left, top), (right, bottom) = landmarks.min(0), landmarks.max(0)
    top -= FOREHEAD * (bottom - top)
    side = margin * max(right - left, bottom - top)
    return float((left + right - side) / 2), float((top + bottom - side) / 2), float(side)
