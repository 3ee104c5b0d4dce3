"""How noisy and how sharp a photograph is where a face is."""
import cv2
import numpy as np
import pytest
from photos import photo

from drawn_faces import draw_face
from scgan_fan.faces.crop import Crop
from scgan_fan.faces.quality import assess, fine_detail

CROP = Crop(100, 80, 32)


@pytest.fixture(scope='module')
def restored() -> np.ndarray:
    """The face of the photograph below, as sharp as a restored one."""
    return draw_face(np.random.default_rng(11), 64)[0]


def noisy(image: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, deviation, image.shape[:2])[..., None]
    return (image + noise).round().clip(0, 255).astype(np.uint8)


def compressed(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode('.jpg', image, (cv2.IMWRITE_JPEG_QUALITY, 10))[1], cv2.IMREAD_COLOR)


@pytest.mark.parametrize('deviation', [3, 10, 25])
def test_of_noise_its_own_deviation_is_found(deviation):
    assert fine_detail(noisy(np.full((80, 80, 3), 128, np.uint8), deviation)) == pytest.approx(deviation, rel=0.1)


def test_slopes_and_edges_are_no_noise():
    image = np.tile(np.linspace(0, 250, 80), (80, 1))
    image[:, 40:] = 255 - image[:, 40:]
    assert fine_detail(np.rint(image).astype(np.uint8)[..., None].repeat(3, axis=2)) < 1


def test_the_noise_of_a_photograph_grows_with_it_and_a_clean_ones_face_is_not_noise(restored):
    clean = photo([(100, 80, 32)])
    noises = [assess(noisy(clean, deviation), CROP, restored).noise for deviation in (0, 5, 10, 20)]
    assert noises == sorted(noises) and noises[0] < 0.3 * noises[2] and noises[3] > 1.5 * noises[2]


def test_detail_is_the_faces_where_it_is_neither_noise_nor_compressed(restored):
    clean = photo([(100, 80, 32)])
    for name, image in {'clean': clean, 'blur': cv2.GaussianBlur(clean, None, 1)}.items():
        assert assess(image, CROP, restored).genuine > 0.7, name
    for name, image in {'noise': noisy(clean, 25), 'JPEG': compressed(clean)}.items():
        assert assess(image, CROP, restored).genuine < 0.4, name


@pytest.mark.parametrize('blur', [0.6, 0.75, 1, 1.5])
def test_blur_is_found_by_what_it_leaves_of_the_face(restored, blur):
    clean = photo([(100, 80, 32)])
    assert assess(cv2.GaussianBlur(clean, None, blur), CROP, restored).blur == pytest.approx(blur, rel=0.3)


def test_neither_a_sharp_nor_a_noisy_nor_a_compressed_photograph_is_blurred(restored):
    clean = photo([(100, 80, 32)])
    for name, image in {'clean': clean, 'noise': noisy(clean, 10), 'JPEG': compressed(clean)}.items():
        assert assess(image, CROP, restored).blur < 0.3, name


def test_a_photograph_of_one_colour_and_a_face_at_its_border(restored):
    plain = np.full((60, 60, 3), 90, np.uint8)
    assert assess(plain, Crop(-10, 40, 30, 20), restored) == pytest.approx((0, 1, 1, 2), abs=1e-3)


def test_blurred_and_compressed_photographs_show_less_than_their_size_says(restored):
    clean = photo([(100, 80, 32)])
    share = {name: assess(image, CROP, restored).detail for name, image in {
        'clean': clean, 'noise': noisy(clean, 10), 'blur': cv2.GaussianBlur(clean, None, 1),
        'JPEG': compressed(clean)}.items()}
    assert min(share['clean'], share['noise']) > 0.9 and share['blur'] < 0.6 < share['JPEG'] < 0.9
