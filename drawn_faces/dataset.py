"""Sets of drawn faces, sharp ones and badly taken ones."""
import contextlib
import os
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from drawn_faces.face import draw_face
from scgan_fan.errors import InputError
from scgan_fan.files import write_arrays
from scgan_fan.images import write_image
from scgan_fan.processes import map_in_processes

_KERNELS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_NEAREST)


def degrade_hidden(image: np.ndarray, rng: np.random.Generator, size: int = 16) -> np.ndarray:
    """The degradation behind the drawn low-resolution sets, which training is not told.

    Like a tiny face in a bad photograph: a blur that is wider along one axis, dark, flat and coloured light, reduction
    by a random kernel to the size that the face had in the photograph, noise that grows with brightness, JPEG, and the
    resize to ``size`` of whoever collected it.

    Args:
        image: ``uint8`` RGB, square.
        rng: decides everything.
        size: side of the result in pixels.

    Returns:
        ``uint8`` RGB image (size, size, 3), aligned with ``image``.
    """
    severity = rng.beta(2, 1.6)
    wide = (0.4 + 2.2 * severity * rng.random()) * image.shape[0] / 64
    sigmas = rng.permutation([wide, wide * rng.uniform(0.35, 1)])
    pixels = cv2.GaussianBlur(image.astype(np.float32), (0, 0), *sigmas, borderType=cv2.BORDER_REFLECT)
    gain = (1 - severity * rng.uniform(-0.1, 0.75)) * (1 + severity * rng.normal(0, (0.07, 0.04, 0.1)))
    pixels = ((pixels - pixels.mean()) * (1 - 0.55 * severity * rng.random()) + pixels.mean()) * gain
    found = round(size * rng.uniform(1, 2))
    pixels = cv2.resize(pixels, (found, found), interpolation=_KERNELS[rng.integers(len(_KERNELS))])
    deviation = severity * rng.uniform(2, 16) * (0.4 + np.sqrt(np.clip(pixels, 0, 255) / 255))
    pixels = np.clip(np.round(pixels + deviation * rng.normal(0, 1, pixels.shape)), 0, 255).astype(np.uint8)
    quality = int(rng.uniform(92 - 65 * severity, 95))
    pixels = cv2.imdecode(cv2.imencode('.jpg', pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1], cv2.IMREAD_COLOR)
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA)


_SETS = {'hr': ('hr', None), 'lr': (None, 'lr'), 'val': ('val_hr', 'val_lr')}  # folders of sharp and of bad images


def _draw_example(task: tuple) -> np.ndarray:
    """Draw and write one example of a set; returns its landmarks (68, 2) at high resolution."""
    folder, seed, set_name, index, size, scale = task
    rng = np.random.default_rng(np.random.SeedSequence([seed, list(_SETS).index(set_name), index]))
    image, landmarks = draw_face(rng, size)
    sharp, bad = _SETS[set_name]
    if sharp:
        write_image(folder / sharp / _file_name(index), image)
    if bad:
        write_image(folder / bad / _file_name(index), degrade_hidden(image, rng, size // scale))
    return landmarks


def _file_name(index: int) -> str:
    return f'{index:06d}.png'


def _draw_all(tasks: list[tuple], workers: int) -> list[np.ndarray]:
    with contextlib.closing(map_in_processes(_draw_example, tasks, workers)) as drawn:
        return list(tqdm(drawn, 'drawing faces', len(tasks), unit='face'))


def _check_arguments(counts: dict[str, int], seed: int, size: int, scale: int, workers: int) -> None:
    wrong = [f'number of {name} faces: {count}; it cannot be negative' for name, count in counts.items() if count < 0]
    wrong += [f'seed: {seed}; it cannot be negative'] * (seed < 0)
    wrong += [f'size: {size}; faces need at least 16 pixels'] * (size < 16)
    wrong += [f'scale: {scale}; it must divide the size, {size}'] * (scale < 1 or size % max(scale, 1) > 0)
    wrong += [f'workers: {workers}; at least 1 is needed'] * (workers < 1)
    if wrong:
        raise InputError(wrong[0])


def draw_dataset(folder: str | Path, hr: int, lr: int, val: int, seed: int = 0, size: int = 64, scale: int = 4,
                 workers: int | None = None) -> None:
    """Draw sets for training and validation.

    Writes ``hr/*.png`` and ``lr/*.png`` (other faces, so unpaired), ``val_hr/*.png`` and ``val_lr/*.png`` (paired by
    file name), ``hr_landmarks.npz`` and ``val_hr_landmarks.npz`` with arrays ``name`` (file names) and ``landmarks``
    (N, 68, 2; ``float32`` pixels as ``draw_face`` gives them). Low-resolution images went through ``degrade_hidden``.
    A face depends only on the seed, its set and its number, not on the counts or the workers.

    Args:
        folder: where to write; made if missing. Files of the same names are replaced.
        hr, lr, val: how many faces each set gets.
        seed: 0 or more; another seed, other faces.
        size: side of the high-resolution images in pixels, at least 16.
        scale: high-resolution side / low-resolution side; divides ``size``.
        workers: processes that draw; None for one per core.

    Raises:
        InputError: an argument is out of its range, or the folder cannot be written.
    """
    workers = os.cpu_count() or 1 if workers is None else workers
    counts = {'hr': hr, 'lr': lr, 'val': val}
    _check_arguments(counts, seed, size, scale, workers)
    folder = Path(folder)
    tasks = [(folder, seed, name, index, size, scale) for name in _SETS for index in range(counts[name])]
    try:
        for name in ('hr', 'lr', 'val_hr', 'val_lr'):
            (folder / name).mkdir(parents=True, exist_ok=True)
        landmarks = np.array(_draw_all(tasks, workers), np.float32).reshape(-1, 68, 2)
        for name, first, count in (('hr', 0, hr), ('val_hr', hr + lr, val)):
            write_arrays(folder / f'{name}_landmarks.npz', landmarks=landmarks[first:first + count],
                         name=np.array([_file_name(i) for i in range(count)], np.str_))
    except OSError as error:
        raise InputError(f'{folder}: cannot be written ({error.strerror}); choose another folder') from error
