"""Faces cut by another rule than the others' are noticed, and those cut by the same are not."""
import cv2
import numpy as np
import pytest

from scgan_fan.data.geometry import Geometry, mean_face

SIDE = 64  # pixels


@pytest.fixture(scope='module')
def hr(cut_faces):
    return mean_face(cut_faces.hr)


@pytest.fixture
def geometry(hr, cut_faces):
    """``geometry(scale, x, y)``: of LR crops in which the faces are larger, and lie further right and down (pixels)."""
    return lambda *change: Geometry(hr, mean_face(cut_faces.lr(*change)))


def advice(geometry: Geometry) -> str:
    return '\n'.join(f'{finding.text}: {finding.advice}' for finding in geometry.advised())


def test_faces_cut_alike(geometry):
    alike = geometry()
    assert alike.advised() == []
    assert alike.placing.correlation > 0.9
    assert np.hypot(alike.placing.x, alike.placing.y) < 0.02 and alike.placing.scale == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize('x, y', [(0, 10), (0, -10), (10, 0)])
def test_shifted_by_10_of_64_pixels(geometry, x, y):
    shifted = geometry(1, x, y)
    # sideways the border repeated beside drawn faces pulls the estimate back: 12 % of 15.6 seen
    assert shifted.placing.x == pytest.approx(x / SIDE, abs=0.04)
    assert shifted.placing.y == pytest.approx(y / SIDE, abs=0.03)
    assert shifted.placing.correlation > shifted.unmoved + 0.2
    assert '; differs by more than 3%' in advice(shifted) and 'scgan-fan prepare' in advice(shifted)


@pytest.mark.parametrize('scale', [0.9, 1.1])
def test_another_size(geometry, scale):
    scaled = geometry(scale)
    assert scaled.placing.scale == pytest.approx(scale, abs=0.03)
    assert '; differs by more than 5%' in advice(scaled) and 'more than 3%' not in advice(scaled)


def test_brightness_and_contrast(hr, cut_faces):
    dark = Geometry(hr, mean_face(image // 2 for image in cut_faces.lr()))
    assert 'brightness' in advice(dark) and 'contrast' in advice(dark)
    assert 'place of' not in advice(dark) and 'size of' not in advice(dark)


def test_what_is_no_face_gives_no_false_place(hr):
    noise = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    text = advice(Geometry(hr, mean_face(noise)))
    assert 'cannot tell whether they lie alike' in text and '; differs by more than 3%' not in text


def test_few_faces_are_said_to_tell_little(hr, cut_faces):
    few = Geometry(hr, mean_face(cut_faces.lr()[:3]))
    assert '; differs by more than 3%' not in advice(few) and '; differs by more than 5%' not in advice(few)
    assert few.error.scale > Geometry(hr, mean_face(cut_faces.lr())).error.scale


def test_size_of_the_images_does_not_matter(hr, cut_faces):
    larger = mean_face(cv2.resize(image, (100, 120)) for image in cut_faces.hr)  # the middle square counts
    same = Geometry(hr, mean_face(cv2.resize(image, (128, 128)) for image in cut_faces.hr))
    assert same.placing.scale == pytest.approx(1, abs=0.01) and same.placing.correlation > 0.99
    assert Geometry(hr, larger).placing.correlation > 0.9
    assert hr.picture.shape == larger.picture.shape == (64, 64, 3) and hr.count == len(cut_faces.hr)


def test_picture_shows_them_registered(geometry):
    picture = geometry(1, 0, 10).picture().astype(int)
    as_they_lie, registered = picture[-128:, 264:392], picture[-128:, 396:524]
    inner = slice(16, 96)  # what has moved out of the crop is missing
    fringes = [np.abs(part[inner, inner, 0] - part[inner, inner, 1]).mean() for part in (as_they_lie, registered)]
    assert fringes[1] < fringes[0] / 2
