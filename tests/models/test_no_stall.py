"""A training step queues work and never waits for it, or a GPU would stand still in between."""
import pytest
import torch
from basicsr.models import build_model
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = ('_local_scalar_dense', 'lift_fresh', 'nonzero', 'masked_select', 'is_nonzero', 'equal')  # item() ...


class Waits(TorchDispatchMode):
    """Notes the operations for which the processor waits for a GPU, or copies one value to it."""

    def __init__(self):
        super().__init__()
        self.noted = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in WAITS:
            self.noted.append(name)
        return function(*args, **kwargs or {})


def steps(options: dict, heatmap: dict, batch: dict):
    """A model after one step, and a function that does another one as BasicSR's loop does."""
    options['train'].update(heatmap_opt=heatmap, low_frequency_opt={'type': 'L1Loss'},
                            gradient_penalty_opt={'type': 'ZeroCenteredPenalty'})
    options['network_d_h1']['norm'] = 'spectral'
    for block in ('optim_g', 'optim_d'):  # Adam counts its steps on the processor, also where the weights are on a GPU
        options['train'][block] = {'type': 'SGD', 'lr': 1e-3}
    model = build_model(options)

    def step(iteration: int) -> None:
        model.update_learning_rate(iteration)
        model.feed_data(batch)
        model.optimize_parameters(iteration)
    step(1)  # the optimizers make their moments
    return model, step


@pytest.mark.parametrize('simultaneous', [False, True])
def test_nothing_in_a_step_waits(semi_cycle, heatmap, batch, simultaneous):
    semi_cycle['train']['simultaneous'] = simultaneous
    model, step = steps(semi_cycle, heatmap, batch)
    try:
        with Waits() as waits:
            step(2)
    finally:
        model.interruption.release()
    assert waits.noted == []


def test_waits_are_noticed():
    with Waits() as waits:
        torch.ones(1).item()
        torch.tensor(1.0)
    assert waits.noted == ['_local_scalar_dense', 'lift_fresh']


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_nothing_in_a_step_waits_on_a_gpu(semi_cycle, heatmap, batch):
    semi_cycle['num_gpu'] = 1
    model, step = steps(semi_cycle, heatmap, batch)
    torch.cuda.set_sync_debug_mode('error')
    try:
        step(2)
    finally:
        torch.cuda.set_sync_debug_mode('default')
        model.interruption.release()
