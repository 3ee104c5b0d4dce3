"""Images between files and networks: the only place where value range and channel order change.

Files, drawings and metrics: ``uint8`` arrays, height x width x 3, RGB. Networks: ``float32`` tensors, 3 x height x
width, RGB in [-1, 1].
"""
import io
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from scgan_fan.errors import InputError
from scgan_fan.files import written_whole

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')
WHITES = (255, 1023, 4095, 65535)  # of integers of more than 8 bits: what a camera measured in 10 or 12 is kept in 16
NEW_SUBFILE_TYPE = 254  # TIFF 6.0, section 8: bit 0 marks a smaller version of another page
LONGEST_SIDE = {'JPEG': 65500, 'WEBP': 16383}  # pixels: of libjpeg and of the format
PHOTO_QUALITY = 95  # of JPEG and WebP: a restored photograph should not lose again


def decode(data: bytes, name: str, convert: bool = False) -> np.ndarray:
    """Decode an image file that is in memory.

    Args:
        data: the bytes of a PNG, JPEG, WebP, BMP or TIFF file.
        name: what errors call it.
        convert: turn greyscale, palette, CMYK and transparent images into RGB instead of refusing them.

    Returns:
        ``uint8`` RGB array, (height, width, 3), upright (EXIF orientation applied).

    Raises:
        InputError: the bytes are no image, are truncated, hold several images, too many pixels or values without a
            known white, or are not RGB and ``convert`` is false.
    """
    image = _open(data, name)
    if image.mode != 'RGB':
        if not convert:
            raise InputError(f'{name}: a {image.mode} image with {len(image.getbands())} channel(s) where RGB is '
                             'needed; scgan-fan lmdb converts whole folders')
        image = image.convert('RGB')
    return np.asarray(image)


def _open(data: bytes, name: str) -> Image.Image:
    """The image, upright, of any mode of 8 bits."""
    try:
        Image.open(io.BytesIO(data)).verify()  # the checksums of a PNG; loading passes over damage to its last rows
        image = Image.open(io.BytesIO(data))
        _refuse_several(image, name)
        has_16_bit_colours = image.mode.startswith('RGB') and ';16' in str(image.tile)
        image.load()
        if has_16_bit_colours:
            _refuse_dark(image, name)
        return ImageOps.exif_transpose(_in_8_bits(image, name))
    except InputError:  # a ValueError itself
        raise
    except UnidentifiedImageError as error:
        raise InputError(f'{name}: not an image, damaged from its first bytes, or of a kind that is not read; replace '
                         'or remove it') from error
    except Image.DecompressionBombError as error:
        raise InputError(f'{name}: too large, at most {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} million pixels are '
                         'read; reduce or cut it') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f'{name}: truncated or damaged ({error}); replace or remove it') from error


def _refuse_several(image: Image.Image, name: str) -> None:
    """Raise InputError at a file of several pictures. Thumbnails in a TIFF are none, and a phone's JPEG begins with the
    picture that is meant."""
    count = getattr(image, 'n_frames', 1)
    if count == 1 or image.format == 'MPO':
        return
    if image.format == 'TIFF':
        count = sum(not _is_thumbnail(image, number) for number in range(count))
        image.seek(0)
    if count > 1:
        raise InputError(f'{name}: holds {count} pictures, as pages or as an animation; give each as a file of its own')


def _is_thumbnail(image: Any, number: int) -> bool:
    image.seek(number)
    return bool(image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & 1)


def _refuse_dark(image: Image.Image, name: str) -> None:
    """Pillow gives the upper 8 bits of 16-bit colours: of what a camera measured in 12 hardly anything is left."""
    extrema: Any = image.getextrema()  # a pair for each channel: they are several
    brightest = max(high for _, high in extrema[:3])
    if 0 < brightest < 16:
        raise InputError(f'{name}: colours of 16 bits of which 12 or fewer are used; write it with 8 bits')


def _in_8_bits(image: Image.Image, name: str) -> Image.Image:
    """A greyscale image of more bits as one of 8: the upper ones of those that are used; 0 to 1 of floating point."""
    if image.mode != 'F' and not image.mode.startswith('I'):
        return image
    values = np.asarray(image).astype(np.float64)
    whites = (1,) if image.mode == 'F' else WHITES
    white = next((white for white in whites if values.max() <= white), None)  # NaN is below none
    if white is None or values.min() < 0:
        raise InputError(f'{name}: grey values from {values.min():g} to {values.max():g}; they may reach from 0 to '
                         f'{whites[-1]}, or write it with 8 bits')
    scaled = np.rint(values * 255) if image.mode == 'F' else np.floor(values * 256 / (white + 1))
    grey = Image.fromarray(scaled.astype(np.uint8))
    grey.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    return grey


