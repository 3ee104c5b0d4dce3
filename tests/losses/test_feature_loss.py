"""The perceptual loss, on a small classifier with random weights."""
import pytest
import torch
from torchvision.models import get_model

from scgan_fan.errors import InputError
from scgan_fan.losses import FeatureLoss


@pytest.fixture
def loss(device) -> FeatureLoss:
    torch.manual_seed(0)
    return FeatureLoss(loss_weight=0.5, backbone='resnet18', weights='random').to(device)


def faces(seed: int, device: str = 'cpu') -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)).to(device) * 2 - 1


def test_equal_images_cost_nothing_and_others_do(loss, device):
    assert loss(faces(1, device), faces(1, device)).item() == 0
    assert loss(faces(1, device), faces(2, device)).item() > 0


def test_formula(loss, device):
    """Eq 2: squared differences over W_i H_i, summed over channels and layers; mean over the batch."""
    a, b = (loss.features((faces(seed, device) / 2 + 0.5 - MEAN.to(device)) / STD.to(device)) for seed in (1, 2))
    expected = sum((a[name] - b[name]).square().sum() / a[name].shape[-1] / a[name].shape[-2] for name in a) / 2
    assert list(a) == ['layer1', 'layer2', 'layer3']
    assert loss(faces(1, device), faces(2, device)).item() == pytest.approx(0.5 * expected.item(), rel=1e-4)


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


@pytest.mark.parametrize('precision', [torch.float32, torch.bfloat16])
def test_gradient_goes_to_the_first_image_alone_and_is_finite(loss, precision, device):
    restored, truth = faces(1, device).requires_grad_(True), faces(2, device).requires_grad_(True)
    with torch.autocast(device, torch.bfloat16, enabled=precision is torch.bfloat16):
        value = loss.train()(restored, truth)
    value.backward()
    assert value.dtype is torch.float32
    assert restored.grad.isfinite().all() and restored.grad.any() and truth.grad is None
    assert not loss.features.training and all(p.grad is None for p in loss.parameters())


def test_weights_from_a_file(tmp_path):
    classifier = get_model('resnet18')
    torch.save(classifier.state_dict(), tmp_path / 'resnet18.pth')
    loss = FeatureLoss(backbone='resnet18', layers=('layer1.0', 'layer4'), weights=str(tmp_path / 'resnet18.pth'))
    assert torch.equal(loss.features.conv1.weight, classifier.conv1.weight)
    assert loss(faces(1), faces(2)).item() > 0


@pytest.mark.parametrize('options, message', [
    ({'backbone': 'resnet19'}, "'resnet19' is no classifier of torchvision"),
    ({'layers': ('layer9',)}, r"\['layer9'\] are not all in resnet18; its largest modules are conv1"),
    ({'layers': ()}, 'are not all in resnet18'),
    ({'weights': 'nowhere.pth'}, 'nowhere.pth: no such checkpoint')])
def test_mistakes(options, message):
    with pytest.raises(InputError, match=message):
        FeatureLoss(**{'backbone': 'resnet18', 'weights': 'random', **options})


def test_weights_that_cannot_be_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('torch.hub.download_url_to_file', fail)
    with pytest.raises(InputError, match='resnet18-.*pth is not in torch\'s cache and cannot be downloaded'):
        FeatureLoss(backbone='resnet18')


def fail(*arguments, **options):
    raise OSError('no network')
