"""Files that are written whole or not at all, and text as any editor saves it."""
import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from scgan_fan.errors import InputError

PART = '.part'  # the suffix of a file that is being written


@contextmanager
def written_whole(path: str | Path, durable: bool = False) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of ``path`` in the end: a kill or a full disk leaves the old file.

    Args:
        path: the file; its folder is made.
        durable: survive a power cut, too. It takes a disk some 10 ms, which many small files cannot afford.

    Raises:
        InputError: the file cannot be written; the half-written one is removed.
    """
    path = Path(path)
    aside = path.with_name(path.name + PART)
    try:
        with suppress(FileExistsError):  # a file in its place: opening says so
            path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, 'wb') as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(aside, path)
        if durable:
            _flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            aside.unlink()
        reason = error.__context__ if isinstance(error, RuntimeError) else error  # torch.save hides it
        if not isinstance(reason, OSError):
            raise
        raise InputError(f'{path}: could not be written ({reason}); what was there is intact. Free some space or make '
                         'the folder writable, then give the same command again (training: with --auto_resume)'
                         ) from error


def _flush_folder(folder: Path) -> None:
    """Put a folder's list of files on the disk: a rename alone may be lost when the power goes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_written(path: Path) -> bool:
    """Whether a result is there; an empty file, which a power cut may leave, is none."""
    return path.is_file() and path.stat().st_size > 0


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 file by way of ``written_whole``, which see. Names of files that are no UTF-8 keep their bytes."""
    with written_whole(path) as file:
        file.write(text.encode(errors='surrogateescape'))


def write_array(path: str | Path, array: np.ndarray) -> None:
    """Write an ``.npy`` file by way of ``written_whole``, which see."""
    with written_whole(path) as file:
        np.save(file, array)


def write_arrays(path: str | Path, **arrays: np.ndarray) -> None:
    """Write an ``.npz`` file by way of ``written_whole``, which see."""
    with written_whole(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark, or in UTF-16 with one, as Windows writes it.

    Other bytes are kept as surrogates, as in the names of files. Raises InputError where it cannot be read.
    """
    try:
        data = Path(path).read_bytes()
        encoding = 'utf-16' if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else 'utf-8-sig'
        text = data.decode(encoding, errors='strict' if encoding == 'utf-16' else 'surrogateescape')
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error
    except UnicodeError as error:
        raise InputError(f'{path}: begins as UTF-16, but is none ({error}); save it as UTF-8') from error
    if '\0' in text:
        raise InputError(f'{path}: is no text, or UTF-16 without a byte order mark; save it as UTF-8')
    return text
