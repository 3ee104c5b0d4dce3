"""Drawn faces with exact landmarks: data for examples and tests that shows no real person.

A face is a smooth surface through control points, of which the 68 iBUG landmarks are a part. Identity and expression
move the control points, a rotation and a scaling project them, and everything is painted where they fall; so the
landmarks need no detection. Lengths of the head are millimetres, from a point between the eyes: x to the right of the
image, y down, z towards the viewer.
"""
import functools
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from scgan_fan.errors import InputError
from scgan_fan.faces.crop import crop_box
from scgan_fan.faces.mean_face import mean_landmarks, mirrored
from scgan_fan.images import write_image

# ---------------------------------------------------------------------------------------------------------------------
# The mean head
# ---------------------------------------------------------------------------------------------------------------------

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

_AXIS_Z = -95.0  # the vertical axis that the head is unrolled around runs through the ears
_RADIUS = 95.0
_STEP = 0.03  # grid of the unrolled head: radians of longitude, and the same length in height
_LONGITUDE = np.arange(-1.8, 1.8001, _STEP)
_HEIGHT = np.arange(-0.98, 1.4201, _STEP)


def _unroll(points: np.ndarray) -> np.ndarray:
    """Head points (N, 3) -> longitude and height on the unrolled head (N, 2)."""
    return np.stack([np.arctan2(points[:, 0], points[:, 2] - _AXIS_Z), points[:, 1] / _RADIUS], axis=1)


