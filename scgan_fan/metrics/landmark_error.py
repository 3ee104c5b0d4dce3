"""Landmark errors of one face."""
import torch
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.faces.landmarks import normalized_mean_error


@METRIC_REGISTRY.register()
def calculate_nme(landmarks: torch.Tensor, landmarks2: torch.Tensor, normalizer: str = 'box', **kwargs) -> float:
    """Normalized mean error in percent of ``landmarks`` (68, 2) against the true ``landmarks2`` (68, 2).

    ``normalizer``: ``box`` or ``inter_ocular`` (papers.md section 7). ``kwargs``: whatever else the option block holds.
    """
    return 100 * normalized_mean_error(landmarks[None], landmarks2[None], normalizer).item()
