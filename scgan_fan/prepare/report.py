"""What a preparation kept and dropped, and why: for people, for programs, and as pictures."""
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from scgan_fan.data.geometry import MeanFace, evenly, mean_face, read_evenly
from scgan_fan.data.image_source import open_source
from scgan_fan.files import write_text
from scgan_fan.images import read_image, write_image
from scgan_fan.pictures import title
from scgan_fan.prepare.crops import Candidate, file_name
from scgan_fan.templates import render

JSON_FILE = 'report.json'
MOST_FACES = 2000  # of a set, for its mean face
PERCENTILES = (0, 5, 50, 95, 100)
COLUMNS, TILE = 16, 80  # of the contact sheet; pixels
ROWS = {'train': 6, 'val': 2}  # of it; one for each reason


def write(output: Path, settings, images: int, candidates: list[Candidate], sets: dict) -> dict:
    """Write contact_sheet.png, mean_face_*.png, report.md and, last, report.json; returns what that says."""
    room = settings.room
    means = {name: mean_face(read_evenly(open_source(output / f'{name}.lmdb'), MOST_FACES, f'mean face of {name}',
                                         room))
             for name, faces in sets.items() if faces}
    summary = summarize(settings, images, candidates, sets, means)
    write_image(output / 'contact_sheet.png', contact_sheet(output / 'faces', candidates, sets, means, room))
    for name, mean in means.items():
        write_image(output / f'mean_face_{name}.png', mean.picture)
    write_text(output / 'report.md', render('scgan_fan.prepare', 'report.md.jinja', **summary))
    write_text(output / JSON_FILE, json.dumps(summary, indent=2) + '\n')
    return summary


def summarize(settings, images: int, candidates: list[Candidate], sets: dict, means: dict[str, MeanFace]) -> dict:
    """Settings and counts.

    Returns:
        ``settings``; ``images``, how many were read; ``kept``: for ``train`` and ``val`` the ``faces`` and the
        ``groups`` (persons, photographs) that they are of; ``dropped``: reason -> faces; ``mean_face``: for each
        set the ``brightness`` (0 to 255) and ``contrast`` of its crops; ``side`` and ``sharpness`` of the kept ones:
        percentile -> value.
    """
    kept = [face for faces in sets.values() for face in faces]
    dropped = Counter(face.dropped.partition(':')[0] for face in candidates if face.dropped)
    return {
        'settings': asdict(settings), 'images': images,
        'kept': {name: {'faces': len(faces), 'groups': len({face.group for face in faces})}
                 for name, faces in sets.items()},
        'dropped': dict(sorted(dropped.items())),
        'mean_face': {name: {value: round(getattr(mean, value), 1) for value in ('brightness', 'contrast')}
                      for name, mean in means.items()},
        **{value: _percentiles([getattr(face, value) for face in kept]) for value in ('side', 'sharpness')},
    }


def _percentiles(values: list[float]) -> dict[str, float]:
    return {str(rank): float(f'{value:.4g}') for rank, value in zip(PERCENTILES, np.percentile(values, PERCENTILES))}


def contact_sheet(folder: Path, candidates: list[Candidate], sets: dict, means: dict[str, MeanFace],
                  room: float = 1) -> np.ndarray:
    """``uint8`` RGB: the mean faces; faces of each set, and of each reason for which a face was dropped after it was
    cut, evenly over the listing. Where they have ``room``, a line frames the crop.
    """
    groups = {f'{name}: {len(faces)}': (faces, ROWS[name]) for name, faces in sets.items()}
    cut = [face for face in candidates if face.dropped and face.pixels]
    for reason in sorted({face.dropped.partition(':')[0] for face in cut}):
        faces = [face for face in cut if face.dropped.partition(':')[0] == reason]
        groups[f'dropped, {reason}: {len(faces)}'] = faces, 1
    parts = [part for label, (faces, rows) in groups.items() if faces
             for part in (title(label, COLUMNS * TILE), _grid(folder, faces, rows, room))]
    mean_faces = _tiles([mean.picture for mean in means.values()])
    return np.vstack([title(f'mean faces: {", ".join(means)}', COLUMNS * TILE), mean_faces, *parts])


def _grid(folder: Path, faces: list[Candidate], rows: int, room: float) -> np.ndarray:
    chosen = evenly(len(faces), rows * COLUMNS)
    return _tiles([read_image(folder / file_name(faces[index].name)) for index in chosen], room)


def _tiles(images: list[np.ndarray], room: float = 1) -> np.ndarray:
    tiles = [_tile(image, room) for image in images]
    tiles += [np.full((TILE, TILE, 3), 255, np.uint8)] * (-len(tiles) % COLUMNS)
    return np.vstack([np.hstack(tiles[start:start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)])


def _tile(image: np.ndarray, room: float) -> np.ndarray:
    method = cv2.INTER_AREA if len(image) > TILE else cv2.INTER_NEAREST
    tile = cv2.resize(image, (TILE, TILE), interpolation=method)
    if room > 1:
        corner = round(TILE * (1 - 1 / room) / 2)
        cv2.rectangle(tile, (corner, corner), (TILE - 1 - corner, TILE - 1 - corner), (255, 255, 255))
    return tile
