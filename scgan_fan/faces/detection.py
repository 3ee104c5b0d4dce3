"""Finding faces in photographs: a detector says where, the shipped FAN says where their 68 landmarks are."""
import functools
import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from scgan_fan.checkpoint import load_weights, package_folder
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import crop_box
from scgan_fan.faces.fan_weights import load_fan
from scgan_fan.faces.landmarks import decode_heatmaps
from scgan_fan.faces.paste import cut_square, round_square

DETECTORS = ('auto', 'retinaface', 'dlib')
MIN_SIZE = 16  # pixels

DLIB_WINDOW = 80  # pixels: the smallest face that dlib's detector sees
TILE = 1200  # pixels of the enlarged photograph that dlib sees at once; about 30 MB
TILE_OVERLAP = 240  # a face of two windows, and some surroundings
SAME_FACE = 0.4  # overlap of two boxes, intersection over union

RETINAFACE_FILE = 'detection_Resnet50_Final.pth'
RETINAFACE_URL = f'https://github.com/xinntao/facexlib/releases/download/v0.1.0/{RETINAFACE_FILE}'
RETINAFACE_PIXELS = 2_000_000  # larger photographs are reduced to so many: 0.4 GB for the network
RETINAFACE_SURE = 0.8  # facexlib's threshold

# Side of FAN's first look relative to the longer side of the detected box. With dlib the crop of the true landmarks is
# 1.16 of the box (standard deviation 0.10; 40 portraits) around the same middle; RetinaFace frames the whole face. Both
# looks leave some room: FAN cannot put a landmark outside of what it sees, but does not mind a face of 0.75 of it.
FIRST_LOOK = {'dlib': 1.4, 'retinaface': 1.25}
SECOND_LOOK = 1.15  # margin
FAN_BATCH = 32


@dataclass(frozen=True)
class Face:
    """A face in a photograph, in its pixels (pixel i covers i to i + 1).

    Attributes:
        box: left, top, right and bottom as the detector gives them; may reach beyond the photograph.
        score: how sure the detector is. RetinaFace: a probability; dlib: the distance from the SVM's boundary, 0 or
            more, about 2 for a clear face.
        landmarks: (68, 2), iBUG order, x then y. ``faces.crop.crop_box`` makes the crop of them.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: np.ndarray

    @property
    def size(self) -> float:
        """The longer side of the box, pixels."""
        left, top, right, bottom = self.box
        return max(right - left, bottom - top)


def find_faces(image: np.ndarray, detector: str = 'auto', min_size: int = MIN_SIZE) -> list[Face]:
    """The faces in a photograph, the largest first. The same photograph always gives the same faces.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        detector: ``retinaface`` (facexlib's, better on turned and hidden faces; its weights must be there, nothing is
            downloaded), a path to its weights, ``dlib`` (HOG and SVM, frontal faces, offline), or ``auto``: retinaface
            where its weights are found, else dlib.
        min_size: smaller faces are left out, by the longer side of the box in pixels. dlib takes four times as long
            for half of the size.

    Raises:
        InputError: unknown detector, or the weights of RetinaFace are not there or of another network.
    """
    weights = retinaface_weights(detector)
    boxes, scores = _dlib_boxes(image, min_size) if weights is None else _retinaface_boxes(image, weights)
    large = np.ptp(boxes.reshape(-1, 2, 2), axis=1).max(axis=1) >= min_size
    boxes, scores = boxes[large], scores[large]
    landmarks = find_landmarks(image, boxes, FIRST_LOOK['dlib' if weights is None else 'retinaface'])
    faces = [Face(tuple(box.tolist()), float(score), points) for box, score, points in zip(boxes, scores, landmarks)]
    return sorted(faces, key=lambda face: (-face.size, face.box))


# ---------------------------------------------------------------------------------------------------------------------
# Landmarks
# ---------------------------------------------------------------------------------------------------------------------

@torch.inference_mode()
def find_landmarks(image: np.ndarray, boxes: np.ndarray, first_look: float = 1.0) -> np.ndarray:
    """68 landmarks of each face by the shipped FAN, which looks twice: at a square around the box, then at what
    ``crop_box`` makes of its first answer, the kind of crop that it was trained on.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        boxes: (N, 4), left, top, right, bottom in pixels.
        first_look: side of the first square relative to the longer side of the box.

    Returns:
        ``float32`` (N, 68, 2), x then y, pixels.
    """
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).max(axis=1) * first_look
    squares = [(x - side / 2, y - side / 2, side) for (x, y), side in zip(middles, sides)]
    landmarks = _look(image, squares)
    return _look(image, [crop_box(points, SECOND_LOOK) for points in landmarks])


def _look(image: np.ndarray, squares: list[tuple[float, float, float]]) -> np.ndarray:
    """FAN's landmarks (N, 68, 2), in pixels of the image, in squares given as x, y, side."""
    fan, size = _fan()
    whole = [round_square(square) for square in squares]
    found = [np.zeros((0, 68, 2), np.float32)]
    for start in range(0, len(whole), FAN_BATCH):
        part = whole[start:start + FAN_BATCH]
        crops = np.stack([cut_square(image, square, size) for square in part])
        heatmaps = fan(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255)[-1]
        landmarks = decode_heatmaps(heatmaps, fan.stem_stride)[0].numpy() / size
        x, y, sides = np.array(part, np.float32).T[:, :, None]
        found.append(np.stack([x, y], axis=2) + landmarks * sides[:, :, None])
    return np.concatenate(found)


