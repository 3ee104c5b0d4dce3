"""Photographs without people: drawn faces on a backdrop, with all that collections know of theirs."""
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from drawn_faces import draw_face
from scgan_fan.commands import prepare as command

FACE, CORNER = 96, (60, 40)  # pixels: side of a drawn face, and where it lies in its photograph


@pytest.fixture(scope='session')
def drawn() -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    """``drawn(seed)`` -> a photograph (180, 220, 3) of one face, and its landmarks (68, 2) there."""
    made = {}

    def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
        if seed not in made:
            face, landmarks = draw_face(np.random.default_rng(seed), FACE)
            x, y = CORNER
            colours = np.random.default_rng(seed).integers(60, 160, (5, 6, 3), dtype=np.uint8)
            photograph = cv2.resize(colours, (220, 180), interpolation=cv2.INTER_CUBIC)
            photograph[y:y + FACE, x:x + FACE] = face
            made[seed] = photograph, landmarks + CORNER
        return made[seed]

    return make


@pytest.fixture(scope='session')
def photograph(drawn) -> Callable[[Path, int], np.ndarray]:
    """``photograph(path, seed)`` writes a drawn photograph and gives its landmarks."""

    def write(path: Path, seed: int) -> np.ndarray:
        image, landmarks = drawn(seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=95)
        return landmarks

    return write


def write_pts(image: Path, landmarks: np.ndarray) -> None:
    """An iBUG file beside an image: counted from 1 at pixel centres."""
    points = '\n'.join(f'{x + 0.5} {y + 0.5}' for x, y in landmarks)
    image.with_suffix('.pts').write_text(f'version: 1\nn_points: 68\n{{\n{points}\n}}\n')


@pytest.fixture
def annotated(photograph) -> Callable[[Path, int], Path]:
    """``annotated(folder, count)`` writes photographs 0.png, 1.png, ... with landmarks like LS3D-W's; the folder."""

    def write(folder: Path, count: int) -> Path:
        for seed in range(count):
            write_pts(folder / f'{seed}.png', photograph(folder / f'{seed}.png', seed))
        return folder

    return write


@pytest.fixture
def settings(monkeypatch) -> Callable:
    """``settings('lfw', folder, '--size', 16)``: what the command line makes of it."""

    def parse(collection: str, folder: Path, *options):
        line = ['prepare', collection, folder, '-o', 'out', '--detector', 'dlib', *options]
        monkeypatch.setattr('sys.argv', [str(word) for word in line])
        return command._settings(command.parse_arguments())

    return parse
