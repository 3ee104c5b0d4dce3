"""The semi-cycled GAN: two degradation branches, one shared restoration branch, up to four discriminators.

SCGAN (IEEE TIP 2023) and, with a heatmap block, its guidance by a face alignment network (Fathy et al. 2026). LRGAN
(ECCV 2018) is its forward cycle alone. Every network and every loss term exists if and only if the option file has its
block: an ablation is an option file.
"""
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.images import to_image
from scgan_fan.models.adversarial import (adversarial_term, discriminator_loss, discriminators_learn,
                                          discriminators_rest, judge_once, penalty_points)
from scgan_fan.models.face_model import NOISE, FaceModel
from scgan_fan.models.networks import share_parts
from scgan_fan.models.schema import SemiCycleTrain
from scgan_fan.models.synthetic_lr import gaussian_blur, partly_clean
from scgan_fan.models.terms import check_samples_apart
from scgan_fan.precision import at_least_float32

DEGRADERS = 'degrade_hl', 'degrade_sl'
BLUR = 2  # what a draw is for; see FaceModel.draw


@dataclass
class Cycles:
    """The images of one pass through both cycles; those of a cycle that is absent or rests are None. RGB in [-1, 1]."""

    real_hr: torch.Tensor  # I_rH, (batch, 3, 64, 64)
    real_lr: torch.Tensor  # I_rL, (batch, 3, 16, 16)
    heatmaps: torch.Tensor | None = None  # of real_hr, where they are stored
    synthetic_lr: torch.Tensor | None = None  # I_sL
    sr_synthetic: torch.Tensor | None = None  # I_sS
    sr_real: torch.Tensor | None = None  # I_rS
    redegraded_lr: torch.Tensor | None = None  # ^I_rL

    def __len__(self) -> int:
        return len(self.real_lr)

    def discriminated_by(self, discriminator: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The real and the generated images that a discriminator tells apart (papers.md section 1)."""
        return {'d_l1': (self.real_lr, self.synthetic_lr), 'd_l2': (self.real_lr, self.redegraded_lr),
                'd_h1': (self.real_hr, self.sr_synthetic), 'd_h2': (self.real_hr, self.sr_real)}[discriminator]


@MODEL_REGISTRY.register()
class SemiCycleModel(FaceModel):
    """The training step of SCGAN (papers.md sections 2.5 and 2.6) and of LRGAN's three stages (section 4.2).

    Networks: ``network_g`` (R_LS); ``network_degrade_hl`` (D_HL, forward cycle), ``network_degrade_sl`` (D_SL, backward
    cycle); ``network_d_l1 d_l2 d_h1 d_h2``; ``network_fan`` (see FaceModel). Without ``network_g`` degrade_hl is
    trained and tested alone: LRGAN's first stage.
    Options in ``train``, beside those of FaceModel:

    - a loss block for each term: ``pixel_lr_opt`` (I_sL and the average-pooled I_rH), ``cycle_hr_opt`` (I_sS, I_rH),
      ``pixel_hr_opt`` (I_rS against the bicubically enlarged I_rL), ``low_frequency_opt`` (average-pooled I_rS against
      I_rL; of DASR, Wei et al. 2021, section 3.3, not of our papers), ``cycle_lr_opt`` (redegraded against real I_rL),
      ``adv_l1_opt ... adv_h2_opt``, ``heatmap_opt`` and ``identity_opt`` (I_sS, I_rH), ``heatmap_real_opt`` (I_rS,
      enlarged I_rL);
    - ``forward_weight`` (theta) and ``backward_weight`` (gamma) of R_LS's two losses;
    - ``cycle_grad``: ``detached`` (released code: each network learns from its own output alone) or ``through``;
    - ``clean_share``: share of the sharp faces that R_LS restores from their average-pooled version instead of D_HL's,
      so that faces of good small photographs are no stranger to it than bad ones; ours, 0 in the papers;
    - ``blur_synthetic``: least and most sigma, in pixels of LR, of a Gaussian blur of I_sL before R_LS restores it,
      drawn for each face, so that R_LS meets all the blur of real faces; ours, absent in the papers;
    - ``shared_parts``: parts of the degraders that are one (``all``, or names as DegradationNet.parts() gives them);
    - ``simultaneous``: all networks step at once, each against the others as they were before the step (simultaneous
      gradient descent, Mescheder et al. 2017, "The Numerics of GANs", section 2), so that a discriminator sees each
      generated image once, not twice; false: the discriminators step first, as in the released code;
    - ``backward_every``: the backward cycle takes part in each so-many-th iteration; in the others D_SL, D_L2 and D_H2
      rest. 1 in the papers.
    """

    GENERATORS = ('g', 'degrade_hl', 'degrade_sl', 'fan')
    DISCRIMINATORS = ('d_l1', 'd_l2', 'd_h1', 'd_h2')
    SIZE_SEEN = {'degrade_hl': 'gt_size', 'degrade_sl': 'gt_size', 'd_l1': 'lq_size', 'd_l2': 'lq_size',
                 'd_h1': 'gt_size', 'd_h2': 'gt_size'}
    train_options = SemiCycleTrain
    trained_on = (UnpairedFaceDataset, PairedFaceDataset)
    TERMS = {  # block -> who makes the images that it looks at, one after the other; who else must be there
        'pixel_lr_opt': (('degrade_hl',), ()),
        'adv_l1_opt': (('degrade_hl',), ('d_l1',)),
        'cycle_hr_opt': (('degrade_hl', 'g'), ()),
        'adv_h1_opt': (('degrade_hl', 'g'), ('d_h1',)),
        'heatmap_opt': (('degrade_hl', 'g'), ()),
        'identity_opt': (('degrade_hl', 'g'), ()),
        'pixel_hr_opt': (('g',), ('degrade_sl',)),
        'low_frequency_opt': (('g',), ('degrade_sl',)),
        'adv_h2_opt': (('g',), ('degrade_sl', 'd_h2')),
        'heatmap_real_opt': (('g',), ('degrade_sl',)),
        'cycle_lr_opt': (('g', 'degrade_sl'), ()),
        'adv_l2_opt': (('g', 'degrade_sl'), ('d_l2',)),
    }
    NETWORKS_OF_TERM = {block: makers + others for block, (makers, others) in TERMS.items()}

    # ---- the step ----

    def optimize_parameters(self, current_iter: int) -> None:
        """One iteration: generate, discriminators, generators where it is their turn (or all at once), average."""
        generators_learn = current_iter % self.net_d_iters == 0
        with torch.set_grad_enabled(generators_learn):
            batch = self.generate(current_iter)
        if self.simultaneous:
            losses = self.train_simultaneously(batch, current_iter)
        else:
            losses = self.train_discriminators(batch, current_iter)
            if generators_learn:
                losses |= self.train_generators(batch, current_iter)
        self.finish_step(losses, current_iter)
        if generators_learn:
            self.update_average(current_iter)

    def generate(self, current_iter: int) -> list[Cycles]:
        """Both cycles' images of the fed batch, by microbatches."""
        draws = self.draw_noise(current_iter), self.draw_blur(current_iter)
        backward = current_iter % self.backward_every == 0
        return [self.run_cycles(*microbatch, backward=backward)
                for microbatch in self.microbatches(self.gt, self.lq, *draws, self.heatmaps)]

    def draw_noise(self, current_iter: int) -> torch.Tensor:
        """z of this process's samples, (batch, noise_dim)."""
        return self.draw(NOISE, current_iter, torch.randn, self.networks[self.degraders[0]].noise_dim)

    def draw_blur(self, current_iter: int) -> torch.Tensor | None:
        """The sigma of each sample's ``blur_synthetic``, (batch,)."""
        if self.blur_synthetic is None:
            return None
        least, most = self.blur_synthetic
        return least + (most - least) * self.draw(BLUR, current_iter, torch.rand)

    def run_cycles(self, real_hr: torch.Tensor, real_lr: torch.Tensor, noise: torch.Tensor,
                   blur: torch.Tensor | None = None, heatmaps: torch.Tensor | None = None, *,
                   backward: bool = True) -> Cycles:
        """Generate the images of both cycles; the same noise serves both, as in the released code."""
        restore: Any = self.networks.get('g')
        stop = torch.Tensor.detach if self.cycle_grad == 'detached' else torch.nn.Identity()
        cycles = Cycles(real_hr, real_lr, heatmaps)
        with self.autocast():
            if 'degrade_hl' in self.networks:  # forward cycle: HR -> LR -> HR
                cycles.synthetic_lr = self.networks['degrade_hl'](real_hr, noise)
                if restore is not None:
                    lr = stop(cycles.synthetic_lr)
                    lr = lr if blur is None else gaussian_blur(lr, blur)
                    cycles.sr_synthetic = restore(partly_clean(lr, real_hr, self.clean_share))
            if 'degrade_sl' in self.networks and backward:  # backward cycle: LR -> HR -> LR
                cycles.sr_real = restore(real_lr)
                cycles.redegraded_lr = self.networks['degrade_sl'](stop(cycles.sr_real), noise)
        return cycles

    def train_discriminators(self, batch: list[Cycles], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of every discriminator on images that pass no gradient back; returns their losses."""
        discriminators_learn(self)
        with self.step_of(self.discriminators) as losses:
            for cycles, points in self.each_microbatch(zip(batch, penalty_points(self, batch, current_iter))):
                for name, real, generated in self.to_judge(cycles):
                    loss = discriminator_loss(self, name, real, generated, points)
                    self.backward(loss, {name: loss}, len(cycles), losses)
        return losses

    def train_generators(self, batch: list[Cycles], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of the generators against the updated discriminators, one backward of the sum; returns the terms."""
        discriminators_rest(self)
        with self.step_of(self.trained) as losses:
            for cycles in self.each_microbatch(batch):
                with self.autocast():
                    terms = self.generator_terms(cycles, current_iter)
                self.backward(self.generator_loss(terms), terms, len(cycles), losses)
        return losses

    def train_simultaneously(self, batch: list[Cycles], current_iter: int) -> dict[str, torch.Tensor]:
        """A step of all networks from where they stand (``simultaneous``); returns losses and terms."""
        discriminators_learn(self)
        with self.step_of([*self.discriminators, *self.trained]) as losses:
            for cycles, points in self.each_microbatch(zip(batch, penalty_points(self, batch, current_iter))):
                judged = {name: judge_once(self, name, real, generated, points, losses)
                          for name, real, generated in self.to_judge(cycles)}
                with self.autocast():
                    terms = self.generator_terms(cycles, current_iter, judged)
                self.backward(self.generator_loss(terms), terms, len(cycles), losses)
        return losses

    def to_judge(self, cycles: Cycles) -> list[tuple]:
        """Each discriminator that has something to do: its name, real and generated images."""
        given = [(name, *cycles.discriminated_by(name)) for name in self.discriminators]
        return [(name, real, generated) for name, real, generated in given if generated is not None]

    def generator_terms(self, cycles: Cycles, current_iter: int,
                        judged: dict[str, torch.Tensor] | None = None) -> dict[str, torch.Tensor]:
        """Every generator term that has a block, with its ``loss_weight`` (papers.md section 2.5); ``judged``: the
        adversarial ones by their discriminators, where they are known."""
        terms = {}

        def compare(name, *arguments):
            if f'{name}_opt' in self.terms:
                terms[name] = self.terms[f'{name}_opt'](*arguments)

        def fool(discriminator):
            _, generated = cycles.discriminated_by(discriminator)
            if discriminator in self.discriminators and generated is not None:
                terms[f'adv_{discriminator[2:]}'] = (adversarial_term(self, discriminator, generated)
                                                     if judged is None else judged[discriminator])

        scale = self.opt['scale']
        if cycles.synthetic_lr is not None:  # D_HL
            compare('pixel_lr', at_least_float32(cycles.synthetic_lr), F.avg_pool2d(cycles.real_hr, scale))
            fool('d_l1')
        if cycles.sr_synthetic is not None:  # R_LS, forward
            compare('cycle_hr', at_least_float32(cycles.sr_synthetic), cycles.real_hr)
            fool('d_h1')
            compare('heatmap', at_least_float32(cycles.sr_synthetic), cycles.real_hr, current_iter,
                    self.networks.get('fan'), cycles.heatmaps)
            compare('identity', at_least_float32(cycles.sr_synthetic), cycles.real_hr)
        if cycles.sr_real is not None and cycles.redegraded_lr is not None:  # R_LS, backward, and D_SL
            enlarged = F.interpolate(cycles.real_lr, scale_factor=scale, mode='bicubic', align_corners=True)
            compare('pixel_hr', at_least_float32(cycles.sr_real), enlarged)
            compare('low_frequency', F.avg_pool2d(at_least_float32(cycles.sr_real), scale), cycles.real_lr)
            fool('d_h2')
            compare('heatmap_real', at_least_float32(cycles.sr_real), enlarged, current_iter)
            compare('cycle_lr', at_least_float32(cycles.redegraded_lr), cycles.real_lr)
            fool('d_l2')
        return terms

    def generator_loss(self, terms: dict[str, torch.Tensor]) -> torch.Tensor:
        """The sum of the terms; R_LS's own are weighted by theta (forward cycle) and gamma (backward cycle)."""
        theta, gamma = self.forward_weight, self.backward_weight
        weights = {'cycle_hr': theta, 'adv_h1': theta, 'heatmap': theta, 'identity': theta,
                   'pixel_hr': gamma, 'low_frequency': gamma, 'adv_h2': gamma, 'heatmap_real': gamma}
        return sum(weights.get(name, 1.0) * term for name, term in terms.items())

    # ---- set-up ----

    @property
    def main_network(self) -> str:  # type: ignore[override]  # it is never set
        """R_LS, or the degrader where that is all there is."""
        return 'degrade_hl' if 'degrade_hl' in self.networks and 'g' not in self.networks else 'g'

    @property
    def truth_title(self) -> str:  # type: ignore[override]
        """What metrics compare with: the sharp face, or its average-pooled version where there is no R_LS."""
        return 'HR' if self.main_network == 'g' else 'pooled'

    @classmethod
    def check_names(cls, networks: list[str], trains: bool) -> None:
        """As FaceModel; the degrader of the forward cycle can also be alone."""
        if 'degrade_hl' not in networks or 'degrade_sl' in networks:
            super().check_names(networks, trains)
        if trains and not set(DEGRADERS) & set(networks):
            raise InputError('option file: SemiCycleModel needs a network_degrade_hl or a network_degrade_sl')

    @classmethod
    def connect_networks(cls, networks: dict[str, Any], options: dict) -> None:
        """Let the two degraders share the named parts."""
        super().connect_networks(networks, options)
        if options['shared_parts']:
            share_parts(networks, *DEGRADERS, options['shared_parts'])
            if len(set(DEGRADERS) & set(options['frozen'])) == 1:
                raise InputError('train: shared_parts: one of the degraders is in frozen, the other one is not, so '
                                 'what they share could not learn; name both there, or share nothing')
        if options['simultaneous']:
            check_samples_apart(cls, networks, 'simultaneous')
        forward = any(options[block] for block, (makers, _) in cls.TERMS.items() if makers[0] == 'degrade_hl')
        if options['backward_every'] > 1 and not forward:
            raise InputError('train: backward_every: without network_degrade_hl nothing learns in between, nor '
                             'without a term of its cycle; set it to 1')
        if len({networks[name].noise_dim for name in DEGRADERS if name in networks}) > 1:
            raise InputError('network_degrade_hl and network_degrade_sl get the same noise: give them one noise_dim')

    def init_training(self, options: dict) -> None:
        """What FaceModel builds, and this method's own options."""
        self.cycle_grad = options['cycle_grad']
        self.forward_weight = options['forward_weight']
        self.backward_weight = options['backward_weight']
        self.clean_share = options['clean_share']
        self.blur_synthetic = options['blur_synthetic']
        self.simultaneous = options['simultaneous']
        self.backward_every = options['backward_every']
        super().init_training(options)
        self.degraders = [name for name in DEGRADERS if name in self.networks]

    def learners(self, term: str) -> tuple[str, ...]:
        """See FaceModel: all that made the images, or with ``cycle_grad: detached`` the last."""
        makers, _ = self.TERMS[term]
        return makers if self.cycle_grad == 'through' else makers[-1:]

    # ---- validation, also where there is no R_LS ----

    @torch.no_grad()
    def test(self) -> None:
        """Restore the fed low-resolution face; where there is no R_LS, degrade the sharp one."""
        if self.main_network == 'g':
            return super().test()
        with self.evaluated_network() as network, self.autocast():
            generator = torch.Generator().manual_seed(self.opt['manual_seed'])
            noise = torch.randn(len(self.gt), self.networks[self.main_network].noise_dim, generator=generator)
            self.restored = at_least_float32(network(self.gt, noise.to(self.device)))

    def current_images(self) -> dict[str, np.ndarray]:
        """As FaceModel; where there is no R_LS: sharp face, its average-pooled version, and the degraded one."""
        if self.main_network == 'g':
            return super().current_images()
        images = {'HR': self.gt, 'pooled': F.avg_pool2d(self.gt, self.opt['scale']), 'ours': self.restored}
        return {title: to_image(image[0]) for title, image in images.items()}
