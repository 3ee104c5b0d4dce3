"""What a checkpoint of a FaceModel holds: all that is needed to continue bit for bit."""
import random
from typing import Any, cast

import numpy as np
import torch
from basicsr.utils import get_root_logger
from torch import nn

from scgan_fan.errors import InputError
from scgan_fan.options import plain
from scgan_fan.parallel import gather_objects
from scgan_fan.run_folder import RunFolder
from scgan_fan.run_position import POSITION


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
        'epoch': epoch, 'iter': iteration, 'used': POSITION.used, 'rng': rng_states,
        'scaler': model.scaler.state_dict(),
        'optimizers': {name: optimizer.state_dict() for name, optimizer in model.named_optimizers.items()},
        'schedulers': [scheduler.state_dict() for scheduler in model.schedulers],
        'best_metric_results': model.best_metric_results,
        'time_spent': model.time_budget.spent if model.time_budget else 0,
    })
    model.retention.after_save(iteration)


def network_content(model, name: str) -> dict:
    """The file of ``network_<name>``: weights, option block and, of the main network, the average."""
    content = {'params': _on_cpu(model.networks[name]), 'network': plain(model.opt[f'network_{name}'])}
    if name == model.main_network and model.net_g_ema is not None:
        content['params_ema'] = _on_cpu(model.net_g_ema)
    return content


def restore_state(model, state: dict) -> None:
    """Take counters, moments and the best figures from a training state; options, rates too, stay as they are.

    Raises:
        InputError: the state has other optimizers, or one of other parameters.
    """
    saved, own = list(state['optimizers']), list(model.named_optimizers)
    if saved != own:
        raise InputError(f'training state: has optimizers {saved}, the option file needs {own}; resume with the option '
                         'file that the run began with')
    for name, optimizer in model.named_optimizers.items():
        _restore_moments(name, optimizer, state['optimizers'][name])
    if state['scaler']:  # a run in another precision has none
        model.scaler.load_state_dict(state['scaler'])
    model.best_metric_results = state['best_metric_results']
    if model.opt['rank'] < len(state['rng']):
        _set_rng_state(state['rng'][model.opt['rank']])


def _restore_moments(name: str, optimizer: torch.optim.Optimizer, saved: dict) -> None:
    own, moments, needed = optimizer.state_dict(), saved['state'], _names_of_moments(optimizer)
    if saved['param_groups'][0]['params'] != own['param_groups'][0]['params']:
        raise InputError(f'training state: the optimizer of {name} has other parameters than the option file gives it; '
                         'resume with the networks and shared_parts that the run began with')
    if not all(needed <= each.keys() for each in moments.values()):
        get_root_logger().info(f'optimizer of {name}: begins anew, needs other moments ({", ".join(sorted(needed))}) '
                               'than were saved')
        moments = {}
    optimizer.load_state_dict({**own, 'state': moments})


def _names_of_moments(optimizer: torch.optim.Optimizer) -> set[str]:
    """What an optimizer with these options keeps of each parameter, found out by a step."""
    group = optimizer.param_groups[0]
    trial = nn.Parameter(torch.zeros_like(group['params'][0]))
    trial.grad = torch.zeros_like(trial)
    kind: Any = type(optimizer)
    twin = kind([{**group, 'params': [trial]}])
    twin.step()
    return set(twin.state[trial])


def log_changes(model, state: dict) -> None:
    """Say in a line which options of optimizers and schedules are others than those of the run that was saved."""
    unsaid = {'params', 'base_lrs'} | ({'lr', 'last_epoch'} if model.time_budget else set())  # these follow the clock
    changes: dict[str, list[str]] = {}  # what has changed -> whose
    for (name, optimizer), scheduler, saved in zip(model.named_optimizers.items(), model.schedulers,
                                                   state['schedulers']):
        old = {**saved, **state['optimizers'][name]['param_groups'][0]}
        new = {**scheduler.state_dict(), **optimizer.param_groups[0]}
        for key in sorted(new.keys() - unsaid):
            if not key.startswith('_') and old.get(key) != new[key]:
                changes.setdefault(f'{key} {_short(old.get(key))} -> {_short(new[key])}', []).append(name)
    if changes:
        get_root_logger().info('Resuming with other options than those of the saved run: ' + '; '.join(
            f'{change} ({", ".join(names)})' for change, names in changes.items()))


def _short(value) -> str:
    return f'{value:g}' if isinstance(value, float) else str(value)


def _on_cpu(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def _rng_state() -> dict:
    """The global generators' states, as tensors and plain data that load without running code."""
    algorithm, keys, *rest = cast(tuple, np.random.get_state(legacy=True))
    return {
        'python': random.getstate(),
        'numpy': (algorithm, torch.from_numpy(keys.astype(np.int64)), *rest),
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
