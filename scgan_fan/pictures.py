"""Pictures for people to look at."""
import base64

import cv2
import numpy as np

CELL = 128  # pixels: small faces are shown enlarged, each pixel a square
TITLE_HEIGHT = 22
GAP = 4


def comparison(rows: list[dict[str, np.ndarray]]) -> np.ndarray:
    """A table of faces: one row for each sample, one titled column for each title of the first row.

    ``rows``: title -> uint8 RGB image (height, width, 3), of any square size; the result is such an image, too.
    """
    titles = list(rows[0])
    lines = [np.hstack([_cell(row[text]) for text in titles]) for row in rows]
    return np.vstack([np.hstack([title(text, CELL + GAP) for text in titles]), *lines])


def _cell(image: np.ndarray) -> np.ndarray:
    enlarged = cv2.resize(image, (CELL, CELL), interpolation=cv2.INTER_NEAREST)
    return np.pad(enlarged, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def data_url(image: np.ndarray) -> str:
    """A uint8 RGB image as a PNG in the address of an image of a page."""
    return 'data:image/png;base64,' + base64.b64encode(cv2.imencode('.png', image[..., ::-1])[1]).decode()


def title(text: str, width: int) -> np.ndarray:
    """A white strip of so many pixels with a text on it."""
    strip = np.full((TITLE_HEIGHT, width, 3), 255, np.uint8)
    return cv2.putText(strip, text, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
