"""Detection, recognition and five landmarks by dlib, on drawn faces."""
import numpy as np
import pytest

from scgan_fan.faces.drawn import draw_face
from scgan_fan.metrics import (calculate_detection, calculate_identity, calculate_landmarks5, calculate_verification,
                               calculate_verification_control)
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


def test_a_face_is_the_same_person_as_itself(faces, noise):
    row = calculate_verification(faces[0], faces[0])
    assert row.shape == (2, 128) and np.array_equal(row[0], row[1])
    assert calculate_identity(faces[0], faces[0]) == pytest.approx(1, abs=1e-6)
    assert calculate_identity(noise, faces[0]) < calculate_identity(np.roll(faces[0], 1, axis=1), faces[0])


def test_rates_of_verification():
    """Descriptors on a line: first and second of an image 0.5 apart, those of different images 1 and more."""
    rows = np.zeros((3, 2, 128))
    rows[:, 0, 0], rows[:, 1, 0] = (0, 2, 4), (0.5, 2.5, 4.5)
    same, control = ({'type': f'calculate_{name}'} for name in ('verification', 'verification_control'))
    assert summarize(same, rows) == 100 and summarize(control, rows) == 0
    assert summarize({**same, 'threshold': 0.4}, rows) == 0
    assert summarize({**control, 'threshold': 1.6}, rows) == pytest.approx(200 / 3)  # 2 - 0.5 and 4 - 2.5 are 1.5
    assert summarize(control, rows[:1]) is None
    assert calculate_verification_control.summary is not calculate_verification.summary


def test_five_landmarks_move_with_the_face(faces):
    assert calculate_landmarks5(faces[0], faces[0]) == 0
    errors = [calculate_landmarks5(np.roll(face, 2, axis=1), face) for face in faces]
    assert np.median(errors) == pytest.approx(1, rel=0.3)  # 2 pixels in x, none in y
