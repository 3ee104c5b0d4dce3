"""Faces are found where they are drawn, with the crop that they were drawn by; nothing else is found."""
import cv2
import numpy as np
import pytest
import torch
from photos import photo

from scgan_fan.errors import InputError
from scgan_fan.faces import detection
from scgan_fan.faces.alignment import find_landmarks
from scgan_fan.faces.detection import find_and_count, find_faces
from scgan_fan.faces.detectors import centerface, dlib_hog, retinaface


def overlap(face, square) -> float:
    """Intersection over union of a found face's crop and a square (x, y, side)."""
    crop = face.crop()
    x, y, side = crop.x, crop.y, crop.side
    u, v, length = square
    shared = max(0, min(x + side, u + length) - max(x, u)) * max(0, min(y + side, v + length) - max(y, v))
    return shared / (side**2 + length**2 - shared)


both = pytest.mark.parametrize('detector', ['centerface', 'dlib'])


@both
def test_several_faces_the_largest_first(detector):
    squares = [(20, 60, 120), (180, 20, 60), (250, 150, 32)]
    faces = find_faces(photo(squares), detector)
    assert len(faces) == 3
    assert all(overlap(face, square) > 0.7 for face, square in zip(faces, squares))
    landmarks, confidence = find_landmarks(photo(squares), [face.crop() for face in faces])
    assert landmarks.shape == (3, 68, 2) and (confidence > 0.5).all() and all(face.score > 0 for face in faces)
    assert all(overlap(face, square) > 0.7 for face, square in zip(faces, squares))


@both
@pytest.mark.parametrize('side', [120, 24])
def test_one_face(side, detector):
    face, = find_faces(photo([(90, 70, side)]), detector)
    assert overlap(face, (90, 70, side)) > 0.7
    assert 0.7 * side < face.size < 1.1 * side


@both
def test_no_face(detector):
    assert find_faces(photo([]), detector) == []


@pytest.mark.parametrize('height, width', [(1, 1), (3, 400), (400, 3)])
@both
def test_photographs_too_small_for_a_face(detector, height, width):
    assert find_faces(photo([], height, width), detector) == []


@both
def test_smaller_faces_are_left_out(detector):
    image = photo([(20, 60, 120), (250, 150, 32)])
    assert len(find_faces(image, detector, min_face=16)) == 2
    assert len(find_faces(image, detector, min_face=60)) == 1


@both
def test_always_the_same(detector):
    first, second = (find_faces(photo([(90, 70, 50), (200, 30, 40)]), detector) for _ in range(2))
    assert [face.box for face in first] == [face.box for face in second]
    assert all(np.array_equal(a.points, b.points) for a, b in zip(first, second))


@pytest.mark.parametrize('detector, tile, least', [(dlib_hog, 400, 20), (centerface, 256, 10)])
def test_tiles_cut_no_face(monkeypatch, detector, tile, least):
    """At a fraction of the tiles' size every face lies across an edge of some tile at some enlargement."""
    squares = [(60, 100, 100), (170, 40, 45), (250, 150, 32)]
    monkeypatch.setattr(detector, 'TILE', tile)
    seen = []
    detect = detector._detect
    monkeypatch.setattr(detector, '_detect', lambda part: seen.append(part.shape) or detect(part))
    faces = find_faces(photo(squares), 'dlib' if detector is dlib_hog else 'centerface')
    assert len(seen) > least and max(max(shape) for shape in seen) <= tile
    assert len(faces) == 3 and all(overlap(face, square) > 0.7 for face, square in zip(faces, squares))


def test_landmarks_of_no_boxes():
    assert [part.shape for part in find_landmarks(photo([]), [])] == [(0, 68, 2), (0,)]


def test_unknown_detector():
    with pytest.raises(InputError, match="'haar' is none of centerface, retinaface, dlib, nor a file"):
        find_faces(photo([]), 'haar')


def test_retinaface_is_not_downloaded(monkeypatch):
    monkeypatch.setattr(retinaface, 'FILE', 'nowhere.pth')
    with pytest.raises(InputError, match='weights of RetinaFace are not there; put https://'):
        find_faces(photo([]), 'retinaface')


