"""Resuming: the option file rules; the checkpoint gives weights, positions, counters and moments."""
import copy
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from basicsr.utils import get_root_logger

from runs import assert_equal
from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.errors import InputError
from scgan_fan.models.semi_cycle_model import SemiCycleModel
from scgan_fan.models.validation import report

STEPS = 3
SCHEDULES = [
    {'type': 'OscillatingCosineLR', 'half_period': 2, 'eta_min': 1e-5, 'iters_per_epoch': 1},
    {'type': 'LinearLR', 'start_factor': 1.0, 'end_factor': 0.1, 'total_iters': 5},
    {'type': 'MultiStepLR', 'milestones': [1, 2], 'gamma': 0.5},
    {'type': 'CosineAnnealingRestartLR', 'periods': [2, 4], 'restart_weights': [1, 0.5], 'eta_min': 1e-6}]


@pytest.fixture
def both_cycles(semi_cycle, tmp_path) -> dict:
    semi_cycle['path'] = {'models': str(tmp_path), 'training_states': str(tmp_path)}
    semi_cycle['val'] = {'metrics': {'psnr': {'type': 'calculate_psnr'}}}
    return semi_cycle


@pytest.fixture
def options(both_cycles) -> dict:
    """A degrader and its discriminator alone."""
    for name in ('g', 'degrade_sl', 'd_l2', 'd_h1', 'd_h2'):
        del both_cycles[f'network_{name}']
    train = both_cycles['train']
    both_cycles['train'] = {key: value for key, value in train.items()
                            if not key.endswith('_opt') or key in ('pixel_lr_opt', 'adv_l1_opt')}
    return both_cycles


def begin(options: dict) -> SemiCycleModel:
    torch.manual_seed(0)
    return SemiCycleModel(copy.deepcopy(options))


def train(model: SemiCycleModel, batch: dict, iterations: range) -> SemiCycleModel:
    for iteration in iterations:
        model.update_learning_rate(iteration, model.opt['train'].get('warmup_iter', -1))
        model.feed_data(batch)
        model.optimize_parameters(iteration)
    return model


@pytest.fixture
def stop(batch):
    """``stop(options)``: train and save; returns the training state."""
    def stopped(options: dict) -> dict:
        train(begin(options), batch, range(1, STEPS + 1)).save(0, STEPS)
        return read_checkpoint(Path(options['path']['training_states']) / f'{STEPS}.state')
    return stopped


def rates_of_a_run(options: dict, iteration: int) -> list[list[float]]:
    """What the optimizers' rates are in an iteration of a run with these options alone."""
    model = begin(options)
    for number in range(1, iteration + 1):
        model.update_learning_rate(number, options['train'].get('warmup_iter', -1))
    return rates(model)


def rates(model: SemiCycleModel) -> list[list[float]]:
    return [[group['lr'] for group in optimizer.param_groups] for optimizer in model.optimizers]


@pytest.fixture
def log(caplog, monkeypatch):
    monkeypatch.setattr(get_root_logger(), 'propagate', True)  # to caplog
    caplog.set_level(logging.INFO, 'basicsr')
    return caplog


@pytest.mark.parametrize('warmup_iter', [-1, 5])
@pytest.mark.parametrize('schedule', SCHEDULES, ids=lambda schedule: schedule['type'])
def test_unchanged_options_change_no_bit(options, batch, stop, log, schedule, warmup_iter):
    options['train'].update(scheduler=schedule, warmup_iter=warmup_iter)
    state = stop(options)
    log.clear()
    model = begin(options)
    model.resume_training(state)
    assert 'options' not in log.text
    for name, optimizer in model.named_optimizers.items():
        assert_equal(optimizer.state_dict(), state['optimizers'][name], name)
    assert_equal([scheduler.state_dict() for scheduler in model.schedulers], state['schedulers'])
    model.update_learning_rate(STEPS + 1, warmup_iter)
    assert rates(model) == rates_of_a_run(options, STEPS + 1)


@pytest.mark.parametrize('changes, logged', [
    ({'optim_g': {'type': 'Adam', 'lr': 1e-5, 'betas': [0.9, 0.999]}}, 'initial_lr 0.001 -> 1e-05 (degrade_hl)'),
    ({'optim_g': {'type': 'Adam', 'lr': 1e-3, 'betas': [0.5, 0.9]}}, 'betas (0.9, 0.999) -> (0.5, 0.9)'),
    ({'optim_d': {'type': 'AdamW', 'lr': 1e-3, 'betas': [0.9, 0.999], 'weight_decay': 0.1}}, 'weight_decay 0 -> 0.1'),
    ({'scheduler': {**SCHEDULES[0], 'half_period': 7, 'eta_min': 1e-6}}, 'half_period 2 -> 7'),
    ({'warmup_iter': 10}, 'lr 1e-05 -> 0.0003 (degrade_hl, d_l1)'),
    ({'scheduler': SCHEDULES[1]}, 'total_iters'), ({'scheduler': SCHEDULES[2]}, 'milestones'),
    ({'scheduler': SCHEDULES[3]}, 'periods')], ids=lambda value: None if isinstance(value, str) else ','.join(value))
