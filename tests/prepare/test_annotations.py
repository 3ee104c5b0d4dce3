"""Landmark files beside images."""
import struct

import numpy as np
import pytest
import scipy.io

from scgan_fan.errors import InputError
from scgan_fan.prepare.annotations import find_annotation, read_annotation

POINTS = np.random.default_rng(0).uniform(1, 200, (68, 2)).round(3)  # as files have them: counted from 1


def t7(points: np.ndarray, number: str = 'd') -> bytes:
    """What torch.save of Lua Torch writes for a tensor."""
    kind = {'d': b'torch.Double', 'f': b'torch.Float'}[number]

    def head(index: int, name: bytes) -> bytes:
        return struct.pack('<iii3s', 4, index, 3, b'V 1') + struct.pack(f'<i{len(name)}s', len(name), name)

    rows, columns = points.shape
    return (head(1, kind + b'Tensor') + struct.pack('<i5q', 2, rows, columns, columns, 1, 1)
            + head(2, kind + b'Storage') + struct.pack(f'<q{points.size}{number}', points.size, *points.ravel()))


def write(path, points):
    if path.suffix == '.t7':
        path.write_bytes(t7(points))
    elif path.suffix == '.mat':
        scipy.io.savemat(path, {'pt2d': points.T, 'Pose_Para': np.zeros((1, 7))})
    else:
        lines = '\n'.join(f'{x} {y}' for x, y in points)
        path.write_text(f'version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}')
    return path


@pytest.mark.parametrize('suffix', ['.mat', '.pts', '.t7'])
def test_pixel_centres_from_1_become_pixels_from_0(tmp_path, suffix):
    assert np.allclose(read_annotation(write(tmp_path / f'face{suffix}', POINTS)), POINTS - 0.5, atol=1e-9)


def test_float_tensor(tmp_path):
    (tmp_path / 'face.t7').write_bytes(t7(POINTS, 'f'))
    assert np.allclose(read_annotation(tmp_path / 'face.t7'), POINTS - 0.5, atol=1e-4)


def test_strides_of_a_tensor_count(tmp_path):
    data = t7(POINTS.T).replace(struct.pack('<i5q', 2, 2, 68, 68, 1, 1), struct.pack('<i5q', 2, 68, 2, 1, 68, 1))
    (tmp_path / 'face.t7').write_bytes(data)  # the transposed view of points stored x first
    assert np.allclose(read_annotation(tmp_path / 'face.t7'), POINTS - 0.5)


def test_3d_landmarks_go_before_aflws_21_points(tmp_path):
    points = np.vstack([POINTS.T, np.zeros(68)])
    scipy.io.savemat(tmp_path / 'face.mat', {'pt3d_68': points, 'pt2d': np.ones((2, 21))})
    assert np.allclose(read_annotation(tmp_path / 'face.mat'), POINTS - 0.5)


@pytest.mark.parametrize('suffix', ['.mat', '.pts', '.t7'])
@pytest.mark.parametrize('content', ['nothing', 'text', 'half', 'five points'])
def test_other_files_are_refused_in_one_line(tmp_path, suffix, content):
    path = write(tmp_path / f'face{suffix}', POINTS)
    if content == 'five points':
        write(path, POINTS[:5])
    else:
        path.write_bytes({'nothing': b'', 'text': b'hello, world', 'half': path.read_bytes()[:400]}[content])
    with pytest.raises(InputError, match=rf'face\{suffix}: no 68 landmarks can be read from it') as caught:
        read_annotation(path)
    assert '\n' not in str(caught.value.args[0])


def test_a_table_of_tensors_is_refused(tmp_path):
    (tmp_path / 'face.t7').write_bytes(struct.pack('<iii', 3, 1, 2) + t7(POINTS))
    with pytest.raises(InputError, match='no 68 landmarks'):
        read_annotation(tmp_path / 'face.t7')


def test_find_beside_the_image(tmp_path):
    assert find_annotation(tmp_path / 'a.b.jpg') is None
    path = write(tmp_path / 'a.b.mat', POINTS)
    assert find_annotation(tmp_path / 'a.b.jpg') == path
    path = path.rename(tmp_path / 'a.b.MAT')
    assert find_annotation(tmp_path / 'a.b.jpg') == path and read_annotation(path).shape == (68, 2)
