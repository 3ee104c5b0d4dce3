"""What every method here shares: networks, terms and optimizers by name, and BasicSR's calls of a model.

A method is a subclass in a file of its own; what it needs beyond this class are plain functions in the files beside it.
"""
import sys
import warnings
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger
from torch import nn

from scgan_fan.archs import RESTORERS
from scgan_fan.archs.spectral_norm import SpectralNorm
from scgan_fan.data.low_resolution_face_dataset import LowResolutionFaceDataset
from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.device import use_device_of
from scgan_fan.errors import InputError
from scgan_fan.images import to_image
from scgan_fan.models.agreement import HEATMAPS, JUDGEMENTS
from scgan_fan.models.checkpoint_retention import CheckpointRetention
from scgan_fan.models.divergence import Divergence
from scgan_fan.models.interruption import Interruption
from scgan_fan.models.networks import begin_average, build_network, compile_network, move_average
from scgan_fan.models.lr_scheduler import SCHEDULERS
from scgan_fan.models.schema import OPTIMIZERS, Train, network_names, training_options
from scgan_fan.models.sync_batch_norm import synchronize_batch_norm
from scgan_fan.models.terms import (begin_as_teacher, build_loss, check_all_learn, check_samples_apart,
                                    check_stored_heatmaps, optimizer_of)
from scgan_fan.models.time_budget import TimeBudget
from scgan_fan.models.training_state import log_changes, network_content, restore_state, save_checkpoint
from scgan_fan.models.validation import check_test, report, validate
from scgan_fan.parallel import (average_buffers, average_gradients, broadcast_from_first, first_decides, is_parallel,
                                wait_for_all)
from scgan_fan.precision import at_least_float32
from scgan_fan.run_position import POSITION

