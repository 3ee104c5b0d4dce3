"""The semi-cycled GAN: two degradation branches, one shared restoration branch, up to four discriminators.

SCGAN (IEEE TIP 2023) and, with a heatmap block, its guidance by a face alignment network (Fathy et al. 2026). Every
network and every loss term exists if and only if the option file has its block: an ablation is an option file.
"""
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import to_image
from scgan_fan.models.face_model import FaceModel
from scgan_fan.precision import at_least_float32

# What each term needs; a block without its networks is a mistake, not a wish.
NETWORKS_OF_TERM = {
    'pixel_lr_opt': ('degrade_hl',),
    'adv_l1_opt': ('degrade_hl', 'd_l1'),
    'cycle_hr_opt': ('degrade_hl',),
    'adv_h1_opt': ('degrade_hl', 'd_h1'),
    'heatmap_opt': ('degrade_hl',),
    'pixel_hr_opt': ('degrade_sl',),
    'adv_h2_opt': ('degrade_sl', 'd_h2'),
    'heatmap_real_opt': ('degrade_sl',),
    'cycle_lr_opt': ('degrade_sl',),
    'adv_l2_opt': ('degrade_sl', 'd_l2'),
}
DISCRIMINATORS = ('d_l1', 'd_l2', 'd_h1', 'd_h2')


