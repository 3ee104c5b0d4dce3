"""Faces that are stored with room around them, or as the photograph has them: prepared, then read for training."""
import cv2
import numpy as np
import pytest
from PIL import Image

from scgan_fan.data.augment import crop_transform, read_crop
from scgan_fan.data.image_source import open_source
from scgan_fan.data.landmark_files import read_landmarks
from scgan_fan.data.low_resolution_face_dataset import LowResolutionFaceDataset
from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import BOX_RULES, FOREHEAD, crop_box, crop_by_box
from scgan_fan.faces.paste import cut_levelled, cut_square
from scgan_fan.images import read_image, to_image, write_image
from scgan_fan.prepare.collections import read_collection
from scgan_fan.prepare.degrade import degrade
from scgan_fan.prepare.pipeline import prepare

ROOM = 1.3
SPOT = 33  # the landmark under the nose


def with_spot(image: np.ndarray, point, grey: int) -> np.ndarray:
    """A spot of one grey over the point; two such images differ there alone."""
    y, x = np.mgrid[:image.shape[0], :image.shape[1]] + 0.5
    strength = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / 18)[..., None]
    return np.rint(image + strength * (grey - image.astype(float))).astype(np.uint8)


def spot(black: np.ndarray, white: np.ndarray) -> np.ndarray:
    """The centre of where two images differ, x and y in pixels."""
    weight = white.astype(float).mean(2) - black.astype(float).mean(2)
    y, x = np.mgrid[:len(weight), :len(weight)] + 0.5
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def box_of(landmarks: np.ndarray) -> np.ndarray:
    """x, y, width and height from brows to chin, with the forehead."""
    (left, top), (right, bottom) = landmarks.min(0), landmarks.max(0)
    top -= FOREHEAD * (bottom - top)
    return np.array([left, top, right - left, bottom - top])


