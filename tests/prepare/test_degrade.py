"""Synthetic low-resolution faces of a folder or an LMDB."""
import numpy as np
import pytest

from scgan_fan.data.image_source import open_source
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.errors import InputError
from scgan_fan.images import read_image, write_image
from scgan_fan.prepare.degrade import PRESETS, degrade


@pytest.fixture
def sharp(tmp_path):
    rng = np.random.default_rng(0)
    for name in ('a/1', 'b.2', '3'):
        blocks = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        write_image(tmp_path / f'hr/{name}.png', blocks.repeat(8, 0).repeat(8, 1))
    return tmp_path / 'hr'


def images(folder):
    source = open_source(folder)
    return {key: source.read(index) for index, key in enumerate(source.keys)}


@pytest.mark.parametrize('preset', PRESETS)
def test_every_image_under_its_name(tmp_path, sharp, preset):
    assert degrade(sharp, tmp_path / 'lr', preset) == 3
    assert set(images(tmp_path / 'lr')) == set(images(sharp))
    assert {image.shape for image in images(tmp_path / 'lr').values()} == {(16, 16, 3)}


def test_an_lmdb_gives_the_same_and_the_seed_counts(tmp_path, sharp):
    write_lmdb([sharp], tmp_path / 'hr.lmdb')
    for name, source, seed in (('one', sharp, 1), ('two', tmp_path / 'hr.lmdb', 1), ('three', sharp, 2)):
        degrade(source, tmp_path / name, seed=seed)
    one, two, three = (images(tmp_path / name) for name in ('one', 'two', 'three'))
    assert all(np.array_equal(one[key], two[key]) and not np.array_equal(one[key], three[key]) for key in one)


def test_an_image_has_draws_of_its_own(tmp_path, sharp):
    write_image(sharp / 'again.png', read_image(sharp / '3.png'))
    degrade(sharp, tmp_path / 'all')
    assert not np.array_equal(read_image(tmp_path / 'all/3.png'), read_image(tmp_path / 'all/again.png'))
    (sharp / '3.png').unlink()
    degrade(sharp, tmp_path / 'fewer')
    assert np.array_equal(read_image(tmp_path / 'all/a/1.png'), read_image(tmp_path / 'fewer/a/1.png'))


def test_presets_are_the_papers():
    assert PRESETS['scgan'](64)['blur_sigma'] == [0.0625, 1]
    assert PRESETS['scgan'](128)['blur_sigma'] == [0.125, 2]
    assert PRESETS['scgan_literal'](64) == {'blur_sigma': [0.5, 8], 'downsampling': 'random', 'noise': [1, 25],
                                            'jpeg': [30, 95]}
    assert PRESETS['superfan'](64)['blur_kernel'] == [3, 7]


def test_literal_blur_leaves_less(tmp_path, sharp):
    contrast = {}
    for preset in ('scgan', 'scgan_literal'):
        degrade(sharp, tmp_path / preset, preset)
        contrast[preset] = np.mean([image.std() for image in images(tmp_path / preset).values()])
    assert contrast['scgan_literal'] < 0.8 * contrast['scgan']


def test_refused(tmp_path, sharp):
    with pytest.raises(InputError, match="preset: unknown value 'mine'; choose one of scgan"):
        degrade(sharp, tmp_path / 'lr', 'mine')
    with pytest.raises(InputError, match='64x64 pixels where a square of 128x128 or more'):
        degrade(sharp, tmp_path / 'lr', size=32)
    with pytest.raises(InputError, match='hr/lr: lies in .*hr, whose images it would be read with the next time'):
        degrade(sharp, sharp / 'lr')
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='file: cannot be written'):
        degrade(sharp, tmp_path / 'file')
