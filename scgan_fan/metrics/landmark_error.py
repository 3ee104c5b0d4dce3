"""Landmark errors over a set of faces (papers.md section 7), of all its faces or of those turned by so much."""
import torch
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError
from scgan_fan.faces import pose
from scgan_fan.faces.landmarks import normalized_mean_error
from scgan_fan.metrics.validation import over_set


@METRIC_REGISTRY.register()
@over_set
def calculate_nme(landmarks: list[torch.Tensor], landmarks2: list[torch.Tensor], normalizer: str = 'box',
                  yaw: list[float] | None = None, **kwargs) -> float | None:
    """Normalized mean error in percent: mean distance of the points by the size of the true face, averaged over faces.

    Args:
        landmarks, landmarks2: found and true, (68, 2) in pixels for each face.
        normalizer: ``box``, the root of the area of the true landmarks' box, or ``inter_ocular``, the distance of the
            outer eye corners.
        yaw: [least, most], degrees without sign: only faces whose true landmarks are turned by so much
            (``pose.yaw``). None for all.
        kwargs: whatever else the option block holds.

    Returns:
        None where no face is turned by so much.

    Raises:
        InputError: ``yaw`` or ``normalizer`` is something else.
    """
    errors = _errors(landmarks, landmarks2, normalizer, yaw)
    return 100 * errors.mean().item() if len(errors) else None


@METRIC_REGISTRY.register()
@over_set
def calculate_auc(landmarks: list[torch.Tensor], landmarks2: list[torch.Tensor], limit: float = 0.10,
                  yaw: list[float] | None = None, **kwargs) -> float | None:
    """Area under the cumulative curve of the faces' errors from 0 to ``limit``, in percent of the largest possible.

    The curve is the share of faces whose error (by the root of the true box's area) is at most so much. The area is
    exact: each face adds 1 - error / limit. FAN's official code samples the curve at 1000 points on [0, 1] and averages
    the first 100, all below 0.10; a sum instead of the integral, up to 1 lower.

    Args:
        landmarks, landmarks2, yaw, kwargs: as for ``calculate_nme``.
        limit: 0.10 in Super-FAN's Table 2, 0.07 in FAN's own paper.

    Returns:
        0 to 100; None where no face is turned by so much.

    Raises:
        InputError: ``yaw`` or ``limit`` is something else.
    """
    if limit <= 0:
        raise InputError(f'val: metrics: limit: {limit}; it must be above 0, 0.10 for errors up to 10 % of the box')
    errors = _errors(landmarks, landmarks2, 'box', yaw)
    return 100 * (1 - errors / limit).clamp_min(0).mean().item() if len(errors) else None


def _errors(found: list[torch.Tensor], truth: list[torch.Tensor], normalizer: str, yaw) -> torch.Tensor:
    """The error of each face that counts, 0.03 for 3 %."""
    found, truth = torch.stack(found), torch.stack(truth)
    if yaw is not None:
        turned = _turned_by(truth, yaw)
        found, truth = found[turned], truth[turned]
    return normalized_mean_error(found, truth, normalizer)


def _turned_by(landmarks: torch.Tensor, yaw) -> torch.Tensor:
    """Which faces are turned by [least, most] degrees to either side."""
    if not isinstance(yaw, (list, tuple)) or len(yaw) != 2 or not 0 <= yaw[0] < yaw[1]:
        raise InputError(f'val: metrics: yaw: {yaw!r}; give [least, most], degrees from 0 to 90')
    turn = pose.yaw(landmarks).abs()
    return (yaw[0] <= turn) & (turn <= yaw[1])
