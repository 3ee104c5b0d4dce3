"""A whole preparation: the same whatever the workers, stopped and continued, split without a person in both."""
import json

import numpy as np
import pytest
from PIL import Image

from scgan_fan.data.image_source import open_source
from scgan_fan.data.landmark_files import read_landmarks
from scgan_fan.errors import InputError
from scgan_fan.images import read_image
from scgan_fan.prepare import pipeline
from scgan_fan.prepare.collections import KnownFace
from scgan_fan.prepare.filters import in_validation
from scgan_fan.prepare.pipeline import prepare


@pytest.fixture
def tree(tmp_path, annotated):
    """Eight photographs: 0 to 5 are good, 6 is a copy of 0 in another file type, 7 is broken."""
    folder = annotated(tmp_path / 'in', 6)
    Image.open(folder / '0.png').save(folder / '6.jpg', quality=40)
    (folder / '6.pts').write_bytes((folder / '0.pts').read_bytes())
    (folder / '7.png').write_bytes(b'broken')
    return folder


def content(output):
    """Every file except databases and pictures, and every stored image."""
    texts = {'.txt', '.json', '.jsonl', '.md'}
    files = {path.name: path.read_bytes() for path in output.iterdir() if path.suffix in texts}
    sources = [open_source(path) for path in sorted(output.glob('*.lmdb'))]
    return files, {key: source.read(index).tobytes() for source in sources for index, key in enumerate(source.keys)}


def test_result(tmp_path, tree, settings):
    summary = prepare(settings('ls3d_w', tree, '--val_share', 0.4, '--landmarks'), tmp_path / 'out')
    names = {'train': [], 'val': []}
    for number in range(6):
        names['val' if in_validation(f'{number}.png', 0.4) else 'train'].append(f'{number}_0')
    assert names['val'] and names['train']
    assert {name: open_source(tmp_path / f'out/{name}.lmdb').keys for name in names} == names
    assert {name: kept['faces'] for name, kept in summary['kept'].items()} == {name: len(names[name]) for name in names}
    assert summary['dropped'] == {'near duplicate': 1, 'unreadable image': 1} and summary['images'] == 8
    assert (tmp_path / 'out/dropped.txt').read_text() == (
        '6_0\tnear duplicate: of 0_0\n7\tunreadable image: not an image, damaged from its first bytes, or of a kind '
        'that is not read; replace or remove it\n')
    assert json.loads((tmp_path / 'out/report.json').read_text()) == summary
    assert '| near duplicate | 1 |' in (tmp_path / 'out/report.md').read_text()
    assert read_image(tmp_path / 'out/contact_sheet.png').shape[1] == 16 * 80
    for name in names:  # the mean face of the set, into picture and report
        stored = open_source(tmp_path / f'out/{name}.lmdb')
        mean = np.mean([stored.read(index) for index in range(len(stored))], axis=0)
        assert np.abs(read_image(tmp_path / f'out/mean_face_{name}.png') - mean).max() <= 0.5
        assert f'mean_face_{name}.png' in (tmp_path / 'out/report.md').read_text()
        assert 0 < summary['mean_face'][name]['contrast'] < summary['mean_face'][name]['brightness'] < 255

    landmarks = read_landmarks(tmp_path / 'out/landmarks.npz')
    assert sorted(landmarks) == sorted(names['train'] + names['val'])
    for points in landmarks.values():  # the crop rule: 1.04 of the longer side, jaw below
        assert 64 / 1.04 - 1 < 1.18 * np.ptp(points[:, 1]) < 64 or 64 / 1.04 - 1 < np.ptp(points[:, 0]) < 64


def test_near_duplicates_can_be_kept_but_not_the_same_pixels(tmp_path, tree, settings):
    Image.open(tree / '1.png').save(tree / '8.bmp')
    (tree / '8.pts').write_bytes((tree / '1.pts').read_bytes())
    summary = prepare(settings('ls3d_w', tree, '--keep_duplicates'), tmp_path / 'out')
    assert summary['dropped'] == {'duplicate': 1, 'unreadable image': 1}


