"""Crops of images that have room around them: a point of the face lies where it should, whatever the native size.

Where a point lies in what a dataset gives is seen from two images that differ in the colour of one spot.
"""
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_faces import draw_face
from scgan_fan.data import unpaired_face_dataset
from scgan_fan.data.augment import Augmentation, middle_crop, read_crop
from scgan_fan.data.draws import EpochDraws
from scgan_fan.data.image_source import hash_pixels, open_source
from scgan_fan.data.landmark_face_dataset import LandmarkFaceDataset
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.data.low_resolution_face_dataset import LowResolutionFaceDataset
from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.data.unpaired_face_dataset import AUGMENTS, UnpairedFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.images import to_image, to_tensor, write_image

HR, LR, ROOM = 64, 16, 1.3
NATIVE = {'hr': (83, 160), 'lr': (21, 37, 60)}  # sides of the stored images; 21 and 83 are the least
MILD = {'scale': [0.95, 1.05], 'rotation': 10, 'flip': True}
POSITIONS = range(24)
PAIR = {'dataroot_gt': 'a', 'dataroot_lq': 'b', 'scale': 4}


@pytest.fixture(scope='module')
def stored(tmp_path_factory):
    """Folders and LMDBs ``SPOT/hr``, ``SPOT/lr`` of drawn faces with room, SPOT black or white; and where it lies.

    Of each image the place of the spot is a share of the side of the crop.
    """
    root, places = tmp_path_factory.mktemp('room'), {}
    for name, sides in NATIVE.items():
        for number, side in enumerate(sides):
            face, landmarks = draw_face(np.random.default_rng(number), round(side / ROOM))
            image = np.full((side, side, 3), 120, np.uint8)
            corner = (side - len(face)) // 2
            image[corner:corner + len(face), corner:corner + len(face)] = face
            spot = landmarks[33] + corner  # under the nose
            places[f'{name}{number}'] = ((spot - side / 2) * ROOM / side + 0.5)
            for colour in ('black', 'white'):
                write_image(root / colour / name / f'{name}{number}.png', with_spot(image, spot, colour, side / 50))
        for colour in ('black', 'white'):
            write_lmdb([str(root / colour / name)], str(root / colour / f'{name}.lmdb'))
    return root, places


def with_spot(image: np.ndarray, point, colour: str, sigma: float) -> np.ndarray:
    y, x = np.mgrid[:len(image), :len(image)] + 0.5
    strength = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * sigma**2))[..., None]
    value = {'black': 0, 'white': 255}[colour]
    return np.rint(image + strength * (value - image.astype(float))).astype(np.uint8)


def place(black: torch.Tensor, white: torch.Tensor) -> np.ndarray:
    """Where the two images (3, size, size) differ: the centre, x and y in pixels."""
    weight = (white - black).mean(0).numpy()
    y, x = np.mgrid[:len(weight), :len(weight)] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def unpaired(root, suffix='.lmdb', **options):
    return UnpairedFaceDataset({'dataroot_gt': str(root / f'hr{suffix}'), 'dataroot_lq': str(root / f'lr{suffix}'),
                                'gt_size': HR, 'scale': 4, **options})


def moved_by(position: int, augment: dict, augment_lq: dict) -> tuple[np.ndarray, np.ndarray]:
    """The transforms that are drawn for HR and LR at a position of epoch 0."""
    rng, transforms = EpochDraws(0).generator(AUGMENTS, position), []
    for options, size in ((augment, HR), (augment_lq, LR)):
        change = Augmentation.read(options)
        transforms.append(change.draw_transform(size, rng))
        change.change_colours(np.zeros((1, 1, 3), np.uint8), rng)
    return tuple(transforms)


@pytest.mark.parametrize('augment, augment_lq', [
    (None, None), ({'scale': [0.8, 0.8]}, None), (MILD, MILD), ({**MILD, 'shift': 2}, {**MILD, 'shift': 0.5})])
def test_a_point_lies_where_it_should_on_both_sides(stored, augment, augment_lq):
    root, places = stored
    options = {'room_gt': ROOM, 'room_lq': ROOM, 'augment': augment, 'augment_lq': augment_lq}
    black, white = unpaired(root / 'black', **options), unpaired(root / 'white', **options)
    for position in POSITIONS:
        first, second = black[position], white[position]
        transforms = moved_by(position, augment or {}, augment_lq or {})
        for side, size, transform in zip(('gt', 'lq'), (HR, LR), transforms):
            expected = (transform @ (*places[first[f'{side}_path']] * size, 1))[:2]
            assert first[side].shape == (3, size, size)
            assert np.abs(place(first[side], second[side]) - expected).max() < 0.3


