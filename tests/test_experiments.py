"""The table of experiments against the papers' tables, its option files, and the command that lists it."""
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from basicsr.models import build_model

from runs import OPTIONS, read_options, small
from scgan_fan.experiments import list_experiments, read_experiments

# papers.md section 3. Of a variant: degraders, judges, terms but for the adversarial ones, shared parts.
BOTH, ALL = 'hl sl', 'l1 l2 h1 h2'
TERMS = 'pixel_lr cycle_hr pixel_hr cycle_lr'
SCGAN = {
    'train_scgan': (BOTH, ALL, TERMS, ''),
    'scgan_without_dsl': ('hl', 'l1 h1', 'pixel_lr cycle_hr', ''),
    'scgan_without_dhl': ('sl', 'l2 h2', 'pixel_hr cycle_lr', ''),
    'cyclegan': (BOTH, ALL, TERMS, 'input enc1 enc2 enc3 dec1 dec2 dec3 output'),
    'scgan_sa': (BOTH, ALL, TERMS, 'enc1 enc2 enc3 dec1 dec2 dec3'),
    'scgan_se': (BOTH, ALL, TERMS, 'enc1 enc2 enc3'),
    'scgan_sd': (BOTH, ALL, TERMS, 'dec1 dec2 dec3'),
    'scgan_sm': (BOTH, ALL, TERMS, 'enc2 enc3 dec1 dec2'),
    'scgan_without_al': (BOTH, '', TERMS, ''),
    'scgan_without_pl': (BOTH, ALL, 'cycle_hr cycle_lr', ''),
    'scgan_without_cl': (BOTH, ALL, 'pixel_lr pixel_hr', ''),
    'scgan_as_printed': (BOTH, ALL, TERMS, ''),
    **{f'scgan_adv_{name}': (BOTH, judges, TERMS, '') for name, judges in {
        '3-1': 'h2', '3-2': 'h1', '3-3': 'l2', '3-4': 'l1', '2-1': 'h1 h2', '2-2': 'l2 h2', '2-3': 'l2 h1',
        '2-4': 'l1 h2', '2-5': 'l1 h1', '2-6': 'l1 l2', '1-1': 'l2 h1 h2', '1-2': 'l1 h1 h2', '1-3': 'l1 l2 h2',
        '1-4': 'l1 l2 h1'}.items()},
}
# papers.md section 5.4: networks beside g, and terms
SUPERFAN = {
    'superfan_sr_resnet': ('', 'pixel'), 'superfan_sr_gan': ('d', 'pixel feature adv'), 'superfan_pixel': ('', 'pixel'),
    'superfan_pixel_l1': ('', 'pixel'), 'superfan_pixel_long_skip': ('', 'pixel'),
    'superfan_pixel_feature': ('', 'pixel feature'), 'superfan_pixel_feature_heatmap': ('', 'pixel feature heatmap'),
    'superfan_l1_heatmap': ('', 'pixel feature heatmap'), 'superfan_gan': ('d', 'pixel feature heatmap adv'),
    'train_superfan': ('d fan', 'pixel feature heatmap adv'), 'superfan_real_world': ('', 'pixel feature heatmap'),
    'lrgan_bilinear': ('d', 'pixel adv'), 'lrgan_blur': ('d', 'pixel adv'),
}
# papers.md section 4.2: networks and terms of the stages
LRGAN = {
    'train_lrgan_1_high_to_low': ('degrade_hl d_l1', 'pixel_lr adv_l1'),
    'train_lrgan_2_low_to_high': ('g degrade_hl d_h1', 'cycle_hr adv_h1'),
    'train_lrgan_3_joint': ('g degrade_hl d_l1 d_h1', 'pixel_lr adv_l1 cycle_hr adv_h1'),
    'lrgan_pixel': ('g degrade_hl', 'cycle_hr'),
}
# SHA-256 of what each file resolved to when all were written out in full
HASHES = dict(reversed(line.split()) for line in (Path(__file__).parent / 'option_hashes.txt').read_text().splitlines())
WHOLE = {'train_scgan_fan', 'train_lrgan_3_joint', 'train_superfan', 'train_fan', 'small_pixel', 'small_scgan_fan'}
EXPERIMENTS = read_experiments(OPTIONS)
BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS}


def model_of(name: str, faces):
    """The model of an experiment's option file, made small."""
    opt = small(read_options(BY_NAME[name].path), faces)
    opt.update(is_train=True, dist=False, rank=0, world_size=1)
    return build_model(opt)


def take_step(model, iteration: int = 2) -> None:
    generator = torch.Generator().manual_seed(1)
    model.feed_data({'gt': torch.rand(4, 3, 64, 64, generator=generator) * 2 - 1,
                     'lq': torch.rand(4, 3, 16, 16, generator=generator) * 2 - 1})
    model.optimize_parameters(iteration)


def names(model) -> tuple[set, set]:
    """Networks, and the generators' terms that a step really computed."""
    return set(model.networks), {name.removeprefix('l_') for name in model.losses if not name.startswith('l_d')}


