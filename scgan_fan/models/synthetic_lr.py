"""More kinds of low-resolution faces for R_LS, in the forward cycle, than D_HL gives. Not of the papers."""
import torch
import torch.nn.functional as F

from scgan_fan.precision import at_least_float32


def partly_clean(synthetic_lr: torch.Tensor, real_hr: torch.Tensor, share: float) -> torch.Tensor:
    """I_sL with the first of them replaced by the average-pooled I_rH.

    Args:
        synthetic_lr: (batch, 3, height, width); real_hr: (batch, 3, scale * height, scale * width).
        share: of the batch, 0 to 1.
    """
    clean = round(share * len(real_hr))
    if not clean:
        return synthetic_lr
    scale = real_hr.shape[-1] // synthetic_lr.shape[-1]
    return torch.cat([F.avg_pool2d(real_hr[:clean], scale), synthetic_lr[clean:]])


def gaussian_blur(images: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Blur each of the images (batch, channels, height, width) by its own Gaussian; passes gradients.

    D_HL learns about one blur, real small faces have many (docs/results.md), hence a random one as in Real-ESRGAN
    (Wang et al. 2021, section 3.1). The weights of the pixels within the image sum to one, so that borders stay as
    bright as they were.

    Args:
        sigmas: (batch,), standard deviations in pixels of ``images``; 0 changes nothing.
    """
    with torch.autocast(images.device.type, enabled=False):
        images = at_least_float32(images)
        down, across = (_weights(side, sigmas.to(images.dtype)) for side in images.shape[-2:])
        return down @ images @ across.mT


def _weights(side: int, sigmas: torch.Tensor) -> torch.Tensor:
    """(batch, 1, side, side): in each row what the pixels of a line give to one of them."""
    positions = torch.arange(side, device=sigmas.device, dtype=sigmas.dtype)
    squares = (positions[:, None] - positions).square()
    return torch.softmax(-squares / (2 * sigmas.clamp_min(1e-3).square())[:, None, None, None], dim=-1)