NOISE = 0  # what a draw is for
PRECISIONS = {'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16}


class FaceModel(BaseModel):
    """Base of the methods. ``network_X`` of the option file is ``self.networks['X']``.

    A subclass names its networks and terms below and takes a step in ``optimize_parameters``; other inputs and outputs
    than those of a restoration it says in ``feed_data``, ``test``, ``current_images`` and ``metric_inputs``.

    ``network_fan`` is a face alignment network that looks at the restored faces and learns with the generators, while
    the one in ``heatmap_opt`` looks at the true faces and never changes (Super-FAN's joint training, papers.md section
    5.3). It begins as that one where ``path: pretrain_network_fan`` names no weights.

    Options read here: ``network_*``; ``path: pretrain_network_* / strict_load_* / param_key_*``, the last by default
    ``params`` in training, in testing the average where there is one; and ``train``: a block for each term, and what
    ``schema.Train`` says. In ``logger``: see ``CheckpointRetention``.
    """

    GENERATORS: tuple[str, ...] = ('g',)
    DISCRIMINATORS: tuple[str, ...] = ()
    NETWORKS_OF_TERM: dict[str, tuple[str, ...]]  # a block without its networks is a mistake, not a wish
    COMPARED = {'adv': JUDGEMENTS, 'heatmap': HEATMAPS}  # what the blocks that begin so compare; others: images
    SIZE_SEEN: dict[str, str] = {}  # network -> the option of a set that says how large the images are that it sees
    train_options: type[Train] = Train  # what else train: may hold
    main_kind: tuple[type[nn.Module], ...] = RESTORERS  # network_g is one of these
    trained_on: tuple[type, ...] = (PairedFaceDataset,)
    tested_on: tuple[type, ...] = (PairedFaceDataset, LowResolutionFaceDataset)
    main_network = 'g'  # the one that is validated, averaged and used in the end
    truth_title = 'HR'  # the title, in current_images, of what it should give

    def __init__(self, opt):
        super().__init__(opt)
        self.device = use_device_of(opt)  # the metrics of validation ask for it
        self.best_metric_results: dict[str, dict] = {}  # dataset -> metric -> figure and iteration
        options = training_options(type(self), opt)
        self.dtype = PRECISIONS[options['precision']]
        self.memory_format = torch.channels_last if options['channels_last'] else torch.contiguous_format
        names = network_names(opt)
        self.check_names(names, self.is_train)
        self.networks: dict[str, Any] = {  # each kind has attributes of its own
            name: build_network(opt, name, self.device, self.memory_format) for name in names}
        if not self.is_train:
            check_test(opt, self.main_network)
        if self.is_train:
            self.connect_networks(self.networks, options)
        if options['sync_batchnorm']:
            synchronize_batch_norm(self.networks.values())
        broadcast_from_first(self.networks.values())
        if self.is_train:
            self.init_training(options)
            for name, network in self.networks.items():
                if self.gradient_penalty is None or name not in self.discriminators:  # torch: no gradient of a gradient
                    compile_network(network, options['compile'])

    @classmethod
    def check_names(cls, networks: list[str], trains: bool) -> None:
        """Raise InputError where the networks of these names cannot be trained, or tested, together."""
        if 'g' not in networks:
            raise InputError('option file: no network_g block; it names the network that is trained and tested')

    @classmethod
    def connect_networks(cls, networks: dict[str, Any], options: dict) -> None:
        """Tie networks together after loading, before optimizers are built.

        Args:
            networks: by name. To see whether they go with the options, those without memory do.
            options: ``train:``, with all defaults.

        Raises:
            InputError: they do not go with an option, or with each other.
        """
        if options['judge_jointly']:
            check_samples_apart(cls, networks, 'judge_jointly')

    def init_training(self, options: dict) -> None:
        """Terms, optimizers, schedules and everything else that ``train:`` asks for."""
        self.accumulate = options['accumulate']
        self.net_d_iters = options['net_d_iters']
        self.discriminate_jointly = options['judge_jointly']
        self.retention = CheckpointRetention(self.opt)
        self.ema_decay = options['ema_decay']
        self.net_g_ema = None
        if self.ema_decay > 0:
            self.net_g_ema = begin_average(self.networks[self.main_network], self.main_network, self.opt['path'])
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        self.has_stepped = False  # in this iteration
        self.losses: dict[str, torch.Tensor] = {}
        self.divergence = Divergence(self.device, self.opt['path'].get('models'))
        self.trained_iter = self.saved_iter = 0
        self.interruption: Interruption | None = None
        minutes = options['time_budget']
        self.time_budget = None if minutes is None else TimeBudget(minutes, options['total_iter'])

        self.terms: dict[str, Any] = {
            name: self._build_loss(name, options) for name in self.NETWORKS_OF_TERM if options[name]}
        self.gradient_penalty = self._build_loss('gradient_penalty_opt', options)
        self.discriminators = [name for name in self.DISCRIMINATORS if name in self.networks]
        check_stored_heatmaps(self)
        if 'fan' in self.networks and self.opt['path'].get('pretrain_network_fan') is None:
            begin_as_teacher(self.networks['fan'], self.terms['heatmap_opt'])
        self.spectral_norms = [module for network in self.networks.values() for module in network.modules()
                               if isinstance(module, SpectralNorm)]
        self._add_optimizers(options)
        check_all_learn(self)
        scheduler = dict(options['scheduler'])
        build_scheduler = SCHEDULERS[scheduler.pop('type')]
        self.schedulers = [build_scheduler(optimizer, **scheduler) for optimizer in self.optimizers]
        self.scheduled_iter = 0  # where they are
        warnings.filterwarnings('ignore', 'Detected call of `lr_scheduler.step')  # which go on without steps in between

    def _build_loss(self, name: str, options: dict) -> nn.Module | None:
        loss = build_loss(options[name], name)
        if loss is not None:
            loss = loss.to(self.device)
            broadcast_from_first([loss])  # of random weights each process has drawn its own
            for network in loss.children():
                compile_network(network, options['compile'])
        return loss

    def _add_optimizers(self, options: dict) -> None:
        """One for each network that learns; a shared parameter belongs to the first that has it, its gradients are
        summed. ``self.trained`` are the generators that have one."""
        generators = [name for name in self.GENERATORS if name in self.networks]
        frozen = options['frozen']
        for name in frozen:
            self.networks[name].requires_grad_(False).eval()
        self.named_optimizers: dict[str, torch.optim.Optimizer] = {}
        taken = set()
        for name in (*generators, *self.discriminators):
            own = [p for p in self.networks[name].parameters() if p not in taken]
            if name not in frozen and own:
                taken.update(own)
                optimizer = dict(options[optimizer_of(name, self.discriminators)])
                self.named_optimizers[name] = OPTIMIZERS[optimizer.pop('type')](own, **optimizer)
        self.optimizers = list(self.named_optimizers.values())
        self.trained = [name for name in generators if name in self.named_optimizers]

    def learners(self, term: str) -> tuple[str, ...]:
        """The generators that the gradient of a term's block reaches, beside a ``network_fan``."""
        return ('g',)

    # ---- what a step is made of ----

    def feed_data(self, data: dict) -> None:
        """Low-resolution faces and, where there are any, sharp ones (for some models unpaired in training) and the
        frozen FAN's heatmaps of those."""
        self.lq = self.send(data['lq'], self.memory_format)
        self.gt: Any = self.send(data['gt'], self.memory_format) if 'gt' in data else None
        self.heatmaps = self.send(data['heatmaps']) if 'heatmaps' in data else None

    def send(self, tensor: torch.Tensor, memory_format: torch.memory_format = torch.contiguous_format) -> torch.Tensor:
        """A tensor of the processor on the device. No waiting: a GPU copies from pinned memory meanwhile."""
        if self.device.type == 'cuda':
            tensor = tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.contiguous(memory_format=memory_format)

    def draw(self, purpose: int, current_iter: int, distribution, *shape: int) -> torch.Tensor:
        """Random numbers for this process's samples, (samples, *shape); ``distribution``: torch.randn or torch.rand.

        A function of seed and iteration, so that a resumed run goes on with the same numbers, and drawn for the samples
        of all processes, so that two of them see what one with the doubled batch would.
        """
        seed = np.random.SeedSequence((self.opt['manual_seed'], current_iter, purpose)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(seed))
        numbers = distribution(len(self.lq) * self.opt['world_size'], *shape, generator=generator)
        return self.send(numbers[self.opt['rank']::self.opt['world_size']])

    def autocast(self):
        """The context of a forward pass in the precision of the option file."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def microbatches(self, *batch: torch.Tensor | None) -> Iterator[tuple]:
        """The tensors of a batch in ``accumulate`` microbatches; of None each is None."""
        chunks = (repeat(None) if tensor is None else tensor.chunk(self.accumulate) for tensor in batch)
        return self.each_microbatch(zip(*chunks))

    def each_microbatch(self, microbatches: Iterable) -> Iterator:
        """One microbatch after the other; spectral norms begin each where they began the first, as for the whole."""
        begun = [(norm.u.clone(), norm.v.clone()) for norm in self.spectral_norms]
        for microbatch in microbatches:
            for norm, (u, v) in zip(self.spectral_norms, begun):
                norm.u.copy_(u)
                norm.v.copy_(v)
            yield microbatch

    @contextmanager
    def step_of(self, names: list[str]) -> Iterator[dict[str, torch.Tensor]]:
        """A step of these networks' optimizers, with the gradients that are computed inside, averaged over the
        processes; gives a dictionary for the losses. An optimizer that gets none, as of a FAN before its term begins,
        does not step."""
        optimizers = [self.named_optimizers[name] for name in names]
        for optimizer in optimizers:
            optimizer.zero_grad()
        yield {}
        average_gradients(p for optimizer in optimizers for group in optimizer.param_groups for p in group['params'])
        for optimizer in optimizers:
            if any(p.grad is not None for group in optimizer.param_groups for p in group['params']):
                self.scaler.step(optimizer)
                self.has_stepped = True

    def backward(self, loss: torch.Tensor, terms: dict[str, torch.Tensor], samples: int, losses: dict) -> None:
        """The backward pass of a microbatch of so many ``samples``, by its share of the batch; notes ``terms``, as
        ``l_<name>``, in ``losses``."""
        share = samples / len(self.lq)
        if loss.requires_grad:  # not where all terms are yet to begin
            self.scaler.scale(loss * share).backward()
        for name, term in terms.items():
            losses[f'l_{name}'] = losses.get(f'l_{name}', 0) + term.detach() * share

    def finish_step(self, losses: dict[str, torch.Tensor], current_iter: int) -> None:
        """After an iteration's last optimizer step: loss scale, statistics over processes, losses noted."""
        scale = self.scaler.get_scale()
        if self.has_stepped:
            self.scaler.update()
            self.has_stepped = False
        average_buffers(self.networks.values())
        self.trained_iter = current_iter
        POSITION.used += len(self.lq) * self.opt['world_size']
        self.losses = {name: loss.detach().float() for name, loss in losses.items()}
        if not 1 < self.scaler.get_scale() < scale:  # a step left out, which the scale's fall is to mend
            self.divergence.note(self.losses, current_iter)

    def update_average(self, current_iter: int) -> None:
        """Move the average towards the main network, where there is one.

        It follows faster in the first iterations, or it would long remember the random weights it began with.
        """
        if self.net_g_ema is not None:
            decay = min(self.ema_decay, current_iter / (current_iter + 9))
            move_average(self.net_g_ema, self.networks[self.main_network], decay)

    # ---- what BasicSR's loop calls ----

    def update_learning_rate(self, current_iter: int, warmup_iter: int = -1) -> None:
        """Begin an iteration, as BasicSR's loop does here; where a signal asks to stop, save and leave the program."""
        self.interruption = self.interruption or Interruption()
        if number := self.interruption.agreed():
            self._leave(number)
        self._advance_schedules(current_iter)
        if self.time_budget is not None and self.scheduled_iter > self.opt['train']['total_iter']:
            self._finish()

    def _advance_schedules(self, iteration: int) -> None:
        """Learning rates go on to those of an iteration, or of a later one where the time budget's clock is."""
        if self.time_budget is not None:
            iteration = max(iteration, 1 + first_decides(self.time_budget.position()))
        while self.scheduled_iter < iteration:
            self.scheduled_iter += 1
            super().update_learning_rate(self.scheduled_iter, self.opt['train'].get('warmup_iter', -1))

    def _leave(self, number: int) -> None:
        """Save what is not saved and exit as a program that a signal has ended, with 128 + its number: the training is
        not done, and whatever comes after it, or restarts it, has to see that."""
        if self.trained_iter > self.saved_iter:
            self.save(POSITION.epoch, self.trained_iter)
        get_root_logger().info(f'Stopped by signal {number}; iteration {self.trained_iter} is saved. Continue with '
                               '--auto_resume.')
        sys.exit(128 + number)

    def _finish(self) -> None:
        """The time is over: what BasicSR does after the last iteration, and the end of the program, with status 0."""
        if self.trained_iter > self.saved_iter:
            self.save(POSITION.epoch, self.trained_iter)
        self.save(-1, -1)
        get_root_logger().info(f'The time budget is used up after iteration {self.trained_iter}.')
        for loader in POSITION.val_loaders if self.opt.get('val') else ():
            self.validation(loader, self.trained_iter, None, self.opt['val']['save_img'])
        sys.exit(0)

    def get_current_log(self) -> OrderedDict:
        """Losses of the last iteration, averaged over the processes.

        Raises InputError where a loss was not finite since the last look.
        """
        self.divergence.check_losses()
        values = torch.stack(list(self.losses.values()))
        if is_parallel():
            torch.distributed.all_reduce(values)
            values /= self.opt['world_size']
        return OrderedDict(zip(self.losses, values.tolist()))

    def get_current_learning_rate(self) -> list[float]:
        """The learning rate of each optimizer that differs, first the generator's."""
        rates = [group['lr'] for optimizer in self.optimizers for group in optimizer.param_groups]
        return list(dict.fromkeys(rates))

    def save(self, epoch: int, current_iter: int) -> None:
        """Write a checkpoint; the last call (-1) writes the networks alone.

        Raises:
            InputError: a loss or something learned is not finite, or a file cannot be written. What was saved before is
                intact.
        """
        self.divergence.check_losses()
        self.divergence.check_learned(self.networks, self.named_optimizers, self.trained_iter)
        save_checkpoint(self, epoch, current_iter)
        wait_for_all()  # the first writes; torchrun would end it where another has left
        self.saved_iter = self.trained_iter
        if current_iter == -1 and self.interruption:
            self.interruption.release()

    def resume_training(self, resume_state: dict) -> None:
        """Continue from a training state; BasicSR has loaded the networks (the average among them) before.

        Learning rates are those that a run with this option file would have, so its schedules are run through.
        """
        restore_state(self, resume_state)
        self.trained_iter = self.saved_iter = resume_state['iter']
        if self.time_budget is not None:
            self.time_budget.resume(resume_state.get('time_spent', 0))
        self._advance_schedules(self.trained_iter)
        log_changes(self, resume_state)

    # ---- validation ----

    @contextmanager
    def evaluated_network(self) -> Iterator[nn.Module]:
        """The main network in evaluation mode: the average where there is one, else the one that learns."""
        if self.is_train and self.net_g_ema is not None:
            yield self.net_g_ema.eval()
            return
        network = self.networks[self.main_network]
        was_training = network.training  # not of a network that is frozen
        with torch.compiler.set_stance('force_eager'):  # not worth a translation for batches of another size
            yield network.eval()
        network.train(was_training)

    def validation(self, dataloader, current_iter, tb_logger, save_img: bool = False) -> None:
        """Test every sample, log the figures, and keep the main network where it is the best so far."""
        if self.is_train:
            current_iter = self.trained_iter  # BasicSR's own count goes on after the last iteration
        dataset = dataloader.dataset
        results = validate(self, dataset, current_iter, tb_logger, save_img)
        if self.opt['rank'] == 0:
            name = dataset.opt['name']
            report(self, results, name, current_iter, tb_logger)
            if self.is_train:
                self.retention.after_validation(name, results, self.main_network,
                                                lambda network: network_content(self, network), current_iter)
        wait_for_all()

    @torch.no_grad()
    def test(self) -> None:
        """Restore the fed low-resolution face, with the averaged network where there is one."""
        with self.evaluated_network() as network, self.autocast():
            self.restored = at_least_float32(network(self.lq))

    def current_images(self) -> dict[str, np.ndarray]:
        """Title -> uint8 RGB image of the tested sample, in the order of the picture's columns; ``ours`` is saved.

        Low-resolution face, bicubic enlargement, restored face and, where known, the true one.
        """
        bicubic = F.interpolate(self.lq, scale_factor=self.opt['scale'], mode='bicubic', align_corners=False)
        images = {'LR': self.lq, 'bicubic': bicubic, 'ours': self.restored}
        if self.gt is not None:
            images['HR'] = self.gt
        return {title: to_image(image[0]) for title, image in images.items()}

    def metric_inputs(self) -> dict:
        """The arguments of metric functions for the tested sample: ``img`` (restored) and, where known, ``img2``
        (truth), uint8 BGR as BasicSR's metrics expect."""
        images = self.current_images()
        inputs = {'img': images['ours'][..., ::-1]}
        if self.truth_title in images:
            inputs['img2'] = images[self.truth_title][..., ::-1]
        return inputs
