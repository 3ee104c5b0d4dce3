"""Super-resolution from pairs: Super-FAN (CVPR 2018), its baselines, and LRGAN's variants without unpaired data."""
from dataclasses import dataclass
from typing import Any

import torch
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.models.adversarial import (adversarial_term, discriminator_loss, discriminators_learn,
                                          discriminators_rest, penalty_points)
from scgan_fan.models.face_model import FaceModel
from scgan_fan.precision import at_least_float32


@dataclass
class Pairs:
    """Sharp faces and what became of their low-resolution versions. RGB in [-1, 1]."""

    truth: torch.Tensor
    restored: torch.Tensor
    heatmaps: torch.Tensor | None = None  # of truth, where they are stored

    def __len__(self) -> int:
        return len(self.truth)


@MODEL_REGISTRY.register()
class PairedModel(FaceModel):
    """Super-FAN's Eq 5 (papers.md section 5.2), each term with a block of its own.

    Networks: ``network_g`` (super-resolution), ``network_d`` (critic), ``network_fan`` (see FaceModel).
    Options in ``train``, beside those of FaceModel: the blocks ``pixel_opt``, ``feature_opt``, ``heatmap_opt``,
    ``identity_opt``, ``adv_opt``.
    """

    GENERATORS = ('g', 'fan')
    DISCRIMINATORS = ('d',)
    SIZE_SEEN = {'d': 'gt_size'}
    NETWORKS_OF_TERM = {'pixel_opt': (), 'feature_opt': (), 'heatmap_opt': (), 'identity_opt': (), 'adv_opt': ('d',)}

    def optimize_parameters(self, current_iter: int) -> None:
        """One iteration: restore, critic, generator and learning FAN where it is their turn, average."""
        generators_learn = current_iter % self.net_d_iters == 0
        with torch.set_grad_enabled(generators_learn):
            batch = self.generate(current_iter)
        discriminators_learn(self)
        with self.step_of(self.discriminators) as losses:
            for pairs, points in self.each_microbatch(zip(batch, penalty_points(self, batch, current_iter))):
                for name in self.discriminators:
                    loss = discriminator_loss(self, name, pairs.truth, pairs.restored, points)
                    self.backward(loss, {name: loss}, len(pairs), losses)
        if generators_learn:
            discriminators_rest(self)
            with self.step_of(self.trained) as terms_of_batch:
                for pairs in self.each_microbatch(batch):
                    with self.autocast():
                        terms = self.generator_terms(pairs, current_iter)
                    total: Any = sum(terms.values())
                    self.backward(total, terms, len(pairs), terms_of_batch)
            losses |= terms_of_batch
        self.finish_step(losses, current_iter)
        if generators_learn:
            self.update_average(current_iter)

    def generate(self, current_iter: int) -> list[Pairs]:
        """Restore the fed batch, by microbatches."""
        batch = []
        for truth, small, heatmaps in self.microbatches(self.gt, self.lq, self.heatmaps):
            with self.autocast():
                batch.append(Pairs(truth, self.networks['g'](small), heatmaps))
        return batch

    def generator_terms(self, pairs: Pairs, current_iter: int) -> dict[str, torch.Tensor]:
        """Pixel, feature, heatmap, identity and adversarial term."""
        terms, restored = {}, at_least_float32(pairs.restored)
        if 'pixel_opt' in self.terms:
            terms['pixel'] = self.terms['pixel_opt'](restored, pairs.truth)
        if 'feature_opt' in self.terms:
            terms['feature'] = self.terms['feature_opt'](restored, pairs.truth)
        if 'heatmap_opt' in self.terms:
            terms['heatmap'] = self.terms['heatmap_opt'](restored, pairs.truth, current_iter, self.networks.get('fan'),
                                                         pairs.heatmaps)
        if 'identity_opt' in self.terms:
            terms['identity'] = self.terms['identity_opt'](restored, pairs.truth)
        if 'adv_opt' in self.terms:
            terms['adv'] = adversarial_term(self, 'd', pairs.restored)
        return terms
