"""The networks that come with the package."""
import pytest

from scgan_fan import shipped
from scgan_fan.errors import InputError
from scgan_fan.network_loader import load_restorer


def test_every_file_is_whole_small_and_has_a_card():
    sums = dict(reversed(line.split()) for line in (shipped.FOLDER / 'SHA256SUMS').read_text().splitlines())
    assert sums.keys() == shipped.FILES.keys()
    for name in shipped.FILES:
        path = shipped.shipped_file(name)
        assert path.stat().st_size < 4e6
        assert sums[name] in path.with_suffix('.md').read_text()


@pytest.mark.parametrize('name', shipped.RESTORERS)
def test_restorers_are_found_by_their_names(name):
    restorer = load_restorer(name)
    assert (restorer.scale, restorer.size, restorer.channel_order) == (4, 32 if name.endswith('32') else 16, 'rgb')
    assert restorer.measured


def test_a_damaged_file_is_refused(tmp_path, monkeypatch):
    for name in ('pixel.safetensors', 'SHA256SUMS'):
        (tmp_path / name).write_bytes((shipped.FOLDER / name).read_bytes())
    data = bytearray((tmp_path / 'pixel.safetensors').read_bytes())
    data[-1] ^= 1
    (tmp_path / 'pixel.safetensors').write_bytes(data)
    monkeypatch.setattr(shipped, 'FOLDER', tmp_path)
    shipped.shipped_file.cache_clear()
    with pytest.raises(InputError, match='pixel.safetensors: missing, damaged'):
        shipped.find_weights('pixel')
    shipped.shipped_file.cache_clear()
