"""Is the restored face the person on the true image? Images: ``uint8`` BGR (height, width, 3), filled by the face."""
from typing import Annotated, Any

import cv2
import numpy as np
import torch

from scgan_fan.checkpoint import load_part
from scgan_fan.device import cached_on_device, device_in_use
from scgan_fan.errors import InputError, check_choice
from scgan_fan.extras import import_extra
from scgan_fan.images import to_tensor
from scgan_fan.metrics.dlib_faces import descriptor
from scgan_fan.metrics.onnx_recognition import onnx_embedding
from scgan_fan.metrics.remembered import remembered
from scgan_fan.metrics.validation import metric
from scgan_fan.schema_types import number, one_of

# below these distances two images show one person: dlib's own (King 2017), and papers.md section 7 for FaceNet
SAME_PERSON = {'dlib': 0.6, 'facenet': 1.1}
NETWORKS = (*SAME_PERSON, 'onnx')
Recogniser = Annotated[str, one_of(NETWORKS)]
Distance = Annotated[float, number(1e-6)]
Cosine = Annotated[float, number(-1, 1)]
ONNX_OPTIONS = ('mean', 'std', 'colours', 'window')
FACENET_SIZE = 160
OTHERS = 10
GATE = 0.3  # cosine of AdaFace, the NTIRE challenges' for real faces of photographs


def _check(network: str, weights: str | None, **options) -> None:
    """Raise InputError where a network lacks what it needs."""
    if network != 'dlib' and weights is None:
        raise InputError(f'weights: is missing; network: {network} needs a file')
    if network == 'onnx' and options.get('threshold', 0) is None:
        raise InputError('threshold: is missing; give the distance below which two are one person to this network')


def _same_rate(rows: np.ndarray, network: Recogniser = 'dlib', threshold: Distance | None = None, **options) -> float:
    distances = np.linalg.norm(rows[:, 0] - rows[:, 1], axis=1)
    return 100 * float((distances < _limit(network, threshold)).mean())


def _different_rate(rows: np.ndarray, network: Recogniser = 'dlib', threshold: Distance | None = None,
                    **options) -> float | None:
    if len(rows) < 2:
        return None
    rows = rows[np.random.default_rng(0).permutation(len(rows))]  # neighbours in a set are often alike
    distances = [np.linalg.norm(rows[:, 0] - np.roll(rows[:, 1], shift, axis=0), axis=1)
                 for shift in range(1, min(OTHERS, len(rows) - 1) + 1)]
    return 100 * float((np.array(distances) < _limit(network, threshold)).mean())


def _limit(network: str, threshold: float | None) -> float:
    """The distance below which two are one person."""
    if threshold is None and network == 'onnx':
        raise InputError('metric: threshold: the distance below which two are one person to this ONNX network must be '
                         'given')
    return threshold or SAME_PERSON[network]


@metric(_same_rate, takes_batches=True, looks_by=onnx_embedding, check=_check)
def calculate_verification(img: np.ndarray, img2: np.ndarray, network: Recogniser = 'dlib', weights: str | None = None,
                           **kwargs) -> np.ndarray:
    """Percent of the restored faces that are taken for the person on the true image (SCGAN's Table 7).

    Args:
        img, img2: restored and true; or N of each.
        network: ``dlib`` (offline), ``facenet`` (SCGAN's; needs ``pip install --no-deps facenet-pytorch``) or ``onnx``,
            any other (needs ``pip install onnxruntime``). What taught a network (IdentityLoss: dlib) is no judge of it.
        weights: FaceNet's file, as facenet-pytorch publishes it, or the ONNX file.
        kwargs: ``threshold``, the distance below which two are one person (0.6 for dlib, 1.1 for FaceNet, none is known
            for others; embeddings of an ONNX file are made of length 1); ``mean``, ``std``, ``colours`` and ``window``
            of an ONNX file, see ``onnx_embedding``; whatever else the option block holds.

    Returns:
        Both embeddings, (2, 128) or another length; of N images (N, 2, 128).

    Raises:
        InputError: the network, its package or its weights are not there.
    """
    _limit(network, kwargs.get('threshold'))
    return _both(img, img2, network, weights, kwargs)


@metric(_different_rate, takes_batches=True, looks_by=onnx_embedding, check=_check)
def calculate_verification_control(img: np.ndarray, img2: np.ndarray, network: Recogniser = 'dlib',
                                   weights: str | None = None, **kwargs) -> np.ndarray:
    """Percent of the pairs of a restored face and another image's true one, ten for each, that are taken for one
    person: ``calculate_verification`` must be far above it, or its threshold tells nothing. Arguments and row as there.
    """
    _limit(network, kwargs.get('threshold'))
    return _both(img, img2, network, weights, kwargs)


