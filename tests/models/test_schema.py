"""The schema of option files: what is shipped fits it, and what is wrong ends in one line that names file and key."""
import copy
import shutil
import sys
from pathlib import Path

import basicsr
import pytest
import yaml
from basicsr.utils.options import ordered_yaml

from runs import OPTIONS, run, write_options
from scgan_fan import compat, train
from scgan_fan.command_line import check_command_line
from scgan_fan.errors import InputError
from scgan_fan.models import schema
from scgan_fan.models.schema import check_options
from scgan_fan.options import PLUGIN, read_options, read_value

FILES = sorted(str(path.relative_to(OPTIONS)) for path in OPTIONS.rglob('*.yml') if path.parent.name != 'benchmark')
SHIPPED = read_options(OPTIONS / 'train_scgan_fan_cpu.yml')


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Check options as a file, with more on the command line; returns the resolved options."""
    def check(opt: dict, *arguments: str, trains: bool = True) -> dict:
        path = write_options(tmp_path / 'mine.yml', {key: value for key, value in opt.items() if key != 'plugin'})
        monkeypatch.setattr(sys, 'argv', ['train', '-opt', str(path), *arguments])
        return check_command_line(trains)
    return check


@pytest.fixture
def line(checked, tmp_path):
    """Check options that are wrong; returns the one line that says why, without the file, with which it begins."""
    def error_of(opt: dict, *arguments: str) -> str:
        with pytest.raises(InputError) as error:
            checked(opt, *arguments)
        begin = '' if arguments else f'{tmp_path}/mine.yml: '
        assert str(error.value).startswith(begin) and '\n' not in str(error.value)
        return str(error.value).removeprefix(begin)
    return error_of


def changed(where: str, value=None, opt: dict = SHIPPED) -> dict:
    """A copy with another value, or without the key where there is none."""
    opt = copy.deepcopy(opt)
    *blocks, key = where.split('.')
    block = opt
    for name in blocks:
        block = block[name]
    if value is None:
        del block[key]
    else:
        block[key] = value
    return opt


def misspelt(where: str) -> tuple[dict, str]:
    """A copy whose key has its last two letters swapped, or its last one doubled where they are one, and that key."""
    *blocks, key = where.split('.')
    wrong = key[:-2] + key[-1] + key[-2] if key[-1] != key[-2] else key + key[-1]
    opt = copy.deepcopy(SHIPPED)
    block = opt
    for name in blocks:
        block = block[name]
    block[wrong] = block.pop(key)
    return opt, wrong


# ---- what is right ----

@pytest.mark.parametrize('file', FILES)
def test_shipped_options_fit(file):
    opt = read_options(OPTIONS / file)
    resolved = check_options(opt, trains='train' in opt)
    assert 'train' not in opt or resolved['train']['accumulate'] == 1


def test_options_of_basicsrs_own_models_are_left_to_basicsr(checked):
    stock = {'name': 'a/b', 'model_type': 'SRModel', 'network_g': {'type': 'MSRResNet', 'num_feats': 3}, 'trian': {}}
    assert checked(stock) == {**stock, 'plugin': 'scgan_fan'}


def test_absent_is_absent_and_what_is_set_stays(checked):
    opt = changed('train.compile', 'default')
    opt['train'].update(ema_decay=None, heatmap_opt=None)
    resolved = checked(opt)['train']
    assert (resolved['compile'], resolved['ema_decay'], resolved['heatmap_opt']) == ('default', 0, None)
    assert resolved['pixel_lr_opt'] == {**SHIPPED['train']['pixel_lr_opt'], 'reduction': 'mean'}


def test_numbers_that_basicsr_writes_as_floats(checked):
    assert checked(changed('val.val_freq', 3130.0))['val']['val_freq'] == 3130


@pytest.mark.parametrize('text, value', [
    ('1e-4', 1e-4), ('1.0e-4', 1e-4), ('-1', -1), ('+2.5E3', 2500.0), ('.5', 0.5), ('!!float 1e-4', 1e-4), ('12', 12),
    ('~', None), ('None', None), ('true', True), ('False', False), ('cuda', 'cuda'), ('a/b_1e-4.pth', 'a/b_1e-4.pth'),
    ('[1e-4, -1, x]', [1e-4, -1, 'x']), ('{type: Adam, lr: 1e-4}', {'type': 'Adam', 'lr': 1e-4})])
def test_values_on_the_command_line(text, value):
    assert read_value(text) == value and type(read_value(text)) is type(value)


@pytest.mark.parametrize('entry, where, value', [
    ('train:warmup_iter=-1', ('train', 'warmup_iter'), -1), ('train:optim_g:lr=1e-4', ('train', 'optim_g', 'lr'), 1e-4),
    ('train:optim_g:lr=1.0e-4', ('train', 'optim_g', 'lr'), 1e-4),
    ('train:optim_g:betas=[0.5, 0.9]', ('train', 'optim_g', 'betas'), [0.5, 0.9])])
def test_numbers_on_the_command_line_by_us_and_by_basicsr(checked, entry, where, value):
    found, parsed = checked(SHIPPED, '--force_yml', entry), compat.parse_options('/root')[0]
    for key in where:
        found, parsed = found[key], parsed[key]
    assert found == parsed == value


def test_check_prints_the_resolved_options_and_does_nothing_else(checked, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    resolved = checked(SHIPPED, '--check', '--force_yml', 'train:total_iter=7')
    train.main()
    text = capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {'mine.yml'}
    (tmp_path / 'printed.yml').write_text(text)
    printed = read_options(tmp_path / 'printed.yml')
    assert printed['train']['total_iter'] == 7 and printed['train']['frozen'] == []
    assert printed.keys() == resolved.keys() and check_options(printed) == resolved
    assert PLUGIN in text.splitlines() and yaml.load(text, ordered_yaml()[0])['plugin'] == 'scgan_fan'


# ---- what is wrong: 60 files by mutation ----

MISSPELT = [
    'name', 'datasets.train.name', 'datasets.train.dataroot_gt', 'datasets.val', 'network_g', 'network_d_l1.width',
    'path', 'train', 'train.precision', 'train.ema_decay', 'train.total_iter', 'train.optim_g',
    'train.optim_g.betas',
    'train.scheduler.eta_min', 'train.pixel_lr_opt', 'train.adv_h1_opt.gan_type', 'train.heatmap_opt.fan',
    'val.save_img', 'val.metrics.psnr.better', 'logger.print_freq']
OTHER_TYPE = [
    ('name', 3), ('model_type', ['SemiCycleModel']), ('scale', 4.5), ('num_gpu', 'all'), ('manual_seed', '2020'),
    ('datasets.train', 'faces'), ('datasets.train.batch_size_per_gpu', '4'), ('datasets.train.dataroot_lq', 5),
    ('network_g', 'RestorationNet'), ('network_g.width', '0.5'), ('network_degrade_hl.relu_skip', 'true'),
    ('path.pretrain_network_g', 1), ('train.total_iter', 2.5), ('train.channels_last', 1), ('train.optim_d.lr', '1e-4'),
    ('train.optim_g.betas', 0.9), ('train.adv_l1_opt.loss_weight', '1e-1'), ('train.forward_weight', [1.0]),
    ('val.metrics', ['psnr']), ('logger.use_tb_logger', 'yes')]
REMOVED = [
    'model_type', 'scale', 'datasets', 'datasets.train', 'network_g', 'path', 'train', 'train.scheduler',
    'train.optim_d', 'train.scheduler.type', 'train.adv_l1_opt', 'logger.print_freq']
OUT_OF_RANGE = [
    ('train.ema_decay', 1.5), ('train.total_iter', 0), ('train.optim_g.lr', -0.1), ('train.accumulate', 0),
    ('train.adv_l2_opt.loss_weight', float('nan')), ('network_g.width', 0), ('datasets.train.gt_size', 66),
    ('logger.save_checkpoint_freq', 0)]


@pytest.mark.parametrize('where', MISSPELT)
def test_a_misspelt_key(line, where):
    opt, wrong = misspelt(where)
    said = line(opt)
    assert f'unknown option {wrong}' in said or f'{wrong}: unknown' in said
    assert f'did you mean {where.split(".")[-1]}?' in said
    assert all(block in said for block in where.split('.')[:-1])


@pytest.mark.parametrize('where, value', [*OTHER_TYPE, *OUT_OF_RANGE])
def test_a_value_of_another_type_or_out_of_range(line, where, value):
    said = line(changed(where, value))
    assert all(key in said for key in where.split('.')) and (str(value) in said or repr(value) in said)


@pytest.mark.parametrize('where', REMOVED)
def test_a_block_that_is_not_there(line, where):
    assert where.split('.')[-1] in line(changed(where))


def test_there_are_60():
    assert len(MISSPELT) + len(OTHER_TYPE) + len(OUT_OF_RANGE) + len(REMOVED) == 60


# ---- what is wrong: by name ----

@pytest.mark.parametrize('where, value, said', [
    ('train.cycle_gard', 'through', 'train: cycle_gard: unknown option; did you mean cycle_grad?'),
    ('train.judge_joinly', True, 'train: judge_joinly: unknown option; did you mean judge_jointly?'),
    ('train.blur_synthetic', [0.9, 0.2], 'train: blur_synthetic: [0.9, 0.2] is not [least, most], two numbers from 0'),
    ('train.blur_synthetic', [-1, 1], 'train: blur_synthetic: [-1, 1] is not [least, most], two numbers from 0'),
    ('train.blur_synthetic', [0, float('inf')], 'train: blur_synthetic: [0, inf] is not [least, most], two numbers fr'),
    ('val.metrics.psnr.crop_border', 'a', "val: metrics: psnr: crop_border: 'a' is not a whole number from 0"),
    ('train.gradient_penalty_opt', {'type': 'ZeroCenteredPenalty', 'samples': 0}, 'samples: 0 is not a whole number'),
    ('train.ema_deccay', 0.9, 'train: ema_deccay: unknown option; did you mean ema_decay?'),
    ('train.total_iters', 5, 'train: total_iters: unknown option; did you mean total_iter?'),
    ('network_foo', {'type': 'FAN'}, 'network_foo: unknown option; did you mean network_fan?'),
    ('path.pretrain_network_fan', 'a.pth', 'path: pretrain_network_fan: there is no network_fan; add it'),
    ('path.pretrained_network_g', 'a.pth', 'pretrained_network_g: unknown option; did you mean pretrain_network_g?'),
    ('train.scheduler.gama', 1, 'train: scheduler: gama: unknown option'),
    ('train.pixel_lr_opt.type', 'L9Loss', "train: pixel_lr_opt: unknown loss 'L9Loss'; did you mean L1Loss?"),
    ('train.optim_g.type', 'Adan', "train: optim_g: unknown optimizer 'Adan'; did you mean Adam?"),
    ('network_g.type', 'RestorationNett', "network_g: unknown network 'RestorationNett'; did you mean RestorationNet?"),
    ('datasets.train.type', 'UnpairedFaceDatset', "datasets: train: unknown dataset 'UnpairedFaceDatset'; did you"),
    ('datasets.trial', {'name': 'a', 'type': 'b'}, 'datasets: trial: unknown set; did you mean train?'),
    ('model_type', 'SemiCyleModel', "model_type: unknown model 'SemiCyleModel'; did you mean SemiCycleModel?"),
    ('val.metrics.psnr.type', 'calculate_pnsr', "val: metrics: psnr: unknown metric 'calculate_pnsr'; did you mean"),
    ('train.heatmap_opt.stacks', 'lats', "heatmap_opt: stacks: unknown value 'lats'; choose one of last, first, mean"),
    ('train.heatmap_opt.distance', 'l3', "heatmap_opt: distance: unknown value 'l3'; choose one of l2, l1"),
    ('train.cycle_grad', 'both', "train: cycle_grad: unknown value 'both'; choose one of detached, through"),
    ('manual_seed', 2**32, 'manual_seed: 4294967296 is not a whole number from 0 to 2147483648'),
    ('train.shared_parts', 'al', "train: shared_parts: unknown value 'al'; choose one of all"),
    ('train.frozen', ['h'], "train: frozen: unknown value 'h'; choose one of g, degrade_hl, degrade_sl"),
    ('train.ema_decay', 1, 'train: ema_decay: 1 is not a finite number from 0 and below 1'),
    ('train.optim_g.lr', float('inf'), 'train: optim_g: lr: inf is not a finite number'),
    ('train.optim_g.lr', '1e-4', "train: optim_g: lr: '1e-4' is text, not a number; to YAML 1e-4 is text and 1.0e-4 a"),
    ('train.optim_d.betas', [0, 0.9], 'train: optim_d: betas must be either both floats'),
    ('train.optim_d.betas', [0.9, 1.5], 'train: optim_d: Invalid beta'),
    ('train.scheduler', {'type': 'CosineAnnealingRestartLR', 'periods': '400'}, "train: scheduler: periods: '400'"),
    ('train.scheduler', {'type': 'CosineAnnealingRestartLR', 'periods': [1, 2]}, 'should have the same length'),
    ('datasets.train.batch_size_per_gpu', 0, 'batch_size_per_gpu: 0 is not a whole number from 1'),
    ('datasets.train.prefetch_mode', 'gpu', "prefetch_mode: unknown value 'gpu'; choose one of cpu, cuda"),
    ('network_d_l1.size', 50, 'network_d_l1: FaceDiscriminator size: 50 is not a multiple of 4'),
    ('name', 'a/b', "name: 'a/b' cannot be the name of a folder"), ('name', '..', "name: '..' cannot be"),
    ('val.metrics.nme68.normalizer', 'boxx', "normalizer: unknown value 'boxx'; choose one of box, inter_ocular"),
    ('logger.keep_last', 0, 'logger: keep_last: 0 is not a whole number from 1'),
    ('logger.keep_last', 2.5, 'logger: keep_last: 2.5 is not'),
    ('logger.keep_last', True, 'logger: keep_last: True is not'),
    ('logger.keep_best', 'psnr', "logger: keep_best: 'psnr' is not of the form {dataset: paired, metric: psnr}"),
    ('logger.keep_best', {'metric': 'psnr'}, 'is not of the form'),
    ('logger.keep_best', {'dataset': 'faces', 'metric': 'psnr'}, "unknown value 'faces'; choose one of paired,"),
    ('logger.keep_best', {'dataset': 'paired', 'metric': 'fid'}, "metric: unknown value 'fid'; choose one of confi"),
])
def test_mistakes(line, where, value, said):
    assert said in line(changed(where, value))


@pytest.mark.parametrize('where, said', [
    ('train.optim_d', 'train: optim_d: is missing; network_d_l1 learns by it'), ('name', 'name: is missing'),
    ('train.scheduler', 'train: scheduler: is missing'),
    ('network_g.type', 'network_g: type is missing; name a network'),
    ('train.total_iter', 'train: total_iter: is missing'), ('val.val_freq', 'val: val_freq: is missing'),
    ('datasets.train.batch_size_per_gpu', 'datasets: train: batch_size_per_gpu: is missing'),
    ('datasets.train.dataroot_gt', 'datasets: train: UnpairedFaceDataset: dataroot_gt: is missing')])
def test_missing(line, where, said):
    assert line(changed(where)).startswith(said)


@pytest.mark.parametrize('content, said', [
    (None, 'No such file'), ('', 'not an option file'), ('name: x\n\tscale: 4\n', "line 2: found character '\\t'")])
def test_no_option_file(tmp_path, monkeypatch, content, said):
    if content is not None:
        (tmp_path / 'mine.yml').write_text(content)
    monkeypatch.setattr(sys, 'argv', ['train', '-opt', str(tmp_path / 'mine.yml')])
    with pytest.raises(InputError, match='mine.yml: not a') as error:
        check_command_line(trains=True)
    assert said in str(error.value) and '\n' not in str(error.value)


@pytest.mark.parametrize('entry, said', [
    ('train:total_iter', 'is not of the form block:key=value'), ('train:foo:lr=1', 'there is no block foo'),
    ('train:total_iter:x=1', 'there is no block total_iter'), ('train:optim_g:betas=[0.5', 'is no list'),
    ('train:ema_deccay=0.9', 'did you mean ema_decay?'), ('train:ema_decay=-1', 'ema_decay: -1 is not')])
def test_mistakes_on_the_command_line(line, entry, said):
    assert said in line(SHIPPED, '--force_yml', entry)


def test_check_ends_in_one_line(tmp_path):
    path = write_options(tmp_path / 'mine.yml', changed('train.total_iter'))
    checked = run(['-m', 'scgan_fan.train', '--check', '-opt', str(path)], OPTIONS.parent, check=False)
    assert (checked.returncode, checked.stdout) == (1, '')
    assert checked.stderr == f'error: {path}: train: total_iter: is missing; add it\n'


def test_a_launcher_that_has_not_launched(line, monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    assert '--launcher pytorch: RANK is not set, as it is by torchrun' in line(SHIPPED, '--launcher', 'pytorch')


def test_wandb(line, checked, monkeypatch):
    opt = changed('logger.wandb', {'project': 'faces'})
    assert 'logger: wandb copies what TensorBoard gets' in line(changed('logger.use_tb_logger', False, opt))
    monkeypatch.setattr(schema, 'find_spec', lambda name: None)
    assert 'logger: wandb is not installed' in line(opt)
    monkeypatch.setattr(schema, 'find_spec', lambda name: name)
    assert checked(opt)['logger']['wandb']['project'] == 'faces'


def test_prefetching_to_a_gpu(line, checked, monkeypatch):
    opt = changed('datasets.train.prefetch_mode', 'cuda')
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert 'datasets: train: prefetch_mode: cuda needs a GPU' in line(opt)
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    assert 'prefetch_mode: cuda needs pin_memory: true' in line(opt)
    assert checked(changed('datasets.train.pin_memory', True, opt))


@pytest.mark.parametrize('script', ['scgan_fan.train', 'basicsr/train.py'])
def test_a_program_ends_in_one_line_before_it_has_done_anything(tmp_path, script):
    """Our own, and the literal command of BasicSR."""
    write_options(tmp_path / 'mine.yml', changed('train.cycle_gard', 'through'))
    if script == 'basicsr/train.py':
        (tmp_path / 'basicsr').mkdir()
        shutil.copy(Path(basicsr.__file__).parent / 'train.py', tmp_path / 'basicsr')
    before = set(tmp_path.iterdir())
    result = run([*(['-m', script] if '/' not in script else [script]), '-opt', 'mine.yml'], tmp_path, check=False)
    assert result.returncode == 1 and set(tmp_path.iterdir()) == before
    assert result.stderr == 'error: mine.yml: train: cycle_gard: unknown option; did you mean cycle_grad?\n'


# ---- what does not go together ----

PAIRED, LANDMARKS, DEGRADER = (read_options(OPTIONS / file) for file in (
    'train_superfan.yml', 'train_fan64.yml', 'train_lrgan_1_high_to_low.yml'))
UNPAIRED_FACES, FACES_WITH_LANDMARKS = (opt['datasets']['train'] for opt in (SHIPPED, LANDMARKS))
LR_FACES = {'name': 'faces', 'type': 'LowResolutionFaceDataset', 'dataroot_lq': 'lr'}
RELEASED = {'type': 'LRGANReleasedDegrader'}


@pytest.mark.parametrize('opt, where, value, said', [
    (SHIPPED, 'scale', 2, 'scale: is 2, but network_g is made for 4'),
    (PAIRED, 'network_g.blocks', [12, 3], 'scale: is 4, but network_g is made for 2'),
    (SHIPPED, 'network_degrade_sl.scale', 2, 'scale: is 4, but network_degrade_sl is made for 2'),
    *((SHIPPED, f'network_{name}.size', 32, f'network_{name}: size: is 32, but the faces of datasets: train that it '
                                            f'sees have {side} pixels')
      for name, side in (('d_l1', 16), ('d_l2', 16), ('d_h1', 64), ('d_h2', 64), ('degrade_hl', 64))),
    (PAIRED, 'network_d.size', 32, 'network_d: size: is 32, but the faces of datasets: train that it sees have 64'),
    (SHIPPED, 'datasets.train.gt_size', 128, 'network_degrade_hl: size: is 64, but the faces of datasets: train'),
    (DEGRADER, 'datasets.val.gt_size', 128, 'network_degrade_hl: size: is 64, but the faces of datasets: val that'),
    (LANDMARKS, 'network_g.depth', 0, 'FAN depth: 0 is below 1'),
    (LANDMARKS, 'network_g.num_landmarks', 0, 'FAN num_landmarks: 0 is below 1'),
    (LANDMARKS, 'network_g.num_landmarks', 5, 'network_g: num_landmarks: is 5, but faces have 68'),
    (LANDMARKS, 'datasets.train.size', 48, 'datasets: train: size: 48 is not a multiple of 32, which network_g'),
    (SHIPPED, 'network_degrade_hl.noise_dim', 32, 'get the same noise: give them one noise_dim'),
    (SHIPPED, 'train.shared_parts', ['inptu'], "train: shared_parts: unknown value 'inptu'; choose one of input, enc1"),
    (SHIPPED, 'train.frozen', ['g', 'degrade_hl', 'degrade_sl'], 'train: frozen: names all generators: nothing'),
    (LANDMARKS, 'train.frozen', ['g'], 'train: frozen: names all generators'),
    (LANDMARKS, 'datasets.train', UNPAIRED_FACES, 'type: UnpairedFaceDataset is of another kind; FANModel takes Land'),
    (PAIRED, 'datasets.train', UNPAIRED_FACES, 'datasets: train: type: UnpairedFaceDataset is of another kind'),
    (SHIPPED, 'datasets.train', FACES_WITH_LANDMARKS, 'SemiCycleModel takes UnpairedFaceDataset or'),
    (SHIPPED, 'datasets.val', FACES_WITH_LANDMARKS, 'datasets: val: type: LandmarkFaceDataset is of'),
    (LANDMARKS, 'datasets.val', LR_FACES, 'FANModel takes LandmarkFaceDataset here'),
    (DEGRADER, 'datasets.val', LR_FACES, 'datasets: val: has no gt_size, which network_degrade_hl sees'),
    (SHIPPED, 'network_d_h1', {'type': 'RestorationNet'}, 'network_d_h1: type: RestorationNet is of another kind;'),
    (SHIPPED, 'network_degrade_hl', {'type': 'RestorationNet'}, 'degrade_hl: type: RestorationNet is of another kind'),
    (SHIPPED, 'network_g', {'type': 'FAN'}, 'network_g: type: FAN is of another kind; take RestorationNet or'),
    (LANDMARKS, 'network_g', {'type': 'RestorationNet'}, 'network_g: type: RestorationNet is of another kind;'),
    (SHIPPED, 'train.adv_l1_opt', {'type': 'L1Loss'}, 'train: adv_l1_opt: type: L1Loss compares two images'),
    (SHIPPED, 'train.pixel_lr_opt', {'type': 'GANLoss', 'gan_type': 'lsgan'}, 'pixel_lr_opt: type: GANLoss'),
    (SHIPPED, 'train.heatmap_opt', {'type': 'L1Loss'}, 'train: heatmap_opt: type: L1Loss'),
    (SHIPPED, 'train.gradient_penalty_opt', {'type': 'L1Loss'}, 'train: gradient_penalty_opt: type: L1Loss'),
    (LANDMARKS, 'train.heatmap_opt', {'type': 'HeatmapLoss'}, 'train: heatmap_opt: type: HeatmapLoss'),
    (SHIPPED, 'logger.keep_best', {'dataset': 'real_lr', 'metric': 'psnr'}, 'psnr is not measured of'),
])
def test_what_does_not_go_together(line, opt, where, value, said):
    assert said in line(changed(where, value, opt))


def test_networks_that_share_parts_are_alike(line, checked):
    shared = changed('train.shared_parts', ['enc1', 'dec1'])
    assert checked(shared)
    assert 'train: shared_parts: enc1 of network_degrade_hl and of network_degrade_sl differ' in line(
        changed('network_degrade_hl.width', 1.0, shared))
    released = changed('network_degrade_hl', RELEASED, changed('network_degrade_sl', RELEASED, shared))
    assert 'train: shared_parts: LRGANReleasedDegrader, network_degrade_hl, has no parts' in line(released)


@pytest.mark.parametrize('where, value, said', [
    ('network_degrade_hl.noise_dim', 0, 'DegradationNet noise_dim: 0 is below 1'),
    ('network_g.blocks', [12, 0], 'RestorationNet blocks: 0 is below 1'),
    ('train.heatmap_opt.fan', 'fan65', "heatmap_opt: fan: 'fan65' is neither a file nor"),
    ('train.heatmap_opt.network', {'num_stack': 2}, 'heatmap_opt: network: num_stack: unknown option; did you mean'),
    ('train.heatmap_opt.input_size', 0, 'heatmap_opt: input_size: 0 is not a whole number from 1'),
    ('train.heatmap_opt.pad', 0.5, 'heatmap_opt: pad: 0.5 is not a finite number from 1'),
    ('train.feature_opt', {'type': 'FeatureLoss', 'backbone': 'resnet51'}, "backbone: unknown value 'resnet51'; did"),
    ('train.feature_opt', {'type': 'FeatureLoss', 'weights': 'imagent'}, "weights: 'imagent' is neither a file nor"),
])
def test_numbers_and_names_that_nothing_can_be_made_of(line, where, value, said):
    assert said in line(changed(where, value, PAIRED if 'feature' in where else SHIPPED))


@pytest.mark.parametrize('metric, options, said', [
    *((metric, {'fan': 'fan65'}, "fan: 'fan65' is neither a file nor") for metric in (
        'nme68', 'auc68', 'landmark_confidence')),
    ('landmark_confidence', {'fan': 'dlib'}, "fan: 'dlib' is neither a file nor"),
    *((metric, {'network': 'dlb', **more}, "network: unknown value 'dlb'; did you mean dlib?") for metric, more in (
        ('fid', {'reference': '.'}), ('kid', {'reference': '.'}), ('feature_distance', {}), ('verification', {}),
        ('verification_control', {}), ('identity', {}), ('identity_gate', {}), ('identity_gate_real', {}))),
    *((metric, {'weights': 'nofile.pth', **more}, "weights: 'nofile.pth' is not there") for metric, more in (
        ('fid', {'reference': '.'}), ('kid', {'reference': '.'}), ('feature_distance', {}), ('lpips', {}),
        ('identity', {'network': 'onnx'}))),
    ('fid', {'reference': 'nowhere'}, "reference: 'nowhere' is not there"),
    ('fid', {'reference': []}, 'reference: '), ('kid', {'reference': '.', 'subsets': 0}, 'subsets: 0 is not a whole'),
    ('kid', {'reference': '.', 'subset_size': 1}, 'subset_size: 1 is not a whole number from 2'),
    ('identity', {'network': 'onnx'}, 'weights: is missing; network: onnx needs a file'),
    ('verification', {'network': 'facenet'}, 'weights: is missing; network: facenet needs a file'),
    ('verification', {'network': 'onnx', 'weights': __file__}, 'threshold: is missing'),
    ('verification', {'threshold': 0}, 'threshold: 0 is not'),
    ('identity_gate', {'threshold': 2}, 'threshold: 2 is not'),
    ('identity', {'network': 'onnx', 'weights': __file__, 'colours': 'grb'}, "colours: unknown value 'grb'"),
    ('auc68', {'limit': 0}, 'limit: 0; it must be above 0'),
    ('detection', {'enlarge': 0}, 'enlarge: 0 is not a whole number from 1'),
    ('psnr', {'crop_border': 0, 'input_order': 'CWH'}, "input_order: unknown value 'CWH'; choose one of HWC"),
    ('psnr', {'crop_border': 32}, 'needs 1 pixels; with these options 0 are left of faces of 64'),
    ('ssim', {'crop_border': 27}, 'needs 11 pixels; with these options 10 are left of faces'),
    ('niqe', {'crop_border': 0}, 'calculate_niqe needs 96'), ('niqe_enlarged', {'enlarge': 1}, 'needs 96'),
])
def test_metrics_that_would_fail_at_the_first_validation(line, metric, options, said):
    said_in_full = line(changed('val.metrics.mine', {'type': f'calculate_{metric}', **options}))
    assert said_in_full.startswith('val: metrics: mine: ') and said in said_in_full
