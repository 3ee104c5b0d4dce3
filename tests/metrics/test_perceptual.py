"""LPIPS against the lpips package, NIQE's protocol, PSNR and SSIM against scikit-image."""
import cv2
import lpips
import numpy as np
import pytest
import torch
from basicsr.metrics import calculate_niqe, calculate_psnr, calculate_ssim
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from drawn_faces import draw_face
from scgan_fan.errors import InputError
from scgan_fan.metrics.perceptual import calculate_lpips, calculate_niqe_enlarged
from scgan_fan.metrics.features import feature_network, in_batches
from scgan_fan.metrics.validation import Metric


@pytest.fixture(scope='module')
def faces() -> tuple[np.ndarray, np.ndarray]:
    """A drawn face, BGR, and the same with noise."""
    rng = np.random.default_rng(0)
    face = draw_face(rng)[0][..., ::-1].copy()
    return np.clip(face + rng.normal(0, 20, face.shape), 0, 255).astype(np.uint8), face


@pytest.fixture(scope='module')
def random_lpips(tmp_path_factory):
    """The lpips package's network with random convolutions, and the file of its weights in the one-file form."""
    torch.manual_seed(0)
    network = lpips.LPIPS(net='alex', pretrained=False, pnet_rand=True, verbose=False).eval()
    weights = {}
    for name, tensor in network.state_dict().items():
        if name.startswith('net.'):
            weights[f'features.{name.split(".", 2)[2]}'] = tensor
        elif name.startswith('lin') and not name.startswith('lins'):
            weights[name] = tensor.uniform_(0, 1)
    path = tmp_path_factory.mktemp('lpips') / 'lpips.pth'
    torch.save(weights, path)
    return network, str(path)


def test_lpips_equals_the_package_on_the_same_weights(faces, random_lpips):
    network, path = random_lpips
    images = [torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1 for image in faces]
    with torch.no_grad():
        expected = network(*images).item()
    assert calculate_lpips(*faces, weights=path) == pytest.approx(expected, rel=1e-5) and expected > 0
    assert calculate_lpips(faces[1], faces[1], weights=path) == 0


def test_features_of_its_alexnet(faces, random_lpips):
    network, path = random_lpips
    row = feature_network('alexnet', path)(faces[1][..., ::-1])
    image = torch.from_numpy(faces[1][..., ::-1].copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        expected = network.net.forward(network.scaling_layer(image)).relu5.mean(dim=(2, 3))[0]
    assert np.allclose(row, expected.numpy(), rtol=1e-4, atol=1e-6) and row.shape == (256,)


def test_features_of_a_batch_are_those_of_each_image(faces, random_lpips):
    vectors = feature_network('alexnet', random_lpips[1])
    images = [*faces, np.zeros((40, 48, 3), np.uint8), faces[0]]  # one of another size
    rows = in_batches(vectors, images)
    assert rows.shape == (4, 256) and rows.dtype == np.float32
    assert np.allclose(rows, [vectors(image) for image in images], rtol=1e-5, atol=1e-6)


def test_a_metric_of_batches_gives_the_rows_of_each_image(faces, random_lpips):
    metric = Metric('it', {'type': 'calculate_feature_distance', 'network': 'alexnet', 'weights': random_lpips[1]})
    images = [{'img': faces[0], 'img2': faces[1], 'key': 'a'}, {'img': faces[1], 'img2': faces[1], 'key': 'b'}]
    first, second = metric.rows(images)
    assert first == pytest.approx(metric.rows(images[:1])[0], rel=1e-5) and first > second == 0


def test_lpips_of_a_batch_is_that_of_each_image(faces, random_lpips):
    metric = Metric('it', {'type': 'calculate_lpips', 'weights': random_lpips[1]})
    images = [{'img': faces[0], 'img2': faces[1]}, {'img': faces[1], 'img2': faces[1]}]
    first, second = metric.rows(images)
    assert first == pytest.approx(calculate_lpips(*faces, weights=random_lpips[1]), rel=1e-5) and first > second == 0


def test_lpips_of_other_weights(tmp_path):
    torch.save({'features.0.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match='other.pth: not weights of LPIPS with AlexNet: features.0.bias is not in it'):
        calculate_lpips(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64, 3), np.uint8),
                        weights=str(tmp_path / 'other.pth'))


def test_niqe_is_of_the_enlarged_luma(faces):
    _, face = faces
    larger = cv2.resize(face, (256, 256), interpolation=cv2.INTER_CUBIC)
    assert calculate_niqe_enlarged(face) == pytest.approx(
        float(calculate_niqe(larger, crop_border=0, input_order='HWC', convert_to='y')))
    with pytest.raises(InputError, match='64x64 pixels after enlarging by 1 hold no block of 96'):
        calculate_niqe_enlarged(face, enlarge=1)


def test_psnr_and_ssim_of_basicsr_equal_scikit_images(faces):
    assert calculate_psnr(*faces, crop_border=0) == pytest.approx(peak_signal_noise_ratio(*faces[::-1]), rel=1e-9)
    inner = structural_similarity(*faces, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
                                  full=True)[1][5:-5, 5:-5].mean()
    assert calculate_ssim(*faces, crop_border=0) == pytest.approx(inner, rel=1e-4)


def test_niqe_of_an_image_without_structure_is_not_defined():
    assert np.isnan(calculate_niqe_enlarged(np.full((64, 64, 3), 128, np.uint8)))
