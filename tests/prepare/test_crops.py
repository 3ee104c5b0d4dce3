"""One image: which of its faces are cut, and why the others are not."""
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from scgan_fan.faces.crop import crop_box
from scgan_fan.faces.paste import cut_square, round_square
from scgan_fan.images import read_image, write_image
from scgan_fan.prepare.collections import KnownFace, Record
from scgan_fan.prepare.crops import Rules, cut_faces

RULES = Rules(size=64, margin=1.04, detector='dlib', min_face=64, max_face=None, max_blur=2, max_occlusion=2,
              sharpness=0)


@pytest.fixture
def record(tmp_path, photograph):
    """A photograph whose face's landmarks are known."""
    landmarks = photograph(tmp_path / 'photo.png', 8)
    return Record(str(tmp_path / 'photo.png'), 'photo', 'photo.png', (KnownFace(landmarks=landmarks),))


def outcome(record, tmp_path, **rules):
    face, = cut_faces(record, replace(RULES, **rules), tmp_path / 'faces')
    return face


@pytest.mark.parametrize('margin', [1.04, 1.5])
def test_the_crop_is_that_of_the_crop_rule(record, tmp_path, margin):
    face = outcome(record, tmp_path, margin=margin)
    square = round_square(crop_box(record.faces[0].landmarks, margin))
    crop = read_image(tmp_path / 'faces/photo_0.png')
    assert face.dropped == '' and face.side == square[2]
    assert np.array_equal(crop, cut_square(read_image(record.path), square, 64))


def test_a_box_is_cropped_like_the_landmarks_it_frames(record, tmp_path):
    landmarks = record.faces[0].landmarks
    (left, top), (right, bottom) = landmarks.min(0), landmarks.max(0)
    box = left, top - 0.18 * (bottom - top), right, bottom
    by_box = replace(record, faces=(KnownFace(box=box),))
    assert outcome(by_box, tmp_path, detector='boxes').pixels == outcome(record, tmp_path).pixels
    assert outcome(by_box, tmp_path, detector='boxes').landmarks is None


@pytest.mark.parametrize('known, rules, reason', [
    ({'invalid': True}, {}, 'marked as invalid'),
    ({'blur': 2}, {'max_blur': 1}, 'marked as blurred'),
    ({'occlusion': 1}, {'max_occlusion': 0}, 'marked as occluded'),
    ({'landmarks': None, 'annotated': False}, {}, 'no landmarks beside the image'),
    ({'landmarks': None, 'annotation': 'none.pts'}, {}, 'unreadable landmarks'),
    ({}, {'min_face': 200}, 'too small'),
    ({}, {'max_face': 30}, 'too large'),
    ({}, {'sharpness': 0.9}, 'not sharp'),
    ({}, {'margin': 4}, 'cut off by the border'),
    ({'blur': 1, 'occlusion': 1}, {'max_blur': 1, 'max_occlusion': 1}, ''),
])
def test_reasons(record, tmp_path, known, rules, reason):
    record = replace(record, faces=(replace(record.faces[0], **known),))
    assert outcome(record, tmp_path, **rules).dropped == reason


def test_an_enlarged_face_is_not_sharp(record, tmp_path):
    image = read_image(record.path)
    small = cv2.resize(image, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    Image.fromarray(cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)).save(record.path)
    assert outcome(record, tmp_path, sharpness=0.065).dropped == 'not sharp'


def test_images_without_faces_and_without_an_image(record, tmp_path, monkeypatch):
    Image.new('RGB', (200, 200), (90, 90, 90)).save(record.path)
    assert outcome(replace(record, faces=None), tmp_path).dropped == 'no face found'
    assert outcome(replace(record, faces=(KnownFace(),)), tmp_path).dropped == 'no face found'
    (tmp_path / 'photo.png').write_bytes(b'broken')
    assert outcome(record, tmp_path).dropped.startswith('unreadable image: not an image, damaged')
    write_image(tmp_path / 'photo.png', np.zeros((50, 50, 3), np.uint8))
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    assert outcome(record, tmp_path).dropped.startswith('unreadable image: too large, at most 0 million pixels')


def test_all_faces_of_a_photograph_or_the_one_that_is_meant(tmp_path, drawn):
    (first, points), (second, others) = drawn(6), drawn(5)
    Image.fromarray(np.hstack([first, second])).save(tmp_path / 'two.png')
    record = Record(str(tmp_path / 'two.png'), 'two', 'two.png', None)
    found = cut_faces(record, replace(RULES, min_face=40), tmp_path / 'faces')
    assert [face.name for face in found] == ['two_0', 'two_1'] and not any(face.dropped for face in found)

    for known, dropped in ((points, ''), (others + (220, 0), ''), (points - (0, 100), 'no face found')):
        (left, top), (right, bottom) = known.min(0), known.max(0)
        record = replace(record, faces=(KnownFace(box=(left, top, right, bottom)),))
        face = outcome(record, tmp_path, min_face=40)
        assert face.dropped == dropped
        if not dropped:
            right_one = cut_square(read_image(record.path), round_square(crop_box(known)), 64)
            crop = read_image(tmp_path / f'faces/{face.name}.png')
            assert np.corrcoef(crop.ravel(), right_one.ravel())[0, 1] > 0.7
