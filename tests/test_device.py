"""Networks run on the device that the program was told, and on no other.

The stand-in for a GPU is torch's ``meta`` device: it runs networks without numbers, and the first thing that it cannot
do is to bring a result back to the processor.
"""
import sys
import types

import numpy as np
import pytest
import torch
from basicsr.models import build_model
from torch.nn.modules.module import register_module_forward_pre_hook

from scgan_fan import command_line, commands, compat, device
from scgan_fan.archs.fan_arch import FAN
from scgan_fan.device import cached_on_device, choose_device, device_in_use, use_device, use_device_of
from scgan_fan.errors import InputError
from scgan_fan.faces.alignment import find_landmarks
from scgan_fan.faces.crop import Crop
from scgan_fan.faces.detectors import retinaface
from scgan_fan.metrics import features, remembered
from scgan_fan.metrics.landmark_error import calculate_landmark_confidence
from scgan_fan.metrics.perceptual import calculate_lpips
from scgan_fan.metrics.recognition import calculate_identity
from scgan_fan.metrics.distribution import calculate_fid
from scgan_fan.metrics.validation import Metric
from scgan_fan.models import schema

GPU_IS_THERE = ('torch.cuda.is_available', lambda: True)


@pytest.fixture
def seen():
    """The devices of what networks are given, and of their own weights."""
    devices = set()

    def note(module, given) -> None:
        tensors = [*given, *module.parameters(recurse=False)]
        devices.update(tensor.device.type for tensor in tensors if isinstance(tensor, torch.Tensor))

    hook = register_module_forward_pre_hook(note)
    yield devices
    hook.remove()


class Means(torch.nn.Module):
    """A weight times the mean of each channel: faces (N, 3, height, width) -> (N, 3)."""

    def __init__(self, **options):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))

    def forward(self, *images):
        return images[0].float().mean(dim=(2, 3)) * self.weight


class Distance(Means):
    """As LPIPS gives it: two times (N, 3, height, width) -> (N, 1, 1, 1)."""

    def forward(self, *images):
        return super().forward(images[0] - images[1]).mean(dim=1).view(-1, 1, 1, 1)


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.fixture
def small_networks(monkeypatch, tmp_path) -> dict:
    """Metrics and FAN by their names: functions of an image, BGR. The large networks are small ones here."""
    file = str(tmp_path / 'weights.pth')
    torch.save(Means().state_dict(), file)
    monkeypatch.setitem(sys.modules, 'facenet_pytorch', types.SimpleNamespace(InceptionResnetV1=Means))
    monkeypatch.setitem(sys.modules, 'lpips', types.SimpleNamespace(LPIPS=Distance))
    monkeypatch.setattr('scgan_fan.metrics.perceptual._load', lambda network, given, path: None)

    def means(weights):
        network = Means()
        return features._vectors(network, network)
    monkeypatch.setitem(features.NETWORKS, 'resnet101', means)
    return {
        'file': file, 'fan': lambda image: find_landmarks(image, [Crop(10, 10, 40)]),
        'landmarks': calculate_landmark_confidence,
        'features': lambda image: calculate_fid(image, 'resnet101', file),
        'facenet': lambda image: calculate_identity(image, image, 'facenet', file),
        'lpips': lambda image: calculate_lpips(image, image, file)}


NAMES = ['fan', 'landmarks', 'features', 'facenet', 'lpips']


@pytest.mark.parametrize('name', NAMES)
def test_all_that_looks_at_a_face_does_so_on_the_device_in_use(name, small_networks, seen):
    """Also where the network has been loaded for another device before."""
    look = small_networks[name]
    use_device('cpu')
    look(picture(0))
    assert seen == {'cpu'}
    seen.clear()
    use_device('meta')
    with pytest.raises((NotImplementedError, RuntimeError), match='meta tensor'):
        look(picture(1))
    assert seen == {'meta'}


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
@pytest.mark.parametrize('name', NAMES)
def test_it_does_so_on_a_gpu(name, small_networks, seen):
    use_device('cuda')
    small_networks[name](picture(3))
    assert seen == {'cuda'}


@pytest.mark.parametrize('name', NAMES)
def test_nothing_runs_on_a_gpu_that_is_there_but_not_asked_for(name, small_networks, seen, monkeypatch):
    monkeypatch.setattr(*GPU_IS_THERE)
    use_device('cpu')
    small_networks[name](picture(2))
    assert seen == {'cpu'}


@pytest.mark.parametrize('asked', ['cpu', 'meta'])
def test_retinaface_is_loaded_to_the_device_in_use(asked, monkeypatch, tmp_path):
    """facexlib itself takes a GPU wherever there is one."""
    monkeypatch.setattr(*GPU_IS_THERE)
    monkeypatch.setattr(retinaface, 'load_weights', lambda *arguments: None)
    monkeypatch.setattr('facexlib.detection.retinaface.RetinaFace', lambda **options: options)
    use_device(asked)
    assert retinaface.load(tmp_path)['device'] == torch.device(asked)


