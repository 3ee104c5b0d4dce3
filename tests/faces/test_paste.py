"""Faces come back to exactly where they were cut."""
import numpy as np
import pytest
from photos import photo

from scgan_fan.faces.paste import cut_square, paste_square, resize_square, round_square

GREEN = np.full((64, 64, 3), (0, 255, 0), np.uint8)


def test_cut_inside_is_the_photograph():
    image = photo([])
    assert np.array_equal(cut_square(image, (30, 50, 16), 16), image[50:66, 30:46])


def test_cut_beyond_the_border_repeats_it():
    image = photo([])
    crop = cut_square(image, (-8, 230, 16), 16)
    assert np.array_equal(crop[:10, 8:], image[230:240, :8])
    assert (crop[:10, :8] == image[230:240, :1]).all() and (crop[10:, 8:] == image[239, :8]).all()


def test_reduction_is_the_mean_of_areas():
    image = photo([(40, 40, 64)])
    expected = image[40:104, 40:104].reshape(16, 4, 16, 4, 3).mean(axis=(1, 3))
    assert np.abs(cut_square(image, (40, 40, 64), 16) - expected).max() <= 0.5


def test_round_square():
    assert round_square((1.6, -2.4, 0.2)) == (2, -2, 1)


@pytest.mark.parametrize('scale', [1, 2, 3])
def test_nothing_outside_the_square_changes(scale):
    before = resize_square(photo([], 200, 200), 200 * scale)
    after = before.copy()
    paste_square(after, GREEN, (50, 60, 40), scale)
    inside = np.zeros(after.shape[:2], bool)
    inside[60 * scale:100 * scale, 50 * scale:90 * scale] = True
    assert np.array_equal(after[~inside], before[~inside])
    assert (after[60 * scale:100 * scale, 50 * scale:90 * scale] != before[inside].reshape(40 * scale, -1, 3)).any()


def test_the_middle_is_the_face_and_the_edge_is_soft():
    image = np.zeros((128, 128, 3), np.uint8)
    paste_square(image, GREEN, (0, 0, 128), 1)
    green = image[..., 1].astype(int)
    assert (green[20:108, 20:108] == 255).all()
    assert green[[0, -1]].max() <= 1 and green[:, [0, -1]].max() <= 1
    assert 0 < np.abs(np.diff(green[64])).max() < 32
    assert np.array_equal(green, green.T) and np.array_equal(green, green[::-1])


@pytest.mark.parametrize('square', [(-20, -20, 40), (180, 10, 40), (-10, -10, 300), (300, 0, 20), (0, -50, 20)])
def test_squares_across_the_border(square):
    before = photo([], 200, 200)
    after = before.copy()
    paste_square(after, GREEN, square, 1)
    x, y, side = square
    rows, columns = slice(max(y, 0), max(y + side, 0)), slice(max(x, 0), max(x + side, 0))
    before[rows, columns] = after[rows, columns]
    assert np.array_equal(after, before)


def test_cut_and_pasted_unchanged_is_unchanged():
    before = photo([(100, 80, 64)])
    after = before.copy()
    paste_square(after, cut_square(before, (90, 70, 80), 80), (90, 70, 80), 1)
    assert np.array_equal(after, before)
