"""A crop is a square of the photograph, levelled, and what is found in it lies where it lay."""
import cv2
import numpy as np
import pytest
from photos import photo

from scgan_fan.faces.alignment import crop_landmarks
from scgan_fan.faces.crop import Crop, Face, crop_box, tilt
from scgan_fan.faces.paste import cut_levelled


@pytest.mark.parametrize('angle', [0, 30, -90, 180])
def test_matrix_is_what_is_cut(angle):
    image = photo([(100, 80, 60)])
    crop = Crop(100, 80, 60, angle)
    matrix = crop.matrix(60)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    expected = cv2.warpAffine(image, matrix, (60, 60), flags=cv2.INTER_CUBIC)
    assert np.abs(cut_levelled(image, (100, 80, 60), angle, 60).astype(int) - expected).max() <= 2


def test_points_go_back():
    crop, points = Crop(3, 5, 20, 37), np.random.default_rng(0).uniform(0, 64, (7, 2))
    matrix, there = crop.matrix(64), crop.to_photo(points, 64)
    assert np.allclose(there @ matrix[:, :2].T + matrix[:, 2], points)


def test_a_face_turned_to_the_right_is_turned_back():
    """Its right eye lies below the left one; the middle of the square stays."""
    crop = Crop(0, 0, 10, 90)
    assert np.allclose(crop.to_photo(np.array([[5, 5], [10, 5]]), 10), [[5, 5], [5, 10]])


@pytest.mark.parametrize('down, angle', [(0, 0), (1, 0), (10, 45), (-10, -45)])
def test_tilt(down, angle):
    points = np.array([[0, 0], [10, down], [0, 0], [0, 0], [0, 0]], float)
    assert tilt(points) == pytest.approx(angle)


@pytest.mark.parametrize('angle', [0, 30, 180])
def test_landmarks_of_a_turned_face_give_the_turned_crop(angle):
    landmarks = np.random.default_rng(1).uniform(20, 60, (68, 2))
    x, y, side = crop_box(landmarks)
    level = Crop(x, y, side)
    about = Crop(0, 0, 100, angle)
    moved = crop_landmarks(about.to_photo(landmarks, 100), angle)
    middle = about.to_photo(np.array([level.x + side / 2, level.y + side / 2]), 100)
    assert moved.side == pytest.approx(side) and moved.angle == angle
    assert np.allclose((moved.x + side / 2, moved.y + side / 2), middle)


def test_the_crop_is_lowered_along_the_face():
    box, eyes = (0, 0, 100, 100), {0: (1, 0), 90: (0, 1), 180: (-1, 0)}
    upright, lying, upside_down = (
        Face(box, np.array([(0, 0), eye, (0, 0), (0, 0), (0, 0)], float), 1).crop() for eye in eyes.values())
    assert upright.y > 4 and upright.x == pytest.approx(4)
    assert lying.x == pytest.approx(8 - upright.y) and lying.y == pytest.approx(4)
    assert upside_down.y == pytest.approx(8 - upright.y)
