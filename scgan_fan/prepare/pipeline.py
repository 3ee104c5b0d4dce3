"""A collection -> training and validation LMDBs, as ``data.lmdb_writer`` makes them, and a report.

    OUT/
        faces/             what is stored, PNG, and train.txt and val.txt, which list it; not needed once all is written
        faces.jsonl        the settings, then what became of each image: a stopped run goes on behind the last line
        train.lmdb  val.lmdb
        landmarks.npz      where asked for: ``name`` and ``landmarks`` (N, 68, 2), pixels of the stored images
        dropped.txt        what was left out: name, tab, reason
        report.md  report.json  contact_sheet.png  mean_face_*.png; report.json is written last: no file, not finished

Faces are cut and measured in parallel, each for itself. What depends on the others, duplicates and the split, is
decided afterwards in the order of the listing, so that the result does not depend on the number of workers.
"""
import contextlib
import functools
import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.device import device_in_use, use_device
from scgan_fan.errors import InputError
from scgan_fan.files import is_written, write_arrays, write_text
from scgan_fan.prepare import report
from scgan_fan.prepare.collections import BOXES, KnownFace, Record, read_collection
from scgan_fan.prepare.crops import Candidate, Rules, cut_faces, file_name
from scgan_fan.prepare.filters import NearDuplicates, in_validation
from scgan_fan.processes import begin_worker, map_in_processes


@dataclass(frozen=True, kw_only=True)
class Settings(Rules):
    """What a run is asked for."""

    collection: str  # one of ``collections.COLLECTIONS``
    input: str  # the folder that it was unpacked into
    val_share: float  # of all persons or photographs that go to validation, 0 to 1
    keep_duplicates: bool  # the near ones; faces of the same pixels are dropped always
    landmarks: bool  # write landmarks.npz


def prepare(settings: Settings, output: str | Path, workers: int = 1) -> dict | None:
    """Make training data of a collection in the folder ``output``; called again after an interruption, continue.

    Args:
        workers: processes that find and cut faces, and that encode the LMDBs.

    Returns:
        What report.json says (see ``report.summarize``), or None where ``output`` is finished already.

    Raises:
        InputError: the input or the settings cannot be used, no face is left, or ``output`` was begun otherwise.
    """
    output = Path(output)
    records = _outside(read_collection(settings.collection, settings.input), output)
    _check_places(settings, records)
    _begin(output, _heading(settings, records))
    if is_written(output / report.JSON_FILE):
        return None
    candidates = mark_duplicates(_cut_all(records, settings, output, workers), settings.keep_duplicates)
    _write_dropped(output, candidates)
    sets = split(candidates, settings.val_share)
    if not sets['train']:
        raise InputError(f'{output}: no face is left for training of {len(records)} images; the reasons are in '
                         'dropped.txt there')
    _write_sets(output, sets, workers)
    if settings.landmarks:
        _write_landmarks(output, sets)
    return report.write(output, settings, len(records), candidates, sets)


def _outside(records: list[Record], output: Path) -> list[Record]:
    """The records without those of what an earlier run wrote, where ``output`` lies among the photographs."""
    written = os.path.realpath(output) + os.sep
    photographs = [record for record in records if not os.path.realpath(record.path).startswith(written)]
    if not photographs:
        raise InputError(f'{output}: the photographs lie in it; give another --output')
    return photographs


def _check_places(settings: Settings, records: list[Record]) -> None:
    """Where nothing looks for faces, the collection must say where they are."""
    if settings.detector != BOXES:
        return
    for face in (face for record in records for face in record.faces or (KnownFace(),) if face.annotated):
        if not face.has_landmarks and (face.box is None or settings.landmarks):
            lacking = 'landmarks' if settings.landmarks else 'boxes'
            raise InputError(f'{settings.input}: does not have the {lacking} of all faces; give another --detector '
                             f'than {BOXES}')


def _heading(settings: Settings, records: list[Record]) -> dict:
    """What tells whether a run that was begun is this one; images count by what is known of them, and their bytes."""
    images = hashlib.sha256()
    for record in records:
        size = os.path.getsize(record.path) if os.path.exists(record.path) else None
        images.update(json.dumps([asdict(record), size], default=np.ndarray.tolist).encode())
    return {**asdict(settings), 'images': images.hexdigest()}


def _log(output: Path) -> Path:
    return output / 'faces.jsonl'


