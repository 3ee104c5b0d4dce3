"""The heatmap loss: a restored face must have its landmarks where the true face has them."""
from typing import Annotated, Literal, get_args

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from scgan_fan.archs.fan_arch import FAN
from scgan_fan.checkpoint import content_hash
from scgan_fan.choices import STACKS, Stacks
from scgan_fan.errors import InputError, check_choice
from scgan_fan.faces.fan_weights import load_fan
from scgan_fan.precision import at_least_float32
from scgan_fan.schema_types import Count, file_or, number, options_of

FANName = Annotated[str, file_or('fan64', '2dfan4', 'random')]
FANOptions = Annotated[dict, options_of(FAN)]
Pad = Annotated[float, number(1)]
Distance = Literal['l2', 'l1']


@LOSS_REGISTRY.register()
class HeatmapLoss(nn.Module):
    """Distance between the heatmaps that a frozen FAN draws of two faces (Super-FAN, Eq 4; papers.md section 6.2):

        H(a, b) = 1/B 1/N sum_n sum_ij (FAN(a)^n_ij - FAN(b)^n_ij)^2,   N = 68 landmarks, batch of B

    FAN stays in evaluation mode, its weights never change and get no gradient; only the first image does. Heatmaps of
    the true face may therefore be drawn once and stored: ``scgan_fan.data.heatmap_store``.

    Args:
        loss_weight: lambda. With the published FAN (64x64 maps, Gaussians of 1.75 px) a landmark missed altogether
            costs 19.2, and 0.05 makes the term comparable to the L1 terms; with ``fan64`` (32x32, 1 px) it costs 6.3.
        fan: ``fan64`` (shipped with the package), ``2dfan4`` (published; from the cache or downloaded), a path, or
            ``random`` (for tests only).
        network: constructor arguments of FAN, needed for a path or ``random`` and for fewer stacks of ``2dfan4``.
        input_size: height and width at which FAN looks; None: what the weights were trained for. Images of another
            size are resized bilinearly. 64 for ``2dfan4`` is papers.md's "native" (out of its distribution).
        pad: side of FAN's view relative to the image, 1 for none. FAN's own crop shows a face in half of the side: a
            crop filled to 0.8 by the face needs 1.6. Border pixels are repeated.
        stacks: hourglasses compared: ``last``, ``first`` or ``mean`` of all.
        distance: ``l2`` (squared) or ``l1``.
        reduction: ``sum`` over pixels as in Eq 4, or ``mean``.
        start_iter: the term is 0 before this iteration.
        warmup_iter: then grows linearly over so many.

    Raises:
        InputError: unknown option value, or FAN's weights cannot be had.
    """

    def __init__(self, loss_weight: float = 0.05, fan: FANName = 'fan64', network: FANOptions | None = None,
                 input_size: Count | None = None, pad: Pad = 1.0, stacks: Stacks = 'last', distance: Distance = 'l2',
                 reduction: str = 'sum', start_iter: int = 0, warmup_iter: int = 0):
        super().__init__()
        check_choice('HeatmapLoss stacks', stacks, STACKS)
        check_choice('HeatmapLoss distance', distance, get_args(Distance))
        check_choice('HeatmapLoss reduction', reduction, ('sum', 'mean'))
        if pad < 1:
            raise InputError(f'HeatmapLoss pad: {pad} is below 1, which is no padding')
        self.fan, trained_size = load_fan(fan, network)
        self.input_size = input_size or trained_size
        if self.input_size % self.fan.side_multiple:
            raise InputError(f'HeatmapLoss input_size: {self.input_size} is not a multiple of '
                             f'{self.fan.side_multiple}, which FAN needs')
        self.loss_weight = loss_weight
        self.pad = pad
        self.stacks = stacks
        self.difference = F.mse_loss if distance == 'l2' else F.l1_loss
        self.reduction = reduction
        self.start_iter = start_iter
        self.warmup_iter = warmup_iter

    def forward(self, restored: torch.Tensor, truth: torch.Tensor, current_iter: int | None = None,
                student: nn.Module | None = None, wanted: torch.Tensor | None = None) -> torch.Tensor:
        """Compare two batches of faces.

        Args:
            restored: (batch, 3, height, width), RGB in [-1, 1]; the gradient goes here.
            truth: the same faces as they are; no gradient.
            current_iter: for ``start_iter`` and ``warmup_iter``; None: the full weight.
            student: a FAN of the same shape that looks at the restored faces in the frozen one's stead and learns with
                the restoration (Super-FAN's joint training, papers.md section 5.3).
            wanted: ``heatmaps(truth)``, where they are stored; None: they are drawn now. Stored ones were drawn in
                float32, those drawn under autocast are of its precision.

        Returns:
            scalar, weighted.

        Raises:
            InputError: faces or heatmaps of different shapes.
        """
        if restored.shape != truth.shape:
            raise InputError(f'HeatmapLoss: faces of {tuple(restored.shape)} and {tuple(truth.shape)} pixels compared')
        weight = self.loss_weight * self._growth(current_iter)
        if weight == 0:
            return restored.new_zeros(())
        found = self.heatmaps(restored, student)
        if wanted is None:
            with torch.no_grad():
                wanted = self.heatmaps(truth)
        if found.shape != wanted.shape:
            raise InputError(f'HeatmapLoss: heatmaps {tuple(found.shape)} of restored faces and {tuple(wanted.shape)} '
                             'of true ones compared; write stored heatmaps again, or give network_fan the options of '
                             'heatmap_opt')
        distance = self.difference(at_least_float32(found), at_least_float32(wanted), reduction='sum')
        batch, maps, height, width = found.shape
        return weight * distance / (batch * maps * (height * width if self.reduction == 'mean' else 1))

    def _growth(self, current_iter: int | None) -> float:
        """The share of the weight at an iteration: 0, a ramp, 1."""
        if current_iter is None:
            return 1.0
        if current_iter <= self.start_iter:
            return 0.0
        return min(1.0, (current_iter - self.start_iter) / max(1, self.warmup_iter))

    def heatmaps(self, images: torch.Tensor, student: nn.Module | None = None) -> torch.Tensor:
        """Heatmaps as they are compared, of faces (batch, 3, height, width), RGB in [-1, 1]: (batch, maps, height,
        width), maps: landmarks, those of all stacks where ``stacks`` is ``mean``. ``student`` stands in for FAN.
        """
        heatmaps = (student or self.fan)(self._prepare(images))
        return torch.cat({'last': heatmaps[-1:], 'first': heatmaps[:1], 'mean': heatmaps}[self.stacks], dim=1)

    def drawn_by(self) -> dict:
        """What ``heatmaps(images)`` depends on beside the images: FAN (SHA-256 of its weights) and how it looks."""
        fan = content_hash([self.fan.stem_stride, type(self.fan.pool).__name__, dict(self.fan.state_dict())])
        return {'fan': fan, 'input_size': self.input_size, 'pad': self.pad, 'stacks': self.stacks}

    def _prepare(self, images: torch.Tensor) -> torch.Tensor:
        """[-1, 1] -> [0, 1], room around the face, FAN's size."""
        images = images.add(1).div(2)
        if self.pad > 1:
            margin = round(images.shape[-1] * (self.pad - 1) / 2)
            images = F.pad(images, (margin,) * 4, mode='replicate')
        size = (self.input_size, self.input_size)
        if images.shape[-2:] == size:
            return images
        # antialias matters only where the image is larger than FAN's input
        return F.interpolate(images, size, mode='bilinear', align_corners=False,
                             antialias=images.shape[-1] > self.input_size)

    def train(self, mode: bool = True) -> 'HeatmapLoss':
        """FAN stays in evaluation mode whatever the model around it does."""
        return super().train(False)
