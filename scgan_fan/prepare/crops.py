"""One image of a collection -> its faces, cut by the one crop rule, each with what the filters ask for."""
import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from scgan_fan.choices import MIN_FACE
from scgan_fan.data.sizes import side_with_room
from scgan_fan.errors import InputError
from scgan_fan.faces.alignment import find_landmarks
from scgan_fan.faces.crop import BOX_RULES, Crop, Face, crop_box, crop_by_box, tilt
from scgan_fan.faces.detection import find_faces
from scgan_fan.faces.paste import cut_crop
from scgan_fan.images import read_image, reason_of, write_image
from scgan_fan.prepare.annotations import read_annotation
from scgan_fan.prepare.collections import BOXES, KnownFace, Record
from scgan_fan.prepare.filters import perceptual_hash, sharpness

AROUND = 1.0  # of a known box's longer side: how far around it a detector looks
MOST_OUTSIDE = 0.1  # of a crop's area beyond the border of the photograph


@dataclass(frozen=True)
class Rules:
    """How faces are cut, and which are dropped."""

    size: int  # side of the crops, pixels
    margin: float  # see ``faces.crop.crop_box``; the larger, the smaller the face in its crop
    detector: str  # of ``faces.detection.find_faces``, or ``boxes``
    min_face: int  # side of the crop in the photograph, pixels
    max_face: int | None  # None: no limit
    max_blur: int  # of WIDER FACE's flags, 0 to 2
    max_occlusion: int
    sharpness: float  # the least, see ``filters.sharpness``; 0 keeps all
    room: float = 1  # side of what is stored / side of the crop in its middle
    native: bool = False  # what is stored keeps the photograph's pixels; else its crop is brought to ``size``


@dataclass(frozen=True)
class Candidate:
    """A face that was found, or an image without one."""

    name: str  # key of the face; that of the image with a number behind it
    group: str  # see ``collections.Record``
    dropped: str = ''  # the reason; empty where nothing speaks against the face itself
    side: int = 0  # of the crop in the photograph, pixels
    landmarks: list | None = None  # (68, 2) in pixels of the stored image, where they are known or were found
    sharpness: float = 0  # ``filters.sharpness`` of the crop at ``Rules.size``
    pixels: str = ''  # SHA-256 of the stored image
    image_hash: str = ''  # ``filters.perceptual_hash`` of the crop


class Dropped(Exception):
    """Why a face is not used."""


def file_name(key: str) -> str:
    """The file of a crop, relative to the folder of all crops; ``make_key`` of it is the key."""
    return f'{unquote(key, errors="surrogateescape")}.png'


def cut_faces(record: Record, rules: Rules, folder: Path) -> list[Candidate]:
    """Write the faces of an image to ``folder`` as PNG files and say what each is like."""
    try:
        image = read_image(record.path, convert=True)
    except InputError as error:
        return [Candidate(record.name, record.group, f'unreadable image: {reason_of(error, record.path)}')]
    known = record.faces
    if known is None:
        known = tuple(KnownFace(landmarks=points) for points in _align(image, _detect(image, rules)))
    return [_cut(image, face, rules, f'{record.name}_{number}', record.group, folder)
            for number, face in enumerate(known)] or [Candidate(record.name, record.group, 'no face found')]


def _cut(image: np.ndarray, known: KnownFace, rules: Rules, name: str, group: str, folder: Path) -> Candidate:
    side = 0
    try:
        _check_flags(known, rules)
        landmarks = _landmarks(image, known, rules)
        exact = _crop(landmarks, known, rules)
        whole = exact.rounded()
        side = int(whole.side)
        _check_place(image, whole, rules)
    except Dropped as dropped:
        return Candidate(name, group, str(dropped), side)
    crop = cut_crop(image, whole, rules.size)
    wide = _add_room(exact, rules.room)
    stored_side = int(wide.side) if rules.native else side_with_room(rules.size, rules.room)
    stored = cut_crop(image, wide, stored_side)
    write_image(folder / file_name(name), stored)
    sharp = sharpness(crop)
    if landmarks is not None:
        landmarks = ((landmarks - (wide.x, wide.y)) * (stored_side / wide.side)).round(2).tolist()
    return Candidate(name, group, 'not sharp' if sharp < rules.sharpness else '', side, landmarks, round(sharp, 4),
                     hashlib.sha256(stored.tobytes()).hexdigest(), perceptual_hash(crop))


def _check_flags(known: KnownFace, rules: Rules) -> None:
    if known.invalid:
        raise Dropped('marked as invalid')
    if known.blur > rules.max_blur:
        raise Dropped('marked as blurred')
    if known.occlusion > rules.max_occlusion:
        raise Dropped('marked as occluded')
    if not known.annotated:
        raise Dropped('no landmarks beside the image')


def _landmarks(image: np.ndarray, known: KnownFace, rules: Rules) -> np.ndarray | None:
    """Landmarks (68, 2) in pixels of the image; None where the box is to be cropped by."""
    if known.landmarks is not None:
        return known.landmarks
    if known.annotation is not None:
        try:
            return read_annotation(known.annotation)
        except InputError as error:
            raise Dropped('unreadable landmarks') from error
    if rules.detector == BOXES:
        return None
    return _find_known(image, known, rules)


def _find_known(image: np.ndarray, known: KnownFace, rules: Rules) -> np.ndarray:
    """Landmarks of the face that a detector finds over the middle of the known box, or of the image."""
    height, width = image.shape[:2]
    left, top, right, bottom = known.box or (0, 0, width, height)
    around = AROUND * max(right - left, bottom - top)
    x, y = max(0, int(left - around)), max(0, int(top - around))
    region = image[y:max(0, int(bottom + around)), x:max(0, int(right + around))]
    middle = (left + right) / 2 - x, (top + bottom) / 2 - y
    for face in _detect(region, rules) if region.size else ():
        left, top, right, bottom = face.box
        if left <= middle[0] <= right and top <= middle[1] <= bottom:
            return _align(region, [face])[0] + (x, y)
    raise Dropped('no face found')


def _detect(image: np.ndarray, rules: Rules) -> list[Face]:
    # the crop by landmarks may be larger than the one by the box
    return find_faces(image, rules.detector, max(MIN_FACE, rules.min_face // 2))


def _align(image: np.ndarray, faces: list[Face]) -> np.ndarray:
    """Landmarks (N, 68, 2), pixels."""
    return find_landmarks(image, [face.crop() for face in faces])[0]


def _crop(landmarks: np.ndarray | None, known: KnownFace, rules: Rules) -> Crop:
    if landmarks is None:
        assert known.box is not None  # Rules.detector is BOXES
        return Crop(*crop_by_box(known.box, BOX_RULES[known.box_of], rules.margin), tilt(known.points))
    return Crop(*crop_box(landmarks, rules.margin))


def _add_room(crop: Crop, room: float) -> Crop:
    """The crop around the middle of this one, in whole pixels."""
    side = round(crop.side)
    wide = side_with_room(side, room)
    around = (wide - side) / 2
    return Crop(crop.x - around, crop.y - around, wide, crop.angle).rounded()


def _check_place(image: np.ndarray, crop: Crop, rules: Rules) -> None:
    if crop.side < rules.min_face:
        raise Dropped('too small')
    if rules.max_face is not None and crop.side > rules.max_face:
        raise Dropped('too large')
    corner, limit = np.array((crop.x, crop.y)), image.shape[1::-1]
    inside = np.minimum(corner + crop.side, limit) - np.maximum(corner, 0)
    if inside.clip(0).prod() < (1 - MOST_OUTSIDE) * crop.side**2:
        raise Dropped('cut off by the border')
