"""Transforms move pixels and landmarks alike; colours change by what is asked for."""
import numpy as np
import pytest

from scgan_fan.data.augment import Augmentation, move_landmarks, read_augmented, warp
from scgan_fan.data.image_source import open_source
from scgan_fan.data.sizes import reduce_area
from scgan_fan.errors import InputError
from scgan_fan.faces.landmarks import MIRRORED
from scgan_fan.images import read_image

SIZE = 64
NOISE = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)


def augmentation(**options):
    return Augmentation.read(options, 'Dataset: augment')


def transforms(count=50, **options):
    augment = augmentation(**options)
    return [augment.draw_transform(SIZE, np.random.default_rng(seed)) for seed in range(count)]


def scales(matrices):
    return np.array([np.sqrt(abs(np.linalg.det(matrix))) for matrix in matrices])


def angles(matrices):
    return np.degrees([np.arctan2(matrix[0, 1], matrix[0, 0]) for matrix in matrices])


def shifts(matrices):
    return np.array([(matrix @ (SIZE / 2, SIZE / 2, 1))[:2] - SIZE / 2 for matrix in matrices])


def dot(x: int, y: int, size: int) -> np.ndarray:
    """A white square of 4x4 pixels around a point, on black."""
    image = np.zeros((size, size, 3), np.uint8)
    image[y - 2:y + 2, x - 2:x + 2] = 255
    return image


def centre(image: np.ndarray) -> np.ndarray:
    """The centre of what is white, x and y in pixels."""
    weight = image[:, :, 0].astype(float)
    y, x = np.mgrid[:len(image), :len(image)] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


# ---------------------------------------------------------------- where things lie

def test_an_empty_block_changes_nothing():
    augment, rng = augmentation(), np.random.default_rng(0)
    transform = augment.draw_transform(SIZE, rng)
    assert np.array_equal(transform, np.eye(3))
    assert np.array_equal(augment.change_colours(warp(NOISE, transform, SIZE), rng), NOISE)


def test_each_option_draws_from_its_range_and_leaves_the_rest():
    scaled = transforms(scale=[0.8, 1.2])
    assert 0.8 <= scales(scaled).min() < 0.85 and 1.15 < scales(scaled).max() <= 1.2
    assert np.allclose(angles(scaled), 0) and np.allclose(shifts(scaled), 0)
    turned = transforms(rotation=30)
    assert -30 <= angles(turned).min() < -25 and 25 < angles(turned).max() <= 30
    assert np.allclose(scales(turned), 1) and np.allclose(shifts(turned), 0)
    shifted = transforms(shift=4)
    assert -4 <= shifts(shifted).min() < -3.5 and 3.5 < shifts(shifted).max() <= 4
    assert np.allclose(scales(shifted), 1) and np.allclose(angles(shifted), 0)
    mirrored = sum(np.linalg.det(matrix) < 0 for matrix in transforms(flip=True))
    assert 15 < mirrored < 35


def test_rotated_is_a_share():
    still = np.count_nonzero(np.isclose(angles(transforms(200, rotation=30, rotated=0.4)), 0))
    assert 100 < still < 140


@pytest.mark.parametrize('options', [
    {'flip': True}, {'scale': [0.7, 1.3]}, {'rotation': 30}, {'shift': 4},
    {'flip': True, 'scale': [0.85, 1.15], 'rotation': 30, 'shift': 4}])
@pytest.mark.parametrize('stored', [64, 200])
def test_landmarks_follow_the_pixels(options, stored):
    x, y = stored // 2 + stored // 16, stored // 2 - stored // 8
    reduction = np.diag((SIZE / stored, SIZE / stored, 1))
    for transform in transforms(10, **options):
        moved = warp(dot(x, y, stored), transform @ reduction, SIZE)
        expected = move_landmarks(np.array([[x, y]] * 68), transform @ reduction)[0]
        assert centre(moved) == pytest.approx(expected, abs=0.15)


def test_flip_is_exact_and_renames_left_and_right():
    flip = next(matrix for matrix in transforms(flip=True) if np.linalg.det(matrix) < 0)
    assert np.array_equal(warp(NOISE, flip, SIZE), NOISE[:, ::-1])
    landmarks = np.random.default_rng(1).uniform(0, SIZE, (68, 2))
    assert np.allclose(move_landmarks(landmarks, flip), (landmarks * (-1, 1) + (SIZE, 0))[MIRRORED])


def test_border_is_repeated():
    shifted = np.array([[1, 0, 10], [0, 1, 0], [0, 0, 1.]])
    assert (warp(NOISE, shifted, SIZE)[:, :10] == NOISE[:, :1]).all()


