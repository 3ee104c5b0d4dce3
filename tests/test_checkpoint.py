"""Checkpoints: written whole, read without running code, refused by name when they do not fit."""
import os
import pickle
import socket
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from dangerous import Dangerous
from scgan_fan.archs import FaceDiscriminator, RestorationNet
from scgan_fan.checkpoint import content_hash, load_weights, read_checkpoint, save_atomically
from scgan_fan.errors import InputError
from scgan_fan.faces.fan_weights import check_hash, download
from scgan_fan.files import written_whole


@pytest.fixture
def network():
    return RestorationNet(width=1 / 16)


def test_round_trip_and_key(tmp_path, network):
    """Without a key the average, where there is one."""
    other = RestorationNet(width=1 / 16)
    save_atomically({'params': network.state_dict(), 'params_ema': other.state_dict()}, tmp_path / 'net.pth')
    loaded, tensors = RestorationNet(width=1 / 16), len(network.state_dict())
    for key, expected in (('params', network), ('params_ema', other), (None, other)):
        assert load_weights(loaded, tmp_path / 'net.pth', 'network_g', key)[1] == tensors
        assert torch.equal(loaded.input.weight, expected.input.weight)
    assert [path.name for path in tmp_path.iterdir()] == ['net.pth']


@pytest.mark.parametrize('content, key, found', [
    ({'params': 0, 'params_ema': 1}, None, 'params_ema'), ({'params': 0}, None, 'params'),
    ({'params': 0, 'params_ema': 1}, 'params', 'params'), ({'G_l2h': 0}, 'G_l2h', 'G_l2h'),
    (0, None, 'a bare state dict'), (0, 'params', 'a bare state dict')])
def test_the_entry_that_is_taken_is_said(tmp_path, content, key, found):
    states = [nn.Linear(2, 2).state_dict(), nn.Linear(2, 2).state_dict()]
    torch.save({name: states[number] for name, number in content.items()} if content else states[0],
               tmp_path / 'net.pth')
    assert load_weights(nn.Linear(2, 2), tmp_path / 'net.pth', 'network_g', key) == (found, 2)


@pytest.mark.parametrize('content, key, named', [
    ({'params': 0, 'params_ema': 0}, 'params_emma', 'it has params, params_ema'),
    ({'params': 0}, 'params_ema', 'it has params'),
    ({'params_ema': 0}, 'params', 'it has params_ema'), ({'state_dict': 0}, None, 'it has state_dict'),
    ({}, 'params_ema', 'it is a bare state dict')])
def test_an_entry_that_is_not_there(tmp_path, content, key, named):
    state = nn.Linear(2, 2).state_dict()
    torch.save({name: state for name in content} or state, tmp_path / 'net.pth')
    asked = key or 'params_ema or params'
    with pytest.raises(InputError, match=f'net.pth: has no entry {asked} for network_g; {named}'):
        load_weights(nn.Linear(2, 2), tmp_path / 'net.pth', 'network_g', key)


def test_bare_state_dict_with_ddp_prefix(tmp_path, network):
    torch.save({f'module.{name}': t for name, t in network.state_dict().items()}, tmp_path / 'net.pth')
    loaded = RestorationNet(width=1 / 16)
    load_weights(loaded, tmp_path / 'net.pth', 'network_g')
    assert torch.equal(loaded.input.weight, network.input.weight)


def test_not_strict_loads_what_fits(tmp_path, network):
    weights = network.state_dict()
    weights['head.4.bias'] = torch.zeros(7)
    torch.save({'params': weights}, tmp_path / 'net.pth')
    loaded = RestorationNet(width=1 / 16)
    bias = loaded.head[4].bias.clone()
    assert load_weights(loaded, tmp_path / 'net.pth', 'network_g', strict=False) == ('params', len(weights) - 1)
    assert torch.equal(loaded.input.weight, network.input.weight) and torch.equal(loaded.head[4].bias, bias)


