"""Files that a benchmark remembers its work in."""
import json
import time
from contextlib import contextmanager
from pathlib import Path

from scgan_fan.files import is_written, write_text


def image_path(folder: Path, key: str) -> Path:
    """Where the image of this name lies in a folder of restored images."""
    return folder / f'{key}.png'


class Stopwatch:
    """Images per second, over all runs that the work was divided into; ``path`` keeps count between them."""

    def __init__(self, path: Path):
        self._path = path
        self._images: int
        self._seconds: float
        self._images, self._seconds = json.loads(path.read_text()) if is_written(path) else (0, 0.0)

    @contextmanager
    def timing(self, images: int):
        """Time what is done with so many images."""
        start = time.perf_counter()
        yield
        self._images += images
        self._seconds += time.perf_counter() - start

    def save(self) -> None:
        """Write the count down."""
        write_text(self._path, json.dumps([self._images, self._seconds]))

    @property
    def images_per_second(self) -> float | None:
        """None where nothing was timed."""
        return self._images / self._seconds if self._seconds else None

    def __str__(self) -> str:
        return f'{self.images_per_second:,.1f} images/s' if self._seconds else 'not timed'
