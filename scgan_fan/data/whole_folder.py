"""Folders of data that are whole or count for nothing: written aside, moved into place when all is written.

    OUT/part/           while it is being written; the next call begins anew
    OUT/inputs.sha256   of all that it was made of
    OUT/...             the data, and the file that is put there last: without it the data are not finished
"""
import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scgan_fan.data.image_source import close_environments
from scgan_fan.errors import InputError

INPUTS = 'inputs.sha256'
DATA = {'images': 'data.mdb', 'heatmaps': 'heatmaps.npy'}
MARKERS = {'images': 'meta_info.txt', 'heatmaps': 'heatmaps.json'}  # the file that is put there last


@dataclass(frozen=True)
class WholeFolder:
    """A folder to be written: ask ``is_finished``, then write in a ``with`` block of ``aside``."""

    path: Path
    holds: str  # images or heatmaps
    fingerprint: str  # a hash of all that it is made of
    differs: str  # what is other about a folder of another fingerprint, for messages

    @property
    def _marker(self) -> Path:
        return self.path / MARKERS[self.holds]

    def is_finished(self, overwrite: bool = False) -> bool:
        """Whether nothing is left to do; with ``overwrite`` there always is.

        Raises:
            InputError: what is there was made of something else, or is something else.
        """
        for kind, marker in MARKERS.items():
            if kind != self.holds and (self.path / marker).exists():
                raise InputError(f'{self.path}: holds {kind}; choose another output for the {self.holds}')
        if overwrite:
            return False
        inputs = self.path / INPUTS
        made_of = inputs.read_text(encoding='utf-8') if inputs.exists() else None
        if self._marker.exists():
            if made_of not in (None, self.fingerprint):  # other tools do not say what they made it of
                raise InputError(f'{self.path}: is finished, but was made with {self.differs}; give --overwrite to '
                                 'make it again')
            return True
        if (self.path / DATA[self.holds]).exists() and made_of != self.fingerprint:
            raise InputError(f'{self.path}: unfinished {self.holds} that were not begun here; give --overwrite to '
                             'replace them')
        return False

    @contextlib.contextmanager
    def aside(self) -> Iterator[Path]:
        """A folder to write everything to; it is put into place where the block ends well, and left where it fails.

        Raises:
            InputError: the disk refuses.
        """
        part = self.path / 'part'
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            yield part
            (part / INPUTS).write_text(self.fingerprint, encoding='utf-8')
            self._put_into_place(part)
        except OSError as error:
            raise InputError(f'{self.path}: cannot be written ({error.strerror}); make room or choose another output, '
                             'then give the same command again') from error

    def _put_into_place(self, part: Path) -> None:
        close_environments()  # this process may have read what is replaced now
        self._marker.unlink(missing_ok=True)
        for file in sorted(part.iterdir(), key=lambda file: (file.name == self._marker.name, file.name != INPUTS)):
            with file.open('rb') as written:
                os.fsync(written.fileno())
            os.replace(file, self.path / file.name)
        part.rmdir()
