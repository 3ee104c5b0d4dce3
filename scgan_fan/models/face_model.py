"""What every method here shares: networks and optimizers by name, precision, averages, checkpoints, validation."""
import random
import sys
from collections import OrderedDict
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from basicsr.archs import build_network
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.losses import build_loss
from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from scgan_fan.archs.spectral_norm import SpectralNorm
from scgan_fan.checkpoint import load_weights, read_checkpoint
from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import write_image
from scgan_fan.metrics.validation import ValidationMetrics
from scgan_fan.models.interruption import Interruption
from scgan_fan.models.keeping import Keeping
from scgan_fan.models.lr_scheduler import OscillatingCosineLR
from scgan_fan.models.parallel import (average_buffers, average_gradients, broadcast_from_first, gather_dealt,
                                       gather_objects, is_parallel)
from scgan_fan.models.sync_batch_norm import synchronize_batch_norm
from scgan_fan.pictures import comparison
from scgan_fan.run_folder import RunFolder

OPTIMIZERS = {name: getattr(torch.optim, name) for name in ('Adam', 'AdamW', 'RMSprop', 'SGD')}
PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}
SCHEDULERS = {'OscillatingCosineLR': OscillatingCosineLR, 'LinearLR': torch.optim.lr_scheduler.LinearLR}
COMPILE_MODES = ('default', 'reduce-overhead', 'max-autotune', 'max-autotune-no-cudagraphs')
PICTURE_ROWS = 8


