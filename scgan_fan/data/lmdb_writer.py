"""Folders and lists of images -> one LMDB in BasicSR's layout, which a kill at any moment does not harm.

    faces.lmdb/
        data.mdb        key -> PNG file, RGB, 8 bit
        meta_info.txt   one line for each image: ``key.png (height,width,3) 1``; written last: no file, not finished
        skipped.txt     what was left out: path, tab, reason
        inputs.sha256   of the images that it was made of (keys, paths, bytes of the files) and their size
        journal.jsonl   while it is being made: what became of each image so far

Images are taken in the order of the listing. Each batch is first noted in the journal and then committed to the LMDB
in one transaction; so the journal, cut at the first image that it notes as stored but that the LMDB has not got, tells
how far an interrupted run came.
"""
import dataclasses
import hashlib
import io
import json
import multiprocessing
import os
import signal
from collections import Counter
from pathlib import Path

import lmdb
import numpy as np
from PIL import Image
from tqdm import tqdm

from scgan_fan.data.image_source import close_environments, list_images, make_key, make_unique
from scgan_fan.data.sizes import centre_square, reduce_area
from scgan_fan.errors import InputError
from scgan_fan.images import read_image

INPUTS = 'inputs.sha256'
PNG_COMPRESSION = 1  # zlib level; also the last column of meta_info.txt
FIRST_MAP_SIZE = 2**28  # bytes that the LMDB may grow to before it is allowed twice as many
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
    folder = Path(output)
    if folder.suffix != '.lmdb':
        raise InputError(f'{output}: the output must end with .lmdb; BasicSR tells LMDBs from folders by that')
    jobs = list_jobs(inputs, size)
    close_environments()  # this process may have read what is replaced now
    fingerprint = _fingerprint(jobs)
    if overwrite and _begun_by(folder) != fingerprint:
        _remove(folder)
    if (folder / 'meta_info.txt').exists():
        _check_made_from(folder, fingerprint)
        _journal(folder).unlink(missing_ok=True)
        return None
    _begin(folder, fingerprint)
    # the pool comes first: an open LMDB must not cross a fork
    with multiprocessing.Pool(workers, _quiet_worker) as pool, _open(folder) as environment:
        outcomes = _resume(folder, environment, jobs)
        _store_rest(pool, folder, environment, jobs, outcomes, batch)
    return _finish(folder, jobs, outcomes)


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


def _remove(folder: Path) -> None:
    # meta_info.txt first: from then on it counts as unfinished. Nothing but an LMDB's own files is deleted.
    for name in ('meta_info.txt', 'data.mdb', 'lock.mdb', 'skipped.txt', INPUTS, 'journal.jsonl'):
        (folder / name).unlink(missing_ok=True)


def _journal(folder: Path) -> Path:
    return folder / 'journal.jsonl'


def _fingerprint(jobs: list[Job]) -> str:
    inputs = [(*dataclasses.astuple(job), os.path.getsize(job.path) if os.path.exists(job.path) else None)
              for job in jobs]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _check_made_from(folder: Path, fingerprint: str) -> None:
    inputs = folder / INPUTS
    if inputs.exists() and inputs.read_text(encoding='utf-8') != fingerprint:  # LMDBs of other tools have none
        raise InputError(f'{folder}: is finished, but was made of other images or with another --size; give '
                         '--overwrite to make it again')


def _begun_by(folder: Path) -> str | None:
    """The fingerprint of the jobs that an unfinished LMDB was begun with: the first line of its journal."""
    if (folder / 'meta_info.txt').exists() or not _journal(folder).exists():
        return None
    with _journal(folder).open(encoding='utf-8') as lines:
        return next(lines).strip()


def _begin(folder: Path, fingerprint: str) -> None:
    """Start a journal, unless one of the same jobs is there to be continued."""
    begun_by = _begun_by(folder)
    if begun_by == fingerprint:
        return
    if begun_by:
        raise InputError(f'{folder}: was begun with other images or another --size; repeat that command, or give '
                         '--overwrite to begin anew')
    if (folder / 'data.mdb').exists():
        raise InputError(f'{folder}: an unfinished LMDB that was not begun here; give --overwrite to replace it')
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(_journal(folder), fingerprint + '\n')
    except OSError as error:
        raise InputError(f'{folder}: cannot be written ({error.strerror})') from error


