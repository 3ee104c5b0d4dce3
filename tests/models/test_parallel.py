"""Batch norm over processes: two with their shares of a batch against one with all of it."""
import copy

import pytest
import torch
from torch import nn

from runs import run
from scgan_fan.models.semi_cycle_model import SemiCycleModel
from scgan_fan.models.sync_batch_norm import SyncBatchNorm2d, synchronize_batch_norm

PROCESSES = 2
SHARES = '''
import copy, torch
from torch import nn
from scgan_fan.parallel import average_gradients, gather_objects
from scgan_fan.models.sync_batch_norm import synchronize_batch_norm

torch.distributed.init_process_group('gloo')
rank, world_size = torch.distributed.get_rank(), torch.distributed.get_world_size()
generator = torch.Generator().manual_seed(0)
images = torch.randn(8, 3, 12, 12, generator=generator) + 2
targets = torch.randn(8, 4, 8, 8, generator=generator)
torch.manual_seed(0)
plain = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, bias=False),
                      nn.BatchNorm2d(4))

def results(network, images, targets, share):
    def gradients():
        average_gradients(network.parameters() if share < 1 else [])
        found = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
        network.zero_grad()
        return found

    images.requires_grad_()
    output = network(images)
    ((output + network(2 * images)) * targets).mean().backward()  # twice, as in a semi-cycle
    found = {'output': [output], 'input gradients': [images.grad * share], 'weight gradients': gradients()}
    found['buffers'] = [buffer.clone() for buffer in network.buffers()]
    slope, = torch.autograd.grad((network(images) * targets).sum(), images, create_graph=True)
    slope.square().mean().backward()
    found['gradients of a gradient penalty'] = gradients()
    with torch.autocast('cpu', torch.bfloat16):
        found['bfloat16'] = [network(images)]
    found['large mean'] = [synchronized(nn.BatchNorm2d(3))(1000 + images)]
    found['evaluation'] = [network.eval()(images)]
    return {name: [tensor.detach() for tensor in tensors] for name, tensors in found.items()}

def synchronized(network):
    synchronize_batch_norm([network])
    return network

mine = results(synchronized(copy.deepcopy(plain)), images[rank::world_size].clone(), targets[rank::world_size],
               1 / world_size)
everyone = gather_objects(mine)
if rank == 0:
    torch.save(everyone, 'shares.pth')
torch.distributed.destroy_process_group()
if rank == 0:
    torch.save(results(plain, images, targets, 1), 'whole.pth')
'''
OF_THE_SAMPLES = ('output', 'input gradients', 'evaluation', 'bfloat16', 'large mean')
OF_THE_NETWORK = ('weight gradients', 'gradients of a gradient penalty', 'buffers')


@pytest.fixture(scope='module')
def results(tmp_path_factory) -> tuple[dict, list[dict]]:
    """What one process makes of a batch, and what each of the two makes of its share."""
    folder = tmp_path_factory.mktemp('shares')
    (folder / 'shares.py').write_text(SHARES)
    run(['-m', 'torch.distributed.run', '--standalone', f'--nproc_per_node={PROCESSES}', 'shares.py'], folder)
    return torch.load(folder / 'whole.pth'), torch.load(folder / 'shares.pth')


@pytest.mark.parametrize('name', OF_THE_SAMPLES)
def test_samples_are_normalized_as_in_the_whole_batch(results, name):
    whole, shares = results
    tolerance = {'bfloat16': 2e-2, 'large mean': 1e-3}.get(name, 2e-6)  # 1e-3: float32 has no finer steps at 1000
    for rank, share in enumerate(shares):
        for mine, tensor in zip(share[name], whole[name], strict=True):
            assert mine.dtype is tensor.dtype
            assert torch.allclose(mine, tensor[rank::PROCESSES], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize('name', OF_THE_NETWORK)
def test_networks_learn_as_from_the_whole_batch(results, name):
    whole, shares = results
    for share in shares:
        for mine, tensor, first in zip(share[name], whole[name], shares[0][name], strict=True):
            assert torch.allclose(mine, tensor, rtol=1e-5, atol=1e-6)
            assert torch.equal(mine, first)  # the processes do not drift apart


def test_one_process_has_batch_norm_itself():
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    converted = copy.deepcopy(plain)
    synchronize_batch_norm([converted])
    images = torch.randn(4, 3, 8, 8)
    outputs = [network(images) for network in (plain, converted)]
    assert isinstance(converted[1], SyncBatchNorm2d) and torch.equal(*outputs)
    assert list(plain.state_dict()) == list(converted.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(plain.state_dict().values(), converted.state_dict().values()))


@pytest.mark.parametrize('wanted', [True, False])
def test_the_option_converts_every_network_and_the_average(semi_cycle, wanted):
    semi_cycle['train']['sync_batchnorm'] = wanted
    model = SemiCycleModel(semi_cycle)
    layers = [layer for network in (model.networks['g'], model.net_g_ema) for layer in network.modules()
              if isinstance(layer, nn.BatchNorm2d)]
    assert len(layers) == 4 and all((type(layer) is SyncBatchNorm2d) == wanted for layer in layers)