def test_not_strict_of_another_network(tmp_path, network):
    torch.save({'params': FaceDiscriminator(size=16, width=1 / 16).state_dict()}, tmp_path / 'net.pth')
    with pytest.raises(InputError, match=r'net.pth: not one tensor of its params fits network_g \(RestorationNet\)'):
        load_weights(network, tmp_path / 'net.pth', 'network_g', strict=False)


def test_wrong_checkpoints_are_named(tmp_path, network):
    path = tmp_path / 'net.pth'

    def refused(content, message):
        torch.save(content, path)
        with pytest.raises(InputError, match=message):
            load_weights(network, path, 'network_g')

    refused({'params': RestorationNet(width=1 / 8).state_dict()},
            r'network_g \(RestorationNet\) of another size: .* is \(\d+, .* there and')
    refused({'params': nn.Linear(2, 2).state_dict()}, r'not the weights of network_g .* tensors missing, 2 unknown')
    refused([1, 2], 'holds a list, not a checkpoint')
    refused({'params': 3}, 'not a set of weights')
    refused({'params': dict.fromkeys(network.state_dict(), 1.0)}, r'not the weights of network_g .* tensors missing')


@pytest.mark.parametrize('content', [b'', b'hello', pickle.dumps(Dangerous())])
def test_files_that_are_no_checkpoints(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'net.pth').write_bytes(content)
    with pytest.raises(InputError, match='net.pth: not a readable checkpoint'):
        read_checkpoint(tmp_path / 'net.pth')
    assert not (tmp_path / 'code_was_run').exists()


@pytest.mark.parametrize('name', ['scgan_fan', 'net.safetensors'])
def test_what_only_restore_takes(tmp_path, monkeypatch, network, name):
    monkeypatch.chdir(tmp_path)
    Path('net.safetensors').touch()
    with pytest.raises(InputError, match=f'^{name}: .pth files are read here; scgan-fan convert {name} -o FI'):
        load_weights(network, name, 'network_g')


def test_a_network_for_bgr_is_none_for_rgb(tmp_path, network):
    torch.save({'params': network.state_dict(), 'channel_order': 'bgr'}, tmp_path / 'net.pth')
    with pytest.raises(InputError, match=r'net.pth: for BGR images, but network_g gets RGB ones; scgan-fan convert'):
        load_weights(network, tmp_path / 'net.pth', 'network_g')
    load_weights(network, tmp_path / 'net.pth', 'network_g', channels='bgr')


def test_truncated_checkpoint(tmp_path, network):
    save_atomically({'params': network.state_dict()}, tmp_path / 'net.pth')
    data = (tmp_path / 'net.pth').read_bytes()
    (tmp_path / 'net.pth').write_bytes(data[:len(data) // 2])
    with pytest.raises(InputError, match='not a readable checkpoint'):
        read_checkpoint(tmp_path / 'net.pth')


def test_compressed_checkpoint_that_would_fill_the_memory(tmp_path):
    torch.save({'params': {'weight': torch.zeros(10**6)}}, tmp_path / 'plain.pth')
    with zipfile.ZipFile(tmp_path / 'plain.pth') as plain, \
            zipfile.ZipFile(tmp_path / 'net.pth', 'w', zipfile.ZIP_DEFLATED) as compressed:
        for name in plain.namelist():
            compressed.writestr(name, plain.read(name))
    with pytest.raises(InputError, match='unpacks to more than it holds'):
        read_checkpoint(tmp_path / 'net.pth')


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    save_atomically({'iter': 1}, tmp_path / 'a.state')

    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(InputError, match='could not be written .*No space left.*--auto_resume'):
        save_atomically({'iter': 2}, tmp_path / 'a.state')
    assert read_checkpoint(tmp_path / 'a.state') == {'iter': 1}
    assert [path.name for path in tmp_path.iterdir()] == ['a.state']


def test_an_error_of_ours_is_not_taken_for_the_disk_s(tmp_path):
    with pytest.raises(RuntimeError, match='a defect'), written_whole(tmp_path / 'a'):
        raise RuntimeError('a defect')
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_none(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='could not be written .*Not a directory'):
        save_atomically({'iter': 1}, tmp_path / 'file/a.state')


# ---- hashes ----

CONTENT = {'params': {'weight': torch.arange(600.).reshape(2, 300), 'count': torch.tensor(3)}, 'lr': [0.1, None]}


def test_a_changed_byte_of_a_tensor_is_found(tmp_path):
    path = tmp_path / 'net.pth'
    save_atomically(CONTENT, path)
    data = path.read_bytes()
    start = data.index(CONTENT['params']['weight'].numpy().tobytes())
    for place in range(start, start + 600 * 4, 97):
        path.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1:])
        with pytest.raises(InputError, match='net.pth: damaged or replaced: its content has the hash'):
            read_checkpoint(path)
    path.write_bytes(data)
    assert read_checkpoint(path).keys() == CONTENT.keys()


