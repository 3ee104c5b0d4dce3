"""How far a set of pictures is from another as a whole: Frechet and kernel distances of features (papers.md section 7).

Each depends on the number of images, on the reference set and on the network: name all three with a figure.
"""
from typing import Annotated, Any

import numpy as np
import torch

from scgan_fan.metrics.features import LEGACY_BATCH, NETWORKS, feature_network, reference_features
from scgan_fan.metrics.validation import metric
from scgan_fan.schema_types import Count, Paths, one_of, whole

Network = Annotated[str, one_of(NETWORKS)]


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Frechet distance of the Gaussians fitted to two sets of features, (N, D) and (M, D), in float64."""
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    statistics = (fid_features_to_statistics(torch.from_numpy(rows.astype(np.float64))) for rows in (first, second))
    return next(iter(fid_statistics_to_metric(*statistics, verbose=False).values()))


def kernel_distance(first: np.ndarray, second: np.ndarray, subsets: int = 100, subset_size: int = 1000,
                    seed: int = 0) -> float:
    """KID: unbiased squared MMD with the kernel (x y / D + 1)^3, mean over random subsets of min(size, N, M)."""
    from torch_fidelity.metric_kid import kid_features_to_metric
    size = min(subset_size, len(first), len(second))
    pair = (torch.from_numpy(rows.astype(np.float64)) for rows in (first, second))
    result = kid_features_to_metric(*pair, kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, verbose=False)
    return result['kernel_inception_distance_mean']


def _known(reference: Paths, network: Network = 'inception', weights: str | None = None,
           **options) -> np.ndarray | None:
    folders = tuple(reference) if isinstance(reference, (list, tuple)) else (reference,)
    return reference_features(folders, network, weights)


def _fid(rows: np.ndarray, network: Network = 'inception', **options) -> float | None:
    known: Any = _known(network=network, **options)
    if network == 'inception_legacy':  # the old scripts leave out the last batch that is not full
        rows, known = (each[:len(each) // LEGACY_BATCH * LEGACY_BATCH] for each in (rows, known))
    return frechet_distance(rows, known) if min(len(rows), len(known)) > 1 else None


def _kid(rows: np.ndarray, subsets: Count = 100,
         subset_size: Annotated[int, whole(2)] = 1000, **options) -> float | None:
    known: Any = _known(**options)
    return 100 * kernel_distance(rows, known, subsets, subset_size) if min(len(rows), len(known)) > 1 else None


@metric(_fid, prepare=_known, takes_batches=True)
def calculate_fid(img: np.ndarray, network: Network = 'inception', weights: str | None = None, **kwargs) -> np.ndarray:
    """FID of the images to a reference set. With another network than Inception it is a Frechet distance, not FID.

    Args:
        img: uint8 BGR (height, width, 3), or N of them (N, height, width, 3).
        network: see ``features.feature_network``; ``inception_legacy`` is the published code's FID.
        weights: file of the network.
        kwargs: ``reference``, a folder or LMDB or a list of them, and whatever else the option block holds.

    Returns:
        The features, (D,) or (N, D).
    """
    return feature_network(network, weights)(img[..., ::-1])


@metric(_kid, prepare=_known, takes_batches=True)
def calculate_kid(img: np.ndarray, network: Network = 'inception', weights: str | None = None, **kwargs) -> np.ndarray:
    """KID of the images to a reference set, times 100 as SCGAN prints it; the row is that of ``calculate_fid``.

    Its options, and ``subsets`` (100) of ``subset_size`` (1000, at most all).
    """
    return feature_network(network, weights)(img[..., ::-1])


@metric(takes_batches=True)
def calculate_feature_distance(img: np.ndarray, img2: np.ndarray, network: Network = 'resnet101',
                               weights: str | None = None, **kwargs) -> float | np.ndarray:
    """Euclidean distance of the features of a restored and its true face: the number behind SCGAN's t-SNE plot.

    Images, ``network`` and ``weights`` as for ``calculate_fid``.
    """
    features = feature_network(network, weights)
    return np.linalg.norm(features(img[..., ::-1]) - features(img2[..., ::-1]), axis=-1)
