"""Images by number, whether they lie in a folder, in an LMDB or in several of them.

Keys are names for files and for LMDB entries alike: relative paths without the suffix, percent-encoded so that no
slash, dot, space or non-ASCII character is left (``unquote`` gives the path back). A folder and the LMDB that was made
of it therefore have the same keys, in the same order.
"""
import hashlib
import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import lmdb
import numpy as np

from scgan_fan.errors import InputError
from scgan_fan.images import SUFFIXES, decode, read_image


@dataclass(frozen=True, eq=False)
class ImageSource:
    """Images by number. Holds names only, so that it can be pickled: LMDBs are opened by the process that reads."""

    path: str  # for messages
    places: list[tuple[str, str]]  # of each image, its folder or LMDB, and its path or entry there
    keys: list[str]  # the images' names, all different

    def __len__(self) -> int:
        return len(self.keys)

    def name(self, index: int) -> str:
        """What messages call an image."""
        folder, entry = self.places[index]
        return f'{folder}{":" if _is_lmdb(folder) else "/"}{entry}'

    def read(self, index: int) -> np.ndarray:
        """An image, ``uint8`` RGB (height, width, 3); InputError where it is not there, damaged or not RGB."""
        folder, entry = self.places[index]
        if not _is_lmdb(folder):
            return read_image(self.name(index))
        data = read_entry(folder, entry)
        if data is None:
            raise InputError(f'{self.name(index)}: in meta_info.txt but not in data.mdb; make the LMDB again')
        return decode(data, self.name(index))


def open_source(path) -> ImageSource:
    """Open images for reading.

    Args:
        path: a folder (searched recursively), a folder that ends with ``.lmdb`` (BasicSR's layout), or a list of such
            paths, which are read as one, in this order.

    Raises:
        InputError: nothing is there, or nothing that holds images.
    """
    if isinstance(path, (list, tuple)):
        if not path:
            raise InputError('an empty list of image folders: name at least one folder or .lmdb')
        return _join([open_source(part) for part in path])
    path = Path(path).expanduser()
    if not path.is_dir():
        raise InputError(f'{path}: {"not a folder" if path.exists() else "does not exist"}; '
                         'give a folder of images or an .lmdb')
    if _is_lmdb(path):
        entries = _read_meta_info(path)
        keys = [entry.replace('/', '%2F') for entry in entries]  # those of other tools may have slashes
    else:
        entries = list_images(path)
        keys = make_unique([make_key(entry) for entry in entries], [path.resolve().name] * len(entries))
    return ImageSource(str(path), [(str(path), entry) for entry in entries], keys)


def _join(sources: list[ImageSource]) -> ImageSource:
    labels = [Path(source.path).stem for source in sources for _ in source.keys]
    return ImageSource(', '.join(source.path for source in sources),
                       [place for source in sources for place in source.places],
                       make_unique([key for source in sources for key in source.keys], labels))


def _is_lmdb(path: str | Path) -> bool:
    return str(path).lower().endswith('.lmdb')


def list_images(folder: str | Path) -> list[str]:
    """Relative paths of the images in ``folder`` and below, sorted; hidden files and folders are left out.

    Raises InputError where there are none.
    """
    try:
        files = list(_files(str(folder)))
    except OSError as error:
        raise InputError(f'{error.filename}: cannot be read ({error.strerror})') from error
    found = [os.path.relpath(file.path, folder) for file in files
             if file.name.lower().endswith(SUFFIXES) and not file.name.startswith('.')]
    if not found:
        content = f'none of its {len(files)} file(s) is an image' if files else 'is empty'
        raise InputError(f'{folder}: {content}; put images there ({" ".join(SUFFIXES)}) or give another folder')
    return sorted(Path(name).as_posix() for name in found)


def _files(folder: str, above: tuple[str, ...] = ()) -> Iterator[os.DirEntry]:
    """Of a folder and those below; links are followed, but not to one of the folders that they lie in, ``above``."""
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                yield entry
            elif not entry.name.startswith('.'):
                yield from _files(entry.path, (*above, real))


def check_outside(output: str | Path, path: str | Path) -> None:
    """Raise InputError where images that are written to ``output`` would be read again with those of the folder
    ``path``."""
    folder = os.path.realpath(path)
    if os.path.commonpath([folder, os.path.realpath(output)]) == folder and not folder.endswith('.lmdb'):
        raise InputError(f'{output}: lies in {path}, whose images it would be read with the next time; choose another '
                         'output')


