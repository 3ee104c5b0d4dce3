"""The table of experiments against the papers' tables, its option files, and the command that lists it."""
import re
import subprocess
import sys

import pytest
import torch
from basicsr.models import build_model

from runs import OPTIONS, read_options, small
from scgan_fan.experiments import Experiment, list_experiments, make_option_file, read_experiments, write_options

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
_, EXPERIMENTS = read_experiments()
BY_NAME = {experiment.name: experiment for experiment in EXPERIMENTS if experiment.file}


def model_of(name: str, faces):
    """The model of an experiment's option file, made small."""
    opt = small(read_options(OPTIONS / BY_NAME[name].file), faces)
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
    ('superfan_pixel_long_skip', 'network_g.long_skip', True), ('superfan_l1_heatmap', 'train.heatmap_opt.distance', 'l1'),
    ('superfan_pixel', 'train.total_iter', 104460), ('superfan_gan', 'train.total_iter', 8705),
    ('lrgan_blur', 'datasets.train.degradation', {'blur_kernel': [2, 6], 'downsampling': 'bilinear'}),
    ('train_lrgan_2_low_to_high', 'train.frozen', ['degrade_hl']), ('train_lrgan_3_joint', 'train.cycle_grad', 'through'),
    ('heatmap_weight_0.5', 'train.heatmap_opt.loss_weight', 0.5), ('heatmap_native', 'train.heatmap_opt.input_size', 64),
    ('heatmap_joint', 'network_fan.num_stacks', 4), ('scgan_as_printed', 'network_g.blocks', [12, 3, 2]),
    ('scgan_as_printed', 'train.adv_h2_opt.loss_weight', 1.0), ('scgan_as_printed', 'network_degrade_sl.noise', 'direct')])
def test_values_that_make_the_difference(name, path, value):
    found = read_options(OPTIONS / BY_NAME[name].file)
    for key in path.split('.'):
        found = found[key]
    assert found == value


def test_every_option_file_is_in_the_table():
    files = {str(path.relative_to(OPTIONS)) for path in [*OPTIONS.glob('*.yml'), *(OPTIONS / 'ablation').iterdir()]}
    assert files - {experiment.file for experiment in EXPERIMENTS} == {'train_scgan_fan_cpu.yml'}
    assert set(SCGAN) <= set(BY_NAME) and set(SUPERFAN) <= set(BY_NAME)


def test_written_option_files_are_current(tmp_path):
    for experiment in EXPERIMENTS:
        if experiment.file and not experiment.base:
            (tmp_path / experiment.file).parent.mkdir(exist_ok=True)
            (tmp_path / experiment.file).write_text((OPTIONS / experiment.file).read_text())
    for written in write_options(tmp_path):
        shipped = OPTIONS / written.relative_to(tmp_path)
        assert shipped.read_text() == written.read_text(), f'{shipped} is old: run scripts/make_options.py'
    for folder in ('ablation', 'small'):
        assert {p.name for p in (OPTIONS / folder).iterdir()} == {p.name for p in (tmp_path / folder).iterdir()}


@pytest.mark.parametrize('experiment', [e for e in EXPERIMENTS if e.base], ids=lambda e: e.name)
def test_option_files_hold_what_the_table_says_and_else_their_base(experiment):
    base, made = read_options(OPTIONS / experiment.base), read_options(OPTIONS / experiment.file)
    for path in experiment.without:
        del parent(base, path)[path.split('.')[-1]]
    for path, value in {'name': experiment.name, **experiment.set}.items():
        parent(base, path)[path.split('.')[-1]] = value
    assert made == base


def parent(options: dict, path: str) -> dict:
    for key in path.split('.')[:-1]:
        options = options[key]
    return options


def test_comments_and_the_rest_of_the_text_stay(tmp_path):
    (tmp_path / 'base.yml').write_text(
        '# old head\nplugin: x  # why\nname: base\n\na:  # first\n  b: 1  # one\n  c: [1, 2]  # list\n  # before d\n'
        '  d:\n    e: ~\n\nf: 2\n')
    experiment = Experiment('it', 'heatmap', 'row', 'dir/new.yml', 'base.yml', without=['a.c', 'f'],
                            set={'a.b': 3.5, 'a.d': {'g': {'h': None}}, 'a.i': [1], 'z': {'y': 1e-4}})
    assert make_option_file(experiment, tmp_path).split('experiments.yml.\n')[1] == (
        'plugin: x  # why\nname: new\n\na:  # first\n  b: 3.5  # one\n  # before d\n'
        '  d:\n    g:\n      h: ~\n  i: [1]\n\nz:\n  y: !!float 0.0001\n\n')


def test_stages_start_from_each_other():
    for experiment in BY_NAME.values():
        starts = re.findall(r'experiments/(\w+)/models', (OPTIONS / experiment.file).read_text())
        assert set(starts) == set(experiment.after), experiment.file
        assert set(starts) <= {other.name for other in BY_NAME.values()}


def test_published_figures_fit_their_measures():
    tables, experiments = read_experiments()
    for experiment in experiments:
        for test_set, figures in experiment.published.items():
            assert len(figures) == len(tables[experiment.table]['measures'][test_set]), experiment


def test_the_list():
    text = list_experiments()
    for experiment in EXPERIMENTS:
        assert experiment.file is None or f'options/{experiment.file}' in text
    found = list_experiments('w/o-d_sl')
    assert found.count('python -m') == 1 and 'LS3D-W: 43.24 FID, 3.64 KID x100, 0.081 LPIPS' in found


def test_the_command():
    result = subprocess.run([sys.executable, '-m', 'scgan_fan.experiments', 'no such row'], capture_output=True, text=True)
    assert result.returncode == 1 and "error: no experiment has 'no such row'" in result.stderr
