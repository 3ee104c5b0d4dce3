"""Drawn faces: the landmarks are where they say, and a face depends on nothing but its seed, set and number."""
from pathlib import Path

import cv2
import numpy as np
import pytest

import drawn_faces
from drawn_faces.head import Face
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import crop_box
from scgan_fan.images import read_image

COUNT = 60
EYES = (slice(36, 42), slice(42, 48))


@pytest.fixture(scope='module')
def faces() -> tuple[np.ndarray, np.ndarray]:
    pairs = [drawn_faces.draw_face(np.random.default_rng((1, i))) for i in range(COUNT)]
    return tuple(np.stack(part) for part in zip(*pairs))


def grey_at(image: np.ndarray, point: np.ndarray) -> float:
    """Brightness at a position in pixels (pixel i covers i to i + 1)."""
    x, y = np.clip(np.floor(point).astype(int), 0, image.shape[0] - 1)
    return float(image[y, x].mean())


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*.png')}


def test_same_seed_same_face_other_seed_other_face() -> None:
    first, again, other = (drawn_faces.draw_face(np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0].astype(int) - other[0]).mean() > 5


@pytest.mark.parametrize('size', [16, 50, 128])
def test_types_and_scale(size: int) -> None:
    image, landmarks = drawn_faces.draw_face(np.random.default_rng(2), size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert landmarks.shape == (68, 2) and landmarks.dtype == np.float32
    _, at_64 = drawn_faces.draw_face(np.random.default_rng(2), 64)
    np.testing.assert_allclose(landmarks / size, at_64 / 64, atol=1e-4)


def test_crop_rule() -> None:
    landmarks = np.full((68, 2), 20.0)
    landmarks[0], landmarks[1] = (10, 20), (40, 120)  # 30 wide, 100 high: extended to 118, times 1.04
    x0, y0, side = crop_box(landmarks)
    assert side == pytest.approx(1.04 * 118)
    assert (x0 + side / 2, y0 + side / 2) == pytest.approx((25, 61))


def test_faces_are_cropped_by_the_rule(faces) -> None:
    boxes = np.array([crop_box(landmarks) for landmarks in faces[1]])
    np.testing.assert_allclose(boxes, np.tile((0, 0, 64), (COUNT, 1)), atol=1e-3)


def test_landmarks_are_inside_and_in_order(faces) -> None:
    landmarks = faces[1]
    assert landmarks.min() > 0 and landmarks.max() < 64
    left, right = landmarks[:, 36:42].mean(1), landmarks[:, 42:48].mean(1)
    assert (left[:, 0] < right[:, 0]).all()
    assert (landmarks[:, 48, 0] < landmarks[:, 54, 0]).all()
    assert (landmarks[:, 27, 1] < landmarks[:, 33, 1]).all()
    assert (landmarks[:, 33, 1] < landmarks[:, 57, 1]).all()
    assert (landmarks[:, 57, 1] < landmarks[:, 8, 1]).all()


def test_eyes_are_darkest_at_their_landmarks(faces) -> None:
    shifts = np.arange(-4, 5)
    profile = [np.mean([grey_at(image, points[eye].mean(0) + (0, shift)) for image, points in zip(*faces)
                        for eye in EYES]) for shift in shifts]
    assert abs(shifts[np.argmin(profile)]) <= 1
    assert min(profile) < 0.75 * profile[-1]


def test_open_mouths_are_dark_above_the_lower_lip(faces) -> None:
    ratios = []
    for image, points in zip(*faces):
        gap = points[66] - points[62]
        if gap[1] > 6:
            cheek = (points[30] + points[[36, 45]].mean(0) + points[48] + points[54]) / 4
            ratios.append(grey_at(image, points[62] + 0.8 * gap) / grey_at(image, cheek))
    assert len(ratios) >= 3
    assert np.median(ratios) < 0.7


def test_nose_points_where_the_head_is_turned() -> None:
    turned = [Face(np.random.default_rng(seed), 256) for seed in range(40)]
    turned = [face for face in turned if abs(face.yaw) > 0.3]
    assert {np.sign(face.yaw) for face in turned} == {-1, 1}
    for face in turned:
        across = face.landmarks[45] - face.landmarks[36]
        from_middle = face.landmarks[30] - face.landmarks[[36, 45]].mean(0)
        assert np.sign(across @ from_middle) == np.sign(face.yaw)


def test_jaw_of_a_turned_head_is_its_outline() -> None:
    # No point of the face surface may lie outside the far jaw by more than the curve between two landmarks.
    for seed in range(20):
        face = Face(np.random.default_rng(seed), 256)
        if abs(face.yaw) < 0.3:
            continue
        side = 1 if face.yaw > 0 else -1
        cheek = face.places(*[(side * x, y) for x in (40, 50, 58) for y in (20, 40)])
        outline = face.landmarks[8:17] if side > 0 else face.landmarks[8::-1]
        at_height = np.interp(cheek[:, 1], outline[::-1, 1], outline[::-1, 0])
        assert (side * (cheek[:, 0] - at_height) < 6).all()


def test_hidden_degradation_is_not_bicubic(faces) -> None:
    low = np.stack([drawn_faces.degrade_hidden(image, np.random.default_rng(i)) for i, image in enumerate(faces[0])])
    plain = np.stack([cv2.resize(image, (16, 16), interpolation=cv2.INTER_CUBIC) for image in faces[0]])
    assert low.shape == (COUNT, 16, 16, 3) and low.dtype == np.uint8
    assert low.mean() < 0.9 * plain.mean()
    detail = [np.abs(np.diff(images.astype(float), axis=2)).mean() for images in (low, plain)]
    assert detail[0] < 0.75 * detail[1]
    # but still the same face: aligned and recognisable
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(low, plain)]
    assert np.median(alike) > 0.7


