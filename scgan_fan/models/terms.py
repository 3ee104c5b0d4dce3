"""The loss blocks of an option file: each term exists if and only if its block does, and needs its networks."""
from collections.abc import Iterable

import torch
from basicsr.losses import build_loss as build
from torch import nn

from scgan_fan.data.heatmap_store import HeatmapStore
from scgan_fan.errors import InputError, check_choice
from scgan_fan.losses.heatmap_loss import HeatmapLoss
from scgan_fan.models.agreement import GRADIENTS, IMAGES, check_loss
from scgan_fan.models.adversarial import term_of


def build_loss(options: dict | None, name: str) -> nn.Module | None:
    """The loss of ``train: <name>``, or None where the block is absent.

    Raises:
        InputError: a value that is not allowed, or weights that cannot be had.
    """
    if options is None:
        return None
    try:
        return build(options)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise InputError(f'train: {name}: {error}') from error


def optimizer_of(network: str, discriminators: Iterable[str]) -> str:
    """The block of the optimizer that a network learns by."""
    return 'optim_d' if network in discriminators else 'optim_fan' if network == 'fan' else 'optim_g'


def check_terms(model, networks: list[str], options: dict) -> None:
    """Raise InputError where a term lacks a network, a network its term or optimizer, or an option its sense.

    Args:
        model: a FaceModel, the class.
        networks: the names of those in the option file.
        options: ``train:``, with all defaults.
    """
    terms = [name for name in model.NETWORKS_OF_TERM if options[name]]
    discriminators = [name for name in model.DISCRIMINATORS if name in networks]
    generators = [name for name in model.GENERATORS if name in networks]
    for term in terms:
        for network in model.NETWORKS_OF_TERM[term]:
            if network not in networks:
                raise InputError(f'train: {term}: needs network_{network}; add it or leave the block out')
    for name in discriminators:
        if term_of(name) not in terms:
            raise InputError(f'network_{name}: judges nothing without train: {term_of(name)}; add one or leave the '
                             'other out')
    for term in terms:
        compared = next((kind for begin, kind in model.COMPARED.items() if term.startswith(begin)), IMAGES)
        check_loss(term, options[term]['type'], compared)
        if options[term].get('reduction') == 'sum' and options[term]['type'] != 'HeatmapLoss':  # it sums over pixels
            raise InputError(f'train: {term}: reduction: sum grows with the batch, so that accumulate and processes '
                             'change it; take mean, with a larger loss_weight')
    if options['gradient_penalty_opt']:
        check_loss('gradient_penalty_opt', options['gradient_penalty_opt']['type'], GRADIENTS)
    if not terms:
        raise InputError(f'option file: {model.__name__} needs at least one loss block in train:')
    if 'fan' in networks and 'heatmap_opt' not in terms:
        raise InputError('network_fan: learns nothing without train: heatmap_opt; add one or leave the other out')
    for name in options['frozen']:
        check_choice('train: frozen', name, generators)
    if set(generators) <= set(options['frozen']):
        raise InputError('train: frozen: names all generators: nothing learns that is used in the end; leave one out')
    for name in (*generators, *discriminators):
        block = optimizer_of(name, discriminators)
        if name not in options['frozen'] and options[block] is None:
            raise InputError(f'train: {block}: is missing; network_{name} learns by it')
    if not discriminators and options['net_d_iters'] > 1:
        raise InputError('train: net_d_iters: there is no discriminator to step in between; set it to 1')
    if not discriminators and options['gradient_penalty_opt']:
        raise InputError('train: gradient_penalty_opt: there is no discriminator; leave the block out')


def check_all_learn(model) -> None:
    """Raise InputError where no term's gradient reaches something that a generator's optimizer is to train."""
    learners = {name for term in model.terms for name in model.learners(term)} | {'fan'}
    reached = {p for name in learners & model.networks.keys() for p in model.networks[name].parameters()}
    for name in model.trained:
        if not reached.issuperset(p for group in model.named_optimizers[name].param_groups for p in group['params']):
            raise InputError(f'network_{name}: learns nothing, no term of train: reaches it; give it one, or name it '
                             'in train: frozen')


def check_samples_apart(model, networks: dict[str, nn.Module], option: str) -> None:
    """Raise InputError where batch norm lets the images of one batch change each other's judgement; ``model``: a
    FaceModel, the class."""
    for name in networks.keys() & set(model.DISCRIMINATORS):
        if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in networks[name].modules()):
            raise InputError(f'train: {option}: network_{name} has batch norm, by which the images of a batch change '
                             "each other's judgement; set it to false")


def check_stored_heatmaps(model) -> None:
    """Stored heatmaps must be what ``heatmap_opt`` of a FaceModel would draw."""
    path, loss = model.opt.get('datasets', {}).get('train', {}).get('heatmaps'), model.terms.get('heatmap_opt')
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