def read_image(path: str | Path, convert: bool = False) -> np.ndarray:
    """``decode`` for a file on disk. Raises InputError where it is missing or ``decode`` refuses it."""
    return decode(_read(path), str(path), convert)


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error


def reason_of(error: InputError, path: str | Path) -> str:
    """What is wrong with an image that was refused, for lists that name its file already."""
    return str(error).removeprefix(f'{path}: ')


def write_image(path: str | Path, image: np.ndarray) -> None:
    """``write_photo`` for a ``uint8`` RGB array (height, width, 3)."""
    write_photo(path, Photo(image))


@dataclass(frozen=True)
class Photo:
    """A photograph of any kind, as its file shows it.

    Attributes:
        pixels: ``uint8`` RGB array (height, width, 3), upright.
        alpha: ``uint8`` (height, width), 255 where opaque; None: opaque everywhere.
        profile: ICC profile that says which colours the values mean; None: sRGB.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None


def read_photo(path: str | Path) -> Photo:
    """Read a photograph with what else belongs to its looks. Raises InputError as ``read_image`` does."""
    image = _open(_read(path), str(path))
    profile = image.info.get('icc_profile') if image.mode in ('RGB', 'RGBA') else None
    if not image.has_transparency_data:
        return Photo(np.asarray(image.convert('RGB')), profile=profile)
    pixels = np.asarray(image.convert('RGBA'))
    return Photo(np.ascontiguousarray(pixels[..., :3]), pixels[..., 3], profile)


def write_photo(path: str | Path, photo: Photo) -> None:
    """Write a photograph as the file type of the suffix, whole or not at all, making its folder. JPEG leaves the
    transparency out.

    Raises:
        InputError: it cannot be written, or not as such a file.
    """
    kind = file_type(path, *photo.pixels.shape[1::-1])
    opaque = photo.alpha is None or kind == 'JPEG'
    pixels = photo.pixels if opaque else np.dstack([photo.pixels, photo.alpha])
    with written_whole(path) as file:
        try:
            Image.fromarray(pixels).save(file, kind, quality=PHOTO_QUALITY, icc_profile=photo.profile)
        except (ValueError, struct.error) as error:  # a TIFF ends at 4 GiB
            raise InputError(f'{path}: {kind} cannot hold it ({error}); write a .png') from error


def file_type(path: str | Path, width: int, height: int) -> str:
    """Pillow's name of the file type of the suffix; InputError where it writes none such, or none of so many pixels."""
    kind = Image.registered_extensions().get(Path(path).suffix.lower())
    if kind not in Image.SAVE:
        raise InputError(f'{path}: images are not written as {Path(path).suffix or "files without a suffix"}; write a '
                         '.png')
    if max(width, height) > LONGEST_SIDE.get(kind, math.inf):
        raise InputError(f'{path}: {width}x{height} pixels, but the sides of a {kind} image have at most '
                         f'{LONGEST_SIDE[kind]}; write a .png')
    return kind


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """``uint8`` RGB array (height, width, 3) -> ``float32`` tensor (3, height, width) in [-1, 1].

    >>> to_tensor(np.array([[[0, 255, 51]]], np.uint8)).flatten().tolist()
    [-1.0, 1.0, -0.6000000238418579]
    """
    return torch.from_numpy(image.copy()).permute(2, 0, 1).float().div_(127.5).sub_(1)


def to_image(tensor: torch.Tensor) -> np.ndarray:
    """Tensor (3, height, width) in [-1, 1], values outside clamped -> ``uint8`` RGB array (height, width, 3).

    A fixed range with rounding (not the released SCGAN code's stretch of each image by its own minimum and maximum).

    >>> to_image(torch.tensor([-1, 0, 1.5]).view(3, 1, 1)).tolist()
    [[[0, 128, 255]]]
    """
    scaled = tensor.detach().float().add(1).mul(127.5).clamp(0, 255).round()
    return scaled.to(torch.uint8).permute(1, 2, 0).cpu().numpy()
