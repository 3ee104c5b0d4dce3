"""One training step against numbers of the released SCGAN networks (tests/data/README.md tells how they were made)."""
import json

import numpy as np
import pytest
import torch
from basicsr.archs import build_network

from released import DATA, filled, released_shapes, standard_normal
from scgan_fan.models.semi_cycle_model import SemiCycleModel
from scgan_fan.released_weights import NAMES, convert_released

RELEASED = {  # network of the model: its released name, the class here
    'g': ('G_RLS', 'RestorationNet'),
    'degrade_hl': ('G_DHL', 'DegradationNet'), 'degrade_sl': ('G_DSL', 'DegradationNet'),
    'd_l1': ('D_L1', 'FaceDiscriminator'), 'd_l2': ('D_L2', 'FaceDiscriminator'),
    'd_h1': ('D_H1', 'FaceDiscriminator'), 'd_h2': ('D_H2', 'FaceDiscriminator')}


def options() -> dict:
    adam = {'type': 'Adam', 'lr': 1e-4, 'betas': [0.9, 0.999]}
    pixel = {'type': 'L1Loss', 'loss_weight': 1.0}
    adversarial = {'type': 'GANLoss', 'gan_type': 'hinge', 'loss_weight': 0.05}
    opt = {'name': 'parity', 'num_gpu': 0, 'dist': False, 'rank': 0, 'world_size': 1, 'is_train': True, 'scale': 4,
           'manual_seed': 0, 'path': {}, 'network_g': {'type': 'RestorationNet'},
           'network_degrade_hl': {'type': 'DegradationNet'}, 'network_degrade_sl': {'type': 'DegradationNet'},
           'train': {'optim_g': adam, 'optim_d': adam,
                     'scheduler': {'type': 'OscillatingCosineLR', 'half_period': 10, 'eta_min': 1e-5,
                                   'iters_per_epoch': 313}}}
    for name, size in (('l1', 16), ('l2', 16), ('h1', 64), ('h2', 64)):
        opt[f'network_d_{name}'] = {'type': 'FaceDiscriminator', 'size': size}
        opt['train'][f'adv_{name}_opt'] = adversarial
    for name in ('pixel_lr', 'cycle_hr', 'pixel_hr', 'cycle_lr'):
        opt['train'][f'{name}_opt'] = pixel
    return opt


@pytest.fixture(scope='module')
def step():
    """The model before and after one step from the filled weights, in float64, and all that the reference recorded."""
    model = SemiCycleModel(options())
    for name, (released, kind) in RELEASED.items():
        network = model.networks[name].double()
        network.load_state_dict(convert_released(filled(released, released_shapes()[released]), kind))
    hr = torch.tanh(standard_normal('parity.hr', (2, 3, 64, 64)))
    lr = torch.tanh(standard_normal('parity.lr', (2, 3, 16, 16)))
    z = standard_normal('parity.z', (2, 1, 64)).squeeze(1)

    measured = {'images': {}, 'losses': {}, 'grad_norm': {}}
    with torch.no_grad():
        nets = {name: network.eval() for name, network in model.networks.items()}
        for key, image in (('restore_lr', nets['g'](lr)), ('degrade_hl', nets['degrade_hl'](hr, z)),
                           ('degrade_sl', nets['degrade_sl'](hr, z)), ('d_l1', nets['d_l1'](lr)),
                           ('d_h1', nets['d_h1'](hr))):
            measured['images'][f'eval.{key}'] = image
    for network in model.networks.values():
        network.train()
    model.lq, model.gt = lr, hr
    cycles = model.run_cycles(hr, lr, z)
    for key in ('synthetic_lr', 'sr_synthetic', 'sr_real', 'redegraded_lr'):
        measured['images'][f'train.{key}'] = getattr(cycles, key).detach().clone()
    measured['losses'].update(model.train_discriminators([cycles], 1))
    for name in ('d_l1', 'd_l2', 'd_h1', 'd_h2'):
        measured['grad_norm'][name] = gradient_norms(model.networks[name])
    measured['losses'].update(model.train_generators([cycles], 1))
    for name in ('g', 'degrade_hl', 'degrade_sl'):
        measured['grad_norm'][name] = gradient_norms(model.networks[name])
    with torch.no_grad():
        measured['images']['after_step.restore_lr'] = model.networks['g'].eval()(lr)
    measured['batch_norm'] = {n: b.clone() for n, b in model.networks['g'].named_buffers()}
    return measured


