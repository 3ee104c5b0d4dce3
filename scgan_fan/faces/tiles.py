"""Looking for faces of every size in photographs of any size, part by part: memory does not grow with them."""
import itertools
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from tqdm import tqdm

from scgan_fan.faces.crop import Face

SAME_FACE = 0.4  # overlap of two boxes, intersection over union
Detect = Callable[[np.ndarray], list[Face]]


def find_in_tiles(image: np.ndarray, scale: float, detect: Detect, tile: int, overlap: int) -> list[Face]:
    """The faces that ``detect`` sees in the photograph enlarged by ``scale``, and in each half of that size until one
    tile holds it whole, the surest first.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        scale: of the smallest faces.
        detect: gives the faces in a tile, in its pixels.
        tile: side, pixels of the enlarged photograph.
        overlap: of neighbours, twice the largest box that is not found at half of the size: boxes that come within a
            quarter of it to a tile's border may be of faces that are cut there, and are left to the neighbour.
    """
    found = _find_at(image, scale, detect, tile, overlap)
    while max(image.shape[:2]) * scale > tile:
        scale /= 2
        found += _find_at(image, scale, detect, tile, overlap)
    return best_of_each(found)


def _find_at(image: np.ndarray, scale: float, detect: Detect, tile: int, overlap: int) -> list[Face]:
    height, width = image.shape[:2]
    side, step, shared = (max(1, round(length / scale)) for length in (tile, tile - overlap, overlap))
    corners = list(itertools.product(range(0, max(1, height - shared), step), range(0, max(1, width - shared), step)))
    return [face for top, left in tqdm(corners, desc='looking for faces', unit='tile', leave=False, delay=2)
            for face in _find_in_tile(image[top:top + side, left:left + side], left, top, scale, detect)
            if _is_whole(face, (left, top), side, (width, height), shared / 4)]


def _find_in_tile(part: np.ndarray, left: int, top: int, scale: float, detect: Detect) -> list[Face]:
    """Faces in pixels of the photograph."""
    size = tuple(max(1, round(length * scale)) for length in part.shape[1::-1])
    scaled = cv2.resize(part, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    return [move(face, 1 / scale, (left, top)) for face in detect(np.ascontiguousarray(scaled))]


def _is_whole(face: Face, corner: tuple[int, int], side: int, size: tuple[int, int], room: float) -> bool:
    """Whether the box keeps ``room`` to those borders of its tile that are not the photograph's."""
    return all((first == 0 or least > first + room) and (first + side >= length or most < first + side - room)
               for first, length, least, most in zip(corner, size, face.box[:2], face.box[2:]))


def move(face: Face, scale: float, shift: tuple[float, float]) -> Face:
    """The face in the pixels of another picture: all its places times ``scale``, plus ``shift``."""
    box = np.array(face.box) * scale + (*shift, *shift)
    return replace(face, box=tuple(box.tolist()),
                   points=None if face.points is None else face.points * scale + shift)


def best_of_each(faces: list[Face]) -> list[Face]:
    """The faces that no surer one overlaps, the surest first (non-maximum suppression)."""
    boxes = [(left, top, right - left, bottom - top) for left, top, right, bottom in (face.box for face in faces)]
    return [faces[index] for index in cv2.dnn.NMSBoxes(boxes, [face.score for face in faces], 0, SAME_FACE)]
