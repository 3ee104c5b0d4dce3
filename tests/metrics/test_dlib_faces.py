"""Detection and five landmarks by dlib, on drawn faces."""
import numpy as np
import pytest

from scgan_fan.metrics.dlib_faces import calculate_detection, calculate_landmarks5
from scgan_fan.metrics.validation import Metric


def test_faces_are_detected_and_noise_is_not(drawn, noise):
    found = [calculate_detection(face) for face in drawn]
    assert set(found) <= {0.0, 1.0} and np.mean(found) > 0.5
    assert calculate_detection(noise) == 0
    assert Metric('it', {'type': 'calculate_detection'}).summary(np.array([1.0, 0.0, 1.0, 1.0])) == 75


def test_five_landmarks_move_with_the_face(drawn):
    assert calculate_landmarks5(drawn[0], drawn[0]) == 0
    errors = [calculate_landmarks5(np.roll(face, 2, axis=1), face) for face in drawn]
    assert np.median(errors) == pytest.approx(1, rel=0.3)  # 2 pixels in x, none in y
