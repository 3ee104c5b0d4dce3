"""Testing by an option file: the shipped one, and that what a checkpoint stands for is the same as everywhere else."""
import sys

import basicsr.test
import numpy as np
import pytest
import torch

from runs import OPTIONS, read_options, write_options
from scgan_fan.archs import RestorationNet
from scgan_fan.errors import InputError
from scgan_fan.images import read_image, to_image, to_tensor
from scgan_fan.network_loader import load_restorer

WEIGHTS = 'experiments/train_scgan_fan/models/net_g_latest.pth'


@pytest.fixture
def tested(faces, tmp_path, monkeypatch):
    """Test with an option file made small, on drawn faces, in this process; returns the folder of the results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / WEIGHTS).parent.mkdir(parents=True)
    torch.save({'params': RestorationNet(width=1 / 16).state_dict(),
                'params_ema': RestorationNet(width=1 / 16).state_dict()}, WEIGHTS)

    def test(opt: dict):
        opt['network_g']['width'] = 1 / 16
        opt['val']['save_img'] = True
        for dataset in opt['datasets'].values():
            for root, folder in (('dataroot_gt', 'val_hr'), ('dataroot_lq', 'val_lr')):
                if dataset.get(root):
                    dataset[root] = str(faces / folder)
        monkeypatch.setattr(sys, 'argv', ['test', '-opt', str(write_options(tmp_path / 'o.yml', opt))])
        basicsr.test.test_pipeline(str(tmp_path))
        return tmp_path / 'results' / opt['name']
    return test


@pytest.mark.usefixtures('fresh_logger')
@pytest.mark.parametrize('key', [None, 'params'])
def test_the_average_is_tested_as_it_is_restored_with(tested, faces, key):
    opt = read_options(OPTIONS / 'test_scgan_fan.yml')
    assert opt['path']['pretrain_network_g'] == WEIGHTS and 'param_key_g' not in opt['path']
    opt['path'].update({'param_key_g': key} if key else {})
    results = tested(opt)
    found = read_image(results / 'visualization/real_lr/000000_test_scgan_fan.png')
    with torch.no_grad():
        restored = load_restorer(WEIGHTS, 'cpu')(to_tensor(read_image(faces / 'val_lr/000000.png'))[None])
    assert np.array_equal(found, to_image(restored[0])) == (key is None)
    log, = results.glob('*.log')
    text = log.read_text()
    assert f'network_g: weights of {WEIGHTS}: {key or "params_ema"}, ' in text
    assert text.count('# psnr') == text.count('# nme68') == 1 and text.count('# confidence') == 2


def test_an_option_file_for_training_is_refused(tested):
    with pytest.raises(InputError, match='datasets: train: .*options/test_scgan_fan.yml'):
        tested(read_options(OPTIONS / 'train_scgan_fan.yml'))


@pytest.mark.parametrize('weights', [None, 'absent'])
def test_random_weights_are_not_tested(tested, weights):
    opt = read_options(OPTIONS / 'test_scgan_fan.yml')
    opt['path']['pretrain_network_g'] = weights
    if weights:
        del opt['path']['pretrain_network_g']
    with pytest.raises(InputError, match='path: pretrain_network_g: names no weights to test'):
        tested(opt)


@pytest.mark.parametrize('phase', ['val', 'test_1'])
def test_faces_without_pairs_are_not_measured_against_strangers(tested, phase):
    opt = read_options(OPTIONS / 'test_scgan_fan.yml')
    opt['datasets'] = {phase: read_options(OPTIONS / 'train_scgan_fan.yml')['datasets']['train']}
    with pytest.raises(InputError, match='UnpairedFaceDataset would compare .* take a PairedFaceDataset'):
        tested(opt)
