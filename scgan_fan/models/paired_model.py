"""Super-resolution from pairs: Super-FAN (CVPR 2018), its baselines, and LRGAN's variants that need no unpaired data."""
from dataclasses import dataclass

import torch
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.models.gan_model import GANModel
from scgan_fan.precision import at_least_float32


@dataclass
class Pairs:
    """Sharp faces and what became of their low-resolution versions. RGB in [-1, 1]."""

    truth: torch.Tensor
    restored: torch.Tensor
    heatmaps: torch.Tensor | None = None  # of truth, where they are stored

    def __len__(self) -> int:
        return len(self.truth)

    def judged_by(self, discriminator: str) -> tuple[torch.Tensor, torch.Tensor]:
        """The real and the generated images that the one discriminator tells apart."""
        return self.truth, self.restored


@MODEL_REGISTRY.register()
class PairedModel(GANModel):
    """Super-FAN's Eq 5 (papers.md section 5.2), each term with a block of its own.

    Networks: ``network_g`` (super-resolution), ``network_d`` (critic), ``network_fan`` (see GANModel).
    Options in ``train``, beside those of GANModel: the blocks ``pixel_opt``, ``feature_opt``, ``heatmap_opt``,
    ``identity_opt``, ``adv_opt``.
    """

    GENERATORS = ('g', 'fan')
    DISCRIMINATORS = ('d',)
    NETWORKS_OF_TERM = {'pixel_opt': (), 'feature_opt': (), 'heatmap_opt': (), 'identity_opt': (), 'adv_opt': ('d',)}

    def generate(self, current_iter: int) -> list[Pairs]:
        """Restore the fed batch."""
        parts = []
        for truth, small, heatmaps in self.parts_of(self.gt, self.lq, self.heatmaps):
            with self.autocast():
                parts.append(Pairs(truth, self.networks['g'](small), heatmaps))
        return parts

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
            terms['adv'] = self.judge(pairs, 'd')
        return terms
