"""Enlarging what is no face: bicubic, or any super-resolution network that the library spandrel reads."""
import contextlib
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from tqdm import tqdm

from scgan_fan.errors import InputError
from scgan_fan.extras import import_extra
from scgan_fan.images import in_8_bits

TILE = 256  # pixels of the photograph that a network sees at once
MARGIN = 16  # pixels around a tile that it sees as well and that are then cut off

Upsampler = Callable[[np.ndarray, float], np.ndarray]  # RGB (h, w, 3) and s -> (s * h, s * w, 3), rounded


def enlarge_bicubic(image: np.ndarray, scale: float) -> np.ndarray:
    """(height, width) or (height, width, channels), ``uint8`` or ``uint16`` -> ``scale`` times as high and wide."""
    height, width = (round(scale * side) for side in image.shape[:2])
    return image.copy() if scale == 1 else cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


def load_upsampler(name: str, device: torch.device) -> Upsampler:
    """What enlarges the background: ``bicubic``, or the network in a file (Real-ESRGAN, SwinIR, HAT, ...).

    One of another scale than the one asked for is followed by a resize. Device and errors: see ``load_spandrel``.
    """
    if name == 'bicubic':
        return enlarge_bicubic
    return NetworkUpsampler(load_spandrel(name, device, '--bg_upsampler'), device)


def load_spandrel(path: str | Path, device: torch.device, option: str):
    """A network for RGB images in a file that the library spandrel reads, as its descriptor.

    CodeFormer and others whose licences forbid commerce need the package spandrel-extra-arches besides. ``option``, of
    the command line, is what errors begin with.

    Raises:
        InputError: no such file, spandrel is not installed or does not know it, or it is not for RGB images.
    """
    if not Path(path).is_file():
        raise InputError(f'{option}: {path}: no such file; give a file of weights')
    spandrel = import_extra('spandrel', option, 'spandrel')
    with contextlib.suppress(ImportError):
        import spandrel_extra_arches
        spandrel_extra_arches.install(ignore_duplicates=True)
    try:
        network = spandrel.ModelLoader(device).load_from_file(path)
    except Exception as error:  # whatever a damaged file makes of spandrel's search for the architecture
        raise InputError(f'{option}: {path}: spandrel cannot read it ({type(error).__name__}); give the weights of a '
                         'network that it knows') from error
    if not isinstance(network, spandrel.ImageModelDescriptor) or network.input_channels != 3:
        raise InputError(f'{option}: {path}: no network for RGB images; give one for super-resolution')
    network.float().eval()
    return network


@dataclass(frozen=True)
class NetworkUpsampler:
    """A super-resolution network on a photograph, tile by tile: memory does not grow with the photograph."""

    network: Any  # of ``load_spandrel``
    device: torch.device  # where it runs

    def __call__(self, image: np.ndarray, scale: float) -> np.ndarray:
        """RGB (height, width, 3) -> the same, ``scale`` times as high and wide. Of 16 bits the upper 8 are seen."""
        enlarged = self._in_tiles(in_8_bits(image), math.ceil(scale))
        height, width = (round(scale * side) for side in image.shape[:2])
        if enlarged.shape[:2] != (height, width):
            enlarged = cv2.resize(enlarged, (width, height), interpolation=cv2.INTER_AREA)
        return enlarged if image.dtype == np.uint8 else enlarged.astype(np.uint16) * 257

    def _in_tiles(self, image: np.ndarray, scale: int) -> np.ndarray:
        height, width = image.shape[:2]
        result = np.empty((height * scale, width * scale, 3), np.uint8)
        corners = list(itertools.product(range(0, height, TILE), range(0, width, TILE)))
        for top, left in tqdm(corners, desc='enlarging', unit='tile', leave=False, delay=2):
            above, before = min(top, MARGIN), min(left, MARGIN)  # what is seen of the margin there
            seen = image[top - above:top + TILE + MARGIN, left - before:left + TILE + MARGIN]
            enlarged = self._enlarge(seen, scale)[above * scale:, before * scale:][:TILE * scale, :TILE * scale]
            result[top * scale:(top + TILE) * scale, left * scale:(left + TILE) * scale] = enlarged
        return result

    def _enlarge(self, image: np.ndarray, scale: int) -> np.ndarray:
        enlarged = self._run(image)
        if self.network.scale == scale:
            return enlarged
        method = cv2.INTER_AREA if self.network.scale > scale else cv2.INTER_CUBIC
        return cv2.resize(enlarged, (image.shape[1] * scale, image.shape[0] * scale), interpolation=method)

    @torch.inference_mode()
    def _run(self, image: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(image.copy()).to(self.device).permute(2, 0, 1)[None].float() / 255
        enlarged = self.network(tensor)[0].float().clamp(0, 1).mul(255).round().byte()
        return np.ascontiguousarray(enlarged.permute(1, 2, 0).cpu().numpy())
