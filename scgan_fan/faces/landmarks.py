"""Landmarks as pixels and as heatmaps, and how far two sets of them are apart.

Pixel coordinates are x then y, and pixel i covers i to i + 1 (its centre is i + 0.5), so that they scale with the
image. 68 points in iBUG order.
"""
from typing import Literal, get_args

import torch

from scgan_fan.errors import check_choice

# What a left-right mirrored face calls each point: jaw, brows, nose, eyes, mouth (iBUG-68 scheme).
MIRRORED = (
    list(range(16, -1, -1)) + list(range(26, 16, -1)) + [27, 28, 29, 30] + [35, 34, 33, 32, 31]
    + [45, 44, 43, 42, 47, 46] + [39, 38, 37, 36, 41, 40]
    + [54, 53, 52, 51, 50, 49, 48] + [59, 58, 57, 56, 55] + [64, 63, 62, 61, 60] + [67, 66, 65])
OUTER_EYE_CORNERS = (36, 45)
Normalizer = Literal['box', 'inter_ocular']


def draw_heatmaps(landmarks: torch.Tensor, side: int, stride: float, sigma: float) -> torch.Tensor:
    """Unit-peak Gaussians at the landmarks, the training target of FAN (papers.md section 5.1).

    Centred between pixels where the landmark is, not on the nearest pixel as the official code does.

    Args:
        landmarks: (..., points, 2) in image pixels.
        side: height and width of each map.
        stride: image pixels for each map pixel.
        sigma: in map pixels.

    Returns:
        (..., points, side, side), values in [0, 1].

    >>> draw_heatmaps(torch.tensor([[3.0, 1.0]]), side=2, stride=2, sigma=1)[0]  # over the centre of column 1, row 0
    tensor([[0.6065, 1.0000],
            [0.3679, 0.6065]])
    """
    centres = torch.arange(side, device=landmarks.device, dtype=landmarks.dtype) + 0.5
    squared = (centres - landmarks.unsqueeze(-1) / stride).square().div(2 * sigma**2)
    x, y = squared.neg().exp().unbind(dim=-2)
    return y.unsqueeze(-1) * x.unsqueeze(-2)


def decode_heatmaps(heatmaps: torch.Tensor, stride: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The landmarks a FAN means: the highest pixel, refined by a parabola through the logarithms of its neighbours.

    The refinement is exact for a Gaussian of any width (Zhang et al., "Distribution-Aware Coordinate Representation",
    CVPR 2020, here for each axis alone); at the border the pixel itself is taken.

    Args:
        heatmaps: (batch, points, height, width).
        stride: image pixels for each map pixel.

    Returns:
        landmarks (batch, points, 2) in image pixels, and their confidence (batch, points): the peak's height.
    """
    height, width = heatmaps.shape[-2:]
    peak, index = heatmaps.flatten(2).max(dim=2)
    x, y = index % width, index // width
    logs = heatmaps.float().clamp_min(1e-6).log().flatten(2)

    def offset(position: torch.Tensor, size: int, step: int) -> torch.Tensor:
        inside = (position > 0) & (position < size - 1)
        before = logs.gather(2, (index - step).clamp_min(0).unsqueeze(2)).squeeze(2)
        after = logs.gather(2, (index + step).clamp_max(height * width - 1).unsqueeze(2)).squeeze(2)
        centre = logs.gather(2, index.unsqueeze(2)).squeeze(2)
        curvature = 2 * centre - before - after
        shift = (after - before) / (2 * curvature).clamp_min(1e-6)
        return torch.where(inside, shift.clamp(-0.5, 0.5), torch.zeros_like(shift))

    refined = torch.stack((x + 0.5 + offset(x, width, 1), y + 0.5 + offset(y, height, width)), dim=-1)
    return refined * stride, peak


def normalized_mean_error(predicted: torch.Tensor, truth: torch.Tensor,
                          normalizer: Normalizer = 'box') -> torch.Tensor:
    """Mean distance of the points, as a share of the face's size (papers.md section 7).

    Args:
        predicted, truth: (batch, 68, 2) in the same unit.
        normalizer: ``box``, the root of the area of the true landmarks' box, or ``inter_ocular``, the distance of the
            outer eye corners.

    Returns:
        (batch,), 0.03 for 3 %.

    Raises:
        InputError: the normalizer is neither.

    >>> face = torch.rand(1, 68, 2)
    >>> face[0, :2] = torch.tensor([[0.0, 0.0], [1.0, 1.0]])  # a box of side 1
    >>> normalized_mean_error(face + torch.tensor([0.03, 0.04]), face)
    tensor([0.0500])
    """
    check_choice('normalizer', normalizer, get_args(Normalizer))
    distance = (predicted - truth).norm(dim=-1).mean(dim=-1)
    if normalizer == 'inter_ocular':
        left, right = OUTER_EYE_CORNERS
        return distance / (truth[:, left] - truth[:, right]).norm(dim=-1)
    box = truth.amax(dim=1) - truth.amin(dim=1)
    return distance / box.prod(dim=-1).sqrt()
