"""The shipped 64-pixel FAN, and training one by the shipped option file, on drawn faces."""
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import OPTIONS, read_options, train_here

from drawn_faces import draw_dataset
from scgan_fan.archs.fan_arch import FAN
from scgan_fan.faces.fan_weights import load_fan
from scgan_fan.faces.landmarks import decode_heatmaps, normalized_mean_error
from scgan_fan.images import read_image, to_tensor


@torch.no_grad()
def find(fan: FAN, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Landmarks found in and true for the drawn faces of ``folder / 'hr'``: (N, 68, 2)."""
    with np.load(folder / 'hr_landmarks.npz') as known:
        truth = torch.from_numpy(known['landmarks'])
        images = torch.stack([to_tensor(read_image(folder / 'hr' / name)) for name in known['name']])
    return decode_heatmaps(fan((images + 1) / 2)[-1], fan.stem_stride)[0], truth


def test_training_runs_and_reports_its_error(faces, tmp_path, monkeypatch):
    opt = read_options(OPTIONS / 'train_fan64.yml')
    opt['network_g']['width'] = 16
    opt['datasets']['train'].update(dataroot=str(faces / 'hr'), landmarks=str(faces / 'hr_landmarks.npz'),
                                    batch_size_per_gpu=4, num_worker_per_gpu=0)
    opt['datasets']['val'].update(dataroot=str(faces / 'val_hr'), landmarks=str(faces / 'val_hr_landmarks.npz'))
    opt['train']['total_iter'] = 2
    opt['logger'].update(use_tb_logger=False, print_freq=1, save_checkpoint_freq=2)
    opt['val']['val_freq'] = 1
    train_here(opt, tmp_path, monkeypatch)
    run = tmp_path / 'experiments/train_fan64'
    best = torch.load(run / 'training_states/2.state', weights_only=True)['best_metric_results']['landmarks_val']
    assert best['nme_box']['iter'] == best['nme_inter_ocular']['iter'] == 1
    assert 1 < best['nme_box']['val'] < 200  # percent, of a network that knows nothing yet
    assert 'auc_60_90' not in best  # no drawn face is turned by so much
    assert (run / 'visualization/landmarks_val_1.png').is_file()


def test_the_shipped_fan_finds_landmarks_of_drawn_faces(faces):
    """It was trained on photographs, so this only tells whether file, channel order and decoding fit together."""
    fan, size = load_fan('fan64')
    assert size == 64 and not fan.training and not any(p.requires_grad for p in fan.parameters())
    found, truth = find(fan, faces)
    error = 100 * normalized_mean_error(found, truth).median().item()
    centre = 100 * normalized_mean_error(truth.mean(dim=0, keepdim=True).expand_as(truth), truth).median().item()
    assert error < centre / 2, f'{error:.1f} % of the box; always guessing the mean face gives {centre:.1f} %'


@pytest.mark.slow
def test_training_learns_to_find_landmarks_of_unseen_faces(tmp_path, monkeypatch):
    """Measured: 2.2 % of the box, 3.9 % of the distance of the eyes, after 5 minutes on one core (float32)."""
    opt = read_options(OPTIONS / 'train_fan64.yml')
    for name, seed, count in (('train', 0, 2000), ('val', 1, 200)):
        draw_dataset(tmp_path / name, hr=count, lr=0, val=0, seed=seed)
        opt['datasets'][name].update(dataroot=str(tmp_path / name / 'hr'),
                                     landmarks=str(tmp_path / name / 'hr_landmarks.npz'))
    network = {'num_stacks': 1, 'width': 64, 'stem_stride': 2}
    opt['network_g'].update(network)
    opt['datasets']['train']['batch_size_per_gpu'] = 16
    opt['train'].update(total_iter=1200, warmup_iter=100, ema_decay=0.98, sigma=1.75)
    opt['train']['optim_g']['lr'] = 8e-3
    opt['train']['scheduler']['periods'] = [1200]
    opt['logger'].update(use_tb_logger=False)
    train_here(opt, tmp_path, monkeypatch)
    fan, _ = load_fan(str(tmp_path / 'experiments/train_fan64/models/net_g_latest.pth'), network)
    box, eyes = (100 * normalized_mean_error(*find(fan, tmp_path / 'val'), normalizer).mean().item()
                 for normalizer in ('box', 'inter_ocular'))
    print(f'mean error {box:.2f} % of the box, {eyes:.2f} % of the distance of the eyes')
    assert box < 3
