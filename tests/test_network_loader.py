"""Restorers: every network is found from its tensors, and no file does worse than InputError."""
import io
import json
import pickle
import random
import resource
import struct

import numpy as np
import onnx
import pytest
import safetensors.torch
import torch
from torch import nn

from dangerous import Dangerous
from released import DATA, filled, released_shapes, standard_normal
from network_files import awake, exported, for_sizes, noise, small
from scgan_fan.archs import FAN, DegradationNet, RestorationNet, SuperFANNet
from scgan_fan.errors import InputError
from scgan_fan.network_loader import Restorer, RestorerBySize, load_restorer, read_weights

pytestmark = pytest.mark.usefixtures('on_the_cpu')
LRGAN = {'norm': 'batch', 'relu_skip': False}


def saved(path, content):
    torch.save(content, path)
    return path


# ---- which network ----


@pytest.mark.parametrize('network_class, options, scale', [
    (RestorationNet, {'width': 1 / 16}, 4), (RestorationNet, {'width': 0.1306, 'blocks': [2, 1, 1]}, 4),
    (RestorationNet, {'width': 1 / 64, 'blocks': [1], 'scale': 2, 'up_norm': 'none'}, 2),
    (RestorationNet, {'width': 1 / 64, 'blocks': [11, 2], 'scale': 8, **LRGAN}, 8),
    (RestorationNet, {'width': 1 / 64, 'norm': 'spectral'}, 4),
    (SuperFANNet, {'width': 1 / 8}, 4),
    (SuperFANNet, {'width': 0.3, 'blocks': [11, 1], 'upsampling': 'pixelshuffle'}, 2),
    (SuperFANNet, {'width': 1 / 8, 'blocks': [2, 1, 1, 0], 'activation': 'prelu', 'long_skip': True}, 8),
    (SuperFANNet, {'width': 1 / 8, 'activation': 'prelu', 'long_skip': True, 'upsampling': 'pixelshuffle'}, 4)])
@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_networks_of_this_package(tmp_path, network_class, options, scale, suffix):
    network, path = awake(network_class(**options)), tmp_path / f'net{suffix}'
    if suffix == '.pth':
        saved(path, {'params': network_class(**options).state_dict(), 'params_ema': network.state_dict()})
    else:
        safetensors.torch.save_file(network.state_dict(), path)
    found = {**read_weights(path).network, 'width': options['width']}  # only numbers of channels can be found
    assert found.items() >= {'type': network_class.__name__, **options}.items()
    restorer = load_restorer(path)
    assert (restorer.scale, restorer.size, restorer.name) == (scale, None, network_class.__name__)
    assert (restorer.largest, restorer.measured) == (24, False)
    images = noise(2, 3, 8, 12)
    assert torch.allclose(restorer(images), network(images).clamp(-1, 1), atol=1e-6)


@pytest.mark.parametrize('network_class, options', [
    (RestorationNet, {'relu_skip': False}), (RestorationNet, {'norm': 'batch', 'relu_skip': True}),
    (SuperFANNet, {'long_skip': True}), (SuperFANNet, {'activation': 'prelu', 'long_skip': False})])
def test_the_network_entry_decides_what_tensors_do_not_tell(tmp_path, network_class, options):
    network = awake(network_class(width=1 / 16, **options))
    content, images = {'params': network.state_dict()}, noise(1, 3, 8, 8)
    guessed = load_restorer(saved(tmp_path / 'guessed.pth', content))
    content['network'] = {'type': network_class.__name__, **options}
    told = load_restorer(saved(tmp_path / 'told.pth', content))
    assert torch.equal(told(images), network(images).clamp(-1, 1))
    assert not torch.allclose(guessed(images), told(images), atol=1e-4)


def test_of_several_the_one_for_the_nearest_size_restores_a_face(tmp_path):
    paths = for_sizes(tmp_path, 16, 32)
    restorer = load_restorer(paths)
    assert [restorer.of(side).size for side in (8, 16, 22, 23, 34, 48, 500)] == [16, 16, 16, 32, 32, 32, 32]
    assert (restorer.name, restorer.largest, restorer.measured) == ('for_32', 48, False)
    for size, path in zip((16, 32), paths):
        images = noise(2, 3, size, size)
        assert torch.equal(restorer(images), load_restorer(path)(images))


