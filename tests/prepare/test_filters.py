"""Sharp or enlarged, the same or another, training or validation."""
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from drawn_faces import draw_face
from scgan_fan.prepare.filters import NEAR_BITS, SHARP, NearDuplicates, in_validation, perceptual_hash, sharpness


@pytest.fixture(scope='module')
def faces():
    return [draw_face(np.random.default_rng(seed), 64)[0] for seed in range(12)]


def enlarged(image, side, method):
    return cv2.resize(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), (64, 64), interpolation=method)


def as_jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', quality=quality)
    return np.asarray(Image.open(file))


def dark(image):
    return (image * 0.4).astype(np.uint8)


@pytest.mark.parametrize('method', [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4])
def test_a_face_enlarged_from_16_pixels_is_not_sharp(faces, method):
    assert min(map(sharpness, faces)) > SHARP
    assert max(sharpness(enlarged(face, 16, method)) for face in faces) < SHARP
    assert max(sharpness(as_jpeg(enlarged(face, 16, method), 60)) for face in faces) < SHARP


def test_sharpness_is_not_brightness(faces):
    assert all(sharpness(dark(face)) == pytest.approx(sharpness(face), rel=0.1) for face in faces)
    assert sharpness(np.full((64, 64, 3), 90, np.uint8)) == 0


def bits(one, other):
    return int(np.bitwise_count(np.frombuffer(bytes.fromhex(one), np.uint8)
                                ^ np.frombuffer(bytes.fromhex(other), np.uint8)).sum())


@pytest.mark.parametrize('change', [lambda face: as_jpeg(face, 30), dark, lambda face: cv2.resize(face, (128, 128))])
def test_a_changed_copy_is_found(faces, change):
    near = NearDuplicates()
    for number, face in enumerate(faces):
        near.add(str(number), perceptual_hash(face))
    assert [near.find(perceptual_hash(change(face))) for face in faces] == [str(number) for number in range(len(faces))]


def test_another_face_is_not(faces):
    near = NearDuplicates()
    for number, face in enumerate(faces):
        assert near.find(perceptual_hash(face)) is None
        near.add(str(number), perceptual_hash(face))


def test_the_limit_counts_bits_and_memory_grows():
    near = NearDuplicates()
    rng = np.random.default_rng(0)
    hashes = [rng.bytes(32).hex() for _ in range(2500)]
    for number, image_hash in enumerate(hashes):
        near.add(str(number), image_hash)
    for number in (0, 1500, 2499):
        for differing, found in ((NEAR_BITS, str(number)), (NEAR_BITS + 1, None)):
            flipped = f'{int(hashes[number], 16) ^ ((1 << differing) - 1):064x}'
            assert bits(flipped, hashes[number]) == differing
            assert near.find(flipped) == found


def test_the_split_depends_on_the_name_alone():
    names = [f'person {number}' for number in range(5000)]
    chosen = {name for name in names if in_validation(name, 0.1)}
    assert 400 < len(chosen) < 600
    assert chosen < {name for name in names if in_validation(name, 0.2)}  # a larger share adds to a smaller
    assert not any(in_validation(name, 0) for name in names) and all(in_validation(name, 1) for name in names)
