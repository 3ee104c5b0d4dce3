"""Verification and identity: by dlib on drawn faces, by FaceNet with random weights."""
import numpy as np
import pytest
import torch

from scgan_fan.errors import InputError
from scgan_fan.metrics import calculate_identity, calculate_verification, calculate_verification_control
from scgan_fan.metrics.validation import summarize


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


def test_unknown_network(drawn):
    with pytest.raises(InputError, match="network: unknown value 'arcface'; choose one of dlib, facenet"):
        calculate_identity(*drawn[:2], network='arcface')
