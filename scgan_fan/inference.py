"""Restoring faces: aligned ones as arrays, or wherever they are in a photograph.

    restorer = load_restorer('net_g_latest.pth')
    restored = restore(faces, restorer)                  # (N, 16, 16, 3) -> (N, 64, 64, 3)
    result = restore_photo(read_photo('party.jpg').pixels, restorer)
"""
import functools
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from scgan_fan.background import Upsampler, enlarge_bicubic
from scgan_fan.choices import BATCH, DETECTORS, FIDELITY, PRECISIONS
from scgan_fan.errors import InputError, check_choice
from scgan_fan.faces.alignment import find_landmarks
from scgan_fan.faces.crop import MARGIN, Crop, Face
from scgan_fan.faces.detection import find_and_count
from scgan_fan.faces.paste import cut_crop, outline, paste_face, resize_square
from scgan_fan.faces.quality import Quality, assess
from scgan_fan.faces.tracking import held
from scgan_fan.images import in_8_bits, is_grey, to_grey, to_image, to_tensor
from scgan_fan.large_faces import LargeFaceRestorer
from scgan_fan.network_loader import LARGEST, Restorer, Weights, face_size, load_restorer
from scgan_fan.shipped import DEFAULT_RESTORERS

# At ``FIDELITY``, standard deviation of the Gaussian that parts what is the photograph's from what is made up: where it
# is clean, where compression left no fine detail, and for noise as strong as the face itself. The spectra of
# photographs fall with the frequency and noise's does not, so that the frequency up to which they are stronger is in
# proportion to 1 / noise. Measured on portraits of 12 to 64 pixels (docs/restore.md).
LOW_OF_CLEAN, LOW_OF_COMPRESSED, LOW_OF_NOISE = 1 / 4, 1 / 2, 1.8  # pixels of the photograph
COLOURS_OF_CLEAN, COLOURS_OF_COMPRESSED = 2, 8  # times that, for colours: JPEG keeps them in squares of 16 pixels
MIXED_OF_COMPRESSED = 0.2  # at ``FIDELITY``, share of bicubic enlargement where compression left no fine detail
LOW_OF_MODEL = 1 / 16  # of the side of a face that a face model restores: colours and shading alone
MOST_LOW = 1 / 8  # of the side
CLEAR = 64  # pixels: what FAN was trained on
MOST_ENLARGED, LEAST_ENLARGED = 4, 2  # scales by default; the least where nothing is restored
MOST_PIXELS = 50_000_000  # of a result, by default


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


