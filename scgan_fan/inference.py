"""Restoring faces: aligned ones as arrays, or wherever they are in a photograph.

    restorer = load_restorer('net_g_latest.pth')
    restored = restore(faces, restorer)                  # (N, 16, 16, 3) -> (N, 64, 64, 3)
    result = restore_photo(read_photo('party.jpg').pixels, restorer)
"""
import functools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from scgan_fan.background import Upsampler, enlarge_bicubic
from scgan_fan.device import choose_device
from scgan_fan.errors import InputError, check_choice
from scgan_fan.faces.crop import MARGIN, Face
from scgan_fan.faces.detection import DETECTORS, find_and_count
from scgan_fan.faces.paste import Square, cut_levelled, paste_square, round_square
from scgan_fan.images import to_image, to_tensor
from scgan_fan.network_loader import Restorer, load_restorer

PRECISIONS = ('float32', 'bfloat16', 'float16', 'auto')
LR_SIZE = 16  # pixels: what the networks here are trained on, where their weights do not say otherwise
BATCH = 32


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """A precision by its name; ``auto`` is bfloat16 where the device has instructions for it, else float32.

    Pictures in bfloat16 differ from those in float32 by a fifth of a level of 255 on average and by up to 3 levels
    (R_LS at a quarter of the papers' width, trained for 4,000 iterations, on 64 faces).

    Raises:
        InputError: there is no such precision.
    """
    check_choice('precision', name, PRECISIONS)
    if name == 'auto':
        name = 'bfloat16' if _computes_in_bfloat16(device.type) else 'float32'
    return getattr(torch, name)


@functools.cache
def _computes_in_bfloat16(device_type: str) -> bool:
    if device_type == 'cuda':
        return torch.cuda.is_bf16_supported(including_emulation=False)
    cpuinfo = Path('/proc/cpuinfo')
    return device_type == 'cpu' and cpuinfo.exists() and bool(
        re.search(r'\b(avx512_bf16|amx_bf16|bf16)\b', cpuinfo.read_text(encoding='utf-8')))


def face_size(restorer: Restorer) -> int:
    """Height and width of the small faces that a restorer takes, pixels."""
    return restorer.size or LR_SIZE


@torch.inference_mode()
def restore(faces: np.ndarray, restorer: Restorer | str | Path, precision: str = 'float32',
            batch: int = BATCH) -> np.ndarray:
    """Restore aligned faces.

    Args:
        faces: ``uint8`` RGB (N, h, w, 3), cropped as ``faces.crop.crop_box`` crops, and of the size that the restorer
            was made for (16 pixels unless its weights say otherwise; ``faces.paste.resize_square`` brings them there).
        restorer: from ``network_loader.load_restorer``, on its device, or a path of weights.
        precision: ``float32``, ``bfloat16``, ``float16`` or ``auto``, see ``choose_precision``.
        batch: faces at a time.

    Returns:
        ``uint8`` RGB (N, s * h, s * w, 3), s the scale of the restorer.

    Raises:
        InputError: unknown precision, faces of another shape, or weights that cannot be read.
    """
    if faces.ndim != 4 or faces.shape[3] != 3 or faces.dtype != np.uint8:
        raise InputError(f'restore: {faces.dtype} array of shape {faces.shape}; give uint8 (N, height, width, 3)')
    if not isinstance(restorer, nn.Module):
        restorer = load_restorer(restorer, choose_device('auto'))
    device = next((parameter.device for parameter in restorer.parameters()), torch.device('cpu'))
    dtype = choose_precision(precision, device)
    _, height, width, _ = faces.shape
    restored = [np.zeros((0, restorer.scale * height, restorer.scale * width, 3), np.uint8)]
    for start in range(0, len(faces), batch):
        images = torch.stack([to_tensor(face) for face in faces[start:start + batch]])
        images = images.to(device, memory_format=torch.channels_last)  # convolutions are faster so
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            restored.append(np.stack([to_image(image) for image in restorer(images)]))
    return np.concatenate(restored)


@dataclass(frozen=True)
class RestoredFace:
    """A face of a photograph.

    Attributes:
        face: what was detected.
        square: where it was cut, x, y and side in pixels of the photograph.
        crop: what the restorer saw, ``uint8`` RGB (h, h, 3).
        restored: what it made of it, (s * h, s * h, 3); None: the face was sharp already and is left alone.
    """

    face: Face
    square: Square
    crop: np.ndarray
    restored: np.ndarray | None


@dataclass(frozen=True)
class RestoredPhoto:
    """``image``: the photograph enlarged, its faces restored, ``uint8`` RGB; ``faces``: the largest first;
    ``passed``: how many faces were passed over for which reason."""

    image: np.ndarray
    faces: list[RestoredFace]
    passed: Counter[str]


def restore_photo(image: np.ndarray, restorer: Restorer, scale: int = 2, *, detector: str = DETECTORS[0],
                  min_face: float | None = None, turned: bool = False, margin: float = MARGIN,
                  only_center_face: bool = False, force: bool = False, upsampler: Upsampler = enlarge_bicubic,
                  precision: str = 'float32', batch: int = BATCH) -> RestoredPhoto:
    """Restore the faces in a photograph. Where no face is, the result is the enlarged photograph to the last bit.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        restorer: from ``network_loader.load_restorer``.
        scale: how many times larger the result is, a whole number.
        detector, min_face, turned: see ``faces.detection.find_faces``.
        margin: of the crop around the face, see ``faces.crop.crop_box``; as in the restorer's training.
        only_center_face: restore the face nearest to the middle of the photograph alone.
        force: also restore faces that have more pixels than the restorer gives them.
        upsampler: enlarges the background, see ``background.load_upsampler``.
        precision, batch: see ``restore``.

    Raises:
        InputError: from the detector, or unknown precision.
    """
    faces, passed = find_and_count(image, detector, min_face, turned)
    if only_center_face:
        faces = sorted(faces, key=lambda face: _distance_to_middle(face, image))[:1]
    size = face_size(restorer)
    places = [face.crop(margin) for face in faces]
    squares = [round_square((place.x, place.y, place.side)) for place in places]
    crops = [cut_levelled(image, square, place.angle, size) for square, place in zip(squares, places)]
    wanted = [index for index, (_, _, side) in enumerate(squares) if force or side <= restorer.scale * size]
    chosen = np.array([crops[index] for index in wanted], np.uint8).reshape(-1, size, size, 3)
    restored = dict(zip(wanted, restore(chosen, restorer, precision, batch)))
    enlarged = upsampler(image, scale)
    for index, face in restored.items():
        paste_square(enlarged, face, squares[index], scale, places[index].angle)
    return RestoredPhoto(enlarged, [RestoredFace(*parts, restored.get(index))
                                    for index, parts in enumerate(zip(faces, squares, crops))], passed)


def _distance_to_middle(face: Face, image: np.ndarray) -> float:
    left, top, right, bottom = face.box
    height, width = image.shape[:2]
    return np.hypot(left + right - width, top + bottom - height)