def _spline_basis(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    square = ((a[:, None] - b[None]) ** 2).sum(2)
    return 0.5 * square * np.log(square + 1e-12)


class _Head:
    """What all faces share, computed once: control points, the spline through them, and regions on the surface."""

    def __init__(self) -> None:
        under, under_flat = (np.array(part, float) for part in zip(*_UNDER))
        off_middle = under[:, 0] < 0
        shared = np.concatenate([mean_landmarks(), _MIDDLE, _SIDE, mirrored(_SIDE)])
        self.controls = np.concatenate([shared, under, under[off_middle] * (-1, 1, 1)])
        self.flat = np.concatenate([_unroll(shared), under_flat, under_flat[off_middle] * (-1, 1)])
        n = len(self.flat)
        system = np.zeros((n + 3, n + 3))
        system[:n, :n] = _spline_basis(self.flat, self.flat)
        system[:n, n:] = np.c_[np.ones(n), self.flat]
        system[n:, :n] = system[:n, n:].T
        self._inverse = np.linalg.inv(system)[:, :n]

        flat_grid = np.stack(np.meshgrid(_LONGITUDE, _HEIGHT, indexing='ij'), 2)
        self.grid_shape = flat_grid.shape[:2]
        self.grid = self.weights(flat_grid.reshape(-1, 2))
        self.x, self.y, self.z = (self.grid @ self.controls.astype(np.float32)).T.reshape(3, *self.grid_shape)
        self.longitude, self.height = flat_grid[..., 0], flat_grid[..., 1]
        edge = np.interp(np.abs(self.longitude), np.abs(under_flat[:5, 0]), under_flat[:5, 1])
        self.inside = (self.height < edge).astype(np.float32)
        jaw = self.flat[:17]
        inwards = np.linspace(0, 0.6, 13)[None, :, None] * ((0, 0.45) - jaw)[:, None]
        self.jaw_lines = self.weights((jaw[:, None] + inwards).reshape(-1, 2))

    def weights(self, flat: np.ndarray) -> np.ndarray:
        """Thin-plate spline: places on the unrolled head (N, 2) -> weights (N, controls) giving their 3-D points."""
        basis = np.c_[_spline_basis(flat, self.flat), np.ones(len(flat)), flat]
        return (basis @ self._inverse).astype(np.float32)

    def weights_at(self, places: tuple) -> np.ndarray:
        """``weights`` of places (x, y) of the mean face seen from the front."""
        places = np.array(places, float)
        seen = np.abs(self.longitude) < 1.6
        x, y, z = self.x[seen], self.y[seen], self.z[seen]
        nearest = [np.argmin((x - px) ** 2 + (y - py) ** 2) for px, py in places]
        return self.weights(_unroll(np.c_[places, z[nearest]]))

    def spot(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """A soft spot on both halves of the face, as a map over the grid in [0, 1]."""
        front = np.abs(self.longitude) < 1.7
        return front * np.exp(-((np.abs(self.x) - x) / width) ** 2 - ((self.y - y) / height) ** 2).astype(np.float32)


@functools.cache
def _head() -> _Head:
    return _Head()


@functools.cache
def _weights_at(places: tuple) -> np.ndarray:
    return _head().weights_at(places)


# ---------------------------------------------------------------------------------------------------------------------
# Shape: identity, expression, pose
# ---------------------------------------------------------------------------------------------------------------------

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
    points = _head().controls
    side = np.sign(points[:, :1]) * (1, 0, 0) + (0, 1, 1)
    half = points * side
    basis = []
    for centre, reach, move, grow in _IDENTITY:
        offset = half - centre
        weight = np.exp(-(offset ** 2).sum(1, keepdims=True) / (2 * reach ** 2))
        basis.append(weight * (np.array(move) + offset * grow) * side)
    return np.array(basis)


@dataclass
class _Expression:
    open: float  # drop of the jaw, mm
    smile: float  # -1 (frown) to 1
    brows: float  # raise, mm
    lids: float  # 0 open to 1 closed

    @classmethod
    def sample(cls, rng: np.random.Generator) -> '_Expression':
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


def _rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Angles in radians: yaw > 0 turns the nose to the right of the image, pitch > 0 down, roll > 0 clockwise."""
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, pitch, roll) for f in (np.cos, np.sin))
    turn = np.array([(cy, 0, sy), (0, 1, 0), (-sy, 0, cy)])
    nod = np.array([(1, 0, 0), (0, cp, sp), (0, -sp, cp)])
    tilt = np.array([(cr, -sr, 0), (sr, cr, 0), (0, 0, 1)])
    return tilt @ turn @ nod


class _Face:
    """One posed head and its projection to a square canvas (weak perspective), cropped by ``crop_box``."""

    def __init__(self, rng: np.random.Generator, side: int) -> None:
        head = _head()
        self.expression = _Expression.sample(rng)
        points = head.controls + np.tensordot(rng.normal(0, 1, len(_IDENTITY)), _identity_basis(), 1)
        self.expression.apply(points)
        points += rng.normal(0, 0.25, points.shape)  # nobody is symmetric
        self.points = points.astype(np.float32)
        limits = np.array((50, 22, 20))
        self.yaw, self.pitch, self.roll = np.radians(np.clip(rng.normal(0, (22, 9, 7)), -limits, limits))
        self.rotation = _rotation(self.yaw, self.pitch, self.roll)

        visible = self._visible_landmarks()
        x0, y0, length = crop_box(visible)
        self.scale = side / length  # pixels per millimetre
        self._origin = np.array((x0, y0))
        self.side = side
        self.landmarks = self.to_canvas(visible)
        self.grid = (head.grid @ self.points).reshape(*head.grid_shape, 3)

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
        lines = self.turn(_head().jaw_lines @ self.points).reshape(17, -1, 3)[..., :2]
        landmarks = self.turn(self.points[:68])[:, :2]
        # Seen from the front, then rolled: turned away, the hidden points themselves may lie on the wrong side.
        outwards = (_head().controls[:17, :2] - (0, 43)) @ _rotation(0, 0, self.roll)[:2, :2].T
        farthest = np.einsum('ijk,ik->ij', lines, outwards).argmax(1)
        landmarks[:17] = lines[np.arange(17), farthest]
        return landmarks


# ---------------------------------------------------------------------------------------------------------------------
# Looks: colours and light
# ---------------------------------------------------------------------------------------------------------------------

_SKIN = np.array([(72, 45, 34), (104, 68, 50), (141, 96, 70), (183, 131, 100), (211, 160, 130), (233, 190, 165),
                  (246, 212, 194)], np.float32)
_HAIR = np.array([(22, 19, 18), (36, 27, 23), (62, 43, 31), (98, 66, 42), (146, 104, 63), (196, 160, 106),
                  (128, 58, 32), (150, 148, 146), (214, 211, 206)], np.float32)
_IRIS = np.array([(52, 32, 20), (84, 53, 30), (118, 88, 48), (96, 112, 72), (92, 124, 150), (120, 140, 152)],
                 np.float32)
_WHITE = np.float32(255)  # of display values


@dataclass
class _Look:
    skin: np.ndarray  # colours: RGB, 0 to 255
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    hair_style: str
    beard_style: str
    beard: float  # density, 0 to 1
    age: float  # 0 to 1: depth of the folds
    glasses: bool

    @classmethod
    def sample(cls, rng: np.random.Generator) -> '_Look':
        tone = rng.beta(1.3, 0.9) * (len(_SKIN) - 1)
        skin = np.array([np.interp(tone, range(len(_SKIN)), channel) for channel in _SKIN.T], np.float32)
        skin *= rng.normal(1, (0.02, 0.025, 0.04))
        dark = tone < 3
        hair = _HAIR[rng.integers(0, 3)] if dark and rng.random() < 0.85 else _HAIR[rng.integers(len(_HAIR))]
        iris = _IRIS[rng.integers(0, 2)] if dark else _IRIS[rng.integers(len(_IRIS))]
        bearded = rng.random() < 0.35
        style = rng.choice(['short', 'bald', 'receding'] if bearded else ['short', 'long', 'long', 'bangs', 'receding'])
        painted = 0 if bearded or rng.random() < 0.6 else rng.uniform(0.3, 1)
        lips = skin * rng.normal((0.86, 0.68, 0.68), 0.04) * (1 - painted)
        lips += painted * np.array((rng.uniform(130, 185), rng.uniform(40, 85), rng.uniform(50, 90))) * (skin[0] / 250)
        return cls(skin=skin, hair=hair * rng.uniform(0.85, 1.15), iris=iris * rng.uniform(0.8, 1.2), lips=lips,
                   hair_style=str(style), age=rng.beta(1.2, 2), glasses=rng.random() < 0.14,
                   beard_style=str(rng.choice(['stubble', 'moustache', 'goatee', 'full'])) if bearded else 'none',
                   beard=rng.uniform(0.2, 0.45) if rng.random() < 0.4 else rng.uniform(0.5, 0.95))


@dataclass
class _Light:
    direction: np.ndarray  # unit vector from the face to the light, seen from the camera
    ambient: float
    key: np.ndarray  # strength of the directed light by colour channel
    gloss: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> '_Light':
        azimuth, elevation = np.radians(np.clip(rng.normal((0, 30), (42, 18)), (-80, -15), (80, 70)))
        direction = np.array((np.sin(azimuth) * np.cos(elevation), -np.sin(elevation),
                              np.cos(azimuth) * np.cos(elevation)), np.float32)
        ambient = rng.uniform(0.18, 0.5)
        warmth = rng.normal(0, 0.04)
        key = rng.uniform(0.8, 1.45) * (1 - 0.5 * ambient) * np.array((1 + warmth, 1, 1 - warmth), np.float32)
        return cls(direction, ambient, key.astype(np.float32), rng.uniform(0.005, 0.06))

    def shade(self, face: _Face, turned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Light on the unrolled head: diffuse (U, V, 3), and the gloss to add (U, V, 1), both linear."""
        along, down = np.gradient(cv2.GaussianBlur(turned, (0, 0), 0.8), axis=(0, 1))
        normal = np.cross(along, down)
        normal /= np.sqrt(np.square(normal).sum(2, keepdims=True)) + 1e-6
        lambert = np.clip((normal @ self.direction + 0.25) / 1.25, 0, 1)
        half = self.direction + (0, 0, 1)
        gloss = np.clip(normal @ (half / np.linalg.norm(half)).astype(np.float32), 0, 1) ** 22 * self.gloss
        lit = 1 - self._cast_shadow(face)
        hollow = self._hollows(face)
        diffuse = (self.ambient * hollow)[..., None] + (lambert * lit * (0.4 + 0.6 * hollow))[..., None] * self.key
        return diffuse, (gloss * lit)[..., None]

    def _cast_shadow(self, face: _Face) -> np.ndarray:
        """How much the nose and the brows stand before the light, (U, V) in [0, 1]."""
        depth = np.ascontiguousarray(face.grid[..., 2])
        towards = face.rotation.T @ self.direction
        higher = np.zeros_like(depth)
        for reach in (4, 8, 12, 17, 22, 28):  # millimetres towards the light
            du, dv = reach * towards[:2] / (_RADIUS * _STEP)
            ahead = cv2.warpAffine(depth, np.float32([(1, 0, -dv), (0, 1, -du)]), depth.shape[::-1],
                                   borderMode=cv2.BORDER_REPLICATE)
            np.maximum(higher, ahead - depth - reach * towards[2], out=higher)
        front = np.clip(1.5 - np.abs(_head().longitude) * 1.2, 0, 1)
        return cv2.GaussianBlur(0.75 * front * np.clip(higher / 4, 0, 1), (0, 0), 1.2)

    @staticmethod
    def _hollows(face: _Face) -> np.ndarray:
        """Less of the surrounding light reaches hollows: (U, V), about 1."""
        depth = np.hypot(face.grid[..., 0], face.grid[..., 2] - _AXIS_Z)
        near = cv2.GaussianBlur(depth, (0, 0), 4) - depth
        return np.clip(1 - 0.09 * near, 0.4, 1.2)


def _smoothstep(values: np.ndarray) -> np.ndarray:
    values = np.clip(values, 0, 1)
    return values * values * (3 - 2 * values)


def _streaks(rng: np.random.Generator, shape: tuple[int, int], across: int, along: int) -> np.ndarray:
    """Noise stretched along the second axis, about -1 to 1: hair."""
    coarse = rng.normal(0, 0.5, (across, along)).astype(np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


@functools.cache
def _beard_region(style: str) -> np.ndarray:
    """(U, V) in [0, 1]: where the beard grows on the unrolled head."""
    head = _head()
    across = np.abs(head.x)
    line = np.interp(across, (0, 18, 27, 33, 46, 62, 72, 80), (88, 87, 80, 58, 55, 38, 6, 0))
    full = _smoothstep((head.y - line) / 7 + 0.5)
    moustache = _smoothstep(1.6 - ((across - 8) / 21) ** 4 - ((head.y - 55 - 0.006 * across ** 2) / 5.5) ** 4)
    chin = full * _smoothstep((34 - across) / 10)
    return {'none': 0 * full, 'stubble': 0.6 * np.maximum(full, moustache), 'moustache': moustache,
            'goatee': np.maximum(chin, moustache), 'full': np.maximum(full, moustache)}[style]


@functools.cache
def _blush() -> tuple[np.ndarray, np.ndarray]:
    """(U, V) maps: where skin is redder (cheeks, nose, chin), and where darker (under and over the eyes)."""
    head = _head()
    red = head.spot(40, 34, 17, 14) + 0.8 * head.spot(0, 36, 13, 10) + 0.4 * head.spot(0, 98, 16, 10)
    return red, head.spot(30, 10, 14, 6) + 0.7 * head.spot(32, -8, 15, 5)


# ---------------------------------------------------------------------------------------------------------------------
# Painting
# ---------------------------------------------------------------------------------------------------------------------

@functools.cache
def _curve_weights(count: int, closed: bool, steps: int = 6) -> np.ndarray:
    """Catmull-Rom: points (count) -> a smooth curve through all of them."""
    t = np.linspace(0, 1, steps, endpoint=False)
    cubic = 0.5 * np.stack([-t ** 3 + 2 * t ** 2 - t, 3 * t ** 3 - 5 * t ** 2 + 2, -3 * t ** 3 + 4 * t ** 2 + t,
                            t ** 3 - t ** 2], 1)
    segments = count if closed else count - 1
    weights = np.zeros((segments * steps + (not closed), count), np.float32)
    for segment in range(segments):
        for k in range(4):
            index = segment + k - 1
            index = index % count if closed else min(max(index, 0), count - 1)
            weights[segment * steps:(segment + 1) * steps, index] += cubic[:, k]
    if not closed:
        weights[-1, -1] = 1
    return weights


def _curve(points: np.ndarray, closed: bool = False) -> np.ndarray:
    return _curve_weights(len(points), closed) @ np.asarray(points, np.float32)


def _blur(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly a Gaussian blur of ``uint8`` pixels, fast and (unlike ``cv2.stackBlur``) the same with any threads."""
    side = 2 * round(1.15 * sigma) + 1
    return cv2.blur(cv2.blur(pixels, (side, side)), (side, side))


class _Canvas:
    """A float32 RGB canvas in [0, 255]. Features multiply what lies below, so they keep its light and shade."""

    def __init__(self, pixels: np.ndarray, scale: float) -> None:
        self.pixels = pixels
        self.scale = scale  # pixels per millimetre
        self.hidden = None  # where nose or hair stand before other features, (H, W) in [0, 1]

    def _window(self, points: np.ndarray, margin: float) -> tuple[slice, slice]:
        x, y, width, height = cv2.boundingRect(points.astype(np.float32))
        margin = int(margin) + 1

        def span(start: int, length: int, limit: int) -> slice:
            return slice(min(max(start - margin, 0), limit), min(max(start + length + margin, 0), limit))

        return span(y, height, self.pixels.shape[0]), span(x, width, self.pixels.shape[1])

    def _place(self, points: np.ndarray, margin: float, soft: float, hideable: bool, draw) -> tuple | None:
        window = self._window(points, (margin + 3 * soft) * self.scale)
        mask = np.zeros(self.pixels[window].shape[:2], np.uint8)
        if not mask.size:
            return None
        # OpenCV's fixed point: whole numbers at pixel centres, 4 binary digits.
        corner = (window[1].start + 0.5, window[0].start + 0.5)
        draw(mask, [np.round((points - corner) * 16).astype(np.int32)])
        if soft:
            mask = _blur(mask, soft * self.scale)
        mask = mask.astype(np.float32) / _WHITE
        return window, mask * (1 - self.hidden[window]) if hideable else mask

    def region(self, polygon: np.ndarray, soft: float = 0, hideable: bool = False) -> tuple | None:
        """A filled polygon with an edge ``soft`` mm wide, left out where hidden if ``hideable``.

        Returns:
            The window of the canvas that holds it (two slices) and its mask there in [0, 1]; None off the canvas.
        """
        return self._place(polygon, 0, soft, hideable,
                           lambda mask, points: cv2.fillPoly(mask, points, 255, cv2.LINE_AA, 4))

    def stroke(self, line: np.ndarray, width: float, soft: float = 0, hideable: bool = False) -> tuple | None:
        """``region`` for a line of ``width`` mm."""
        pixels = max(1, round(width * self.scale))
        return self._place(line, width, soft, hideable,
                           lambda mask, points: cv2.polylines(mask, points, False, 255, pixels, cv2.LINE_AA, 4))

    def _enlarged(self, plane: np.ndarray) -> np.ndarray:
        return cv2.resize(plane.astype(np.float32), self.pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)

    def hide(self, where: np.ndarray) -> None:
        """Keep later features that can be hidden out of ``where``: bool, of any resolution."""
        self.hidden = self._enlarged(where)

    def lay(self, patch: np.ndarray) -> None:
        """Lay a ``uint8`` RGBA patch of any resolution over the canvas where its A is not 0, with a soft edge."""
        seen = (patch[..., 3] > 0).astype(np.float32)[..., None]
        premultiplied = self._enlarged(np.dstack([patch[..., :3], seen]))
        self.pixels *= 1 - premultiplied[..., 3:]
        self.pixels += premultiplied[..., :3]

    def tint(self, place, ratio, strength: float = 1) -> None:
        """Multiply by ``ratio`` (a number, RGB, or an image of the window) where ``place`` says."""
        if place:
            window, mask = place
            self.pixels[window] *= 1 + strength * mask[..., None] * (np.asarray(ratio, np.float32) - 1)

    def lit(self, place, skin: np.ndarray) -> float:
        """How brightly the skin at ``place`` is lit, for what is not skin and lies there."""
        return float(np.clip((self.pixels[place[0]] / skin).mean(), 0.2, 1.05))

    def cover(self, place, colour) -> None:
        """Lay ``colour`` (RGB or an image of the window) over where ``place`` says."""
        if place:
            window, mask = place
            self.pixels[window] += mask[..., None] * (np.asarray(colour, np.float32) - self.pixels[window])


def _to_light(colour: np.ndarray) -> np.ndarray:
    """Display values in [0, 255] -> linear light in [0, 1], with gamma 2 for speed."""
    return np.square(np.asarray(colour, np.float32) / _WHITE)


def _to_display(light: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(light, 0, 1)) * _WHITE


def _splat(face: _Face, positions: np.ndarray, rgba: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Project a patch of the unrolled head.

    Args:
        positions: turned points of a grid, (U, V, 3), mm.
        rgba: values on the grid, (U, V, 4), in [0, 255]; A marks regions and is not 0.
        keep: (U, V); vertices below 0.5 are left out.

    Returns:
        ``uint8`` RGBA at half the resolution of the canvas; A is 0 where the patch is not seen.
    """
    # Half the resolution of the canvas, so that vertices leave no gaps where the surface is stretched.
    side = face.side // 2
    fine = round(face.side / 64)
    size = (keep.shape[1] * fine, keep.shape[0] * fine)
    # Later vertices cover earlier ones, so the far side comes first.
    order = slice(None, None, 1 if face.yaw < 0 else -1), slice(None, None, 1 if face.pitch < 0 else -1)
    column, row, keep, values = (
        cv2.resize(np.ascontiguousarray(plane[order]), size)
        for plane in (*cv2.split(face.to_canvas(positions) / 2), keep, np.clip(rgba, 0, 255).astype(np.uint8)))
    chosen = (keep > 0.5) & (column >= 0) & (row >= 0) & (column < side) & (row < side)
    place = row[chosen].astype(np.int32) * side + column[chosen].astype(np.int32)
    pixels = np.zeros(side * side, np.uint32)
    pixels[place] = values.view(np.uint32)[..., 0][chosen]
    return pixels.view(np.uint8).reshape(side, side, 4)


_BEFORE = 128  # the A of the nose and the hair in the patch of the head: they hide features behind them


def _muted(rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.uniform(5, 240) + rng.normal(0, 22, 3), 0, 255)


def _paint_backdrop(rng: np.random.Generator, side: int) -> np.ndarray:
    colours = _muted(rng) + rng.normal(0, 12, (4, 4, 3)) * rng.uniform(0.3, 2.5)
    pixels = cv2.resize(colours.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 6)):  # furniture, windows, people, all out of focus
        corner, size = rng.uniform(-0.2, 1, 2) * side, rng.uniform(0.1, 0.7, 2) * side
        far = corner + size
        cv2.rectangle(pixels, [int(c) for c in corner], [int(c) for c in far], _muted(rng).tolist(), -1)
    return cv2.blur(pixels, (side // 12, side // 12))


def _paint_behind(canvas: _Canvas, face: _Face, look: _Look, light: _Light, rng: np.random.Generator) -> None:
    """What the face stands before: long hair, neck, clothes, the back of the head."""
    middle = face.project([(0, 60, -60)])[0]
    hair_light = light.ambient + 0.4 * light.key
    hair = _to_display(_to_light(look.hair) * hair_light)
    if look.hair_style in ('long', 'bangs'):
        width = rng.uniform(88, 115)
        outline = [(-width, 160, -100), (-width, 40, -100), (-86, -40, -95), (86, -40, -95), (width, 40, -100),
                   (width, 160, -100)]
        place = canvas.region(_curve(face.project(outline)), soft=2)
        if place:
            window = place[0]
            streaks = _streaks(rng, (face.side, face.side), 8, 50)[window][..., None]
            canvas.cover(place, hair * (0.75 + 0.3 * streaks))

    radius = 49 * face.scale
    neck = middle + np.array([(-radius, 0), (radius, 0), (1.15 * radius, face.side), (-1.15 * radius, face.side)])
    place = canvas.region(neck, soft=1)
    if place:  # a cylinder
        across = (np.arange(face.side)[place[0][1]] - middle[0]) / (1.1 * radius)
        normal = np.stack([across, 0 * across, np.sqrt(np.clip(1 - across ** 2, 0, 1))], 1)
        lambert = np.clip(normal @ light.direction, 0, 1)[:, None]
        lit = 0.5 * light.ambient * (0.5 + 0.5 * normal[:, 2:]) + 0.5 * light.key * lambert
        canvas.cover(place, _to_display(_to_light(look.skin) * lit)[None])

    collar, spread = rng.uniform(108, 150), rng.uniform(25, 48)
    cloth = _muted(rng)
    for side in (-1, 1):
        outline = middle + face.scale * np.array([(side * 8, collar - 10), (side * spread, collar - 62),
                                                  (side * 62, collar - 60), (side * 190, collar - 25),
                                                  (side * 190, 260), (side * 8, 260)])
        canvas.cover(canvas.region(outline, soft=0.7), cloth * (0.6 + 0.35 * light.ambient))

    spread = face.rotation @ np.diag(np.square((75.0, 100.0, 92.0))) @ face.rotation.T
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    ellipse = np.c_[np.cos(angle), np.sin(angle)] @ np.linalg.cholesky(spread[:2, :2]).T * face.scale
    bald = look.hair_style == 'bald'
    colour = _to_display(_to_light(look.skin) * (light.ambient + 0.3 * light.key)) if bald else hair
    canvas.cover(canvas.region(face.project([(0, -22, -92)]) + ellipse, soft=1), colour)


def _paint_ear(canvas: _Canvas, face: _Face, look: _Look, side: int, skin: np.ndarray) -> None:
    """``side``: -1 left, 1 right; ``skin``: lit colours of the unrolled head."""
    if look.hair_style in ('long', 'bangs'):
        return
    head = _head()
    colour = 0.95 * skin[(head.longitude * side > 1.2) & (head.longitude * side < 1.5) & (np.abs(head.y) < 30)].mean(0)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    back, down = 15 - 15 * np.cos(angle), 30 * np.sin(angle)
    back = back * (1 - 0.2 * (down > 5))
    width = face.points[16, 0]
    ring = np.c_[side * (width - 1 + 0.45 * back), 2 + down + 0.15 * back, -97 - back].astype(np.float32)
    canvas.cover(canvas.region(_curve(face.project(ring), closed=True), soft=0.6), colour)
    centre = ring.mean(0)
    canvas.tint(canvas.region(_curve(face.project(centre + 0.5 * (ring - centre)), closed=True), soft=2), 0.6)


def _skin_map(look: _Look, rng: np.random.Generator) -> np.ndarray:
    """Colour of the unrolled face before light, (U, V, 3), linear."""
    head = _head()
    red, dark = _blush()
    colour = np.broadcast_to(look.skin, (*head.grid_shape, 3)).copy()
    colour *= 1 - red[..., None] * rng.uniform(0, 0.2) * np.array((0.1, 1, 0.9), np.float32)
    colour *= 1 - dark[..., None] * rng.uniform(0, 0.25) * np.array((0.8, 1, 0.9), np.float32)
    blotches = cv2.resize(rng.normal(0, 1, (36, 25)).astype(np.float32), head.grid_shape[::-1])
    grain = rng.normal(0, 1, head.grid_shape).astype(np.float32)
    colour *= (1 + rng.uniform(0.005, 0.03) * (blotches + grain))[..., None]
    beard = (look.beard * _beard_region(look.beard_style) * np.clip(1 + 0.25 * grain, 0, 1))[..., None]
    return _to_light(colour * (1 - beard) + 0.9 * look.hair * beard)


def _hair_region(style: str, rng: np.random.Generator) -> np.ndarray:
    """(U, V): above 0 where hair grows on the unrolled head, 1 at 2 cm from the hairline."""
    lines = {'bald': (-150,) * 8, 'short': (-60, -58, -48, -26, -4, 14, -20, 10),
             'receding': (-72, -82, -66, -34, -6, 10, -20, 10), 'long': (-66, -60, -44, -20, 20, 75, 150, 150),
             'bangs': (-25, -22, -14, 8, 50, 80, 150, 150)}
    head = _head()
    line = np.interp(np.abs(head.longitude), (0, 0.5, 0.8, 1.0, 1.2, 1.38, 1.5, 1.8), lines[style])
    parting = rng.normal(0, 4) * np.sin(2 * head.longitude)
    ragged = _streaks(rng, head.grid_shape, 60, 3) * (5 if style == 'bangs' else 3)
    return ((line + rng.normal(0, 3) + parting + ragged - head.height * _RADIUS) / 20).astype(np.float32)


def _paint_head(canvas: _Canvas, face: _Face, look: _Look, light: _Light, rng: np.random.Generator) -> None:
    """Skin, beard, hair and ears, shaded in three dimensions."""
    head = _head()
    region = _hair_region(look.hair_style, rng)
    outwards = face.grid - np.array((0, -10, _AXIS_Z), np.float32)
    outwards /= np.linalg.norm(outwards, axis=2, keepdims=True)
    thickness = np.float32(rng.uniform(5, 13)) * _smoothstep(region + 0.1)
    turned = face.turn(face.grid + thickness[..., None] * outwards)
    diffuse, gloss = light.shade(face, turned)

    # Light that travels through skin comes out redder, most visibly in the half shade.
    skin = _to_display(_skin_map(look, rng) * diffuse ** np.array((0.94, 1.02, 1.04), np.float32) + gloss)
    streaks = _streaks(rng, head.grid_shape, 70, 5) + 0.7 * _streaks(rng, head.grid_shape, 24, 4)
    strands = _to_light(look.hair) * diffuse * np.clip(1 + 0.55 * streaks, 0.2, 2)[..., None]
    strands = _to_display(strands + 0.5 * gloss * np.clip(streaks, 0, 1)[..., None])
    hair = _smoothstep(4 * region + 0.5)[..., None]
    nose = (np.abs(head.x) < 11) & (head.y > 2) & (head.y < 45) & (np.abs(head.longitude) < 1)
    mark = np.where(nose | (region > 0), _BEFORE, 255).astype(np.float32)
    patch = _splat(face, turned, np.dstack([skin + hair * (strands - skin), mark]), head.inside)

    far, near = (1, -1) if face.yaw > 0 else (-1, 1)
    _paint_ear(canvas, face, look, far, skin)
    if abs(face.yaw) < 0.15:
        _paint_ear(canvas, face, look, near, skin)
    canvas.lay(patch)
    if abs(face.yaw) >= 0.15:
        _paint_ear(canvas, face, look, near, skin)
    canvas.hide(np.abs(patch[..., 3] - np.float32(_BEFORE)) < 64)


def _paint_eye(canvas: _Canvas, face: _Face, look: _Look, light: _Light, first: int, gaze: np.ndarray) -> None:
    """The eye whose landmarks are ``first`` to ``first`` + 5."""
    lids = face.landmarks[first:first + 6]
    upper, lower = _curve(lids[:4]), _curve(lids[[3, 4, 5, 0]])
    place = canvas.region(np.concatenate([upper, lower]), soft=0.25, hideable=True)
    if not place:
        return
    scale, window = face.scale, place[0]
    corner = (window[1].start, window[0].start)
    ball = face.points[first:first + 6].mean(0) - (0, 0, 12)
    pupil = face.project([ball + 12 * gaze])[0]
    centre = [round(c) for c in (pupil - corner - 0.5) * 16]
    narrow = abs(float((face.rotation @ gaze)[2]))

    def disc(image: np.ndarray, radius: float, colour: np.ndarray) -> None:
        axes = int(16 * radius * scale * max(narrow, 0.5)), int(16 * radius * scale)
        cv2.ellipse(image, centre, axes, 0, 0, 360, [float(c) for c in colour], -1, cv2.LINE_AA, 4)

    image = np.full((*place[1].shape, 3), (214, 204, 198), np.uint8)
    disc(image, 6.2, 0.45 * look.iris)
    disc(image, 5.4, look.iris)
    disc(image, 2.4, (12, 10, 10))
    image = cv2.GaussianBlur(image, (0, 0), 0.35 * scale)
    canvas.cover(place, image * canvas.lit(place, look.skin))
    canvas.tint(canvas.stroke(upper + (0, 0.6 * scale), 2.2, 0.8, True), 0.62)  # shadow of the lid
    glint = pupil + 2.2 * scale * light.direction[:2]
    if face.expression.lids < 0.4:
        dot = glint + 0.9 * scale * np.array([(-1, 0), (0, -1), (1, 0), (0, 1)])
        canvas.cover(canvas.region(dot, soft=0.25, hideable=True), (235, 235, 235))
    canvas.tint(canvas.stroke(upper, 1.2, 0.3, True), 0.28)
    canvas.tint(canvas.stroke(lower, 0.8, 0.5, True), 0.66)
    upwards = face.project([(0, -4.5, 0)])[0] - face.project([(0, 0, 0)])[0]
    canvas.tint(canvas.stroke(upper + upwards, 1.0, 0.9, True), 0.66)


def _paint_brow(canvas: _Canvas, face: _Face, look: _Look, points: np.ndarray, bushy: float, dark: float) -> None:
    """``points``: the five landmarks from the temple to the nose; the brow lies around and under them."""
    down = face.project([(0, 1, 0)])[0] - face.project([(0, 0, 0)])[0]
    over, under = np.array((0.5, 1.0, 1.3, 1.5, 1.3)), np.array((0.8, 2.0, 3.2, 4.0, 3.8))
    outline = np.concatenate([_curve(points - bushy * over[:, None] * down),
                              _curve((points + bushy * under[:, None] * down)[::-1])])
    ratio = np.minimum(0.85 * look.hair / look.skin, 0.85)
    canvas.tint(canvas.region(outline, soft=0.9, hideable=True), ratio, dark)


def _paint_nose(canvas: _Canvas, face: _Face, look: _Look) -> None:
    shown = float(np.clip(0.75 - 1.5 * face.pitch, 0.2, 1))
    canvas.tint(canvas.stroke(_curve(face.landmarks[31:36]), 1.0, 1.2), 0.7)
    for side in (-1, 1):
        facing = float(np.clip(1.3 - 1.5 * face.yaw * side, 0, 1))
        nostril = face.places((side * 10.5, 45.2), (side * 7, 44), (side * 3.5, 46), (side * 7, 47.2))
        canvas.tint(canvas.region(_curve(nostril, closed=True), soft=0.7), (0.28, 0.2, 0.18), shown * facing)
        wing = face.places((side * 14, 34), (side * 18, 38), (side * 18, 43), (side * 14, 46))
        canvas.tint(canvas.stroke(_curve(wing), 1.0, 1.2), (0.66, 0.58, 0.56), facing)
        fold = face.places((side * 20, 43), (side * 27, 52), (side * 33, 62), (side * 35, 70))
        depth = 0.75 * look.age + 0.5 * max(face.expression.smile, 0)
        canvas.tint(canvas.stroke(_curve(fold), 1.2, 1.6), (0.66, 0.58, 0.56), facing * min(depth, 1))
        bag = face.places((side * 42, 9), (side * 32, 12.5), (side * 22, 9.5))
        canvas.tint(canvas.stroke(_curve(bag), 1.2, 1.3, True), 0.7, facing * look.age)


def _paint_mouth(canvas: _Canvas, face: _Face, look: _Look) -> None:
    mark = face.landmarks
    lit = canvas.lit(canvas.region(mark[48:60]), look.skin)
    inner_upper, inner_lower = _curve(mark[60:65]), _curve(mark[[64, 65, 66, 67, 60]])
    upper = np.concatenate([_curve(mark[48:55]), inner_upper[::-1]])
    lower = np.concatenate([_curve(mark[[54, 55, 56, 57, 58, 59, 48]]), inner_lower[::-1]])
    ratio = look.lips / look.skin
    canvas.tint(canvas.region(upper, soft=0.6, hideable=True), 0.84 * ratio)
    canvas.tint(canvas.region(lower, soft=0.6, hideable=True), ratio)
    highlight = (mark[[55, 56, 57, 58, 59]] + mark[[64, 65, 66, 67, 60]]) / 2
    canvas.tint(canvas.stroke(_curve(highlight[1:4]), 2.0, 1.6, True), 1.18)

    place = canvas.region(np.concatenate([inner_upper, inner_lower]), soft=0.3, hideable=True)
    if place and face.expression.open:
        window, mask = place
        image = np.full((*mask.shape, 3), (62, 24, 22), np.float32) * lit
        inside = _Canvas(image, face.scale)
        drop = (mark[66] - mark[62]) * min(1.0, 8 / face.expression.open)
        corner = (window[1].start, window[0].start)
        teeth = np.concatenate([inner_upper, (inner_upper + 0.95 * drop)[::-1]]) - corner
        inside.cover(inside.region(teeth, soft=0.4), 0.92 * lit * np.array((226, 217, 203)))
        ends = np.abs(np.linspace(-1, 1, mask.shape[1])) ** 3  # the row of teeth curves back into the shade
        canvas.cover(place, image * (1 - 0.6 * ends)[None, :, None])
    canvas.tint(canvas.stroke(inner_upper, 0.9, 0.5, True), (0.5, 0.42, 0.42))


def _paint_glasses(canvas: _Canvas, face: _Face, rng: np.random.Generator) -> None:
    colour = rng.uniform(5, 110) * rng.uniform(0.7, 1, 3)
    width, half = rng.uniform(1.2, 3.2), rng.uniform((20, 14), (25, 20))
    power = rng.uniform(0.5, 1)
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    round_x, round_y = (np.sign(f(angle)) * np.abs(f(angle)) ** power for f in (np.cos, np.sin))
    bridge_z = face.points[28, 2] + 4
    for side, first in ((-1, 36), (1, 42)):
        x, y, _ = face.points[first:first + 6].mean(0)
        ring = np.c_[x + half[0] * round_x, y + 4 + half[1] * round_y]
        depth = bridge_z - 14 * (ring[:, 0] / 55) ** 2
        rim = face.project(np.c_[ring, depth])
        canvas.tint(canvas.region(_curve(rim, closed=True)), 0.93)
        canvas.cover(canvas.stroke(_curve(np.r_[rim, rim[:1]]), width, 0.2), colour)
        inner = x - side * half[0]
        canvas.cover(canvas.stroke(face.project([(inner, y, bridge_z), (0, y - 2, bridge_z + 2)]), width, 0.2), colour)
        if face.yaw * side < 0.25:
            hinge = (x + side * half[0], y, bridge_z - 14 * ((x + side * half[0]) / 55) ** 2)
            canvas.cover(canvas.stroke(face.project([hinge, (side * 76, y, -95)]), width, 0.2), colour)


def _finish(pixels: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Camera: softness, exposure, colour, reduction to ``size``, a little noise."""
    pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.6) * pixels.shape[0] / 256)
    pixels = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)
    grey = pixels @ np.array((0.299, 0.587, 0.114), np.float32)
    vivid = 0 if rng.random() < 0.04 else rng.normal(1, 0.12)
    pixels = grey[..., None] + vivid * (pixels - grey[..., None])
    pixels = 128 + rng.normal(1.05, 0.08) * (pixels - 128) + rng.normal(0, 8)
    pixels += rng.normal(0, rng.uniform(0, 2.5), pixels.shape)
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def draw_face(rng: np.random.Generator, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Draw a face of random identity, look, pose, expression and light.

    Args:
        rng: decides everything.
        size: side of the image in pixels.

    Returns:
        ``uint8`` RGB image (size, size, 3), and its ``float32`` landmarks (68, 2) in iBUG order, x then y, in pixels
        (pixel i covers i to i + 1). The image is cropped by ``crop_box``.
    """
    side = max(256, 4 * size)
    face = _Face(rng, side)
    look, light = _Look.sample(rng), _Light.sample(rng)
    canvas = _Canvas(_paint_backdrop(rng, side), face.scale)
    _paint_behind(canvas, face, look, light, rng)
    _paint_head(canvas, face, look, light, rng)
    gaze = np.array((rng.normal(0, 0.15) - 0.4 * np.sin(face.yaw) * rng.random(), rng.normal(0, 0.08), 1))
    gaze /= np.linalg.norm(gaze)
    bushy, dark = rng.uniform(0.6, 1.4), rng.uniform(0.45, 0.95)
    _paint_nose(canvas, face, look)
    _paint_mouth(canvas, face, look)
    for first, brow in ((36, face.landmarks[17:22]), (42, face.landmarks[26:21:-1])):
        _paint_eye(canvas, face, look, light, first, gaze)
        _paint_brow(canvas, face, look, brow, bushy, dark)
    if look.glasses:
        _paint_glasses(canvas, face, rng)
    return _finish(canvas.pixels, rng, size), (face.landmarks * (size / side)).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Data sets
# ---------------------------------------------------------------------------------------------------------------------

def _blur_like_a_lens(image: np.ndarray, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Out of focus and moved: a Gaussian longer along one direction."""
    wide = (0.4 + 2.2 * severity * rng.random()) * image.shape[0] / 64
    narrow = wide * rng.uniform(0.35, 1)
    angle = rng.uniform(0, np.pi)
    reach = int(3 * wide) + 1
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kernel = np.exp(-0.5 * ((along / wide) ** 2 + (across / narrow) ** 2))
    return cv2.filter2D(image, -1, (kernel / kernel.sum()).astype(np.float32), borderType=cv2.BORDER_REFLECT)


def _light_badly(image: np.ndarray, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Dark, flat and in the colour of the lamps."""
    gain = 1 - severity * rng.uniform(-0.1, 0.75)
    contrast = 1 - 0.55 * severity * rng.random()
    cast = 1 + severity * rng.normal(0, (0.07, 0.04, 0.1))
    return ((image - image.mean()) * contrast + image.mean()) * (gain * cast).astype(np.float32)


def _add_noise(image: np.ndarray, rng: np.random.Generator, severity: float) -> np.ndarray:
    """Photon noise, which grows with brightness, and the sensor's own."""
    deviation = severity * rng.uniform(2, 16) * (0.4 + np.sqrt(np.clip(image, 0, 255) / _WHITE))
    return image + (deviation * rng.normal(0, 1, image.shape)).astype(np.float32)


_KERNELS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


def _compress(image: np.ndarray, quality: int) -> np.ndarray:
    image = np.clip(np.round(image), 0, 255).astype(np.uint8)
    coded = cv2.imencode('.jpg', image[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)[..., ::-1]


def degrade_hidden(image: np.ndarray, rng: np.random.Generator, size: int = 16) -> np.ndarray:
    """The degradation behind the drawn low-resolution sets, which training is not told.

    Like a tiny face in a bad photograph: blur and bad light, reduction by a random kernel to the size that the face had
    in the photograph, noise and light again in random order, JPEG, and the resize to ``size`` of whoever collected it.

    Args:
        image: ``uint8`` RGB, square.
        rng: decides everything.
        size: side of the result in pixels.

    Returns:
        ``uint8`` RGB image (size, size, 3), aligned with ``image``.
    """
    severity = rng.beta(2, 1.6)
    pixels = _blur_like_a_lens(image.astype(np.float32), rng, severity)
    found = round(size * rng.uniform(1, 2))
    pixels = cv2.resize(pixels, (found, found), interpolation=_KERNELS[rng.integers(len(_KERNELS))])
    for step in rng.permutation([0, 1]):
        pixels = (_light_badly, _add_noise)[step](pixels, rng, severity)
    pixels = _compress(pixels, int(rng.uniform(92 - 65 * severity, 95)))
    return cv2.resize(np.ascontiguousarray(pixels), (size, size), interpolation=cv2.INTER_AREA)


_SETS = ('hr', 'lr', 'val')


def _draw_example(folder: Path, seed: int, set_name: str, index: int, size: int, scale: int) -> np.ndarray:
    """Draw and write one example of a set; returns its landmarks (68, 2) at high resolution."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, _SETS.index(set_name), index]))
    image, landmarks = draw_face(rng, size)
    name = _file_name(index)
    if set_name != 'lr':
        write_image(folder / ('hr' if set_name == 'hr' else 'val_hr') / name, image)
    if set_name != 'hr':
        low = degrade_hidden(image, rng, size // scale)
        write_image(folder / ('lr' if set_name == 'lr' else 'val_lr') / name, low)
    return landmarks


def _draw_task(task: tuple) -> np.ndarray:
    return _draw_example(*task)


def _file_name(index: int) -> str:
    return f'{index:06d}.png'


def _draw_all(tasks: list[tuple], workers: int) -> list[np.ndarray]:
    progress = functools.partial(tqdm, total=len(tasks), desc='drawing faces', unit='face')
    if workers == 1:
        return list(progress(map(_draw_task, tasks)))
    context = multiprocessing.get_context('spawn')  # forking a process with torch's threads may hang
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(progress(pool.map(_draw_task, tasks, chunksize=8)))


def _check_arguments(counts: dict[str, int], seed: int, size: int, scale: int, workers: int) -> None:
    for name, count in counts.items():
        if count < 0:
            raise InputError(f'number of {name} faces: {count}; it cannot be negative')
    if seed < 0:
        raise InputError(f'seed: {seed}; it cannot be negative')
    if size < 16:
        raise InputError(f'size: {size}; faces need at least 16 pixels')
    if scale < 1 or size % scale:
        raise InputError(f'scale: {scale}; it must divide the size, {size}')
    if workers < 1:
        raise InputError(f'workers: {workers}; at least 1 is needed')


def draw_dataset(folder: str | Path, hr: int, lr: int, val: int, seed: int = 0, size: int = 64, scale: int = 4,
                 workers: int | None = None) -> None:
    """Draw sets for training and validation.

    Writes ``hr/*.png`` and ``lr/*.png`` (other faces, so unpaired), ``val_hr/*.png`` and ``val_lr/*.png`` (paired by
    file name), ``hr_landmarks.npz`` and ``val_hr_landmarks.npz`` with arrays ``name`` (file names) and ``landmarks``
    (N, 68, 2; ``float32`` pixels as ``draw_face`` gives them). Low-resolution images went through ``degrade_hidden``.
    A face depends only on the seed, its set and its number, not on the counts or the workers.

    Args:
        folder: where to write; made if missing. Files of the same names are replaced.
        hr, lr, val: how many faces each set gets.
        seed: 0 or more; another seed, other faces.
        size: side of the high-resolution images in pixels, at least 16.
        scale: high-resolution side / low-resolution side; divides ``size``.
        workers: processes that draw; None for one per core.

    Raises:
        InputError: an argument is out of its range, or the folder cannot be written.
    """
    workers = os.cpu_count() or 1 if workers is None else workers
    counts = {'hr': hr, 'lr': lr, 'val': val}
    _check_arguments(counts, seed, size, scale, workers)
    folder = Path(folder)
    tasks = [(folder, seed, name, index, size, scale) for name in _SETS for index in range(counts[name])]
    try:
        for name in ('hr', 'lr', 'val_hr', 'val_lr'):
            (folder / name).mkdir(parents=True, exist_ok=True)
        landmarks = np.array(_draw_all(tasks, workers), np.float32).reshape(-1, 68, 2)
        for name, first, count in (('hr', 0, hr), ('val_hr', hr + lr, val)):
            np.savez(folder / f'{name}_landmarks.npz', name=np.array([_file_name(i) for i in range(count)], np.str_),
                     landmarks=landmarks[first:first + count])
    except OSError as error:
        raise InputError(f'{folder}: cannot be written ({error.strerror}); choose another folder') from error
