"""``scgan-fan options``: copies that say the same as what they are copied from."""
from pathlib import Path

import pytest

from scgan_fan.commands.options import copy_options
from scgan_fan.errors import InputError
from scgan_fan.options import read_options

OPTIONS = Path(__file__).parent.parent.parent / 'options'


def test_copies_resolve_to_the_same(tmp_path):
    copies = copy_options(tmp_path / 'mine')
    assert {copy.relative_to(tmp_path / 'mine') for copy in copies} == {
        path.relative_to(OPTIONS) for path in OPTIONS.rglob('*.yml')}
    assert all(read_options(copy) == read_options(OPTIONS / copy.relative_to(tmp_path / 'mine')) for copy in copies)


def test_nothing_is_overwritten(tmp_path):
    copy_options(tmp_path)
    with pytest.raises(InputError, match='is there already'):
        copy_options(tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='file/options: cannot be written'):
        copy_options(tmp_path / 'file' / 'options')
