"""What the methods with generators and discriminators share: terms as option blocks, and the two halves of a step."""
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F

from scgan_fan.archs.spectral_norm import SpectralNorm
from scgan_fan.data.heatmap_store import HeatmapStore
from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import to_image
from scgan_fan.losses.heatmap_loss import HeatmapLoss
from scgan_fan.models.face_model import FaceModel
from scgan_fan.precision import at_least_float32

NOISE, MIX = 0, 1  # what a draw is for


class Part(Protocol):
    """Some samples of a batch with the images that were generated for them; a batch is one or more parts."""

    def __len__(self) -> int: ...

    def judged_by(self, discriminator: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The real and the generated images that a discriminator tells apart."""


class GANModel(FaceModel):
    """Base of the models with discriminators. Every term exists if and only if its block does.

    A subclass names its networks and terms below, generates images in ``generate`` and compares them in
    ``generator_terms``. Discriminator ``d_X`` (or ``d``) is trained by the block ``adv_X_opt`` (or ``adv_opt``).

    ``network_fan`` is a face alignment network that looks at the restored faces and learns with the generators, while
    the one in ``heatmap_opt`` looks at the true faces and never changes (Super-FAN's joint training, papers.md section
    5.3). It begins as that one where ``path: pretrain_network_fan`` names no weights.

    Options read here, in ``train``: a block for each term; ``gradient_penalty_opt`` (WGAN-GP: of every discriminator);
    ``net_d_iters`` (discriminators step in each iteration, generators in each so-many-th, as in BasicSR);
    ``judge_jointly`` (see ``_judge_both``); ``frozen`` (generators that do not learn and stay in evaluation mode);
    ``optim_g``, ``optim_d``, ``optim_fan``.
    """

    GENERATORS: tuple[str, ...]
    DISCRIMINATORS: tuple[str, ...]
    NETWORKS_OF_TERM: dict[str, tuple[str, ...]]  # a block without its networks is a mistake, not a wish

    # ---- what a method fills in ----

    def generate(self, current_iter: int) -> list[Part]:
        """Run the generators on the fed batch, in ``accumulate`` parts."""
        raise NotImplementedError

    def generator_terms(self, part: Part, current_iter: int) -> dict[str, torch.Tensor]:
        """Every generator term that has a block, with its ``loss_weight``."""
        raise NotImplementedError

    def generator_loss(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the generators minimize: the sum of the terms."""
        return sum(terms.values())

    # ---- set-up ----

    def init_training(self, options: dict) -> None:
        """Losses, optimizers and schedules from ``train:``."""
        self.net_d_iters = options.get('net_d_iters', 1)
        if not isinstance(self.net_d_iters, int) or self.net_d_iters < 1:
            raise InputError(f'train: net_d_iters: {self.net_d_iters!r} is not a whole number from 1')
        self.judge_jointly = bool(options.get('judge_jointly'))
        self.terms = {name: self.build_loss(name) for name in self.NETWORKS_OF_TERM if options.get(name)}
        self.gradient_penalty = self.build_loss('gradient_penalty_opt')
        self.discriminators = [name for name in self.DISCRIMINATORS if name in self.networks]
        self.generators = [name for name in self.GENERATORS if name in self.networks]
        self.spectral_norms = [module for network in self.networks.values() for module in network.modules()
                               if isinstance(module, SpectralNorm)]
        self._check_blocks()
        self._check_stored_heatmaps()
        self._freeze(options.get('frozen') or [])
        if 'fan' in self.networks and self.opt['path'].get('pretrain_network_fan') is None:
            self._begin_as_teacher()
        self._add_optimizers(options)
        self.setup_schedulers()

    def _begin_as_teacher(self) -> None:
        try:
            self.networks['fan'].load_state_dict(self.terms['heatmap_opt'].fan.state_dict())
        except RuntimeError as error:
            raise InputError('network_fan: is not of the shape of the FAN in train: heatmap_opt, as which it begins; '
                             'give it the same options, or weights in path: pretrain_network_fan') from error

    @staticmethod
    def _term_of(discriminator: str) -> str:
        """``d_l1`` -> ``adv_l1_opt``."""
        return f'adv{discriminator.removeprefix("d")}_opt'

    def _check_blocks(self) -> None:
        """Every term needs its networks, and every discriminator its term."""
        for term in self.terms:
            for network in self.NETWORKS_OF_TERM[term]:
                if network not in self.networks:
                    raise InputError(f'train: {term}: needs network_{network}; add it or leave the block out')
        for name in self.discriminators:
            if self._term_of(name) not in self.terms:
                raise InputError(f'network_{name}: judges nothing without train: {self._term_of(name)}; add one or leave '
                                 'the other out')
        if not self.terms:
            raise InputError(f'option file: {type(self).__name__} needs at least one loss block in train:')
        if 'fan' in self.networks and 'heatmap_opt' not in self.terms:
            raise InputError('network_fan: learns nothing without train: heatmap_opt; add one or leave the other out')
        if self.judge_jointly:
            self._check_samples_apart()
        if self.net_d_iters > 1 and not self.discriminators:
            raise InputError('train: net_d_iters: there is no discriminator to step in between; set it to 1')
        if self.gradient_penalty and not self.discriminators:
            raise InputError('train: gradient_penalty_opt: there is no discriminator; leave the block out')

    def _check_samples_apart(self) -> None:
        """Batch norm would let real and generated images of one batch change each other's judgement."""
        for name in self.discriminators:
            if any(isinstance(module, torch.nn.modules.batchnorm._BatchNorm) for module in self.networks[name].modules()):
                raise InputError(f'train: judge_jointly: network_{name} has batch norm, so real and generated images must '
                                 'be judged apart; set it to false')

    def _check_stored_heatmaps(self) -> None:
        """Stored heatmaps must be what ``heatmap_opt`` would draw."""
        path = self.opt.get('datasets', {}).get('train', {}).get('heatmaps')
        if path is None:
            return
        loss = self.terms.get('heatmap_opt')
        if not isinstance(loss, HeatmapLoss):
            raise InputError('datasets: train: heatmaps: serve nothing without a HeatmapLoss in train: heatmap_opt; add '
                             'one or leave the other out')
        HeatmapStore(path).check_drawn_by(loss.drawn_by())

    def _freeze(self, names: list[str]) -> None:
        for name in names:
            check_choice('train: frozen', name, self.generators)
            self.networks[name].requires_grad_(False).eval()
        self.trained = [name for name in self.generators if name not in names]

    def _add_optimizers(self, options: dict) -> None:
        """One for each network; a shared parameter belongs to the first that has it, its gradients are summed."""
        taken = set()
        for name in (*self.trained, *self.discriminators):
            own = [p for p in self.networks[name].parameters() if p not in taken]
            taken.update(own)
            if own:
                block = 'optim_d' if name in self.discriminators else 'optim_fan' if name == 'fan' else 'optim_g'
                self.add_optimizer(name, own, options[block])

    # ---- training ----

    def feed_data(self, data: dict) -> None:
        """Low-resolution faces and, where there are any, sharp ones (for some models unpaired in training) and the
        frozen FAN's heatmaps of those."""
        self.lq = data['lq'].to(self.device, memory_format=self.memory_format)
        self.gt = data['gt'].to(self.device, memory_format=self.memory_format) if 'gt' in data else None
        self.heatmaps = data['heatmaps'].to(self.device) if 'heatmaps' in data else None

    def parts_of(self, *batch: torch.Tensor | None) -> Iterator[tuple]:
        """The tensors of a batch in ``accumulate`` parts; of None each part is None."""
        chunks = (repeat(None) if tensor is None else tensor.chunk(self.accumulate) for tensor in batch)
        return self.in_turn(zip(*chunks))

    def in_turn(self, parts: Iterable) -> Iterator:
        """The parts of a batch; spectral norms begin each where they began the first, as for one whole batch."""
        begun = [(norm.u, norm.v) for norm in self.spectral_norms]
        for part in parts:
            for norm, (u, v) in zip(self.spectral_norms, begun):
                norm.u, norm.v = u, v
            yield part

    def draw(self, purpose: int, current_iter: int, distribution, *shape: int) -> torch.Tensor:
        """Random numbers for this process's samples, (samples, *shape); ``distribution``: torch.randn or torch.rand.

        A function of seed and iteration, so that a resumed run goes on with the same numbers, and drawn for the samples
        of all processes, so that two of them see what one with the doubled batch would.
        """
        seed = np.random.SeedSequence((self.opt['manual_seed'], current_iter, purpose)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(seed))
        numbers = distribution(len(self.lq) * self.opt['world_size'], *shape, generator=generator)
        return numbers[self.opt['rank']::self.opt['world_size']].to(self.device)

    def optimize_parameters(self, current_iter: int) -> None:
        """One iteration: images, discriminators and, when it is their turn, generators."""
        generators_turn = current_iter % self.net_d_iters == 0
        with torch.set_grad_enabled(generators_turn):
            parts = self.generate(current_iter)
        losses = self.train_discriminators(parts, current_iter)
        if generators_turn:
            losses.update(self.train_generators(parts, current_iter))
        self.finish_step(losses, current_iter, average=generators_turn)

    def train_discriminators(self, parts: list[Part], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of every discriminator on images that pass no gradient back; returns their losses."""
        losses = {}
        self.set_trainable(self.discriminators, True)
        for name in self.discriminators:
            self.networks[name].train()
        mixes = self.draw(MIX, current_iter, torch.rand).split([len(part) for part in parts])
        for name in self.discriminators:
            self.named_optimizers[name].zero_grad()
            for part, mix in zip(self.in_turn(parts), mixes):
                loss = self.discriminator_loss(name, *part.judged_by(name), mix) * len(part) / len(self.lq)
                self.scaler.scale(loss).backward()
                losses[f'l_{name}'] = losses.get(f'l_{name}', 0) + loss.detach()
        self.step(self.discriminators)
        return losses

    def discriminator_loss(self, name: str, real: torch.Tensor, fake: torch.Tensor, mix: torch.Tensor) -> torch.Tensor:
        """How badly a discriminator tells real from generated images, with its gradient penalty where there is one."""
        discriminator, criterion = self.networks[name], self.terms[self._term_of(name)]
        judged_real, judged_fake = self._judge_both(discriminator, real, fake.detach())
        loss = sum(criterion(at_least_float32(judgement), target, is_disc=True)
                   for judgement, target in ((judged_real, True), (judged_fake, False)))
        if self.gradient_penalty is not None:
            loss = loss + self.gradient_penalty(discriminator, real, fake, mix)
        return loss

    def _judge_both(self, discriminator: torch.nn.Module, real: torch.Tensor, fake: torch.Tensor):
        """Judgements of real and of generated images.

        Judged one after the other, as in the released code, spectral norm iterates for the real, for the generated, and
        again in the generators' turn. ``judge_jointly`` makes one batch of them and iterates once a step: less work.
        """
        with self.autocast():
            if self.judge_jointly:
                return discriminator(torch.cat([real, fake.to(real.dtype)])).chunk(2)
            return discriminator(real), discriminator(fake)

    def judge(self, part: Part, discriminator: str) -> torch.Tensor:
        """The generators' side of an adversarial term."""
        judgement = self.networks[discriminator](part.judged_by(discriminator)[1])
        return self.terms[self._term_of(discriminator)](at_least_float32(judgement), True)

    def train_generators(self, parts: list[Part], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of the generators against the updated discriminators, one backward of the sum; returns the terms."""
        for name in self.trained:
            if name in self.named_optimizers:
                self.named_optimizers[name].zero_grad()
        self.set_trainable(self.discriminators, False)
        for name in self.discriminators:
            self.networks[name].train(not self.judge_jointly)  # in evaluation mode spectral norm rests
        losses = {}
        for part in self.in_turn(parts):
            with self.autocast():
                terms = self.generator_terms(part, current_iter)
            share = len(part) / len(self.lq)
            self.scaler.scale(self.generator_loss(terms) * share).backward()
            for name, term in terms.items():
                losses[f'l_{name}'] = losses.get(f'l_{name}', 0) + term.detach() * share
        self.step([name for name in self.trained if name in self.named_optimizers])
        return losses

    # ---- validation ----

    @torch.no_grad()
    def test(self) -> None:
        """Restore the fed low-resolution face, with the averaged network where there is one."""
        with self.tested_network() as network, self.autocast():
            self.restored = at_least_float32(network(self.lq))

    def current_images(self) -> dict[str, np.ndarray]:
        """Low-resolution face, bicubic enlargement, restored face and, where known, the true one."""
        bicubic = F.interpolate(self.lq, scale_factor=self.opt['scale'], mode='bicubic', align_corners=False)
        images = {'LR': self.lq, 'bicubic': bicubic, 'ours': self.restored}
        if self.gt is not None:
            images['HR'] = self.gt
        return {title: to_image(image[0]) for title, image in images.items()}

    def metric_inputs(self) -> dict:
        """``img`` (restored) and ``img2`` (truth), uint8 BGR as BasicSR's metrics expect."""
        images = self.current_images()
        inputs = {'img': images['ours'][..., ::-1]}
        if 'HR' in images:
            inputs['img2'] = images['HR'][..., ::-1]
        return inputs
