"""From a sharp face to a bad one of fewer pixels. Images are ``uint8`` RGB (height, width, 3) at every step."""
import io
from typing import Annotated, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import model_validator

from scgan_fan.data.augment import ColourChange
from scgan_fan.images import decode
from scgan_fan.schema_types import interval

Downsampling = Literal['bilinear', 'bicubic', 'area', 'random']


class Degradation(ColourChange):
    """LR from HR by steps in this order, each only where its option is: colours, blur, downsampling, noise, JPEG.

    From the blur on this is SCGAN's complex degradation (section 4.1 there, papers.md 2.9), whose values are

        blur_sigma: [0.0625, 1.0], downsampling: random, noise: [1, 25], jpeg: [30, 95]

    for HR of 64 pixels. The paper prints a blur of 0.5 to 8 and no unit; we read it as sigma in pixels of a face of 512
    ([0.5, 8] is the literal reading, which erases a face of 64). With ``blur_kernel``, ``jpeg`` and the colours it is
    the real-world input of Super-FAN (papers.md 5.3), which gives no order: what the camera does to colours comes first
    here. Of a pair [least, most] the value is drawn uniformly for each face.
    """

    # size of the Gaussian's kernel in pixels of HR; Super-FAN 3 to 7, LRGAN's baseline 2 to 6; see ``kernel_sigma``
    blur_kernel: Annotated[tuple, interval(2, integers=True)] | None = None
    blur_sigma: Annotated[tuple, interval(0.01)] | None = None  # of the Gaussian instead, in pixels of HR
    downsampling: Downsampling = 'bilinear'  # this one and bicubic are antialiased, random is one of these two
    noise: Annotated[tuple, interval(0)] | None = None  # standard deviation on LR, white and Gaussian, units of 1/255
    jpeg: Annotated[tuple, interval(1, 100, integers=True)] | None = None  # quality of LR's compression

    @model_validator(mode='after')
    def _has_one_blur(self):
        self.at_most_one('blur_kernel', 'blur_sigma')
        return self

    def __call__(self, image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
        """HR (height, width, 3) -> LR (size, size, 3)."""
        image = self.change_colours(image, rng)
        if self.blur_kernel:
            image = blur(image, kernel_sigma(_draw_whole(self.blur_kernel, rng)))
        if self.blur_sigma:
            image = blur(image, rng.uniform(*self.blur_sigma))
        drawn = ('bilinear', 'bicubic')[rng.integers(2)] if self.downsampling == 'random' else self.downsampling
        image = downsample(image, size, drawn)
        if self.noise:
            image = add_noise(image, rng.uniform(*self.noise), rng)
        if self.jpeg:
            image = compress(image, _draw_whole(self.jpeg, rng))
        return image


def _draw_whole(interval: tuple, rng: np.random.Generator) -> int:
    least, most = interval
    return int(rng.integers(least, most, endpoint=True))


def kernel_sigma(size: int) -> float:
    """The sigma that OpenCV gives to a kernel of ``size`` pixels. The papers give none.

    >>> [round(kernel_sigma(size), 1) for size in (3, 7)]
    [0.8, 1.4]
    """
    return 0.3 * ((size - 1) / 2 - 1) + 0.8


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur, ``sigma`` in pixels; the border is repeated.

    The Gaussian is not cut to a kernel of a few pixels: one of an even size would move the image by half a pixel.
    """
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def downsample(image: np.ndarray, size: int, mode: str) -> np.ndarray:
    """``uint8`` RGB (height, width, 3) -> (size, size, 3) by ``bilinear``, ``bicubic`` (antialiased) or ``area``."""
    # in 8-bit units, not in [-1, 1]: sums are exact there, so that ties round the same on every machine
    pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(pixels, (size, size), mode=mode, antialias=mode != 'area')
    return small[0].round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


def add_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """White Gaussian noise on each channel; ``deviation`` in units of 1/255."""
    return np.rint(image + rng.normal(0, deviation, image.shape)).clip(0, 255).astype(np.uint8)


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG of ``quality`` (1 to 100) leaves of the image."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, 'JPEG', quality=quality)
    return decode(file.getvalue(), 'JPEG in memory')
