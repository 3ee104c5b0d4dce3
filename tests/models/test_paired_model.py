"""Supervised training: Super-FAN's terms, its joint training, WGAN-GP and the turns of critic and generator."""
import copy

import pytest
import torch

from scgan_fan.errors import InputError
from scgan_fan.models.adversarial import discriminator_loss
from scgan_fan.models.paired_model import PairedModel

WIDTH = 1 / 16
SMALL_FAN = {'num_stacks': 1, 'width': 16, 'stem_stride': 2}  # as in the heatmap fixture
RMSPROP = {'type': 'RMSprop', 'lr': 1e-4}


@pytest.fixture
def superfan(heatmap) -> dict:
    """Small Super-FAN with every term, and a FAN that learns."""
    return {
        'name': 'tiny', 'model_type': 'PairedModel', 'scale': 4, 'num_gpu': 0, 'manual_seed': 0, 'dist': False,
        'rank': 0, 'world_size': 1, 'is_train': True, 'path': {},
        'network_g': {'type': 'SuperFANNet', 'blocks': [1, 1, 1], 'width': WIDTH},
        'network_d': {'type': 'DCGANCritic', 'width': WIDTH},
        'network_fan': {'type': 'FAN', **SMALL_FAN},
        'train': {
            'optim_g': RMSPROP, 'optim_d': RMSPROP, 'optim_fan': RMSPROP,
            'scheduler': {'type': 'LinearLR', 'start_factor': 1.0, 'end_factor': 0.04, 'total_iters': 10},
            'pixel_opt': {'type': 'MSELoss', 'loss_weight': 1.0},
            'feature_opt': {'type': 'FeatureLoss', 'backbone': 'resnet18', 'weights': 'random', 'loss_weight': 1e-4},
            'heatmap_opt': heatmap, 'adv_opt': {'type': 'GANLoss', 'gan_type': 'wgan', 'loss_weight': 0.04},
            'gradient_penalty_opt': {'type': 'GradientPenalty', 'loss_weight': 10.0},
        },
    }


def build(options: dict) -> PairedModel:
    torch.manual_seed(0)
    return PairedModel(copy.deepcopy(options))


def step(model: PairedModel, batch: dict, iteration: int) -> dict:
    """Take a step; name -> whether any of the network's parameters changed."""
    before = copy.deepcopy(model.networks)
    model.feed_data(batch)
    model.optimize_parameters(iteration)
    return {name: any(not torch.equal(old, new) for old, new in zip(before[name].parameters(), network.parameters()))
            for name, network in model.networks.items()}


def test_terms_and_networks(superfan, batch):
    model = build(superfan)
    assert step(model, batch, 1) == {'g': True, 'd': True, 'fan': True}
    assert list(model.losses) == ['l_d', 'l_pixel', 'l_feature', 'l_heatmap', 'l_adv']
    assert all(loss.isfinite() for loss in model.losses.values())


def test_identity_term(superfan, batch):
    superfan['train']['identity_opt'] = {'type': 'IdentityLoss', 'loss_weight': 0.1}
    model = build(superfan)
    model.feed_data(batch)
    pairs = model.generate(1)[0]
    found, wanted = (model.terms['identity_opt'].embeddings(faces) for faces in (pairs.restored, pairs.truth))
    expected = 0.1 * (found - wanted).square().sum(dim=1).mean() / 2
    assert model.generator_terms(pairs, 1)['identity'].item() == pytest.approx(expected.item(), rel=1e-4)
    assert step(model, batch, 1)['g'] and model.losses['l_identity'].isfinite()


def test_joint_training_moves_the_student_and_never_the_teacher(superfan, batch):
    model = build(superfan)
    teacher = model.terms['heatmap_opt'].fan
    start = copy.deepcopy(teacher.state_dict())
    assert all(torch.equal(start[key], value) for key, value in model.networks['fan'].state_dict().items())
    for iteration in range(1, 4):
        step(model, batch, iteration)
    assert all(torch.equal(start[key], value) for key, value in teacher.state_dict().items())
    for name, parameter in model.networks['fan'].named_parameters():
        assert not torch.equal(start[name], parameter), name
    assert not teacher.training and all(p.grad is None for p in teacher.parameters())