@metric(takes_batches=True, looks_by=onnx_embedding, check=_check)
def calculate_identity(img: np.ndarray, img2: np.ndarray, network: Recogniser = 'dlib', weights: str | None = None,
                       **kwargs) -> float | np.ndarray:
    """Cosine between the embeddings of the restored and of the true face; 1 for the same. Arguments as for
    ``calculate_verification``."""
    return _cosine(img, img2, network, weights, kwargs)


def _passed(rows: np.ndarray, threshold: Cosine = GATE, **options) -> float:
    return 100 * float((rows >= threshold).mean())


@metric(_passed, takes_batches=True, looks_by=onnx_embedding, check=_check)
def calculate_identity_gate(img: np.ndarray, img2: np.ndarray, network: Recogniser = 'dlib', weights: str | None = None,
                            **kwargs) -> float | np.ndarray:
    """Percent of the restored faces whose cosine to the true face is at least ``threshold``: the gate of the NTIRE
    real-world face restoration challenges (2025, 2026), which passes a method by it before quality counts.

    Their thresholds are cosines of AdaFace: 0.30 (the default), 0.50 or 0.60, by the set. With another network they are
    not the challenge's: dlib's embeddings of strangers have a cosine of 0.84 already, so give one between that and 1.

    Args:
        img, img2: restored and true.
        network, weights, kwargs: as for ``calculate_verification``, but ``threshold`` is a cosine.

    Returns:
        The cosine.
    """
    return _cosine(img, img2, network, weights, kwargs)


@metric(_passed, looks_by=onnx_embedding, check=_check)
def calculate_identity_gate_real(img: np.ndarray, lq: np.ndarray, network: Recogniser = 'dlib',
                                 weights: str | None = None, **kwargs) -> float:
    """As ``calculate_identity_gate``, against the low-resolution face enlarged bicubically: where the true one is not
    known."""
    enlarged = cv2.resize(lq, img.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return _cosine(img, enlarged, network, weights, kwargs)


def _cosine(img: np.ndarray, img2: np.ndarray, network: str, weights: str | None, options: dict) -> Any:
    first, second = np.moveaxis(_both(img, img2, network, weights, options), -2, 0)
    return (first * second).sum(axis=-1) / (np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1))


def _both(img: np.ndarray, img2: np.ndarray, network: str, weights: str | None, options: dict) -> np.ndarray:
    check_choice('metric: network', network, NETWORKS)
    seen = tuple((name, tuple(value) if isinstance(value, list) else value) for name, value in options.items()
                 if network == 'onnx' and name in ONNX_OPTIONS)
    return np.stack([_embeddings(images, network, weights, seen) for images in (img, img2)], axis=-2)


@remembered
def _embeddings(images: np.ndarray, network: str, weights: str | None, options: tuple) -> np.ndarray:
    """(N, numbers) of BGR images."""
    if network == 'facenet':
        return _facenet_embeddings(images[..., ::-1], weights)

    def look(image: np.ndarray) -> np.ndarray:
        return descriptor(image) if network == 'dlib' else onnx_embedding(image, weights, **dict(options))
    return np.stack([look(image[..., ::-1]) for image in images])


@torch.no_grad()
def _facenet_embeddings(images: np.ndarray, weights: str | None) -> np.ndarray:
    """FaceNet looks at the whole crop: what detection SCGAN used is not stated (papers.md section 7)."""
    larger = [cv2.resize(image, (FACENET_SIZE, FACENET_SIZE), interpolation=cv2.INTER_CUBIC) for image in images]
    batch = torch.stack([to_tensor(image) for image in larger]).to(device_in_use())
    return _facenet(weights)(batch).cpu().numpy()


@cached_on_device
def _facenet(weights: str | None) -> torch.nn.Module:
    # the package pins old versions of others
    package = import_extra('facenet_pytorch', 'metric: network: facenet', '--no-deps facenet-pytorch, or take dlib')
    if weights is None:
        raise InputError('metric: network: facenet needs weights: the file that facenet-pytorch publishes; or take '
                         'dlib')
    network = package.InceptionResnetV1()
    load_part(network, weights, 'the weights of FaceNet')  # without the classifier's
    return network.eval().requires_grad_(False).to(device_in_use())
