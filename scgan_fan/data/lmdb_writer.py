"""Folders and lists of images -> one LMDB in BasicSR's layout, which a kill at any moment does not harm.

    faces.lmdb/
        data.mdb        key -> PNG file, RGB, 8 bit
        meta_info.txt   one line for each image: ``key.png (height,width,3) 1``
        skipped.txt     what was left out: path, tab, reason
        inputs.sha256   of the images that it was made of (keys, paths, bytes of the files) and their size

See ``scgan_fan.data.resumable_lmdb`` for how it survives. Images are taken in the order of the listing.
"""
import dataclasses
import hashlib
import io
import json
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from scgan_fan.data.image_source import hash_pixels, list_images, make_key, make_unique
from scgan_fan.data.resumable_lmdb import ResumableLmdb
from scgan_fan.data.sizes import centre_square, reduce_area
from scgan_fan.errors import InputError
from scgan_fan.images import read_image

PNG_COMPRESSION = 1  # zlib level; also the last column of meta_info.txt
LONGEST_KEY = 511  # bytes, a limit of LMDB


@dataclasses.dataclass(frozen=True)
class Job:
    """An image to store: its key, its file, and the side it is brought to (pixels; None: left as it is)."""
    key: str
    path: str
    size: int | None


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a job; one line of the journal. ``skipped`` is the reason, empty if the image is stored."""
    skipped: str = ''
    height: int = 0
    width: int = 0
    converted: bool = False  # was not 8-bit RGB
    digest: str = ''  # of the stored pixels


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a finished LMDB holds: images stored, how many of them were converted to RGB, and skipped by reason."""
    stored: int
    converted: int
    skipped: Counter


def write_lmdb(inputs: list[str], output: str, size: int | None = None, workers: int = 1, overwrite: bool = False,
               batch: int = 500) -> Summary | None:
    """Store the images of ``inputs`` as RGB PNGs under ``make_key`` of their names, made unique with the input's name.

    Images that are not RGB are converted; unreadable ones, those smaller than ``size`` and those whose stored pixels
    would equal an earlier image's are skipped. Called again after an interruption it continues and gives the same
    entries and text files (``data.mdb`` may arrange its pages otherwise).

    Args:
        inputs: folders, and ``.txt`` files with an image path in each line (relative to the file's folder).
        output: the LMDB, a path that ends with ``.lmdb``.
        size: crop the central square and reduce it to this side, pixels. None: keep images as they are.
        workers: processes that decode and encode.
        overwrite: replace what is at ``output``, unless it is what an interrupted call with these inputs left.
        batch: images in one transaction.

    Returns:
        What was stored and what was not, or None where ``output`` is finished already.

    Raises:
        InputError: no images, none usable, an ``output`` that cannot be written or was made of other inputs.
    """
    jobs = list_jobs(inputs, size)
    store = ResumableLmdb(output, 'images', _fingerprint(jobs), 'other images or another --size')
    if not store.begin(overwrite):
        return None
    with multiprocessing.Pool(workers, _quiet_worker) as pool, store:
        outcomes = store.resume(job.key for job in jobs)
        store.work_off(jobs, outcomes, _Encoder(pool, jobs, outcomes), batch)
    return _finish(store, jobs, [Outcome(**outcome) for outcome in outcomes])


def list_jobs(inputs: list[str], size: int | None) -> list[Job]:
    """Every image of ``inputs`` with its key; raises InputError where an input is missing or holds none."""
    keys, labels, paths = [], [], []
    for entry in map(Path, inputs):
        if entry.is_dir():
            base, names = entry, list_images(entry)
        elif entry.is_file() and entry.suffix == '.txt':
            base, names = entry.parent, _read_list(entry)
        else:
            raise InputError(f'{entry}: neither a folder nor a .txt file that lists images')
        keys += [make_key(Path(name).name if os.path.isabs(name) else name) for name in names]
        paths += [os.path.abspath(base / name) for name in names]
        labels += [entry.resolve().stem] * len(names)
    return [Job(key, path, size) for key, path in zip(make_unique(keys, labels), paths, strict=True)]


def _read_list(path: Path) -> list[str]:
    names = [line.strip() for line in path.read_text(encoding='utf-8', errors='surrogateescape').splitlines()]
    names = [name for name in names if name]
    if not names:
        raise InputError(f'{path}: lists no images; write one path in each line')
    return names


def _fingerprint(jobs: list[Job]) -> str:
    inputs = [(*dataclasses.astuple(job), os.path.getsize(job.path) if os.path.exists(job.path) else None)
              for job in jobs]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


class _Encoder:
    """Images to outcomes and entries, by a pool of workers; an image that equals an earlier one is skipped."""

    def __init__(self, pool, jobs: list[Job], outcomes: list[dict]):
        self._pool = pool
        self._seen = {outcome['digest']: job for job, outcome in zip(jobs, outcomes) if not outcome['skipped']}

    def __call__(self, jobs: list[Job]) -> Iterator[tuple[dict, dict[str, bytes]]]:
        for job, (outcome, png) in zip(jobs, self._pool.imap(_encode, jobs, chunksize=8)):
            original = job if outcome.skipped else self._seen.setdefault(outcome.digest, job)
            if original is not job:
                outcome = Outcome(f'duplicate: same pixels as {original.path}')
            yield dataclasses.asdict(outcome), {} if outcome.skipped else {job.key: png}


def _finish(store: ResumableLmdb, jobs: list[Job], outcomes: list[Outcome]) -> Summary:
    results = list(zip(jobs, outcomes, strict=True))
    skipped = [(job, outcome.skipped) for job, outcome in results if outcome.skipped]
    stored = [(job, outcome) for job, outcome in results if not outcome.skipped]
    store.write('skipped.txt', ''.join(f'{job.path}\t{reason}\n' for job, reason in skipped))
    if not stored:
        raise InputError(f'{store.folder}: none of the {len(jobs)} images can be used; the reasons are in skipped.txt '
                         'there')
    store.finish(''.join(f'{job.key}.png ({outcome.height},{outcome.width},3) {PNG_COMPRESSION}\n'
                         for job, outcome in stored))
    return Summary(stored=len(stored), converted=sum(outcome.converted for _, outcome in stored),
                   skipped=Counter(reason.split(':')[0] for _, reason in skipped))


def _quiet_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's business


def _encode(job: Job) -> tuple[Outcome, bytes]:
    """Runs in a worker: what the image comes to, and its PNG file (empty if it is skipped)."""
    if len(job.key) > LONGEST_KEY:
        return Outcome(f'name too long: {len(job.key)} bytes encoded, {LONGEST_KEY} at most'), b''
    try:
        image, converted = _read_as_rgb(job.path)
    except InputError:  # its wording is not repeated: the same image must give the same line in each run
        return Outcome('unreadable: missing, damaged or no image'), b''
    height, width = image.shape[:2]
    if job.size is not None:
        if min(height, width) < job.size:
            return Outcome(f'too small: {width}x{height} pixels'), b''
        image = reduce_area(centre_square(image), job.size)
        height = width = job.size
    png = io.BytesIO()
    Image.fromarray(image).save(png, 'PNG', compress_level=PNG_COMPRESSION)
    return Outcome('', height, width, converted, hash_pixels(image)), png.getvalue()


def _read_as_rgb(path: str) -> tuple[np.ndarray, bool]:
    try:
        return read_image(path), False
    except InputError:  # not RGB, or not readable at all: then it is raised again
        return read_image(path, convert=True), True
