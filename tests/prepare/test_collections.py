"""A small tree in each collection's layout, read and cut: the face must lie in its crop where the rule puts it."""
import json
import sqlite3

import numpy as np
import pytest
import scipy.io

from scgan_fan.errors import InputError
from scgan_fan.faces.crop import FOREHEAD, crop_box
from scgan_fan.prepare.collections import BOXES_TO_CROP_BY, COLLECTIONS, KnownFace, read_collection
from scgan_fan.prepare.crops import cut_faces


def face_box(landmarks):
    """x, y, width, height of what annotators box: brows to chin and the forehead; whole pixels."""
    (left, top), (right, bottom) = landmarks.min(0), landmarks.max(0)
    top -= FOREHEAD * (bottom - top)
    return [int(value) for value in np.rint([left, top, right - left, bottom - top])]


def ffhq(root, photograph):
    points = photograph(root / 'images1024x1024/00000/00003.png', 3)
    item = {'image': {'face_landmarks': (points - 0.5).tolist()}}  # dlib counts from 0 at pixel centres
    (root / 'ffhq-dataset-v2.json').write_text(json.dumps({'3': item}))
    return [('00000%2F00003', '00000/00003.png', points)], 0.01


def celeba(root, photograph):
    points = [photograph(root / f'Img/img_celeba/00000{number}.jpg', number) for number in (1, 2)]
    (root / 'Anno').mkdir()
    boxes = '\n'.join(f'00000{n}.jpg {" ".join(map(str, face_box(p)))}' for n, p in zip((1, 2), points))
    (root / 'Anno/list_bbox_celeba.txt').write_text(f'2\nimage_id x_1 y_1 width height\n{boxes}\n')
    (root / 'Anno/identity_CelebA.txt').write_text('000001.jpg 2880\n000002.jpg 2937\n')
    return [('000001', '2880', points[0]), ('000002', '2937', points[1])], 4


def celeba_aligned(root, photograph):
    points = photograph(root / 'img_align_celeba/000001.jpg', 1)
    return [('000001', '000001.jpg', points)], 4


def lfw(root, photograph):
    points = photograph(root / 'Ada_Lovelace/Ada_Lovelace_0001.jpg', 5)
    return [('Ada_Lovelace%2FAda_Lovelace_0001', 'Ada_Lovelace', points)], 4


def wider(root, photograph, subset='train'):
    name = '0--Parade/0_Parade_marchingband_1_849.jpg'
    points = photograph(root / f'WIDER_{subset}/images' / name, 2)
    photograph(root / f'WIDER_{subset}/images/0--Parade/empty.jpg', 3)
    (root / 'wider_face_split').mkdir()
    box = ' '.join(map(str, face_box(points)))
    (root / f'wider_face_split/wider_face_{subset}_bbx_gt.txt').write_text(
        f'0--Parade/empty.jpg\n0\n0 0 0 0 0 0 0 0 0 0 \n{name}\n1\n{box} 1 0 0 0 2 0 \n')
    return [('0--Parade%2F0_Parade_marchingband_1_849', name, points)], 1


def boxes(root, photograph):
    points = photograph(root / 'street/1.png', 3)
    np.savez(root.with_name(f'{root.name}.npz'), name=['street/1.png'], box=[face_box(points)], box_of='landmarks')
    return [('street%2F1', 'street%2F1', points)], 1


def ls3d_w(root, photograph):
    points = photograph(root / '300VW-3D/CatA/114/0001.jpg', 4)
    lines = '\n'.join(f'{x + 0.5} {y + 0.5}' for x, y in points)
    (root / '300VW-3D/CatA/114/0001.pts').write_text(f'version: 1\nn_points: 68\n{{\n{lines}\n}}')
    return [('300VW-3D%2FCatA%2F114%2F0001', '300VW-3D/CatA/114', points)], 0.01


def w300_lp(root, photograph):
    expected = []
    for name in ('AFW/AFW_134212_1_7', 'AFW_Flip/AFW_134212_1_0'):
        points = photograph(root / f'{name}.jpg', 6)
        scipy.io.savemat(root / f'{name}.mat', {'pt2d': points.T + 0.5})
        expected.append((name.replace('/', '%2F'), 'AFW_134212_1', points))
    photograph(root / 'Code/sample.jpg', 0)
    return expected, 0.01


def aflw2000_3d(root, photograph):
    points = photograph(root / 'image00002.jpg', 1)
    scipy.io.savemat(root / 'image00002.mat', {'pt3d_68': np.vstack([points.T + 0.5, np.ones(68)]),
                                               'pt2d': np.ones((2, 21))})
    return [('image00002', 'image00002.jpg', points)], 0.01


def aflw(root, photograph):
    points = photograph(root / 'data/flickr/3/image00035.jpg', 0)
    connection = sqlite3.connect(root / 'data/aflw.sqlite')
    connection.execute('CREATE TABLE FaceImages (image_id, db_id, file_id, filepath, bw, width, height)')
    connection.execute('CREATE TABLE Faces (face_id, file_id, db_id)')
    connection.execute('CREATE TABLE FaceRect (face_id, x, y, w, h, annot_type_id)')
    connection.execute("INSERT INTO FaceImages VALUES (1, 'flickr', 'image00035.jpg', '3/image00035.jpg', 0, 220, 180)")
    connection.execute("INSERT INTO Faces VALUES (39341, 'image00035.jpg', 'flickr')")
    connection.execute('INSERT INTO FaceRect VALUES (39341, ?, ?, ?, ?, 1)', face_box(points))
    connection.commit()
    connection.close()
    return [('3%2Fimage00035', '3/image00035.jpg', points)], 4


