"""An LMDB that a kill at any moment does not harm, whatever is stored in it.

    data.mdb        what is stored
    inputs.sha256   of all that it was made of
    journal.jsonl   while it is being made: ``inputs.sha256``, and then what became of each job so far
    meta_info.txt   (images) or heatmaps.json (heatmaps): what it holds; written last: no file, not finished

Jobs are worked off in order. Each batch is first noted in the journal and then committed to the LMDB in one
transaction; so the journal, cut at the first job whose entry the LMDB has not got, tells how far an interrupted run
came.
"""
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import lmdb
from tqdm import tqdm

from scgan_fan.data.image_source import close_environments
from scgan_fan.errors import InputError

INPUTS = 'inputs.sha256'
MARKERS = {'images': 'meta_info.txt', 'heatmaps': 'heatmaps.json'}  # the file that is written last
FIRST_MAP_SIZE = 2**28  # bytes that the LMDB may grow to before it is allowed twice as many


class ResumableLmdb:
    """An LMDB in the making: ``begin``, and then, in a ``with`` block, ``resume`` and ``work_off``, and ``finish``.

    Args:
        path: of the LMDB, ends with ``.lmdb``.
        holds: ``images`` or ``heatmaps``.
        fingerprint: a hash of all that it is made of.
        differs: what is other about an LMDB of another fingerprint, for messages.

    Raises:
        InputError: the path does not end so. The methods raise it where the LMDB was made of something else or cannot
            be written.
    """

    def __init__(self, path: str | Path, holds: str, fingerprint: str, differs: str):
        self.folder = Path(path)
        if self.folder.suffix != '.lmdb':
            raise InputError(f'{path}: the output must end with .lmdb; BasicSR tells LMDBs from folders by that')
        self._holds = holds
        self._fingerprint = fingerprint
        self._differs = differs
        self._journal = self.folder / 'journal.jsonl'
        self._marker = self.folder / MARKERS[holds]
        self._environment = None

    def begin(self, overwrite: bool = False) -> bool:
        """Start a journal, unless one of the same fingerprint is there to be continued; False: all is finished already.

        Args:
            overwrite: replace what is there, unless it is what an interrupted run of this fingerprint left.
        """
        self._check_kind()
        close_environments()  # this process may have read what is replaced now
        if overwrite and self._begun_by() != self._fingerprint:
            self._remove()
        if self._marker.exists():
            self._check_made_from()
            self._journal.unlink(missing_ok=True)
            return False
        begun_by = self._begun_by()
        if begun_by == self._fingerprint:
            return True
        if begun_by:
            raise InputError(f'{self.folder}: was begun with {self._differs}; repeat that command, or give --overwrite '
                             'to begin anew')
        if (self.folder / 'data.mdb').exists():
            raise InputError(f'{self.folder}: an unfinished LMDB that was not begun here; give --overwrite to replace '
                             'it')
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.write(self._journal.name, self._fingerprint + '\n')
        except OSError as error:
            raise InputError(f'{self.folder}: cannot be written ({error.strerror})') from error
        return True

    def _check_kind(self) -> None:
        for kind, marker in MARKERS.items():
            if kind != self._holds and (self.folder / marker).exists():
                raise InputError(f'{self.folder}: holds {kind}; choose another output for the {self._holds}')

    def _check_made_from(self) -> None:
        inputs = self.folder / INPUTS
        if inputs.exists() and inputs.read_text(encoding='utf-8') != self._fingerprint:  # other tools write none
            raise InputError(f'{self.folder}: is finished, but was made with {self._differs}; give --overwrite to make '
                             'it again')

    def _begun_by(self) -> str | None:
        """The fingerprint that an unfinished LMDB was begun with: the first line of its journal."""
        if self._marker.exists() or not self._journal.exists():
            return None
        with self._journal.open(encoding='utf-8') as lines:
            return next(lines).strip()

    def _remove(self) -> None:
        # the marker first: from then on it counts as unfinished. Nothing but an LMDB's own files is deleted.
        for name in (self._marker.name, 'data.mdb', 'lock.mdb', 'skipped.txt', INPUTS, self._journal.name):
            (self.folder / name).unlink(missing_ok=True)

    def __enter__(self) -> 'ResumableLmdb':
        """Open it; processes are to be forked before, an open LMDB must not cross a fork."""
        try:
            self._environment = lmdb.open(str(self.folder), map_size=FIRST_MAP_SIZE)
        except lmdb.Error as error:
            raise InputError(f'{self.folder}: cannot be opened as an LMDB ({error}); remove it and begin anew'
                             ) from error
        return self

    def __exit__(self, *exception) -> None:
        self._environment.close()

    def resume(self, keys: Iterable[str]) -> list[dict]:
        """The outcomes that an interrupted run is certain of; the journal is cut after them.

        Args:
            keys: for each job one key that it stores, if its outcome has no ``skipped``.
        """
        first, *lines = self._journal.read_text(encoding='utf-8').splitlines(keepends=True)
        outcomes = []
        with self._environment.begin() as transaction:
            for key, line in zip(keys, lines):
                if not line.endswith('\n'):
                    break
                outcome = json.loads(line)
                if not outcome.get('skipped') and transaction.get(key.encode()) is None:
                    break
                outcomes.append(outcome)
        self.write(self._journal.name, ''.join([first, *lines[:len(outcomes)]]))
        return outcomes

    def work_off(self, jobs: Sequence, outcomes: list[dict], work: Callable, batch: int) -> None:
        """Do the jobs that have no outcome yet, appending to ``outcomes``.

        Args:
            jobs: a sequence of all of them.
            outcomes: of the first of them.
            work: some jobs -> for each of them an iterator gives its outcome (for the journal) and its entries, key ->
                bytes. An outcome that has a ``skipped`` which is not empty has no entries.
            batch: jobs in one transaction.
        """
        bar = tqdm(total=len(jobs), initial=len(outcomes), unit='image')
        with bar, self._journal.open('a', encoding='utf-8') as journal:
            for start in range(len(outcomes), len(jobs), batch):
                entries = {}
                for outcome, stored in work(jobs[start:start + batch]):
                    outcomes.append(outcome)
                    entries.update(stored)
                    bar.update()
                journal.writelines(json.dumps(outcome) + '\n' for outcome in outcomes[start:])
                journal.flush()
                os.fsync(journal.fileno())
                self._commit(entries)

    def _commit(self, entries: dict[str, bytes]) -> None:
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    for key, value in entries.items():
                        transaction.put(key.encode(), value)
                return
            except lmdb.MapFullError:
                self._environment.set_mapsize(2 * self._environment.info()['map_size'])
            except lmdb.Error as error:
                raise InputError(f'{self.folder}: cannot be written ({error}); make room, then give the same command '
                                 'again') from error

    def finish(self, content: str) -> None:
        """Write what it holds, from which on it counts as finished."""
        self.write(INPUTS, self._fingerprint)
        self.write(self._marker.name, content)
        self._journal.unlink()

    def write(self, name: str, text: str) -> None:
        """Write a text file beside the LMDB so that it never exists in part."""
        part = self.folder / f'{name}.part'
        with part.open('w', encoding='utf-8', errors='surrogateescape', newline='') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / name)
