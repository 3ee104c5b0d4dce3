"""What a training leaves, in pieces: they join to an archive whose network restores what the average does."""
import io
import json
import zipfile
from pathlib import Path

import pytest
import torch

from scgan_fan.archs.fan_arch import FAN
from scgan_fan.archs.restoration_arch import RestorationNet
from scgan_fan.checkpoint import load_weights
from scgan_fan.errors import InputError
from scgan_fan.network_loader import load_restorer
from scgan_fan.pack import pack


@pytest.fixture
def run(tmp_path):
    """A run's folder, with a network that learned and its average."""
    run = tmp_path / 'experiments' / 'mine'
    for name, content in (('train_mine.log', 'lines'), ('mine.yml', 'name: mine'), ('visualization/a/a.png', 'face')):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(content)
    (run / 'models').mkdir()
    networks = [RestorationNet(width=1 / 16).state_dict() for _ in range(2)]
    torch.save({'params': networks[0], 'params_ema': networks[1],
                'network': {'type': 'RestorationNet', 'width': 1 / 16}}, run / 'models' / 'net_g_latest.pth')
    return run


def test_pieces_join_to_all_of_it(run, tmp_path):
    pieces = pack(run, tmp_path / 'out', piece=100_000)
    assert [piece.name for piece in pieces] == [f'mine.zip.{number:02d}' for number in range(len(pieces))]
    assert len(pieces) > 1 and all(piece.stat().st_size <= 100_000 for piece in pieces)
    archive = zipfile.ZipFile(io.BytesIO(b''.join(piece.read_bytes() for piece in sorted(pieces))))
    assert set(archive.namelist()) == {'mine.safetensors', 'train_mine.log', 'mine.yml', 'visualization/a/a.png',
                                       'versions.json'}
    assert json.loads(archive.read('versions.json'))['torch'] == torch.__version__
    archive.extract('mine.safetensors', tmp_path)
    restorer = load_restorer(tmp_path / 'mine.safetensors', torch.device('cpu'))
    average = torch.load(run / 'models' / 'net_g_latest.pth')['params_ema']
    for name, value in restorer.network.state_dict().items():
        assert torch.allclose(value, average[name].to(value.dtype), rtol=1e-3, atol=1e-6), name


def test_a_face_alignment_network(run, tmp_path):
    block = {'num_stacks': 1, 'width': 16, 'stem_stride': 2}
    torch.save({'params': FAN(**block).state_dict(), 'params_ema': (average := FAN(**block)).state_dict(),
                'network': {'type': 'FAN', **block}}, run / 'models' / 'net_g_latest.pth')
    piece, = pack(run, tmp_path / 'out')
    zipfile.ZipFile(piece).extract('mine.pth', tmp_path)
    load_weights(packed := FAN(**block), tmp_path / 'mine.pth', 'FAN')
    for name, value in packed.state_dict().items():
        assert torch.equal(value, average.state_dict()[name].half().to(value.dtype)), name


def test_pieces_of_a_larger_archive_are_gone(run, tmp_path, monkeypatch):
    out = tmp_path / 'out'
    assert len(pack(run, out, piece=20_000)) > len(pack(run, out, piece=100_000))
    (out / 'mine.zip').touch()  # joined
    (out / 'mine2.zip.09').touch()  # another run's
    monkeypatch.chdir(run)
    pieces = pack(Path('.'), out, piece=200_000)
    assert {path.name for path in out.iterdir()} == {'mine.zip', 'mine2.zip.09', *(piece.name for piece in pieces)}
    archive = zipfile.ZipFile(io.BytesIO(b''.join(path.read_bytes() for path in sorted(out.glob('mine.zip.*')))))
    assert archive.testzip() is None and 'mine.safetensors' in archive.namelist()


def test_a_run_without_a_restoration_network(run, tmp_path):
    (run / 'models' / 'net_g_latest.pth').unlink()
    with pytest.raises(InputError, match='net_g_latest.pth: is not there; a run is packed when it has trained'):
        pack(run, tmp_path / 'out')
