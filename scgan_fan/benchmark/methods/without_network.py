"""Methods that need no network: interpolation, another program's images, and the two ends, truth and noise."""
import zlib
from dataclasses import dataclass

import numpy as np

from scgan_fan.benchmark.image_set import Faces, NotRun, require_file
from scgan_fan.benchmark.methods.base import Method, Resize, resize
from scgan_fan.data.image_source import open_source


@dataclass(kw_only=True, eq=False)
class Interpolation(Method):
    """Enlarge by ``mode``, see ``resize``."""

    mode: Resize

    def protocol(self) -> str:
        kernel = {'bicubic': 'bicubic, a = -0.5, antialiased', 'bilinear': 'bilinear, antialiased', 'area': 'area'}
        return f'interpolation to {self.size} px, {kernel[self.mode]}'

    def __call__(self, faces: Faces) -> np.ndarray:
        return resize(faces.lq, self.size, self.mode)


@dataclass(kw_only=True, eq=False)
class Folder(Method):
    """Images that another program restored, under the names of the dataset's."""

    path: str  # a folder or LMDB
    output_resize: Resize = 'area'  # how images of another size are brought to the benchmark's

    def __post_init__(self):
        self.source = open_source(require_file(self.path))
        self.numbers = {key: number for number, key in enumerate(self.source.keys)}

    def protocol(self) -> str:
        return (f'images of {self.source.path}; where they are not {self.size} px: {self.output_resize} to '
                f'{self.size} px')

    def __call__(self, faces: Faces) -> np.ndarray:
        for key in faces.keys:
            if key not in self.numbers:
                raise NotRun(f'{self.source.path} has no image called {key}')
        return np.concatenate([resize(self.source.read(self.numbers[key])[None], self.size, self.output_resize)
                               for key in faces.keys])


class Truth(Method):
    """The true faces themselves: what a perfect method would get."""

    competes = False

    def protocol(self) -> str:
        return 'the true faces'

    def __call__(self, faces: Faces) -> np.ndarray:
        if faces.gt is None:
            raise NotRun('this dataset has no true faces')
        return faces.gt


class Noise(Method):
    """Uniform noise, the same for the same name: what no method should fall to."""

    competes = False

    def protocol(self) -> str:
        return 'uniform noise'

    def __call__(self, faces: Faces) -> np.ndarray:
        shape = (self.size, self.size, 3)
        return np.stack([np.random.default_rng(zlib.crc32(key.encode())).integers(256, size=shape, dtype=np.uint8)
                         for key in faces.keys])