def test_retinaface_of_another_network(tmp_path):
    torch.save({'weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match='other.pth: not the weights of RetinaFace'):
        find_faces(photo([]), str(tmp_path / 'other.pth'))


class OneAnchor:
    """RetinaFace that is sure of one anchor of a 320x240 image, and of its neighbour a little less."""

    device, mean_tensor = 'cpu', torch.zeros(1, 3, 1, 1)
    cfg = {'min_sizes': [[16, 32], [64, 128], [256, 512]], 'steps': [8, 16, 32], 'variance': [0.1, 0.2], 'clip': False}

    def __call__(self, images):
        self.images = images
        anchors = 2 * (40 * 30 + 20 * 15 + 10 * 8)
        probabilities = torch.zeros(1, anchors, 2)
        chosen = 2 * (40 * 30) + 2 * (20 * 7 + 6)  # those of 64 pixels: row 7, column 6, 16 pixels apart
        probabilities[0, [chosen, chosen + 2], 1] = torch.tensor([0.95, 0.9])
        return torch.zeros(1, anchors, 4), probabilities, torch.zeros(1, anchors, 10)


def test_boxes_of_retinaface(monkeypatch, tmp_path):
    monkeypatch.setattr(retinaface, 'FILE', 'weights.pth')
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / 'checkpoints/weights.pth').touch()
    network = OneAnchor()
    monkeypatch.setattr(retinaface, 'load', lambda weights: network)
    image = photo([])
    face, = retinaface.find(image, 12, retinaface.find_weights())
    assert face.box == pytest.approx((6.5 * 16 - 32, 7.5 * 16 - 32, 6.5 * 16 + 32, 7.5 * 16 + 32), abs=1e-3)
    assert face.score == pytest.approx(0.95)
    assert face.points == pytest.approx(np.tile((6.5 * 16, 7.5 * 16), (5, 1)), abs=1e-3)
    assert np.array_equal(network.images[0, 0], image[..., 2])  # BGR


def turned(image: np.ndarray, angle: float) -> np.ndarray:
    """Clockwise by ``angle`` degrees around the middle."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -angle, 1)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize('angle, side', [(20, 60), (-30, 60), (45, 60), (20, 24), (-30, 24)])
def test_tilted_heads_are_levelled(angle, side):
    square = (160 - side // 2, 120 - side // 2, side)
    face, = find_faces(turned(photo([square]), angle))
    assert face.crop().angle == pytest.approx(angle, abs=10)
    assert overlap(face, square) > 0.6


def test_upright_heads_are_not_turned():
    face, = find_faces(turned(photo([(130, 90, 60)]), 5))
    assert face.crop().angle == 0


@pytest.mark.parametrize('quarters', [1, 2, 3])
def test_heads_that_lie_or_stand_upside_down(quarters):
    """Found in the turned photograph where they lie, and left alone when that is not asked for."""
    image, square = photo([(30, 90, 60)]), (30, 90, 60)
    there = np.rot90(image, -quarters).copy()
    faces, passed = find_and_count(there)
    assert faces == [] and set(passed) <= {detection.TURNED}
    face, = find_faces(there, turned=True)
    x, y, side = square
    x, y = {1: (240 - y - side, x), 2: (320 - x - side, 240 - y - side), 3: (y, 320 - x - side)}[quarters]
    assert overlap(face, (x, y, side)) > 0.6
    assert (face.crop().angle - 90 * quarters + 10) % 360 == pytest.approx(10, abs=10)


def test_what_is_passed_over_is_counted():
    image = photo([(20, 60, 120), (250, 150, 32)])
    faces, passed = find_and_count(image, min_face=36)
    assert len(faces) == 1 and passed == {'too small': 1}


def test_large_photographs_are_enlarged_only_when_asked(monkeypatch):
    monkeypatch.setattr(detection, 'LARGE', 100)
    seen = []
    detect = centerface._detect
    monkeypatch.setattr(centerface, '_detect', lambda part: seen.append(part.shape[:2]) or detect(part))
    find_faces(photo([]))
    find_faces(photo([]), min_face=16)
    assert seen == [(240, 320), (480, 640)]
