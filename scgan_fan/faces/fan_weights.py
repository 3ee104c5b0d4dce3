"""Where the weights of a face alignment network come from: the package, a path, the cache, a download."""
import hashlib
from pathlib import Path
from urllib.error import URLError

import torch

from scgan_fan.archs.fan_arch import FAN
from scgan_fan.checkpoint import fetching_weights, load_part, load_weights
from scgan_fan.device import cached_on_device, device_in_use
from scgan_fan.errors import InputError
from scgan_fan.shipped import shipped_file

FAN64_NETWORK = {'num_stacks': 1, 'width': 96, 'stem_stride': 2}
FAN64_SIZE = 64

# The published 2D-FAN with four stacks (Bulat and Tzimiropoulos), as the face-alignment package names it. The part
# after the dash is the beginning of the file's SHA-256.
PUBLISHED_URL = 'https://www.adrianbulat.com/downloads/python-fan/2DFAN4-11f355bf06.pth.tar'
PUBLISHED_HASH = '11f355bf06'
PUBLISHED_SIZE = 256


def load_fan(weights: str, network: dict | None = None) -> tuple[FAN, int]:
    """A face alignment network, frozen and in evaluation mode, and the image size that it was trained for.

    Args:
        weights: ``fan64`` (shipped), ``2dfan4`` (published), ``random``, or a path.
        network: constructor arguments of FAN, for a path or ``random``; for ``2dfan4`` only ``num_stacks`` may be
            given, and the first so many stacks are kept.

    Raises:
        InputError: the weights are absent or of another network.
    """
    network = dict(network or {})
    if weights == 'fan64':
        fan, size = FAN(**{**FAN64_NETWORK, **network}), FAN64_SIZE
        load_weights(fan, shipped_file('fan64.pth'), 'fan64')
    elif weights == '2dfan4':
        fan, size = FAN(**network), PUBLISHED_SIZE
        load_part(fan, find_published_weights(), 'the published 2D-FAN')  # with fewer stacks the first ones
    else:
        fan = FAN(**network)
        size = FAN64_SIZE if fan.stem_stride == 2 else PUBLISHED_SIZE
        if weights != 'random':
            load_weights(fan, weights, 'FAN')
    return fan.eval().requires_grad_(False), size


@cached_on_device
def shared_fan(weights: str) -> tuple[FAN, int]:
    """``load_fan``, on the device in use: one for all that only look through it."""
    fan, size = load_fan(weights)
    return fan.to(device_in_use()), size


def find_published_weights() -> Path:
    """The file of the published 2D-FAN, in torch's cache or downloaded to it; its hash is checked either way."""
    try:
        return download(PUBLISHED_URL, PUBLISHED_HASH, 'the published 2D-FAN weights')
    except InputError as error:
        raise InputError(f'{error}, or use fan: fan64') from error


def cached_file(url: str) -> Path:
    """Where torch's cache has, or would have, the file of an address."""
    return Path(torch.hub.get_dir()) / 'checkpoints' / Path(url).name


def download(url: str, digest: str, what: str) -> Path:
    """A file in torch's cache, fetched where it is not there yet.

    Args:
        url: where it is published.
        digest: what its SHA-256 begins with, hexadecimal.
        what: the weights in it, for errors.

    Raises:
        InputError: it cannot be fetched, or it is another file.
    """
    path = cached_file(url)
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with fetching_weights():
                torch.hub.download_url_to_file(url, str(path), hash_prefix=digest)
        except (URLError, OSError, RuntimeError) as error:
            raise InputError(f'{path}: {what} are not there and cannot be downloaded ({error}); fetch {url} by other '
                             'means and put it there') from error
    check_hash(path, digest)
    return path


def check_hash(path: Path, prefix: str) -> None:
    """Raise InputError unless the file's SHA-256 begins with ``prefix``."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(prefix):
        raise InputError(f'{path}: SHA-256 {found[:len(prefix)]}... instead of {prefix}...: damaged or another file; '
                         'remove it and fetch it again')
