"""Training goes on to ``total_iter``, however few faces there are and whatever has changed since it was stopped."""
import shutil

import pytest

from runs import OPTIONS, read_options, small, train_here
from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.errors import InputError

COSINE = {'type': 'CosineAnnealingRestartLR', 'periods': [2], 'restart_weights': [1], 'eta_min': 1e-6}


@pytest.fixture
def opt(faces) -> dict:
    """LRGAN's first stage, a degrader and its discriminator, on the 18 drawn faces; without validation."""
    opt = small(read_options(OPTIONS / 'train_lrgan_1_high_to_low.yml'), faces)
    opt['datasets'] = {'train': opt['datasets']['train']}
    del opt['val']
    return opt


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """``trained(opt, total)``: train to there, from the newest checkpoint there is; returns the state at the end."""
    def run(opt: dict, total: int) -> dict:
        states = tmp_path / 'experiments' / opt['name'] / 'training_states'
        found = sorted(states.glob('*.state'), key=lambda path: int(path.stem))
        opt['path']['resume_state'] = str(found[-1]) if found else None
        opt['train']['total_iter'] = opt['logger']['save_checkpoint_freq'] = total
        train_here(opt, tmp_path, monkeypatch)
        return read_checkpoint(states / f'{total}.state')
    return run


def few(faces, tmp_path, number: int) -> str:
    folder = tmp_path / 'few'
    folder.mkdir()
    for path in sorted((faces / 'hr').glob('*.png'))[:number]:
        shutil.copy(path, folder)
    return str(folder)


@pytest.mark.parametrize('number, batch, num_gpu, total', [(6, 4, 0, 10), (18, 10, 0, 20), (18, 4, 4, 20)])
def test_epochs_that_batches_do_not_fill(opt, faces, tmp_path, trained, number, batch, num_gpu, total):
    """And without a GPU ``num_gpu`` enlarges the batch all the same."""
    opt['num_gpu'] = num_gpu
    opt['datasets']['train'].update(dataroot_gt=few(faces, tmp_path, number), batch_size_per_gpu=batch)
    state = trained(opt, total)
    assert state['iter'] == state['epoch'] + 1 == total


def test_fewer_faces_than_a_batch_are_one_line(opt, faces, tmp_path, trained):
    opt['datasets']['train'].update(dataroot_gt=few(faces, tmp_path, 3))
    with pytest.raises(InputError, match=r'^datasets: train: 3 face\(s\) .* less than a batch of 4; lower'):
        trained(opt, 2)
    assert not list(tmp_path.rglob('*.pth'))


@pytest.mark.parametrize('before, after', [(2, 9), (9, 2)])
def test_another_batch_since_the_run_was_stopped(opt, trained, before, after):
    """Goes on inside the epoch, behind the faces that it has used."""
    opt['datasets']['train']['batch_size_per_gpu'] = before
    per_epoch = 18 // before
    state = trained(opt, per_epoch + 1)
    assert (state['epoch'], state['used']) == (1, before)
    opt['datasets']['train']['batch_size_per_gpu'] = after
    left = (18 - before) // after  # of this epoch
    state = trained(opt, per_epoch + 1 + left + 1)
    assert (state['epoch'], state['used']) == (2, after)
    state = trained(opt, per_epoch + 1 + left + 2)
    assert (state['epoch'], state['used']) == ((2, 4) if after == 2 else (2, 18))


def test_a_finished_run_is_extended(opt, trained):
    """With the schedule of the option file, which has been extended too."""
    opt['train']['scheduler'] = dict(COSINE)
    trained(opt, 2)
    opt['train']['scheduler'] = {**COSINE, 'periods': [4]}
    state = trained(opt, 4)
    assert state['schedulers'][0]['periods'] == [4]


def test_a_schedule_shorter_than_the_training(opt, trained):
    opt['train']['scheduler'] = dict(COSINE)
    state = trained(opt, 5)
    assert state['optimizers']['degrade_hl']['param_groups'][0]['lr'] == 1e-6
