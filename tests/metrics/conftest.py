"""Drawn faces for the metrics."""
import numpy as np
import pytest

from drawn_faces import draw_face


@pytest.fixture(scope='session')
def drawn() -> list[np.ndarray]:
    """Twelve drawn faces of 64 pixels, BGR as metrics take them."""
    rng = np.random.default_rng(0)
    return [draw_face(rng)[0][..., ::-1].copy() for _ in range(12)]


@pytest.fixture(scope='session')
def noise() -> np.ndarray:
    """Uniform noise of 64 pixels."""
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
