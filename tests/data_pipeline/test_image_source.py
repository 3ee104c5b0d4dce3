import os
import pickle
import threading
from urllib.parse import unquote

import lmdb
import numpy as np
import pytest
from PIL import Image

from scgan_fan.data import image_source
from scgan_fan.data.image_source import (close_environments, list_images, make_key, make_unique, open_source,
                                         read_entry)
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.errors import InputError


@pytest.fixture(scope='module')
def folder(tmp_path_factory, write_faces):
    return write_faces(tmp_path_factory.mktemp('source') / 'faces', ['b.png', 'a/2.bmp', 'a/1.PNG', 'c d.é.webp'], 8)


@pytest.fixture
def database(folder, tmp_path):
    write_lmdb([folder], tmp_path / 'faces.lmdb')
    return tmp_path / 'faces.lmdb'


def read_all(source):
    return {key: source.read(index) for index, key in enumerate(source.keys)}


def assert_same_images(first, second):
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)


# ---------------------------------------------------------------- what is read

def test_folder_is_searched_recursively_and_sorted(folder):
    source = open_source(folder)
    assert [unquote(key) for key in source.keys] == ['a/1', 'a/2', 'b', 'c d.é']
    assert len(source) == 4
    assert source.path == str(folder)
    assert np.array_equal(source.read(0), np.asarray(Image.open(folder / 'a/1.PNG')))


def test_hidden_files_and_folders_are_left_out(tmp_path, write_faces):
    write_faces(tmp_path, ['.trash/1.png', '._2.png', '3.png'], 8)
    assert list_images(tmp_path) == ['3.png']


def test_linked_folders_are_followed(tmp_path, folder):
    (tmp_path / 'link').symlink_to(folder)
    assert 'link/b.png' in list_images(tmp_path)


def test_links_back_are_not_followed(tmp_path, write_faces):
    write_faces(tmp_path / 'a', ['1.png', 'deep/2.png'], 8)
    write_faces(tmp_path / 'b', ['3.png'], 8)
    (tmp_path / 'a/deep/self').symlink_to(tmp_path / 'a')
    (tmp_path / 'a/b').symlink_to(tmp_path / 'b')
    (tmp_path / 'b/a').symlink_to(tmp_path / 'a')
    assert list_images(tmp_path / 'a') == ['1.png', 'b/3.png', 'deep/2.png']


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, 'Permission denied', path)
    monkeypatch.setattr(os, 'scandir', refuse)
    refused(tmp_path, f'{tmp_path}: cannot be read .Permission denied')


@pytest.mark.parametrize('name', ['faces.LMDB', 'faces.Lmdb'])
def test_an_lmdb_of_any_case(tmp_path, database, name):
    database.rename(tmp_path / name)
    assert len(open_source(tmp_path / name)) == 4


def test_a_list_of_contents_that_an_editor_has_touched(database):
    path = database / 'meta_info.txt'
    before = read_all(open_source(database))
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes().replace(b'\n', b'\r\n'))
    assert_same_images(read_all(open_source(database)), before)


def test_home_is_expanded(tmp_path, write_faces, monkeypatch):
    write_faces(tmp_path / 'faces', 1, 8)
    monkeypatch.setenv('HOME', str(tmp_path))
    assert len(open_source('~/faces')) == 1


def test_lmdb_has_the_keys_order_and_pixels_of_its_folder(folder, database):
    assert open_source(database).keys == open_source(folder).keys
    assert_same_images(read_all(open_source(str(database))), read_all(open_source(folder)))


def test_list_joins_folder_and_lmdb(tmp_path, write_faces, database):
    other = write_faces(tmp_path / 'other', ['x.png', 'y.png'], 8)
    source = open_source([str(other), str(database)])
    assert source.keys == ['x', 'y', *open_source(database).keys]
    assert len(source) == 6
    assert_same_images(read_all(source), read_all(open_source(other)) | read_all(open_source(database)))