def test_workers_do_not_change_the_result(tmp_path, tree, settings):
    noise = np.random.default_rng(0).integers(0, 256, (2500, 2500, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tree / '0.png')  # slow to read: the next ones are done before it
    for workers in (1, 2):
        prepare(settings('ls3d_w', tree), tmp_path / str(workers), workers)
    assert content(tmp_path / '1') == content(tmp_path / '2')


@pytest.mark.parametrize('moment, calls', [('cut_faces', 3), ('write_lmdb', 0), ('_write_dropped', 0)])
def test_a_stopped_run_continues_to_the_same_result(tmp_path, tree, settings, monkeypatch, moment, calls):
    wanted = settings('ls3d_w', tree, '--val_share', 0.4)
    prepare(wanted, tmp_path / 'whole')
    original, done = getattr(pipeline, moment), []

    def interrupted(*arguments, **options):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pipeline, moment, interrupted)
        prepare(wanted, tmp_path / 'out')
    with (tmp_path / 'out/faces.jsonl').open('a') as log:
        log.write('[{"name": "half a li')

    seen = []
    cut = pipeline.cut_faces
    monkeypatch.setattr(pipeline, 'cut_faces', lambda record, **rest: seen.append(record.name) or cut(record, **rest))
    assert prepare(wanted, tmp_path / 'out')['images'] == 8
    assert seen == ([f'{number}' for number in range(3, 8)] if moment == 'cut_faces' else [])
    assert content(tmp_path / 'out') == content(tmp_path / 'whole')


@pytest.mark.parametrize('output', ['in/out', 'in/deep/out'])
def test_a_stopped_run_among_the_photographs_continues(tmp_path, tree, settings, monkeypatch, output):
    """Its own crops are no photographs."""
    wanted = settings('ls3d_w', tree)
    prepare(wanted, tmp_path / 'whole')
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pipeline, 'write_lmdb', lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        prepare(wanted, tmp_path / output)
    assert prepare(wanted, tmp_path / output)['images'] == 8
    assert content(tmp_path / output) == content(tmp_path / 'whole')
    with pytest.raises(InputError, match='in: the photographs lie in it; give another --output'):
        prepare(wanted, tree)


def test_a_finished_run_is_left_alone(tmp_path, tree, settings):
    prepare(settings('ls3d_w', tree), tmp_path / 'out')
    before = content(tmp_path / 'out')
    assert prepare(settings('ls3d_w', tree), tmp_path / 'out') is None
    assert content(tmp_path / 'out') == before


def test_another_command_is_named(tmp_path, tree, settings):
    prepare(settings('ls3d_w', tree), tmp_path / 'out')
    with pytest.raises(InputError, match=r'out: was begun with margin 1\.04, val_share 0\.02; repeat that command'):
        prepare(settings('ls3d_w', tree, '--margin', 1.2, '--val_share', 0.1), tmp_path / 'out')


@pytest.mark.parametrize('change', ['an image', 'one more', 'its landmarks'])
def test_a_changed_input_is_named(tmp_path, tree, settings, change, photograph):
    prepare(settings('ls3d_w', tree), tmp_path / 'out')
    if change == 'an image':
        photograph(tree / '0.png', 9)
    elif change == 'one more':
        photograph(tree / '9.png', 9)
    else:
        (tree / '3.pts').unlink()
    with pytest.raises(InputError, match='was begun with other images, .*in has changed since; remove the folder'):
        prepare(settings('ls3d_w', tree), tmp_path / 'out')


def test_people_are_in_one_set_only(tmp_path, photograph, settings):
    for person in range(4):
        for number in range(2):
            photograph(tmp_path / f'in/p{person}/{number}.png', 2 * person + number)
    prepare(settings('lfw', tmp_path / 'in', '--val_share', 0.5, '--min_face', 50), tmp_path / 'out')
    people = [{key.partition('%2F')[0] for key in open_source(tmp_path / f'out/{name}.lmdb').keys}
              for name in ('train', 'val')]
    assert all(people) and not people[0] & people[1]


def test_nothing_left_and_nowhere_to_look(tmp_path, tree, settings):
    with pytest.raises(InputError, match='no face is left for training of 8 images; the reasons are in dropped.txt'):
        prepare(settings('ls3d_w', tree, '--min_face', 300), tmp_path / 'out')
    assert (tmp_path / 'out/dropped.txt').read_text().count('too small') == 7
    with pytest.raises(InputError, match='does not have the boxes of all faces; give another --detector than boxes'):
        prepare(settings('folder', tree, '--detector', 'boxes'), tmp_path / 'other')
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='file: cannot be written'):
        prepare(settings('ls3d_w', tree), tmp_path / 'file')


def test_boxes_have_no_landmarks_to_write(tmp_path, tree, settings, monkeypatch):
    boxed = [pipeline.Record(str(tree / '0.png'), '0', '0', (KnownFace(box=(60, 40, 150, 130)),))]
    monkeypatch.setattr(pipeline, 'read_collection', lambda *_: boxed)
    with pytest.raises(InputError, match='does not have the landmarks of all faces'):
        prepare(settings('wider', tree, '--detector', 'boxes', '--landmarks'), tmp_path / 'out')