def test_a_gpu_is_taken_where_there_is_one_and_nothing_is_said(monkeypatch):
    monkeypatch.setattr(*GPU_IS_THERE)
    assert device_in_use() == torch.device('cuda')
    assert use_device('cpu') == device_in_use() == torch.device('cpu')


@pytest.mark.parametrize('name', ['nme68', 'auc68', 'landmark_confidence', 'identity', 'verification'])
def test_metrics_of_a_batch_are_those_of_each_image(name, small_networks, monkeypatch):
    """And the networks see all of it at once, but nothing twice."""
    use_device('cpu')  # a GPU's rounding depends on the batch
    sizes = []
    hook = register_module_forward_pre_hook(
        lambda module, given: sizes.append(len(given[0])) if isinstance(module, (FAN, Means)) else None)
    options = {'network': 'facenet', 'weights': small_networks['file']} if name in ('identity', 'verification') else {}
    metric = Metric('it', {'type': f'calculate_{name}', **options})
    number = 100 * sum(name.encode())  # no other test shows these images
    images = [{'img': picture(number + i), 'img2': picture(number + i // 2 + 50)} for i in range(4)]
    together = np.array(metric.rows(images))
    hook.remove()
    assert sizes == ([4] if name == 'landmark_confidence' else [4, 2])
    monkeypatch.setattr(remembered, 'device_in_use', lambda: 'elsewhere')  # nothing is known there
    apart = np.array([metric.rows([image])[0] for image in images])
    assert together.shape == apart.shape and np.allclose(together, apart, rtol=1e-4, atol=1e-5)


def test_a_device_that_is_not_there_changes_nothing():
    use_device('cpu')
    with pytest.raises(InputError, match="device: 'tpu9' is not there"):
        use_device('tpu9')
    assert device_in_use() == torch.device('cpu')


def test_a_loaded_network_is_kept_for_each_device():
    load = cached_on_device(lambda name: [name, device_in_use()])
    use_device('cpu')
    first = load('fan')
    assert load('fan') is first and load('other') is not first
    use_device('meta')
    assert load('fan') == ['fan', torch.device('meta')]
    use_device('cpu')
    assert load('fan') is first


@pytest.mark.parametrize('num_gpu, dist, expected', [(0, False, 'cpu'), (1, False, 'cuda:3'), (4, True, 'cuda:3')])
def test_device_of_an_option_file(num_gpu, dist, expected, monkeypatch):
    monkeypatch.setattr(*GPU_IS_THERE)
    monkeypatch.setattr('torch.cuda.current_device', lambda: 3)
    monkeypatch.setattr(device, 'choose_device', torch.device)
    assert use_device_of({'num_gpu': num_gpu, 'dist': dist}) == device_in_use() == torch.device(expected)


def test_several_gpus_in_one_process(monkeypatch):
    monkeypatch.setattr(*GPU_IS_THERE)
    with pytest.raises(InputError, match='num_gpu: 2 in one process; start one process for each'):
        use_device_of({'num_gpu': 2, 'dist': False})


def test_validation_of_a_training_without_gpu_is_without_gpu(semi_cycle, monkeypatch):
    monkeypatch.setattr(*GPU_IS_THERE)
    model = build_model(semi_cycle)  # num_gpu: 0
    assert model.device == device_in_use() == torch.device('cpu')


def test_processes_of_a_training_without_gpu_do_not_speak_by_nccl(monkeypatch, tmp_path):
    """The option file is read before they begin to."""
    monkeypatch.setattr(*GPU_IS_THERE)
    groups = []
    monkeypatch.setattr('torch.distributed.init_process_group', lambda backend, **options: groups.append(backend))
    monkeypatch.setattr(compat.dist_util, '_init_dist_pytorch', lambda backend, **options: groups.append(backend))
    monkeypatch.setattr(command_line, 'read_options', lambda path: {})
    monkeypatch.setattr(schema, 'check_options', lambda options, trains: {'num_gpu': options['num_gpu']})
    monkeypatch.setattr(sys, 'argv', ['train', '-opt', 'any.yml'])
    compat.start_processes_without_gpu()
    for num_gpu in (1, 0):
        monkeypatch.setattr(command_line, 'read_options', lambda path, number=num_gpu: {'num_gpu': number})
        command_line.check_command_line(trains=True)
        compat.dist_util._init_dist_pytorch('nccl')
    assert groups == ['nccl', 'gloo']


@pytest.mark.parametrize('line', [['heatmaps', 'a', '-o', 'b'], ['benchmark', '-opt', 'a.yml', '-o', 'b'],
                                  ['prepare', 'folder', 'a', '-o', 'b']])
def test_commands_take_a_device(line, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', *line, '--device', 'tpu9'])
    assert commands.main() == 1
    assert "error: device: 'tpu9' is not there" in capsys.readouterr().err


def test_auto_and_names():
    assert choose_device('cpu') == torch.device('cpu')
    assert choose_device('auto').type == ('cuda' if torch.cuda.is_available() else 'cpu')
