"""Aligned faces as arrays, and faces in photographs."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from photos import Painter, greens, photo
from torch import nn

from scgan_fan import inference
from scgan_fan.background import enlarge_bicubic, load_upsampler
from scgan_fan.device import choose_device
from scgan_fan.errors import InputError
from scgan_fan.inference import restore, restore_photo


class Linear(nn.Module):
    """A restorer with a weight, which knows no size of its own."""

    scale, size = 2, None

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images):
        return nn.functional.interpolate(self.convolution(images), scale_factor=2)


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


@torch.no_grad()
def test_arrays_in_and_out(faces):
    restorer = Linear()
    restorer.convolution.weight.zero_()
    restorer.convolution.bias.zero_()
    for channel in range(3):
        restorer.convolution.weight[channel, channel, 1, 1] = 1  # identity
    restored = restore(faces, restorer, batch=2)
    assert restored.dtype == np.uint8
    assert np.array_equal(restored, faces.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_precision(faces, precision):
    restorer = Linear()
    full, half = restore(faces, restorer), restore(faces, restorer, precision)
    assert not np.array_equal(full, half)
    assert np.abs(full.astype(int) - half).max() <= 3


@pytest.mark.parametrize('flags, precision', [('avx512f avx512_bf16', 'bfloat16'), ('avx512f avx512_vbmi', 'float32')])
def test_automatic_precision_is_what_the_processor_computes_in(faces, monkeypatch, flags, precision):
    monkeypatch.setattr(inference, '_computes_in_bfloat16', inference._computes_in_bfloat16.__wrapped__)
    monkeypatch.setattr(Path, 'read_text', lambda path, encoding: f'flags : {flags}')
    restorer = Linear()
    assert np.array_equal(restore(faces, restorer, 'auto'), restore(faces, restorer, precision))
    assert not np.array_equal(restore(faces, restorer, 'float32'), restore(faces, restorer, 'bfloat16'))


def test_no_faces():
    assert restore(np.zeros((0, 16, 16, 3), np.uint8), Painter()).shape == (0, 64, 64, 3)


def test_wrong_arguments(faces):
    with pytest.raises(InputError, match='precision'):
        restore(faces, Painter(), 'int8')
    with pytest.raises(InputError, match='float64 array of shape'):
        restore(faces / 255, Painter())
    with pytest.raises(InputError, match="'tpu9' is not there"):
        choose_device('tpu9')


def test_weights_by_path(faces, tmp_path):
    with pytest.raises(InputError, match='nothing.pth'):
        restore(faces, tmp_path / 'nothing.pth')


@pytest.mark.parametrize('scale', [1, 2])
def test_without_a_face_only_the_size_changes(scale):
    image = photo([])
    result = restore_photo(image, Painter(), scale)
    assert result.faces == []
    assert np.array_equal(result.image, enlarge_bicubic(image, scale))


def test_faces_are_restored_and_nothing_else_changes():
    image = photo([(40, 100, 60), (200, 40, 40)])
    result = restore_photo(image, Painter(), 2)
    assert len(result.faces) == 2
    rest = np.ones(result.image.shape[:2], bool)
    for face in result.faces:
        x, y, side = face.square
        rest[2 * y:2 * (y + side), 2 * x:2 * (x + side)] = False
        middle = result.image[2 * y + side // 2:2 * y + side, 2 * x + side // 2:2 * x + side]
        assert greens(middle).all()
        assert face.crop.shape == (16, 16, 3) and face.restored.shape == (64, 64, 3)
    assert np.array_equal(result.image[rest], enlarge_bicubic(image, 2)[rest])
    assert not np.shares_memory(result.image, image)


def test_sharp_faces_are_left_alone():
    image = photo([(40, 60, 120), (230, 40, 40)])
    large, small = restore_photo(image, Painter(), 1).faces
    assert large.restored is None and small.restored is not None
    assert all(face.restored is not None for face in restore_photo(image, Painter(), 1, force=True).faces)


def test_only_the_face_in_the_middle():
    image = photo([(10, 20, 60), (140, 100, 40)])
    face, = restore_photo(image, Painter(), 1, only_center_face=True).faces
    assert 130 < face.square[0] < 150


def test_margin_widens_the_crop():
    image = photo([(100, 80, 60)])
    sides = [restore_photo(image, Painter(), 1, margin=margin).faces[0].square[2] for margin in (1.0, 1.5)]
    assert sides[1] == pytest.approx(1.5 * sides[0], abs=1)


def test_astronaut():
    image = pytest.importorskip('skimage.data').astronaut()[:256, 96:352]
    face, = restore_photo(image, Painter(), 1).faces
    _, _, side = face.square
    eyes = face.face.points[:2].mean(axis=0)
    assert np.abs(eyes - (129, 102)).max() < 4 and 80 < side < 120  # seen by eye
    assert face.restored is None


def test_background_by_a_network(tmp_path):
    """Real-ESRGAN's network with weights that shift colours, in tiles: no seams, and scales that it does not have."""
    spandrel = pytest.importorskip('spandrel')
    from spandrel.architectures.ESRGAN import ESRGAN
    torch.manual_seed(0)
    network = ESRGAN(num_filters=8, num_blocks=1, scale=4)
    torch.save(network.state_dict(), tmp_path / 'net.pth')
    assert spandrel is not None
    upsampler = load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))
    image = photo([], 40, 300)
    enlarged = upsampler(image, 2)
    assert enlarged.shape == (80, 600, 3)
    with torch.no_grad():
        whole = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1).permute(1, 2, 0)
    whole = cv2.resize((whole.numpy() * 255).round().astype(np.uint8), (600, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(whole.astype(int) - enlarged).max() <= 2


def test_background_networks_that_are_none(tmp_path):
    with pytest.raises(InputError, match='no such file'):
        load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))
    (tmp_path / 'net.pth').write_bytes(b'rubbish')
    with pytest.raises(InputError, match='spandrel cannot read it'):
        load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))
