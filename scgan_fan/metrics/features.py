"""Networks that turn pictures into vectors, for the distances between sets of pictures.

Each takes ``uint8`` RGB images (..., height, width, 3), one or many, and gives ``float32`` (..., features).
"""
import functools
import hashlib
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.utils import get_root_logger
from torchvision.models import inception_v3, resnet101
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import normalize
from tqdm import tqdm

import scgan_fan
from scgan_fan.checkpoint import fetching_weights, load_weights, read_checkpoint
from scgan_fan.data.image_source import hash_pixels, open_source
from scgan_fan.device import cached_on_device, device_in_use
from scgan_fan.errors import InputError, check_choice
from scgan_fan.files import write_array
from scgan_fan.images import to_tensor
from scgan_fan.losses.feature_loss import IMAGENET_MEAN, IMAGENET_STD
from scgan_fan.metrics.dlib_faces import descriptor
from scgan_fan.metrics.perceptual import load_lpips
from scgan_fan.parallel import first_decides, gather_interleaved, share_of

LEGACY_BATCH = 64
BATCH = 32  # images on the device at once
Vectors = Callable[[np.ndarray], np.ndarray]


@cached_on_device
def feature_network(name: str, weights: str | None) -> Vectors:
    """The network of that name, on the device in use (dlib on the CPU): images -> vectors.

    - ``inception``: pool-3 of the Inception that FID is defined by (2048; torch-fidelity).
    - ``inception_legacy``: pool-3 of torchvision's ImageNet Inception with its input transform, on [0, 1] data, as the
      2018 ports that SCGAN's and LRGAN's scripts descend from (2048; papers.md section 7).
    - ``alexnet``: the last convolution of LPIPS' AlexNet, averaged over the picture (256): small weights.
    - ``resnet101``: the 1000 outputs of torchvision's ImageNet ResNet-101 at 224 pixels, of SCGAN's t-SNE.
    - ``dlib``: the descriptor that dlib recognizes people by (128): comes with its package.

    ``weights``: a file; None: downloaded once. ``alexnet`` takes the file of ``calculate_lpips``. Raises InputError
    where there is no such network, or its weights or package cannot be had.
    """
    check_choice('metric: network', name, NETWORKS)
    if weights is not None and not Path(weights).is_file():
        raise InputError(f'{weights}: no such file; it should hold the weights of {name}')
    try:
        with fetching_weights():
            return NETWORKS[name](weights)
    except (URLError, OSError) as error:
        raise InputError(f'metric: the weights of {name} cannot be downloaded ({error}); fetch them by other means and '
                         'give the file as weights, or take network: alexnet or dlib') from error
    except ImportError as error:
        raise InputError(f'metric: {error.name} is not installed; pip install "scgan_fan[benchmark]"') from error


def _inception(weights: str | None):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    if weights is not None:
        read_checkpoint(weights)  # torch-fidelity would not say what is wrong with it
    network = FeatureExtractorInceptionV3('inception', ['2048'], feature_extractor_weights_path=weights)
    return _vectors(network, lambda images: network(images.add(1).mul(127.5).round().byte())[0])


def _inception_legacy(weights: str | None):
    network = _torchvision(inception_v3, weights, transform_input=True, init_weights=False)
    network.transform_input = True
    pool = create_feature_extractor(network, ['avgpool'])
    return _vectors(pool, lambda images: pool(_resized(images, 299))['avgpool'])


def _resnet101(weights: str | None):
    network = _torchvision(resnet101, weights)
    return _vectors(network, lambda images: network(normalize(_resized(images, 224), IMAGENET_MEAN, IMAGENET_STD)))


def _torchvision(build: Callable, weights: str | None, **options) -> Any:
    """One of torchvision's networks for ImageNet, with its own weights or those of a file."""
    network = build(weights='IMAGENET1K_V1' if weights is None else None, **options)
    if weights is not None:
        load_weights(network, weights, build.__name__)
    return network.eval()


def _resized(images: torch.Tensor, side: int) -> torch.Tensor:
    """Images in [-1, 1] -> in [0, 1], bilinear."""
    return F.interpolate(images.add(1).div(2), (side, side), mode='bilinear', align_corners=False)


def _alexnet(weights: str | None):
    network: Any = load_lpips(weights)
    return _vectors(network, lambda images: network.net(network.scaling_layer(images)).relu5.mean(dim=(2, 3)))


def _dlib(weights: str | None) -> Vectors:
    def vectors(images: np.ndarray) -> np.ndarray:
        return descriptor(images) if images.ndim == 3 else np.stack([descriptor(image) for image in images])
    return vectors


def _vectors(network: torch.nn.Module, features: Callable[[torch.Tensor], torch.Tensor]) -> Vectors:
    """``features`` of images (N, 3, height, width) in [-1, 1], on the device in use, as a function of ``uint8`` arrays.
    """
    device = device_in_use()
    network.to(device)

    @torch.no_grad()
    def vectors(images: np.ndarray) -> np.ndarray:
        batch = to_tensor(images.reshape(-1, *images.shape[-3:])).to(device)
        return features(batch).flatten(1).float().cpu().numpy().reshape(*images.shape[:-3], -1)
    return vectors


NETWORKS = {'inception': _inception, 'inception_legacy': _inception_legacy, 'alexnet': _alexnet,
            'resnet101': _resnet101, 'dlib': _dlib}


@functools.cache
def reference_features(reference: tuple[str, ...], network: str, weights: str | None) -> np.ndarray | None:
    """(N, features) of the images of a folder, an LMDB or several of them.

    All processes call it: each takes its share, and the first gets them all, the others None. They are kept in torch's
    cache, known by the pixels, the network and its weights.
    """
    source = open_source(list(reference))
    share = share_of(len(source))

    def images(what: str) -> Iterable[np.ndarray]:
        return map(source.read, tqdm(share, desc=f'{what} of the reference set', unit='image', leave=False, delay=1,
                                     disable=share.start != 0))

    pixels = gather_interleaved([hash_pixels(image) for image in images('hashes')])
    path = _cache_file(pixels, network, weights)
    rows = _read_rows(path, len(pixels))
    if first_decides(rows is not None):
        return rows
    vectors = gather_interleaved(list(in_batches(feature_network(network, weights), images('features')))
                                 if share else [])
    if not vectors:
        return None
    rows = np.stack(vectors)
    try:
        write_array(path, rows)
    except InputError as error:
        get_root_logger().warning(f'Features of the reference set are not kept: {error}')
    return rows


def _cache_file(pixels: list[str], network: str, weights: str | None) -> Path:
    digest = hashlib.sha256('\n'.join([scgan_fan.__version__, network, *pixels]).encode())
    digest.update(Path(weights).read_bytes() if weights else b'')
    return Path(torch.hub.get_dir()) / 'scgan_fan_features' / f'{digest.hexdigest()}.npy'


def _read_rows(path: Path, count: int) -> np.ndarray | None:
    """The features in a file of ``reference_features``, if it is there and whole."""
    try:
        rows = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return rows if len(rows) == count else None


def in_batches(vectors: Vectors, images: Iterable[np.ndarray]) -> np.ndarray:
    """Vectors (N, features) of N images (height, width, 3), those of one size that follow each other together."""
    rows = []
    for _, alike in itertools.groupby(images, key=np.shape):
        while batch := list(itertools.islice(alike, BATCH)):
            rows.append(vectors(np.stack(batch)))
    return np.concatenate(rows)
