"""Every shipped option file: builds, trains, validates, saves and resumes, made small."""
import pytest
import torch

from runs import OPTIONS, read_options, small, train_here

FILES = sorted(str(path.relative_to(OPTIONS)) for path in OPTIONS.rglob('train_*.yml')) + sorted(
    str(path.relative_to(OPTIONS)) for folder in ('ablation', 'small') for path in (OPTIONS / folder).glob('*.yml'))


@pytest.mark.parametrize('file', FILES)
def test_trains_validates_saves_and_resumes(file, request, tmp_path, monkeypatch):
    opt = read_options(OPTIONS / file)
    larger = opt['datasets']['train'].get('gt_size', 64) > 64
    opt = small(opt, request.getfixturevalue('larger_faces' if larger else 'faces'))
    train_here(opt, tmp_path, monkeypatch)
    run = tmp_path / 'experiments' / opt['name']
    saved = {path.name for path in (run / 'models').glob('*_2.pth')}
    assert saved == {f'net_{key.removeprefix("network_")}_2.pth' for key in opt if key.startswith('network_')}
    for name, dataset in opt['datasets'].items():
        assert name == 'train' or (run / 'visualization' / f'{dataset["name"]}_2.png').is_file()

    opt['train']['total_iter'] = 3
    opt['logger']['save_checkpoint_freq'] = 3
    opt['path']['resume_state'] = str(run / 'training_states/2.state')
    train_here(opt, tmp_path, monkeypatch)
    state = torch.load(run / 'training_states/3.state', weights_only=True)
    assert state['iter'] == 3
    steps = {name: {int(each['step']) for each in optimizer['state'].values()}
             for name, optimizer in state['optimizers'].items()}
    turns = opt['train'].get('net_d_iters', 1)  # 1, or 2: then the generators have stepped once
    assert steps == {name: {3} if name.startswith('d') and name[:2] != 'de' else {3 // turns} for name in steps}


@pytest.mark.parametrize('files', [
    ['train_lrgan_1_high_to_low.yml', 'train_lrgan_2_low_to_high.yml', 'train_lrgan_3_joint.yml'],
    ['ablation/superfan_pixel_feature_heatmap.yml', 'ablation/superfan_gan.yml', 'train_superfan.yml'],
    ['train_scgan.yml', 'ablation/heatmap_after_scgan.yml']], ids=lambda files: files[-1])
def test_stages_continue_from_the_weights_of_the_last(files, faces, tmp_path, monkeypatch):
    """With the paths that the option files name."""
    for file in files:
        shipped = read_options(OPTIONS / file)
        starts = {key: value for key, value in shipped['path'].items() if key.startswith('pretrain') and value}
        assert bool(starts) == (file != files[0])
        opt = small(shipped, faces)
        opt['path'].update(starts)
        opt['train'].update(total_iter=1, net_d_iters=100 if starts else 1)  # 100: generators stay as they were loaded
        train_here(opt, tmp_path, monkeypatch)
        for key, path in starts.items():
            name = key.removeprefix('pretrain_network_')
            after = tmp_path / 'experiments' / opt['name'] / f'models/net_{name}_latest.pth'
            before, now = (torch.load(p, weights_only=True)['params'] for p in (tmp_path / path, after))
            learned = [k for k in now if not k.endswith(('running_mean', 'running_var', 'num_batches_tracked'))]
            same = [torch.equal(before[k], now[k]) for k in learned]
            assert all(same) or name.startswith('d_') or name == 'd', name
