"""A run with a time budget ends in time, with its schedule, checkpoint and validation done; the clock is ours."""
from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from runs import OPTIONS, read_options, small, train_here
from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.models import time_budget
from scgan_fan.models.semi_cycle_model import SemiCycleModel
from scgan_fan.models.time_budget import KEPT, TimeBudget


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """``clock.now``, seconds; ``clock.ticks`` of each look."""
    clock = SimpleNamespace(now=0.0, ticks=0.0)

    def monotonic() -> float:
        clock.now += clock.ticks
        return clock.now
    monkeypatch.setattr(time_budget, 'time', SimpleNamespace(monotonic=monotonic))
    return clock


def test_schedules_follow_the_share_of_the_time(clock):
    budget = TimeBudget(minutes=10, total_iter=1000)
    assert budget.position() == 0
    clock.now = 150 * (1 - KEPT)
    assert (budget.position(), budget.spent) == (250, 150 * (1 - KEPT))
    clock.now = 10_000
    assert budget.position() == 1000
    budget.resume(300 * (1 - KEPT))  # of a run before
    assert budget.position() == 500


def test_a_run_ends_in_time_and_goes_on_with_what_is_left(faces, tmp_path, monkeypatch, clock):
    opt = small(read_options(OPTIONS / 'train_lrgan_1_high_to_low.yml'), faces)
    opt['train'].update(total_iter=1000, time_budget=1 / (1 - KEPT), scheduler={
        'type': 'CosineAnnealingRestartLR', 'periods': [1000], 'restart_weights': [1], 'eta_min': 1e-7})
    opt['val']['val_freq'] = 1000
    validated, loaders = [], []
    monkeypatch.setattr(SemiCycleModel, 'validation', lambda model, loader, iteration, *_, **__: (
        loaders.append(loader), validated.append((len(loader.dataset), iteration))))
    opt['logger'].update(print_freq=1, save_checkpoint_freq=3)
    run = tmp_path / 'experiments' / opt['name']
    clock.ticks = 8  # seconds of 60 a look: one when it begins, one in each iteration, one in each state that is saved
    with pytest.raises(SystemExit) as end:
        train_here(opt, tmp_path, monkeypatch)
    assert end.value.code == 0
    assert (run / 'models' / 'net_degrade_hl_latest.pth').is_file() and validated == [(2, 6)]
    assert loaders and all(isinstance(loader, DataLoader) for loader in loaders)  # BasicSR's, not built anew
    first, last = (read_checkpoint(run / 'training_states' / f'{number}.state') for number in (3, 6))
    rates = [state['optimizers']['degrade_hl']['param_groups'][0]['lr'] for state in (first, last)]
    assert rates[0] > rates[1] and first['schedulers'][0]['last_epoch'] in (399, 400) and last['time_spent'] > 48

    for name in ('training_states/6.state', 'models/net_degrade_hl_latest.pth'):  # as if stopped after three
        (run / name).unlink()
    opt['path']['resume_state'] = str(run / 'training_states' / '3.state')
    with pytest.raises(SystemExit):
        train_here(opt, tmp_path, monkeypatch)
    iterations = [int(path.stem) for path in (run / 'training_states').glob('*.state')]
    assert 3 < max(iterations) < 9 and (run / 'models' / 'net_degrade_hl_latest.pth').is_file()
