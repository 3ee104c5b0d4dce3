"""Networks that turn a picture into a vector, for the distances between sets of pictures.

Each takes a ``uint8`` RGB image (height, width, 3) and gives ``float32`` (features,).
"""
import functools
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
import torch.nn.functional as F
from torchvision.models import inception_v3, resnet101
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import normalize

from scgan_fan.checkpoint import load_weights, read_checkpoint, weights_only
from scgan_fan.data.image_source import open_source
from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import to_tensor
from scgan_fan.losses.feature_loss import IMAGENET_MEAN, IMAGENET_STD
from scgan_fan.metrics.dlib_faces import descriptor
from scgan_fan.metrics.perceptual import load_lpips

LEGACY_BATCH = 64


@functools.cache
def feature_network(name: str, weights: str | None):
    """The network of that name: image -> vector.

    - ``inception``: pool-3 of the Inception that FID is defined by (2048; torch-fidelity).
    - ``inception_legacy``: pool-3 of torchvision's ImageNet Inception with its input transform, on [0, 1] data, as the
      2018 ports that SCGAN's and LRGAN's scripts descend from (2048; papers.md section 7).
    - ``alexnet``: the last convolution of LPIPS' AlexNet, averaged over the picture (256): small weights.
    - ``resnet101``: the 1000 outputs of torchvision's ImageNet ResNet-101 at 224 pixels, of SCGAN's t-SNE.
    - ``dlib``: the descriptor that dlib recognizes people by (128): comes with its package.

    Args:
        name: as above.
        weights: file; None: downloaded once. ``alexnet`` takes the file of ``calculate_lpips``.

    Raises:
        InputError: no such network, or its weights or package cannot be had.
    """
    check_choice('metric: network', name, NETWORKS)
    if weights is not None and not Path(weights).is_file():
        raise InputError(f'{weights}: no such file; it should hold the weights of {name}')
    try:
        with weights_only():
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
    return _vector(lambda image: network(torch.from_numpy(image.copy()).permute(2, 0, 1)[None])[0])


def _inception_legacy(weights: str | None):
    network = inception_v3(weights='IMAGENET1K_V1' if weights is None else None, transform_input=True,
                           init_weights=False)
    if weights is not None:
        load_weights(network, weights, 'inception_v3')
    network.transform_input = True
    pool = create_feature_extractor(network.eval(), ['avgpool'])

    def features(image: np.ndarray) -> torch.Tensor:
        unit = to_tensor(image)[None].add(1).div(2)
        return pool(F.interpolate(unit, (299, 299), mode='bilinear', align_corners=False))['avgpool']
    return _vector(features)


def _resnet101(weights: str | None):
    network = resnet101(weights='IMAGENET1K_V1' if weights is None else None)
    if weights is not None:
        load_weights(network, weights, 'resnet101')
    network.eval()

    def features(image: np.ndarray) -> torch.Tensor:
        larger = F.interpolate(to_tensor(image)[None].add(1).div(2), (224, 224), mode='bilinear', align_corners=False)
        return network(normalize(larger, IMAGENET_MEAN, IMAGENET_STD))
    return _vector(features)


def _alexnet(weights: str | None):
    network = load_lpips(weights)

    def features(image: np.ndarray) -> torch.Tensor:
        return network.net(network.scaling_layer(to_tensor(image)[None])).relu5.mean(dim=(2, 3))
    return _vector(features)


def _vector(features):
    """``features`` without gradients, its result as a flat array."""
    @torch.no_grad()
    def vector(image: np.ndarray) -> np.ndarray:
        return features(image).flatten().float().numpy()
    return vector


NETWORKS = {'inception': _inception, 'inception_legacy': _inception_legacy, 'alexnet': _alexnet,
            'resnet101': _resnet101, 'dlib': lambda weights: descriptor}


@functools.cache
def reference_features(reference: tuple[str, ...], network: str, weights: str | None) -> np.ndarray:
    """(N, features) of the images of a folder, an LMDB or several of them."""
    source, vector = open_source(list(reference)), feature_network(network, weights)
    return np.stack([vector(source.read(index)) for index in range(len(source))])
