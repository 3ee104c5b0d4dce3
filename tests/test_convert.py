"""Converted weights: the same network, by the reference's numbers and by its own outputs."""
import hashlib
import sys

import numpy as np
import pytest
import torch
from safetensors import safe_open

from released import DATA, filled, released_shapes, standard_normal
from network_files import awake, noise, small
from scgan_fan import commands
from scgan_fan.archs import RestorationNet, SuperFANNet
from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.convert import convert
from scgan_fan.errors import InputError
from scgan_fan.network_loader import load_restorer, read_weights


pytestmark = pytest.mark.usefixtures('on_the_cpu')


@pytest.fixture(scope='module')
def scgan(tmp_path_factory):
    """A released SCGAN checkpoint in float64, as the reference was computed."""
    path = tmp_path_factory.mktemp('scgan') / 'pretrained_model.pth'
    torch.save({'G_l2h': filled('G_RLS', released_shapes()['G_RLS'])}, path)
    return path


@pytest.fixture
def checkpoint(tmp_path):
    torch.save({'params': {}, 'params_ema': small().state_dict()}, tmp_path / 'net_g.pth')
    return tmp_path / 'net_g.pth'


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, 'argv', ['scgan-fan', 'convert', *map(str, arguments)])
    return commands.main()


@pytest.mark.parametrize('to', ['rgb', 'bgr'])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_released_scgan_gives_the_reference_outputs(tmp_path, scgan, to, suffix):
    convert(scgan, tmp_path / f'scgan{suffix}', to)
    weights = read_weights(tmp_path / f'scgan{suffix}')
    assert (weights.name, weights.channel_order, weights.size) == ('SCGAN, released', to, 16)
    network = RestorationNet().double().eval()
    network.load_state_dict(weights.tensors)
    images = torch.tanh(standard_normal('parity.lr', (2, 3, 16, 16)))  # BGR
    with np.load(DATA / 'scgan_parity.npz') as arrays:
        expected = torch.from_numpy(arrays['eval.restore_lr'])
    with torch.no_grad():
        restored = network(images.flip(1)).flip(1) if to == 'rgb' else network(images)
    assert (restored - expected).abs().max() < 1e-9


@pytest.mark.parametrize('kind, options', [
    (RestorationNet, {'width': 1 / 16, 'blocks': (1, 1), 'norm': 'spectral'}),
    (RestorationNet, {'width': 1 / 16, 'blocks': (1,), 'norm': 'batch', 'relu_skip': False}),
    (SuperFANNet, {'blocks': (1, 0, 0), 'width': 1 / 8}),
    (SuperFANNet, {'blocks': (1, 0, 0), 'width': 1 / 8, 'activation': 'prelu', 'long_skip': True})])
def test_swapped_channels(tmp_path, kind, options):
    torch.manual_seed(0)
    network = kind(**options)
    torch.save({'params': awake(network).state_dict(), 'channel_order': 'bgr'}, tmp_path / 'bgr.pth')
    convert(tmp_path / 'bgr.pth', tmp_path / 'rgb.pth')
    before, after = load_restorer(tmp_path / 'bgr.pth'), load_restorer(tmp_path / 'rgb.pth')
    images = noise(2, 3, 8, 8)
    assert (before.channel_order, after.channel_order) == ('bgr', 'rgb')
    assert torch.allclose(before(images), after(images), atol=1e-6)
    wrong = load_restorer(tmp_path / 'bgr.pth', channel_order='rgb')
    assert not torch.allclose(before(images), wrong(images), atol=1e-3)
    convert(tmp_path / 'rgb.pth', tmp_path / 'again.pth', 'bgr')
    again = read_weights(tmp_path / 'again.pth').tensors
    assert all(torch.equal(again[name], tensor) for name, tensor in network.state_dict().items())


def test_there_and_back(tmp_path, checkpoint):
    convert(checkpoint, tmp_path / 'net.safetensors')
    convert(tmp_path / 'net.safetensors', tmp_path / 'net.pth')
    content = read_checkpoint(tmp_path / 'net.pth')
    assert content.pop('params').keys() == small().state_dict().keys()
    assert content == {
        'network': {'type': 'RestorationNet', 'scale': 4, 'blocks': [1, 1], 'width': 1 / 64, 'relu_skip': True,
                    'norm': 'none', 'up_norm': 'batch'},
        'name': 'RestorationNet', 'channel_order': 'rgb', 'size': None, 'source': 'net.safetensors',
        'source_sha256': hashlib.sha256((tmp_path / 'net.safetensors').read_bytes()).hexdigest()}
    again = read_weights(tmp_path / 'net.pth').tensors
    assert all(torch.equal(again[name], tensor) for name, tensor in small().state_dict().items())
    with safe_open(tmp_path / 'net.safetensors', 'pt') as file:
        assert '"source": "net_g.pth"' in file.metadata()['scgan_fan']


