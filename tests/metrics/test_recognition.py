"""Verification and identity: by dlib on drawn faces, by FaceNet with random weights."""
import cv2
import numpy as np
import pytest
import torch

from scgan_fan.errors import InputError
from scgan_fan.metrics.recognition import (calculate_identity, calculate_identity_gate, calculate_identity_gate_real,
                                           calculate_verification, calculate_verification_control)
from scgan_fan.metrics.validation import Metric, ValidationMetrics


def summarize(block, rows):
    return Metric('it', block).summary(rows)


def test_a_face_is_the_same_person_as_itself(drawn, noise):
    row = calculate_verification(drawn[0], drawn[0])
    assert row.shape == (2, 128) and np.array_equal(row[0], row[1])
    assert calculate_identity(drawn[0], drawn[0]) == pytest.approx(1, abs=1e-6)
    assert calculate_identity(noise, drawn[0]) < calculate_identity(np.roll(drawn[0], 1, axis=1), drawn[0])


def test_rates_of_verification():
    """Descriptors on a line: first and second of an image 0.5 apart, those of different images 1 and more."""
    rows = np.zeros((3, 2, 128))
    rows[:, 0, 0], rows[:, 1, 0] = (0, 2, 4), (0.5, 2.5, 4.5)
    same, control = ({'type': f'calculate_{name}'} for name in ('verification', 'verification_control'))
    assert summarize(same, rows) == 100 and summarize(control, rows) == 0
    assert summarize({**same, 'threshold': 0.4}, rows) == 0
    assert summarize({**control, 'threshold': 1.6}, rows) == pytest.approx(100 / 3)  # 2 - 0.5 and 4 - 2.5 of 6 pairs
    assert summarize(control, rows[:1]) is None
    assert calculate_verification_control.summary is not calculate_verification.summary
    assert summarize({**same, 'network': 'facenet'}, rows) == 100  # below 1.1


