"""The head in three dimensions: a smooth surface through control points, of which the 68 iBUG landmarks are a part.

Identity and expression move the control points, a rotation and a scaling project them. Lengths are millimetres, from a
point between the eyes: x to the right of the image, y down, z towards the viewer.
"""
import functools
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from scgan_fan.faces.crop import crop_box
from scgan_fan.faces.mean_face import mean_landmarks, mirrored

# Points that are no landmarks but shape the surface: in the middle of the face, and on its left (and mirrored).
_MIDDLE = [(0, -32, 8), (0, -50, 6), (0, -70, -4), (0, -88, -20), (0, -104, -55), (0, 43, 17.5), (0, 53, 8),
           (0, 88, -1), (0, 99, 0), (0, 107, -5)]
_SIDE = [(-28, -40, 4), (-28, -65, -5), (-50, -38, -14), (-48, -65, -20), (-64, -28, -44), (-62, -60, -52),
         (-72, -30, -92), (-70, -62, -95), (-40, -92, -48), (-60, -95, -95),  # forehead and temple
         (-36, -13, -4), (-51, -8, -22), (-18, -9, -5), (-32, 0, -10.5), (-34, 11, -11), (-18, 10, -9),  # eye socket
         (-54, 16, -27), (-44, 28, -14), (-30, 26, -6), (-62, 10, -48), (-66, 32, -66), (-34, 42, -7),
         (-50, 46, -30), (-56, 58, -52), (-36, 62, -15), (-38, 80, -28), (-25, 52, -3),  # cheek
         (-7, 4, -4), (-8, 14, 0), (-9, 25, 4), (-11, 34, 9), (-16, 39, 5), (-19, 42, -3), (-6, 37, 19),  # nose
         (-12, 54, 4), (-22, 90, -12), (-13, 100, -5), (-28, 99, -22)]  # around the mouth, chin
# Below the jaw the surface turns under, which no cylinder can unroll: (x, y, z) and where it goes on the unrolled head.
_UNDER = [((0, 116, -35), (0, 1.42)), ((-26, 109, -55), (-0.5, 1.36)), ((-45, 93, -80), (-1.05, 1.22)),
          ((-56, 68, -104), (-1.6, 0.98)), ((-66, 25, -115), (-1.85, 0.35)), ((-74, -20, -118), (-1.85, -0.2))]

AXIS_Z, RADIUS = -95.0, 95.0  # the vertical axis that the head is unrolled around runs through the ears
STEP = 0.03  # grid of the unrolled head: radians of longitude, and the same length in height


def _unroll(points: np.ndarray) -> np.ndarray:
    """Head points (N, 3) -> longitude and height on the unrolled head (N, 2)."""
    return np.stack([np.arctan2(points[:, 0], points[:, 2] - AXIS_Z), points[:, 1] / RADIUS], axis=1)


class Head:
    """What all faces share: control points, the spline through them, and regions on the surface."""

    def __init__(self) -> None:
        under, under_flat = (np.array(part, float) for part in zip(*_UNDER))
        left = under[:, 0] < 0
        shared = np.concatenate([mean_landmarks(), _MIDDLE, _SIDE, mirrored(_SIDE)])
        self.controls = np.concatenate([shared, under, mirrored(under[left])])
        self.flat = np.concatenate([_unroll(shared), under_flat, under_flat[left] * (-1, 1)])
        self._spline = RBFInterpolator(self.flat, np.eye(len(self.flat)))  # thin plates

        grid = np.stack(np.meshgrid(np.arange(-1.8, 1.8001, STEP), np.arange(-0.98, 1.4201, STEP), indexing='ij'), 2)
        self.longitude, self.height = grid[..., 0], grid[..., 1]
        self.grid_shape = self.height.shape
        self.grid = self.weights(grid.reshape(-1, 2))
        self.x, self.y, self.z = (self.grid @ self.controls.astype(np.float32)).T.reshape(3, *self.grid_shape)
        edge = np.interp(np.abs(self.longitude), np.abs(under_flat[:5, 0]), under_flat[:5, 1])
        self.inside = (self.height < edge).astype(np.float32)
        inwards = np.linspace(0, 0.6, 13)[None, :, None] * ((0, 0.45) - self.flat[:17])[:, None]
        self.jaw_lines = self.weights((self.flat[:17, None] + inwards).reshape(-1, 2))

    def weights(self, flat: np.ndarray) -> np.ndarray:
        """Places on the unrolled head (N, 2) -> weights (N, controls) giving their 3-D points."""
        return self._spline(flat).astype(np.float32)


