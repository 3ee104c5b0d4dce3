"""Folders and lists of images -> one LMDB in BasicSR's layout.

    faces.lmdb/
        data.mdb        key -> PNG file, RGB, 8 bit
        meta_info.txt   one line for each image: ``key.png (height,width,3) 1``
        skipped.txt     what was left out: path, tab, reason
        inputs.sha256   of the images that it was made of (keys, paths, bytes of the files) and their size

It is whole or not there (``scgan_fan.data.whole_folder``). Images are taken in the order of the listing.
"""
import contextlib
import dataclasses
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image
from tqdm import tqdm

from scgan_fan.data.image_source import hash_pixels, list_images, make_key, make_unique
from scgan_fan.data.sizes import centre_square, reduce_area
from scgan_fan.data.whole_folder import MARKERS, WholeFolder
from scgan_fan.errors import InputError
from scgan_fan.files import read_text
from scgan_fan.images import read_image, reason_of
from scgan_fan.processes import map_in_processes

PNG_COMPRESSION = 1  # zlib level; also the last column of meta_info.txt
LONGEST_KEY = 511  # bytes, a limit of LMDB
FIRST_MAP_SIZE = 2**28  # bytes that the LMDB may grow to before it is allowed twice as many


@dataclasses.dataclass(frozen=True)
class Job:
    """An image to store: its key, its file, and the side it is brought to (pixels; None: left as it is)."""
    key: str
    path: str
    size: int | None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What becomes of a job: the PNG file to store, or ``skipped``, the reason why there is none."""
    skipped: str = ''
    png: bytes = b''
    height: int = 0
    width: int = 0
    converted: bool = False  # was not 8-bit RGB
    digest: str = ''  # of the pixels


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a finished LMDB holds: images stored, how many of them were converted to RGB, and skipped by reason."""
    stored: int
    converted: int
    skipped: Counter


def write_lmdb(inputs: list[str], output: str, size: int | None = None, workers: int = 1,
               overwrite: bool = False) -> Summary | None:
    """Store the images of ``inputs`` as RGB PNGs under ``make_key`` of their names, made unique with the input's name.

    Images that are not RGB are converted; unreadable ones, those smaller than ``size`` and those whose stored pixels
    would equal an earlier image's are skipped. The result does not depend on the workers.

    Args:
        inputs: folders, and ``.txt`` files with an image path in each line (relative to the file's folder).
        output: the LMDB, a path that ends with ``.lmdb``.
        size: crop the central square and reduce it to this side, pixels. None: keep images as they are.
        workers: processes that decode and encode.
        overwrite: replace what is at ``output``.

    Returns:
        What was stored and what was not, or None where ``output`` is finished already.

    Raises:
        InputError: no images, none usable, an ``output`` that cannot be written or was made of other inputs.
    """
    if Path(output).suffix != '.lmdb':
        raise InputError(f'{output}: the output must end with .lmdb; BasicSR tells LMDBs from folders by that')
    jobs = list_jobs(inputs, size)
    folder = WholeFolder(Path(output), 'images', _fingerprint(jobs), 'other images or another --size')
    if folder.is_finished(overwrite):
        return None
    with folder.aside() as part, contextlib.closing(map_in_processes(_encode, jobs, workers)) as outcomes:
        return _store(part, zip(jobs, outcomes), len(jobs))


def list_jobs(inputs: list[str], size: int | None) -> list[Job]:
    """Every image of ``inputs`` with its key; raises InputError where an input is missing or holds none."""
    keys, labels, paths = [], [], []
    for entry in map(Path, inputs):
        if entry.is_dir():
            base, names = entry, list_images(entry)
        elif entry.is_file() and entry.suffix.lower() == '.txt':
            base, names = entry.parent, _read_list(entry)
        else:
            raise InputError(f'{entry}: neither a folder nor a .txt file that lists images')
        keys += [make_key(Path(name).name if os.path.isabs(name) else name) for name in names]
        paths += [os.path.abspath(base / name) for name in names]
        labels += [entry.resolve().stem] * len(names)
    return [Job(key, path, size) for key, path in zip(make_unique(keys, labels), paths, strict=True)]


def _read_list(path: Path) -> list[str]:
    names = [line.removesuffix('\r') for line in read_text(path).split('\n') if line.strip()]
    if not names:
        raise InputError(f'{path}: lists no images; write one path in each line')
    return [_find(path.parent, name) for name in names]


def _find(folder: Path, name: str) -> str:
    """The name as it is listed where such a file is there, else without spaces around it and with Windows' slashes."""
    return name if os.path.exists(folder / name) else name.strip().replace('\\', '/')


def _fingerprint(jobs: list[Job]) -> str:
    inputs = [(*dataclasses.astuple(job), os.path.getsize(job.path) if os.path.exists(job.path) else None)
              for job in jobs]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _store(part: Path, results: Iterator[tuple[Job, Outcome]], count: int) -> Summary:
    """Write data.mdb and both lists. An image that equals an earlier one is skipped."""
    stored, skipped, converted = [], [], 0
    seen: dict[str, Job] = {}
    # nothing is synchronized before the end: what a crash leaves is thrown away
    with lmdb.open(str(part), map_size=FIRST_MAP_SIZE, sync=False) as environment:
        for job, outcome in tqdm(results, 'storing', count, unit='image'):
            original = job if outcome.skipped else seen.setdefault(outcome.digest, job)
            reason = outcome.skipped if original is job else f'duplicate: same pixels as {original.path}'
            if reason:
                skipped.append((job.path, reason))
                continue
            _put(environment, job.key, outcome.png)
            stored.append(f'{job.key}.png ({outcome.height},{outcome.width},3) {PNG_COMPRESSION}')
            converted += outcome.converted
    _write_lines(part / 'skipped.txt', [f'{path}\t{reason}' for path, reason in skipped])
    if not stored:
        raise InputError(f'{part}: none of the {count} images can be used; the reasons are in skipped.txt there')
    _write_lines(part / MARKERS['images'], stored)
    return Summary(len(stored), converted, Counter(reason.split(':')[0] for _, reason in skipped))


def _put(environment: lmdb.Environment, key: str, value: bytes) -> None:
    try:
        with environment.begin(write=True) as transaction:
            transaction.put(key.encode(), value)
    except lmdb.MapFullError:
        environment.set_mapsize(2 * environment.info()['map_size'])
        _put(environment, key, value)
    except lmdb.Error as error:
        raise InputError(f'{environment.path()}: cannot be written ({error}); make room, then give the same command '
                         'again') from error


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8', errors='surrogateescape', newline='')


def _encode(job: Job) -> Outcome:
    """Runs in a worker."""
    if len(job.key) > LONGEST_KEY:
        return Outcome(f'name too long: {len(job.key)} bytes encoded, {LONGEST_KEY} at most')
    try:
        image, converted = _read_as_rgb(job.path)
    except InputError as error:
        return Outcome(f'unreadable: {reason_of(error, job.path)}')
    height, width = image.shape[:2]
    if job.size is not None:
        if min(height, width) < job.size:
            return Outcome(f'too small: {width}x{height} pixels')
        image = reduce_area(centre_square(image), job.size)
    png = io.BytesIO()
    Image.fromarray(image).save(png, 'PNG', compress_level=PNG_COMPRESSION)
    height, width = image.shape[:2]
    return Outcome('', png.getvalue(), height, width, converted, hash_pixels(image))


def _read_as_rgb(path: str) -> tuple[np.ndarray, bool]:
    try:
        return read_image(path), False
    except InputError:  # not RGB, or not readable at all: then it is raised again
        return read_image(path, convert=True), True
