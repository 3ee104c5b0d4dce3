"""Faces come back to exactly where they were cut."""
import cv2
import numpy as np
import pytest
from photos import PAINT, photo

from scgan_fan.faces.crop import Crop
from scgan_fan.faces.paste import cut_crop, cut_square, outline, paste_face, resize_square, round_square


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


CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
EVERYWHERE = 1e4 * (CORNERS - 0.5)  # an outline that leaves all of the crop


def changed(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    return (after != before).any(axis=-1)


@pytest.mark.parametrize('angle', [0, 30, -45, 90, 180])
@pytest.mark.parametrize('scale', [1, 1.5, 3])
def test_nothing_outside_of_the_turned_square_changes(scale, angle):
    before = resize_square(photo([], 200, 200), round(200 * scale))
    after = before.copy()
    crop = Crop(50, 60, 40, angle).scaled(scale)
    paste_face(after, PAINT, crop, EVERYWHERE, 2 * scale)
    inside = np.zeros(after.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(crop.corners()).astype(np.int32), 1)
    outside = cv2.dilate(inside, np.ones((3, 3), np.uint8)) == 0
    assert not changed(after, before)[outside].any()
    assert changed(after, before).sum() > 0.6 * (40 * scale)**2


def test_a_face_that_is_cut_turned_comes_back_to_its_place():
    image = photo([(60, 60, 80)], 200, 200)
    for angle in (0, 25, -70, 180):
        crop = Crop(60, 60, 80, angle)
        after = image.copy()
        paste_face(after, cut_crop(image, crop, 80), crop, EVERYWHERE, 1)
        assert np.abs(after.astype(int) - image).mean() < 0.5, angle
        wrong = image.copy()
        paste_face(wrong, cut_crop(image, crop, 80), Crop(60, 60, 80, angle + 20), EVERYWHERE, 1)
        assert np.abs(wrong.astype(int) - image).mean() > 1


def test_cut_and_pasted_unchanged_is_unchanged():
    before = photo([(100, 80, 64)])
    after = before.copy()
    paste_face(after, cut_square(before, (90, 70, 80), 80), Crop(90, 70, 80), EVERYWHERE, 3)
    assert np.abs(after.astype(int) - before).max() <= 1


def test_the_outline_is_where_the_face_is_seen():
    image = np.full((128, 128, 3), 128, np.uint8)
    circle = 64 + 40 * np.stack([np.cos(np.linspace(0, 6.2, 40)), np.sin(np.linspace(0, 6.2, 40))], 1)
    paste_face(image, PAINT, Crop(0, 0, 128), circle, 8)
    rows, columns = np.mgrid[:128, :128] + 0.5 - 64
    distance, difference = np.hypot(rows, columns), np.abs(image.astype(int) - 128).max(axis=-1)
    assert difference[distance > 40 + 0.04 * 128 + 2].max() == 0
    assert 0 < difference[(distance > 39) & (distance < 41)].mean() < 0.4 * difference[distance < 25].mean()


@pytest.mark.parametrize('tint', [(90, -60, 30), (0, 0, 0)])
def test_lower_frequencies_are_the_photographs(tint):
    before = photo([], 200, 200)
    face = (PAINT // 2 + 64 + np.array(tint)).clip(0, 255).astype(np.uint8)
    after = before.copy()
    paste_face(after, face, Crop(36, 36, 128), EVERYWHERE, 4)
    smooth = [cv2.GaussianBlur(image.astype(np.float32), None, 12)[60:140, 60:140] for image in (before, after)]
    assert np.abs(smooth[0] - smooth[1]).max() < 4
    assert np.abs(after[80:120, 80:120].astype(int) - before[80:120, 80:120]).mean() > 20


def test_colours_are_the_photographs_further_than_brightness():
    image = np.full((128, 128, 3), 128, np.uint8)
    bands = np.cos(np.arange(128) / 3) * 60
    red, grey = image.copy(), image.copy()
    paste_face(red, (128 + bands[:, None, None] * (1, -0.51, 0)).astype(np.uint8).repeat(128, 1), Crop(0, 0, 128),
               EVERYWHERE, 2)
    paste_face(grey, (128 + bands[:, None, None] * (1, 1, 1)).astype(np.uint8).repeat(128, 1), Crop(0, 0, 128),
               EVERYWHERE, 2)
    assert grey[40:90, 64, 0].std() < 1.2 * red[40:90, 64, 0].std()
    assert red[40:90, 64, 0].std() > 20


def test_the_limits_of_colours_and_the_strength_are_the_callers():
    image = np.full((128, 128, 3), 128, np.uint8)
    bands = np.cos(np.arange(128) / 6) * 60
    red = (128 + bands[:, None, None] * (1, -0.51, 0)).astype(np.uint8).repeat(128, 1)
    seen = []
    for colours, strength in ((2, 1), (8, 1), (8, 0.5)):
        after = image.copy()
        paste_face(after, red, Crop(0, 0, 128), EVERYWHERE, 2, colours=colours, strength=strength)
        seen.append(after[40:90, 64, 0].std())
    assert seen[1] > 1.3 * seen[0] and seen[2] == pytest.approx(0.5 * seen[1], rel=0.03)


def test_nothing_low_is_nothing_at_all():
    before = photo([])
    after = before.copy()
    paste_face(after, PAINT, Crop(50, 60, 40), EVERYWHERE, 0)
    assert np.array_equal(after, before)


@pytest.mark.parametrize('crop', [Crop(50, 60, 40), Crop(-15, 61, 40), Crop(51, 60, 40, 30)])
@pytest.mark.parametrize('scale', [1, 1.5, 2, 4])
def test_reduced_to_its_size_a_consistent_result_comes_near_the_photograph(scale, crop):
    image = photo([(55, 65, 32)], 121, 120)
    enlarged = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    errors = []
    for consistency in (0, 0.5, 1):
        after = enlarged.copy()
        paste_face(after, PAINT, crop.scaled(scale), EVERYWHERE, 0.4 * scale, image, consistency)
        reduced = cv2.resize(after, image.shape[1::-1], interpolation=cv2.INTER_AREA)
        middle = np.s_[70:90, max(0, crop.x) + 8:crop.x + 32]
        errors.append(np.abs(reduced.astype(int) - image)[middle].mean())
    assert errors[2] < 0.65 * errors[0] and errors[2] < errors[1] < errors[0]  # of noise, the hardest to enlarge


@pytest.mark.parametrize('consistency', [0, 1])
def test_a_blurred_photograph_takes_no_sharpness_and_gives_its_contrast(consistency):
    sharp = photo([(48, 64, 64)], 160, 160)
    flat = np.rint(100 + 0.8 * (sharp[64:128, 48:112].astype(float) - 100)).astype(np.uint8)
    small = cv2.GaussianBlur(cv2.resize(sharp, (80, 80), interpolation=cv2.INTER_AREA), None, 1.0)
    errors = []
    for blur in (0, 2):
        after = cv2.resize(small, (160, 160), interpolation=cv2.INTER_CUBIC)
        paste_face(after, flat, Crop(48, 64, 64), EVERYWHERE, 0.7, small, consistency, blur)
        errors.append(np.abs(after.astype(int) - sharp)[76:116, 60:100].mean())
    without = np.abs(flat.astype(int) - sharp[64:128, 48:112])[12:52, 12:52].mean()
    assert errors[1] < 0.6 * errors[0] and errors[1] < without


def test_sixteen_bits():
    before = photo([]).astype(np.uint16) * 257
    after = before.copy()
    paste_face(after, PAINT, Crop(50, 60, 40), EVERYWHERE, 1)
    eight = photo([])
    paste_face(eight, PAINT, Crop(50, 60, 40), EVERYWHERE, 1)
    assert after.dtype == np.uint16 and np.abs(after / 257 - eight).max() <= 0.51


@pytest.mark.parametrize('square', [(-20, -20, 40), (180, 10, 40), (-10, -10, 300), (300, 0, 20), (0, -50, 20)])
@pytest.mark.parametrize('angle', [0, 45])
def test_squares_across_the_border(square, angle):
    before = photo([], 200, 200)
    after = before.copy()
    paste_face(after, PAINT, Crop(*square, angle), EVERYWHERE, 2)
    x, y, side = square
    assert changed(after, before).any() == (x + side > 0 and x < 200 and y + side > 0 and y < 200)


def test_the_border_of_the_photograph_is_no_border_of_the_face():
    image = np.full((100, 100, 3), 128, np.uint8)
    paste_face(image, PAINT, Crop(-32, 20, 64), EVERYWHERE, 4)
    assert np.abs(image[40:60, 0].astype(int) - 128).mean() > 20


def test_outline_holds_the_forehead_and_turns_with_the_head():
    landmarks = np.random.default_rng(0).uniform(20, 80, (68, 2))
    landmarks[17:27] = np.stack([np.linspace(30, 70, 10), np.full(10, 20)], 1)  # brows
    landmarks[8], landmarks[0], landmarks[16] = (50, 80), (20, 50), (80, 50)
    upright = outline(landmarks, Crop(0, 0, 100))
    assert upright[:, 1].min() == pytest.approx(20 - 0.18 * 60, abs=0.01) and upright[:, 1].max() == 80
    crop = Crop(0, 0, 100, 90)
    turned = outline(crop.to_photo(landmarks, 100), crop)
    assert np.sort(turned, axis=0) == pytest.approx(np.sort(crop.to_photo(upright, 100), axis=0), abs=0.01)
