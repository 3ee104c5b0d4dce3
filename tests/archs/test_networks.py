"""Parameter counts and formulas of papers.md, and every network at other sizes, scales and widths."""
import face_alignment.models
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from scgan_fan.archs import (FAN, DCGANCritic, DegradationNet, FaceDiscriminator, LRGANReleasedDegrader,
                             LRGANReleasedDiscriminator, RestorationNet, SuperFANNet)
from scgan_fan.archs.blocks import ResidualBlock
from scgan_fan.archs.spectral_norm import SpectralNorm, spectral_norm
from scgan_fan.errors import InputError


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize('network, count', [
    (lambda: DegradationNet(), 12_291_896), (lambda: RestorationNet(), 15_463_939),
    (lambda: RestorationNet(blocks=(12, 3, 2)), 15_820_483), (lambda: FaceDiscriminator(16), 15_390_849),
    (lambda: FaceDiscriminator(64), 15_456_641), (lambda: FAN(1), 6_249_668), (lambda: FAN(2), 12_106_504),
    (lambda: FAN(4), 23_820_176),
    # LRGAN (papers.md section 4.1); the released Low-to-High has 12,384 more in a convolution that is never used
    (lambda: DegradationNet(norm='batch', relu_skip=False), 12_300_280),
    (lambda: RestorationNet(norm='batch', relu_skip=False), 15_490_403 - 12_384),
    (lambda: LRGANReleasedDegrader(), 1_336_518), (lambda: LRGANReleasedDiscriminator(64), 1_382_017),
    (lambda: LRGANReleasedDiscriminator(16), 1_348_993),
    # Super-FAN (section 5.1)
    (lambda: SuperFANNet(), 1_394_883), (lambda: SuperFANNet(upsampling='pixelshuffle'), 1_558_851),
    (lambda: DCGANCritic(64), 2_763_776)])
def test_parameter_counts(network, count):
    assert parameters(network()) == count


def test_noise_layer_and_stages_of_the_degrader():
    network = DegradationNet()
    counts = {name: parameters(part) for name, part in network.named_children()}
    assert counts == {'input': 266_240 + 3_456, 'enc1': 341_088, 'enc2': 565_376, 'enc3': 2_097_408, 'dec1': 8_389_120,
                      'dec2': 589_824, 'dec3': 36_864, 'output': 2_520}


