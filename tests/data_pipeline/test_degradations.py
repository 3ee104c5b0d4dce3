"""Each step of a degradation changes what it should and nothing else."""
import numpy as np
import pytest
from PIL import Image

from scgan_fan.data.degradations import Degradation, add_noise, blur, compress, downsample, kernel_sigma
from scgan_fan.errors import InputError

NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
GREY = np.full((64, 64, 3), 100, np.uint8)


def degrade(image=NOISE, seed=0, size=16, **options):
    return Degradation.read(options, 'Dataset: degradation')(image, size, np.random.default_rng(seed))


def differences(image=NOISE, count=20, **options):
    """How far each of some draws is from plain downsampling: (count,) root mean squares."""
    plain = downsample(image, 16, 'bilinear').astype(float)
    return np.array([np.sqrt(np.mean((degrade(image, seed, **options) - plain)**2)) for seed in range(count)])


def test_an_empty_block_is_bilinear_downsampling():
    assert not differences(count=3).any()


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic', 'area'])
def test_downsampling(mode):
    assert np.array_equal(degrade(downsampling=mode), downsample(NOISE, 16, mode))


def test_random_downsampling_is_bilinear_or_bicubic():
    choices = [downsample(NOISE, 16, mode).tobytes() for mode in ('bilinear', 'bicubic')]
    drawn = [degrade(seed=seed, downsampling='random').tobytes() for seed in range(40)]
    assert set(drawn) == set(choices) and 10 < drawn.count(choices[0]) < 30


@pytest.mark.parametrize('options', [
    {'blur_kernel': [3, 7]}, {'blur_sigma': [0.5, 1]}, {'noise': [1, 25]}, {'jpeg': [30, 95]}, {'colour': 0.2},
    {'brightness': 0.2}, {'contrast': 0.2}])
def test_each_step_changes_something_and_differs_from_face_to_face(options):
    changes = differences(**options)
    assert changes.min() > 0 and len(np.unique(changes)) > 4


@pytest.mark.parametrize('options', [
    {'blur_kernel': [3, 7]}, {'blur_sigma': [0.5, 1]}, {'jpeg': [90, 95]}, {'contrast': 0.2}])
def test_steps_that_leave_an_even_grey_alone(options):
    assert differences(GREY, count=5, **options).max() <= 1


@pytest.mark.parametrize('sigma', [0.5, 1, 3])
def test_blur_has_its_sigma_and_stays_in_place(sigma):
    line = np.zeros((41, 41, 3), np.uint8)
    line[:, 20] = 255
    weight, x = blur(line, sigma)[20, :, 0].astype(float), np.arange(41) - 20
    assert (weight * x).sum() == 0
    assert np.sqrt((weight * x**2).sum() / weight.sum()) == pytest.approx(sigma, rel=0.1)  # sampled and rounded


@pytest.mark.parametrize('size, sigma', [(2, 0.65), (3, 0.8), (6, 1.25), (7, 1.4)])
def test_sigma_of_a_kernel(size, sigma):
    assert kernel_sigma(size) == pytest.approx(sigma)
    assert np.array_equal(degrade(blur_kernel=[size, size]), degrade(blur_sigma=[sigma, sigma]))


def test_least_blur_of_scgan_is_none():
    assert np.array_equal(blur(NOISE, 0.0625), NOISE)
    assert np.abs(blur(NOISE, 1).astype(int) - NOISE).mean() > 30


def test_noise_has_its_deviation():
    for deviation in (1, 10, 25):
        noisy = add_noise(np.full((200, 200, 3), 128, np.uint8), deviation, np.random.default_rng(0)) - 128.0
        assert noisy.std() == pytest.approx(deviation, rel=0.05) and abs(noisy.mean()) < 0.2
        assert abs(np.corrcoef(noisy[..., 0].ravel(), noisy[..., 1].ravel())[0, 1]) < 0.02  # each channel for itself
    changes = differences(GREY, count=100, noise=[1, 25])
    assert 0.9 < changes.min() < 3 and 22 < changes.max() < 27


def test_jpeg(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / 'face.jpg', quality=40)
    assert np.array_equal(compress(NOISE, 40), np.asarray(Image.open(tmp_path / 'face.jpg')))
    assert np.array_equal(degrade(jpeg=[40, 40]), compress(downsample(NOISE, 16, 'bilinear'), 40))


def test_order():
    """Colours and blur before downsampling, noise and JPEG after it."""
    options = {'brightness': 0.5, 'blur_sigma': [2, 2], 'downsampling': 'bicubic', 'noise': [5, 5], 'jpeg': [60, 60]}
    degradation, rng = Degradation.read(options), np.random.default_rng(4)
    image = downsample(blur(degradation.change_colours(NOISE, rng), rng.uniform(2, 2)), 16, 'bicubic')
    expected = compress(add_noise(image, rng.uniform(5, 5), rng), int(rng.integers(60, 60, endpoint=True)))
    assert np.array_equal(degrade(seed=4, **options), expected)


@pytest.mark.parametrize('options, message', [
    ({'blur': [1, 2]}, 'Dataset: degradation: blur: unknown option; '),
    ({'blur_kernel': [3, 7], 'blur_sigma': [1, 2]}, 'blur_kernel and blur_sigma exclude each other'),
    ({'blur_kernel': [3.0, 7]}, r'blur_kernel: \[3\.0, 7\] is not \[least, most\], two whole numbers from 2'),
    ({'blur_sigma': [0, 1]}, r'blur_sigma: \[0, 1\] is not \[least, most\], two numbers from 0\.01'),
    ({'downsampling': 'nearest'}, "downsampling: unknown value 'nearest'; choose one of bilinear, bicubic"),
    ({'noise': 25}, 'noise: 25 is not'), ({'jpeg': [0, 95]}, 'whole numbers from 1 to 100'),
    ({'jpeg': [30, 950]}, 'whole numbers from 1 to 100'), ({'colour': [0.7, 1.3]}, r'colour: \[0\.7, 1\.3\] is not')])
def test_wrong_option(options, message):
    with pytest.raises(InputError, match=message):
        degrade(**options)