@functools.cache
def head() -> Head:
    return Head()


@functools.cache
def _weights_at(places: tuple) -> np.ndarray:
    """``Head.weights`` of places (x, y) of the mean face seen from the front."""
    mean = head()
    seen = np.abs(mean.longitude) < 1.6
    nearest = [np.argmin((mean.x[seen] - x) ** 2 + (mean.y[seen] - y) ** 2) for x, y in places]
    return mean.weights(_unroll(np.c_[np.array(places, float), mean.z[seen][nearest]]))


# Ways in which faces differ. A smooth push around a centre (given for the left half, mirrored): centre, reach, then the
# movement (outwards, down, forwards) and the relative growth (x, y, z) that one standard deviation makes.
_NONE = (0, 0, 0)
_IDENTITY = (
    ((0, 40, -40), 400, _NONE, (0.04, 0, 0)), ((0, 0, -40), 400, _NONE, (0, 0.03, 0)),
    ((0, 0, -95), 400, _NONE, (0, 0, 0.04)), ((0, -60, 0), 45, (0, 0, 4), _NONE),
    ((60, 80, -60), 40, (3.5, 0, 0), _NONE), ((0, 110, -10), 32, (0, 3.5, 0), _NONE),
    ((0, 105, -5), 25, (0, 0, 3), _NONE), ((25, 105, -25), 22, (2.5, 0, 0), _NONE),
    ((58, 15, -40), 25, (2, 0, 2), _NONE), ((48, 52, -32), 25, (2, 0, 2.5), _NONE),
    ((32, 0, -12), 18, (1.3, 0, 0), _NONE), ((32, 0, -12), 18, (0, 1, 0), _NONE),
    ((32, 0, -12), 16, _NONE, (0.06, 0.12, 0)), ((46, 0, -20), 9, (0, 1.2, 0), _NONE),
    ((32, -6, -8), 18, (0, 0, 1.5), _NONE), ((36, -20, 0), 22, (0, 1.8, 1), _NONE),
    ((42, -22, -5), 10, (0, 1.3, 0), _NONE), ((14, 42, 4), 9, (1.6, 0, 0), _NONE),
    ((0, 44, 14), 18, (0, 2, 0), _NONE), ((0, 36, 20), 16, (0, 0, 2.3), _NONE),
    ((0, 38, 20), 9, (0, 1.2, 0), _NONE), ((0, 5, 4), 14, (0, 0, 1.8), _NONE),
    ((0, 18, 12), 10, (0, 0, 1.0), _NONE), ((26, 67, -5), 13, (1.8, 0, 0), _NONE),
    ((0, 68, 5), 25, (0, 1.3, 0), _NONE), ((0, 68.5, 5), 22, _NONE, (0, 0.1, 0)),
    ((0, 81, 5), 9, (0, 1.0, 0), _NONE), ((0, 68, 6), 15, (0, 0, 1.3), _NONE))


@functools.cache
def _identity_basis() -> np.ndarray:
    """(modes, controls, 3): what one standard deviation of each way to differ moves."""
    points = head().controls
    side = np.sign(points[:, :1]) * (1, 0, 0) + (0, 1, 1)
    half = points * side
    basis = []
    for centre, reach, move, grow in _IDENTITY:
        offset = half - centre
        weight = np.exp(-(offset ** 2).sum(1, keepdims=True) / (2 * reach ** 2))
        basis.append(weight * (np.array(move) + offset * grow) * side)
    return np.array(basis)


