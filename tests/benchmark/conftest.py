"""Small benchmarks on drawn faces."""
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from scgan_fan.benchmark.image_set import Faces


@pytest.fixture
def save_weights(tmp_path):
    """Save a network's weights in BasicSR's form; returns the path."""
    def save(network: nn.Module, name: str = 'net.pth') -> str:
        path = tmp_path / name
        torch.save({'params': network.state_dict()}, path)
        return str(path)
    return save


@pytest.fixture
def batch_of_faces() -> Faces:
    """Two pairs of noise."""
    rng = np.random.default_rng(0)
    return Faces(['a', 'b'], rng.integers(256, size=(2, 16, 16, 3), dtype=np.uint8),
                 rng.integers(256, size=(2, 64, 64, 3), dtype=np.uint8))


@pytest.fixture
def benchmark_file(faces, tmp_path):
    """Write an option file for drawn faces, with what a test changes; returns its path."""
    def write(**changes) -> Path:
        options = {
            'name': 'drawn', 'resamples': 50, 'batch_size': 3, 'page_images': 3,
            'datasets': {
                'pairs': {'type': 'PairedFaceDataset', 'dataroot_gt': str(faces / 'val_hr'), 'scale': 4},
                'real': {'type': 'LowResolutionFaceDataset', 'dataroot_lq': str(faces / 'lr')}},
            'methods': {'bicubic': {'type': 'interpolation', 'mode': 'bicubic'},
                        'area': {'type': 'interpolation', 'mode': 'area'}},
            'metrics': {'psnr': {'type': 'calculate_psnr', 'crop_border': 0, 'better': 'higher'}},
            **changes}
        path = tmp_path / 'benchmark.yml'
        path.write_text(yaml.safe_dump(options, sort_keys=False))
        return path
    return write
