"""What people get wrong: each ends a run with one line on what, where and what to do, and no traceback."""
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from runs import run, train_here, write_options
from scgan_fan.data.image_source import close_environments, open_source
from scgan_fan.errors import InputError

PAGE = 4096  # bytes of an LMDB


def first_face(folder):
    return sorted(folder.glob('*.png'))[0]


def truncated(folder):
    path = first_face(folder)
    path.write_bytes(path.read_bytes()[:200])


def resized(size):
    return lambda folder: Image.open(first_face(folder)).resize(size).save(first_face(folder))


def converted(mode):
    return lambda folder: Image.open(first_face(folder)).convert(mode).save(first_face(folder))


def emptied(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Train with these options and return the one line that says why not."""
    def line(opt) -> str:
        with pytest.raises(InputError) as error:
            train_here(opt, tmp_path, monkeypatch)
        assert '\n' not in str(error.value)
        return str(error.value)
    return line


def test_the_line_is_all_that_is_printed(preset, faces, tmp_path):
    """Also where a worker of the data loader finds the mistake."""
    copy = tmp_path / 'hr'
    shutil.copytree(faces / 'hr', copy)
    truncated(copy)
    preset['datasets']['train']['dataroot_gt'] = str(copy)
    result = run(['-m', 'scgan_fan.train', '-opt', write_options(tmp_path / 'o.yml', preset)], tmp_path, check=False)
    assert result.returncode == 1
    assert 'Traceback' not in result.stderr
    line, = [line for line in result.stderr.splitlines() if line.startswith('error: ')]
    assert line.startswith(f'error: {copy}/000000.png: truncated or damaged')


@pytest.mark.parametrize('data, damage, message', [
    ('hr', shutil.rmtree, 'does not exist; give a folder of images'),
    ('hr', emptied, 'is empty; put images there'),
    ('hr', truncated, 'truncated or damaged'),
    ('hr', resized((48, 48)), '48x48 pixels where a square of 64x64 or more is needed; scgan-fan lmdb --size 64'),
    ('lr', resized((15, 16)), '15x16 pixels where 16x16 is needed'),
    ('lr', converted('L'), 'a L image with 1 channel(s) where RGB is needed'),
    ('lr', converted('RGBA'), 'a RGBA image with 4 channel(s) where RGB is needed'),
    ('lr.lmdb', lambda folder: (folder / 'meta_info.txt').unlink(), 'has no meta_info.txt'),
], ids=['missing', 'empty', 'truncated', 'small', '15x16', 'grey', 'rgba', 'lmdb'])
def test_data(preset, faces, tmp_path, refused, data, damage, message):
    copy = tmp_path / data
    shutil.copytree(faces / data, copy)
    damage(copy)
    preset['datasets']['train'].update({'dataroot_gt' if data == 'hr' else 'dataroot_lq': str(copy),
                                        'num_worker_per_gpu': 0})
    line = refused(preset)
    assert message in line and str(copy) in line


@pytest.mark.parametrize('content, message', [
    ({'params': {'conv.weight': torch.zeros(1)}}, 'not the weights of network_g (RestorationNet)'),
    (b'not a checkpoint', 'not a readable checkpoint'), (None, 'no such checkpoint')], ids=['other', 'text', 'none'])
def test_checkpoints(preset, tmp_path, refused, content, message):
    path = tmp_path / 'net.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    preset['path']['pretrain_network_g'] = str(path)
    line = refused(preset)
    assert message in line and str(path) in line


@pytest.mark.parametrize('content', ['zeros', 'noise'])
def test_damaged_pages_of_an_lmdb_are_never_taken_for_images(faces, tmp_path, content):
    """Each image is read as it was or refused, whichever page is lost; some hold only the last rows of a PNG."""
    copy = tmp_path / 'hr.lmdb'
    shutil.copytree(faces / 'hr.lmdb', copy)
    truth = [source.read(index) for source in [open_source(copy)] for index in range(len(source))]
    data = (copy / 'data.mdb').read_bytes()
    damaged = 0
    for page in range(2, len(data) // PAGE):  # behind the two that describe the rest
        lost = bytes(PAGE) if content == 'zeros' else np.random.default_rng(page).bytes(PAGE)
        close_environments()
        (copy / 'data.mdb').write_bytes(data[:page * PAGE] + lost + data[(page + 1) * PAGE:])
        for index, image in enumerate(truth):
            try:
                assert np.array_equal(open_source(copy).read(index), image)
            except InputError as error:
                assert str(copy) in str(error)
                damaged += 1
    assert damaged >= len(truth)


@pytest.mark.parametrize('block, option, value', [
    ('pixel_lr_opt', 'loss_weight', float('nan')), ('optim_g', 'lr', float('inf'))])
def test_options_that_are_no_numbers(preset, refused, block, option, value):
    preset['train'][block][option] = value
    assert f'train: {block}: {option}: {value} is not a finite number' in refused(preset)


def test_a_number_that_yaml_takes_for_text(preset, refused):
    preset['train']['optim_g']['lr'] = '1e-4'
    assert "optim_g: lr: '1e-4' is text, not a number; " in refused(preset)


def test_unknown_option_value(preset, refused):
    preset['train']['cycle_grad'] = 'both'
    assert refused(preset).endswith("cycle_grad: unknown value 'both'; choose one of detached, through")


def test_fan_weights_absent(preset, tmp_path, refused, monkeypatch):
    """The published weights are neither in the cache nor, here, to be downloaded."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setenv('https_proxy', 'http://127.0.0.1:9')
    preset['train']['heatmap_opt']['fan'] = '2dfan4'
    line = refused(preset)
    assert 'the published 2D-FAN weights are not there and cannot be downloaded' in line and 'fan: fan64' in line
