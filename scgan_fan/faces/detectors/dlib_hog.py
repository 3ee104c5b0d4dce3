"""dlib's detector: HOG and SVM, frontal faces."""
import functools

import numpy as np

from scgan_fan.extras import import_extra
from scgan_fan.faces.crop import Face
from scgan_fan.faces.tiles import find_in_tiles

WINDOW = 80  # pixels: the smallest face that it sees
TILE = 1200  # pixels; about 30 MB
OVERLAP = 240  # a face of two windows, and some surroundings


def find(image: np.ndarray, min_face: float) -> list[Face]:
    """The faces in a photograph. It takes four times as long for half of ``min_face``."""
    return find_in_tiles(image, WINDOW / min_face, _detect, TILE, OVERLAP)


def _detect(image: np.ndarray) -> list[Face]:
    rectangles, scores, _ = load().run(image, 0, 0.0)
    return [Face((r.left(), r.top(), r.right() + 1, r.bottom() + 1), None, score, 'dlib')
            for r, score in zip(rectangles, scores)]


@functools.cache
def load():
    """The detector."""
    return import_extra('dlib', 'detector dlib', 'dlib-bin').get_frontal_face_detector()
