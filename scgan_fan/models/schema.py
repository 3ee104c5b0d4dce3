"""What the option files of our models may hold: keys, types, ranges and defaults, checked before anything is built.

Blocks with a ``type`` (networks, losses, metrics, optimizers, schedulers) are described by the signature of what the
type names, so that a new one needs no edit here; datasets describe their own (``data/face_dataset.py``). A model
names its networks, its losses and the class of its ``train:`` block. Files of BasicSR's own models are left to BasicSR.
"""
import functools
import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from basicsr.utils.registry import ARCH_REGISTRY, DATASET_REGISTRY, LOSS_REGISTRY, METRIC_REGISTRY, MODEL_REGISTRY
from pydantic import AfterValidator, ConfigDict, PlainValidator, create_model, model_validator

from scgan_fan.data.face_dataset import DatasetBlock, LoaderBlock
from scgan_fan.errors import InputError, check_choice
from scgan_fan.metrics.validation import METRIC_INPUTS
from scgan_fan.models.agreement import (check_dataset, check_measured, check_metrics, check_network, check_sizes,
                                        is_ours)
from scgan_fan.models.lr_scheduler import SCHEDULERS
from scgan_fan.models.terms import check_terms
from scgan_fan.schema_types import Block, Count, Weight, Whole, block_of, interval, nearest, number, whole

OPTIMIZERS = {name: getattr(torch.optim, name) for name in ('Adam', 'AdamW', 'RMSprop', 'SGD')}


def _of(kind: str, registry, try_out: Callable[[Any, dict], Any] | None = None, given: tuple[str, ...] = (),
        **more) -> PlainValidator:
    """A block whose ``type`` is in a registry, and whose other keys are the parameters of what it names there.

    Args:
        try_out: called with that and its arguments; raises what is wrong with them.
        given: parameters that are no options.
        more: options beside them, name -> (type, default).
    """
    def check(block) -> dict:
        if not isinstance(block, dict):
            raise ValueError(f'{block!r} is not a block of options')
        name = block.get('type')
        if name is None:
            raise ValueError(f'type is missing; name a {kind}')
        target = _named(kind, name, registry)
        options = {key: value for key, value in block.items() if key != 'type'}
        defaults = block_of(target, given, tuple(more.items())).model_validate(options).model_dump(warnings=False)
        options = {**defaults, **{key: value for key, value in options.items() if value is not None}}
        if try_out:
            try:
                try_out(target, options)
            except (TypeError, ValueError, AssertionError, ArithmeticError, LookupError, RuntimeError) as error:
                raise ValueError(str(error)) from error
        return {'type': name, **options}
    return PlainValidator(check)


def _named(kind: str, name, registry):
    """What has this name in a registry; InputError where nothing has."""
    if not isinstance(name, str) or name not in list(registry.keys()):
        raise InputError(f'unknown {kind} {name!r}{nearest(name, registry.keys())}')
    return registry.get(name)


def _try_metric(metric, options: dict) -> None:
    """What it would only say at the first validation."""
    if check := getattr(metric, 'check', None):
        check(**options)
    for option in ('fan', 'weights', 'reference'):
        paths = options.get(option) or []
        for path in paths if isinstance(paths, list) else [paths]:
            is_name = option == 'fan' and not Path(path).suffix
            if not is_name and not Path(path).expanduser().exists():
                raise InputError(f'{option}: {path!r} is not there')


def _try_optimizer(optimizer, options: dict) -> torch.optim.Optimizer:
    return optimizer([torch.nn.Parameter(torch.zeros(1))], **options)


def _try_scheduler(scheduler, options: dict) -> None:
    scheduler(_try_optimizer(torch.optim.SGD, {'lr': 1.0}), **options)


Network = Annotated[dict, _of('network', ARCH_REGISTRY)]
Loss = Annotated[dict, _of('loss', LOSS_REGISTRY)]
Metric = Annotated[
    dict, _of('metric', METRIC_REGISTRY, _try_metric, given=METRIC_INPUTS,
              better=(Literal['higher', 'lower'], 'higher'))]
