"""Embeddings by any face recognition network in an ONNX file: a judge that has taught no network here."""
import functools
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from scgan_fan.errors import InputError, check_choice
from scgan_fan.extras import open_onnx

ARCFACE_MEAN, ARCFACE_STD = 127.5, 128.0  # InsightFace's, for networks of ArcFace's family
WHOLE = (0.5, 0.5, 1.0)


def onnx_embedding(image: np.ndarray, weights: str | None, mean: float | tuple[float, ...] = ARCFACE_MEAN,
                   std: float | tuple[float, ...] = ARCFACE_STD, colours: Literal['rgb', 'bgr'] = 'rgb',
                   window: tuple[float, float, float] = WHOLE) -> np.ndarray:
    """What the network says of a face, float32 (numbers,), of length 1.

    Args:
        image: RGB ``uint8`` (height, width, 3), a crop of fixed geometry: no landmarks are looked for, which a bad
            restoration would spoil.
        weights: the ONNX file; one input (batch, 3, size, size), a face's first output its embedding.
        mean, std: the network sees (value - mean) / std of values 0 to 255; one number or one for each channel.
        colours: order of the channels that it sees, ``rgb`` or ``bgr``.
        window: the square that it sees: x and y of the centre and the side, as shares of the crop's side. Beyond the
            crop its border is repeated. On this package's crops ArcFace's template of five points lies at (0.51, 0.34,
            1.11) (901 faces of LFW, median landmarks).

    Raises:
        InputError: onnxruntime or the file is not there, or it is no such network.
    """
    check_choice('metric: colours', colours, ('rgb', 'bgr'))
    network, size = _network(weights)
    seen = _cut(image, window, size)[..., ::1 if colours == 'rgb' else -1].astype(np.float32)
    scaled: np.ndarray = (seen - np.array(mean, np.float32)) / np.array(std, np.float32)
    embedding = network.run(None, {network.get_inputs()[0].name: scaled.transpose(2, 0, 1)[None]})[0].ravel()
    return embedding / np.linalg.norm(embedding)


def _cut(image: np.ndarray, window: tuple, size: int) -> np.ndarray:
    """The window at the network's size."""
    x, y, side = np.array(window) * image.shape[1]
    scale = size / side
    # pixel i covers i to i + 1, as cv2.resize has it
    matrix = np.array([[scale, 0, (size + scale - 1) / 2 - scale * x], [0, scale, (size + scale - 1) / 2 - scale * y]])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@functools.cache
def _network(weights: str | None):
    """The session and the side of its input."""
    if weights is None or not Path(weights).is_file():
        raise InputError(f'metric: network: onnx: weights: {weights}: no such file; give the ONNX file of a face '
                         'recognition network, or take dlib')
    network = open_onnx(Path(weights).read_bytes(), weights, threads=1)  # the images are small
    inputs = network.get_inputs()
    shape = inputs[0].shape
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or not isinstance(shape[2], int) or shape[2] != shape[3]:
        raise InputError(f'{weights}: its input is {shape}, not (batch, 3, size, size); give a face '
                         'recognition network')
    return network, shape[2]