@pytest.mark.parametrize('scale', [2, 4, 8])
@pytest.mark.parametrize('size', [64, 128])
def test_sizes_and_scales(size, scale, device):
    faces = torch.rand(2, 3, size, size, device=device)
    degrader = DegradationNet(size, scale, width=1 / 4).to(device)
    small = degrader(faces, torch.randn(2, degrader.noise_dim, device=device))
    assert small.shape == (2, 3, size // scale, size // scale)
    assert RestorationNet(scale, width=1 / 16).to(device)(small).shape == faces.shape
    assert FaceDiscriminator(size, width=1 / 16).to(device)(faces).shape == (2, 1)
    assert FaceDiscriminator(size // scale, width=1 / 16).to(device)(small).shape == (2, 1)


def test_direct_noise_is_the_fourth_channel(device):
    network = DegradationNet(width=1 / 16, noise='direct').eval().to(device)
    assert network.noise_dim == 64 * 64
    faces, noise = torch.rand(1, 3, 64, 64, device=device), torch.randn(1, 64 * 64, device=device)
    expected = network.input.conv(torch.cat((faces, noise.view(1, 1, 64, 64)), dim=1))
    assert torch.equal(network.input(faces, noise), expected)


@pytest.mark.parametrize('relu_skip', [True, False])
def test_residual_block_formula(relu_skip, device):
    block, x = ResidualBlock(4, 4, relu_skip=relu_skip).to(device), torch.randn(2, 4, 8, 8, device=device)
    expected = (F.relu(x) if relu_skip else x) + block.conv2(F.relu(block.conv1(F.relu(x))))
    assert torch.equal(block(x), expected)
    x_before = x.clone()
    block(x)
    assert torch.equal(x, x_before)  # nothing works in place on the input


def test_residual_block_with_batch_norm(device):
    block = ResidualBlock(4, 4, relu_skip=False, norm='batch').to(device)
    x = torch.randn(2, 4, 8, 8, device=device)
    normalize = lambda images: F.batch_norm(images, None, None, training=True)  # noqa: E731
    expected = x + block.conv2(F.relu(normalize(block.conv1(F.relu(normalize(x))))))
    assert torch.allclose(block(x), expected, atol=1e-6)


def test_discriminator_pools_and_its_norm_can_be_left_out(device):
    faces = torch.rand(1, 3, 16, 16, device=device)
    by_pool = []
    for pool in ('max', 'avg'):
        torch.manual_seed(0)
        network = FaceDiscriminator(16, 1 / 16, pool=pool, norm='none').to(device)
        assert not any(hasattr(m, 'parametrizations') for m in network.modules())
        by_pool.append(network(faces))
    assert not torch.equal(*by_pool)


@pytest.mark.parametrize('scale', [2, 4, 8])
def test_released_lrgan_networks_at_other_sizes(scale, device):
    degrader = LRGANReleasedDegrader(128, scale, width=1 / 16).to(device)
    degrader.noise_weight.data.fill_(0.1)
    faces = torch.rand(2, 3, 128, 128, device=device)
    small = degrader(faces, torch.randn(2, degrader.noise_dim, device=device))
    assert small.shape == (2, 3, 128 // scale, 128 // scale)
    assert not torch.equal(small, degrader(faces, torch.randn(2, degrader.noise_dim, device=device)))
    assert LRGANReleasedDiscriminator(128 // scale, 1 / 16).to(device)(small).shape == (2, 1)


@pytest.mark.parametrize('options, side', [
    ({}, 64), ({'blocks': (16, 1, 1), 'activation': 'prelu', 'long_skip': True}, 64), ({'blocks': (1, 1)}, 32),
    ({'blocks': (1, 1, 1, 1), 'upsampling': 'pixelshuffle'}, 128)])
def test_super_fan_shapes(options, side, device):
    network = SuperFANNet(width=1 / 16, **options).to(device)
    assert network(torch.rand(1, 3, 16, 16, device=device)).shape == (1, 3, side, side)


def test_super_fan_long_skip_adds_the_stem(device):
    torch.manual_seed(0)
    network = SuperFANNet((1, 1), width=1 / 16).eval().to(device)
    skipped = SuperFANNet((1, 1), width=1 / 16, long_skip=True).eval().to(device)
    skipped.load_state_dict(network.state_dict())
    images = torch.rand(1, 3, 16, 16, device=device)
    stem = network.stem(images)
    assert torch.equal(network(images), network.output(network.enlarge(network.group(stem))))
    assert torch.equal(skipped(images), network.output(network.enlarge(network.group(stem) + stem)))


@pytest.mark.parametrize('size', [8, 16, 32, 64])
def test_critic_sizes(size, device):
    assert DCGANCritic(size, 1 / 16).to(device)(torch.rand(2, 3, size, size, device=device)).shape == (2, 1)


@pytest.mark.parametrize('network', [DegradationNet(width=1 / 16, norm='spectral'),
                                     RestorationNet(width=1 / 16, norm='spectral')])
def test_paper_preset_puts_every_convolution_under_spectral_norm(network):
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert convolutions and all(hasattr(m, 'parametrizations') for m in convolutions)


def test_up_norm_none_keeps_samples_apart(device):
    network = RestorationNet(width=1 / 16, up_norm='none').to(device)
    images = torch.rand(2, 3, 16, 16, device=device)
    assert torch.allclose(network(images)[:1], network(images[:1]), atol=1e-6)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())


def test_spectral_norm_is_one_after_enough_iterations(device):
    layer = spectral_norm(nn.Conv2d(3, 8, 3)).to(device)
    for _ in range(300):
        weight = layer.weight
    assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)


def test_spectral_norm_iterates_once_a_forward_and_rests_in_evaluation(device):
    torch.manual_seed(0)
    matrix = torch.randn(5, 7, device=device)
    norm = SpectralNorm(matrix)
    u = norm.u.clone()
    v = F.normalize(matrix.t() @ u, dim=0)
    expected_u = F.normalize(matrix @ v, dim=0)
    assert torch.allclose(norm(matrix), matrix / (expected_u @ matrix @ v))
    assert torch.allclose(norm.u, expected_u)
    norm.eval()(matrix)
    assert torch.equal(norm.u, expected_u)


def test_spectral_norm_stays_in_float32_under_autocast(device):
    layer = spectral_norm(nn.Linear(64, 64)).to(device)
    plain = layer.eval().weight
    with torch.autocast(device, torch.bfloat16):
        assert torch.equal(layer.weight, plain)


@pytest.mark.parametrize('stacks', [1, 2])
def test_fan_equals_face_alignment_on_the_same_weights(stacks, device):
    torch.manual_seed(0)
    theirs = face_alignment.models.FAN(stacks).eval().to(device)
    with torch.no_grad():
        for name, buffer in theirs.named_buffers():
            if name.endswith('running_mean'):
                buffer.normal_(0, 0.1)
            elif name.endswith('running_var'):
                buffer.uniform_(0.5, 1.5)
        ours = FAN(stacks).eval().to(device)
        ours.load_state_dict(theirs.state_dict())  # the published key names, strictly
        images = torch.rand(1, 3, 128, 128, device=device)
        for a, b in zip(ours(images), theirs(images), strict=True):
            assert torch.allclose(a, b, atol=1e-5)


def test_fan_shapes(device):
    published = FAN(2, width=16).eval().to(device)
    small = FAN(1, width=16, stem_stride=2, pool='max').eval().to(device)
    assert [tuple(m.shape) for m in published(torch.rand(1, 3, 256, 256, device=device))] == [(1, 68, 64, 64)] * 2
    assert [tuple(m.shape) for m in small(torch.rand(1, 3, 64, 64, device=device))] == [(1, 68, 32, 32)]


@pytest.mark.parametrize('build, message', [
    (lambda: RestorationNet(scale=3), 'RestorationNet scale: 3 is not a power of two'),
    (lambda: RestorationNet(blocks=(1, 1, 1, 1)), 'do not go with scale 4'),
    (lambda: RestorationNet(up_norm='group'), "up_norm: unknown value 'group'; choose one of batch, none"),
    (lambda: RestorationNet(norm='layer'), "norm: unknown value 'layer'"),
    (lambda: RestorationNet(width=0), 'width: 0 must be a share'),
    (lambda: DegradationNet(size=60), 'size 60 must be a multiple of 16'),
    (lambda: DegradationNet(width=1 / 64), 'which a pixel shuffle'),
    (lambda: DegradationNet(noise='none'), "noise: unknown value 'none'"),
    (lambda: DegradationNet(width=1 / 16)(torch.rand(1, 3, 32, 32), torch.randn(1, 64)), 'built for size 64'),
    (lambda: FaceDiscriminator(50), '50 is not a multiple of 4'),
    (lambda: FaceDiscriminator(512), 'is above 256'),
    (lambda: FaceDiscriminator(16, 1 / 16)(torch.rand(1, 3, 64, 64)), 'built for size 16'),
    (lambda: FaceDiscriminator(16, pool='min'), "pool: unknown value 'min'"),
    (lambda: FaceDiscriminator(16, norm='batch'), "FaceDiscriminator norm: unknown value 'batch'"),
    (lambda: LRGANReleasedDegrader(size=60), 'size 60 must be a multiple of 16'),
    (lambda: LRGANReleasedDiscriminator(256), 'size: 256 is not 4 times'),
    (lambda: SuperFANNet(blocks=(3,)), 'give at least two numbers'),
    (lambda: SuperFANNet(upsampling='bilinear'), "upsampling: unknown value 'bilinear'"),
    (lambda: DCGANCritic(128), 'DCGANCritic size: 128 is not 8, 16, 32 or 64'),
    (lambda: FAN(5), 'num_stacks: unknown value 5'),
    (lambda: FAN(1, width=20), 'width: 20 is not a multiple of 16'),
    (lambda: FAN(1, width=16)(torch.rand(1, 3, 100, 100)), 'multiple of 64')])
def test_errors(build, message):
    with pytest.raises(InputError, match=message):
        build()