Optimizer = Annotated[dict, _of('optimizer', OPTIMIZERS, _try_optimizer, given=('params',))]
Scheduler = Annotated[dict, _of('scheduler', SCHEDULERS, _try_scheduler, given=('optimizer', 'last_epoch'))]


# ---- the blocks ----

class Train(Block):
    """``train:`` of every model; a field for each loss block is added (``NETWORKS_OF_TERM``)."""

    # of the networks' passes; losses, spectral norm and optimizers stay in float32
    precision: Literal['float32', 'bfloat16', 'float16'] = 'float32'
    channels_last: bool = False
    # a mode of torch.compile
    compile: Literal['default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs'] | None = None
    accumulate: Count = 1  # microbatches that a batch is split into
    sync_batchnorm: bool = False  # statistics over all processes
    ema_decay: Annotated[float, number(0, below=1)] = 0  # 0: no average
    init: Literal['default', 'kaiming'] = 'default'
    total_iter: Count | None = None
    # minutes from the start of the program in which training, its last checkpoint and validation are done; schedules
    # follow the share of the time that has passed, to where they are at ``total_iter``
    time_budget: Annotated[float, number(1e-3)] | None = None
    warmup_iter: Annotated[int, whole(-1)] = -1
    optim_g: Optimizer | None = None
    optim_d: Optimizer | None = None
    optim_fan: Optimizer | None = None
    scheduler: Scheduler
    frozen: list[str] = []  # generators that do not learn and stay in evaluation mode
    net_d_iters: Count = 1  # discriminators step in each iteration, generators in each so-many-th, as in BasicSR
    judge_jointly: bool = False  # see ``models/adversarial.py``
    gradient_penalty_opt: Loss | None = None  # of every discriminator


class SemiCycleTrain(Train):
    """``train:`` of SemiCycleModel, which says what these are."""

    forward_weight: Weight = 1.0
    backward_weight: Weight = 0.05
    clean_share: Annotated[float, number(0, 1)] = 0
    blur_synthetic: Annotated[tuple[float, float], interval(0)] | None = None
    cycle_grad: Literal['detached', 'through'] = 'detached'
    shared_parts: Literal['all'] | list[str] | None = None
    simultaneous: bool = False
    backward_every: Count = 1

    @model_validator(mode='after')
    def _goes_together(self):
        if self.net_d_iters > 1 and (self.simultaneous or self.backward_every > 1):
            raise ValueError('net_d_iters: does not go with simultaneous or backward_every; set it to 1, or these to '
                             'false and 1')
        if self.simultaneous and self.precision == 'float16':
            raise ValueError('simultaneous: scales gradients beyond what float16 holds; take precision: bfloat16')
        return self


class FANTrain(Train):
    """``train:`` of FANModel."""

    sigma: Annotated[float, number(1e-3)]


class Validation(Block):
    """``val:``."""

    val_freq: Count | None = None
    save_img: bool
    pbar: bool = True
    suffix: str | None = None
    metrics: dict[str, Metric] = {}


class WeightsAndBiases(Block):
    """Copies the curves of TensorBoard to wandb."""

    project: str | None = None
    resume_id: str | None = None


def _is_best(given) -> dict:
    if not isinstance(given, dict) or given.keys() != {'dataset', 'metric'}:
        raise ValueError(f'{given!r} is not of the form {{dataset: paired, metric: psnr}}')
    return given


class Logger(Block):
    """``logger:``; ``keep_*``: see CheckpointRetention."""

    print_freq: Count
    save_checkpoint_freq: Count
    use_tb_logger: bool
    keep_last: Count | None = None
    keep_best: Annotated[dict, PlainValidator(_is_best)] | None = None
    wandb: WeightsAndBiases = WeightsAndBiases()

    @model_validator(mode='after')
    def _has_wandb(self):
        if self.wandb.project is not None:
            if not self.use_tb_logger:
                raise ValueError('wandb copies what TensorBoard gets; set use_tb_logger: true, or project: ~')
            if not find_spec('wandb'):
                raise ValueError('wandb is not installed; pip install wandb, or set project: ~')
        return self