def test_a_face_goes_to_one_that_restores_it():
    measured, other = Restorer(nn.Identity(), 'a', 1, 16, largest=64), Restorer(nn.Identity(), 'b', 1, 32)
    restorer = RestorerBySize([other, measured])
    assert [restorer.of(side) for side in (22, 23, 48, 49, 64, 500)] == [measured, other, other, *[measured] * 3]
    assert (restorer.name, restorer.largest, restorer.measured) == ('a', 64, True)


def test_one_of_a_list_is_itself_and_two_of_one_size_are_refused(tmp_path):
    path, = for_sizes(tmp_path, 32)
    assert not isinstance(load_restorer([path]), RestorerBySize) and load_restorer([path]).of(8).size == 32
    with pytest.raises(InputError, match='for faces of 32, 32 pixels; give one for each size'):
        load_restorer([path, path])


def test_half_precision_files_are_computed_in_single(tmp_path):
    weights = {name: tensor.half() if tensor.ndim else tensor for name, tensor in small().state_dict().items()}
    restored = load_restorer(saved(tmp_path / 'half.pth', weights))(noise(1, 3, 8, 8))
    assert restored.dtype == torch.float32 and torch.allclose(restored, small()(noise(1, 3, 8, 8)), atol=1e-2)


# ---- released networks ----


@pytest.fixture(scope='module')
def released():
    return {name: tensor.float() for name, tensor in filled('G_RLS', released_shapes()['G_RLS']).items()}


@pytest.mark.parametrize('wrap', [
    lambda weights: {'epoch': 199, 'G_l2h': weights}, lambda weights: {'G_RLS': weights}, lambda weights: weights,
    lambda weights: {f'module.{name}': tensor for name, tensor in weights.items()}], ids=['l2h', 'rls', 'bare', 'ddp'])
def test_released_scgan_takes_and_gives_rgb(tmp_path, released, wrap):
    path = saved(tmp_path / 'pretrained_model.pth', wrap(released))
    restorer = load_restorer(path)
    assert (restorer.name, restorer.scale, restorer.size, restorer.channel_order) == ('SCGAN, released', 4, 16, 'bgr')
    bgr = torch.tanh(standard_normal('parity.lr', (2, 3, 16, 16))).float()
    with np.load(DATA / 'scgan_parity.npz') as arrays:
        expected = torch.from_numpy(arrays['eval.restore_lr'])
    assert (restorer(bgr.flip(1)).flip(1) - expected).abs().max() < 1e-5
    assert (load_restorer(path, channel_order='rgb')(bgr) - expected).abs().max() < 1e-5


def test_released_lrgan(tmp_path):
    """Its names: SCGAN's, and bn1 and bn2 in the blocks (jingyang2017/Face-and-Image-super-resolution, model.py)."""
    shapes = dict(released_shapes()['G_RLS'])
    for name, shape in list(shapes.items()):
        if name.startswith('layers_set_final.') and '.conv' in name:
            for value in ('weight', 'bias', 'running_mean', 'running_var'):
                channels = shape[1] if 'conv1' in name else shape[0]
                shapes[name.replace('conv', 'bn').replace('weight', value)] = (channels,)
    weights = {name: tensor.float() for name, tensor in filled('G_RLS', shapes).items()}
    restorer = load_restorer(saved(tmp_path / 'model.pkl', weights))
    assert (restorer.name, restorer.scale, restorer.size, restorer.channel_order) == ('LRGAN, released', 4, 16, 'rgb')
    assert sum(parameter.numel() for parameter in restorer.parameters()) == 15_490_403 - 12_384  # a2 is never used
    block = restorer.network.body[2].blocks[0]
    assert torch.equal(block.norm1.weight, weights['layers_set_final.1.0.bn1.weight']) and not block.relu_skip
    assert torch.equal(block.norm2.running_var, weights['layers_set_final.1.0.bn2.running_var'])


