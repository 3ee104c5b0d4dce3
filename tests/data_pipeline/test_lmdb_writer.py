import io
import os
import sys
from collections import Counter
from urllib.parse import unquote

import lmdb
import numpy as np
import pytest
from PIL import Image

from killing import kill_at
from scgan_fan import commands
from scgan_fan.data import lmdb_writer, whole_folder
from scgan_fan.data.image_source import open_source
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.errors import InputError
from scgan_fan.images import read_image


def content(path):
    """All that an LMDB consists of: its entries and its text files."""
    with lmdb.open(str(path), readonly=True, lock=False) as environment, environment.begin() as transaction:
        entries = dict(transaction.cursor())
    texts = {file.name: file.read_text() for file in path.iterdir() if file.suffix != '.mdb'}
    return entries, texts


def pixels(path):
    return {unquote(key.decode()): np.asarray(Image.open(io.BytesIO(png))) for key, png in content(path)[0].items()}


def skipped_lines(path):
    return (path / 'skipped.txt').read_text().splitlines()


# ---------------------------------------------------------------- what is written

def test_images_are_kept_as_they_are(tmp_path, write_faces):
    folder = write_faces(tmp_path / 'in', ['b.png', 'a/1.bmp'], 5, 7)
    summary = write_lmdb([folder], tmp_path / 'out.lmdb')
    assert (summary.stored, summary.converted, summary.skipped) == (2, 0, Counter())
    assert (tmp_path / 'out.lmdb/meta_info.txt').read_text() == 'a%2F1.png (5,7,3) 1\nb.png (5,7,3) 1\n'
    stored = pixels(tmp_path / 'out.lmdb')
    assert set(stored) == {'a/1', 'b'}
    assert np.array_equal(stored['a/1'], read_image(folder / 'a/1.bmp'))
    assert {file.name for file in (tmp_path / 'out.lmdb').iterdir()} == {
        'data.mdb', 'lock.mdb', 'meta_info.txt', 'skipped.txt', 'inputs.sha256'}


def test_basicsr_reads_it(tmp_path, write_faces):
    from basicsr.data.data_util import paired_paths_from_lmdb
    from basicsr.utils import FileClient, imfrombytes
    names = ['plain.png', 'with.dots.png', 'with space.png', 'größe/顔.png']
    folder = write_faces(tmp_path / 'in', names, 6)
    path = str(tmp_path / 'out.lmdb')
    write_lmdb([folder], path)
    client = FileClient('lmdb', db_paths=[path], client_keys=['gt'])
    keys = [pair['gt_path'] for pair in paired_paths_from_lmdb([path, path], ['lq', 'gt'])]
    assert sorted(unquote(key) + '.png' for key in keys) == sorted(names)
    for key in keys:
        bgr = imfrombytes(client.get(key, 'gt'), float32=False)
        assert np.array_equal(bgr[:, :, ::-1], read_image(folder / f'{unquote(key)}.png'))


def test_size_crops_the_centre_and_reduces_by_area(tmp_path):
    (tmp_path / 'in').mkdir()
    image = np.zeros((12, 24, 3), np.uint8)
    image[:, 6:18] = np.arange(1, 10).reshape(3, 3).repeat(4, 0).repeat(4, 1)[:, :, None] * 20  # 3x3 blocks of 4x4
    Image.fromarray(image).save(tmp_path / 'in/wide.png')
    Image.fromarray(image.transpose(1, 0, 2)).save(tmp_path / 'in/tall.png')
    write_lmdb([tmp_path / 'in'], tmp_path / 'out.lmdb', size=3)
    stored = pixels(tmp_path / 'out.lmdb')
    assert np.array_equal(stored['wide'][:, :, 0], np.arange(1, 10).reshape(3, 3) * 20)
    assert np.array_equal(stored['tall'], stored['wide'].transpose(1, 0, 2))
    assert '(3,3,3) 1' in (tmp_path / 'out.lmdb/meta_info.txt').read_text()


def test_detector_box_larger_than_the_size_and_one_that_is_smaller(tmp_path, write_faces):
    write_faces(tmp_path / 'in', ['box.png'], 20, 24)
    write_faces(tmp_path / 'in', ['narrow.png'], 20, 15)
    summary = write_lmdb([tmp_path / 'in'], tmp_path / 'out.lmdb', size=16)
    assert summary.stored == 1
    assert summary.skipped == {'too small': 1}
    assert skipped_lines(tmp_path / 'out.lmdb') == [f'{tmp_path}/in/narrow.png\ttoo small: 15x20 pixels']
    assert open_source(tmp_path / 'out.lmdb').read(0).shape == (16, 16, 3)


