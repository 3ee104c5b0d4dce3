"""Landmark errors over a set of faces (papers.md section 7), of all its faces or of those turned by so much."""
from typing import Annotated

import numpy as np
import torch
from pydantic import AfterValidator

from scgan_fan.device import device_in_use
from scgan_fan.faces import pose
from scgan_fan.faces.fan_weights import shared_fan
from scgan_fan.faces.landmarks import Normalizer, decode_heatmaps, normalized_mean_error
from scgan_fan.images import to_tensor
from scgan_fan.metrics import dlib_faces
from scgan_fan.metrics.remembered import remembered
from scgan_fan.metrics.validation import metric
from scgan_fan.schema_types import file_or, interval, number

FAN = Annotated[str, file_or('fan64', '2dfan4')]
Finder = Annotated[str, file_or('fan64', '2dfan4', 'dlib')]
Turn = Annotated[tuple[float, float], interval(0, 90)]  # degrees


def _above_0(limit: float) -> float:
    if limit <= 0:
        raise ValueError(f'{limit}; it must be above 0, 0.10 for errors up to 10 % of the box')
    return limit


Limit = Annotated[float, number(), AfterValidator(_above_0)]


def _rows(found: torch.Tensor, truth: torch.Tensor, normalizer: Normalizer) -> np.ndarray:
    """Error (0.03 for 3 %) and yaw of the truth in degrees, (..., 2), of landmarks (..., 68, 2)."""
    found, faces = (landmarks.reshape(-1, *truth.shape[-2:]) for landmarks in (found, truth))
    rows = torch.stack((normalized_mean_error(found, faces, normalizer).double(), pose.yaw(faces)), dim=1)
    return rows.reshape(*truth.shape[:-2], 2).cpu().numpy()


def _errors(rows: np.ndarray, yaw) -> np.ndarray:
    """The errors of the faces that are turned by [least, most] degrees to either side."""
    if yaw is None:
        return rows[:, 0]
    turn = np.abs(rows[:, 1])
    return rows[(yaw[0] <= turn) & (turn <= yaw[1]), 0]


def mean_error(rows: np.ndarray, yaw: Turn | None = None, **options) -> float | None:
    """Mean of the errors in percent; None where no face is turned by so much."""
    errors = _errors(rows, yaw)
    return 100 * float(errors.mean()) if len(errors) else None


def area_under_curve(rows: np.ndarray, limit: Limit = 0.10, yaw: Turn | None = None, **options) -> float | None:
    """Area under the cumulative curve of the errors from 0 to ``limit``, in percent of the largest possible.

    The curve is the share of faces whose error (by the root of the true box's area) is at most so much. The area is
    exact: each face adds 1 - error / limit. FAN's official code samples the curve at 1000 points on [0, 1] and averages
    the first 100, all below 0.10; a sum instead of the integral, up to 1 lower.

    Returns:
        0 to 100; None where no face is turned by so much.
    """
    errors = _errors(rows, yaw)
    return 100 * float(np.clip(1 - errors / limit, 0, None).mean()) if len(errors) else None


@metric(mean_error)
def calculate_nme(landmarks: torch.Tensor, landmarks2: torch.Tensor, normalizer: Normalizer = 'box',
                  **kwargs) -> np.ndarray:
    """Normalized mean error: mean distance of the points by the size of the true face; over a set in percent.

    Args:
        landmarks, landmarks2: found and true, (68, 2) in pixels.
        normalizer: see ``faces.landmarks.normalized_mean_error``.
        kwargs: ``yaw``, [least, most] degrees without sign: only faces whose true landmarks are turned by so much
            (``pose.yaw``); whatever else the option block holds.

    Returns:
        The face's row: error and yaw.

    Raises:
        InputError: ``normalizer`` is something else; of a wrong ``yaw`` ``Metric`` tells, before anything is measured.
    """
    return _rows(landmarks, landmarks2, normalizer)


@metric(area_under_curve)
def calculate_auc(landmarks: torch.Tensor, landmarks2: torch.Tensor, **kwargs) -> np.ndarray:
    """Area under the cumulative curve of errors, see ``area_under_curve``. Landmarks and ``yaw`` as for
    ``calculate_nme``; ``limit`` is 0.10 in Super-FAN's Table 2, 0.07 in FAN's own paper.
    """
    return _rows(landmarks, landmarks2, 'box')


@metric(mean_error, takes_batches=True)
def calculate_nme68(img: np.ndarray, img2: np.ndarray, fan: Finder = 'fan64', normalizer: Normalizer = 'box',
                    **kwargs) -> np.ndarray:
    """``calculate_nme`` of the landmarks that a FAN finds on the restored against those it finds on the true face.

    Args:
        img, img2: ``uint8`` BGR, square; or N of each, which give N rows.
        fan: ``fan64`` (shipped), ``2dfan4`` (published) or a path; the one that taught a network favours it. ``dlib``,
            whose 68-point predictor is no network, taught none.
    """
    return _rows(_landmarks(img, fan), _landmarks(img2, fan), normalizer)


def _landmarks(images: np.ndarray, fan: str) -> torch.Tensor:
    return torch.from_numpy(_find_by_dlib(images) if fan == 'dlib' else _find(images, fan)[..., :2])


@remembered
def _find_by_dlib(images: np.ndarray) -> np.ndarray:
    return np.stack([dlib_faces.landmarks(image[..., ::-1], 68) for image in images])


@metric(area_under_curve, takes_batches=True)
def calculate_auc68(img: np.ndarray, img2: np.ndarray, fan: Finder = 'fan64', **kwargs) -> np.ndarray:
    """``calculate_auc`` of landmarks found as for ``calculate_nme68``."""
    return calculate_nme68(img, img2, fan)


@metric(takes_batches=True)
def calculate_landmark_confidence(img: np.ndarray, fan: FAN = 'fan64', **kwargs) -> float | np.ndarray:
    """How high the peaks of a FAN's heatmaps are on average, about 0 to 1: does it see a face's parts? No truth needed.

    ``img``: ``uint8`` BGR, square, one or N; ``fan`` as for ``calculate_nme68``, but for dlib.
    """
    return _find(img, fan)[..., 2].mean(axis=-1)


@remembered
@torch.no_grad()
def _find(images: np.ndarray, fan: str) -> np.ndarray:
    """x, y in pixels of the image, and confidence of the landmarks, (N, 68, 3), of square BGR images."""
    network, size = shared_fan(fan)
    side = images.shape[1]
    batch = torch.stack([to_tensor(image[..., ::-1]) for image in images]).to(device_in_use()).add(1).div(2)
    larger = torch.nn.functional.interpolate(batch, (size, size), mode='bilinear', antialias=side > size)
    found, confidence = decode_heatmaps(network(larger)[-1], network.stem_stride)
    return torch.cat((found * side / size, confidence.unsqueeze(2)), dim=2).cpu().numpy()