def test_output_ranges():
    images = noise(3, 3, 8, 8) * torch.tensor([0.2, 1, 3]).view(3, 1, 1, 1)
    fixed, stretched = (Restorer(nn.Identity(), 'x', 1, output_range=value)(images) for value in ('fixed', 'minmax'))
    assert torch.equal(fixed, images.clamp(-1, 1))
    for before, after in zip(images, stretched):
        assert after.min() == -1 and after.max() == pytest.approx(1)
        assert torch.allclose((after + 1) / 2 * (before.max() - before.min()) + before.min(), before, atol=1e-5)
    assert Restorer(nn.Identity(), 'x', 1, output_range='minmax')(torch.zeros(1, 3, 8, 8)).isfinite().all()


# ---- ONNX ----


@pytest.fixture
def onnx_file(tmp_path):
    path = tmp_path / 'small.onnx'
    path.write_bytes(exported())
    return path


@pytest.mark.parametrize('shape', [(1, 3, 16, 16), (3, 3, 8, 20)])
def test_onnx_is_run_without_torch(onnx_file, shape):
    restorer = load_restorer(onnx_file)
    assert (restorer.name, restorer.scale, restorer.size) == ('RestorationNet', 4, None)
    assert not list(restorer.parameters())
    assert (restorer(noise(*shape)) - small()(noise(*shape))).abs().max() < 1e-5
    assert torch.allclose(load_restorer(onnx_file, channel_order='bgr')(noise(*shape).flip(1)).flip(1),
                          restorer(noise(*shape)))


def test_onnx_on_another_device_or_of_another_program(onnx_file):
    with pytest.raises(InputError, match='small.onnx: ONNX files run on the CPU here'):
        load_restorer(onnx_file, 'cuda')
    model = onnx.load(onnx_file)
    del model.metadata_props[:]
    onnx.save(model, onnx_file)
    with pytest.raises(InputError, match=r"scgan-fan export did not write \(inputs: images \['batch', 3"):
        load_restorer(onnx_file)


def test_the_device_in_use_is_the_default(tmp_path, onnx_file, monkeypatch):
    monkeypatch.setattr('scgan_fan.device._in_use', torch.device('meta'))  # stands for a GPU
    path = saved(tmp_path / 'net.pth', small().state_dict())
    assert {parameter.device.type for parameter in load_restorer(path).parameters()} == {'meta'}
    assert {parameter.device.type for parameter in load_restorer(path, 'cpu').parameters()} == {'cpu'}
    assert load_restorer(onnx_file)(noise(1, 3, 8, 8)).device.type == 'cpu'


# ---- what cannot be used ----


@pytest.mark.parametrize('content, message', [
    (lambda: {'params': FAN(1, 16).state_dict()}, r"no restoration network; it holds .* 'params' \(OrderedDict\)"),
    (lambda: DegradationNet(width=1 / 8).state_dict(), r"\d+ entries: 'input.project.weight' \(4096x64\), .*SCGAN"),
    (lambda: {'epoch': 3, 'optimizers': {}}, r"no weights .* 2 entries: 'epoch' \(int\), 'optimizers' \(dict\)"),
    (lambda: {}, 'it holds nothing'), (lambda: [1], 'holds a list'), (Dangerous, 'carries code'),
    (lambda: {'params': {'input.weight': Dangerous()}}, 'carries code'),
    (lambda: {n: t for n, t in small().state_dict().items() if n != 'head.0.weight'}, r"missing .*'head.0.weight'"),
    (lambda: {n: t for n, t in small().state_dict().items() if n != 'head.2.bias'}, 'nearly a Restor.*head.2.bias'),
    (lambda: {'input.weight': torch.zeros(1, 1, 1, 1).expand(2**20, 3, 3, 3)}, 'claim to be larger than the file'),
    (lambda: {**spectral(), 'head.2.parametrizations.weight.original': torch.tensor(1.0)}, 'nearly a RestorationNet'),
    (lambda: {'params': small().state_dict(), 'channel_order': 'gbr'}, "channel_order: unknown value 'gbr'"),
    (lambda: {'params': small().state_dict(), 'size': '16'}, 'whole number'),
    (lambda: {'params': small().state_dict(), 'size': torch.ones(2)}, 'whole number'),
    (lambda: {'params': small().state_dict(), 'network': {'relu_skip': 1}}, 'relu_skip: true or false')])
