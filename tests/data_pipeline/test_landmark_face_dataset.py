"""Faces with landmarks: the augmentation moves image and landmarks alike."""
import numpy as np
import pytest
from PIL import Image

from scgan_fan.data import LandmarkFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.faces.landmarks import MIRRORED

SPOT = 30  # the landmark that is painted white; its mirror is itself


@pytest.fixture
def faces(tmp_path):
    """Black images with a white spot of 4x4 pixels around one landmark, in a folder with a subfolder."""
    rng = np.random.default_rng(0)
    names, landmarks = ['a.png', 'b/0.png'], rng.uniform(20, 44, (2, 68, 2)).astype(np.float32)
    for name, points in zip(names, landmarks):
        points[SPOT] = points[SPOT].round()
        x, y = points[SPOT].astype(int)
        image = np.zeros((64, 64, 3), np.uint8)
        image[y - 2:y + 2, x - 2:x + 2] = 255
        (tmp_path / 'faces' / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / 'faces' / name)
    np.savez(tmp_path / 'landmarks.npz', name=['a', 'b/0'], landmarks=landmarks)  # with and without suffix will do
    return {'type': 'LandmarkFaceDataset', 'dataroot': str(tmp_path / 'faces'),
            'landmarks': str(tmp_path / 'landmarks.npz')}


def spot(image) -> np.ndarray:
    """The centre of the white spot, x and y in pixels."""
    weight = (image[0].numpy() + 1).clip(0)
    y, x = np.mgrid[:64, :64] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def test_as_stored_without_augmentation(faces):
    dataset = LandmarkFaceDataset(faces)
    assert [dataset[i]['lq_path'] for i in range(2)] == ['a', 'b%2F0']
    for item in (dataset[0], dataset[1]):
        assert spot(item['lq']) == pytest.approx(item['landmarks'][SPOT].numpy(), abs=1e-3)


@pytest.mark.parametrize('augment', [
    {'scale': [1, 1], 'rotated': 0, 'flip': True}, {'scale': [0.7, 1.3], 'rotated': 0, 'flip': False},
    {'scale': [1, 1], 'rotated': 1, 'rotation': 30, 'flip': False}, {'scale': [0.75, 1.15], 'shift': 4, 'rotated': 1}])
def test_landmarks_follow_the_image(faces, augment):
    dataset = LandmarkFaceDataset({**faces, 'augment': {**augment, 'colour': 0}})
    plain = LandmarkFaceDataset(faces)
    moved = 0
    for epoch in range(8):
        dataset.set_epoch(epoch)
        for i in range(2):
            item = dataset[i]
            assert spot(item['lq']) == pytest.approx(item['landmarks'][SPOT].numpy(), abs=0.15)
            moved += not np.allclose(item['landmarks'], plain[i]['landmarks'], atol=0.1)
    assert moved >= 4


def test_a_flip_renames_left_and_right(faces):
    dataset = LandmarkFaceDataset({**faces, 'augment': {'scale': [1, 1], 'rotated': 0, 'flip': True, 'colour': 0}})
    plain = LandmarkFaceDataset(faces)[0]['landmarks'].numpy()
    mirrored = (plain * (-1, 1) + (64, 0))[MIRRORED]
    seen = set()
    for epoch in range(12):
        dataset.set_epoch(epoch)
        landmarks = dataset[0]['landmarks'].numpy()
        seen.add('plain' if np.allclose(landmarks, plain) else 'mirrored' if np.allclose(landmarks, mirrored) else '?')
    assert seen == {'plain', 'mirrored'}


@pytest.mark.parametrize('change, message', [
    ({'landmarks': 'nowhere.npz'}, 'nowhere.npz: not a landmark file'), ({'size': 32}, '64x64 pixels where 32x32'),
    ({'augmentation': {}}, 'unknown option augmentation')])
def test_errors(faces, change, message):
    with pytest.raises(InputError, match=message):
        LandmarkFaceDataset({**faces, **change})[0]