def test_other_kinds_of_image_become_rgb_and_are_counted(tmp_path):
    (tmp_path / 'in').mkdir()
    rgb = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    colour = Image.fromarray(rgb)
    colour.save(tmp_path / 'in/rgb.png')
    colour.convert('L').save(tmp_path / 'in/grey.png')
    colour.transpose(Image.Transpose.ROTATE_90).convert('RGBA').save(tmp_path / 'in/rgba.png')
    colour.quantize(8).save(tmp_path / 'in/palette.png')
    colour.transpose(Image.Transpose.ROTATE_180).convert('CMYK').save(tmp_path / 'in/cmyk.tif')
    Image.fromarray(rgb[:, :, 0].astype(np.uint16) * 256).save(tmp_path / 'in/deep.png')
    summary = write_lmdb([tmp_path / 'in'], tmp_path / 'out.lmdb')
    assert summary.converted == 5
    stored = pixels(tmp_path / 'out.lmdb')
    assert all(image.shape == (4, 4, 3) for image in stored.values()) and len(stored) == 6
    assert np.array_equal(stored['deep'][:, :, 1], rgb[:, :, 0])


def test_duplicates_and_unreadable_files_are_skipped_and_reported(tmp_path, write_faces):
    folder = write_faces(tmp_path / 'in', ['a.png', 'c.png'], 6)
    Image.open(folder / 'a.png').save(folder / 'b.bmp')  # the same pixels in another file
    (folder / 'broken.png').write_bytes((folder / 'c.png').read_bytes()[:50])
    summary = write_lmdb([folder], tmp_path / 'out.lmdb', workers=2)
    assert (summary.stored, summary.skipped) == (2, {'duplicate': 1, 'unreadable': 1})
    duplicate, unreadable = skipped_lines(tmp_path / 'out.lmdb')
    assert duplicate == f'{folder}/b.bmp\tduplicate: same pixels as {folder}/a.png'
    assert unreadable.startswith(f'{folder}/broken.png\tunreadable: truncated or damaged (')
    assert unreadable.endswith('); replace or remove it')
    assert set(pixels(tmp_path / 'out.lmdb')) == {'a', 'c'}


def test_images_of_the_same_bytes_but_another_shape_are_no_duplicates(tmp_path):
    (tmp_path / 'in').mkdir()
    for name, shape in (('wide', (2, 4, 3)), ('tall', (4, 2, 3))):
        Image.fromarray(np.zeros(shape, np.uint8)).save(tmp_path / f'in/{name}.png')
    assert write_lmdb([tmp_path / 'in'], tmp_path / 'out.lmdb').stored == 2


def test_same_name_from_two_inputs(tmp_path, write_faces):
    write_faces(tmp_path / 'one', ['x/face.png', 'alone.png'], 6)
    write_faces(tmp_path / 'two', ['x/face.png'], 6)
    write_faces(tmp_path / 'other/two', ['x/face.png'], 6)
    write_lmdb([tmp_path / 'one', tmp_path / 'two', tmp_path / 'other/two'], tmp_path / 'out.lmdb')
    stored = pixels(tmp_path / 'out.lmdb')
    assert set(stored) == {'alone', 'one/x/face', 'two/x/face', 'two/x/face-2'}
    assert np.array_equal(stored['two/x/face-2'], read_image(tmp_path / 'other/two/x/face.png'))


def test_list_of_images(tmp_path, write_faces):
    write_faces(tmp_path / 'lists', ['a/1.png', 'a/2.png'], 6)
    far = write_faces(tmp_path / 'far', ['3.png'], 6)
    (tmp_path / 'lists/some.txt').write_text(f'a/2.png\n\n{far}/3.png\nmissing.png\n')
    summary = write_lmdb([tmp_path / 'lists/some.txt'], tmp_path / 'out.lmdb')
    assert set(pixels(tmp_path / 'out.lmdb')) == {'a/2', '3'}
    assert summary.skipped == {'unreadable': 1}


