"""Landmark errors over a set of faces, whole and by pose."""
import numpy as np
import pytest
import torch

from drawn_faces import draw_face
from drawn_faces.head import rotation_matrix
from scgan_fan.errors import InputError
from scgan_fan.faces.mean_face import mean_landmarks
from scgan_fan.metrics.landmark_error import calculate_auc68, calculate_landmark_confidence, calculate_nme68
from scgan_fan.metrics.validation import ValidationMetrics

YAWS = (0, -20, 40, 70)
ERRORS = (0.02, 0.04, 0.06, 0.30)  # of the root of the true box's area


@pytest.fixture
def faces(device) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Found and true landmarks of the mean face, turned by ``YAWS``: every point off by ``ERRORS``."""
    truth = [torch.tensor(mean_landmarks() @ rotation_matrix(np.radians(yaw), 0, 0).T, device=device)[:, :2]
             for yaw in YAWS]
    sides = [(points.amax(0) - points.amin(0)).prod().sqrt() for points in truth]
    return [points + torch.tensor([0.6, 0.8], device=device) * side * error
            for points, side, error in zip(truth, sides, ERRORS)], truth


def measure(metric: str, found: list[torch.Tensor], truth: list[torch.Tensor], **options) -> float | None:
    """The figure of calculate_<metric> for the set."""
    metrics = ValidationMetrics({'it': {'type': f'calculate_{metric}', **options}})
    for landmarks, landmarks2 in zip(found, truth):
        metrics.add({'landmarks': landmarks, 'landmarks2': landmarks2})
    return metrics.results().get('it')


def test_nme_is_the_mean_over_faces(faces):
    assert measure('nme', *faces) == pytest.approx(100 * np.mean(ERRORS))


def test_nme_by_the_distance_of_the_eyes(faces):
    found, truth = [part[:1] for part in faces]
    box, eyes = (truth[0].amax(0) - truth[0].amin(0)).prod().sqrt(), 90  # mm between the mean face's outer corners
    assert measure('nme', found, truth, normalizer='inter_ocular') == pytest.approx(2 * box.item() / eyes)


@pytest.mark.parametrize('yaw, errors', [([0, 30], ERRORS[:2]), ([30, 60], ERRORS[2:3]), ([60, 90], ERRORS[3:])])
def test_faces_are_chosen_by_the_yaw_of_the_truth(faces, yaw, errors):
    assert measure('nme', *faces, yaw=yaw) == pytest.approx(100 * np.mean(errors))
    assert measure('auc', *faces, limit=1, yaw=yaw) == pytest.approx(100 * (1 - np.mean(errors)))


def test_auc_is_the_area_under_the_cumulative_curve(faces):
    assert measure('auc', *faces) == pytest.approx(100 * (0.8 + 0.6 + 0.4 + 0) / 4)
    assert measure('auc', *faces, limit=0.05) == pytest.approx(100 * (0.6 + 0.2) / 4)
    thresholds = np.linspace(0, 1, 1000)[:100]  # the official code's samples
    curve = [np.mean(np.array(ERRORS) <= threshold) for threshold in thresholds]
    assert 0 <= measure('auc', *faces) - 100 * np.mean(curve) < 1


def test_no_face_turned_by_so_much(faces):
    found, truth = [part[:2] for part in faces]
    assert measure('nme', found, truth, yaw=[60, 90]) is None
    assert measure('auc', found, truth, yaw=[60, 90]) is None


@pytest.mark.parametrize('metric, options, words', [
    ('nme', {'yaw': 30}, r'yaw: 30 is not \[least, most\]'),
    ('auc', {'yaw': [60, 30]}, r'yaw: \[60, 30\] is not \[least, most\], two numbers from 0 to 90'),
    ('nme', {'normalizer': 'pupils'}, 'choose one of box, inter_ocular'),
    ('auc', {'limit': 0}, 'limit: 0; it must be above 0')])
def test_wrong_options(faces, metric, options, words):
    with pytest.raises(InputError, match=words) as error:
        measure(metric, *faces, **options)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('fan', ['fan64', 'dlib'])
def test_landmarks_of_restored_faces(fan):
    """On drawn faces: no error on the face itself, some on a shifted one, of any size."""
    rng = np.random.default_rng(0)
    face = draw_face(rng)[0][..., ::-1].copy()
    assert calculate_nme68(face, face, fan)[0] == 0
    shifted = np.roll(face, 3, axis=1)
    expected = 3 / 60  # pixels by about the side of the box
    assert calculate_nme68(shifted, face, fan)[0] == pytest.approx(expected, rel=0.4)
    larger = np.repeat(np.repeat(face, 2, axis=0), 2, axis=1)
    assert calculate_nme68(np.roll(larger, 6, axis=1), larger, fan)[0] == pytest.approx(
        calculate_nme68(shifted, face, fan)[0], rel=0.1)
    assert np.array_equal(calculate_auc68(shifted, face, fan), calculate_nme68(shifted, face, fan))


def test_confidence_is_higher_on_a_face_than_on_noise():
    rng = np.random.default_rng(0)
    face = draw_face(rng)[0][..., ::-1].copy()
    noise = rng.integers(0, 256, face.shape, dtype=np.uint8)
    assert calculate_landmark_confidence(face) > 2 * calculate_landmark_confidence(noise)