class FaceModel(BaseModel):
    """Base of the models. ``network_X`` of the option file is ``self.networks['X']``; ``tested`` names the one that is
    validated, averaged and used in the end.

    A subclass builds its losses in ``init_training``, steps in ``optimize_parameters``, and says in ``test``,
    ``current_images`` and ``metric_inputs`` what validation looks at.

    Options read here: ``network_*``, ``path: pretrain_network_* / strict_load_* / param_key_*``, and in ``train``:
    ``ema_decay`` (0: none), ``init``, ``precision`` (float32, bfloat16, float16), ``channels_last``, ``compile`` (a mode of
    torch.compile), ``accumulate`` (parts a batch is split into), ``sync_batchnorm`` (statistics over all processes),
    ``optim_*``, ``scheduler``. In ``logger``: see ``Keeping``.
    """

    def __init__(self, opt):
        super().__init__(opt)
        self.device = _device(opt)
        options = opt.get('train', {})
        check_choice('train: precision', options.get('precision', 'float32'), PRECISIONS)
        self.dtype = PRECISIONS[options.get('precision', 'float32')]
        self.memory_format = torch.channels_last if options.get('channels_last') else torch.contiguous_format
        self.networks = {key.removeprefix('network_'): self._build_network(key) for key in opt if
                         key.startswith('network_')}
        if self.tested not in self.networks:
            raise InputError(f'option file: no network_{self.tested} block; it names the network that is trained and '
                             'tested')
        self.connect_networks()
        if options.get('sync_batchnorm'):
            synchronize_batch_norm(self.networks.values())
        broadcast_from_first(self.networks.values())
        if self.is_train:
            self._init_training_state(options)
            self.init_training(options)
            for network in self.networks.values():
                self._compile(network)

    # ---- what a method fills in ----

    tested = 'g'

    def connect_networks(self) -> None:
        """Tie networks together after loading, before optimizers are built."""

    def init_training(self, options: dict) -> None:
        """Build losses, optimizers (``add_optimizer``) and schedulers (``setup_schedulers``) from ``train:``."""
        raise NotImplementedError

    def feed_data(self, data: dict) -> None:
        """Take a batch from the loader to the device."""
        raise NotImplementedError

    def test(self) -> None:
        """Run the tested network on the fed batch."""
        raise NotImplementedError

    def current_images(self) -> dict[str, np.ndarray]:
        """Title -> uint8 RGB image of the tested sample, in the order of the picture's columns; ``ours`` is saved."""
        raise NotImplementedError

    def metric_inputs(self) -> dict:
        """The arguments of metric functions for the tested sample; without a ground truth, those that need none."""
        raise NotImplementedError

    # ---- networks ----

    def _build_network(self, key: str) -> nn.Module:
        try:
            network = build_network(self.opt[key])
        except (TypeError, KeyError) as error:
            raise InputError(f'{key}: {str(error).strip(chr(34))}; see the options of this network') from error
        network = network.to(self.device, memory_format=self.memory_format)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        get_root_logger().info(f'{key}: {type(network).__name__}, {parameters:,d} parameters')
        paths, name = self.opt['path'], key.removeprefix('network_')
        path = paths.get(f'pretrain_{key}')
        if path is None and self.is_train:
            _initialize(network, self.opt['train'].get('init', 'default'))
        if path is not None:
            load_weights(network, path, key, paths.get(f'param_key_{name}', 'params'),
                         paths.get(f'strict_load_{name}', True))
            get_root_logger().info(f'{key}: weights of {path}')
        return network.train(self.is_train)

    def _compile(self, network: nn.Module) -> None:
        """Let torch.compile translate a network at its first use, in place: names and checkpoints stay as they are."""
        mode = self.opt['train'].get('compile')
        if mode is None:
            return
        check_choice('train: compile', mode, COMPILE_MODES)
        # networks of one class share this limit, beyond which torch falls back to what it was to replace
        torch._dynamo.config.recompile_limit = 64
        network.compile(mode=mode)

    def set_trainable(self, names, trainable: bool) -> None:
        """Switch gradients of the named networks' parameters: none are computed for a network that is only judged by."""
        for name in names:
            self.networks[name].requires_grad_(trainable)

    # ---- training ----

    def _init_training_state(self, options: dict) -> None:
        self.accumulate = options.get('accumulate', 1)
        if not isinstance(self.accumulate, int) or self.accumulate < 1:
            raise InputError(f'train: accumulate: {self.accumulate!r} is not a whole number from 1')
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        self.named_optimizers: dict[str, torch.optim.Optimizer] = {}
        self.losses: dict[str, torch.Tensor] = {}
        self.first_bad: dict[str, torch.Tensor] = {}
        self.trained_iter = self.saved_iter = 0
        self.interruption: Interruption | None = None
        self.keeping = Keeping(self.opt)
        self.ema_decay = options.get('ema_decay', 0)
        self.net_g_ema = self._build_average() if self.ema_decay > 0 else None

    def _build_average(self) -> nn.Module:
        average = deepcopy(self.networks[self.tested]).requires_grad_(False).eval()
        label = f'network_{self.tested}'
        path = self.opt['path'].get(f'pretrain_{label}')
        if path is not None and 'params_ema' in read_checkpoint(path):
            strict = self.opt['path'].get(f'strict_load_{self.tested}', True)
            load_weights(average, path, label, 'params_ema', strict)
        return average

    def build_loss(self, name: str) -> nn.Module | None:
        """The loss of ``train: <name>``, or None where the block is absent."""
        options = self.opt['train'].get(name)
        if options is None:
            return None
        if options.get('type') not in LOSS_REGISTRY:
            raise InputError(f'train: {name}: unknown loss {options.get("type")!r}')
        try:
            loss = build_loss(options).to(self.device)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise InputError(f'train: {name}: {error}') from error
        broadcast_from_first([loss])  # of random weights each process has drawn its own
        for network in loss.children():
            self._compile(network)
        return loss

    def add_optimizer(self, name: str, parameters, options: dict) -> None:
        """Build an optimizer called ``name`` from an ``optim_*`` block, ``{type, lr, ...}``."""
        options = dict(options)
        kind = options.pop('type')
        check_choice('train: optim type', kind, OPTIMIZERS)
        for key, value in options.items():
            if isinstance(value, str):
                raise InputError(f'train: optimizer of {name}: {key}: {value!r} is text, not a number; to YAML 1e-4 is '
                                 'text and 1.0e-4 a number')
        try:
            optimizer = OPTIMIZERS[kind](parameters, **options)
        except (TypeError, ValueError) as error:
            raise InputError(f'train: optimizer of {name}: {error}; see the arguments of torch.optim.{kind}') from error
        self.named_optimizers[name] = optimizer
        self.optimizers.append(optimizer)

    def setup_schedulers(self) -> None:
        """BasicSR's schedulers, OscillatingCosineLR, and torch's LinearLR."""
        options = dict(self.opt['train']['scheduler'])
        if options['type'] not in SCHEDULERS:
            return super().setup_schedulers()
        scheduler = SCHEDULERS[options.pop('type')]
        self.schedulers.extend(scheduler(optimizer, **options) for optimizer in self.optimizers)

    def autocast(self):
        """The context of a forward pass in the precision of the option file."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def step(self, names) -> None:
        """Average the gradients of these optimizers' parameters over the processes and take their steps."""
        optimizers = [self.named_optimizers[name] for name in names]
        average_gradients(p for optimizer in optimizers for group in optimizer.param_groups for p in group['params'])
        for optimizer in optimizers:
            self.scaler.step(optimizer)

    def finish_step(self, losses: dict[str, torch.Tensor], current_iter: int, average: bool = True) -> None:
        """After an iteration's last optimizer step: loss scale, statistics, losses noted and, where the tested network
        has learned (``average``), its moving average.

        The average follows faster in the first iterations, or it would long remember the random weights it began with.
        """
        self.scaler.update()
        average_buffers(self.networks.values())
        if self.net_g_ema is not None and average:
            self.model_ema(min(self.ema_decay, current_iter / (current_iter + 9)))
        self.trained_iter = current_iter
        self.losses = {name: loss.detach().float() for name, loss in losses.items()}
        for name, loss in self.losses.items():  # stays on the device: asking for the value would wait for it
            first = self.first_bad.get(name, torch.tensor(torch.inf, device=self.device))
            self.first_bad[name] = torch.where(loss.isfinite(), first, first.clamp_max(current_iter))

    @torch.no_grad()
    def model_ema(self, decay: float = 0.999) -> None:
        """Move the average towards the tested network: parameters and running statistics. Counters and the vectors of
        spectral norm are copied: a mean of unit vectors is shorter than 1, and sigma would come out too small."""
        average, current = self.net_g_ema.state_dict(), self.networks[self.tested].state_dict()
        copied = {f'{prefix}.{name}' for prefix, module in self.net_g_ema.named_modules()
                  if isinstance(module, SpectralNorm) for name, _ in module.named_buffers()}
        copied |= {name for name, tensor in average.items() if not tensor.is_floating_point()}
        for name in copied:
            average[name].copy_(current[name])
        moving = [name for name in average if name not in copied]
        torch._foreach_lerp_([average[name] for name in moving], [current[name] for name in moving], 1 - decay)

    def _stop_if_not_finite(self) -> None:
        """Raise InputError naming the loss that was first NaN or infinite."""
        first = {name: value.item() for name, value in self.first_bad.items()}
        if first and min(first.values()) < torch.inf:
            name = min(first, key=first.get)
            raise InputError(
                f'iteration {first[name]:.0f}: loss {name} is not finite, training stops; the checkpoints in '
                f'{self.opt["path"].get("models")} are from before. Continue from one with a lower learning rate, or '
                'precision float32')

    def _stop_if_broken(self) -> None:
        """Raise InputError where a step has left a network or an optimizer with values that are not finite."""
        learned = {f'network_{name}': network.state_dict().values() for name, network in self.networks.items()}
        for name, optimizer in self.named_optimizers.items():
            values = [value for state in optimizer.state.values() for value in state.values()]
            learned[f'the optimizer of {name}'] = [value for value in values if isinstance(value, torch.Tensor)]
        for owner, tensors in learned.items():
            if not all(tensor.isfinite().all() for tensor in tensors):
                raise InputError(
                    f'iteration {self.trained_iter}: {owner} has values that are not finite, training stops; the '
                    f'checkpoints in {self.opt["path"].get("models")} are from before. Continue from one with a lower '
                    'learning rate, or precision float32')

    def get_current_log(self) -> OrderedDict:
        """Losses of the last iteration, averaged over the processes.

        Raises InputError where a loss was not finite since the last look.
        """
        self._stop_if_not_finite()
        values = torch.stack(list(self.losses.values()))
        if is_parallel():
            torch.distributed.all_reduce(values)
            values /= self.opt['world_size']
        return OrderedDict(zip(self.losses, values.tolist()))

    def update_learning_rate(self, current_iter: int, warmup_iter: int = -1) -> None:
        """Begin an iteration, as BasicSR's loop does here; where a signal asks to stop, save and leave the program."""
        self.interruption = self.interruption or Interruption(self.device)
        if number := self.interruption.agreed():
            self._leave(number)
        super().update_learning_rate(current_iter, warmup_iter)

    def _leave(self, number: int) -> None:
        """Save what is not saved and exit as a program that a signal has ended, with 128 + its number: the training is
        not done, and whatever comes after it, or restarts it, has to see that."""
        if self.trained_iter > self.saved_iter:
            self.save(EnlargedSampler.begun, self.trained_iter)
        gather_objects(None)  # nobody leaves before the first process has written: torchrun would then end that one
        get_root_logger().info(f'Stopped by signal {number}; iteration {self.trained_iter} is saved. Continue with '
                               '--auto_resume.')
        sys.exit(128 + number)

    def get_current_learning_rate(self) -> list[float]:
        """The learning rate of each optimizer that differs, first the generator's."""
        rates = [group['lr'] for optimizer in self.optimizers for group in optimizer.param_groups]
        return list(dict.fromkeys(rates))

    # ---- saving and resuming ----

    def save(self, epoch: int, current_iter: int) -> None:
        """Write every network and, but for the last call (-1), all that is needed to continue bit for bit.

        Raises:
            InputError: a loss or something learned is not finite, or a file cannot be written. What was saved before is
                intact.
        """
        self._stop_if_not_finite()
        self._stop_if_broken()
        rng_states = gather_objects(_rng_state())
        if self.opt['rank'] == 0:
            networks = ((name, self._network_content(name)) for name in self.networks)
            if current_iter == -1:
                RunFolder(self.opt).save('latest', networks)
            else:
                RunFolder(self.opt).save(current_iter, networks, self._training_state(epoch, current_iter, rng_states))
                self.keeping.after_save(current_iter)
        self.saved_iter = self.trained_iter
        if current_iter == -1 and self.interruption:
            self.interruption.release()

    def _training_state(self, epoch: int, current_iter: int, rng_states: list[dict]) -> dict:
        return {
            'epoch': epoch, 'iter': current_iter, 'rng': rng_states, 'scaler': self.scaler.state_dict(),
            'optimizers': {name: optimizer.state_dict() for name, optimizer in self.named_optimizers.items()},
            'schedulers': [scheduler.state_dict() for scheduler in self.schedulers],
            'best_metric_results': getattr(self, 'best_metric_results', {}),
        }

    def _network_content(self, name: str) -> dict:
        content = {'params': _on_cpu(self.networks[name]), 'network': _plain(self.opt[f'network_{name}'])}
        if name == self.tested and self.net_g_ema is not None:
            content['params_ema'] = _on_cpu(self.net_g_ema)
        return content

    def resume_training(self, resume_state: dict) -> None:
        """Continue from a training state; BasicSR has loaded the networks (the average among them) before."""
        saved, own = list(resume_state['optimizers']), list(self.named_optimizers)
        if saved != own:
            raise InputError(f'training state: has optimizers {saved}, the option file needs {own}; resume with the '
                             'option file that the run began with')
        for name, optimizer in self.named_optimizers.items():
            optimizer.load_state_dict(resume_state['optimizers'][name])
        for scheduler, state in zip(self.schedulers, resume_state['schedulers']):
            scheduler.load_state_dict(state)
        self.scaler.load_state_dict(resume_state['scaler'])
        self.best_metric_results = resume_state['best_metric_results']
        self.trained_iter = self.saved_iter = resume_state['iter']
        if self.opt['rank'] < len(resume_state['rng']):
            _set_rng_state(resume_state['rng'][self.opt['rank']])

    # ---- validation ----

    @contextmanager
    def tested_network(self):
        """The network that is tested, in evaluation mode: the average where there is one, else the one that learns."""
        if self.is_train and self.net_g_ema is not None:
            yield self.net_g_ema.eval()
            return
        network = self.networks[self.tested]
        was_training = network.training  # not of a network that is frozen
        with torch.compiler.set_stance('force_eager'):  # not worth a translation for batches of another size
            yield network.eval()
        network.train(was_training)

    def validation(self, dataloader, current_iter, tb_logger, save_img: bool = False) -> None:
        """Test every sample, each process its share: metrics, images, and a picture of the first samples."""
        dataset, rank = dataloader.dataset, self.opt['rank']
        name = dataset.opt['name']
        metrics = ValidationMetrics(self.opt['val'].get('metrics') or {})
        rows = []
        share = DataLoader(Subset(dataset, range(rank, len(dataset), self.opt['world_size'])))
        for data in tqdm(share, desc=f'validating {name}', leave=False,
                         disable=rank != 0 or not self.opt['val'].get('pbar', True)):
            self.feed_data(data)
            self.test()
            images = self.current_images()
            metrics.add(self.metric_inputs())
            if len(rows) < PICTURE_ROWS:
                rows.append(images)
            if save_img:
                write_image(self._image_path(name, data['lq_path'][0], current_iter), images['ours'])
        metrics.rows = {metric: gather_dealt(values) for metric, values in metrics.rows.items()}
        rows = gather_dealt(rows)[:PICTURE_ROWS]
        if rank != 0:
            return
        picture = comparison(rows)
        write_image(Path(self.opt['path']['visualization']) / f'{name}_{current_iter}.png', picture)
        self._report(metrics.results(), name, current_iter, tb_logger)
        if tb_logger:
            tb_logger.add_image(f'validation/{name}', picture, current_iter, dataformats='HWC')

    def _image_path(self, dataset: str, key: str, current_iter) -> Path:
        """BasicSR's places: a folder for each image in training, for each dataset in testing."""
        stem = str(Path(key).with_suffix('')).strip('/').replace('/', '_')
        folder = Path(self.opt['path']['visualization'])
        if self.is_train:
            return folder / stem / f'{stem}_{current_iter}.png'
        return folder / dataset / f'{stem}_{self.opt["val"].get("suffix") or self.opt["name"]}.png'

    def _report(self, results: dict[str, float], dataset: str, current_iter, tb_logger) -> None:
        lines = [f'Validation {dataset}']
        if results:
            self._initialize_best_metric_results(dataset)
        for metric, value in results.items():
            self._update_best_metric_result(dataset, metric, value, current_iter)
            best = self.best_metric_results[dataset][metric]
            lines.append(f'\t # {metric}: {value:.4f}\tBest: {best["val"]:.4f} @ {best["iter"]} iter')
            if tb_logger:
                tb_logger.add_scalar(f'metrics/{dataset}/{metric}', value, current_iter)
        get_root_logger().info('\n'.join(lines))
        if self.is_train:
            self.keeping.after_validation(dataset, results, self.tested, self._network_content, self.trained_iter)