@dataclass
class Expression:
    open: float  # drop of the jaw, mm
    smile: float  # -1 (frown) to 1
    brows: float  # raise, mm
    lids: float  # 0 open to 1 closed

    @classmethod
    def sample(cls, rng: np.random.Generator) -> 'Expression':
        opened = rng.uniform(3, 24) if rng.random() < 0.35 else 0.0
        lids = rng.uniform(0.5, 0.95) if rng.random() < 0.12 else rng.uniform(-0.15, 0.3)
        return cls(opened, float(np.clip(rng.normal(0.3, 0.5), -1, 1)), rng.normal(1, 2.5), lids)

    def apply(self, points: np.ndarray) -> None:
        """Move the control points (controls, 3) in place."""
        upper, lower = [61, 62, 63], [67, 66, 65]
        half_gap = (points[lower] - points[upper]) / 2
        points[upper] += half_gap
        points[lower] -= half_gap
        points[[50, 51, 52]] += half_gap * 0.8
        points[[58, 57, 56]] -= half_gap * 0.8
        jaw = np.clip((points[:, 1] - 55) / 40, 0, 1) * np.clip((points[:, 2] + 95) / 40, 0, 1)
        jaw[48:68] = 0
        jaw[55:60] = jaw[65:68] = 1
        jaw[[48, 54, 60, 64]] = 0.4
        points += jaw[:, None] * (0, self.open, -0.3 * self.open)
        grin = max(self.smile, 0)
        for corner, outwards in ((48, -1), (60, -1), (54, 1), (64, 1)):
            points[corner] += (outwards * 5 * grin, -4.5 * self.smile, -4 * grin)
        for beside, outwards in ((49, -1), (59, -1), (53, 1), (55, 1)):
            points[beside] += (outwards * 2.5 * grin, -2 * self.smile, -1.5 * grin)
        points[[50, 51, 52]] += (0, 1.2 * grin, -1 * grin)
        cheeks = np.exp(-((np.abs(points[:, 0]) - 42) / 13) ** 2 - ((points[:, 1] - 28) / 13) ** 2)
        points[68:] += cheeks[68:, None] * (0, -2 * grin, 3 * grin)
        points[17:27, 1] -= self.brows
        for over, under in ((37, 41), (38, 40), (43, 47), (44, 46)):
            points[under, 1] -= 1.2 * grin
            points[over] += self.lids * (points[under] - points[over])


def rotation_matrix(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Angles in radians: yaw > 0 turns the nose to the right of the image, pitch > 0 down, roll > 0 clockwise."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    turn = np.array([(cy, 0, sy), (0, 1, 0), (-sy, 0, cy)])
    nod = np.array([(1, 0, 0), (0, cp, sp), (0, -sp, cp)])
    tilt = np.array([(cr, -sr, 0), (sr, cr, 0), (0, 0, 1)])
    return tilt @ turn @ nod


class Face:
    """One posed head and its projection to a square canvas (weak perspective), cropped by ``crop_box``."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        mean = head()
        self.expression = Expression.sample(rng)
        points = mean.controls + np.tensordot(rng.normal(0, 1, len(_IDENTITY)), _identity_basis(), 1)
        self.expression.apply(points)
        points += rng.normal(0, 0.25, points.shape)  # nobody is symmetric
        self.points = points.astype(np.float32)
        limits = np.array((50, 22, 20))
        self.yaw, self.pitch, self.roll = np.radians(np.clip(rng.normal(0, (22, 9, 7)), -limits, limits))
        self.rotation = rotation_matrix(self.yaw, self.pitch, self.roll)

        visible = self._visible_landmarks()
        x0, y0, length = crop_box(visible)
        self.scale = side / length  # pixels per millimetre
        self._origin = np.array((x0, y0))
        self.side = side
        self.landmarks = self.to_canvas(visible)
        self.down = self.project([(0, 1, 0)])[0] - self.project([(0, 0, 0)])[0]  # 1 mm of the head, pixels
        self.grid = (mean.grid @ self.points).reshape(*mean.grid_shape, 3)

    def turn(self, points: np.ndarray) -> np.ndarray:
        """Head points (..., 3) -> the same seen from the camera, mm."""
        return points @ self.rotation.T.astype(np.float32)

    def to_canvas(self, turned: np.ndarray) -> np.ndarray:
        """Turned points (..., 2 or 3), mm -> pixels of the canvas (..., 2)."""
        return (turned[..., :2] - self._origin) * self.scale

    def project(self, points) -> np.ndarray:
        return self.to_canvas(self.turn(np.asarray(points, np.float32)))

    def places(self, *places: tuple[float, float]) -> np.ndarray:
        """Places (x, y) of the mean face -> where they are on this one, pixels (N, 2)."""
        return self.project(_weights_at(places) @ self.points)

    def _visible_landmarks(self) -> np.ndarray:
        # Annotators put the jaw on the outline that they see: on the side turned away, the outermost of the surface.
        lines = self.turn(head().jaw_lines @ self.points).reshape(17, -1, 3)[..., :2]
        landmarks = self.turn(self.points[:68])[:, :2]
        # Seen from the front, then rolled: turned away, the hidden points themselves may lie on the wrong side.
        outwards = (head().controls[:17, :2] - (0, 43)) @ rotation_matrix(0, 0, self.roll)[:2, :2].T
        farthest = np.einsum('ijk,ik->ij', lines, outwards).argmax(1)
        landmarks[:17] = lines[np.arange(17), farthest]
        return landmarks
