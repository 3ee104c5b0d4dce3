"""What a result depends on, as one short word: option blocks and the files that they name."""
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from scgan_fan.shipped import named_file

LENGTH = 12  # hexadecimal digits: folder names, where two differing ones must not meet


def fingerprint(*parts) -> str:
    """A word for plain data (dicts, lists, strings, numbers), which changes with it and with the files it names.

    A string that is the path of a file, or names a network that comes with the package, counts with the file's content,
    one of a folder with the names, sizes and times of the files below it.
    """
    content = [parts, file_hashes(parts), [_listing(path) for path in _paths(parts) if path.is_dir()]]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:LENGTH]


def file_hashes(block) -> dict[str, str]:
    """Path -> SHA-256 of each file that the values of an option block name."""
    return {str(path): _sha256(path, path.stat().st_mtime_ns) for path in _paths(block) if path.is_file()}


def _paths(value) -> Iterator[Path]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _paths(part)
    elif isinstance(value, str) and value:
        yield named_file(value) or Path(value).expanduser()


@functools.lru_cache
def _sha256(path: Path, modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _listing(folder: Path) -> list:
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
