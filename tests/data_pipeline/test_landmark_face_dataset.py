"""Faces with landmarks: the augmentation moves image and landmarks alike."""
import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from scgan_fan.data.degradations import downsample
from scgan_fan.data.landmark_face_dataset import LandmarkFaceDataset, fan_crop
from scgan_fan.errors import InputError
from scgan_fan.faces.landmarks import MIRRORED
from scgan_fan.images import to_image

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


def test_crop_of_fan():
    """Box 20 to 80 by 40 to 175: centre (50, 107.5 - 0.12 * 135), side 200 * (60 + 135) / 195 = 200."""
    landmarks = np.tile([[20., 40.], [80., 175.]], (34, 1))
    crop = fan_crop(landmarks, 256)
    assert crop[:2, :2] == pytest.approx(np.eye(2) * 256 / 200)
    assert crop @ (50, 91.3, 1) == pytest.approx([128, 128, 1])


def test_crop_and_augmentation_of_images_of_any_size(faces, tmp_path):
    rng, size = np.random.default_rng(1), (300, 400)
    landmarks = (rng.uniform(0, 120, (1, 68, 2)) + (200, 100)).astype(np.float32)
    landmarks[0, SPOT] = (250, 160)
    image = np.zeros((*size, 3), np.uint8)
    image[150:170, 240:260] = 255
    (tmp_path / 'photos').mkdir()
    Image.fromarray(image).save(tmp_path / 'photos/a.png')
    np.savez(tmp_path / 'photos.npz', name=['a'], landmarks=landmarks)
    photos = {**faces, 'dataroot': str(tmp_path / 'photos'), 'landmarks': str(tmp_path / 'photos.npz'), 'crop': 'fan'}
    item = LandmarkFaceDataset(photos)[0]
    box = np.ptp(item['landmarks'].numpy(), axis=0)
    assert box.sum() == pytest.approx(195 / 200 * 64, abs=1e-3)  # width and height, each about half of the crop
    dataset = LandmarkFaceDataset({**photos, 'augment': {'flip': True, 'scale': [0.8, 1.2], 'rotation': 30}})
    for epoch in range(6):
        dataset.set_epoch(epoch)
        item = dataset[0]
        assert item['lq'].shape == (3, 64, 64)
        assert spot(item['lq']) == pytest.approx(item['landmarks'][SPOT].numpy(), abs=0.15)
    with pytest.raises(InputError, match='400x300 pixels where 64x64'):
        LandmarkFaceDataset({**photos, 'crop': None})[0]


def test_low_resolution_takes_details_only(faces):
    plain, low = LandmarkFaceDataset(faces)[0], LandmarkFaceDataset({**faces, 'low_resolution': 4})[0]
    assert np.array_equal(low['landmarks'], plain['landmarks'])
    assert spot(low['lq']) == pytest.approx(spot(plain['lq']), abs=0.5)
    small = Image.fromarray(downsample(to_image(plain['lq']), 16, 'bilinear'))
    expected = np.asarray(small.resize((64, 64), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(to_image(low['lq']) - expected).max() <= 1


def test_items_depend_on_seed_epoch_and_position_only(faces):
    augment = {'flip': True, 'scale': [0.7, 1.3], 'rotation': 30, 'colour': 0.3}

    def items(seed=0, epoch=0, **loader_options):
        dataset = LandmarkFaceDataset({**faces, 'augment': augment, 'seed': seed})
        dataset.set_epoch(epoch)
        loader = DataLoader(dataset, batch_size=None, sampler=range(6), **loader_options)
        return [(item['lq'].numpy().tobytes(), item['landmarks'].numpy().tobytes()) for item in loader]

    assert items() == items(num_workers=2, multiprocessing_context='fork')
    assert len({*items(), *items(seed=1), *items(epoch=1)}) == 18


@pytest.mark.parametrize('change, message', [
    ({'landmarks': 'nowhere.npz'}, 'nowhere.npz: not a landmark file'), ({'size': 32}, '64x64 pixels where 32x32'),
    ({'augmentation': {}}, 'augmentation: unknown option; did you mean augment'),
    ({'augment': {'tilt': 3}}, 'LandmarkFaceDataset: augment: tilt: unknown option'),
    ({'crop': 'tight'}, "crop: unknown value 'tight'; choose one of fan"),
    ({'low_resolution': 5}, 'low_resolution: 5 is not a divisor of size, which is 64'),
    ({'dataroot': 'nowhere'}, 'nowhere: does not exist')])
def test_errors(faces, change, message):
    with pytest.raises(InputError, match=message):
        LandmarkFaceDataset({**faces, **change})[0]