class Data(LoaderBlock):
    """A dataset's block, but for what is the dataset's own."""

    model_config = ConfigDict(extra='allow')

    type: str


class Distribution(Block):
    """``dist_params:``, which BasicSR reads under SLURM."""

    backend: Literal['nccl', 'gloo', 'mpi'] = 'nccl'
    port: Count | None = None


def _is_folder(name: str) -> str:
    if not name.strip('. ') or re.search(r'[/\\\0]', name):
        raise ValueError(f'{name!r} cannot be the name of a folder, which the run is written to')
    return name


@functools.cache
def _file_of(model, trains: bool) -> type[Block]:
    """An option file of a model."""
    networks = (*model.GENERATORS, *model.DISCRIMINATORS)
    path: dict[str, Any] = {'resume_state': (str | None, None), 'ignore_resume_networks': (list[str], [])}
    for name in networks:
        path[f'pretrain_network_{name}'] = path[f'param_key_{name}'] = (str | None, None)
        path[f'strict_load_{name}'] = (bool, True)
    blocks: dict[str, Any] = {
        'plugin': (str | None, None), 'name': (Annotated[str, AfterValidator(_is_folder)], ...),
        'model_type': (str, ...), 'scale': (Count, ...), 'num_gpu': (Whole | Literal['auto'], ...),
        'manual_seed': (Annotated[int, whole(0, 2**31)] | None, None),
        'datasets': (dict[str, Data], ...), **{f'network_{name}': (Network | None, None) for name in networks},
        'path': (create_model('path', __base__=Block, **path), ...), 'dist_params': (Distribution | None, None)}
    if trains:
        blocks |= {'train': (_train_of(model), ...), 'val': (Validation | None, None), 'logger': (Logger, ...)}
    else:
        blocks |= {'train': (dict | None, None), 'val': (Validation, ...), 'logger': (dict | None, None)}
    return create_model('file', __base__=Block, **blocks)


@functools.cache
def _train_of(model) -> type[Train]:
    losses: dict[str, Any] = dict.fromkeys(model.NETWORKS_OF_TERM, (Loss | None, None))
    return create_model('train', __base__=model.train_options, **losses)


# ---- checking ----

def check_options(options: dict, trains: bool = True) -> dict:
    """The options of a file, as ``read_options`` gives them, with all defaults; those of BasicSR's models as they are.

    Args:
        trains: or tests, which needs no ``train:`` and ``logger:``.

    Raises:
        InputError: something is missing, unknown, of another type or out of range, or does not go together; says where.
    """
    try:
        model = _named('model', options.get('model_type'), MODEL_REGISTRY)
    except InputError as error:
        raise InputError(f'model_type: {error}') from None
    if not hasattr(model, 'train_options'):
        return options
    checked = _file_of(model, trains).read(options).model_dump(warnings=False)
    sets = {}
    for phase, block in checked['datasets'].items():
        given = {**options['datasets'][phase], 'scale': checked['scale']}
        if found := _check_dataset(model, phase, given, block, checked['num_gpu']):
            sets[phase] = found
    check_metrics((checked['val'] or {}).get('metrics', {}), sets.values())
    if trains:
        _check_training(checked, sets)
        check_terms(model, network_names(options), checked['train'])
    model.check_names(network_names(options), trains)
    _check_networks(model, options, checked, sets, trains)
    return {key: value for key, value in checked.items() if value is not None}


def training_options(model, opt: dict) -> dict:
    """The ``train:`` block of a model class with all defaults, also where there is none because the model is tested.

    Args:
        opt: as BasicSR parses it.

    Raises:
        InputError: as for ``check_options``.
    """
    given = opt.get('train') or {}
    if not opt['is_train']:
        defaults = {key: field.default for key, field in _train_of(model).model_fields.items()}
        return {**defaults, **{key: value for key, value in given.items() if value is not None}}
    options = _train_of(model).read(given, 'train').model_dump(warnings=False)
    check_terms(model, network_names(opt), options)
    return options