def make_key(relative_path: str) -> str:
    """The name of an image, in ASCII: safe as a file name and in ``meta_info.txt``.

    >>> make_key('a b/c.1.png')
    'a%20b%2Fc%2E1'
    """
    stem, suffix = os.path.splitext(relative_path)
    return _encode(stem if suffix.lower() in SUFFIXES else relative_path)


def _encode(name: str) -> str:
    return quote(os.fsencode(name), safe='').replace('.', '%2E')


def make_unique(keys: list[str], labels: list[str]) -> list[str]:
    """Put its label before each key that occurs more than once, and a number behind it where that is not enough.

    Args:
        keys: made by ``make_key``.
        labels: for each key, the name of the folder or list it came from.

    >>> make_unique(['face', 'face', 'other'], ['lfw', 'celeba', 'lfw'])
    ['lfw%2Fface', 'celeba%2Fface', 'other']
    """
    counts = Counter(keys)
    taken = {key for key, count in counts.items() if count == 1}
    unique = []
    for key, label in zip(keys, labels, strict=True):
        if counts[key] > 1:
            labelled = f'{_encode(label)}%2F{key}'
            numbered = (f'{labelled}-{number}' for number in itertools.count(2))
            key = next(name for name in itertools.chain([labelled], numbered) if name not in taken)
            taken.add(key)
        unique.append(key)
    return unique


def hash_pixels(image: np.ndarray) -> str:
    """SHA-256 of a ``uint8`` image (height, width, 3), 64 hexadecimal digits: the same pixels, the same image."""
    height, width = image.shape[:2]
    return hashlib.sha256(f'{height}x{width}'.encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def _read_meta_info(path: Path) -> list[str]:
    """Entry names from lines such as ``key.png (64,64,3) 1``; like BasicSR, the key ends at the first dot."""
    if not (path / 'data.mdb').is_file():
        raise InputError(f'{path}: has no data.mdb, so it is no LMDB; make one with scgan-fan lmdb')
    try:
        lines = (path / 'meta_info.txt').read_text(encoding='utf-8-sig').splitlines()
    except FileNotFoundError:
        raise InputError(f'{path}: has no meta_info.txt, so its making was not finished; '
                         'give the same scgan-fan lmdb command again') from None
    except UnicodeDecodeError as error:
        raise InputError(f'{path}/meta_info.txt: damaged ({error.reason}); make the LMDB again with '
                         'scgan-fan lmdb') from error
    entries = [line.split('.')[0] for line in lines if line.strip()]
    if not entries:
        raise InputError(f'{path}/meta_info.txt: lists no images; make the LMDB again with scgan-fan lmdb')
    return entries


# lmdb refuses to open an environment twice in one process, and train and validation may share an LMDB: one cache for
# all sources. A forked child inherits that refusal together with environments it must not use, so all are closed
# before a fork, and each process opens its own when it next reads. The lock keeps other threads from reading meanwhile.
_environments: dict[str, lmdb.Environment] = {}
_lock = threading.Lock()


def read_entry(path: str, key: str) -> bytes | None:
    """The bytes stored under ``key`` in the LMDB at ``path``, or None. Raises InputError where it cannot be opened."""
    real_path = os.path.realpath(path)
    with _lock:
        if real_path not in _environments:
            _environments[real_path] = _open_environment(path)
        try:
            with _environments[real_path].begin() as transaction:
                return transaction.get(key.encode())
        except lmdb.Error as error:
            raise InputError(f'{path}: damaged at {key} ({error}); copy or make it again') from error


def _open_environment(path: str) -> lmdb.Environment:
    try:
        environment = lmdb.open(path, readonly=True, lock=False, readahead=False, meminit=False)
    except lmdb.Error as error:
        raise InputError(f'{path}: cannot be opened as an LMDB ({error}); make it again') from error
    needed = (environment.info()['last_pgno'] + 1) * environment.stat()['psize']  # bytes
    actual = os.path.getsize(os.path.join(path, 'data.mdb'))
    if actual < needed:  # reading on would kill the process with SIGBUS
        environment.close()
        raise InputError(f'{path}/data.mdb: truncated ({actual} of {needed} bytes); copy or make it again')
    return environment


def close_environments() -> None:
    """Close every LMDB that this process has open for reading; they are opened again when next read."""
    with _lock:
        _close_all()


def _close_all() -> None:
    for environment in _environments.values():
        environment.close()
    _environments.clear()


def _before_fork() -> None:
    _lock.acquire()
    _close_all()


os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)