def test_other_files_are_named(tmp_path, content, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / 'net.pth', content())
    with pytest.raises(InputError, match=message) as error:
        load_restorer(path)
    assert 'net.pth' in str(error.value) and not (tmp_path / 'code_was_run').exists()


@pytest.mark.parametrize('name', ['net.pth', 'net.safetensors', 'net.onnx'])
def test_missing_files(tmp_path, name):
    with pytest.raises(InputError, match=f'{name}: no such'):
        load_restorer(tmp_path / name)


@pytest.mark.parametrize('arguments, message', [
    ({'channel_order': 'gbr'}, "channel_order: unknown value 'gbr'; choose one of rgb, bgr"),
    ({'output_range': 'free'}, 'output_range: unknown value'), ({'device': 'warp'}, "device 'warp'")])
def test_wrong_arguments(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        load_restorer(saved(tmp_path / 'net.pth', small().state_dict()), **arguments)


def test_images_of_another_shape():
    with pytest.raises(InputError, match=r'x: images of shape \(16, 16, 3\); give \(N, 3, height, width\)'):
        Restorer(nn.Identity(), 'x', 1)(torch.zeros(16, 16, 3))


# ---- damaged files ----


def truncated(data: bytearray, draw: random.Random) -> bytearray:
    return data[:draw.randrange(len(data))]


def flipped(data: bytearray, draw: random.Random) -> bytearray:
    for _ in range(2 ** draw.randrange(8)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return data


def flipped_at_an_end(data: bytearray, draw: random.Random) -> bytearray:
    """Where headers, the pickle, and a zip's directory are."""
    for _ in range(draw.randint(1, 4)):
        data[draw.randrange(-600, 600)] = draw.randrange(256)
    return data


def with_a_hole(data: bytearray, draw: random.Random) -> bytearray:
    start = draw.randrange(len(data))
    data[start:start + draw.randrange(1, 400)] = bytes(draw.randrange(400))
    return data


def claiming_to_be_huge(data: bytearray, draw: random.Random) -> bytearray:
    start = draw.choice([0, draw.randrange(len(data) - 8)])
    data[start:start + 8] = struct.pack('<Q', 2 ** draw.randrange(24, 64) - 1)
    return data


DAMAGES = (truncated, flipped, flipped_at_an_end, with_a_hole, claiming_to_be_huge)


@pytest.fixture
def harmless():
    """A function that loads and uses a file; InputError is all that may happen, and little memory all that it takes."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def try_it(path) -> bool:
        try:
            load_restorer(path)(noise(1, 3, 8, 8))
            return True
        except InputError as error:
            assert str(error) and '\n' not in str(error)
            return False
    yield try_it
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kB


def as_bytes(suffix: str) -> bytes:
    if suffix == '.onnx':
        return exported()
    if suffix == '.safetensors':
        facts = {'channel_order': 'bgr', 'size': 16}
        return safetensors.torch.save(small().state_dict(), {'scgan_fan': json.dumps(facts)})
    buffer = io.BytesIO()
    torch.save({'params': small().state_dict()}, buffer, _use_new_zipfile_serialization=suffix == '.pth')
    return buffer.getvalue()


@pytest.mark.parametrize('suffix', ['.pth', '.pkl', '.safetensors', '.onnx'])  # .pkl: as torch wrote files before 1.6
@pytest.mark.parametrize('damage', DAMAGES, ids=lambda damage: damage.__name__)
def test_damaged_bytes(tmp_path, harmless, suffix, damage):
    data, path = as_bytes(suffix), tmp_path / f'net{suffix}'
    path.write_bytes(data)
    assert harmless(path)
    loaded = 0
    for seed in range(15):
        path.write_bytes(damage(bytearray(data), random.Random(f'{suffix} {seed}')))
        loaded += harmless(path)
    assert loaded < 15


def wrong_value(tensor: torch.Tensor, draw: random.Random):
    return draw.choice([
        lambda: tensor.int(), lambda: tensor.to(torch.complex64), lambda: tensor.to_sparse(), lambda: tensor[None],
        lambda: tensor.flatten(), lambda: tensor.repeat(2, *[1] * (tensor.ndim - 1)) if tensor.ndim else tensor,
        lambda: torch.zeros(1).expand(2 ** draw.randrange(40)), lambda: torch.empty(0),
        lambda: torch.zeros(1, 1, 1, 1).expand(2**20, 2**9, 3, 3), lambda: torch.tensor(1.0),
        lambda: tensor.to('meta'), lambda: tensor.tolist(), lambda: None, lambda: 'text', lambda: {'weight': tensor},
        lambda: nn.Parameter(tensor.float()),
        lambda: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8), lambda: Dangerous()])()


def wrong_name(name: str, draw: random.Random):
    return draw.choice([3, None, '', name.upper(), 'body.' + name, name + '\n', name.replace('0', '99999999'),
                        ('body', 0), 'a2.0.weight', 'layers_in.weight', 'x' * 10**5,
                        f'{name}.parametrizations.weight.original'])


def wrong_content(seed: int):
    draw = random.Random(seed)
    right = draw.choice([small_weights, spectral, released_names])()
    weights = dict(right)
    for name in draw.sample(list(right), draw.randint(1, 3)):
        tensor = right[name]
        weights.pop(name)
        key = draw.choice([name, name, wrong_name(name, draw)])
        if draw.random() < 0.8:
            weights[key] = draw.choice([tensor, wrong_value(tensor, draw)])
    return draw.choice([lambda: weights, lambda: {'params_ema': weights}, lambda: {'G_l2h': weights},
                        lambda: {'params': weights, draw.choice(['network', 'size', 'channel_order', 'name']):
                                 draw.choice([-1, 2**70, None, [], {}, 'x', torch.zeros(3)])},
                        lambda: {'params': list(weights)}, lambda: list(weights.values())])()


def small_weights():
    return small().state_dict()


def spectral():
    return RestorationNet(width=1 / 64, blocks=(1, 1), norm='spectral').state_dict()


def released_names():
    return {name: torch.zeros([max(1, side // 64) if side > 3 else side for side in shape])
            for name, shape in released_shapes()['G_RLS'].items()}


def test_wrong_contents(tmp_path, harmless):
    outcomes = [harmless(saved(tmp_path / 'net.pth', wrong_content(seed))) for seed in range(150)]
    assert 0 < sum(outcomes) < 75


@pytest.mark.parametrize('header', [
    {'input.weight': {'dtype': 'F32', 'shape': [2**62, 3, 3, 3], 'data_offsets': [0, 4]}},
    {'input.weight': {'dtype': 'F32', 'shape': [1], 'data_offsets': [0, 2**60]}}, {'__metadata__': {'scgan_fan': '['}},
    {'__metadata__': {'scgan_fan': '[' * 10**5}}, {'__metadata__': {'scgan_fan': '3'}}, [], {}, {'a': 1}])
def test_wrong_safetensors_headers(tmp_path, harmless, header):
    text = json.dumps(header).encode()
    (tmp_path / 'net.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + bytes(4))
    assert not harmless(tmp_path / 'net.safetensors')


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors', '.onnx'])
@pytest.mark.parametrize('data', [b'', b'\0' * 100, b'text', pickle.dumps(Dangerous()), pickle.dumps({'params': {}})])
def test_other_bytes(tmp_path, harmless, suffix, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f'net{suffix}').write_bytes(data)
    assert not harmless(tmp_path / f'net{suffix}') and not (tmp_path / 'code_was_run').exists()
