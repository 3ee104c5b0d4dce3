"""Tiny images of noise, each different from all others."""
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope='session')
def write_faces():
    """``write_faces(folder, count, size)`` or ``write_faces(folder, names, size)`` -> the folder."""
    rng = np.random.default_rng(0)

    def write(folder: Path, names, size: int, width: int | None = None) -> Path:
        if isinstance(names, int):
            names = [f'{number:03d}.png' for number in range(names)]
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (size, width or size, 3), dtype=np.uint8)).save(folder / name)
        return folder

    return write
