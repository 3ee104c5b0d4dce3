"""Restorers of larger faces: where they cut, what they are told, and what they leave alone."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from photos import Painter, painted, photo
from torch import nn

from scgan_fan import large_faces
from scgan_fan.errors import InputError
from scgan_fan.large_faces import ALIGNED, LargeFaceRestorer
from scgan_fan.faces.crop import Face
from scgan_fan.inference import restore_photo


class Noise(nn.Module):
    """Noise in the place of every face, in the brightness of the weight that CodeFormer has."""

    def forward(self, images, weight: float = 0.5):
        noise = torch.rand(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
        return (weight * noise.expand(images.shape), None)


@pytest.fixture
def model(monkeypatch) -> LargeFaceRestorer:
    network = SimpleNamespace(model=Noise(), purpose='FaceSR', scale=1)
    monkeypatch.setattr(large_faces, 'load_spandrel', lambda path, device, option: network)
    return LargeFaceRestorer('any.pth', torch.device('cpu'))


@pytest.mark.parametrize('angle, scale', [(0, 0.2), (35, 0.3), (-120, 0.5)])
def test_the_crop_brings_the_five_points_to_their_places(model, angle, scale):
    turn = cv2.getRotationMatrix2D((256, 256), angle, scale)
    points = ALIGNED @ turn[:, :2].T + turn[:, 2]
    crop = model.crop(photo([]), Face((0, 0, 1, 1), points, 0.9))
    matrix = crop.matrix(512)
    assert points @ matrix[:, :2].T + matrix[:, 2] == pytest.approx(ALIGNED, abs=0.5)
    assert crop.side == pytest.approx(512 * scale, rel=0.01)


def test_landmarks_stand_for_the_points_of_a_detector_that_has_none(model):
    image = photo([(60, 40, 140)])
    face, = restore_photo(image, Painter(), 1).faces
    known = model.crop(image, face.face)
    found = model.crop(image, Face(face.face.box, None, 1.0))
    assert found.side == pytest.approx(known.side, rel=0.25) and abs(found.angle - known.angle) < 15


def test_larger_faces_are_its_own(model):
    image = photo([(20, 30, 50), (160, 60, 120)])
    result = restore_photo(image, Painter(), 1, face_model=model)
    large, small = result.faces
    assert large.restored.shape == (512, 512, 3) and small.restored.shape == (64, 64, 3)
    seen = painted(result.image, image)
    assert seen[100:150, 190:250].mean() > 0.3 and not seen[:20].any() and not seen[:, -10:].any()


def test_codeformer_is_told_the_fidelity(model):
    bright = [model(np.zeros((512, 512, 3), np.uint8), fidelity).mean() for fidelity in (0.2, 0.8)]
    assert bright[1] == pytest.approx(4 * bright[0], rel=0.02)


def test_networks_that_restore_no_faces(tmp_path):
    pytest.importorskip('spandrel')
    from spandrel.architectures.ESRGAN import ESRGAN
    torch.save(ESRGAN(num_filters=8, num_blocks=1, scale=4).state_dict(), tmp_path / 'net.pth')
    with pytest.raises(InputError, match='--face_model: .*net.pth: ESRGAN is no restorer of faces'):
        LargeFaceRestorer(str(tmp_path / 'net.pth'), torch.device('cpu'))
    with pytest.raises(InputError, match='--face_model: .*no such file'):
        LargeFaceRestorer(str(tmp_path / 'none.pth'), torch.device('cpu'))
