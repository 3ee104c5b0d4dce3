"""``scgan-fan prepare``: the command line over ``scgan_fan.prepare``."""

import cv2
import numpy as np
import pytest

from drawn_faces import draw_face
from scgan_fan.commands import prepare
from scgan_fan.data.image_source import open_source
from scgan_fan.images import write_image
from scgan_fan.prepare.collections import BOXES_TO_CROP_BY, COLLECTIONS


def run(monkeypatch, *words):
    monkeypatch.setattr('sys.argv', ['prepare', *map(str, words)])
    return prepare.main()


@pytest.fixture
def photographs(tmp_path):
    """Three drawn faces on a grey wall, one photograph without a face."""
    for seed in range(3):
        image = np.full((180, 220, 3), 120, np.uint8)
        image[40:136, 60:156] = draw_face(np.random.default_rng(seed), 96)[0]
        write_image(tmp_path / f'in/{seed}.png', cv2.GaussianBlur(image, (0, 0), 0.5))
    write_image(tmp_path / 'in/wall.png', np.full((180, 220, 3), 120, np.uint8))
    return tmp_path / 'in'


def test_faces_then_their_low_resolution(tmp_path, photographs, monkeypatch, capsys):
    line = 'folder', photographs, '-o', tmp_path / 'out', '--val_share', 0, '--detector', 'dlib', '--workers', 1
    assert run(monkeypatch, *line) == 0
    assert capsys.readouterr().out == (
        f'{tmp_path}/out/train.lmdb: 3 faces of 3 persons or photographs\n'
        'no val.lmdb: none of the faces fell to val; see --val_share\n'
        f'dropped, no face found: 1\nsee {tmp_path}/out/report.md and contact_sheet.png\n')
    assert run(monkeypatch, *line) == 0
    assert 'finished already' in capsys.readouterr().out

    assert run(monkeypatch, 'degrade', tmp_path / 'out/train.lmdb', '-o', tmp_path / 'lr', '--preset', 'superfan') == 0
    assert capsys.readouterr().out == f'{tmp_path}/lr: 3 images\n'
    assert open_source(tmp_path / 'lr').keys == open_source(tmp_path / 'out/train.lmdb').keys == ['0_0', '1_0', '2_0']


def test_mistakes_are_one_line(tmp_path, photographs, monkeypatch, capsys):
    line = 'folder', photographs, '-o', tmp_path / 'out', '--workers', 1, '--detector'
    assert run(monkeypatch, *line, 'eyes') == 1
    assert run(monkeypatch, *line, 'dlib') == 1
    *_, unknown, changed = capsys.readouterr().err.splitlines()
    assert unknown.startswith("error: detector: 'eyes' is none of ")
    assert changed.startswith(f"error: {tmp_path}/out: was begun with detector 'eyes'; repeat that command")
    assert run(monkeypatch, 'ffhq', photographs, '-o', tmp_path / 'other') == 1
    assert capsys.readouterr().err.startswith(f'error: {photographs}: has no images1024x1024')


@pytest.mark.parametrize('size, options, least', [
    (64, [], 0.065), (128, [], 0), (16, [], 0), (16, ['--sharpness', 0.1], 0.1)])
def test_the_sharpness_filter_is_for_the_size_it_was_measured_for(monkeypatch, size, options, least):
    line = ['prepare', 'folder', 'in', '-o', 'out', '--size', size, *options]
    monkeypatch.setattr('sys.argv', [str(word) for word in line])
    rules = prepare._settings(prepare.parse_arguments())
    assert (rules.sharpness, rules.min_face) == (least, size)


@pytest.mark.parametrize('options, least', [(['--size', 17], 17), (['--size', 8, '--min_face', 24], 24)])
def test_faces_that_are_too_large_and_too_small_are_not_looked_for(tmp_path, photographs, monkeypatch, capsys, options,
                                                                   least):
    assert run(monkeypatch, 'folder', photographs, '-o', tmp_path / 'out', *options, '--max_face', 16) == 1
    assert capsys.readouterr().err.startswith(f'error: --max_face: 16 is below --min_face, {least}')
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('name', [*COLLECTIONS, 'degrade'])
def test_help_tells_of_each_collection(name, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, name, '--help')
    text = ' '.join(capsys.readouterr().out.split())
    assert stop.value.code == 0 and 'scgan-fan prepare' in text
    if name != 'degrade':
        assert COLLECTIONS[name].__doc__.partition('\n')[0] in text
    assert ('Default: boxes' in text) == (name in BOXES_TO_CROP_BY)


@pytest.mark.parametrize('wrong', [['--val_share', '2'], ['--margin', '0'], ['--max_blur', '3'], ['--size', '0']])
def test_values_out_of_range(tmp_path, monkeypatch, capsys, wrong):
    with pytest.raises(SystemExit) as stop:
        run(monkeypatch, 'wider', tmp_path, '-o', tmp_path, *wrong)
    assert stop.value.code == 2 and wrong[0] in capsys.readouterr().err