def network_names(options: dict) -> list[str]:
    """The networks of an option file: ``g`` for ``network_g``."""
    return [str(key).removeprefix('network_') for key in options if str(key).startswith('network_')]


def _check_networks(model, given: dict, checked: dict, sets: dict[str, DatasetBlock], trains: bool) -> None:
    """Each by itself, and whether they go together, with the faces and with ``train:``."""
    networks = {}
    for name in (*model.GENERATORS, *model.DISCRIMINATORS):
        key, options = f'network_{name}', dict(checked[f'network_{name}'] or {})
        if options:
            network = ARCH_REGISTRY.get(options.pop('type'))
            check_network(model, name, network)
            if is_ours(network):
                networks[name] = _without_memory(key, network, options)
        elif key in given:
            raise InputError(f'{key}: is empty; leave it out')
        elif checked['path'][f'pretrain_{key}']:
            raise InputError(f'path: pretrain_{key}: there is no {key}; add it or leave the path out')
    names = network_names(given)
    check_sizes(model, networks, checked['scale'], sets, next(name for name in model.GENERATORS if name in names))
    if trains and len(networks) == len(names):
        model.connect_networks(networks, checked['train'])


def _without_memory(key: str, network, options: dict) -> torch.nn.Module:
    """Which sizes go together only the constructor of a network knows: run it."""
    norm = {'norm': 'none'} if options.get('norm') == 'spectral' else {}  # the other computes when it is built
    try:
        with torch.device('meta'):
            return network(**{**options, **norm})
    except (TypeError, ValueError, ArithmeticError, LookupError, RuntimeError) as error:
        raise InputError(f'{key}: {error}') from error


def _check_dataset(model, phase: str, given: dict, block: dict, num_gpu) -> DatasetBlock | None:
    """What describes its faces; None of a dataset of others."""
    where = f'datasets: {phase}'
    if phase != 'train' and phase.split('_')[0] not in ('val', 'test'):
        raise InputError(f'{where}: unknown set{nearest(phase, ("train", "val", "test"))}')
    if block['prefetch_mode'] == 'cuda':
        if num_gpu == 0 or not torch.cuda.is_available():
            raise InputError(f'{where}: prefetch_mode: cuda needs a GPU; take cpu, or ~')
        if not block['pin_memory']:
            raise InputError(f'{where}: prefetch_mode: cuda needs pin_memory: true; add it')
    try:
        dataset = _named('dataset', block['type'], DATASET_REGISTRY)
        check_dataset(model, phase, dataset)
        found = dataset.check(given) if hasattr(dataset, 'check') else None
    except InputError as error:
        raise InputError(f'{where}: {error}') from error
    for key in ('name', 'batch_size_per_gpu', 'num_worker_per_gpu')[:3 if phase == 'train' else 1]:
        if block[key] is None:
            raise InputError(f'{where}: {key}: is missing; add it')
    return found


def _check_training(checked: dict, sets: dict[str, DatasetBlock]) -> None:
    """What no block can know alone."""
    if 'train' not in checked['datasets']:
        raise InputError('datasets: train: is missing; add it')
    if checked['train']['total_iter'] is None:
        raise InputError('train: total_iter: is missing; add it')
    validation = checked['val'] or {}
    if validation and validation['val_freq'] is None:
        raise InputError('val: val_freq: is missing; add it')
    best = checked['logger']['keep_best']
    if best is not None:
        validated = [block['name'] for phase, block in checked['datasets'].items() if phase != 'train']
        check_choice('logger: keep_best: dataset', best['dataset'], validated)
        metrics = validation.get('metrics', {})
        check_choice('logger: keep_best: metric', best['metric'], metrics)
        check_measured(best, metrics[best['metric']], sets)
