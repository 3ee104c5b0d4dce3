"""The heatmap loss: its formula, its options, and who gets a gradient."""
import copy

import pytest
import torch
import torch.nn.functional as F

from scgan_fan.errors import InputError
from scgan_fan.losses import HeatmapLoss

SMALL_FAN = {'num_stacks': 2, 'width': 16, 'stem_stride': 2}


@pytest.fixture
def loss(device):
    torch.manual_seed(0)
    return HeatmapLoss(1.0, 'random', SMALL_FAN).to(device)


@pytest.fixture
def faces(device):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 2, 3, 64, 64, generator=generator).to(device).mul(2).sub(1).unbind(0)


def with_options(loss, **options) -> HeatmapLoss:
    """The same FAN under other options."""
    other = HeatmapLoss(1.0, 'random', SMALL_FAN, **options)
    other.fan.load_state_dict(loss.fan.state_dict())
    return other.to(next(loss.parameters()).device)


def test_equation_4(loss, faces):
    a, b = (loss.fan((face + 1) / 2)[-1] for face in faces)
    expected = sum((a[i, n] - b[i, n]).square().sum() for i in range(2) for n in range(68)) / 2 / 68
    assert loss(*faces).item() == pytest.approx(expected.item(), rel=1e-5)


def test_equal_faces_cost_nothing(loss, faces):
    assert loss(faces[0], faces[0]).item() == 0


def test_gradient_reaches_the_restored_face_alone(loss, faces):
    restored, truth = (face.clone().requires_grad_() for face in faces)
    loss(restored, truth).backward()
    assert restored.grad.abs().sum() > 0
    assert truth.grad is None
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in loss.parameters())


def test_fan_never_changes(loss, faces):
    before = copy.deepcopy(loss.state_dict())
    loss.train()
    assert not any(module.training for module in loss.modules())
    loss(faces[0].clone().requires_grad_(), faces[1]).backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in loss.state_dict().items())


def test_gradcheck_in_double_precision(device):
    torch.manual_seed(0)
    loss = HeatmapLoss(1.0, 'random', {'num_stacks': 1, 'width': 16, 'stem_stride': 2, 'depth': 1}).double().to(device)
    truth = torch.rand(1, 3, 8, 8, dtype=torch.float64, device=device) * 2 - 1
    loss.input_size = 8
    assert torch.autograd.gradcheck(lambda image: loss(image, truth), (truth * 0.9).requires_grad_(), atol=1e-6)


def test_options(loss, faces):
    a, b = ([maps for maps in loss.fan((face + 1) / 2)] for face in faces)
    squares = [(x - y).square() for x, y in zip(a, b)]
    expected = {
        'stacks': {'last': squares[1], 'first': squares[0], 'mean': sum(squares) / 2},
        'distance': {'l1': (a[1] - b[1]).abs()}}
    for option, values in expected.items():
        for value, map_distance in values.items():
            assert with_options(loss, **{option: value})(*faces).item() == pytest.approx(
                map_distance.sum().item() / 2 / 68, rel=1e-5), value
    assert with_options(loss, reduction='mean')(*faces).item() == pytest.approx(squares[1].mean().item(), rel=1e-5)


def test_other_sizes_are_resized_and_padded(loss, faces):
    small = [F.avg_pool2d(face, 2) for face in faces]
    as_seen = [F.interpolate((face + 1) / 2, (64, 64), mode='bilinear', align_corners=False) for face in small]
    maps = [loss.fan(image)[-1] for image in as_seen]
    assert loss(*small).item() == pytest.approx(((maps[0] - maps[1])**2).sum().item() / 2 / 68, rel=1e-4)
    padded = [F.pad((face + 1) / 2, (16,) * 4, mode='replicate') for face in small]
    maps = [loss.fan(image)[-1] for image in padded]
    assert with_options(loss, pad=2.0)(*small).item() == pytest.approx(
        ((maps[0] - maps[1])**2).sum().item() / 2 / 68, rel=1e-4)


def test_start_and_warm_up(loss, faces):
    late = with_options(loss, start_iter=10, warmup_iter=4)
    full = loss(*faces).item()
    shares = [late(*faces, current_iter).item() / full for current_iter in (1, 10, 11, 12, 14, 100)]
    assert shares == pytest.approx([0, 0, 0.25, 0.5, 1, 1], rel=1e-5)


def test_finite_gradients_under_bfloat16(loss, faces, device):
    restored = faces[0].clone().requires_grad_()
    with torch.autocast(device, torch.bfloat16):
        loss(restored, faces[1]).backward()
    assert restored.grad.isfinite().all() and restored.grad.abs().sum() > 0


@pytest.mark.parametrize('options', [{}, {'stacks': 'mean'}, {'distance': 'l1', 'reduction': 'mean', 'pad': 1.5}])
def test_heatmaps_drawn_before_give_the_same_loss_and_gradient(loss, faces, options):
    loss = with_options(loss, **options)
    with torch.no_grad():
        wanted = loss.heatmaps(faces[1])
    losses, gradients = [], []
    for stored in (None, wanted):
        restored = faces[0].clone().requires_grad_()
        losses.append(loss(restored, faces[1], wanted=stored))
        losses[-1].backward()
        gradients.append(restored.grad)
    assert torch.equal(*losses) and torch.equal(*gradients)
    assert loss(faces[0], faces[1], wanted=wanted + 1) > losses[0]  # they are what it compares with


def test_stored_heatmaps_of_another_shape(loss, faces):
    with pytest.raises(InputError, match=r'\(2, 68, 32, 32\) of restored faces and \(2, 68, 16, 16\) of true ones'):
        loss(*faces, wanted=faces[0].new_zeros(2, 68, 16, 16))


@pytest.mark.parametrize('options, message', [
    ({'stacks': 'middle'}, "stacks: unknown value 'middle'; choose one of last, first, mean"),
    ({'distance': 'l3'}, "distance: unknown value 'l3'"), ({'reduction': 'max'}, "reduction: unknown value 'max'"),
    ({'pad': 0.5}, 'pad: 0.5 is below 1'), ({'fan': 'nowhere.pth'}, 'nowhere.pth: no such checkpoint')])
def test_errors(options, message):
    with pytest.raises(InputError, match=message):
        HeatmapLoss(**{'fan': 'random', 'network': SMALL_FAN, **options})


def test_faces_of_different_sizes(loss, faces):
    with pytest.raises(InputError, match='compared'):
        loss(faces[0], faces[1][:, :, :32, :32])
