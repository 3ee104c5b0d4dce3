"""Finding faces in photographs, and saying which are passed over."""
import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scgan_fan.choices import DETECTORS, MIN_FACE
from scgan_fan.errors import InputError
from scgan_fan.faces.alignment import align
from scgan_fan.faces.crop import Crop, Face, tilt
from scgan_fan.faces.detectors import centerface, dlib_hog, retinaface
from scgan_fan.faces.paste import cut_crop
from scgan_fan.faces.tiles import best_of_each

LARGE = 3_000_000  # pixels: larger photographs are not enlarged unless asked, which takes a quarter of the time
MOST_TILTED, LEAST_TILTED = 60, 30  # degrees: of heads that are upright, and surely upright
TURNED = 'lying or upside down (--turned restores them)'
Detector = Callable[[np.ndarray, float], list[Face]]


def load_detector(name: str) -> Detector:
    """A detector: takes a photograph and the side of the smallest crop that is wanted, gives its faces.

    Args:
        name: ``centerface`` (offline, faces from about 12 pixels), ``retinaface`` (better on hidden faces; its weights
            must be there, nothing is downloaded), a path to its weights, or ``dlib`` (frontal faces). RetinaFace runs
            on the device in use (``scgan_fan.device``), the others on the CPU.

    Raises:
        InputError: unknown detector, or what it needs is not there.
    """
    if offline := {'centerface': centerface, 'dlib': dlib_hog}.get(name):
        offline.load()
        return offline.find
    if name != 'retinaface' and not Path(name).is_file():
        raise InputError(f'detector: {name!r} is none of {", ".join(DETECTORS)}, nor a file of RetinaFace\'s weights; '
                         'choose one')
    weights = retinaface.find_weights() if name == 'retinaface' else Path(name)
    retinaface.load(weights)
    return functools.partial(retinaface.find, weights=weights)


def find_faces(image: np.ndarray, detector: str = DETECTORS[0], min_face: float | None = None,
               turned: bool = False) -> list[Face]:
    """The faces in a photograph, the largest first. The same photograph always gives the same faces.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        detector: see ``load_detector``.
        min_face: faces whose crop (``Face.crop``) has a smaller side are left out, pixels. None: ``MIN_FACE``, but
            photographs of more than ``LARGE`` pixels are not enlarged, and faces below ``centerface.CLEAR`` may be
            missed there.
        turned: also look for heads that lie or stand upside down, by turning the photograph: four times as long.

    Raises:
        InputError: from ``load_detector``.
    """
    return find_and_count(image, detector, min_face, turned)[0]


def find_and_count(image: np.ndarray, detector: str = DETECTORS[0], min_face: float | None = None,
                   turned: bool = False) -> tuple[list[Face], Counter[str]]:
    """``find_faces``, and how many were passed over for which reason."""
    find, height, width = load_detector(detector), *image.shape[:2]
    wanted = min_face or (centerface.CLEAR if height * width > LARGE else MIN_FACE)
    found = find(image, wanted)
    if turned:
        for quarters in (1, 2, 3):
            found += [_turn_back(face, quarters, image.shape) for face in find(_turn(image, quarters), wanted)]
        found = best_of_each(found)
    found = align(image, found)
    reasons = [_passed_over(face, min_face or MIN_FACE, turned or _is_upright(image, face, find)) for face in found]
    faces = [face for face, reason in zip(found, reasons) if not reason]
    return sorted(faces, key=lambda face: (-face.size, face.box)), Counter(filter(None, reasons))


def _passed_over(face: Face, min_face: float, may_be_restored: bool) -> str:
    """Why a face is left alone; empty where nothing speaks against it."""
    if face.crop().side < min_face:
        return 'too small'
    return '' if may_be_restored else TURNED


def _is_upright(image: np.ndarray, face: Face, find: Detector) -> bool:
    """Whether the head neither lies nor stands upside down: FAN knows its landmarks as they stand, or the detector is
    less sure of it in the turned photograph.
    """
    crop = face.crop()
    if abs(crop.angle) > MOST_TILTED:
        return False
    if face.box_of == 'landmarks':
        return True
    side = round(2 * crop.side)
    around = cut_crop(image, Crop(crop.x - crop.side / 2, crop.y - crop.side / 2, side), side)
    others = [other for quarters in (1, 2, 3) for other in find(_turn(around, quarters), crop.side / 2)]
    return not any(other.score > face.score and abs(tilt(other.points)) < LEAST_TILTED
                   and np.abs(np.sum(np.reshape(other.box, (2, 2)), axis=0) / 2 - side / 2).max() < crop.side / 2
                   for other in others)


def _turn(image: np.ndarray, quarters: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, quarters))


def _turn_back(face: Face, quarters: int, shape: tuple[int, ...]) -> Face:
    """A face of the photograph turned by ``quarters`` to the left, in pixels of the photograph of ``shape``."""
    corners: Any = _turn_points_back(np.array(face.box).reshape(2, 2), quarters, shape)
    points = _turn_points_back(face.points, quarters, shape)
    return replace(face, box=(*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()), points=points)


def _turn_points_back(points: np.ndarray | None, quarters: int, shape: tuple[int, ...]) -> np.ndarray | None:
    if points is None:
        return None
    x, y = points.T
    height, width = shape[:2]
    return np.stack({1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[quarters], axis=1)