@pytest.mark.parametrize('name', SCGAN)
def test_scgan_ablations(name, faces):
    degraders, judges, terms, shared = (text.split() for text in SCGAN[name])
    model = model_of(name, faces)
    take_step(model)
    assert names(model) == ({'g', *(f'degrade_{d}' for d in degraders), *(f'd_{j}' for j in judges)},
                            {*terms, *(f'adv_{j}' for j in judges)})
    if len(degraders) == 2:
        first, second = model.networks['degrade_hl'], model.networks['degrade_sl']
        assert [part for part in first.parts() if getattr(first, part) is getattr(second, part)] == shared
    owned = [p for optimizer in model.optimizers for group in optimizer.param_groups for p in group['params']]
    every = {p for network in model.networks.values() for p in network.parameters()}
    assert len(owned) == len(set(owned)) == len(every)  # each tensor in one optimizer, once
    assert all(optimizer.state[p]['step'] == 1 for optimizer in model.optimizers for p in optimizer.state)


@pytest.mark.parametrize('name', SUPERFAN)
def test_super_fan_rows(name, faces):
    networks, terms = (set(text.split()) for text in SUPERFAN[name])
    model = model_of(name, faces)
    take_step(model)
    assert names(model) == (networks | {'g'}, terms)


@pytest.mark.parametrize('name', LRGAN)
def test_lrgan_stages(name, faces):
    networks, terms = (set(text.split()) for text in LRGAN[name])
    model = model_of(name, faces)
    take_step(model)
    assert names(model) == (networks, terms)


@pytest.mark.parametrize('name, path, value', [
    ('superfan_sr_resnet', 'network_g.blocks', [16, 1, 1]), ('superfan_pixel_l1', 'train.pixel_opt.type', 'L1Loss'),
    ('superfan_pixel_long_skip', 'network_g.long_skip', True),
    ('superfan_l1_heatmap', 'train.heatmap_opt.distance', 'l1'),
    ('superfan_pixel', 'train.total_iter', 104460), ('superfan_gan', 'train.total_iter', 8705),
    ('lrgan_blur', 'datasets.train.degradation', {'blur_kernel': [2, 6], 'downsampling': 'bilinear'}),
    ('train_lrgan_2_low_to_high', 'train.frozen', ['degrade_hl']),
    ('train_lrgan_3_joint', 'train.cycle_grad', 'through'),
    ('heatmap_weight_0.5', 'train.heatmap_opt.loss_weight', 0.5),
    ('heatmap_native', 'train.heatmap_opt.input_size', 64),
    ('heatmap_joint', 'network_fan.num_stacks', 4), ('scgan_as_printed', 'network_g.blocks', [12, 3, 2]),
    ('scgan_as_printed', 'train.adv_h2_opt.loss_weight', 1.0),
    ('scgan_as_printed', 'network_degrade_sl.noise', 'direct')])
def test_values_that_make_the_difference(name, path, value):
    found = read_options(BY_NAME[name].path)
    for key in path.split('.'):
        found = found[key]
    assert found == value


@pytest.mark.parametrize('file', HASHES)
def test_options_are_the_former_ones(file):
    """Key by key, the plugin's aside; networks are made in the order of their blocks, which draws their weights."""
    options = read_options(OPTIONS / file)
    assert options.pop('plugin') == 'scgan_fan'
    networks = [key for key in options if key.startswith('network_')]
    assert hashlib.sha256(json.dumps([networks, options], sort_keys=True).encode()).hexdigest() == HASHES[file]


def test_every_option_file_is_an_experiment():
    folders = (OPTIONS, OPTIONS / 'ablation', OPTIONS / 'small')
    files = {path for folder in folders for path in folder.glob('*.yml')}
    assert {path.name for path in files - {experiment.path for experiment in EXPERIMENTS}} == {
        'test_scgan_fan.yml', 'train_scgan_fan_cpu.yml'}
    assert set(SCGAN) <= set(BY_NAME) and set(SUPERFAN) <= set(BY_NAME)
    assert {str(path.relative_to(OPTIONS)) for path in files} == set(HASHES)


@pytest.mark.parametrize('file', HASHES)
def test_a_file_is_whole_or_short_and_its_run_has_its_name(file):
    path = OPTIONS / file
    assert read_options(path)['name'] == path.stem
    assert path.stem in WHOLE or len(path.read_text().splitlines()) <= 15


def test_stages_start_from_each_other():
    for experiment in EXPERIMENTS:
        starts = re.findall(r'experiments/(\w+)/models', json.dumps(read_options(experiment.path)['path']))
        assert set(starts) == set(experiment.after), experiment.path
        assert set(starts) <= set(BY_NAME)


def test_published_figures_are_labelled():
    for experiment in EXPERIMENTS:
        for line in experiment.published:
            assert re.fullmatch(r'[^:]+: .*\d.*', line), experiment.path
    assert BY_NAME['train_scgan'].published[0] == 'LS3D-W: 22.55 FID, 1.26 KID x100, 0.068 LPIPS'


def test_the_list():
    text = list_experiments(folder=OPTIONS)
    for experiment in EXPERIMENTS:
        assert str(experiment.path) in text
    found = list_experiments('w/o-d_sl', OPTIONS)
    assert found.count('python -m') == 1 and 'LS3D-W: 43.24 FID, 3.64 KID x100, 0.081 LPIPS' in found


def test_the_command():
    result = subprocess.run([sys.executable, '-m', 'scgan_fan.experiments', 'no such row'], capture_output=True,
                            text=True)
    assert result.returncode == 1 and "error: no experiment has 'no such row'" in result.stderr
