"""The mean face in three dimensions: its 68 landmarks, which drawn faces vary and poses are fitted with.

Lengths are millimetres, from a point between the eyes: x to the right of the image, y down, z towards the viewer. The
half on the left of the image is listed; the other mirrors it.
"""
import numpy as np

_JAW = [(-71, 0, -95), (-70, 20, -93), (-68, 38, -90), (-64, 56, -82), (-57, 73, -70), (-47, 88, -53), (-34, 101, -35),
        (-18, 110, -21), (0, 113, -14)]
_BROW = [(-59, -12, -25), (-50, -20, -12), (-38, -23, -3), (-25, -20, 3), (-13, -16, 5)]
_NOSE_BRIDGE = [(0, -1, 3), (0, 11, 9), (0, 23, 16), (0, 35, 22)]
_NOSE_BASE = [(-14, 43.5, 3), (-7.5, 46, 8), (0, 48, 10)]
_EYE = [(-45, 1, -20), (-38, -3.8, -13.5), (-28, -3.8, -11), (-19.5, 2, -13), (-28, 4, -12), (-38, 4, -14.5)]
_MOUTH_OUTER = [(-29, 65, -7), (-19, 62, 1.5), (-8, 59.5, 7.5), (0, 61, 8.5)]
_MOUTH_LOWER = [(0, 80.5, 5), (-8, 79.5, 4), (-18.5, 75, -0.5)]
_MOUTH_INNER = [(-25.5, 66, -6), (-9, 66, 5), (0, 66.8, 6.5)]
_MOUTH_INNER_LOWER = [(0, 71, 5), (-9, 70.2, 3.5)]


def mirrored(points: list | np.ndarray) -> np.ndarray:
    """Points (N, 3) of one half of the face -> those of the other half."""
    return np.array(points, float) * (-1, 1, 1)


def mean_landmarks() -> np.ndarray:
    """The 68 points in iBUG order: (68, 3), mm."""
    parts = [_JAW, mirrored(_JAW[-2::-1]), _BROW, mirrored(_BROW[::-1]), _NOSE_BRIDGE,
             _NOSE_BASE, mirrored(_NOSE_BASE[1::-1]), _EYE, mirrored([_EYE[i] for i in (3, 2, 1, 0, 5, 4)]),
             _MOUTH_OUTER, mirrored(_MOUTH_OUTER[-2::-1]), mirrored(_MOUTH_LOWER[:0:-1]), _MOUTH_LOWER,
             _MOUTH_INNER, mirrored(_MOUTH_INNER[-2::-1]), mirrored(_MOUTH_INNER_LOWER[:0:-1]), _MOUTH_INNER_LOWER]
    return np.concatenate([np.array(part, float) for part in parts])
