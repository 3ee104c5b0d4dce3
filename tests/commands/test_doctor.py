"""``scgan-fan doctor --hr --lr``: numbers, advice and a picture."""
import hashlib
import sys
from importlib import metadata

import numpy as np
import pytest

from scgan_fan.commands import doctor
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.images import read_image, write_image


@pytest.fixture
def diagnose(tmp_path, monkeypatch, capsys, cut_faces):
    """``diagnose(scale, x, y)`` writes HR crops and LR crops changed like that; exit status and lines."""

    def run(*change) -> tuple[int, list[str]]:
        for name, images in (('hr', cut_faces.hr), ('lr', cut_faces.lr(*change))):
            for number, image in enumerate(images):
                write_image(tmp_path / name / f'{number}.png', image)
        write_lmdb([str(tmp_path / 'lr')], str(tmp_path / 'lr.lmdb'))
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, 'argv', ['doctor', '--hr', 'hr', '--lr', 'lr.lmdb'])
        return doctor.main(), capsys.readouterr().out.splitlines()

    return run


def test_sets_of_one_rule(diagnose):
    status, lines = diagnose()
    assert status == 0 and all(line.startswith('ok  ') for line in lines)
    assert [line.split()[1] for line in lines] == ['mean', 'place', 'size', 'brightness:', 'contrast:', 'geometry.png:']


def test_sets_that_lie_otherwise(diagnose, tmp_path):
    status, lines = diagnose(1, 0, 10)
    assert status == 0
    place, = [line for line in lines if line.startswith('!!  place')]
    down = float(place.partition(' to the right, ')[2].split()[0])  # percent
    assert down == pytest.approx(100 * 10 / 64, abs=3) and 'scgan-fan prepare' in place
    assert read_image(tmp_path / 'geometry.png').shape == (22 + 132, 4 * 132, 3)


def test_sets_that_are_exchanged(diagnose, tmp_path, monkeypatch, capsys):
    diagnose()
    monkeypatch.setattr(sys, 'argv', ['doctor', '--hr', 'lr.lmdb', '--lr', 'hr'])
    assert doctor.main() == 0
    line, = [line for line in capsys.readouterr().out.splitlines() if line.startswith('!!  crops of HR')]
    assert line == ('!!  crops of HR: 16 pixels, smaller than those of LR, 64: HR are the sharp faces, LR the small '
                    'ones; exchange the two')


def test_of_images_with_room_the_crop_counts(tmp_path, monkeypatch, capsys, cut_faces):
    """Faces of one rule, the small ones in the middle of more: so much smaller only where nobody says so."""
    for number, (sharp, small) in enumerate(zip(cut_faces.hr, cut_faces.lr())):
        write_image(tmp_path / f'hr/{number}.png', sharp)
        around = round(0.25 * len(small))
        write_image(tmp_path / f'lr/{number}.png', np.pad(small, ((around,) * 2, (around,) * 2, (0, 0)), 'edge'))
    monkeypatch.chdir(tmp_path)
    sizes = []
    for options in ([], ['--room-lr', '1.5']):
        monkeypatch.setattr(sys, 'argv', ['doctor', '--hr', 'hr', '--lr', 'lr', *options])
        assert doctor.main() == 0
        sizes += [line for line in capsys.readouterr().out.splitlines() if 'size of LR' in line]
    assert sizes[0].startswith('!!') and sizes[1].startswith('ok')


@pytest.mark.parametrize('arguments, status, message', [
    (['--hr', 'nowhere', '--lr', 'nowhere'], 1, 'nowhere: does not exist'), (['--hr', 'hr'], 2, 'go together')])
def test_what_cannot_be_compared(monkeypatch, capsys, arguments, status, message):
    monkeypatch.setattr(sys, 'argv', ['doctor', *arguments])
    try:
        assert doctor.main() == status
    except SystemExit as error:
        assert error.code == status
    assert message in capsys.readouterr().err


@pytest.fixture
def published(monkeypatch, tmp_path):
    """``published(digest)``: weights at an address on the disk, which torch's cache lacks; gives where it would be."""
    (tmp_path / 'net.pth').write_bytes(b'weights')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))

    def publish(digest: str, url: str = (tmp_path / 'net.pth').as_uri()):
        monkeypatch.setattr(doctor, 'DOWNLOADS', (('a loss', url, digest),))
        return tmp_path / 'hub/checkpoints/net.pth'

    return publish


def run(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, 'argv', ['doctor', *arguments])
    return doctor.main(), *capsys.readouterr()


def test_missing_weights_are_downloaded_when_asked_for(published, monkeypatch, capsys):
    path = published(hashlib.sha256(b'weights').hexdigest())
    status, lines, _ = run(monkeypatch, capsys)
    missing, = [line for line in lines.splitlines() if line.startswith('--  net.pth')]
    assert status == 0 and 'file://' in missing and '--download net.pth' in missing and not path.exists()
    status, lines, _ = run(monkeypatch, capsys, '--download', 'net.pth')
    assert status == 0 and 'ok  net.pth: a loss' in lines and path.read_bytes() == b'weights'


@pytest.mark.parametrize('digest, url', [('0123', None), ('0123', 'file:///nowhere/net.pth')])
def test_what_is_not_the_published_file_is_not_kept(published, monkeypatch, capsys, digest, url):
    path = published(digest, *([url] if url else []))
    status, lines, _ = run(monkeypatch, capsys, '--download', 'net.pth')
    assert status == 1 and '--  net.pth' in lines and not path.exists()
    assert f'!!  {path}: the weights (a loss) are not there and cannot be downloaded' in lines


def test_weights_of_an_unknown_name(monkeypatch, capsys):
    status, _, error = run(monkeypatch, capsys, '--download', 'other.pth')
    assert status == 1 and 'other.pth: unknown; give some of 2DFAN4-11f355bf06.pth.tar' in error


def test_packages_are_those_that_the_package_asks_for(monkeypatch):
    asked = ['numpy>=2.0', 'torch>=9999', 'no-such-package', 'lmdb; extra == "benchmark"', 'no-tests; extra == "test"']
    monkeypatch.setattr(metadata, 'requires', lambda name: asked)
    lines = list(doctor._packages())
    assert [line.split()[:2] for line in lines] == [
        ['ok', 'numpy'], ['!!', 'torch'], ['--', 'no-such-package:'], ['ok', 'lmdb']]
    assert '>=9999' in lines[1] and 'pip install -U scgan_fan' in lines[2]
