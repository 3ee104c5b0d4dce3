"""What a checkpoint of a FaceModel holds: all that is needed to continue bit for bit."""
import random
from typing import cast

import numpy as np
import torch
from torch import nn

from scgan_fan.errors import InputError
from scgan_fan.parallel import gather_objects
from scgan_fan.run_folder import RunFolder


def save_checkpoint(model, epoch: int, iteration: int) -> None:
    """Write every network and, but for the last call (``iteration`` -1), the training state. All processes call it."""
    rng_states = gather_objects(_rng_state())
    if model.opt['rank'] != 0:
        return
    networks = ((name, network_content(model, name)) for name in model.networks)
    if iteration == -1:
        RunFolder(model.opt).save('latest', networks)
        return
    RunFolder(model.opt).save(iteration, networks, {
        'epoch': epoch, 'iter': iteration, 'rng': rng_states, 'scaler': model.scaler.state_dict(),
        'optimizers': {name: optimizer.state_dict() for name, optimizer in model.named_optimizers.items()},
        'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
        'best_metric_results': getattr(model, 'best_metric_results', {}),
    })
    model.retention.after_save(iteration)


def network_content(model, name: str) -> dict:
    """The file of ``network_<name>``: weights, option block and, of the main network, the average."""
    content = {'params': _on_cpu(model.networks[name]), 'network': _plain(model.opt[f'network_{name}'])}
    if name == model.main_network and model.net_g_ema is not None:
        content['params_ema'] = _on_cpu(model.net_g_ema)
    return content


def restore_state(model, state: dict) -> None:
    """Continue from a training state; BasicSR has loaded the networks (the average among them) before.

    Raises:
        InputError: the state has other optimizers.
    """
    saved, own = list(state['optimizers']), list(model.named_optimizers)
    if saved != own:
        raise InputError(f'training state: has optimizers {saved}, the option file needs {own}; resume with the option '
                         'file that the run began with')
    for name, optimizer in model.named_optimizers.items():
        optimizer.load_state_dict(state['optimizers'][name])
    for scheduler, scheduler_state in zip(model.schedulers, state['schedulers']):
        scheduler.load_state_dict(scheduler_state)
    model.scaler.load_state_dict(state['scaler'])
    model.best_metric_results = state['best_metric_results']
    if model.opt['rank'] < len(state['rng']):
        _set_rng_state(state['rng'][model.opt['rank']])


def _on_cpu(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def _plain(options: dict) -> dict:
    """An option block as built-in types: what reads checkpoints without running code knows no others."""
    return {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in options.items()}


def _rng_state() -> dict:
    """The global generators' states, as tensors and plain data that load without running code."""
    version, keys, position = random.getstate()[0], random.getstate()[1], random.getstate()[2]
    algorithm, state, *rest = cast(tuple, np.random.get_state(legacy=True))
    return {
        'python': (version, keys, position),
        'numpy': (algorithm, torch.from_numpy(state.astype(np.int64)), *rest),
        'torch': torch.get_rng_state(),
        'cuda': torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_rng_state(state: dict) -> None:
    random.setstate(state['python'])
    algorithm, keys, *rest = state['numpy']
    np.random.set_state((algorithm, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state['torch'])
    if len(state['cuda']) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state['cuda'])