@pytest.mark.parametrize('factor', [2, 3, 8])
def test_reducing_averages_the_area(factor):
    large = np.random.default_rng(2).integers(0, 256, (16 * factor, 16 * factor, 3), dtype=np.uint8)
    assert np.array_equal(warp(large, np.diag((1 / factor, 1 / factor, 1)), 16), reduce_area(large, 16))


def test_reducing_while_rotating_does_not_alias():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    for transform in transforms(5, rotation=30):
        inside = warp(stripes, transform @ np.diag((1 / 8, 1 / 8, 1)), SIZE)[20:-20, 20:-20]
        assert np.abs(inside.astype(int) - 127.5).max() < 20


def test_a_large_face_is_augmented_from_what_is_stored(tmp_path, write_faces):
    """Not from its reduced version: in one interpolation."""
    source = open_source(write_faces(tmp_path, 1, 2 * SIZE))
    augment = augmentation(rotation=30, colour=0.2)
    image, rng = read_image(tmp_path / '000.png'), np.random.default_rng(3)
    once = warp(image, augment.draw_transform(SIZE, rng) @ np.diag((0.5, 0.5, 1)), SIZE)
    expected = augment.change_colours(once, rng)
    assert np.array_equal(read_augmented(source, 0, SIZE, augment, np.random.default_rng(3)), expected)
    assert np.array_equal(read_augmented(source, 0, SIZE, None, rng), reduce_area(image, SIZE))


# ---------------------------------------------------------------- colours

def recoloured(seed=0, image=NOISE // 3 + 60, **options):
    changed = augmentation(**options).change_colours(image, np.random.default_rng(seed))
    return image.astype(float), changed.astype(float)


def gains_of(before, after):
    """Gain and offset of each channel, by least squares."""
    return np.array([np.polyfit(before[..., c].ravel(), after[..., c].ravel(), 1) for c in range(3)]).T


def test_colour_is_a_gain_of_each_channel():
    drawn = np.array([gains_of(*recoloured(seed, colour=0.3)) for seed in range(40)])
    gains, offsets = drawn[:, 0], drawn[:, 1]
    assert 0.69 < gains.min() < 0.75 and 1.25 < gains.max() < 1.31
    assert np.abs(offsets).max() < 2  # rounding
    assert np.ptp(gains, axis=1).max() > 0.3


def test_brightness_is_one_gain():
    drawn = np.array([gains_of(*recoloured(seed, brightness=0.2)) for seed in range(40)])
    assert 0.79 < drawn[:, 0].min() < 0.84 and 1.16 < drawn[:, 0].max() < 1.21
    assert np.ptp(drawn[:, 0], axis=1).max() < 0.01


def test_contrast_keeps_the_mean():
    spreads = []
    for seed in range(40):
        before, after = recoloured(seed, contrast=0.5)
        assert after.mean() == pytest.approx(before.mean(), abs=0.1)
        spreads.append(after.std() / before.std())
    assert 0.49 < min(spreads) < 0.6 and 1.4 < max(spreads) < 1.51


def test_colours_are_clipped_not_wrapped():
    for seed in range(10):
        before, after = recoloured(seed, NOISE, brightness=1)
        assert after[before == 255].min() == after.max()


# ---------------------------------------------------------------- wrong options

@pytest.mark.parametrize('options, message', [
    ({'rotatoin': 30}, 'Dataset: augment: rotatoin: unknown option; did you mean rotation'),
    ({'flip': 'yes'}, "flip: 'yes' is not a valid boolean"),
    ({'scale': 1.2}, r'scale: 1\.2 is not \[least, most\], two numbers from 0\.1'),
    ({'scale': [1.2, 0.8]}, r'scale: \[1\.2, 0\.8\] is not'), ({'scale': [0, 1]}, r'scale: \[0, 1\] is not'),
    ({'scale': [0.8, 1, 1.2]}, r'scale: \[0\.8, 1, 1\.2\] is not'), ({'scale': [True, 2]}, r'scale: \[True, 2\] is'),
    ({'rotation': -30}, 'rotation: -30 is not a finite number from 0 to 180'),
    ({'rotated': 40}, 'rotated: 40 is not a finite number from 0 to 1'),
    ({'shift': '4'}, "shift: '4' is text, not a number"),
    ({'colour': 1.3}, r'colour: 1\.3 is not a finite number from 0 to 1'),
    ({'contrast': float('nan')}, 'contrast: nan is not a finite number')])
def test_wrong_option(options, message):
    with pytest.raises(InputError, match=message):
        augmentation(**options)


def test_a_tilde_counts_as_absent():
    assert np.array_equal(transforms(1, scale=None, rotation=None)[0], np.eye(3))
