"""Whole runs in processes of their own, on a few drawn faces, at a sixteenth of the width."""
from pathlib import Path

import pytest
import yaml

from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.faces.drawn import draw_dataset

OPTIONS = Path(__file__).parent.parent.parent / 'options'


@pytest.fixture(scope='session')
def faces(tmp_path_factory) -> Path:
    """18 HR and 10 LR drawn faces, four validation pairs, and LMDBs of the training sets."""
    folder = tmp_path_factory.mktemp('faces')
    draw_dataset(folder, hr=18, lr=10, val=4, workers=1)
    write_lmdb([str(folder / 'hr')], str(folder / 'hr.lmdb'))
    write_lmdb([str(folder / 'lr')], str(folder / 'lr.lmdb'))
    return folder


@pytest.fixture
def preset(faces) -> dict:
    """The CPU preset with small networks and data; epochs of 4 iterations (18 faces in batches of 4)."""
    opt = yaml.load((OPTIONS / 'train_scgan_fan_cpu.yml').read_text().replace('!!python/name:scgan_fan.__name__', ''),
                    Loader=yaml.SafeLoader)
    for name, network in opt.items():
        if name.startswith('network_'):
            network['width'] = 1 / 16
    opt['datasets']['train'].update(dataroot_gt=str(faces / 'hr.lmdb'), dataroot_lq=str(faces / 'lr.lmdb'),
                                    num_worker_per_gpu=2)
    opt['datasets']['val'].update(dataroot_gt=str(faces / 'val_hr'), dataroot_lq=str(faces / 'val_lr'),
                                  downsampling=None, num_images=2)
    opt['datasets']['val_real'].update(dataroot_lq=str(faces / 'val_lr'), num_images=2)
    opt['train'].update(total_iter=4, scheduler={
        'type': 'OscillatingCosineLR', 'half_period': 2, 'eta_min': 1e-5, 'iters_per_epoch': 4, 'warm_restarts': False})
    opt['val']['val_freq'] = 1000
    opt['logger'].update(print_freq=1, save_checkpoint_freq=1000, use_tb_logger=False)
    return opt