def test_without_augment_lq_a_crop_is_mirrored_where_hr_may_be(stored):
    root, _ = stored
    plain = unpaired(root / 'black', room_gt=ROOM, room_lq=ROOM)
    flipped = unpaired(root / 'black', room_gt=ROOM, room_lq=ROOM, augment={'flip': True})
    mirrored = {'gt': 0, 'lq': 0}
    for position in POSITIONS:
        before, after = plain[position], flipped[position]
        for side in mirrored:
            mirror = not torch.equal(before[side], after[side])
            assert torch.equal(after[side], before[side].flip(-1) if mirror else before[side])
            mirrored[side] += mirror
    assert all(0 < count < len(POSITIONS) for count in mirrored.values())


def test_low_resolution_pixels_are_made_once_from_the_native_ones(stored, tmp_path):
    """Stripes of one native pixel vanish into the mean of what a pixel covers: no aliasing, no second smoothing."""
    image = np.zeros((83, 83, 3), np.uint8)
    image[:, ::2] = 255
    write_image(tmp_path / 'lr/stripes.png', image)
    dataset = unpaired(stored[0] / 'black', '', dataroot_lq=str(tmp_path / 'lr'), room_lq=ROOM, augment_lq=MILD)
    for position in range(6):
        assert np.abs(to_image(dataset[position]['lq']).astype(int) - 127.5).max() < 20

    step = np.zeros((52, 52, 3), np.uint8)  # 2.5 native pixels each
    step[:, 26:] = 255
    write_image(tmp_path / 'step/step.png', step)
    edge = to_image(unpaired(stored[0] / 'black', dataroot_lq=str(tmp_path / 'step'), room_lq=ROOM)[0]['lq'])[0, :, 0]
    assert edge[:7].max() == 0 and edge[9:].min() == 255  # no wider than bilinear sampling makes it


def test_room_of_one_is_no_room_to_the_bit(tmp_path):
    for name, size in (('hr', 100), ('lr', LR)):
        for number in range(3):
            write_image(tmp_path / f'{name}/{number}.png', draw_face(np.random.default_rng(number), size)[0])
    augment = {**MILD, 'shift': 2, 'colour': 0.1}
    absent = unpaired(tmp_path, '', augment=augment)
    given = unpaired(tmp_path, '', augment=augment, room_gt=1, room_lq=1.0, augment_lq=None)
    for position in POSITIONS:
        assert torch.equal(absent[position]['gt'], given[position]['gt'])
        assert torch.equal(absent[position]['lq'], given[position]['lq'])


def test_draws_depend_on_seed_epoch_and_position_only(stored):
    options = {'room_gt': ROOM, 'room_lq': ROOM, 'augment': MILD, 'augment_lq': MILD, 'seed': 3}
    forwards, backwards = unpaired(stored[0] / 'black', **options), unpaired(stored[0] / 'black', '', **options)
    first = [forwards[position]['lq'] for position in POSITIONS]
    again = [backwards[position]['lq'] for position in reversed(POSITIONS)][::-1]
    assert all(torch.equal(one, other) for one, other in zip(first, again))
    forwards.set_epoch(1)
    assert not any(torch.equal(one, forwards[position]['lq']) for one, position in zip(first, POSITIONS))


def test_validation_takes_the_plain_middle(stored):
    root, places = stored
    for build in (lambda spot: PairedFaceDataset({'dataroot_gt': str(root / spot / 'hr'), 'scale': 4, 'room_gt': ROOM}),
                  lambda spot: LowResolutionFaceDataset({'dataroot_lq': str(root / spot / 'lr'), 'room_lq': ROOM})):
        black, white = build('black'), build('white')
        for index in range(len(black)):
            first, second = black[index], white[index]
            for side, size in (('gt', HR), ('lq', LR)):
                if side in first:
                    expected = places[first[f'{side}_path']] * size
                    assert np.abs(place(first[side], second[side]) - expected).max() < 0.3


def test_pairs_from_files_take_the_middle_of_hr(stored, tmp_path):
    root, _ = stored
    made = PairedFaceDataset({'dataroot_gt': str(root / 'black/hr'), 'scale': 4, 'room_gt': ROOM})
    for item in (made[index] for index in range(len(made))):
        write_image(tmp_path / f'{item["lq_path"]}.png', to_image(item['lq']))
    read = PairedFaceDataset({'dataroot_gt': str(root / 'black/hr'), 'scale': 4, 'room_gt': ROOM,
                              'dataroot_lq': str(tmp_path)})
    for index in range(len(made)):
        assert torch.equal(made[index]['gt'], read[index]['gt']) and torch.equal(made[index]['lq'], read[index]['lq'])