@torch.inference_mode()
def restore(faces: np.ndarray, restorer: Restorer | Weights, precision: str = 'float32',
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
        restorer = load_restorer(restorer)
    _, height, width, _ = faces.shape
    restorer = restorer.of(height)
    device = next((parameter.device for parameter in restorer.parameters()), torch.device('cpu'))
    dtype = choose_precision(precision, device)
    restored = [np.zeros((0, restorer.scale * height, restorer.scale * width, 3), np.uint8)]
    for start in tqdm(range(0, len(faces), batch), desc='restoring', unit='batch', leave=False, delay=2):
        images = torch.stack([to_tensor(face) for face in faces[start:start + batch]])
        images = images.to(device, memory_format=torch.channels_last)  # convolutions are faster so
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            restored.append(np.stack([to_image(image) for image in restorer(images)]))
    return np.concatenate(restored)


def restore_each(faces: Sequence[np.ndarray], restorers: Sequence[Restorer], precision: str,
                 batch: int) -> list[np.ndarray]:
    """``restore`` of faces of several sizes, each by a restorer of its own; in batches of one restorer."""
    results: dict[int, np.ndarray] = {}
    for restorer in dict.fromkeys(restorers):
        own = [index for index, its in enumerate(restorers) if its is restorer]
        results |= zip(own, restore(np.stack([faces[index] for index in own]), restorer, precision, batch))
    return [results[index] for index in range(len(faces))]


@dataclass(frozen=True)
class RestoredFace:
    """A face of a photograph.

    Attributes:
        face: what was detected.
        crop: where it was cut, pixels of the photograph.
        pixels: what the restorer saw, ``uint8`` RGB (h, h, 3).
        restored: what was made of it, (n, n, 3); None: it is only enlarged.
        reason: why it is only enlarged; empty where it is restored.
        low: see ``paste_face``, but in pixels of the photograph.
        consistency: see ``paste_face``.
        blur: as ``low``.
        colours, strength: see ``paste_face``.
        detail: side of the clean and sharp face that shows as much, pixels, by which the restorer was chosen; None: it
            was not.
    """

    face: Face
    crop: Crop
    pixels: np.ndarray
    restored: np.ndarray | None = None
    reason: str = ''
    low: float = 0
    consistency: float = 0
    blur: float = 0
    colours: float = COLOURS_OF_CLEAN
    strength: float = 1
    detail: float | None = None


@dataclass(frozen=True)
class RestoredPhoto:
    """A photograph and what was done to it.

    Attributes:
        image: the photograph enlarged, its faces restored; of the photograph's type.
        faces: the largest first.
        passed: how many faces the detector passed over, by reason.
    """

    image: np.ndarray
    faces: list[RestoredFace]
    passed: Counter[str]


def restore_photo(image: np.ndarray, restorer: Restorer | Weights = DEFAULT_RESTORERS, scale: float | None = None, *,
                  faces: list[Face] | None = None, detector: str = DETECTORS[0], min_face: float | None = None,
                  turned: bool = False, margin: float = MARGIN, only_center_face: bool = False, force: bool = False,
                  fidelity: float = FIDELITY, face_model: LargeFaceRestorer | None = None,
                  upsampler: Upsampler = enlarge_bicubic, precision: str = 'float32',
                  batch: int = BATCH) -> RestoredPhoto:
    """Restore the faces in a photograph that are small enough to gain by it. Where no face is, the result is the
    enlarged photograph to the last bit; a grey photograph stays grey.

    Args:
        image: RGB (height, width, 3), ``uint8`` or ``uint16``.
        restorer: from ``network_loader.load_restorer``, or what it takes: name or path of the weights, or several, each
            for the faces whose size is nearest to its own: the side of the crop, less where the photograph is blurred
            or compressed (``faces.quality.Quality.detail``).
        scale: how many times as wide and high the result is, 1 or more. None: what the smallest restored face needs to
            keep its pixels, 2 to 4, and at most 50 megapixels; 2 where none is restored.
        faces: those to restore, where they are known; else they are looked for.
        detector, min_face, turned: see ``faces.detection.find_faces``.
        margin: of the crop around the face, see ``faces.crop.crop_box``; as in the restorer's training.
        only_center_face: restore the face nearest to the middle of the photograph alone.
        force: also restore faces that are larger than ``Restorer.largest``.
        fidelity: 0 to 1: the photograph's own frequencies are kept up to a limit that rises with it. 0 keeps hardly
            more than the colours, 1 everything: bicubic enlargement.
        face_model: restores the larger faces.
        upsampler: enlarges the background, see ``background.load_upsampler``.
        precision, batch: see ``restore``.

    Raises:
        InputError: from the detector or the weights, unknown precision, or fidelity or scale out of range.
    """
    if not 0 <= fidelity <= 1 or not (scale is None or scale >= 1):
        raise InputError(f'restore_photo: fidelity {fidelity}, scale {scale}; give 0 to 1, and 1 or more')
    if not isinstance(restorer, nn.Module):
        restorer = load_restorer(restorer)
    seen = in_8_bits(image)
    passed: Counter[str] = Counter()
    if faces is None:
        faces, passed = find_and_count(seen, detector, min_face, turned)
    if only_center_face:
        faces = sorted(faces, key=lambda face: _distance_to_middle(face, image))[:1]
    done = _restore_small(seen, faces, restorer, force, margin, fidelity, precision, batch)
    if face_model is not None:
        done = [_restore_large(seen, face.face, face_model, fidelity) if face.reason else face for face in done]
    scale = scale or suitable_scale(image, done)
    enlarged = upsampler(image, scale)
    grey = is_grey(image)
    for face, restored, shape in _with_outlines(seen, done):
        paste_face(enlarged, to_grey(restored) if grey else restored, face.crop.scaled(scale), scale * shape,
                   scale * face.low, image, face.consistency, scale * face.blur, face.colours, face.strength)
    return RestoredPhoto(enlarged, done, passed)


def _distance_to_middle(face: Face, image: np.ndarray) -> float:
    left, top, right, bottom = face.box
    height, width = image.shape[:2]
    return np.hypot(left + right - width, top + bottom - height)


def _restore_small(image: np.ndarray, faces: list[Face], restorer: Restorer, force: bool, margin: float,
                   fidelity: float, precision: str, batch: int) -> list[RestoredFace]:
    """All faces, those that are not ``too_large`` restored."""
    crops = [face.crop(margin).rounded() for face in faces]
    reasons = ['' if force else too_large(crop, restorer) for crop in crops]
    small = [crop for crop, reason in zip(crops, reasons) if not reason]
    before = [face.detail for face, reason in zip(faces, reasons) if not reason]
    first = restorer.of(1)  # sharp whatever the photograph is, which the others repeat more of: it measures the quality
    results = _seen_and_restored(image, small, [first] * len(small), precision, batch)
    qualities = [assess(image, crop, restored) for crop, (_, restored) in zip(small, results)]
    details = [held(known, quality.detail * crop.side) for known, crop, quality in zip(before, small, qualities)]
    chosen = [restorer.of(detail) for detail in details]
    others = [index for index, its in enumerate(chosen) if its is not first]
    again = _seen_and_restored(image, [small[index] for index in others], [chosen[index] for index in others],
                               precision, batch)
    for index, (pixels, restored) in zip(others, again):
        results[index] = pixels, restored
        qualities[index] = assess(image, small[index], restored)._replace(blur=qualities[index].blur)
    done = iter(zip(results, qualities, details))
    return [RestoredFace(face, crop, cut_crop(image, crop, face_size(restorer.of(crop.side))), reason=reason) if reason
            else _restored_by_quality(face, crop, *next(done), fidelity)
            for face, crop, reason in zip(faces, crops, reasons)]


def _seen_and_restored(image: np.ndarray, crops: Sequence[Crop], restorers: Sequence[Restorer], precision: str,
                       batch: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """``RestoredFace.pixels`` and ``restored`` of each face, by a restorer of its own."""
    pixels = [cut_crop(image, crop, face_size(restorer)) for crop, restorer in zip(crops, restorers)]
    return list(zip(pixels, restore_each(pixels, restorers, precision, batch)))


def too_large(crop: Crop, restorer: Restorer) -> str:
    """Why a face of this crop is only enlarged where it is not forced; empty where it is restored."""
    if crop.side <= restorer.largest:
        return ''
    return f'larger than {restorer.largest:.0f} pixels' + (
        f': {restorer.name} would not make it better' if restorer.measured else
        f', {LARGEST} times what the network was made for; --force restores it too')


def _restored_by_quality(face: Face, crop: Crop, result: tuple[np.ndarray, np.ndarray], quality: Quality,
                         detail: float, fidelity: float) -> RestoredFace:
    """How much of the photograph is kept, and how it is read, goes by how good it is."""
    noise, left, genuine, blur = quality
    low = max(LOW_OF_COMPRESSED + (LOW_OF_CLEAN - LOW_OF_COMPRESSED) * left, LOW_OF_NOISE * noise)
    # Nothing of these at the ends of the scale, and no blur at 1, or they would not be what ``restore_photo`` says.
    between = 2 * min(fidelity, 1 - fidelity)
    lost = between * (1 - left)
    return RestoredFace(face, crop, *result, low=_low(crop, low, fidelity), consistency=between * genuine,
                        blur=blur if fidelity <= 0.5 else blur * (1 - fidelity) / fidelity,
                        colours=COLOURS_OF_CLEAN + (COLOURS_OF_COMPRESSED - COLOURS_OF_CLEAN) * lost,
                        strength=1 - MIXED_OF_COMPRESSED * lost, detail=detail)


def _restore_large(image: np.ndarray, face: Face, model: LargeFaceRestorer, fidelity: float) -> RestoredFace:
    crop = model.crop(image, face)
    pixels = cut_crop(image, crop, model.size)
    return RestoredFace(face, crop, pixels, model(pixels, fidelity), low=_low(crop, LOW_OF_MODEL * crop.side, fidelity))


def suitable_scale(image: np.ndarray, faces: list[RestoredFace]) -> int:
    """How many times a photograph is enlarged by default, see ``restore_photo``."""
    wanted = [math.ceil(len(face.restored) / face.crop.side) for face in faces if face.restored is not None]
    height, width = image.shape[:2]
    room = max(1, math.isqrt(MOST_PIXELS // (height * width)))
    return min(max([LEAST_ENLARGED, *wanted]), MOST_ENLARGED, room)


def _with_outlines(image: np.ndarray, faces: list[RestoredFace]
                   ) -> Iterator[tuple[RestoredFace, np.ndarray, np.ndarray]]:
    """The restored ones of the faces, what was made of them, and their shape in the photograph, by their landmarks:
    those of the restored face where the photograph's is small. FAN sees all of a kind in one batch."""
    large = [(face, face.restored) for face in faces if face.restored is not None and face.crop.side > CLEAR]
    for (face, restored), points in zip(large, find_landmarks(image, [face.face.crop() for face, _ in large])[0]):
        yield face, restored, outline(points, face.crop)
    small = [(face, face.restored) for face in faces if face.restored is not None and face.crop.side <= CLEAR]
    around, pitch = CLEAR // 2, 2 * CLEAR  # beside each other, with more of their border around them than FAN looks at
    row = [np.pad(resize_square(restored, CLEAR), ((0, 0), (around, around), (0, 0)), 'edge') for _, restored in small]
    corners = [around + pitch * index for index in range(len(small))]
    landmarks, _ = find_landmarks(np.hstack([np.zeros((CLEAR, 0, 3), np.uint8), *row]),
                                  [Crop(x, 0, CLEAR) for x in corners])
    for (face, restored), points, x in zip(small, landmarks, corners):
        yield face, restored, outline(face.crop.to_photo(points - (x, 0), CLEAR), face.crop)


def _low(crop: Crop, usual: float, fidelity: float) -> float:
    """``RestoredFace.low``: ``usual`` at a fidelity of 0.5, 0 at 1."""
    most = MOST_LOW * crop.side
    return min(usual * (1 - fidelity) / fidelity, most) if fidelity else most