@functools.cache
def _fan():
    return load_fan('fan64')


# ---------------------------------------------------------------------------------------------------------------------
# dlib
# ---------------------------------------------------------------------------------------------------------------------

@functools.cache
def _dlib_detector():
    try:
        import dlib
    except ImportError as error:
        raise InputError('detector dlib: dlib is not installed; pip install dlib-bin') from error
    return dlib.get_frontal_face_detector()


def _dlib_boxes(image: np.ndarray, min_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and scores (N,).

    One octave of face sizes after another, each in tiles: memory does not grow with the photograph, however much it
    must be enlarged for the smallest faces.
    """
    scale = DLIB_WINDOW / min_size
    found = _octave(image, scale)
    while max(image.shape[:2]) * scale > TILE:  # faces of more than two windows may be cut by the tiles
        scale /= 2
        found += _octave(image, scale)
    boxes = np.array([box for box, _ in found]).reshape(-1, 4)
    scores = np.array([score for _, score in found])
    keep = _best_of_each(boxes, scores)
    return boxes[keep], scores[keep]


def _octave(image: np.ndarray, scale: float) -> list[tuple[np.ndarray, float]]:
    """Boxes in pixels of the image, and scores, of the faces that dlib sees in the image scaled by ``scale``."""
    height, width = image.shape[:2]
    side, step = round(TILE / scale), round((TILE - TILE_OVERLAP) / scale)
    overlap = side - step
    corners = itertools.product(range(0, max(1, height - overlap), step), range(0, max(1, width - overlap), step))
    return [found for top, left in corners
            for found in _in_tile(image[top:top + side, left:left + side], left, top, scale)]


def _in_tile(tile: np.ndarray, left: int, top: int, scale: float) -> list[tuple[np.ndarray, float]]:
    height, width = (max(1, round(length * scale)) for length in tile.shape[:2])
    method = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    scaled = np.ascontiguousarray(cv2.resize(tile, (width, height), interpolation=method))
    rectangles, scores, _ = _dlib_detector().run(scaled, 0, 0.0)
    return [(np.array([r.left(), r.top(), r.right() + 1, r.bottom() + 1]) / scale + (left, top, left, top), score)
            for r, score in zip(rectangles, scores)]


def _best_of_each(boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Indices of the boxes that no better one overlaps, the best first (non-maximum suppression)."""
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    order, keep = np.argsort(-scores, kind='stable'), []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        corners = np.maximum(boxes[best, :2], boxes[order, :2]), np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = (corners[1] - corners[0]).clip(0).prod(axis=1)
        order = order[shared < SAME_FACE * (areas[best] + areas[order] - shared)]
    return np.array(keep, int)


# ---------------------------------------------------------------------------------------------------------------------
# RetinaFace
# ---------------------------------------------------------------------------------------------------------------------

def retinaface_weights(detector: str) -> Path | None:
    """The file of RetinaFace's weights that ``detector`` (see ``find_faces``) means; None: dlib.

    Raises:
        InputError: unknown detector, or the weights are asked for and not there.
    """
    if detector == 'dlib':
        return None
    if detector not in DETECTORS:
        if not Path(detector).is_file():
            raise InputError(f'detector: {detector!r} is none of {", ".join(DETECTORS)}, nor a file of RetinaFace\'s '
                             'weights; choose one')
        return Path(detector)
    places = (package_folder('facexlib') / 'weights' / RETINAFACE_FILE,
              Path(torch.hub.get_dir()) / 'checkpoints' / RETINAFACE_FILE)
    found = next((place for place in places if place.is_file()), None)
    if found is None and detector == 'retinaface':
        raise InputError(f'{places[0]}: the weights of RetinaFace are not there; put {RETINAFACE_URL} there, '
                         'or use dlib')
    return found


@functools.cache
def _retinaface(weights: Path):
    from facexlib.detection.retinaface import RetinaFace
    network = RetinaFace(network_name='resnet50')  # on a GPU where there is one
    load_weights(network, weights, 'RetinaFace')
    return network


@torch.inference_mode()
def _retinaface_boxes(image: np.ndarray, weights: Path) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) and scores (N,).

    What facexlib's ``detect_faces`` does, without torchvision's compiled operators, which a CPU's PyTorch may lack.
    """
    from facexlib.detection.retinaface_utils import PriorBox, decode
    network = _retinaface(weights)
    height, width = image.shape[:2]
    scale = min(1, (RETINAFACE_PIXELS / (height * width)) ** 0.5)
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    bgr = torch.from_numpy(reduced[..., ::-1].copy()).to(network.device).permute(2, 0, 1)[None]
    offsets, probabilities, _ = (output[0].cpu() for output in network(bgr - network.mean_tensor))
    priors = PriorBox(network.cfg, image_size=(height, width)).forward()
    boxes = decode(offsets, priors, network.cfg['variance']).numpy() * (width, height, width, height) / scale
    scores = probabilities[:, 1].numpy()
    sure = scores > RETINAFACE_SURE
    boxes, scores = boxes[sure], scores[sure]
    keep = _best_of_each(boxes, scores)
    return boxes[keep], scores[keep]