def test_same_name_in_two_folders_gives_two_keys(tmp_path, write_faces):
    for name in ('one', 'two', 'deep/two'):
        write_faces(tmp_path / name, ['same.png', f'only in {name[-3:]}.png'], 8)
    source = open_source([tmp_path / 'one', tmp_path / 'two'])
    assert source.keys == ['only%20in%20one', 'one%2Fsame', 'only%20in%20two', 'two%2Fsame']
    source = open_source([tmp_path / 'two', tmp_path / 'deep/two'])
    assert [unquote(key) for key in source.keys] == ['two/only in two', 'two/same', 'two/only in two-2', 'two/same-2']


def test_same_stem_in_one_folder_gives_two_keys(tmp_path, write_faces):
    write_faces(tmp_path / 'f', ['a.bmp', 'a.png'], 8)
    assert open_source(tmp_path / 'f').keys == ['f%2Fa', 'f%2Fa-2']


@pytest.mark.parametrize('name', ['a', 'a.b', 'a b', 'ä/ö.ü', '顔', '100%', 'a%20b', '../x', "quote'"])
def test_keys_can_be_turned_back(name):
    key = make_key(name + '.png')
    assert unquote(key) == name
    assert key.isascii() and not set(key) & set('./ ')


def test_keys_keep_what_is_no_suffix():
    assert make_key('face.1') == 'face%2E1'
    assert make_key('face.1.JPG') == 'face%2E1'


def test_name_that_is_not_utf8_has_a_key():
    assert make_key(os.fsdecode(b'\xff.png')) == '%FF'


def test_made_up_keys_do_not_meet_real_ones():
    keys = make_unique(['x', 'f%2Fx', 'x', 'f%2Fx-2'], ['f', 'f', 'f', 'f'])
    assert keys == ['f%2Fx-3', 'f%2Fx', 'f%2Fx-4', 'f%2Fx-2']


def test_slashes_in_the_keys_of_foreign_lmdbs(tmp_path, folder):
    path = tmp_path / 'foreign.lmdb'
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        transaction.put(b'000/001', (folder / 'b.png').read_bytes())
    (path / 'meta_info.txt').write_text('000/001.png (8,8,3) 1\n')
    source = open_source(path)
    assert source.keys == ['000%2F001']
    assert source.read(0).shape == (8, 8, 3)


# ---------------------------------------------------------------- processes and threads

def test_source_can_be_pickled_after_reading(database):
    source = open_source(database)
    image = source.read(0)
    assert np.array_equal(pickle.loads(pickle.dumps(source)).read(0), image)


def test_two_spellings_of_one_path_can_be_read_together(database):
    (database.parent / 'link.lmdb').symlink_to(database)
    assert_same_images(read_all(open_source(database)), read_all(open_source(database.parent / 'link.lmdb')))


def test_no_open_lmdb_crosses_a_fork(database):
    open_source(database).read(0)
    assert image_source._environments
    child = os.fork()
    if child == 0:
        os._exit(len(image_source._environments))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert open_source(database).read(0).shape == (8, 8, 3)


def test_fork_waits_for_a_read_to_end(database):
    def fork():
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)

    open_source(database).read(0)
    thread = threading.Thread(target=fork)
    with image_source._lock:  # as during a read
        thread.start()
        thread.join(0.1)
        assert thread.is_alive() and image_source._environments
    thread.join()
    assert not image_source._environments