def test_another_file_than_the_one_that_is_meant(tmp_path):
    digest = save_atomically({'iter': 1}, tmp_path / 'a.state')
    assert read_checkpoint(tmp_path / 'a.state', digest) == {'iter': 1}
    save_atomically({'iter': 2}, tmp_path / 'a.state')
    with pytest.raises(InputError, match='damaged or replaced'):
        read_checkpoint(tmp_path / 'a.state', digest)


@pytest.mark.parametrize('other', [
    {'a': torch.zeros(4, 1)}, {'a': torch.zeros(4, dtype=torch.int32)}, {'a': torch.zeros(5)}, {'b': torch.zeros(4)},
    {'a': [0.0] * 4}, {'a': 0.0}, {'a': torch.zeros(4), 'b': None}, {0: torch.zeros(4)}])
def test_hashes_of_what_differs_differ(other):
    assert content_hash(other) != content_hash({'a': torch.zeros(4)})


def test_a_hash_does_not_depend_on_how_a_tensor_lies_in_memory():
    image = torch.rand(2, 3, 4, 4)
    assert content_hash(image) == content_hash(image.to(memory_format=torch.channels_last))


@pytest.mark.parametrize('tensor', [torch.tensor(True), torch.zeros(0, 3), torch.ones(2, dtype=torch.bfloat16)])
def test_unusual_tensors_have_hashes(tmp_path, tensor):
    save_atomically({'tensor': tensor}, tmp_path / 'a.pth')
    assert torch.equal(read_checkpoint(tmp_path / 'a.pth')['tensor'], tensor)


def test_weights_that_are_no_numbers(tmp_path, network):
    weights = network.state_dict()
    weights['head.4.bias'] = torch.full_like(weights['head.4.bias'], torch.nan)
    torch.save({'params': weights}, tmp_path / 'net.pth')
    with pytest.raises(InputError, match=r'net.pth: head.4.bias of network_g has values that are not finite; give a'):
        load_weights(network, tmp_path / 'net.pth', 'network_g')


@pytest.mark.parametrize('answer', [b'', b'HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhalf'])
def test_a_download_that_stalls_ends(tmp_path, monkeypatch, answer):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    monkeypatch.setattr('scgan_fan.checkpoint.SILENCE', 0.2)
    with socket.create_server(('127.0.0.1', 0)) as server, ThreadPoolExecutor() as pool:
        connection = pool.submit(lambda: server.accept()[0])
        pool.submit(lambda: connection.result().sendall(answer))
        with pytest.raises(InputError, match=r'w.pth: the weights are not there and cannot be .*timed out'):
            download(f'http://127.0.0.1:{server.getsockname()[1]}/w.pth', '00', 'the weights')
        connection.result().close()
    assert socket.getdefaulttimeout() is None and not list(tmp_path.rglob('w.pth*'))


def test_hash(tmp_path):
    (tmp_path / 'f').write_bytes(b'abc')
    check_hash(tmp_path / 'f', 'ba7816bf')
    with pytest.raises(InputError, match='SHA-256 ba78... instead of 0000...'):
        check_hash(tmp_path / 'f', '0000')