def _begin(output: Path, heading: dict) -> None:
    """Start a log, unless one of the same heading is there to be continued."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'{output}: cannot be written ({error.strerror})') from error
    if not is_written(_log(output)):
        write_text(_log(output), json.dumps(heading) + '\n')
    with _log(output).open(encoding='utf-8') as lines:
        begun = json.loads(next(lines))
    changed = [f'{key} {begun.get(key)!r}' for key in heading if key != 'images' and begun.get(key) != heading[key]]
    if changed:
        raise InputError(f'{output}: was begun with {", ".join(changed)}; repeat that command, remove the folder or '
                         'give another --output')
    if begun['images'] != heading['images']:
        raise InputError(f'{output}: was begun with other images, {heading["input"]} has changed since; remove the '
                         'folder or give another --output')


def _resume(output: Path, records: list[Record]) -> list[list[Candidate]]:
    """What became of the images that are done; half a line at the end of the log is cut off."""
    heading, *lines = _log(output).read_text(encoding='utf-8').splitlines(keepends=True)
    if lines and not lines[-1].endswith('\n'):
        del lines[-1]
        write_text(_log(output), ''.join([heading, *lines]))
    return [[Candidate(**values) for values in json.loads(line)] for line in lines]


def _cut_all(records: list[Record], rules: Rules, output: Path, workers: int) -> list[Candidate]:
    """The candidates of all images, in their order."""
    outcomes = _resume(output, records)
    rest = records[len(outcomes):]
    cut = functools.partial(_cut, rules=rules, folder=output / 'faces', device=str(device_in_use()))
    bar = tqdm(total=len(records), initial=len(outcomes), unit='image')
    results = contextlib.closing(map_in_processes(cut, rest, workers, _begin_worker))
    with bar, results as cut_ones, _log(output).open('a', encoding='utf-8') as log:
        for candidates in cut_ones:
            log.write(json.dumps([asdict(candidate) for candidate in candidates]) + '\n')
            log.flush()
            outcomes.append(candidates)
            bar.update()
    return [candidate for candidates in outcomes for candidate in candidates]


def _cut(record: Record, rules: Rules, folder: Path, device: str) -> list[Candidate]:
    """``cut_faces``, in any process."""
    use_device(device)
    return cut_faces(record, rules=rules, folder=folder)


def _begin_worker() -> None:
    begin_worker()
    torch.set_num_threads(1)  # the processes are the parallelism


def mark_duplicates(candidates: list[Candidate], keep_near: bool) -> list[Candidate]:
    """The candidates, those dropped that show an earlier one's pixels or, unless ``keep_near``, nearly so."""
    seen: dict[str, str] = {}
    near, marked = NearDuplicates(), []
    for face in candidates:
        if not face.dropped:
            original, kind = seen.setdefault(face.pixels, face.name), 'duplicate'
            if original == face.name and not keep_near:
                original, kind = near.find(face.image_hash) or face.name, 'near duplicate'
            if original != face.name:
                face = replace(face, dropped=f'{kind}: of {original}')
            elif not keep_near:
                near.add(face.name, face.image_hash)
        marked.append(face)
    return marked


def split(candidates: list[Candidate], val_share: float) -> dict[str, list[Candidate]]:
    """The faces that are used: ``train`` and ``val``, no group in both."""
    sets: dict[str, list[Candidate]] = {'train': [], 'val': []}
    for face in candidates:
        if not face.dropped:
            sets['val' if in_validation(face.group, val_share) else 'train'].append(face)
    return sets


def _write_sets(output: Path, sets: dict[str, list[Candidate]], workers: int) -> None:
    for name, faces in sets.items():
        if faces:
            listing = output / 'faces' / f'{name}.txt'
            write_text(listing, '\n'.join(file_name(face.name) for face in faces))
            write_lmdb([str(listing)], str(output / f'{name}.lmdb'), workers=workers, overwrite=True)


def _write_landmarks(output: Path, sets: dict[str, list[Candidate]]) -> None:
    faces = sets['train'] + sets['val']
    write_arrays(output / 'landmarks.npz', name=np.array([file_name(face.name) for face in faces]),
                 landmarks=np.array([face.landmarks for face in faces], np.float32))


def _write_dropped(output: Path, candidates: list[Candidate]) -> None:
    write_text(output / 'dropped.txt',
               ''.join(f'{face.name}\t{face.dropped}\n' for face in candidates if face.dropped))