def write_boxes(folder, drawn, seeds=range(3), box_of_whom='landmarks', angle=0.0, enlargement=1.0) -> dict:
    """A ``boxes`` collection of drawn photographs, turned by ``angle``, twice: with a black and with a white spot.

    The boxes are of the faces before they were turned. Returns the table, with ``spot`` where it lies.
    """
    table = {'name': [], 'box': [], 'points': [], 'box_of': box_of_whom, 'spot': []}
    for seed in seeds:
        photograph, landmarks = drawn(seed)
        x, y, width, height = box = box_of(landmarks)
        matrix = cv2.getRotationMatrix2D((x + width / 2, y + height / 2), -angle, enlargement)
        pixel_centres = matrix.copy()
        pixel_centres[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        turned = cv2.warpAffine(photograph, pixel_centres, photograph.shape[1::-1], flags=cv2.INTER_AREA,
                                borderMode=cv2.BORDER_REPLICATE)
        landmarks = landmarks @ matrix[:, :2].T + matrix[:, 2]
        centre = box[:2] + box[2:] / 2
        table['name'].append(f'{seed}.png')
        table['box'].append([*(centre - enlargement * box[2:] / 2), *(enlargement * box[2:])])
        table['points'].append([landmarks[36:42].mean(0), landmarks[42:48].mean(0), *landmarks[[30, 48, 54]]])
        table['spot'].append(landmarks[SPOT])
        for grey, name in ((0, 'black'), (255, 'white')):
            write_image(folder / name / f'{seed}.png', with_spot(turned, landmarks[SPOT], grey))
    for name in ('black', 'white'):
        np.savez(folder / f'{name}.npz', **table)
    return {key: np.array(values) for key, values in table.items()}


@pytest.fixture
def prepared(settings):
    """``prepared(collection, input, output, *options)``: all faces for training."""

    def run(collection, folder, output, *options):
        options = '--val_share', 0, '--keep_duplicates', *options
        return prepare(settings(collection, folder, *options), output)

    return run


# ---------------------------------------------------------------- sharp faces, by their landmarks

def test_sharp_faces_come_out_as_they_would_without_room(tmp_path, annotated, prepared):
    folder = annotated(tmp_path / 'in', 3)
    prepared('ls3d_w', folder, tmp_path / 'plain', '--landmarks')
    prepared('ls3d_w', folder, tmp_path / 'roomy', '--landmarks', '--room', ROOM)
    plain, roomy = (open_source(tmp_path / f'{name}/train.lmdb') for name in ('plain', 'roomy'))
    points, moved = (read_landmarks(tmp_path / f'{name}/landmarks.npz') for name in ('plain', 'roomy'))
    assert plain.keys == roomy.keys and len(roomy) == 3
    lines = (tmp_path / 'roomy/train.lmdb/meta_info.txt').read_text().splitlines()
    assert all(line.endswith('(83,83,3) 1') for line in lines)
    dataset = PairedFaceDataset({'dataroot_gt': str(tmp_path / 'roomy/train.lmdb'), 'scale': 4, 'room_gt': ROOM})
    for index, key in enumerate(roomy.keys):
        crop = to_image(dataset[index]['gt'])
        assert np.corrcoef(crop.ravel(), plain.read(index).ravel())[0, 1] > 0.95
        in_crop = np.hstack([moved[key], np.ones((68, 1))]) @ crop_transform(83, ROOM, 64)[:2].T
        assert np.abs(in_crop - points[key]).max() < 0.75 * 64 / 80  # whole pixels of a photograph of 80 or more


def test_a_point_of_a_sharp_face_lies_where_its_landmarks_say(tmp_path, annotated, prepared):
    for grey, name in ((0, 'black'), (255, 'white')):
        folder = annotated(tmp_path / name, 3)
        for seed in range(3):
            lines = (folder / f'{seed}.pts').read_text().splitlines()[3:71]
            x, y = np.array(lines[SPOT].split(), float) - 0.5
            write_image(folder / f'{seed}.png', with_spot(read_image(folder / f'{seed}.png'), (x, y), grey))
        prepared('ls3d_w', folder, tmp_path / f'{name}_out', '--landmarks', '--room', ROOM)
    black, white = (open_source(tmp_path / f'{name}_out/train.lmdb') for name in ('black', 'white'))
    points = read_landmarks(tmp_path / 'white_out/landmarks.npz')
    for index, key in enumerate(black.keys):
        expected = crop_transform(83, ROOM, 64) @ (*points[key][SPOT], 1)
        crops = [read_crop(source, index, 64, ROOM) for source in (black, white)]
        assert np.abs(spot(*crops) - expected[:2]).max() < 0.3


# ---------------------------------------------------------------- small faces, by their boxes

@pytest.mark.parametrize('whose, angle', [('landmarks', 0), ('wider', 8), ('wider', 25), ('detector', -60)])
def test_a_point_of_a_small_face_lies_where_the_rule_of_its_box_says(tmp_path, drawn, prepared, whose, angle):
    table = write_boxes(tmp_path, drawn, box_of_whom=whose, angle=angle)
    for name in ('black', 'white'):
        prepared('boxes', tmp_path / name, tmp_path / f'{name}_out', '--detector', 'boxes', '--size', 16, '--min_face',
                 50, '--room', ROOM, '--native')
    black, white = (open_source(tmp_path / f'{name}_out/train.lmdb') for name in ('black', 'white'))
    assert len(black) == 3
    for index, (box, where, points) in enumerate(zip(table['box'], table['spot'], table['points'])):
        x, y, side = crop_by_box((*box[:2], *(box[:2] + box[2:])), BOX_RULES[whose])
        across, down = points[1] - points[0]
        tilt = np.degrees(np.arctan2(down, across))
        middle = np.array([x, y]) + side / 2
        turn = cv2.getRotationMatrix2D((0, 0), tilt if abs(tilt) > 10 else 0, 1)[:, :2]
        expected = (turn @ (where - middle) / side + 0.5) * 16
        assert np.abs(spot(*(read_crop(source, index, 16, ROOM) for source in (black, white))) - expected).max() < 0.3


def test_native_sizes_are_mixed_and_every_dataset_reads_them(tmp_path, drawn, annotated, prepared):
    for seed, enlargement in enumerate((0.35, 0.5, 1)):
        write_boxes(tmp_path / f'{seed}', drawn, [seed], enlargement=enlargement)
        prepared('boxes', tmp_path / f'{seed}/black', tmp_path / f'lr{seed}', '--detector', 'boxes', '--size', 16,
                 '--room', ROOM, '--native')
    prepared('ls3d_w', annotated(tmp_path / 'in', 2), tmp_path / 'hr', '--room', ROOM)
    small = [str(tmp_path / f'lr{seed}/train.lmdb') for seed in range(3)]
    assert len({open_source(path).read(0).shape for path in small}) == 3
    change = {'scale': [0.95, 1.05], 'rotation': 5, 'flip': True}
    dataset = UnpairedFaceDataset({
        'dataroot_gt': str(tmp_path / 'hr/train.lmdb'), 'dataroot_lq': small, 'scale': 4, 'room_gt': ROOM,
        'room_lq': ROOM, 'augment': {**change, 'shift': 2}, 'augment_lq': {**change, 'shift': 0.5}})
    assert {dataset[position]['lq'].shape for position in range(6)} == {(3, 16, 16)}
    validation = LowResolutionFaceDataset({'dataroot_lq': small, 'room_lq': ROOM})
    assert [tuple(validation[index]['lq'].shape) for index in range(3)] == [(3, 16, 16)] * 3


def test_native_pixels_are_those_of_the_photograph(tmp_path, drawn, prepared):
    write_boxes(tmp_path, drawn, [1])
    prepared('boxes', tmp_path / 'black', tmp_path / 'out', '--detector', 'boxes', '--size', 16, '--room', ROOM,
             '--native')
    stored = open_source(tmp_path / 'out/train.lmdb').read(0)
    photograph, side = read_image(tmp_path / 'black/1.png'), len(stored)
    windows = np.lib.stride_tricks.sliding_window_view(photograph, (side, side), axis=(0, 1))
    assert any(np.array_equal(window.transpose(1, 2, 0), stored) for row in windows for window in row)


def test_the_picture_frames_the_crop(tmp_path, drawn, prepared):
    write_boxes(tmp_path, drawn, [1])
    for name, room in (('plain', 1), ('roomy', 2)):
        prepared('boxes', tmp_path / 'black', tmp_path / name, '--detector', 'boxes', '--size', 16, '--room', room,
                 '--native')
    plain, roomy = (read_image(tmp_path / f'{name}/contact_sheet.png')[-80:, :80] for name in ('plain', 'roomy'))
    framed = (roomy == 255).all(2)
    assert framed[20, 20:60].all() and framed[59, 20:60].all() and framed[20:60, 20].all() and framed[20:60, 59].all()
    assert not (plain[20, 20:60] == 255).all()


def test_degraded_faces_are_of_the_crop(tmp_path, annotated, prepared):
    prepared('ls3d_w', annotated(tmp_path / 'in', 2), tmp_path / 'hr', '--room', ROOM)
    degrade(tmp_path / 'hr/train.lmdb', tmp_path / 'lr', room=ROOM)
    pairs = PairedFaceDataset({'dataroot_gt': str(tmp_path / 'hr/train.lmdb'), 'dataroot_lq': str(tmp_path / 'lr'),
                               'scale': 4, 'room_gt': ROOM})
    for index in range(2):
        sharp, bad = to_image(pairs[index]['gt']), to_image(pairs[index]['lq'])
        assert np.corrcoef(cv2.resize(sharp, (16, 16), interpolation=cv2.INTER_AREA).ravel(), bad.ravel())[0, 1] > 0.9


# ---------------------------------------------------------------- rules and collection

def test_the_rules_of_boxes():
    """The numbers: 1.04 of the longer side, lowered by 0.035 of that; 0.92 for the detector's."""
    box = 10, 20, 40, 60  # 30 wide, 40 high, its centre (25, 40)
    for whose, share, lowered in (('landmarks', 1.04, 0), ('wider', 1.04, 0.035), ('detector', 0.92, 0.035)):
        side = share * 40
        for margin, shown in ((1.04, side), (1.3, side * 1.3 / 1.04)):
            assert crop_by_box(box, BOX_RULES[whose], margin) == pytest.approx(
                (25 - shown / 2, 40 + lowered * side - shown / 2, shown))


def test_a_box_of_landmarks_is_cropped_like_they_are(drawn):
    _, landmarks = drawn(1)
    x, y, width, height = box_of(landmarks)
    assert crop_by_box((x, y, x + width, y + height), BOX_RULES['landmarks'], 1.2) == pytest.approx(
        crop_box(landmarks, 1.2))


def test_levelling_turns_around_the_middle(drawn):
    photograph, _ = drawn(2)
    assert np.array_equal(cut_levelled(photograph, (50, 40, 80), 0, 64), cut_square(photograph, (50, 40, 80), 64))
    quarter = cut_levelled(photograph, (50, 40, 80), 90, 80)  # counter-clockwise
    assert np.array_equal(quarter, np.rot90(photograph[40:120, 50:130]))


def test_several_faces_of_an_image_and_groups(tmp_path, drawn):
    for name in ('a/0.png', 'a/1.png', 'b.png', 'without a face.png'):
        write_image(tmp_path / 'in' / name, drawn(0)[0])
    boxes = np.arange(12).reshape(3, 4) + 1
    np.savez(tmp_path / 'in.npz', name=['a/0', 'b.png', 'a/0'], box=boxes, box_of=['wider', 'detector', 'landmarks'],
             photo=['one', 'two', 'one'])
    first, second = read_collection('boxes', tmp_path / 'in')
    assert (first.name, first.group, second.name, second.group) == ('a%2F0', 'one', 'b', 'two')
    assert [face.box_of for face in first.faces] == ['wider', 'landmarks']
    assert [face.box for face in first.faces] == [(1, 2, 4, 6), (9, 10, 20, 22)]
    assert second.faces[0].points is None


@pytest.mark.parametrize('change, message', [
    ({'name': ['0', '9']}, 'in.npz: 9 is no image of .*in; remove its face'),
    ({'box': np.zeros((2, 5))}, 'in.npz: no boxes can be read from it'), ({'box_of': None}, "read from it .'box_of'"),
    ({'box_of': 'mine'}, "box_of: unknown value 'mine'; choose one of landmarks, wider, detector"),
    ({'box_of': 'centerface'}, "unknown value 'centerface'"), ({'box_of': 'dlib'}, "unknown value 'dlib'"),
    ({'points': np.zeros((2, 68, 2))}, 'no boxes can be read'), ({'photo': ['a', 'b', 'c']}, 'no boxes can be read')])
def test_a_table_that_does_not_fit(tmp_path, change, message):
    for number in range(2):
        (tmp_path / 'in').mkdir(exist_ok=True)
        Image.new('RGB', (20, 20)).save(tmp_path / f'in/{number}.png')
    table = {'name': ['0', '1'], 'box': np.ones((2, 4)), 'box_of': 'wider', **change}
    np.savez(tmp_path / 'in.npz', **{key: value for key, value in table.items() if value is not None})
    with pytest.raises(InputError, match=message):
        read_collection('boxes', tmp_path / 'in')
