"""Landmarks read from every format are the same, and belong to the images of a folder."""
import numpy as np
import pytest

from scgan_fan.data.image_source import make_key
from scgan_fan.errors import InputError
from scgan_fan.data.landmark_files import read_landmarks

NAMES = ['a', 'b c/0.1']  # a name with a dot in it is no name with a suffix
POINTS = np.random.default_rng(0).uniform(0, 200, (2, 68, 2)).round(3)


def write_npz(path, names=NAMES, points=POINTS):
    np.savez(path, name=names, landmarks=points)
    return path


def write_csv(path, names=NAMES, points=POINTS):
    columns = [f'{axis}{point}' for point in range(points.shape[1]) for axis in 'xy']
    lines = [','.join([name, *map(str, values.ravel())]) for name, values in zip(names, points)]
    path.write_text('\n'.join([','.join(['name', *columns]), *lines, '']))
    return path


def write_pts(folder, names=NAMES, points=POINTS):
    """Counted from 1 at the centre of the first pixel, as 300-W does."""
    for name, values in zip(names, points):
        file = folder / f'{name}.pts'
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = '\n'.join(f'{x:.3f} {y:.3f}' for x, y in values + 0.5)
        file.write_text(f'version: 1\nn_points: {len(values)}\n{{\n{lines}\n}}\n')
    return folder


@pytest.mark.parametrize('write, name', [(write_npz, 'faces.npz'), (write_csv, 'faces.csv'), (write_pts, 'faces')])
def test_formats_agree(tmp_path, write, name):
    landmarks = read_landmarks(write(tmp_path / name))
    assert list(landmarks) == [make_key(f'{name}.png') for name in NAMES]
    for points, expected in zip(landmarks.values(), POINTS):
        assert points.shape == (68, 2) and points.dtype == float
        assert np.allclose(points, expected, atol=1e-9)


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_files_that_windows_wrote(tmp_path, encoding):
    file = write_csv(tmp_path / 'faces.csv')
    file.write_bytes(file.read_text().replace('\n', '\r\n').encode(encoding))
    for old in write_pts(tmp_path / 'faces').rglob('*.pts'):
        old.with_suffix('.PTS').write_bytes(old.read_text().encode(encoding))
        old.unlink()
    for path in (file, tmp_path / 'faces'):
        landmarks = read_landmarks(path)
        assert list(landmarks) == [make_key(f'{name}.png') for name in NAMES]
        assert np.allclose(list(landmarks.values()), POINTS, atol=1e-9)


def test_names_with_the_suffix_of_an_image(tmp_path):
    assert list(read_landmarks(write_csv(tmp_path / 'faces.csv', ['a.png', 'b/c.JPG']))) == ['a', 'b%2Fc']


def test_several_files_are_joined_and_the_later_counts(tmp_path):
    first = write_npz(tmp_path / 'first.npz')
    second = write_csv(tmp_path / 'second.csv', ['a', 'z'], POINTS[::-1])
    landmarks = read_landmarks([str(first), str(second)])
    assert set(landmarks) == {'a', 'b%20c%2F0%2E1', 'z'}
    assert np.array_equal(landmarks['a'], POINTS[1])


@pytest.mark.parametrize('write, name, message', [
    (write_npz, 'faces.npz', r'faces\.npz: landmarks have the shape \(2, 51, 2\) where \(2, 68, 2\) is needed'),
    (write_csv, 'faces.csv', r'faces\.csv: the first line is not name,x0,y0,\.\.\.,x67,y67'),
    (write_pts, 'faces', r'faces/a\.pts: 51 points where 68 are needed')])
def test_another_number_of_points(tmp_path, write, name, message):
    with pytest.raises(InputError, match=message):
        read_landmarks(write(tmp_path / name, points=POINTS[:, :51]))


@pytest.mark.parametrize('broken, message', [
    (lambda text: text.rsplit(',', 2)[0] + '\n', r'faces\.csv: b c/0\.1: 67 points where 68 are needed'),
    (lambda text: text.rsplit(',', 1)[0] + '\n', r'faces\.csv: b c/0\.1: not a list of x and y'),
    (lambda text: text.rsplit(',', 1)[0] + ',left\n', r'faces\.csv: b c/0\.1: not a list of x and y'),
    (lambda text: text.rsplit(',', 1)[0] + ',nan\n', r'faces\.csv: b c/0\.1: points that are not finite'),
    (lambda text: '', 'the first line is not name,x0')])
def test_damaged_csv(tmp_path, broken, message):
    path = write_csv(tmp_path / 'faces.csv')
    path.write_text(broken(path.read_text()))
    with pytest.raises(InputError, match=message):
        read_landmarks(path)


def test_points_in_one_place(tmp_path):
    with pytest.raises(InputError, match=r'faces\.npz: a: points that are not finite or all on one line'):
        read_landmarks(write_npz(tmp_path / 'faces.npz', points=0 * POINTS))


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 broken', b'no archive', None])
def test_no_landmark_file(tmp_path, content):
    path = tmp_path / 'faces.npz'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r'faces\.npz: not a landmark file'):
        read_landmarks(path)


def test_an_npz_without_names(tmp_path):
    np.savez(tmp_path / 'faces.npz', landmarks=POINTS)
    with pytest.raises(InputError, match='not a landmark file .*give an .npz with name and landmarks'):
        read_landmarks(tmp_path / 'faces.npz')


def test_a_folder_without_pts(tmp_path):
    with pytest.raises(InputError, match='has no .pts files'):
        read_landmarks(tmp_path)
