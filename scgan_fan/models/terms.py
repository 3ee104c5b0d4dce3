"""The loss blocks of an option file: each term exists if and only if its block does, and needs its networks."""
import torch
from basicsr.losses import build_loss as build
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from scgan_fan.data.heatmap_store import HeatmapStore
from scgan_fan.errors import InputError
from scgan_fan.losses.heatmap_loss import HeatmapLoss
from scgan_fan.models.adversarial import term_of


def build_loss(options: dict | None, name: str) -> nn.Module | None:
    """The loss of ``train: <name>``, or None where the block is absent.

    Raises:
        InputError: unknown type or option.
    """
    if options is None:
        return None
    if options.get('type') not in LOSS_REGISTRY:
        raise InputError(f'train: {name}: unknown loss {options.get("type")!r}')
    try:
        return build(options)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f'train: {name}: {error}') from error


def check_terms(model) -> None:
    """Raise InputError where a term of a FaceModel lacks a network, a network its term, or an option its sense."""
    terms, discriminators = model.terms, model.discriminators
    for term in terms:
        for network in model.NETWORKS_OF_TERM[term]:
            if network not in model.networks:
                raise InputError(f'train: {term}: needs network_{network}; add it or leave the block out')
    for name in discriminators:
        if term_of(name) not in terms:
            raise InputError(f'network_{name}: judges nothing without train: {term_of(name)}; add one or leave the '
                             'other out')
    if not terms:
        raise InputError(f'option file: {type(model).__name__} needs at least one loss block in train:')
    if 'fan' in model.networks and 'heatmap_opt' not in terms:
        raise InputError('network_fan: learns nothing without train: heatmap_opt; add one or leave the other out')
    if model.discriminate_jointly:
        for name in discriminators:
            _check_samples_apart(name, model.networks[name])
    if not discriminators and model.net_d_iters > 1:
        raise InputError('train: net_d_iters: there is no discriminator to step in between; set it to 1')
    if not discriminators and model.gradient_penalty:
        raise InputError('train: gradient_penalty_opt: there is no discriminator; leave the block out')
    _check_stored_heatmaps(model.opt.get('datasets', {}).get('train', {}).get('heatmaps'), terms.get('heatmap_opt'))


def check_all_learn(model) -> None:
    """Raise InputError where no term's gradient reaches something that a generator's optimizer is to train."""
    learners = {name for term in model.terms for name in model.learners(term)} | {'fan'}
    reached = {p for name in learners & model.networks.keys() for p in model.networks[name].parameters()}
    for name in model.trained:
        if not reached.issuperset(p for group in model.named_optimizers[name].param_groups for p in group['params']):
            raise InputError(f'network_{name}: learns nothing, no term of train: reaches it; give it one, or name it '
                             'in train: frozen')


def _check_samples_apart(name: str, discriminator: nn.Module) -> None:
    """Batch norm would let real and generated images of one batch change each other's judgement."""
    if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in discriminator.modules()):
        raise InputError(f'train: judge_jointly: network_{name} has batch norm, so real and generated images must be '
                         'judged apart; set it to false')


def _check_stored_heatmaps(path: str | None, loss: nn.Module | None) -> None:
    """Stored heatmaps must be what ``heatmap_opt`` would draw."""
    if path is None:
        return
    if not isinstance(loss, HeatmapLoss):
        raise InputError('datasets: train: heatmaps: serve nothing without a HeatmapLoss in train: heatmap_opt; add '
                         'one or leave the other out')
    HeatmapStore(path).check_drawn_by(loss.drawn_by())


def begin_as_teacher(student: nn.Module, loss: HeatmapLoss) -> None:
    """Give ``network_fan`` the weights of the frozen FAN in ``heatmap_opt``."""
    try:
        student.load_state_dict(loss.fan.state_dict())
    except RuntimeError as error:
        raise InputError('network_fan: is not of the shape of the FAN in train: heatmap_opt, as which it begins; '
                         'give it the same options, or weights in path: pretrain_network_fan') from error
