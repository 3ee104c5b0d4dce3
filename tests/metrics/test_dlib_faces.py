"""Detection and five landmarks by dlib, on drawn faces."""
import numpy as np
import pytest

from scgan_fan.faces.drawn import draw_face
from scgan_fan.metrics import calculate_detection, calculate_landmarks5
from scgan_fan.metrics.validation import summarize


@pytest.fixture(scope='module')
def faces() -> list[np.ndarray]:
    """Drawn faces, BGR."""
    rng = np.random.default_rng(0)
    return [draw_face(rng)[0][..., ::-1].copy() for _ in range(12)]


@pytest.fixture(scope='module')
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_faces_are_detected_and_noise_is_not(faces, noise):
    found = [calculate_detection(face) for face in faces]
    assert set(found) <= {0.0, 1.0} and np.mean(found) > 0.5
    assert calculate_detection(noise) == 0
    assert summarize({'type': 'calculate_detection'}, np.array([1.0, 0.0, 1.0, 1.0])) == 75


def test_five_landmarks_move_with_the_face(faces):
    assert calculate_landmarks5(faces[0], faces[0]) == 0
    errors = [calculate_landmarks5(np.roll(face, 2, axis=1), face) for face in faces]
    assert np.median(errors) == pytest.approx(1, rel=0.3)  # 2 pixels in x, none in y
