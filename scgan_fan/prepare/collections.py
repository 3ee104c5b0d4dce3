"""The layouts in which collections of faces are published. INPUT is the folder that their archives are unpacked into.

Each reader yields a ``Record`` for each image. What a collection does not say of a face is left for a detector to find.
The layouts are those of the collections' own readme files; where they leave something open, the reader says what it
takes. Files in other places are not looked for.
"""
import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from scgan_fan.data.image_source import list_images, make_key, make_unique
from scgan_fan.errors import InputError, check_choice
from scgan_fan.files import read_text
from scgan_fan.prepare.annotations import find_annotation


BOX_KINDS = ('landmarks', 'wider', 'detector')  # the rules of ``faces.crop.BOX_RULES`` that training data is cut by


@dataclass(frozen=True)
class KnownFace:
    """What a collection says of one face; nothing at all means: the face in the middle of the image.

    Lengths are pixels of the image, pixel i covering i to i + 1, points x and y.
    """

    box: tuple[float, float, float, float] | None = None  # left, top, right and bottom
    box_of: str = 'landmarks'  # of ``BOX_KINDS``: by which of ``faces.crop.BOX_RULES`` it is cropped
    points: np.ndarray | None = None  # (5, 2): the eyes, that on the left first, the nose and the corners of the mouth
    landmarks: np.ndarray | None = None  # (68, 2)
    annotation: str | None = None  # file to read the landmarks from
    annotated: bool = True  # false where a collection of annotated faces lacks this one's file
    blur: int = 0  # to 2, heavy
    occlusion: int = 0  # to 2, heavy
    invalid: bool = False  # the annotators found no usable face

    @property
    def has_landmarks(self) -> bool:
        """Whether the collection has this face's landmarks."""
        return self.landmarks is not None or self.annotation is not None


@dataclass(frozen=True)
class Record:
    """An image of a collection."""

    path: str  # its file
    name: str  # its path within the collection's images; in what ``read_collection`` gives, its key, which no other has
    group: str  # what must not be split between training and validation: the person, the photograph or the film
    faces: tuple[KnownFace, ...] | None  # those to take; None for all that a detector finds


def read_folder(root: Path) -> Iterator[Record]:
    """Any folder of photographs: every face that is found. Split by photograph."""
    for name in list_images(root):
        yield Record(str(root / name), name, name, None)


def read_people(root: Path) -> Iterator[Record]:
    """LFW, and all that have a folder for each person: NAME/NAME_0001.jpg. The face in the middle; split by person."""
    for name in list_images(root):
        yield Record(str(root / name), name, str(Path(name).parent), (KnownFace(),))


def read_ffhq(root: Path) -> Iterator[Record]:
    """FFHQ: images1024x1024/NNNNN/NNNNN.png or thumbnails128x128/..., with the landmarks of ffhq-dataset-v2.json.

    Images may lie without the folders of a thousand, too. Without the JSON file faces are detected. Its landmarks are
    dlib's, which count from 0 at the centre of the first pixel. The photographers are not told apart: split by image.
    """
    folder = _first(root, 'images1024x1024', 'thumbnails128x128')
    known, reduction = {}, 1024 / int(folder.name.rpartition('x')[2])
    if (root / 'ffhq-dataset-v2.json').is_file():
        known = {f'{int(number):05d}': item['image']['face_landmarks'] for number, item in
                 json.loads(read_text(root / 'ffhq-dataset-v2.json')).items()}
    for name in list_images(folder):
        points = known.get(Path(name).stem)
        landmarks = None if points is None else (np.array(points, float) + 0.5) / reduction
        yield Record(str(folder / name), name, name, (KnownFace(landmarks=landmarks),))


def read_celeba(root: Path) -> Iterator[Record]:
    """CelebA: img_celeba or img_align_celeba, there or in Img; list_bbox_celeba.txt and identity_CelebA.txt.

    These two lie there or in Anno. The boxes are for img_celeba, where they say which face of the photograph is meant.
    Its five landmarks are not used. Split by person; by image where identity_CelebA.txt is missing.
    """
    folder = _first(root, 'img_celeba', 'Img/img_celeba', 'img_align_celeba', 'Img/img_align_celeba',
                    'img_align_celeba_png', 'Img/img_align_celeba_png')
    people = {Path(name).stem: person for name, person in _table(root, 'identity_CelebA.txt', 0)}
    boxes = {}
    if folder.name == 'img_celeba':
        boxes = {Path(name).stem: _box(map(float, box)) for name, *box in _table(root, 'list_bbox_celeba.txt', 2)}
    for name in list_images(folder):
        stem = Path(name).stem
        yield Record(str(folder / name), name, people.get(stem, name), (KnownFace(boxes.get(stem)),))