def gradient_norms(network) -> dict[str, float]:
    return {name: parameter.grad.norm().item() for name, parameter in network.named_parameters()}


@pytest.fixture(scope='module')
def reference():
    with np.load(DATA / 'scgan_parity.npz') as arrays:
        images = {name: torch.from_numpy(arrays[name]) for name in arrays}
    return {'images': images, **json.loads((DATA / 'scgan_parity.json').read_text())}


@pytest.mark.parametrize('name', RELEASED)
def test_state_dicts_map_one_to_one(name):
    released, kind = RELEASED[name]
    shapes = released_shapes()[released]
    names = [NAMES[kind](tensor) for tensor in shapes]
    live = [n for n in names if n is not None]
    assert sorted(live) == sorted(build_network(options()[f'network_{name}']).state_dict())
    assert [t for t in shapes if NAMES[kind](t) is None] == (['a2.0.weight', 'a2.0.bias'] if name == 'g' else [])


@pytest.mark.parametrize('key, tolerance', [
    *((f'eval.{n}', 1e-9) for n in ('restore_lr', 'degrade_hl', 'degrade_sl', 'd_l1', 'd_h1')),
    *((f'train.{n}', 1e-9) for n in ('synthetic_lr', 'sr_synthetic', 'sr_real', 'redegraded_lr')),
    ('after_step.restore_lr', 1e-6)])
def test_images(step, reference, key, tolerance):
    difference = (step['images'][key] - reference['images'][key]).abs().max().item()
    assert difference < tolerance


def test_losses(step, reference):
    ours = {name: value.item() for name, value in step['losses'].items()}
    expected = reference['losses']
    for name in ('d_l1', 'd_l2', 'd_h1', 'd_h2'):
        assert ours[f'l_{name}'] == pytest.approx(expected[name.upper()], abs=1e-6)
    weights = {'G_DHL.pixel': ('pixel_lr', 1), 'G_DHL.gan': ('adv_l1', .05), 'G_RLS.cycle': ('cycle_hr', 1),
               'G_RLS.gan_synthetic': ('adv_h1', .05), 'G_RLS.pixel': ('pixel_hr', 1),
               'G_RLS.gan_real': ('adv_h2', .05),
               'G_DSL.cycle': ('cycle_lr', 1), 'G_DSL.gan': ('adv_l2', .05)}
    for name, (term, weight) in weights.items():
        assert ours[f'l_{term}'] / weight == pytest.approx(expected[name], abs=1e-6), name
    forward, backward = ours['l_cycle_hr'] + ours['l_adv_h1'], ours['l_pixel_hr'] + ours['l_adv_h2']
    assert forward + 0.05 * backward == pytest.approx(expected['G_RLS'], abs=1e-6)


@pytest.mark.parametrize('name', RELEASED)
def test_gradient_norms(step, reference, name):
    released, kind = RELEASED[name]
    ours, expected = step['grad_norm'][name], reference['grad_norm'][released]
    mapped = {NAMES[kind](tensor): norm for tensor, norm in expected.items() if NAMES[kind](tensor)}
    assert mapped.keys() == ours.keys()
    for tensor, norm in mapped.items():
        assert ours[tensor] == pytest.approx(norm, rel=1e-4, abs=1e-9), tensor


def test_running_statistics_after_the_step(step, reference):
    for tensor, values in reference['bn_after_step'].items():
        ours = step['batch_norm'][NAMES['RestorationNet'](tensor)][:8]
        assert ours.tolist() == pytest.approx(values, rel=1e-9)
