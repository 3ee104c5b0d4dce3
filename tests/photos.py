"""Photographs of drawn faces, and a restorer whose work shows."""
import cv2
import numpy as np
import torch
from torch import nn

from drawn_faces import draw_face
from scgan_fan.images import to_tensor

CLEAR = (11, 18, 21, 19, 8)  # seeds of faces that dlib finds at 24 pixels as well as at 120


def photo(squares: list[tuple[int, int, int]], height: int = 240, width: int = 320) -> np.ndarray:
    """A smooth backdrop with a face in each square (x, y, side), uint8 RGB."""
    coarse = np.random.default_rng(0).integers(60, 200, (3, 4, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for seed, (x, y, side) in zip(CLEAR, squares):
        image[y:y + side, x:x + side] = draw_face(np.random.default_rng(seed), side)[0]
    return image


PAINT = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)[..., None].repeat(3, axis=2)


class Painter(nn.Module):
    """A stand-in for a restorer: every face becomes ``PAINT``, noise, of which pasting keeps the fine part."""

    name, scale, size, largest, measured = 'painter', 4, 16, 64, True

    def of(self, side: float) -> 'Painter':
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, 16, 16) -> (N, 3, 64, 64)."""
        return to_tensor(PAINT).expand(len(images), 3, 64, 64)


def painted(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Where a photograph shows the painter's work, bool; ``before`` is brought to its size."""
    height, width = after.shape[:2]
    enlarged = cv2.resize(before, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.abs(after.astype(int) - enlarged).max(axis=-1) > 15
