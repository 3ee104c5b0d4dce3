"""The shipped 64-pixel FAN, and training one by the shipped option file, on drawn faces."""
from pathlib import Path

import numpy as np
import torch
import yaml

from runs import train_here
from scgan_fan.faces.fan_weights import FAN64_FILE, load_fan
from scgan_fan.faces.landmarks import decode_heatmaps, normalized_mean_error
from scgan_fan.images import read_image, to_tensor

OPTIONS = Path(__file__).parent.parent.parent / 'options'


def test_training_runs_and_reports_its_error(faces, tmp_path, monkeypatch):
    text = (OPTIONS / 'train_fan64.yml').read_text().replace('!!python/name:scgan_fan.__name__', '')
    opt = yaml.safe_load(text)
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
    assert (run / 'visualization/landmarks_val_1.png').is_file()


def test_the_shipped_fan_finds_landmarks_of_drawn_faces(faces):
    """It was trained on photographs, so this only tells whether file, channel order and decoding fit together."""
    assert FAN64_FILE.stat().st_size < 4e6
    fan, size = load_fan('fan64')
    assert size == 64 and not fan.training and not any(p.requires_grad for p in fan.parameters())
    with np.load(faces / 'hr_landmarks.npz') as known:
        truth = torch.from_numpy(known['landmarks'])
        images = torch.stack([to_tensor(read_image(faces / 'hr' / name)) for name in known['name']])
    with torch.no_grad():
        found, _ = decode_heatmaps(fan((images + 1) / 2)[-1], fan.stem_stride)
    error = 100 * normalized_mean_error(found, truth).median().item()
    centre = 100 * normalized_mean_error(truth.mean(dim=0, keepdim=True).expand_as(truth), truth).median().item()
    assert error < centre / 2, f'{error:.1f} % of the box; always guessing the mean face gives {centre:.1f} %'
