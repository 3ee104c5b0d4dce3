"""Whole runs, on a few drawn faces, at a sixteenth of the width."""
import logging
from pathlib import Path

import basicsr.utils.logger
import pytest

from runs import OPTIONS, read_options, small


@pytest.fixture
def preset(faces: Path) -> dict:
    """The CPU preset with small networks and data; epochs of 4 iterations (18 faces in batches of 4)."""
    shipped = read_options(OPTIONS / 'train_scgan_fan_cpu.yml')
    heatmap = dict(shipped['train']['heatmap_opt'])
    opt = small(shipped, faces)
    opt['train']['heatmap_opt'] = heatmap  # with the shipped FAN
    opt['datasets']['train']['num_worker_per_gpu'] = 2
    opt['datasets']['val'].update(dataroot_lq=str(faces / 'val_lr'), downsampling=None)
    opt['train'].update(total_iter=4, scheduler={
        'type': 'OscillatingCosineLR', 'half_period': 2, 'eta_min': 1e-5, 'iters_per_epoch': 4, 'warm_restarts': False})
    opt['val']['val_freq'] = 1000
    opt['logger']['save_checkpoint_freq'] = 1000
    return opt


@pytest.fixture
def fresh_logger(monkeypatch):
    """BasicSR sets its logger up once in a process: as in a new one, so that this run writes a log of its own."""
    logger = logging.getLogger('basicsr')
    monkeypatch.delitem(basicsr.utils.logger.initialized_logger, 'basicsr', raising=False)
    monkeypatch.setattr(logger, 'handlers', [])
    level = logger.level
    yield
    logger.setLevel(level)