def test_hidden_degradation_follows_its_generator(faces) -> None:
    image = faces[0][0]
    first, again, other = (drawn_faces.degrade_hidden(image, np.random.default_rng(seed), 8) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_dataset_does_not_depend_on_workers_or_counts(tmp_path: Path) -> None:
    drawn_faces.draw_dataset(tmp_path / 'one', hr=3, lr=2, val=2, seed=4, size=32, scale=2, workers=1)
    drawn_faces.draw_dataset(tmp_path / 'two', hr=4, lr=2, val=2, seed=4, size=32, scale=2, workers=2)
    one, two = files(tmp_path / 'one'), files(tmp_path / 'two')
    assert set(two) - set(one) == {'hr/000003.png'}
    assert all(two[name] == data for name, data in one.items())
    assert len(set(one.values())) == len(one)  # no face twice: the sets are unpaired


def test_dataset_files(tmp_path: Path) -> None:
    drawn_faces.draw_dataset(tmp_path, hr=2, lr=1, val=3, seed=4, workers=1)
    assert sorted(files(tmp_path)) == ['hr/000000.png', 'hr/000001.png', 'lr/000000.png',
                                       *(f'val_{kind}/00000{i}.png' for kind in ('hr', 'lr') for i in range(3))]
    assert read_image(tmp_path / 'val_hr/000002.png').shape == (64, 64, 3)
    assert read_image(tmp_path / 'val_lr/000002.png').shape == (16, 16, 3)
    for name in ('hr', 'val_hr'):
        with np.load(tmp_path / f'{name}_landmarks.npz') as known:
            assert known['name'].tolist() == sorted(path.name for path in (tmp_path / name).iterdir())
            assert known['landmarks'].shape == (len(known['name']), 68, 2)
            assert known['landmarks'].dtype == np.float32
            boxes = [crop_box(points) for points in known['landmarks']]
            np.testing.assert_allclose(boxes, [(0, 0, 64)] * len(boxes), atol=1e-3)


@pytest.mark.parametrize('wrong, words', [
    ({'hr': -1}, 'hr faces: -1'), ({'val': -2}, 'val faces: -2'), ({'seed': -1}, 'seed: -1'),
    ({'size': 8}, 'size: 8'), ({'size': 66}, 'scale: 4'), ({'scale': 0}, 'scale: 0'), ({'workers': 0}, 'workers: 0')])
def test_wrong_arguments(tmp_path: Path, wrong: dict, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        drawn_faces.draw_dataset(tmp_path / 'out', **{'hr': 1, 'lr': 1, 'val': 1, 'workers': 1, **wrong})
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'out').exists()


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot be written'):
        drawn_faces.draw_dataset(tmp_path / 'file' / 'out', 1, 1, 1, workers=1)