def _device(opt: dict) -> torch.device:
    """The GPU of this process where there is one and ``num_gpu`` is not 0, else the CPU."""
    if opt['num_gpu'] == 0 or not torch.cuda.is_available():
        return torch.device('cpu')
    if opt['num_gpu'] > 1 and not opt['dist']:
        raise InputError(f'num_gpu: {opt["num_gpu"]} in one process; start one process for each with torchrun '
                         f'--nproc_per_node={opt["num_gpu"]} and --launcher pytorch, or set num_gpu: 1')
    return torch.device('cuda', torch.cuda.current_device())


def _initialize(network: nn.Module, how: str) -> None:
    """``default`` leaves the framework's values; ``kaiming`` draws weights by He et al. 2015 (papers.md section 2.7)."""
    check_choice('train: init', how, ('default', 'kaiming'))
    if how == 'kaiming':
        for parameter in network.parameters():
            if parameter.dim() > 1:
                nn.init.kaiming_normal_(parameter)


def _on_cpu(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.cpu() for name, tensor in network.state_dict().items()}


def _plain(options: dict) -> dict:
    """An option block as built-in types: what reads checkpoints without running code knows no others."""
    return {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in options.items()}


def _rng_state() -> dict:
    """The global generators' states, as tensors and plain data that load without running code."""
    version, keys, position = random.getstate()[0], random.getstate()[1], random.getstate()[2]
    algorithm, state, *rest = np.random.get_state()
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
