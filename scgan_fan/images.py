"""Images between files and networks: the only place where value range and channel order change.

Files, drawings and metrics: ``uint8`` arrays, height x width x 3, RGB. Networks: ``float32`` tensors, 3 x height x
width, RGB in [-1, 1].
"""
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from scgan_fan.errors import InputError

SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.tif', '.tiff')
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
        InputError: the bytes are no image, are truncated, or are not RGB and ``convert`` is false.
    """
    image = _open(data, name)
    if image.mode != 'RGB':
        if not convert:
            raise InputError(f'{name}: a {image.mode} image with {len(image.getbands())} channel(s) where RGB is '
                             'needed; scgan-fan lmdb converts whole folders')
        image = _to_rgb(image)
    return np.asarray(image)


def _open(data: bytes, name: str) -> Image.Image:
    """The image, upright, of any mode."""
    try:
        Image.open(io.BytesIO(data)).verify()  # the checksums of a PNG; loading passes over damage to its last rows
        image = Image.open(io.BytesIO(data))
        image.load()
        return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise InputError(f'{name}: not an image, or damaged from its first bytes; replace or remove it') from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f'{name}: truncated or damaged ({error}); replace or remove it') from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith('I') or image.mode == 'F':  # 16-bit and wider greyscale: keep the upper 8 bits
        values = np.asarray(image, dtype=np.float64)
        image = Image.fromarray(np.clip(values / 256, 0, 255).astype(np.uint8))
    return image.convert('RGB')


def read_image(path: str | Path, convert: bool = False) -> np.ndarray:
    """``decode`` for a file on disk. Raises InputError where it is missing or ``decode`` refuses it."""
    return decode(_read(path), str(path), convert)


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror})') from error


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write a ``uint8`` RGB array (height, width, 3) as the file type of the suffix, making its folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


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
        return Photo(np.asarray(_to_rgb(image)), profile=profile)
    pixels = np.asarray(image.convert('RGBA'))
    return Photo(np.ascontiguousarray(pixels[..., :3]), pixels[..., 3], profile)


def write_photo(path: str | Path, photo: Photo) -> None:
    """Write a photograph as the file type of the suffix, making its folder. JPEG leaves the transparency out."""
    pixels = photo.pixels
    if photo.alpha is not None and Path(path).suffix.lower() not in ('.jpg', '.jpeg'):
        pixels = np.dstack([pixels, photo.alpha])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=PHOTO_QUALITY, icc_profile=photo.profile)


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
