"""Spectral normalisation: a weight divided by its largest singular value (Miyato et al. 2018)."""
from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

Layer = TypeVar('Layer', bound=nn.Module)


class SpectralNorm(nn.Module):
    """Parametrization W -> W / sigma with sigma = u^T W v, W flattened to (out, -1).

    One power iteration for each forward in training mode, first v, then u, as the released SCGAN code iterates
    (papers.md section 1; torch's own parametrization goes u first). In evaluation mode u and v rest. Always in the
    weight's own precision: torch's would run the iteration in bfloat16 under autocast.
    """

    u: torch.Tensor
    v: torch.Tensor

    def __init__(self, weight: torch.Tensor, eps: float = 1e-12):
        super().__init__()
        self.eps = eps
        matrix = weight.detach().flatten(1)
        self.register_buffer('u', F.normalize(torch.randn_like(matrix[:, 0]), dim=0, eps=eps))
        self.register_buffer('v', F.normalize(torch.randn_like(matrix[0]), dim=0, eps=eps))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training:
                self._iterate(matrix.detach())
            u, v = self.u.clone(), self.v.clone()  # the backward needs these, whatever later forwards make of buffers
            return weight / torch.dot(u, torch.mv(matrix, v))

    @torch.no_grad()
    def _iterate(self, matrix: torch.Tensor) -> None:
        # in place: a CUDA graph, once recorded, reads and writes the same memory for ever
        self.v.copy_(F.normalize(torch.mv(matrix.t(), self.u), dim=0, eps=self.eps))
        self.u.copy_(F.normalize(torch.mv(matrix, self.v), dim=0, eps=self.eps))


def spectral_norm(layer: Layer) -> Layer:
    """Put ``layer.weight`` (convolution or linear) under SpectralNorm and return the layer."""
    parametrize.register_parametrization(layer, 'weight', SpectralNorm(cast(torch.Tensor, layer.weight)))
    return layer