@pytest.mark.parametrize('name', ['list.txt', 'LIST.TXT'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_a_list_that_windows_wrote(tmp_path, write_faces, name, encoding):
    write_faces(tmp_path / 'lists', ['a/1.png', 'a/ä ö.png', ' b.png'], 6)
    (tmp_path / 'lists' / name).write_bytes('a\\1.png\r\na/ä ö.png \r\n b.png\r\n\r\n'.encode(encoding))
    summary = write_lmdb([tmp_path / 'lists' / name], tmp_path / 'out.lmdb')
    assert set(pixels(tmp_path / 'out.lmdb')) == {'a/1', 'a/ä ö', ' b'} and not summary.skipped


@pytest.mark.parametrize('content, said', [
    ('a.png\n'.encode('utf-16-le'), 'is no text, or UTF-16 without a byte order mark; save it as UTF-8'),
    (b'\xff\xfea', 'begins as UTF-16, but is none')])
def test_a_list_that_is_no_text(tmp_path, content, said):
    (tmp_path / 'list.txt').write_bytes(content)
    refused(f'list.txt: {said}', [tmp_path / 'list.txt'], tmp_path / 'out.lmdb')


def test_name_too_long_for_a_key_is_skipped(tmp_path, write_faces):
    write_faces(tmp_path / 'in', [f'{"顔" * 60}.png', 'short.png'], 6)
    assert write_lmdb([tmp_path / 'in'], tmp_path / 'out.lmdb').skipped == {'name too long': 1}


def test_lmdb_grows(tmp_path, write_faces, monkeypatch):
    monkeypatch.setattr(lmdb_writer, 'FIRST_MAP_SIZE', 2**15)  # less than the images need
    folder = write_faces(tmp_path / 'in', 30, 40)
    write_lmdb([folder], tmp_path / 'out.lmdb')
    assert len(pixels(tmp_path / 'out.lmdb')) == 30


def test_result_does_not_depend_on_workers(tmp_path, write_faces, monkeypatch):
    monkeypatch.setattr(os, 'fork', None)  # a signal that comes right after it is lost, and a pool waits for ever
    folder = write_faces(tmp_path / 'in', 20, 6)
    Image.open(folder / '002.png').save(folder / '013.png')
    write_lmdb([folder], tmp_path / 'one.lmdb')
    write_lmdb([folder], tmp_path / 'two.lmdb', workers=2)
    assert content(tmp_path / 'one.lmdb') == content(tmp_path / 'two.lmdb')


# ---------------------------------------------------------------- stopping and beginning anew

def write(folder, output, **options):
    return write_lmdb([folder], output, size=6, **options)


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory, write_faces):
    """A folder of 18 images, three of which are skipped, and the content of its LMDB."""
    root = tmp_path_factory.mktemp('whole')
    folder = write_faces(root / 'in', 18, 8)
    Image.open(folder / '003.png').save(folder / '014.png')
    (folder / '001.png').write_bytes(b'broken')
    write_faces(folder, ['016.png'], 5)
    write(folder, root / 'whole.lmdb')
    return folder, content(root / 'whole.lmdb')


MOMENTS = [(lmdb_writer, '_put', 0), (lmdb_writer, '_put', 8), (lmdb_writer, '_write_lines', 0),
           *((whole_folder.os, 'replace', number) for number in range(5))]


@pytest.mark.parametrize('module, name, calls', MOMENTS)
def test_killed_run_leaves_nothing_that_looks_finished(tmp_path, undisturbed, module, name, calls):
    folder, expected = undisturbed
    output = tmp_path / 'out.lmdb'
    kill_at(module, name, calls, write, folder, output)
    with pytest.raises(InputError, match='has no data.mdb|not finished; give the same'):
        open_source(output)
    assert write(folder, output).stored == 15
    assert content(output) == expected


@pytest.mark.parametrize('module, name, calls', MOMENTS)
def test_killed_overwrite_leaves_the_old_or_nothing(tmp_path, undisturbed, write_faces, module, name, calls):
    folder, expected = undisturbed
    output = tmp_path / 'out.lmdb'
    write(write_faces(tmp_path / 'old', 3, 8), output)
    before = content_of_files(output)
    kill_at(module, name, calls, lambda *paths: write(*paths, overwrite=True), folder, output)
    if module is lmdb_writer:
        assert content_of_files(output) == before
    else:
        with pytest.raises(InputError, match='not finished; give the same'):
            open_source(output)
    write(folder, output, overwrite=True)
    assert content(output) == expected


def content_of_files(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file() and file.name != 'lock.mdb'}


def test_finished_lmdb_is_left_alone_unless_overwritten(tmp_path, write_faces):
    first, second = (write_faces(tmp_path / name, 3, 6) for name in ('first', 'second'))
    output = tmp_path / 'out.lmdb'
    write_lmdb([first], output)
    before = content(output)
    assert write_lmdb([first], output) is None
    assert content(output) == before
    (output / 'notes.txt').write_text('mine')
    source = open_source(output)
    source.read(0)  # open for reading in this process
    assert write_lmdb([second], output, overwrite=True).stored == 3
    assert np.array_equal(open_source(output).read(0), read_image(second / '000.png'))
    assert (output / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('change', ['another folder', 'one more image', 'another image', 'another size'])
def test_finished_lmdb_of_other_inputs_is_named(tmp_path, write_faces, change):
    folder, size = write_faces(tmp_path / 'in', 3, 8), None
    output = tmp_path / 'out.lmdb'
    write_lmdb([folder], output)
    before = content(output)
    if change == 'another folder':
        folder = write_faces(tmp_path / 'other', 3, 8)
    elif change == 'one more image':
        write_faces(folder, ['more.png'], 8)
    elif change == 'another image':
        write_faces(folder, ['001.png'], 9)
    else:
        size = 4
    with pytest.raises(InputError, match='is finished, but was made with other images or another --size'):
        write_lmdb([folder], output, size)
    assert content(output) == before
    assert write_lmdb([folder], output, size, overwrite=True).stored == (4 if change == 'one more image' else 3)


def test_finished_lmdb_that_does_not_say_what_it_was_made_of_is_left_alone(tmp_path, write_faces):
    output = tmp_path / 'out.lmdb'
    write_lmdb([write_faces(tmp_path / 'in', 3, 8)], output)
    (output / 'inputs.sha256').unlink()
    assert write_lmdb([write_faces(tmp_path / 'other', 3, 8)], output) is None


# ---------------------------------------------------------------- what is refused

def refused(message, *arguments, **options):
    with pytest.raises(InputError, match=message) as caught:
        write_lmdb(*arguments, **options)
    assert '\n' not in caught.value.args[0]


def test_inputs_without_images(tmp_path):
    (tmp_path / 'list.txt').write_text('\n')
    (tmp_path / 'empty').mkdir()
    refused('empty: is empty', [tmp_path / 'empty'], tmp_path / 'out.lmdb')
    refused(r'list\.txt: lists no images', [tmp_path / 'list.txt'], tmp_path / 'out.lmdb')
    refused(r'none: neither a folder nor a \.txt file', [tmp_path / 'none'], tmp_path / 'out.lmdb')
    assert not (tmp_path / 'out.lmdb').exists()


def test_no_usable_image(tmp_path, write_faces):
    folder = write_faces(tmp_path / 'in', 3, 8)
    refused(r'none of the 3 images can be used; the reasons are in skipped\.txt', [folder], tmp_path / 'out.lmdb',
            size=16)
    assert len(skipped_lines(tmp_path / 'out.lmdb/part')) == 3
    with pytest.raises(InputError, match='has no data.mdb'):
        open_source(tmp_path / 'out.lmdb')


def test_output_that_is_no_lmdb(tmp_path, write_faces):
    folder = write_faces(tmp_path / 'in', 1, 8)
    refused(r'out: the output must end with \.lmdb', [folder], tmp_path / 'out')
    (tmp_path / 'file.lmdb').touch()
    refused(r'file\.lmdb: cannot be written', [folder], tmp_path / 'file.lmdb')
    (tmp_path / 'foreign.lmdb').mkdir()
    (tmp_path / 'foreign.lmdb/data.mdb').touch()
    refused('unfinished images that were not begun here; give --overwrite', [folder], tmp_path / 'foreign.lmdb')


# ---------------------------------------------------------------- the command

def run_command(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', 'lmdb', *map(str, arguments)])
    return commands.main()


def test_command(tmp_path, write_faces, monkeypatch, capsys):
    folder = write_faces(tmp_path / 'in', 3, 8)
    (folder / 'broken.png').touch()
    output = tmp_path / 'out.lmdb'
    assert run_command(monkeypatch, folder, '-o', output, '--size', 4, '--workers', 1) == 0
    shown = capsys.readouterr()
    assert shown.out == (f'{output}: 3 images, 0 of them converted to 8-bit RGB\n'
                         f'skipped, unreadable: 1 (see {output}/skipped.txt)\n')
    assert '4/4' in shown.err  # the progress bar
    assert run_command(monkeypatch, folder, '-o', output, '--size', 4) == 0
    assert capsys.readouterr().out == f'{output} is finished already; --overwrite makes it again\n'
    assert run_command(monkeypatch, folder, '-o', output) == 1
    assert 'give --overwrite to make it again' in capsys.readouterr().err
    assert run_command(monkeypatch, folder, '-o', output, '--overwrite') == 0
    assert open_source(output).read(0).shape == (8, 8, 3)


def test_command_prints_input_errors_in_one_line(tmp_path, monkeypatch, capsys):
    assert run_command(monkeypatch, tmp_path, '-o', tmp_path / 'out.lmdb') == 1
    shown = capsys.readouterr()
    assert shown.err.startswith(f'error: {tmp_path}: is empty') and shown.err.count('\n') == 1
    assert shown.out == ''