@dataclass
class Cycles:
    """The images of one pass through both cycles; those of an absent cycle are None. RGB in [-1, 1]."""

    real_hr: torch.Tensor
    real_lr: torch.Tensor
    synthetic_lr: torch.Tensor | None = None
    sr_synthetic: torch.Tensor | None = None
    sr_real: torch.Tensor | None = None
    redegraded_lr: torch.Tensor | None = None

    def judged_by(self, discriminator: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The real and the generated images that a discriminator tells apart (papers.md section 1)."""
        return {'d_l1': (self.real_lr, self.synthetic_lr), 'd_l2': (self.real_lr, self.redegraded_lr),
                'd_h1': (self.real_hr, self.sr_synthetic), 'd_h2': (self.real_hr, self.sr_real)}[discriminator]


@MODEL_REGISTRY.register()
class SemiCycleModel(FaceModel):
    """The training step of SCGAN (papers.md sections 2.5 and 2.6).

    Networks: ``network_g`` (R_LS); ``network_degrade_hl`` (forward cycle), ``network_degrade_sl`` (backward cycle);
    ``network_d_l1 d_l2 d_h1 d_h2``. Options in ``train``:

    - a loss block for each term: ``pixel_lr_opt`` (I_sL against the average-pooled I_rH), ``cycle_hr_opt`` (I_sS, I_rH),
      ``pixel_hr_opt`` (I_rS against the bicubically enlarged I_rL), ``cycle_lr_opt`` (redegraded against real I_rL),
      ``adv_l1_opt ... adv_h2_opt``, ``heatmap_opt`` (I_sS, I_rH), ``heatmap_real_opt`` (I_rS, enlarged I_rL);
    - ``forward_weight`` (theta) and ``backward_weight`` (gamma) of R_LS's two losses;
    - ``cycle_grad``: ``detached`` (released code: each network learns from its own output alone) or ``through``;
    - ``shared_parts``: parts of the degraders that are one (``all``, or names as DegradationNet.parts() gives them);
    - ``optim_g`` for the generators, ``optim_d`` for the discriminators.
    """

    def connect_networks(self) -> None:
        """Let the two degraders share the named parts."""
        shared = self.opt.get('train', {}).get('shared_parts') or []
        if not shared:
            return
        for name in ('degrade_hl', 'degrade_sl'):
            if name not in self.networks:
                raise InputError(f'train: shared_parts: there is no network_{name} to share with')
        first, second = self.networks['degrade_hl'], self.networks['degrade_sl']
        for part in first.parts() if shared == 'all' else shared:
            check_choice('train: shared_parts', part, first.parts())
            setattr(second, part, getattr(first, part))

    def init_training(self, options: dict) -> None:
        """Losses, optimizers and schedules from ``train:``."""
        self.cycle_grad = options.get('cycle_grad', 'detached')
        check_choice('train: cycle_grad', self.cycle_grad, ('detached', 'through'))
        self.forward_weight = options.get('forward_weight', 1.0)
        self.backward_weight = options.get('backward_weight', 0.05)
        self.terms = {name: self.build_loss(name) for name in NETWORKS_OF_TERM if options.get(name)}
        self.discriminators = [name for name in DISCRIMINATORS if name in self.networks]
        self.degraders = [name for name in ('degrade_hl', 'degrade_sl') if name in self.networks]
        self._check_blocks()
        self._add_optimizers(options)
        self.setup_schedulers()

    def _check_blocks(self) -> None:
        """Every block needs its networks, and every discriminator its block."""
        for term in self.terms:
            for network in NETWORKS_OF_TERM[term]:
                if network not in self.networks:
                    raise InputError(f'train: {term}: needs network_{network}; add it or leave the block out')
        for name in self.discriminators:
            if f'adv_{name[2:]}_opt' not in self.terms:
                raise InputError(f'network_{name}: judges nothing without train: adv_{name[2:]}_opt; add one or leave '
                                 'the other out')
        if not self.degraders or not self.terms:
            raise InputError('option file: SemiCycleModel needs a network_degrade_hl or network_degrade_sl and at least '
                             'one loss block')
        if len({self.networks[name].noise_dim for name in self.degraders}) > 1:
            raise InputError('network_degrade_hl and network_degrade_sl get the same noise: give them one noise_dim')

    def _add_optimizers(self, options: dict) -> None:
        """One for each network; a shared parameter belongs to the first that has it, its gradients are summed."""
        taken = set()
        for name in ('g', *self.degraders, *self.discriminators):
            own = [p for p in self.networks[name].parameters() if p not in taken]
            taken.update(own)
            if own:
                self.add_optimizer(name, own, options['optim_d' if name in DISCRIMINATORS else 'optim_g'])

    def feed_data(self, data: dict) -> None:
        """Low-resolution faces and, where there are any, sharp ones (unpaired in training)."""
        self.lq = data['lq'].to(self.device, memory_format=self.memory_format)
        self.gt = data['gt'].to(self.device, memory_format=self.memory_format) if 'gt' in data else None

    def draw_noise(self, current_iter: int) -> torch.Tensor:
        """z of this process's samples, (batch, noise_dim).

        A function of seed and iteration, so that a resumed run goes on with the same noise, and drawn for the samples
        of all processes, so that two of them see what one with the doubled batch would.
        """
        seed = np.random.SeedSequence((self.opt['manual_seed'], current_iter)).generate_state(1)[0]
        generator = torch.Generator().manual_seed(int(seed))
        dim = self.networks[self.degraders[0]].noise_dim
        noise = torch.randn(len(self.lq) * self.opt['world_size'], dim, generator=generator)
        return noise[self.opt['rank']::self.opt['world_size']].to(self.device)

    def optimize_parameters(self, current_iter: int) -> None:
        """One iteration: images, discriminators, generators (papers.md section 2.6)."""
        noise = self.draw_noise(current_iter)
        parts = [self.run_cycles(*part) for part in zip(*(t.chunk(self.accumulate) for t in (self.gt, self.lq, noise)))]
        losses = {**self.train_discriminators(parts), **self.train_generators(parts, current_iter)}
        self.finish_step(losses, current_iter)

    def run_cycles(self, real_hr: torch.Tensor, real_lr: torch.Tensor, noise: torch.Tensor) -> Cycles:
        """Generate the images of both cycles; the same noise serves both, as in the released code."""
        restore = self.networks['g']
        between = torch.Tensor.detach if self.cycle_grad == 'detached' else torch.nn.Identity()
        cycles = Cycles(real_hr, real_lr)
        with self.autocast():
            if 'degrade_hl' in self.networks:  # forward cycle: HR -> LR -> HR
                cycles.synthetic_lr = self.networks['degrade_hl'](real_hr, noise)
                cycles.sr_synthetic = restore(between(cycles.synthetic_lr))
            if 'degrade_sl' in self.networks:  # backward cycle: LR -> HR -> LR
                cycles.sr_real = restore(real_lr)
                cycles.redegraded_lr = self.networks['degrade_sl'](between(cycles.sr_real), noise)
        return cycles

    def train_discriminators(self, parts: list[Cycles]) -> dict[str, torch.Tensor]:
        """A step of every discriminator on images that pass no gradient back; returns their losses."""
        losses = {}
        self.set_trainable(self.discriminators, True)
        for name in self.discriminators:
            self.named_optimizers[name].zero_grad()
            criterion = self.terms[f'adv_{name[2:]}_opt']
            for cycles in parts:
                real, fake = cycles.judged_by(name)
                with self.autocast():
                    judged_real, judged_fake = self.networks[name](real), self.networks[name](fake.detach())
                loss = sum(criterion(at_least_float32(judgement), target, is_disc=True)
                           for judgement, target in ((judged_real, True), (judged_fake, False)))
                loss = loss * len(real) / len(self.lq)
                self.scaler.scale(loss).backward()
                losses[f'l_{name}'] = losses.get(f'l_{name}', 0) + loss.detach()
        self.step(self.discriminators)
        return losses

    def train_generators(self, parts: list[Cycles], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of the degraders and of R_LS against the updated discriminators; returns the terms.

        One backward of the sum: with ``detached`` no network sees another's terms, so this is the released code's
        sequence of separate steps.
        """
        trained = [name for name in ('g', *self.degraders) if name in self.named_optimizers]
        for name in trained:
            self.named_optimizers[name].zero_grad()
        self.set_trainable(self.discriminators, False)
        losses = {}
        for cycles in parts:
            with self.autocast():
                terms = self.generator_terms(cycles, current_iter)
            share = len(cycles.real_lr) / len(self.lq)
            self.scaler.scale(self.generator_loss(terms) * share).backward()
            for name, term in terms.items():
                losses[f'l_{name}'] = losses.get(f'l_{name}', 0) + term.detach() * share
        self.step(trained)
        return losses

    def generator_terms(self, cycles: Cycles, current_iter: int) -> dict[str, torch.Tensor]:
        """Every generator term that has a block, with its ``loss_weight`` (papers.md section 2.5)."""
        terms = {}

        def compare(name, *arguments):
            if f'{name}_opt' in self.terms:
                terms[name] = self.terms[f'{name}_opt'](*arguments)

        def judge(name):
            if f'adv_{name}_opt' in self.terms:
                judgement = self.networks[f'd_{name}'](cycles.judged_by(f'd_{name}')[1])
                terms[f'adv_{name}'] = self.terms[f'adv_{name}_opt'](at_least_float32(judgement), True)

        scale = self.opt['scale']
        if cycles.synthetic_lr is not None:
            compare('pixel_lr', at_least_float32(cycles.synthetic_lr), F.avg_pool2d(cycles.real_hr, scale))
            judge('l1')
            compare('cycle_hr', at_least_float32(cycles.sr_synthetic), cycles.real_hr)
            judge('h1')
            compare('heatmap', at_least_float32(cycles.sr_synthetic), cycles.real_hr, current_iter)
        if cycles.sr_real is not None:
            enlarged = F.interpolate(cycles.real_lr, scale_factor=scale, mode='bicubic', align_corners=True)
            compare('pixel_hr', at_least_float32(cycles.sr_real), enlarged)
            judge('h2')
            compare('heatmap_real', at_least_float32(cycles.sr_real), enlarged, current_iter)
            compare('cycle_lr', at_least_float32(cycles.redegraded_lr), cycles.real_lr)
            judge('l2')
        return terms

    def generator_loss(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """The sum of the terms; R_LS's own are weighted by theta (forward cycle) and gamma (backward cycle)."""
        weights = {'cycle_hr': self.forward_weight, 'adv_h1': self.forward_weight, 'heatmap': self.forward_weight,
                   'pixel_hr': self.backward_weight, 'adv_h2': self.backward_weight,
                   'heatmap_real': self.backward_weight}
        return sum(weights.get(name, 1.0) * term for name, term in terms.items())

    @torch.no_grad()
    def test(self) -> None:
        """Restore the fed low-resolution face, with the averaged network where there is one."""
        network = self.net_g_ema if self.is_train and self.net_g_ema is not None else self.networks['g']
        network.eval()
        with self.autocast():
            self.restored = at_least_float32(network(self.lq))
        self.networks['g'].train(self.is_train)

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
