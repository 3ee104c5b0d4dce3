"""What every way to restore a face has in common."""
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch

from scgan_fan.benchmark.image_set import Faces
from scgan_fan.data.degradations import downsample

Resize = Literal['bicubic', 'bilinear', 'area']
GIVEN = ('owner', 'size', 'device')  # what a method is told; the other fields are options


def resize(images: np.ndarray, size: int, mode: str) -> np.ndarray:
    """``uint8`` RGB (N, h, w, 3) -> (N, size, size, 3), rounded to 8 bit; as they are where they have this size.

    ``bicubic`` and ``bilinear`` are antialiased, with the kernels of Pillow and MATLAB (bicubic: a = -0.5, where
    OpenCV and plain torch have -0.75). ``area`` gives each pixel the mean of what it covers.
    """
    if images.shape[1:3] == (size, size):
        return images
    return np.stack([downsample(image, size, mode) for image in images])


@dataclass(kw_only=True, eq=False)
class Method:
    """A way to restore faces; the fields of a subclass are its options.

    Calling it with ``Faces`` gives ``uint8`` RGB (N, size, size, 3). Both may raise NotRun where a file is not there,
    and InputError for wrong options, files of another kind, or damaged ones.
    """

    competes: ClassVar = True  # false: shown for comparison, never called the best
    owner: str  # of the options, for errors
    size: int  # height and width of the result, pixels
    device: torch.device  # where networks run

    def protocol(self) -> str:
        """What it does, in one line."""
        raise NotImplementedError

    def __call__(self, faces: Faces) -> np.ndarray:
        raise NotImplementedError