def test_fork_while_another_thread_reads(database):
    key = open_source(database).keys[0]
    expected = read_entry(str(database), key)
    failures, stop = [], threading.Event()

    def read_on():
        while not stop.is_set():
            try:
                if read_entry(str(database), key) != expected:
                    failures.append('other bytes')
            except Exception as error:
                failures.append(error)

    thread = threading.Thread(target=read_on)
    thread.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                os._exit(0 if _reads(str(database), key, expected) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        thread.join()
    assert not failures


def _reads(path, key, expected):
    try:
        return read_entry(path, key) == expected
    except BaseException:
        return False


# ---------------------------------------------------------------- what is refused

def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        source = open_source(path)
        for index in range(len(source)):
            source.read(index)
    assert '\n' not in caught.value.args[0]


def test_missing_folder(tmp_path):
    refused(tmp_path / 'none', r'none: does not exist; give')
    refused(tmp_path / 'none.lmdb', r'none\.lmdb: does not exist')


def test_file_instead_of_folder(folder):
    refused(folder / 'b.png', r'b\.png: not a folder; give')


def test_empty_folder(tmp_path):
    refused(tmp_path, 'is empty; put images there')


def test_folder_without_images(tmp_path):
    (tmp_path / 'readme.txt').touch()
    refused(tmp_path, r'none of its 1 file\(s\) is an image; put images there')


def test_empty_list():
    refused([], 'empty list')


def test_one_bad_folder_in_a_list(folder, tmp_path):
    refused([folder, tmp_path / 'none'], 'none: does not exist')


@pytest.mark.parametrize('mode', ['L', 'RGBA'])
def test_image_that_is_not_rgb(tmp_path, mode):
    Image.new(mode, (8, 8)).save(tmp_path / 'face.png')
    refused(tmp_path, rf'{tmp_path}/face\.png: a {mode} image')


def test_truncated_image(tmp_path, folder):
    (tmp_path / 'face.png').write_bytes((folder / 'b.png').read_bytes()[:60])
    refused(tmp_path, r'face\.png: truncated or damaged')


def test_lmdb_image_that_is_damaged_or_not_rgb(tmp_path, database):
    Image.new('L', (8, 8)).save(tmp_path / 'grey.png')
    for data, message in ((b'not a PNG', 'not an image'), ((tmp_path / 'grey.png').read_bytes(), 'a L image')):
        with lmdb.open(str(database)) as environment, environment.begin(write=True) as transaction:
            transaction.put(b'b', data)
        refused(database, rf'faces\.lmdb:b: {message}')
        close_environments()  # lmdb would refuse to open it for writing


def test_lmdb_without_meta_info(database):
    (database / 'meta_info.txt').unlink()
    refused(database, r'no meta_info\.txt, so its making was not finished; give the same')


def test_lmdb_with_empty_meta_info(database):
    (database / 'meta_info.txt').write_text('\n')
    refused(database, r'meta_info\.txt: lists no images; make')


def test_lmdb_without_data(database):
    (database / 'data.mdb').unlink()
    refused(database, r'no data\.mdb, so it is no LMDB; make')


def test_lmdb_without_a_listed_key(database):
    with (database / 'meta_info.txt').open('a') as lines:
        lines.write('absent.png (8,8,3) 1\n')
    refused(database, r'faces\.lmdb:absent: in meta_info\.txt but not in data\.mdb')


def test_lmdb_that_is_none(database):
    (database / 'data.mdb').write_bytes(b'x' * 10000)
    refused(database, 'cannot be opened as an LMDB')


def test_truncated_lmdb_does_not_kill_the_process(tmp_path, write_faces):
    write_lmdb([write_faces(tmp_path / 'faces', 4, 64)], tmp_path / 'big.lmdb')
    os.truncate(tmp_path / 'big.lmdb' / 'data.mdb', 16384)
    refused(tmp_path / 'big.lmdb', r'data\.mdb: truncated \(16384 of \d+ bytes\)')


def test_lmdb_whose_list_is_damaged(database):
    (database / 'meta_info.txt').write_bytes(b'\xff\xfe key.png (8,8,3) 1\n')
    refused(database, r'meta_info\.txt: damaged \(invalid start byte\); make the LMDB again')


def test_lmdb_with_zeros_in_the_place_of_its_pages(database):
    with open(database / 'data.mdb', 'r+b') as file:
        file.seek(2 * 4096)  # behind the two pages that describe the rest
        file.write(bytes(os.path.getsize(database / 'data.mdb') - 2 * 4096))
    refused(database, r'damaged at .*; copy or make it again')