def _write_whole(path: Path, text: str) -> None:
    """Write a text file so that it never exists in part."""
    part = path.with_name(path.name + '.part')
    with part.open('w', encoding='utf-8', errors='surrogateescape', newline='') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _open(folder: Path) -> lmdb.Environment:
    try:
        return lmdb.open(str(folder), map_size=FIRST_MAP_SIZE)
    except lmdb.Error as error:
        raise InputError(f'{folder}: cannot be opened as an LMDB ({error}); remove it and begin anew') from error


def _resume(folder: Path, environment: lmdb.Environment, jobs: list[Job]) -> list[Outcome]:
    """The outcomes that an interrupted run is certain of; the journal is cut after them."""
    first, *lines = _journal(folder).read_text(encoding='utf-8').splitlines(keepends=True)
    outcomes = []
    with environment.begin() as transaction:
        for job, line in zip(jobs, lines):
            if not line.endswith('\n'):
                break
            outcome = Outcome(**json.loads(line))
            if not outcome.skipped and transaction.get(job.key.encode()) is None:
                break
            outcomes.append(outcome)
    _write_whole(_journal(folder), ''.join([first, *lines[:len(outcomes)]]))
    return outcomes


def _store_rest(pool, folder: Path, environment: lmdb.Environment, jobs: list[Job], outcomes: list[Outcome],
                batch: int) -> None:
    """Work off the jobs that have no outcome yet, appending to ``outcomes``."""
    seen = {outcome.digest: job for job, outcome in zip(jobs, outcomes) if not outcome.skipped}
    bar = tqdm(total=len(jobs), initial=len(outcomes), unit='image')
    with bar, _journal(folder).open('a', encoding='utf-8') as journal:
        for start in range(len(outcomes), len(jobs), batch):
            chunk, entries = jobs[start:start + batch], {}
            for job, (outcome, png) in zip(chunk, pool.imap(_encode, chunk, chunksize=8)):
                original = job if outcome.skipped else seen.setdefault(outcome.digest, job)
                if original is not job:
                    outcome = Outcome(f'duplicate: same pixels as {original.path}')
                if not outcome.skipped:
                    entries[job.key.encode()] = png
                outcomes.append(outcome)
                bar.update()
            journal.writelines(json.dumps(dataclasses.asdict(outcome)) + '\n' for outcome in outcomes[start:])
            journal.flush()
            os.fsync(journal.fileno())
            _commit(environment, entries)


def _commit(environment: lmdb.Environment, entries: dict[bytes, bytes]) -> None:
    while True:
        try:
            with environment.begin(write=True) as transaction:
                for key, value in entries.items():
                    transaction.put(key, value)
            return
        except lmdb.MapFullError:
            environment.set_mapsize(2 * environment.info()['map_size'])
        except lmdb.Error as error:
            raise InputError(f'{environment.path()}: cannot be written ({error}); make room, then give the same '
                             'command again') from error


def _finish(folder: Path, jobs: list[Job], outcomes: list[Outcome]) -> Summary:
    results = list(zip(jobs, outcomes, strict=True))
    skipped = [(job, outcome.skipped) for job, outcome in results if outcome.skipped]
    stored = [(job, outcome) for job, outcome in results if not outcome.skipped]
    _write_whole(folder / 'skipped.txt', ''.join(f'{job.path}\t{reason}\n' for job, reason in skipped))
    if not stored:
        raise InputError(f'{folder}: none of the {len(jobs)} images can be used; the reasons are in skipped.txt there')
    _write_whole(folder / INPUTS, _begun_by(folder))
    _write_whole(folder / 'meta_info.txt', ''.join(
        f'{job.key}.png ({outcome.height},{outcome.width},3) {PNG_COMPRESSION}\n' for job, outcome in stored))
    _journal(folder).unlink()
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
    digest = hashlib.sha256(f'{height}x{width}'.encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
    png = io.BytesIO()
    Image.fromarray(image).save(png, 'PNG', compress_level=PNG_COMPRESSION)
    return Outcome('', height, width, converted, digest), png.getvalue()


def _read_as_rgb(path: str) -> tuple[np.ndarray, bool]:
    try:
        return read_image(path), False
    except InputError:  # not RGB, or not readable at all: then it is raised again
        return read_image(path, convert=True), True