def test_changed_options_rule(options, batch, stop, log, changes, logged):
    options['train']['scheduler'] = SCHEDULES[0]
    state = stop(options)
    options['train'].update(changes)
    model = begin(options)
    model.resume_training(state)
    line, = [line for line in log.text.splitlines() if 'options than' in line]
    assert logged in line
    for name, optimizer in model.named_optimizers.items():  # counters and moments
        assert_equal(optimizer.state_dict()['state'], state['optimizers'][name]['state'], name)
        block = options['train']['optim_d' if name == 'd_l1' else 'optim_g']
        group = optimizer.param_groups[0]
        assert group['initial_lr'] == block['lr'] and group['betas'] == tuple(block['betas'])
        assert group['weight_decay'] == block.get('weight_decay', 0)
    train(model, batch, range(STEPS + 1, STEPS + 2))
    assert rates(model) == rates_of_a_run(options, STEPS + 1)


@pytest.mark.parametrize('optimizer', [{'type': 'RMSprop', 'lr': 1e-4}, {'type': 'SGD', 'lr': 0.1, 'momentum': 0.9},
                                       {'type': 'Adam', 'lr': 1e-4, 'amsgrad': True}], ids=lambda each: each['type'])
def test_an_optimizer_that_needs_other_moments_begins_anew(options, batch, stop, log, optimizer):
    state = stop(options)
    options['train']['optim_g'] = optimizer
    model = begin(options)
    model.resume_training(state)
    assert 'moments' in log.text
    train(model, batch, range(STEPS + 1, STEPS + 2))
    assert_equal(model.named_optimizers['d_l1'].state_dict()['state'][0]['step'], torch.tensor(STEPS + 1.))


def test_other_shared_parts_are_refused_in_a_line(both_cycles, stop):
    both_cycles['train']['shared_parts'] = ['enc2']
    state = stop(both_cycles)
    both_cycles['train']['shared_parts'] = ['enc2', 'enc3']
    with pytest.raises(InputError, match='optimizer of degrade_sl'):
        begin(both_cycles).resume_training(state)


@pytest.mark.parametrize('before, after', [('float32', 'float16'), ('float16', 'float32'), ('bfloat16', 'float16')])
def test_another_precision(options, batch, stop, before, after):
    options['train']['precision'] = before
    state = stop(options)
    options['train']['precision'] = after
    model = begin(options)
    model.resume_training(state)
    train(model, batch, range(STEPS + 1, STEPS + 2))
    assert model.scaler.is_enabled() == (after == 'float16')


def test_another_metric_begins_its_best_anew(options, stop):
    state = stop(options)
    state['best_metric_results'] = {'paired': {'psnr': {'better': 'higher', 'val': 30.0, 'iter': 2}}}
    options['val']['metrics']['ssim'] = {'type': 'calculate_ssim'}
    model = begin(options)
    model.resume_training(state)
    report(model, {'psnr': 29.0, 'ssim': 0.5}, 'paired', 4, None)
    best = model.best_metric_results['paired']
    assert best['psnr'] == {'better': 'higher', 'val': 30.0, 'iter': 2}
    assert best['ssim'] == {'better': 'higher', 'val': 0.5, 'iter': 4}
    options['val']['metrics']['psnr']['better'] = 'lower'  # what was best is none any more
    model = begin(options)
    model.resume_training(state)
    report(model, {'psnr': 29.0, 'ssim': 0.5}, 'paired', 4, None)
    assert model.best_metric_results['paired']['psnr'] == {'better': 'lower', 'val': 29.0, 'iter': 4}


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr('scgan_fan.models.time_budget.time', SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def budgeted(options: dict, **more) -> dict:
    """Ten iterations of 90 each second, in nine of ten seconds."""
    options['train'].update(time_budget=10 / 60, total_iter=90, scheduler={
        'type': 'CosineAnnealingRestartLR', 'periods': [90], 'restart_weights': [1], 'eta_min': 1e-6}, **more)
    return options


def test_a_time_budget_warms_up_too(options, clock):
    """By the iteration that the clock has come to, as its schedules."""
    model = begin(budgeted(options, warmup_iter=20))
    found = []
    for iteration, clock.now in ((1, 0.0), (2, 1.0), (3, 3.0)):  # of 9
        model.update_learning_rate(iteration, 20)
        found.append(rates(model))
    plain = {**options, 'train': {**options['train'], 'time_budget': None}}
    assert found == [rates_of_a_run(plain, iteration) for iteration in (1, 11, 31)] and found[0][0] == [1e-3 / 20]


@pytest.mark.parametrize('changes, logged', [({}, None), (
    {'optim_g': {'type': 'Adam', 'lr': 1e-3, 'betas': [0.5, 0.9]}}, 'betas (0.9, 0.999) -> (0.5, 0.9) (degrade_hl)')])
def test_a_time_budget_names_changed_options_too(options, batch, clock, log, changes, logged):
    """And not that its schedules, which follow the clock, have gone on since they were last looked at."""
    model = begin(budgeted(options))
    train(model, batch, range(1, STEPS + 1))
    clock.now = 2.0
    model.save(0, STEPS)
    options['train'].update(changes)
    log.clear()
    begin(options).resume_training(read_checkpoint(Path(options['path']['training_states']) / f'{STEPS}.state'))
    lines = [line.partition('saved run: ')[2] for line in log.text.splitlines() if 'options than' in line]
    assert lines == ([logged] if logged else [])
