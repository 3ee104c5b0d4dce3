"""What people look at of a benchmark: a picture with enlarged details, and a page to go through the images with."""
import numpy as np

from scgan_fan.benchmark.image_set import Faces, ImageSet
from scgan_fan.benchmark.results import Outcome, Results
from scgan_fan.benchmark.tables import digits
from scgan_fan.data.geometry import evenly
from scgan_fan.pictures import comparison, data_url

GRID_IMAGES = 4
# left, top and side of the enlarged details as shares of the image: an eye and the mouth of a face that fills it
DETAILS = ((2 / 16, 3 / 16, 6 / 16), (5 / 16, 9 / 16, 6 / 16))


def grid(results: Results, dataset: str) -> np.ndarray | None:
    """Input, every method's result and the truth side by side, each face followed by its details.

    Returns:
        ``uint8`` RGB image; None where nothing was run.
    """
    images = results.sets[dataset]
    if isinstance(images, str):
        return None
    rows = []
    for index in evenly(len(images), GRID_IMAGES):
        row = _side_by_side(images.faces([index]), _finished(results, dataset))
        rows += [row, *({title: _detail(image, *box) for title, image in row.items()} for box in DETAILS)]
    return comparison(rows)


def page_sets(results: Results) -> list[dict]:
    """What the page, which needs nothing but itself, shows of each dataset under a wipe."""
    return [_page_set(results, name, images) for name, images in results.sets.items() if isinstance(images, ImageSet)]


def _page_set(results: Results, dataset: str, images: ImageSet) -> dict:
    """A dataset for the page's script: the names of its columns, and image after image with its pictures and scores."""
    finished = _finished(results, dataset)
    samples = []
    for index in evenly(len(images), results.options['page_images']):
        pictures = _side_by_side(images.faces([index]), finished)
        samples.append({'key': images.keys[index], 'pictures': [data_url(image) for image in pictures.values()],
                        'scores': [_scores(finished.get(title), index) for title in pictures]})
    return {'name': dataset, 'columns': list(pictures), 'samples': samples, 'total': len(images)}


def _finished(results: Results, dataset: str) -> dict[str, Outcome]:
    return {name: outcome for name, outcome in results.outcomes[dataset].items() if not outcome.not_run}


def _side_by_side(faces: Faces, finished: dict[str, Outcome]) -> dict[str, np.ndarray]:
    key, = faces.keys
    truth = {} if faces.gt is None else {'HR': faces.gt[0]}
    return {'LR': faces.lq[0], **{name: outcome.read(key) for name, outcome in finished.items()}, **truth}


def _detail(image: np.ndarray, left: float, top: float, side: float) -> np.ndarray:
    height, width = image.shape[:2]
    y, x, pixels = round(top * height), round(left * width), max(1, round(side * width))
    return image[y:y + pixels, x:x + pixels]


def _scores(outcome: Outcome | None, index: int) -> str:
    """The image's own figures, of metrics that have one number for each image."""
    rows = outcome.rows.items() if outcome else ()
    return ', '.join(f'{name} {row[index]:.{digits(row[index])}f}' for name, row in rows if row.ndim == 1)
