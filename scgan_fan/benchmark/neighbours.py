"""Do restored faces lie beside the true ones? A t-SNE plot after SCGAN's Fig 3 (papers.md section 7)."""
import io
import itertools
from typing import Annotated
from urllib.parse import unquote

import numpy as np
from PIL import Image

from scgan_fan.benchmark.image_set import ImageSet
from scgan_fan.benchmark.results import Results
from scgan_fan.errors import InputError
from scgan_fan.metrics.features import feature_network, in_batches
from scgan_fan.schema_types import Count, Whole, block_of, number

TRUTH = 'HR'
MARKERS = 'osD^vPX*<>'


def plot(results: Results, block: dict) -> np.ndarray | None:
    """``plot_identities`` of an option block; InputError where the block is wrong, or its network cannot be had."""
    return plot_identities(results, **dict(block_of(plot_identities, given=('results',)).read(block, 'tsne')))


def plot_identities(results: Results, dataset: str, network: str = 'resnet101', weights: str | None = None,
                    identities: Count = 10, perplexity: Annotated[float, number(1)] = 30,
                    seed: Whole = 0) -> np.ndarray | None:
    """One point for each image of the first identities: the true one and what each method made of it.

    An image's identity is the folder that it lies in. Distances between far points of a t-SNE mean nothing: the metric
    ``calculate_feature_distance`` is the number to compare.

    Args:
        results: of the benchmark.
        network: resnet101, SCGAN's, or another of ``metrics.features``, with its ``weights``.
        identities: how many.
        perplexity: less where there are few images.

    Returns:
        uint8 RGB picture; None where nothing was run.
    """
    if dataset not in results.sets:
        raise InputError(f'tsne: dataset: {dataset!r} is not among the datasets')
    images = results.sets[dataset]
    if isinstance(images, str):
        return None
    pictures, of_image = _collect(results, dataset, images, identities)
    vectors = in_batches(feature_network(network, weights), itertools.chain.from_iterable(pictures.values()))
    points = _project(vectors, perplexity, seed)
    return _draw(dict(zip(pictures, np.split(points, len(pictures)))), of_image)


def _collect(results: Results, dataset: str, images: ImageSet,
             count: int) -> tuple[dict[str, list[np.ndarray]], list[str]]:
    """Title -> images of the first ``count`` identities, and the identity of each."""
    of_image = [unquote(key).rpartition('/')[0] for key in images.keys]
    first = list(dict.fromkeys(of_image))[:count]
    indices = [index for index, identity in enumerate(of_image) if identity in first]
    faces = images.faces(indices)
    pictures = {} if faces.gt is None else {TRUTH: list(faces.gt)}
    for name, outcome in results.outcomes[dataset].items():
        if name in results.competing and not outcome.not_run:
            pictures[name] = [outcome.read(key) for key in faces.keys]
    return pictures, [of_image[index] for index in indices]


def _project(vectors: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE
    perplexity = min(perplexity, (len(vectors) - 1) / 3)
    return TSNE(perplexity=perplexity, random_state=seed, init='pca').fit_transform(vectors.astype(np.float64))


def _draw(points: dict[str, np.ndarray], identities: list[str]) -> np.ndarray:
    """A colour for each identity, a marker for each method."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=(8, 6), dpi=120, layout='constrained')
    axes = figure.subplots()
    colours = [list(dict.fromkeys(identities)).index(identity) for identity in identities]
    for marker, (title, places) in zip(MARKERS * len(points), points.items()):
        axes.scatter(places[:, 0], places[:, 1], c=colours, cmap='tab10', marker=marker, label=title, alpha=0.7,
                     edgecolors='none')
    axes.legend()
    axes.set(xticks=[], yticks=[], title=f't-SNE, {len(identities)} images of {len(set(identities))} people')
    file = io.BytesIO()
    figure.savefig(file, format='png')
    return np.asarray(Image.open(file).convert('RGB'))
