"""Training as people start it: stock BasicSR's train.py and ours, stopped and resumed, and on several processes."""
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import basicsr
import pytest
import torch

from runs import SMALL_FAN, assert_equal, free_port, losses, run, write_options

TRAIN = ['-m', 'scgan_fan.train']
SGD = {'type': 'SGD', 'lr': 0.01}


@pytest.fixture
def stock(tmp_path) -> Path:
    """A folder laid out as a BasicSR source tree, with BasicSR's own unmodified train.py and test.py."""
    tree = tmp_path / 'BasicSR'
    (tree / 'basicsr').mkdir(parents=True)
    for script in ('train.py', 'test.py'):
        shutil.copy(Path(basicsr.__file__).parent / script, tree / 'basicsr' / script)
    return tree


def checkpoint(folder: Path, name: str) -> dict:
    return torch.load(folder / name, weights_only=True)


@pytest.mark.parametrize('script', ['stock', 'ours'])
def test_resuming_in_the_middle_of_an_epoch_changes_no_bit(preset, stock, script):
    """2N iterations against N, stop, resume, N: workers, autocast and EMA on, 6 being inside the second epoch of 4."""
    preset['train']['precision'] = 'bfloat16'
    preset['train']['total_iter'] = 12
    preset['logger']['save_checkpoint_freq'] = 6
    command = ['basicsr/train.py'] if script == 'stock' else TRAIN
    whole = {**preset, 'name': 'whole'}
    log = losses(run([*command, '-opt', write_options(stock / 'whole.yml', whole)], stock).stderr)
    halves = {**preset, 'name': 'halves', 'train': {**preset['train'], 'total_iter': 6}}
    run([*command, '-opt', write_options(stock / 'halves.yml', halves)], stock)
    halves['train']['total_iter'] = 12
    second = run([*command, '-opt', write_options(stock / 'halves.yml', halves), '--auto_resume'], stock)
    assert 'Resuming training from epoch: 1, iter: 6' in second.stderr
    assert {i: log[i] for i in range(7, 13)} == losses(second.stderr)

    a, b = stock / 'experiments/whole', stock / 'experiments/halves'
    for network in ('g', 'degrade_hl', 'degrade_sl', 'd_l1', 'd_l2', 'd_h1', 'd_h2'):
        file = f'models/net_{network}_12.pth'
        assert_equal(checkpoint(a, file), checkpoint(b, file), network)
    ours, theirs = (checkpoint(f, 'training_states/12.state') for f in (a, b))
    for key in ('epoch', 'iter', 'optimizers', 'schedulers', 'scaler'):
        assert_equal(ours[key], theirs[key], key)


def test_validation_pictures_tensorboard_and_testing_in_a_stock_tree(preset, stock):
    preset['val'].update(val_freq=2, save_img=True)
    preset['logger']['use_tb_logger'] = True
    preset['train']['total_iter'] = 2
    result = run(['basicsr/train.py', '-opt', write_options(stock / 'o.yml', preset)], stock)
    assert 'Validation paired' in result.stderr and '# psnr' in result.stderr
    root = stock / 'experiments' / preset['name']
    pictures = {path.name for path in (root / 'visualization').rglob('*.png')}
    assert {'paired_2.png', 'real_lr_2.png', '000000_2.png'} <= pictures
    assert list((stock / 'tb_logger' / preset['name']).glob('events*'))

    preset['name'] = 'tested'
    preset['datasets'] = {'test_1': {**preset['datasets']['val'], 'name': 'paired'}}
    preset['path']['pretrain_network_g'] = str(root / 'models/net_g_latest.pth')
    preset['path']['param_key_g'] = 'params_ema'
    preset = {key: value for key, value in preset.items() if not key.startswith(('network_d', 'train'))}
    result = run(['basicsr/test.py', '-opt', write_options(stock / 'o.yml', preset)], stock)
    assert '# ssim' in result.stderr
    assert (stock / 'results/tested/visualization/paired/000000_tested.png').is_file()


def test_debug_and_force_yml(preset, tmp_path):
    result = run([*TRAIN, '-opt', write_options(tmp_path / 'o.yml', preset), '--debug', '--force_yml',
                  'train:total_iter=1', 'train:heatmap_opt=~', 'network_g:up_norm=none'], tmp_path)
    assert 'l_heatmap' not in result.stderr and list(losses(result.stderr)) == [1]
    assert (tmp_path / f'experiments/debug_{preset["name"]}/models/net_g_latest.pth').is_file()


def torchrun(folder: Path, options: Path, processes: int = 2, nodes: int = 1) -> str:
    """The log of a training run on so many processes, spread over so many nodes (agents that meet on loopback)."""
    command = ['-m', 'torch.distributed.run', f'--nnodes={nodes}', f'--nproc_per_node={processes // nodes}',
               '--rdzv_backend=c10d', f'--rdzv_endpoint=127.0.0.1:{free_port()}', '--local_addr=127.0.0.1',
               '-m', 'scgan_fan.train', '-opt', options, '--launcher', 'pytorch']
    with ThreadPoolExecutor() as pool:
        return ''.join(agent.stderr for agent in pool.map(lambda _: run(command, folder), range(nodes)))