def _table(root: Path, name: str, header: int) -> list[list[str]]:
    """The lines of one of CelebA's text files after its header, split into words; none where it is missing."""
    path = next((path for path in (root / name, root / 'Anno' / name) if path.is_file()), None)
    return [] if path is None else [line.split() for line in read_text(path).splitlines()[header:] if line.strip()]


def read_wider(root: Path, subset: str = 'train') -> Iterator[Record]:
    """WIDER FACE: WIDER_train/images/EVENT/*.jpg and wider_face_split/wider_face_train_bbx_gt.txt.

    The boxes are cropped by, see ``faces.crop.BOX_RULES``, unless --detector names one. Those of invalid faces are
    dropped. Split by photograph.
    """
    listing = root / f'wider_face_split/wider_face_{subset}_bbx_gt.txt'
    folder = _first(root, f'WIDER_{subset}/images')
    lines = iter(read_text(listing).splitlines())
    try:
        for name in lines:
            count = int(next(lines))
            faces = [_wider_face(next(lines)) for _ in range(max(1, count))]  # no face is one line of zeros
            if count:
                yield Record(str(folder / name), name, name, tuple(faces))
    except OSError as error:
        raise InputError(f'{listing}: cannot be read ({error.strerror})') from error
    except (StopIteration, ValueError) as error:
        raise InputError(f'{listing}: not lines of name, count and faces; unpack wider_face_split.zip again') from error


def _wider_face(line: str) -> KnownFace:
    x, y, width, height, blur, _, _, invalid, occlusion, _ = map(int, line.split())
    return KnownFace(_box((x, y, width, height)), 'wider', blur=blur, occlusion=occlusion, invalid=bool(invalid))


def read_wider_val(root: Path) -> Iterator[Record]:
    """WIDER FACE's validation photographs: WIDER_val/images/EVENT/*.jpg and wider_face_val_bbx_gt.txt."""
    return read_wider(root, 'val')


def read_boxes(root: Path) -> Iterator[Record]:
    """Any folder of photographs whose faces' boxes are known: INPUT, and INPUT.npz beside it. Split by photograph.

    The file has, for each face,
        name:    of its image, relative to INPUT, with or without its suffix
        box:     x, y, width and height, pixels
        box_of:  whose boxes they are, which decides how they are cropped by: wider (annotations of WIDER FACE),
                 detector (CenterFace's), or landmarks (the 68 points' and the forehead above them); also one for all
    and may have
        points:  (5, 2): eyes, nose, corners of the mouth, pixels. Faces turned by more than 10 degrees are levelled
        photo:   which photograph the image is cut from: no photograph is in both training and validation
    """
    path = root.with_name(f'{root.name}.npz')
    images = {make_key(name): name for name in list_images(root)}
    try:
        with np.load(path) as content:
            table = {key: content[key] for key in content.files}
        keys = [make_key(str(name)) for name in table['name']]
        boxes = table['box'].astype(float).reshape(len(keys), 4).tolist()
        kinds = np.broadcast_to(table['box_of'], len(keys))
        points = table['points'].astype(float).reshape(len(keys), 5, 2) if 'points' in table else [None] * len(keys)
        groups = dict(zip(keys, np.broadcast_to(table.get('photo', keys), len(keys)).tolist()))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f'{path}: no boxes can be read from it ({error}); prepare boxes --help tells what it has to '
                         'hold') from error
    faces: dict[str, list[KnownFace]] = {}
    for key, box, kind, five in zip(keys, boxes, kinds, points):
        check_choice(f'{path}: box_of', str(kind), BOX_KINDS)
        if key not in images:
            raise InputError(f'{path}: {key} is no image of {root}; remove its face, or give the folder of all images')
        faces.setdefault(key, []).append(KnownFace(_box(box), str(kind), five))
    for key, known in faces.items():
        yield Record(str(root / images[key]), images[key], groups[key], tuple(known))


def read_ls3d_w(root: Path) -> Iterator[Record]:
    """LS3D-W: images with landmarks beside them, .t7 (also .pts and .mat); 300VW-3D split by film, the rest by image.

    Every subset that lies in the folder is read; a part of LS3D-W's images is AFLW2000-3D's. Persons are not known.
    """
    for name in list_images(root):
        parts = Path(name).parts
        yield _annotated(root, name, str(Path(name).parent) if '300VW-3D' in (root.name, *parts) else name)


