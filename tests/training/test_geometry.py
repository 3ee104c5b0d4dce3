"""Training looks at how the faces are cut before it begins."""
import logging

import pytest
import torch

from runs import assert_equal, train_here
from scgan_fan.data.geometry_check import check_geometry
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.images import read_image, write_image
from scgan_fan.models.training_state import _rng_state


@pytest.fixture
def training_set(tmp_path, cut_faces):
    """``training_set(scale, x, y)``: options of a training set whose LR faces are changed like that."""

    def write(*change) -> dict:
        for name, images in (('hr', cut_faces.hr), ('lr', cut_faces.lr(*change))):
            for number, image in enumerate(images):
                write_image(tmp_path / name / f'{number}.png', image)
        return {'type': 'UnpairedFaceDataset', 'dataroot_gt': str(tmp_path / 'hr'), 'dataroot_lq': str(tmp_path / 'lr'),
                'augment': {'flip': True}}

    return write


@pytest.mark.usefixtures('fresh_logger')
def test_faces_that_lie_otherwise_are_warned_of(preset, training_set, tmp_path, monkeypatch):
    preset['datasets']['train'].update(training_set(1, 0, 10), num_worker_per_gpu=0)
    preset['train']['total_iter'] = 1
    train_here(preset, tmp_path, monkeypatch)
    folder = tmp_path / 'experiments' / preset['name']
    log = next(folder.glob('train_*.log')).read_text()
    warning, = [line for line in log.splitlines() if 'WARNING: place of LR' in line]
    down = float(warning.partition(' to the right, ')[2].split()[0])  # percent
    assert down == pytest.approx(100 * 10 / 64, abs=3) and 'scgan-fan prepare' in warning
    assert read_image(folder / 'geometry.png').shape == (22 + 132, 4 * 132, 3)


@pytest.mark.usefixtures('fresh_logger')
def test_what_the_dataset_warns_of_is_said_once(preset, training_set, tmp_path, monkeypatch):
    preset['datasets']['train'].update(training_set(), num_worker_per_gpu=0, room_gt=1.005, augment={'shift': 16})
    preset['train']['total_iter'] = 1
    train_here(preset, tmp_path, monkeypatch)
    log = next((tmp_path / 'experiments' / preset['name']).glob('train_*.log')).read_text()
    assert log.count('room_gt is 1.005') == 1 and 'Geometry: mean faces of 50 HR' in log


def test_faces_cut_alike_are_told_of_and_no_random_state_is_touched(training_set, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)  # to caplog
    caplog.set_level(logging.INFO, 'basicsr')
    states = []
    for look in (lambda *_: None, check_geometry):
        torch.manual_seed(0)
        look(UnpairedFaceDataset({**training_set(), 'scale': 4}), tmp_path / 'geometry.png')
        states.append(_rng_state())
    assert_equal(*states)
    assert not (tmp_path / 'geometry.png').exists()
    assert 'Geometry: mean faces of 50 HR and 50 LR crops' in caplog.text and 'WARNING' not in caplog.text