def test_facenet_embeds_the_whole_crop(drawn, tmp_path):
    facenet = pytest.importorskip('facenet_pytorch', reason='pip install --no-deps facenet-pytorch')
    torch.manual_seed(0)
    network = facenet.InceptionResnetV1()
    path = str(tmp_path / 'facenet.pth')
    torch.save({**network.state_dict(), 'logits.weight': torch.zeros(1)}, path)
    row = calculate_verification(*drawn[:2], network='facenet', weights=path)
    assert row.shape == (2, 512) and np.allclose(np.linalg.norm(row, axis=1), 1, atol=1e-5)
    assert calculate_identity(drawn[0], drawn[0], network='facenet', weights=path) == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match='facenet needs weights'):
        calculate_verification(*drawn[:2], network='facenet')
    torch.save({'logits.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(InputError, match='other.pth: not the weights of FaceNet'):
        calculate_verification(*drawn[:2], network='facenet', weights=str(tmp_path / 'other.pth'))


class Mean(torch.nn.Module):
    """The mean of each channel and of the upper half of the first: an embedding that tells what was seen."""

    def forward(self, faces):
        half = faces[:, :1, :4].mean((2, 3))
        return torch.cat([faces.mean((2, 3)), half], 1)


@pytest.fixture(scope='module')
def onnx_file(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp('onnx') / 'mean.onnx')
    torch.onnx.export(Mean().eval(), (torch.zeros(1, 3, 8, 8),), path, input_names=['face'], dynamo=False)
    return path


def test_an_onnx_file_judges(onnx_file):
    """Red above, blue below; the window, the order of the channels and the numbers subtracted are the options'."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[:32, :, 2], image[32:, :, 0] = 200, 100  # BGR
    options = {'network': 'onnx', 'weights': onnx_file, 'threshold': 0.5}
    other = np.full_like(image, 255)

    def embedding(**more):
        row = calculate_verification(image, other, **options, **more)
        assert row.shape == (2, 4) and np.allclose(np.linalg.norm(row, axis=1), 1)
        return row[0]

    def length1(*numbers):
        return pytest.approx(np.array(numbers) / np.linalg.norm(numbers), abs=1e-3)

    assert embedding(mean=0, std=1) == length1(100, 0, 50, 200)
    assert embedding(mean=0, std=1, colours='bgr') == length1(50, 0, 100, 0)
    assert embedding() == length1(100 - 127.5, -127.5, 50 - 127.5, 200 - 127.5)
    assert embedding(mean=[10, 0, 0], std=[2, 1, 1]) == length1(45, 0, 50, 95)
    assert embedding(mean=0, std=1, window=[0.5, 0.25, 0.25]) == length1(200, 0, 0, 200)
    assert embedding(mean=0, std=1, window=[0.5, 0.75, 1.0]) == length1(50, 0, 75, 100)  # border repeated
    assert calculate_identity(image, image, 'onnx', onnx_file) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize('name', ['verification', 'verification_control', 'identity', 'identity_gate',
                                  'identity_gate_real'])
def test_the_options_of_an_onnx_file_are_known_to_option_files(onnx_file, name):
    block = {'type': f'calculate_{name}', 'network': 'onnx', 'weights': onnx_file, 'mean': [103.9, 116.8, 123.7],
             'std': 1, 'colours': 'bgr', 'window': [0.51, 0.34, 1.11]}
    Metric('it', block)
    for option, value in (('mean', 'none'), ('std', [1, 'one']), ('colours', 'grb'), ('window', [0.5, 0.5])):
        with pytest.raises(InputError, match=f'metrics: it: {option}: '):
            Metric('it', {**block, option: value})


def test_onnx_mistakes(drawn, onnx_file, tmp_path):
    def judge(**options):
        calculate_verification(*drawn[:2], **{'network': 'onnx', 'weights': onnx_file, 'threshold': 1, **options})

    broken = tmp_path / 'broken.onnx'
    broken.write_bytes(b'no network')
    flat = str(tmp_path / 'flat.onnx')
    torch.onnx.export(torch.nn.Linear(4, 2), (torch.zeros(1, 4),), flat, dynamo=False)
    for options, message in (({'weights': None}, 'onnx: weights: None: no such file'),
                             ({'weights': 'nowhere.onnx'}, 'nowhere.onnx: no such file'),
                             ({'weights': str(broken)}, 'broken.onnx: not a readable ONNX file'),
                             ({'weights': flat}, r'flat.onnx: its input is \[1, 4\], not \(batch, 3, size, size\)'),
                             ({'colours': 'grb'}, "colours: unknown value 'grb'"),
                             ({'threshold': None}, 'threshold: the distance below which')):
        with pytest.raises(InputError, match=message):
            judge(**options)


def test_gate_counts_the_faces_that_pass(drawn):
    blocks = {name: {'type': f'calculate_identity_gate{name}', 'threshold': threshold, 'better': 'higher'}
              for name, threshold in (('', 0.999), ('_real', 0.9))}
    metrics = ValidationMetrics(blocks)
    for face in drawn[:3]:
        small = cv2.resize(face, (16, 16), interpolation=cv2.INTER_AREA)
        metrics.add({'img': face, 'img2': face if face is not drawn[2] else drawn[3], 'lq': small})
        metrics.add({'img': cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC), 'lq': small})  # a real face
    rows = {name: np.array(found) for name, found in metrics.rows.items()}
    assert rows[''].shape == (3,) and rows['_real'].shape == (6,)
    assert rows['_real'][1::2] == pytest.approx(1, abs=1e-6)
    results = metrics.results()
    assert results[''] == pytest.approx(200 / 3)
    assert results['_real'] == pytest.approx(100 * (rows['_real'] >= 0.9).mean())
    assert summarize({'type': 'calculate_identity_gate'}, np.array([0.2, 0.3, 0.4, 0.9])) == 75  # from 0.30
    assert calculate_identity_gate(*drawn[:2]) == calculate_identity(*drawn[:2])
    assert calculate_identity_gate_real(drawn[0], drawn[1]) == calculate_identity(*drawn[:2])


def test_unknown_network(drawn):
    with pytest.raises(InputError, match="network: unknown value 'arcface'; choose one of dlib, facenet, onnx"):
        calculate_identity(*drawn[:2], network='arcface')
