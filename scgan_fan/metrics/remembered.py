"""What networks say of images is remembered: several metrics ask for it, and the true faces return with each method."""
import functools
from collections.abc import Callable

import numpy as np

from scgan_fan.device import device_in_use

MOST = 4096  # images


def remembered(look: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """``look(images, *options)``, which gives a row for each of ``uint8`` images (N, height, width, 3), that looks only
    at those which it does not know, all at once; and that also takes one image (height, width, 3).
    """
    known: dict[tuple, np.ndarray] = {}

    @functools.wraps(look)
    def rows(images: np.ndarray, *options) -> np.ndarray:
        several = images.reshape(-1, *images.shape[-3:])
        keys = [(device_in_use(), options, image.shape, image.tobytes()) for image in several]
        new = {key: image for key, image in zip(keys, several) if key not in known}
        if new:
            known.update(zip(new, look(np.stack(list(new.values())), *options)))
        found = np.stack([known[key] for key in keys])
        for key in list(known)[:max(0, len(known) - MOST)]:
            del known[key]
        return found.reshape(*images.shape[:-3], *found.shape[1:])
    return rows