def test_what_tensors_do_not_tell_is_kept(tmp_path):
    torch.save({'params': small().state_dict(), 'network': {'relu_skip': False}}, tmp_path / 'net.pth')
    convert(tmp_path / 'net.pth', tmp_path / 'net.safetensors')
    assert read_weights(tmp_path / 'net.safetensors').network['relu_skip'] is False


def test_channels_last_and_shared_memory(tmp_path):
    network = RestorationNet(width=1 / 64).to(memory_format=torch.channels_last)
    weights = network.state_dict()
    weights['body.0.blocks.1.conv1.weight'] = weights['body.0.blocks.0.conv1.weight']
    torch.save(dict(weights), tmp_path / 'net.pth')
    convert(tmp_path / 'net.pth', tmp_path / 'net.safetensors')
    for name, tensor in read_weights(tmp_path / 'net.safetensors').tensors.items():
        assert torch.equal(tensor, weights[name])


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_half(tmp_path, checkpoint, suffix):
    convert(checkpoint, tmp_path / f'half{suffix}', half=True)
    tensors = read_weights(tmp_path / f'half{suffix}').tensors
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16, torch.int64}
    images = noise(2, 3, 8, 8)
    difference = (load_restorer(tmp_path / f'half{suffix}')(images) - load_restorer(checkpoint)(images)).abs().max()
    assert 0 < difference < 2 / 255


def test_beyond_half(tmp_path):
    weights = small().state_dict()
    weights['body.1.1.running_var'] = weights['body.1.1.running_var'] + 1e6
    torch.save(dict(weights), tmp_path / 'net.pth')
    with pytest.raises(InputError, match='net.pth: body.1.1.running_var has values beyond half precision'):
        convert(tmp_path / 'net.pth', tmp_path / 'half.pth', half=True)
    assert not (tmp_path / 'half.pth').exists()


def test_targets_that_are_refused(tmp_path, checkpoint):
    (tmp_path / 'there.pth').write_bytes(b'kept')
    for target, message in (('there.pth', 'there.pth: exists already.*--overwrite'),
                            ('no/x.pth', 'folder does not exist'),
                            ('x.bin', "x.bin: suffix: unknown value '.bin'; choose one of .pth, .safetensors")):
        with pytest.raises(InputError, match=message):
            convert(checkpoint, tmp_path / target)
    assert (tmp_path / 'there.pth').read_bytes() == b'kept'
    convert(checkpoint, tmp_path / 'there.pth', overwrite=True)
    assert load_restorer(tmp_path / 'there.pth').scale == 4
    assert not list(tmp_path.glob('*.part'))


def test_sources_that_do_not_fit_together(tmp_path):
    weights = {name: tensor for name, tensor in small().state_dict().items() if name != 'head.2.bias'}
    torch.save(weights, tmp_path / 'net.pth')
    with pytest.raises(InputError, match='nearly a RestorationNet'):
        convert(tmp_path / 'net.pth', tmp_path / 'new.pth')


def test_a_shipped_network_by_its_name(tmp_path):
    written = convert('pixel', tmp_path / 'x.pth')
    assert read_checkpoint(tmp_path / 'x.pth')['source'] == 'pixel.safetensors'
    assert written.size == 16


def test_a_misspelt_name(tmp_path):
    with pytest.raises(InputError, match='pixle: no such file, nor a network that comes with the package .*, pixel'):
        convert('pixle', tmp_path / 'x.pth')


def test_script(tmp_path, checkpoint, monkeypatch, capsys):
    arguments = (checkpoint, '-o', tmp_path / 'net.safetensors')
    assert run(monkeypatch, *arguments) == 0
    assert 'net.safetensors: RestorationNet, x4, RGB, ' in capsys.readouterr().out
    assert run(monkeypatch, *arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: ') and 'exists already' in error and error.count('\n') == 1
    assert run(monkeypatch, *arguments, '--overwrite', '--half', '--to', 'bgr') == 0
    assert 'BGR' in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run(monkeypatch, '--help')
    assert 'scgan-fan convert pretrained_model.pth -o scgan.safetensors' in capsys.readouterr().out