def test_the_students_heatmaps_are_compared_with_the_teachers(superfan, batch):
    del superfan['train']['feature_opt'], superfan['train']['adv_opt'], superfan['train']['gradient_penalty_opt']
    del superfan['network_d']
    model = build(superfan)
    model.feed_data(batch)
    pairs = model.generate(1)[0]
    for parameter in model.networks['fan'].parameters():
        parameter.data.zero_()
    loss = model.terms['heatmap_opt']
    wanted = loss.fan((pairs.truth + 1) / 2)[-1]
    expected = loss.loss_weight * wanted.square().sum() / (len(pairs) * 68)  # the student draws nothing
    assert model.generator_terms(pairs, 1)['heatmap'].item() == pytest.approx(expected.item(), rel=1e-5)


def test_critic_steps_each_time_and_generators_in_their_turn(superfan, batch):
    superfan['train']['net_d_iters'] = 3
    superfan['train']['ema_decay'] = 0.5
    model = build(superfan)
    for iteration in range(1, 7):
        average = copy.deepcopy(model.net_g_ema.state_dict())
        turn = iteration % 3 == 0
        assert step(model, batch, iteration) == {'g': turn, 'd': True, 'fan': turn}
        assert ('l_pixel' in model.losses) == turn
        assert turn != all(torch.equal(average[key], value) for key, value in model.net_g_ema.state_dict().items())


def test_wgan_loss_of_the_critic(superfan, batch):
    """E[D(fake)] - E[D(real)] + lambda E[(|grad| - 1)^2], Super-FAN's Eq 3."""
    model = build(superfan)
    model.feed_data(batch)
    pairs = model.generate(1)[0]
    real, fake = pairs.truth, pairs.restored
    critic, mix = model.networks['d'], torch.full((4,), 0.5)
    expected = critic(fake).mean() - critic(real).mean() + model.gradient_penalty(critic, real, fake, mix)
    assert discriminator_loss(model, 'd', real, fake, mix).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize('penalized', [True, False])
def test_a_critic_whose_gradient_is_penalized_is_not_compiled(superfan, batch, monkeypatch, penalized):
    """torch.compile supports no gradient of a gradient: the first step would fail."""
    translate = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, 'compile', lambda self, mode: translate(self, backend='aot_eager'))
    for name in ('pixel_opt', 'feature_opt', 'heatmap_opt') + (() if penalized else ('gradient_penalty_opt',)):
        del superfan['train'][name]
    del superfan['network_fan']
    plain = build(superfan)
    superfan['train']['compile'] = 'default'
    model = build(superfan)
    for each in (plain, model):
        assert step(each, batch, 1) == {'g': True, 'd': True}
    for name, loss in plain.losses.items():
        assert model.losses[name].item() == pytest.approx(loss.item(), rel=1e-4), name
    compiled = {name for name, network in model.networks.items() if network._compiled_call_impl is not None}
    assert compiled == ({'g'} if penalized else {'g', 'd'})


def test_learning_rate_falls_linearly(superfan, batch):
    model = build(superfan)
    rates = []
    for iteration in range(1, 13):
        model.update_learning_rate(iteration)
        rates.append(model.get_current_learning_rate()[0])
        step(model, batch, iteration)
    assert rates[0] == pytest.approx(1e-4) and rates[5] == pytest.approx((1 + 0.04) / 2 * 1e-4)
    assert rates[10] == rates[11] == pytest.approx(4e-6)


@pytest.mark.parametrize('block, value, message', [
    ('net_d_iters', 0, 'net_d_iters: 0 is not a whole number from 1'),
    ('frozen', ['h'], "frozen: unknown value 'h'; choose one of g, fan"),
    ('heatmap_opt', None, 'network_fan: learns nothing without train: heatmap_opt'),
    ('adv_opt', None, 'network_d: judges nothing without train: adv_opt')])
def test_mistakes(superfan, block, value, message):
    superfan['train'][block] = value
    with pytest.raises(InputError, match=message):
        build(superfan)


def test_a_student_of_another_shape(superfan):
    superfan['network_fan']['width'] = 32
    with pytest.raises(InputError, match='network_fan: is not of the shape of the FAN in train: heatmap_opt'):
        build(superfan)


@pytest.mark.parametrize('option', ['gradient_penalty_opt', 'net_d_iters'])
def test_options_of_a_critic_that_is_not_there(superfan, option):
    del superfan['network_d'], superfan['train']['adv_opt']
    superfan['train']['net_d_iters'] = 5 if option == 'net_d_iters' else 1
    with pytest.raises(InputError, match=f'{option}: there is no discriminator'):
        build(superfan)
