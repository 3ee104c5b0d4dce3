"""Who gets gradients: networks that no term reaches, terms that are yet to begin, steps that the loss scaler skips."""
import copy

import pytest
import torch

from scgan_fan.errors import InputError
from scgan_fan.models.semi_cycle_model import SemiCycleModel


def build(options: dict) -> SemiCycleModel:
    torch.manual_seed(0)
    return SemiCycleModel(copy.deepcopy(options))


def with_a_low_scale(model: SemiCycleModel) -> SemiCycleModel:
    """The first one is tried down, by steps left out, to what these gradients allow."""
    if model.scaler.is_enabled():
        model.scaler = torch.amp.GradScaler(model.device.type, init_scale=256.0)
    return model


def step(model: SemiCycleModel, batch: dict, iteration: int) -> None:
    model.feed_data(batch)
    model.optimize_parameters(iteration)


def parameters(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def keep(options: dict, *terms: str) -> dict:
    """The options with these terms alone, and the discriminators that they need."""
    options['train'] = {key: value for key, value in options['train'].items()
                        if not key.endswith('_opt') or key.removesuffix('_opt') in terms}
    for name in ('l1', 'l2', 'h1', 'h2'):
        if f'adv_{name}' not in terms:
            del options[f'network_d_{name}']
    return options


@pytest.mark.parametrize('terms, more', [
    (['cycle_hr', 'cycle_lr'], {}), (['pixel_lr', 'cycle_hr', 'pixel_hr'], {}), (['pixel_lr', 'cycle_lr'], {}),
    (['cycle_hr', 'pixel_hr', 'adv_h2'], {'cycle_grad': 'through'}),
    (['cycle_hr', 'cycle_lr'], {'shared_parts': ['enc2']})],
    ids=['degrade_hl', 'degrade_sl', 'g', 'degrade_sl, through', 'degrade_hl, in part'])
def test_a_network_that_no_term_reaches_is_refused(request, semi_cycle, terms, more):
    keep(semi_cycle, *terms)['train'].update(more)
    name = request.node.callspec.id.split(',')[0]
    with pytest.raises(InputError, match=f'^network_{name}: learns nothing, no term'):
        build(semi_cycle)


@pytest.mark.parametrize('terms, more', [
    (['cycle_hr', 'cycle_lr'], {'cycle_grad': 'through'}), (['cycle_hr', 'cycle_lr'], {'shared_parts': 'all'}),
    (['cycle_hr', 'cycle_lr'], {'frozen': ['degrade_hl']}), (['pixel_lr', 'cycle_lr'], {'frozen': ['g']})])
def test_every_network_that_is_trained_learns(semi_cycle, batch, terms, more):
    keep(semi_cycle, *terms)['train'].update(more)
    model = build(semi_cycle)
    before = {name: parameters(network) for name, network in model.networks.items()}
    step(model, batch, 1)
    for name, network in model.networks.items():
        assert torch.equal(before[name], parameters(network)) == (name in more.get('frozen', [])), name


@pytest.mark.parametrize('parts', ['all', ['enc2']])
@pytest.mark.parametrize('frozen', ['degrade_hl', 'degrade_sl'])
def test_frozen_parts_are_not_shared_with_what_learns(semi_cycle, parts, frozen):
    semi_cycle['train'].update(shared_parts=parts, frozen=[frozen])
    with pytest.raises(InputError, match='^train: shared_parts: one of the degraders is in frozen, the other one'):
        build(semi_cycle)


def test_an_iteration_in_which_no_term_is_left(semi_cycle):
    keep(semi_cycle, 'pixel_hr', 'cycle_lr')['train'].update(backward_every=2, frozen=['degrade_hl'])
    with pytest.raises(InputError, match='^train: backward_every: .* nor without a term of its cycle; set'):
        build(semi_cycle)


@pytest.mark.parametrize('precision', ['float32', 'float16'])
def test_a_learning_fan_whose_term_is_yet_to_begin(semi_cycle, heatmap, batch, precision):
    keep(semi_cycle, 'pixel_lr', 'cycle_hr', 'cycle_lr')
    semi_cycle['train'].update(precision=precision, heatmap_opt={**heatmap, 'start_iter': 1},
                               optim_fan={'type': 'RMSprop', 'lr': 1e-4})
    semi_cycle['network_fan'] = {'type': 'FAN', **heatmap['network']}
    model = with_a_low_scale(build(semi_cycle))
    fan = model.networks['fan']
    before = parameters(fan)
    step(model, batch, 1)
    assert torch.equal(parameters(fan), before)
    step(model, batch, 2)
    assert not torch.equal(parameters(fan), before)


@pytest.mark.parametrize('precision', ['float32', 'float16'])
def test_a_restoration_whose_only_term_is_yet_to_begin(semi_cycle, heatmap, batch, precision):
    keep(semi_cycle)['train'].update(precision=precision, frozen=['degrade_hl', 'degrade_sl'],
                                     heatmap_opt={**heatmap, 'start_iter': 1})
    model = with_a_low_scale(build(semi_cycle))
    before = parameters(model.networks['g'])
    step(model, batch, 1)
    assert torch.equal(parameters(model.networks['g']), before)
    step(model, batch, 2)
    assert not torch.equal(parameters(model.networks['g']), before)


@pytest.fixture
def degrader(semi_cycle, tmp_path) -> dict:
    """One alone, in float16."""
    keep(semi_cycle, 'pixel_lr', 'adv_l1')['train']['precision'] = 'float16'
    del semi_cycle['network_g'], semi_cycle['network_degrade_sl']
    semi_cycle['path'] = {'models': str(tmp_path), 'training_states': str(tmp_path)}
    return semi_cycle


def test_an_infinite_loss_that_the_loss_scaler_skips_does_not_end_the_run(degrader, batch):
    model = with_a_low_scale(build(degrader))
    term = model.terms['pixel_lr_opt']
    for iteration, weight in ((1, 1.0), (2, torch.inf), (3, 1.0)):
        term.loss_weight = weight
        before, scale = parameters(model.networks['degrade_hl']), model.scaler.get_scale()
        step(model, batch, iteration)
        assert torch.equal(parameters(model.networks['degrade_hl']), before) == (iteration == 2)
        assert (model.scaler.get_scale() < scale) == (iteration == 2)
        model.get_current_log()
    model.save(0, 3)


def test_losses_that_stay_infinite_under_the_loss_scaler_end_the_run(degrader, batch):
    model = build(degrader)
    model.terms['pixel_lr_opt'].loss_weight = torch.inf
    with pytest.raises(InputError, match='loss l_pixel_lr is not finite, training stops'):
        for iteration in range(1, 30):
            step(model, batch, iteration)
            model.get_current_log()
    assert 10 < iteration < 25