FEWER_OPERATIONS = {'simultaneous': True, 'backward_every': 2,
                    'gradient_penalty_opt': {'type': 'ZeroCenteredPenalty', 'samples': 100}}  # all


@pytest.mark.parametrize('norm, processes, nodes, options', [
    ('none', 2, 1, {}), ('batch', 2, 1, {}), ('none', 2, 1, FEWER_OPERATIONS),
    pytest.param('none', 4, 1, {}, marks=pytest.mark.slow), pytest.param('batch', 4, 1, {}, marks=pytest.mark.slow),
    pytest.param('batch', 2, 2, {}, marks=pytest.mark.slow)])
def test_processes_are_one_with_the_whole_batch(preset, tmp_path, norm, processes, nodes, options):
    """With no batch norm, or one over all processes: the same losses and weights, but for the order of sums."""
    preset['network_g']['up_norm'] = norm
    preset['datasets']['train'].update(dataset_enlarge_ratio=4, num_worker_per_gpu=0)
    preset['train'].update(optim_g=SGD, optim_d=SGD, sync_batchnorm=True, **options)
    preset['train']['heatmap_opt'].update(fan='random', network=SMALL_FAN)  # each process draws its own weights
    one = {**preset, 'name': 'one'}
    alone = losses(run([*TRAIN, '-opt', write_options(tmp_path / 'one.yml', one)], tmp_path).stderr)
    preset['datasets']['train']['batch_size_per_gpu'] //= processes
    shared = {**preset, 'name': 'shared'}
    together = losses(torchrun(tmp_path, write_options(tmp_path / 'shared.yml', shared), processes, nodes))
    assert list(alone) == list(together) == [1, 2, 3, 4]
    for iteration, line in alone.items():
        for mine, theirs in zip(line.split(), together[iteration].split(), strict=True):
            if mine.endswith(':'):
                assert mine == theirs
            else:
                assert float(mine) == pytest.approx(float(theirs), rel=2e-3, abs=1e-5), (iteration, line)
    a, b = (checkpoint(tmp_path / 'experiments', f'{name}/models/net_g_latest.pth') for name in ('one', 'shared'))
    for name, tensor in a['params'].items():
        assert torch.allclose(tensor, b['params'][name], atol=1e-5), name


def test_two_processes_validate_as_one(preset, faces, tmp_path, monkeypatch):
    """Each tests its share; figures of the whole set and the picture are the same to the last bit."""
    preset['network_g']['up_norm'] = 'none'
    preset['train']['optim_g'] = preset['train']['optim_d'] = {'type': 'SGD', 'lr': 0.0}
    preset['train'].update(total_iter=1, ema_decay=0)
    preset['datasets']['val']['num_images'] = 3
    preset['datasets']['train']['num_worker_per_gpu'] = 0
    preset['val']['metrics'].update(
        detected={'type': 'calculate_detection', 'better': 'higher'},
        fid={'type': 'calculate_fid', 'network': 'dlib', 'reference': str(faces / 'hr'), 'better': 'lower'})
    one, two = ({**preset, 'name': name} for name in ('one', 'two'))
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch_of_one'))
    alone = run([*TRAIN, '-opt', write_options(tmp_path / 'one.yml', one)], tmp_path).stderr
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch_of_two'))
    both = torchrun(tmp_path, write_options(tmp_path / 'two.yml', two))
    figures = [re.findall(r'# (\w+): (.*?)\t', log) for log in (alone, both)]
    assert figures[0] == figures[1] and len(figures[0]) == 6 + 3  # psnr, ssim and nme68 need the truth
    pictures = [(tmp_path / f'experiments/{name}/visualization/paired_1.png').read_bytes() for name in ('one', 'two')]
    assert pictures[0] == pictures[1]


RANK_CHECK = '''
import torch, scgan_fan
from scgan_fan.models.face_model import FaceModel
save = FaceModel.save
def save_and_compare(self, epoch, current_iter):
    tensors = [t.float().flatten() for n in self.networks.values() for t in n.state_dict().values()]
    mine = torch.cat(tensors)
    all_ranks = [torch.empty_like(mine) for _ in range(2)]
    torch.distributed.all_gather(all_ranks, mine)
    assert torch.equal(*all_ranks), 'the ranks have drifted apart'
    print('ranks equal', flush=True)
    save(self, epoch, current_iter)
FaceModel.save = save_and_compare
from scgan_fan.train import main
if __name__ == '__main__':  # the loader's workers, spawned, import this file again
    main()
'''


def test_two_processes_with_batch_norm_do_not_drift(preset, tmp_path):
    (tmp_path / 'check.py').write_text(RANK_CHECK)
    options = write_options(tmp_path / 'o.yml', preset)
    result = run(['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', 'check.py', '-opt', options,
                  '--launcher', 'pytorch'], tmp_path)
    assert result.stdout.count('ranks equal') == 2
