"""Images between files and networks: the only place where value range and channel order change.

Files, drawings and metrics: ``uint8`` arrays, height x width x 3, RGB. Networks: ``float32`` tensors, 3 x height x
width, RGB in [-1, 1].
"""
from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from scgan_fan.errors import InputError
from scgan_fan.files import written_whole

if TYPE_CHECKING:
    import torch

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')
WHITES = (255, 1023, 4095, 65535)  # of integers of more than 8 bits: what a camera measured in 10 or 12 is kept in 16
NEW_SUBFILE_TYPE = 254  # TIFF 6.0, section 8: bit 0 marks a smaller version of another page
LONGEST_SIDE = {'JPEG': 65500, 'WEBP': 16383}  # pixels: of libjpeg and of the format
HEADER = 33  # bytes of a PNG's signature and header
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
    image, _, _ = _open(data, name)
    if image.mode != 'RGB':
        if not convert:
            raise InputError(f'{name}: a {image.mode} image with {len(image.getbands())} channel(s) where RGB is '
                             'needed; scgan-fan lmdb converts whole folders')
        image = image.convert('RGB')
    return np.asarray(image)


def _open(data: bytes, name: str) -> tuple[Image.Image, Image.Image, bool]:
    """The image, upright, of any mode of 8 bits; the one that the file holds; and whether that has 16 bits."""
    try:
        Image.open(io.BytesIO(data)).verify()  # the checksums of a PNG; loading passes over damage to its last rows
        held = Image.open(io.BytesIO(data))
        _refuse_several(held, name)
        deep = ';16' in f'{held.mode} {held.tile}'  # of which loading leaves nothing
        held.load()
        if deep and held.mode.startswith('RGB'):
            _refuse_dark(held, name)
        return ImageOps.exif_transpose(_in_8_bits(held, name)), held, deep
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
    if Path(path).is_fifo():
        raise InputError(f'{path}: a pipe, from which nothing may ever come; give a file')
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
        pixels: RGB array (height, width, 3), upright; ``uint16`` where the file has 16 bits, else ``uint8``.
        alpha: (height, width) of the same type, its highest value where opaque; None: opaque everywhere.
        profile: ICC profile that says which colours the values mean; None: sRGB.
        exif: camera, date, place, ..., as Pillow writes it, without the orientation, which is applied; None: nothing.
        dpi: pixels to the inch across and down; None: not stated.
        grey: whether the file has one channel of brightness, and is to have one again.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    grey: bool = False

    def enlarged(self, pixels: np.ndarray) -> Photo:
        """The same with other pixels, to whose size the alpha is enlarged, bicubic."""
        alpha = self.alpha
        if alpha is not None and alpha.shape != pixels.shape[:2]:
            alpha = cv2.resize(alpha, pixels.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        return replace(self, pixels=pixels, alpha=alpha)


def read_photo(path: str | Path) -> Photo:
    """Read a photograph with what else belongs to its looks. Raises InputError as ``read_image`` does."""
    data = _read(path)
    image, held, deep = _open(data, str(path))
    grey, exif = image.mode in ('1', 'L', 'LA'), held.getexif()
    turned = exif.pop(ExifTags.Base.Orientation, 1)
    profile = None if held.mode == 'CMYK' else held.info.get('icc_profile')
    pixels = np.asarray(image.convert('RGBA' if image.has_transparency_data else 'RGB'))
    if deep:
        pixels = _in_16_bits(data, pixels, turned)
    alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
    return Photo(np.ascontiguousarray(pixels[..., :3]), alpha, profile, exif.tobytes() if exif else None,
                 held.info.get('dpi'), grey)


def _in_16_bits(data: bytes, pixels: np.ndarray, turned: int) -> np.ndarray:
    """All bits of an image of which Pillow gives 8 as ``pixels``, by OpenCV; ``pixels`` where the two do not agree.

    Args:
        turned: EXIF's orientation; mirrored PNGs are left at 8 bits.
    """
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if deep is None or deep.dtype != np.uint16:
        return pixels
    if deep.ndim == 2:
        white = next(white for white in WHITES if deep.max() <= white)
        deep = np.rint(deep * (65535 / white)).astype(np.uint16)[..., None].repeat(3, axis=2)
    else:
        deep = deep[..., [2, 1, 0, 3][:deep.shape[2]]]
    for upright in (deep, np.rot90(deep, {3: 2, 6: 3, 8: 1}.get(turned, 0))):  # OpenCV turns TIFFs by itself
        if upright.shape == pixels.shape and np.abs(upright / 257 - pixels).max() <= 1:
            return np.ascontiguousarray(upright)
    return pixels


def write_photo(path: str | Path, photo: Photo) -> None:
    """Write a photograph as the file type of the suffix, whole or not at all, making its folder. JPEG leaves the
    transparency out; PNG and TIFF alone hold 16 bits.

    Raises:
        InputError: it cannot be written, or not as such a file.
    """
    kind = file_type(path, *photo.pixels.shape[1::-1])
    deep = photo.pixels.dtype == np.uint16 and kind in ('PNG', 'TIFF')
    pixels, alpha = ((photo.pixels, photo.alpha) if deep else
                     (in_8_bits(photo.pixels), None if photo.alpha is None else in_8_bits(photo.alpha)))
    channels = [pixels[..., 0] if photo.grey and is_grey(pixels) else pixels]
    if alpha is not None and kind != 'JPEG':
        channels.append(alpha)
    pixels = np.dstack(channels)
    if deep and pixels.shape[2] == 2:  # OpenCV writes no grey with alpha, Pillow reads none
        pixels = pixels[..., [0, 0, 0, 1]]
    with written_whole(path) as file:
        try:
            if deep:
                {'PNG': _write_deep_png, 'TIFF': _write_deep_tiff}[kind](file, pixels, photo)
            else:
                image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
                known = (('exif', photo.exif), ('dpi', photo.dpi))
                stated: dict[str, Any] = {name: value for name, value in known if value}
                image.save(file, kind, quality=PHOTO_QUALITY, icc_profile=photo.profile, **stated)
        except (ValueError, struct.error) as error:  # a TIFF ends at 4 GiB
            raise InputError(f'{path}: {kind} cannot hold it ({error}); write a .png') from error


def _write_deep_png(file: BinaryIO, pixels: np.ndarray, photo: Photo) -> None:
    """A PNG by OpenCV, with the chunks that it does not write put behind the header (PNG specification, section 11)."""
    if pixels.shape[2] > 2:
        pixels = pixels[..., [2, 1, 0, 3][:pixels.shape[2]]]
    data = cv2.imencode('.png', pixels)[1].tobytes()
    chunks = {b'iCCP': photo.profile and b'ICC profile\0\0' + zlib.compress(photo.profile),
              b'pHYs': photo.dpi and struct.pack('>IIB', *(round(value / 0.0254) for value in photo.dpi), 1),
              b'eXIf': photo.exif and photo.exif.removeprefix(b'Exif\0\0')}
    file.write(data[:HEADER])
    for name, content in chunks.items():
        if content:
            PngImagePlugin.putchunk(file, name, content)
    file.write(data[HEADER:])


def _write_deep_tiff(file: BinaryIO, pixels: np.ndarray, photo: Photo) -> None:
    """A TIFF (TIFF 6.0) of one strip, not compressed: Pillow writes its tags, but no colours of 16 bits."""
    height, width, channels = pixels.shape
    colours = 3 if channels > 2 else 1
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    exif = Image.Exif()
    exif.load(photo.exif or b'')
    entries = {**dict(exif), 256: width, 257: height, 258: (16,) * channels, 259: 1, 262: 2 if colours == 3 else 1,
               277: channels, 278: height, 273: 0, 279: pixels.nbytes, 284: 1, 34675: photo.profile,
               338: 2 if channels > colours else None}
    if photo.dpi:
        entries.update({282: photo.dpi[0], 283: photo.dpi[1], 296: 2})
    for tag, value in entries.items():
        if value is not None:
            tags[tag] = value
    tags.save(file)
    file.write(pixels.astype('<u2').tobytes())


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


def in_8_bits(image: np.ndarray) -> np.ndarray:
    """``uint16`` values as ``uint8``, rounded; ``uint8`` ones as they are."""
    return image if image.dtype == np.uint8 else np.rint(image / 257).astype(np.uint8)


def is_grey(image: np.ndarray) -> bool:
    """Whether the three channels (height, width, 3) are equal."""
    return bool((image == image[..., :1]).all())


def to_grey(image: np.ndarray) -> np.ndarray:
    """``uint8`` RGB (height, width, 3) -> its luma (ITU-R BT.601), three times."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def to_tensor(image: np.ndarray) -> torch.Tensor:
    """``uint8`` RGB array (..., height, width, 3) -> ``float32`` tensor (..., 3, height, width) in [-1, 1].

    >>> to_tensor(np.array([[[0, 255, 51]]], np.uint8)).flatten().tolist()
    [-1.0, 1.0, -0.6000000238418579]
    """
    import torch  # not above: who only reads and writes files need not wait for it
    return torch.from_numpy(image.copy()).movedim(-1, -3).float().div_(127.5).sub_(1)


def to_image(tensor: torch.Tensor) -> np.ndarray:
    """Tensor (3, height, width) in [-1, 1], values outside clamped -> ``uint8`` RGB array (height, width, 3).

    A fixed range with rounding (not the released SCGAN code's stretch of each image by its own minimum and maximum).

    >>> import torch
    >>> to_image(torch.tensor([-1, 0, 1.5]).view(3, 1, 1)).tolist()
    [[[0, 128, 255]]]
    """
    scaled = tensor.detach().float().add(1).mul(127.5).clamp(0, 255).round()
    return scaled.byte().permute(1, 2, 0).cpu().numpy()