def read_300w_lp(root: Path) -> Iterator[Record]:
    """300W-LP: AFW, AFW_Flip, HELEN, ... with a .mat beside each image. Split by the photograph that it was made from.

    AFW/AFW_134212_1_7.jpg is the 7th view made of face 1 of a photograph; AFW_Flip has the mirrored ones. The views are
    near duplicates of each other: --keep_duplicates keeps them.
    """
    for name in list_images(root):
        if not name.startswith(('Code/', 'landmarks/')):
            made_from = re.sub(r'_\d+$', '', Path(name).stem)
            yield _annotated(root, name, made_from)


def read_aflw2000_3d(root: Path) -> Iterator[Record]:
    """AFLW2000-3D: imageNNNNN.jpg with a .mat beside it, whose pt3d_68 is read. Split by image."""
    for name in list_images(root):
        if not name.startswith('Code/'):
            yield _annotated(root, name, name)


def _annotated(root: Path, name: str, group: str) -> Record:
    path = find_annotation(root / name)
    face = KnownFace(annotated=False) if path is None else KnownFace(annotation=str(path))
    return Record(str(root / name), name, group, (face,))


def read_aflw(root: Path) -> Iterator[Record]:
    """AFLW: data/aflw.sqlite and data/flickr/N/*.jpg, or both without data. Split by photograph.

    The table FaceRect says which faces are meant. The 21 points of FeatureCoords are not used: they are no iBUG points.
    """
    database, folder = _first(root, 'data/aflw.sqlite', 'aflw.sqlite'), _first(root, 'data/flickr', 'flickr')
    query = ('SELECT FaceImages.filepath, FaceRect.x, FaceRect.y, FaceRect.w, FaceRect.h FROM FaceImages '
             'JOIN Faces ON Faces.file_id = FaceImages.file_id JOIN FaceRect ON FaceRect.face_id = Faces.face_id '
             'ORDER BY FaceImages.filepath, Faces.face_id')
    images: dict[str, list[KnownFace]] = {}
    try:
        connection = sqlite3.connect(f'{database.resolve().as_uri()}?mode=ro', uri=True)
        for name, *box in connection.execute(query):
            images.setdefault(name, []).append(KnownFace(_box(box)))
        connection.close()
    except sqlite3.Error as error:
        raise InputError(f'{database}: not the database of AFLW ({error}); download it again') from error
    for name, faces in images.items():
        yield Record(str(folder / name), name, name, tuple(faces))


def _first(root: Path, *names: str) -> Path:
    """The first of these files or folders that is there; InputError where none is."""
    found = next((root / name for name in names if (root / name).exists()), None)
    if found is None:
        raise InputError(f'{root}: has no {" or ".join(names)}; give the folder that holds it')
    return found


def _box(values) -> tuple[float, float, float, float]:
    x, y, width, height = values
    return x, y, x + width, y + height


COLLECTIONS: dict[str, Callable[[Path], Iterator[Record]]] = {
    'folder': read_folder, 'ffhq': read_ffhq, 'celeba': read_celeba, 'lfw': read_people, 'wider': read_wider,
    'wider_val': read_wider_val, 'boxes': read_boxes, 'ls3d_w': read_ls3d_w, '300w_lp': read_300w_lp,
    'aflw2000_3d': read_aflw2000_3d, 'aflw': read_aflw,
}
BOXES = 'boxes'  # in place of a detector: the crop rule is applied to the collection's own boxes
BOXES_TO_CROP_BY = ('wider', 'wider_val', 'boxes')


def read_collection(collection: str, root: str | Path) -> list[Record]:
    """The images of one of ``COLLECTIONS`` in the order of their listing, each with a key of its own as its name.

    InputError where there is no such collection or folder, or something that the layout needs is not there.
    """
    check_choice('collection', collection, COLLECTIONS)
    root = Path(root).expanduser()
    if not root.is_dir():
        raise InputError(f'{root}: not a folder; give the one that the collection was unpacked into')
    records = list(COLLECTIONS[collection](root))
    if not records:
        raise InputError(f'{root}: lists no image with a face; give the folder of the whole collection')
    keys = make_unique([make_key(record.name) for record in records], [collection] * len(records))
    return [replace(record, name=key) for record, key in zip(records, keys)]
