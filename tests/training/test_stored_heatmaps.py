"""Training with heatmaps drawn beforehand is training with heatmaps drawn in each step."""
import copy
from pathlib import Path

import pytest
import torch

from runs import OPTIONS, SMALL_FAN, read_options, small, train_here
from scgan_fan.archs.fan_arch import FAN
from scgan_fan.data.heatmap_store import write_heatmaps
from scgan_fan.errors import InputError
from scgan_fan.losses import HeatmapLoss
from scgan_fan.models.face_model import FaceModel

PARTS = 2  # of a batch
ITERATIONS = 2  # later, rounding has grown: two samples in a batch norm
NETWORK = {'num_stacks': 1, **SMALL_FAN}


@pytest.fixture(scope='module')
def stored(faces, tmp_path_factory) -> tuple[dict, str]:
    """Options of a small FAN, and the heatmaps that it draws of the HR faces."""
    folder = tmp_path_factory.mktemp('heatmaps')
    torch.manual_seed(0)
    torch.save(FAN(**NETWORK).state_dict(), folder / 'fan.pth')
    teacher = {'fan': str(folder / 'fan.pth'), 'network': NETWORK}
    write_heatmaps([str(faces / 'hr.lmdb')], str(folder / 'heatmaps'), HeatmapLoss(**teacher))
    return teacher, str(folder / 'heatmaps')


@pytest.fixture
def options(faces, stored):
    """Of a shipped file, made small, with the stored heatmaps."""
    def build(file: str) -> dict:
        opt = small(read_options(OPTIONS / file), faces)
        opt['datasets']['train'].update(dataroot_gt=str(faces / 'hr.lmdb'), augment={'flip': True}, heatmaps=stored[1])
        opt['train']['heatmap_opt'].update(stored[0])
        if 'network_fan' in opt:
            opt['network_fan'].update(NETWORK)
        opt['datasets'] = {'train': opt['datasets']['train']}
        return opt
    return build


@pytest.mark.parametrize('file', ['train_scgan_fan_cpu.yml', 'train_superfan.yml'])
def test_the_same_losses(options, tmp_path, monkeypatch, file):
    """Of plain gradient descent: the adaptive optimizers' first steps make much of the last bits."""
    opt = options(file)
    opt['train'].update(accumulate=PARTS, total_iter=ITERATIONS)
    opt['train'].update({name: {'type': 'SGD', 'lr': 0.01} for name in opt['train'] if name.startswith('optim_')})
    stored, passes = train_and_watch(opt, tmp_path / 'stored', monkeypatch)
    opt['datasets']['train']['heatmaps'] = None
    computed, more_passes = train_and_watch(opt, tmp_path / 'computed', monkeypatch)
    for mine, theirs in zip(stored, computed, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-5, abs=1e-6) and theirs['l_heatmap'] > 1e-2
    assert (passes, more_passes) == (ITERATIONS * PARTS, 2 * ITERATIONS * PARTS)


def train_and_watch(opt: dict, folder: Path, monkeypatch) -> tuple[list[dict], int]:
    """The losses of each iteration, and how many batches' heatmaps were drawn."""
    folder.mkdir()
    losses, passes = [], []
    current_log, heatmaps = FaceModel.get_current_log, HeatmapLoss.heatmaps

    def watched_log(model):
        losses.append(dict(current_log(model)))
        return current_log(model)

    def watched_heatmaps(*arguments):
        passes.append(1)
        return heatmaps(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(FaceModel, 'get_current_log', watched_log)
        patch.setattr(HeatmapLoss, 'heatmaps', watched_heatmaps)
        train_here(copy.deepcopy(opt), folder, patch)
    return losses, len(passes)


@pytest.mark.parametrize('change, message', [
    (lambda opt: opt['train']['heatmap_opt'].update(pad=1.5), 'drawn with pad 1.0, train: heatmap_opt has 1.5'),
    (lambda opt: opt['train']['heatmap_opt'].update(fan='random'), 'drawn with fan '),
    (lambda opt: opt['train'].pop('heatmap_opt'), 'serve nothing without a HeatmapLoss in train: heatmap_opt'),
    (lambda opt: opt['datasets']['train'].update(augment={'rotation': 30}), 'cannot follow augment: rotation')])
def test_heatmaps_of_something_else_end_the_run_before_it_begins(options, tmp_path, monkeypatch, change, message):
    opt = options('train_scgan_fan_cpu.yml')
    change(opt)
    with pytest.raises(InputError, match=message) as error:
        train_here(opt, tmp_path, monkeypatch)
    assert '\n' not in str(error.value)