def test_landmarks_of_an_image_with_room_are_moved_into_the_crop(stored, tmp_path):
    root, places = stored
    names = [f'hr{number}' for number in range(len(NATIVE['hr']))]
    points = np.random.default_rng(0).uniform(0, 83, (len(names), 68, 2))
    points[:, 33] = [((places[name] - 0.5) / ROOM + 0.5) * side for name, side in zip(names, NATIVE['hr'])]
    np.savez(tmp_path / 'points.npz', name=names, landmarks=points)
    options = {'landmarks': str(tmp_path / 'points.npz'), 'room': ROOM, 'augment': {**MILD, 'shift': 2}}
    black, white = (LandmarkFaceDataset({'dataroot': str(root / spot / 'hr'), **options})
                    for spot in ('black', 'white'))
    for position in POSITIONS:
        first, second = black[position], white[position]
        assert np.abs(place(first['lq'], second['lq']) - first['landmarks'][33].numpy()).max() < 0.3


def test_stored_heatmaps_are_of_crops_mirrored_to_the_bit(stored):
    """They are found by the pixels of what ``read_crop`` gives, or of its mirror image."""
    root, _ = stored
    source = open_source(str(root / 'black/hr'))
    crops = [read_crop(source, index, HR, ROOM) for index in range(len(source))]
    known = {hash_pixels(image) for crop in crops for image in (crop, crop[:, ::-1])}
    dataset = unpaired(root / 'black', '', room_gt=ROOM, room_lq=ROOM, augment={'flip': True})
    assert {hash_pixels(to_image(dataset[position]['gt'])) for position in POSITIONS} == known


@pytest.mark.parametrize('side', NATIVE['lr'])
def test_the_middle_of_an_image_is_in_its_own_pixels(side):
    """Also where the room around it is no whole number of them."""
    grey = np.full((side, side, 3), 120, np.uint8)
    shown = [middle_crop(with_spot(grey, (side / 2 + 1, side / 2), colour, 2), ROOM) for colour in ('black', 'white')]
    size = round(side / ROOM)
    assert shown[0].shape == (size, size, 3)
    assert place(*map(to_tensor, shown)) == pytest.approx([size / 2 + ROOM * size / side, size / 2], abs=0.1)


def test_an_image_without_enough_pixels_is_named(stored, tmp_path):
    Image.new('RGB', (82, 82)).save(tmp_path / 'small.png')
    with pytest.raises(InputError, match=r'small\.png: 82x82 pixels where a square of 83x83 or more is needed'):
        unpaired(stored[0] / 'black', dataroot_gt=str(tmp_path), room_gt=ROOM, room_lq=ROOM)[0]
    with pytest.raises(InputError, match='pixels where 16x16 is needed'):
        unpaired(stored[0] / 'black', room_gt=ROOM)[0]


def test_transforms_beyond_the_room_are_said_at_the_start(stored, monkeypatch):
    said = []
    monkeypatch.setattr(unpaired_face_dataset, 'get_root_logger', lambda: SimpleNamespace(warning=said.append))
    mild = {'rotation': 10, 'shift': 2, 'scale': [0.95, 1]}
    unpaired(stored[0] / 'black', room_gt=ROOM, room_lq=ROOM, augment=mild)
    assert not said
    unpaired(stored[0] / 'black', room_gt=ROOM, room_lq=1.2, augment={**mild, 'rotation': 30}, augment_lq={'shift': 2})
    first, second = said
    assert first.startswith('room_gt is 1.3, ') and '1.53 is seen' in first
    assert second.startswith('room_lq is 1.2, ') and '1.25 is seen' in second


@pytest.mark.parametrize('options', [{'scale': [0.9, 1]}, {'rotation': 20}, {'shift': 6},
                                     {'scale': [0.8, 1.2], 'rotation': 70, 'shift': 3}])
def test_the_room_needed_holds_the_crop_wherever_it_is_moved(options):
    """Corners of the crop, taken back into the image: within the room, and in the worst case at its border."""
    augment, corners = Augmentation.read(options), np.array([(0, 0, 1), (0, HR, 1), (HR, 0, 1), (HR, HR, 1)])
    reach = [np.abs((np.linalg.inv(augment.draw_transform(HR, np.random.default_rng(seed))) @ corners.T)[:2] - HR / 2)
             for seed in range(3000)]
    assert 0.93 * augment.room_needed(HR) < np.max(reach) / (HR / 2) <= augment.room_needed(HR) + 1e-9


@pytest.mark.parametrize('build, options, message', [
    (UnpairedFaceDataset, {**PAIR, 'room_gt': 0.9}, 'room_gt: 0.9 is not a finite number from 1'),
    (UnpairedFaceDataset, {**PAIR, 'augment_lq': {'zoom': 1}}, 'augment_lq: zoom: unknown option'),
    (LowResolutionFaceDataset, {'dataroot_lq': 'b', 'room_lq': '1.3'}, "room_lq: '1.3' is text, not a number"),
    (LandmarkFaceDataset, {'dataroot': 'a', 'landmarks': 'b', 'crop': 'fan', 'room': 1.3},
     'crop and room exclude each other')])
def test_wrong_option(build, options, message):
    with pytest.raises(InputError, match=message):
        build(options)
