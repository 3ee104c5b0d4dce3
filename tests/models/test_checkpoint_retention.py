"""``keep_last`` and ``keep_best``."""
import math
from types import SimpleNamespace

import torch

from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.models import face_model
from scgan_fan.models.checkpoint_retention import CheckpointRetention


def options(tmp_path, **logger) -> dict:
    metrics = {'psnr': {'type': 'calculate_psnr'}, 'nme68': {'type': 'calculate_nme68', 'better': 'lower'}}
    return {'logger': logger, 'network_g': {}, 'val': {'metrics': metrics},
            'datasets': {'train': {'name': 'faces'}, 'val': {'name': 'paired'}, 'val_real': {'name': 'real_lr'}},
            'path': {'models': str(tmp_path), 'training_states': str(tmp_path)}}


def validate(retention: CheckpointRetention, iteration: int, **results) -> None:
    def content(name):
        return {'params': {'weight': torch.tensor(iteration)}}
    retention.after_validation('paired', results, 'g', content, iteration)


def best_of(values: list[float], metric: str, tmp_path) -> dict:
    """The entry of the best among these values, each of another process: what is known is in the file."""
    opt = options(tmp_path, keep_best={'dataset': 'paired', 'metric': metric})
    for iteration, value in enumerate(values):
        validate(CheckpointRetention(opt), iteration, **{metric: value})
    content = read_checkpoint(tmp_path / 'net_g_best.pth')
    assert content['params']['weight'] == content['best']['iter']
    return content['best']


def test_the_best_is_kept(tmp_path):
    assert best_of([20.0, 23.5, 23.5, 21.0], 'psnr', tmp_path) == {
        'dataset': 'paired', 'metric': 'psnr', 'value': 23.5, 'iter': 1}


def test_the_lowest_may_be_the_best(tmp_path):
    assert best_of([5.0, 4.0, 6.0], 'nme68', tmp_path)['iter'] == 1


def test_no_number_is_not_the_best(tmp_path):
    assert best_of([math.nan, 3.0, math.nan], 'psnr', tmp_path)['iter'] == 1


def test_a_damaged_best_is_replaced(tmp_path):
    (tmp_path / 'net_g_best.pth').write_text('damaged')
    assert best_of([3.0], 'psnr', tmp_path)['value'] == 3


def test_the_best_by_another_metric_is_replaced(tmp_path):
    best_of([23.5], 'psnr', tmp_path)
    assert best_of([30.0, 40.0], 'nme68', tmp_path)['value'] == 30


def test_other_datasets_and_metrics_do_not_count(tmp_path):
    retention = CheckpointRetention(options(tmp_path, keep_best={'dataset': 'real_lr', 'metric': 'psnr'}))
    validate(retention, 1, psnr=20.0)
    retention.after_validation('real_lr', {'confidence': 1.0}, 'g', dict, 1)
    CheckpointRetention(options(tmp_path)).after_validation('paired', {'psnr': 1.0}, 'g', dict, 1)
    assert not list(tmp_path.iterdir())


def test_all_checkpoints_are_kept_by_default(tmp_path):
    for name in ('1.state', '2.state'):
        (tmp_path / name).touch()
    CheckpointRetention(options(tmp_path)).after_save(2)
    assert len(list(tmp_path.iterdir())) == 2
    CheckpointRetention(options(tmp_path, keep_last=1)).after_save(2)
    assert [path.name for path in tmp_path.iterdir()] == ['2.state']


def test_the_last_validation_is_of_the_last_iteration(monkeypatch):
    """BasicSR's count goes on by one for the iteration that ends its loop, and by one for each loop around it."""
    told = []
    monkeypatch.setattr(face_model, 'validate', lambda model, dataset, iteration, *_: told.append(iteration))
    monkeypatch.setattr(face_model, 'report', lambda model, results, name, iteration, _: told.append(iteration))
    retention = SimpleNamespace(after_validation=lambda *arguments: told.append(arguments[-1]))
    model = SimpleNamespace(opt={'rank': 0}, is_train=True, trained_iter=6, main_network='g', retention=retention)
    loader = SimpleNamespace(dataset=SimpleNamespace(opt={'name': 'paired'}))
    face_model.FaceModel.validation(model, loader, 8, None)
    assert told == [6, 6, 6]
