"""The semi-cycled GAN: two degradation branches, one shared restoration branch, up to four discriminators.

SCGAN (IEEE TIP 2023) and, with a heatmap block, its guidance by a face alignment network (Fathy et al. 2026). LRGAN
(ECCV 2018) is its forward cycle alone. Every network and every loss term exists if and only if the option file has its
block: an ablation is an option file.
"""
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.utils import get_root_logger
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.data.geometry import Geometry, evenly, mean_face
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.errors import InputError, check_choice
from scgan_fan.images import to_image, write_image
from scgan_fan.models.gan_model import NOISE, GANModel
from scgan_fan.precision import at_least_float32

GEOMETRY_FACES = 600, 50  # most and least of each set that are looked at before training: one or two seconds


@dataclass
class Cycles:
    """The images of one pass through both cycles; those of an absent cycle are None. RGB in [-1, 1]."""

    real_hr: torch.Tensor
    real_lr: torch.Tensor
    heatmaps: torch.Tensor | None = None  # of real_hr, where they are stored
    synthetic_lr: torch.Tensor | None = None
    sr_synthetic: torch.Tensor | None = None
    sr_real: torch.Tensor | None = None
    redegraded_lr: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.real_lr)

    def judged_by(self, discriminator: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The real and the generated images that a discriminator tells apart (papers.md section 1)."""
        return {'d_l1': (self.real_lr, self.synthetic_lr), 'd_l2': (self.real_lr, self.redegraded_lr),
                'd_h1': (self.real_hr, self.sr_synthetic), 'd_h2': (self.real_hr, self.sr_real)}[discriminator]


@MODEL_REGISTRY.register()
class SemiCycleModel(GANModel):
    """The training step of SCGAN (papers.md sections 2.5 and 2.6) and of LRGAN's three stages (section 4.2).

    Networks: ``network_g`` (R_LS); ``network_degrade_hl`` (forward cycle), ``network_degrade_sl`` (backward cycle);
    ``network_d_l1 d_l2 d_h1 d_h2``; ``network_fan`` (see GANModel). Without ``network_g`` degrade_hl is trained and
    tested alone: LRGAN's first stage.
    Options in ``train``, beside those of GANModel:

    - a loss block for each term: ``pixel_lr_opt`` (I_sL against the average-pooled I_rH), ``cycle_hr_opt`` (I_sS, I_rH),
      ``pixel_hr_opt`` (I_rS against the bicubically enlarged I_rL), ``cycle_lr_opt`` (redegraded against real I_rL),
      ``adv_l1_opt ... adv_h2_opt``, ``heatmap_opt`` and ``identity_opt`` (I_sS, I_rH), ``heatmap_real_opt`` (I_rS,
      enlarged I_rL);
    - ``forward_weight`` (theta) and ``backward_weight`` (gamma) of R_LS's two losses;
    - ``cycle_grad``: ``detached`` (released code: each network learns from its own output alone) or ``through``;
    - ``shared_parts``: parts of the degraders that are one (``all``, or names as DegradationNet.parts() gives them).
    """

    GENERATORS = ('g', 'degrade_hl', 'degrade_sl', 'fan')
    DISCRIMINATORS = ('d_l1', 'd_l2', 'd_h1', 'd_h2')
    NETWORKS_OF_TERM = {
        'pixel_lr_opt': ('degrade_hl',),
        'adv_l1_opt': ('degrade_hl', 'd_l1'),
        'cycle_hr_opt': ('degrade_hl', 'g'),
        'adv_h1_opt': ('degrade_hl', 'g', 'd_h1'),
        'heatmap_opt': ('degrade_hl', 'g'),
        'identity_opt': ('degrade_hl', 'g'),
        'pixel_hr_opt': ('degrade_sl', 'g'),
        'adv_h2_opt': ('degrade_sl', 'g', 'd_h2'),
        'heatmap_real_opt': ('degrade_sl', 'g'),
        'cycle_lr_opt': ('degrade_sl', 'g'),
        'adv_l2_opt': ('degrade_sl', 'g', 'd_l2'),
    }

    @property
    def tested(self) -> str:
        """R_LS, or the degrader where that is all there is."""
        return 'degrade_hl' if 'degrade_hl' in self.networks and 'g' not in self.networks else 'g'

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
        super().init_training(options)
        self.degraders = [name for name in ('degrade_hl', 'degrade_sl') if name in self.networks]
        if not self.degraders:
            raise InputError('option file: SemiCycleModel needs a network_degrade_hl or a network_degrade_sl')
        if 'degrade_sl' in self.networks and 'g' not in self.networks:
            raise InputError('network_degrade_sl: degrades what network_g restores; add it or leave the block out')
        if len({self.networks[name].noise_dim for name in self.degraders}) > 1:
            raise InputError('network_degrade_hl and network_degrade_sl get the same noise: give them one noise_dim')
        if self.opt['rank'] == 0 and self._training_set().get('type') == 'UnpairedFaceDataset':
            self._check_geometry()

    def _training_set(self) -> dict:
        return self.opt.get('datasets', {}).get('train', {})

    def _check_geometry(self) -> None:
        """Log how the LR faces lie in their crops, compared with the HR ones; where they lie otherwise, warn and leave a
        picture in the experiment's folder. Looks at the faces as the dataset gives them, changes and all."""
        given = self._training_set()
        unmirrored = {key: {**given[key], 'flip': False} for key in ('augment', 'augment_lq') if given.get(key)}
        dataset = UnpairedFaceDataset({**given, **unmirrored, 'heatmaps': None})  # mirrored, a shift aside would not show
        most, least = GEOMETRY_FACES
        if min(len(dataset.gt), len(dataset.lq)) < least:
            return
        items = (dataset[position] for position in evenly(len(dataset), most))
        pairs = [(to_image(item['gt']), to_image(item['lq'])) for item in items]
        geometry = Geometry(*map(mean_face, zip(*pairs)))
        logger, picture = get_root_logger(), Path(self.opt['path']['experiments_root']) / 'geometry.png'
        logger.info('Geometry: ' + '; '.join(finding.text for finding in geometry.findings()))
        for finding in geometry.advised():
            logger.warning(f'{finding.text}: {finding.advice}. See {picture}')
        if geometry.advised():
            write_image(picture, geometry.picture())

    def draw_noise(self, current_iter: int) -> torch.Tensor:
        """z of this process's samples, (batch, noise_dim)."""
        return self.draw(NOISE, current_iter, torch.randn, self.networks[self.degraders[0]].noise_dim)

    def generate(self, current_iter: int) -> list[Cycles]:
        """Run both cycles on the fed batch."""
        batch = (self.gt, self.lq, self.draw_noise(current_iter), self.heatmaps)
        return [self.run_cycles(*part) for part in self.parts_of(*batch)]

    def run_cycles(self, real_hr: torch.Tensor, real_lr: torch.Tensor, noise: torch.Tensor,
                   heatmaps: torch.Tensor | None = None) -> Cycles:
        """Generate the images of both cycles; the same noise serves both, as in the released code."""
        restore = self.networks.get('g')
        between = torch.Tensor.detach if self.cycle_grad == 'detached' else torch.nn.Identity()
        cycles = Cycles(real_hr, real_lr, heatmaps)
        with self.autocast():
            if 'degrade_hl' in self.networks:  # forward cycle: HR -> LR -> HR
                cycles.synthetic_lr = self.networks['degrade_hl'](real_hr, noise)
                if restore is not None:
                    cycles.sr_synthetic = restore(between(cycles.synthetic_lr))
            if 'degrade_sl' in self.networks:  # backward cycle: LR -> HR -> LR
                cycles.sr_real = restore(real_lr)
                cycles.redegraded_lr = self.networks['degrade_sl'](between(cycles.sr_real), noise)
        return cycles

    def generator_terms(self, cycles: Cycles, current_iter: int) -> dict[str, torch.Tensor]:
        """Every generator term that has a block, with its ``loss_weight`` (papers.md section 2.5)."""
        terms = {}

        def compare(name, *arguments):
            if f'{name}_opt' in self.terms:
                terms[name] = self.terms[f'{name}_opt'](*arguments)

        def judge(name):
            if f'adv_{name}_opt' in self.terms:
                terms[f'adv_{name}'] = self.judge(cycles, f'd_{name}')

        scale = self.opt['scale']
        if cycles.synthetic_lr is not None:
            compare('pixel_lr', at_least_float32(cycles.synthetic_lr), F.avg_pool2d(cycles.real_hr, scale))
            judge('l1')
        if cycles.sr_synthetic is not None:
            compare('cycle_hr', at_least_float32(cycles.sr_synthetic), cycles.real_hr)
            judge('h1')
            compare('heatmap', at_least_float32(cycles.sr_synthetic), cycles.real_hr, current_iter,
                    self.networks.get('fan'), cycles.heatmaps)
            compare('identity', at_least_float32(cycles.sr_synthetic), cycles.real_hr)
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
                   'identity': self.forward_weight, 'pixel_hr': self.backward_weight, 'adv_h2': self.backward_weight,
                   'heatmap_real': self.backward_weight}
        return sum(weights.get(name, 1.0) * term for name, term in terms.items())

    @torch.no_grad()
    def test(self) -> None:
        """Restore the fed low-resolution face; where there is no R_LS, degrade the sharp one."""
        if self.tested == 'g':
            return super().test()
        with self.tested_network() as network, self.autocast():
            generator = torch.Generator().manual_seed(self.opt['manual_seed'])
            noise = torch.randn(len(self.gt), network.noise_dim, generator=generator)
            self.restored = at_least_float32(network(self.gt, noise.to(self.device)))

    def current_images(self) -> dict[str, np.ndarray]:
        """As GANModel; where there is no R_LS: sharp face, its average-pooled version, and the degraded one."""
        if self.tested == 'g':
            return super().current_images()
        images = {'HR': self.gt, 'pooled': F.avg_pool2d(self.gt, self.opt['scale']), 'ours': self.restored}
        return {title: to_image(image[0]) for title, image in images.items()}

    def metric_inputs(self) -> dict:
        """As GANModel; where there is no R_LS: the degraded face against the average-pooled one."""
        if self.tested == 'g':
            return super().metric_inputs()
        images = self.current_images()
        return {'img': images['ours'][..., ::-1], 'img2': images['pooled'][..., ::-1]}