def folder(root, photograph):
    points = photograph(root / 'holiday/1.png', 0)
    return [('holiday%2F1', 'holiday/1.png', points)], 4


# collection -> builder of its tree: it returns name, group and landmarks of each image, and how far the crop may be off
TREES = {'ffhq': ffhq, 'celeba': celeba, 'lfw': lfw, 'wider': wider, 'boxes': boxes, 'ls3d_w': ls3d_w,
         '300w_lp': w300_lp, 'aflw2000_3d': aflw2000_3d, 'aflw': aflw, 'folder': folder,
         'wider_val': lambda root, photograph: wider(root, photograph, 'val')}


def test_every_collection_has_a_tree():
    assert set(TREES) == set(COLLECTIONS)


@pytest.mark.parametrize('collection, build', [*TREES.items(), ('celeba', celeba_aligned)])
def test_collection(tmp_path, photograph, settings, collection, build):
    expected, tolerance = build(tmp_path, photograph)
    records = read_collection(collection, tmp_path)
    assert [(record.name, record.group) for record in records] == [(name, group) for name, group, _ in expected]
    detector = ('--detector', 'boxes') if collection in BOXES_TO_CROP_BY else ()
    rules = settings(collection, tmp_path, '--size', 64, '--min_face', 60, *detector)
    for record, (name, _, points) in zip(records, expected):
        face, = cut_faces(record, rules, tmp_path / 'faces')
        assert (face.name, face.dropped) == (f'{name}_0', '')
        assert (tmp_path / 'faces' / f'{name.replace("%2F", "/")}_0.png').is_file()
        x, y, side = crop_box(points, rules.margin)
        assert face.side == pytest.approx(side, abs=2 * tolerance + 0.5)
        if face.landmarks:  # in the crop, they lie where the crop rule puts those of the photograph
            assert np.abs(np.array(face.landmarks) - (points - (x, y)) * (64 / side)).mean() < tolerance + 0.6


@pytest.mark.parametrize('collection', ['ffhq', 'celeba', 'wider'])
def test_listings_that_windows_wrote(tmp_path, photograph, collection):
    TREES[collection](tmp_path, photograph)
    expected = repr(read_collection(collection, tmp_path))
    for listing in [*tmp_path.rglob('*.txt'), *tmp_path.rglob('*.json')]:
        listing.write_bytes(b'\xef\xbb\xbf' + listing.read_bytes().replace(b'\n', b'\r\n'))
    assert repr(read_collection(collection, tmp_path)) == expected


def test_ffhq_thumbnails_scale_the_landmarks(tmp_path, photograph):
    photograph(tmp_path / 'thumbnails128x128/00000/00000.png', 0)
    points = np.random.default_rng(0).uniform(0, 1024, (68, 2))
    (tmp_path / 'ffhq-dataset-v2.json').write_text(json.dumps({'0': {'image': {'face_landmarks': points.tolist()}}}))
    record, = read_collection('ffhq', tmp_path)
    assert np.allclose(record.faces[0].landmarks, (points + 0.5) / 8)


def test_wider_flags(tmp_path, photograph):
    wider(tmp_path, photograph)
    record, = read_collection('wider', tmp_path)
    face, = record.faces
    assert (face.blur, face.occlusion, face.invalid) == (1, 2, False)


def test_an_image_of_an_annotated_collection_without_its_file(tmp_path, photograph):
    photograph(tmp_path / 'image00002.jpg', 0)
    record, = read_collection('aflw2000_3d', tmp_path)
    assert record.faces == (KnownFace(annotated=False),)


def test_names_of_the_same_stem_stay_apart(tmp_path, photograph):
    photograph(tmp_path / 'a.png', 0)
    photograph(tmp_path / 'a.jpg', 1)
    assert [record.name for record in read_collection('folder', tmp_path)] == ['folder%2Fa', 'folder%2Fa-2']


@pytest.mark.parametrize('collection, file, message', [
    ('ffhq', 'a.png', 'has no images1024x1024 or thumbnails128x128; give the folder that holds it'),
    ('celeba', 'a.png', 'has no img_celeba or '),
    ('aflw', 'data/flickr/a.jpg', 'has no data/aflw.sqlite or aflw.sqlite'),
    ('wider', 'WIDER_train/images/a.jpg', 'wider_face_train_bbx_gt.txt: cannot be read'),
    ('300w_lp', 'Code/a.jpg', 'lists no image with a face'),
    ('flickr', 'a.png', "collection: unknown value 'flickr'; choose one of folder, ffhq"),
])
def test_another_layout_is_refused(tmp_path, photograph, collection, file, message):
    photograph(tmp_path / file, 0)
    with pytest.raises(InputError, match=message):
        read_collection(collection, tmp_path)


def test_damaged_listings_are_refused(tmp_path, photograph):
    wider(tmp_path, photograph)
    listing = tmp_path / 'wider_face_split/wider_face_train_bbx_gt.txt'
    lines = listing.read_text().splitlines()
    for broken in (lines[:-1], lines[:-2], [*lines[:-1], lines[-1][:8]], lines[1:]):
        listing.write_text('\n'.join(broken))
        with pytest.raises(InputError, match='not lines of name, count and faces'):
            read_collection('wider', tmp_path)
    (tmp_path / 'flickr').mkdir()
    (tmp_path / 'aflw.sqlite').write_text('no database' * 100)
    with pytest.raises(InputError, match='not the database of AFLW'):
        read_collection('aflw', tmp_path)
