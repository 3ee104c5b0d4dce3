"""Distances between sets of pictures against known answers, and the networks behind them."""
import numpy as np
import pytest
import torch
from torchvision.models import inception_v3

from scgan_fan.errors import InputError
from scgan_fan.images import write_image
from scgan_fan.metrics.distribution import calculate_feature_distance, frechet_distance, kernel_distance
from scgan_fan.metrics.features import feature_network
from scgan_fan.metrics.validation import ValidationMetrics


def features(count: int, seed: int, size: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, size))


def test_frechet_distance_of_equal_covariances_is_the_squared_distance_of_the_means():
    rows, shift = features(50, 0), np.arange(6)
    assert frechet_distance(rows, rows) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(rows + shift, rows) == pytest.approx((shift**2).sum(), rel=1e-6)


def test_frechet_distance_of_scaled_sets():
    """Trace of (sigma1 + sigma2 - 2 sqrt(sigma1 sigma2)): with sigma2 = 9 sigma1 that is 4 trace(sigma1)."""
    rows = features(50, 0) - features(50, 0).mean(axis=0)
    assert frechet_distance(rows, 3 * rows) == pytest.approx(4 * np.trace(np.cov(rows, rowvar=False)), rel=1e-6)


def test_kernel_distance_against_a_direct_sum():
    first, second = features(9, 1), features(7, 2)
    kernel = lambda x, y: (x @ y / 6 + 1)**3  # noqa: E731
    chosen = second[np.random.RandomState(0).permutation(7)]  # any: all seven are taken
    direct = (np.mean([kernel(x, y) for i, x in enumerate(first[:7]) for j, y in enumerate(first[:7]) if i != j])
              + np.mean([kernel(x, y) for i, x in enumerate(second) for j, y in enumerate(second) if i != j])
              - 2 * np.mean([kernel(x, y) for x in first[:7] for y in chosen]))
    assert kernel_distance(first[:7], second, subsets=3) == pytest.approx(direct, rel=1e-9)


def test_kernel_distance_does_not_depend_on_the_size_of_the_sets():
    """Unlike FID: on average it is 0 for samples of one distribution, however few."""
    values = [kernel_distance(features(20, seed), features(20, seed + 100), subsets=1) for seed in range(100)]
    assert abs(np.mean(values)) < 3 * np.std(values) / 10


@pytest.fixture
def reference(tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    for index in range(4):
        write_image(tmp_path / f'reference/{index}.png', picture(index))
    return str(tmp_path / 'reference')


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize('metric', ['fid', 'kid'])
def test_a_set_is_nearer_to_itself_than_to_another(reference, metric):
    """In RGB whatever order the metric's images have."""
    found = {}
    for name, change in (('same', 0), ('darker', 100)):
        metrics = ValidationMetrics({'it': {'type': f'calculate_{metric}', 'network': 'dlib', 'reference': reference}})
        for index in range(4):
            metrics.add({'img': np.clip(picture(index).astype(int) - change, 0, 255).astype(np.uint8)[..., ::-1]})
        found[name] = metrics.results()['it']
    assert found['same'] < found['darker']
    if metric == 'fid':
        assert found['same'] == pytest.approx(0, abs=1e-3)


def test_legacy_inception_is_torchvisions_with_its_transform(tmp_path):
    torch.manual_seed(0)
    network = inception_v3(weights=None, init_weights=False).eval()
    torch.save(network.state_dict(), tmp_path / 'inception.pth')
    row = feature_network('inception_legacy', str(tmp_path / 'inception.pth'))(picture(0))
    assert row.shape == (2048,) and row.dtype == np.float32
    unit = torch.nn.functional.interpolate(torch.from_numpy(picture(0)).permute(2, 0, 1)[None] / 255, (299, 299),
                                           mode='bilinear')
    scale = torch.tensor([0.458, 0.448, 0.45]).view(3, 1, 1)  # papers.md section 7
    shift = torch.tensor([-0.03, -0.088, -0.188]).view(3, 1, 1)
    pooled = {}
    network.avgpool.register_forward_hook(lambda module, given, result: pooled.update(row=result.flatten()))
    network.transform_input = False
    with torch.no_grad():
        network(unit * scale + shift)
    assert np.allclose(row, pooled['row'].numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('name, weights, message', [
    ('resnet', None,
     "network: unknown value 'resnet'; choose one of inception, inception_legacy, alexnet, resnet101, dlib"),
    ('inception', 'nowhere.pth', 'nowhere.pth: no such file; it should hold the weights of inception')])
def test_mistakes(name, weights, message):
    with pytest.raises(InputError, match=message):
        feature_network(name, weights)


def test_weights_that_carry_code_are_refused(tmp_path):
    torch.save({'weight': print}, tmp_path / 'evil.pth')
    with pytest.raises(InputError, match='not a readable checkpoint'):
        feature_network('inception', str(tmp_path / 'evil.pth'))


def test_feature_distance():
    features = feature_network('dlib', None)
    expected = np.linalg.norm(features(picture(0)) - features(picture(1)))
    found = calculate_feature_distance(picture(0)[..., ::-1], picture(1)[..., ::-1], network='dlib')
    assert found == pytest.approx(expected) and found > 0
    assert calculate_feature_distance(picture(0), picture(0), network='dlib') == 0
