"""Results are found again by what they depend on, so that must include the files."""
import os

import pytest

from scgan_fan import shipped
from scgan_fan.benchmark.fingerprint import file_hashes, fingerprint


@pytest.mark.parametrize('named', ['path', 'name'])
def test_another_file_under_the_same_name_is_another_result(tmp_path, monkeypatch, named):
    monkeypatch.setattr(shipped, 'FOLDER', tmp_path)
    file = tmp_path / 'pixel.safetensors'
    block = {'type': 'restorer', 'weights': str(file) if named == 'path' else 'pixel'}
    words = []
    for content in (b'one', b'another', b'one'):
        file.write_bytes(content)
        os.utime(file, ns=(0, len(words)))  # files written in one tick of the clock have the same time
        words.append(fingerprint(block, 64))
        assert list(file_hashes(block)) == [str(file)]
    assert words[0] == words[2] != words[1]


def test_options_count_too():
    assert (fingerprint({'mode': 'bicubic'}, 64) != fingerprint({'mode': 'bicubic'}, 32)
            != fingerprint({'mode': 'area'}, 32))
