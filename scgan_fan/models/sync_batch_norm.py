"""Batch norm over the whole batch, however many processes share it.

torch's own SyncBatchNorm refuses tensors of the CPU and cannot be differentiated twice, which a gradient penalty needs.
"""
from collections.abc import Iterable

import torch
from torch import nn

from scgan_fan.parallel import is_parallel, mean_over_processes
from scgan_fan.precision import at_least_float32


class SyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose training statistics, and the gradients through them, are those of all processes' samples.

    The variance is put together from the processes' means and variances (Chan et al. 1979, equation 2.1, for equal
    shares), in float32 at least, so nothing cancels where the mean is large. Running statistics as torch has them: the
    variance over count - 1 values. One process, or evaluation mode: BatchNorm2d itself.

    Every process must have as many samples as the others, as the sampler deals them out, and run the same layers.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize this process's share, (batch, channels, height, width); the result is of its dtype."""
        if not (self.training and is_parallel()):
            return super().forward(x)
        own = at_least_float32(x)
        own_variance, own_mean = torch.var_mean(own, dim=(0, 2, 3), correction=0, keepdim=True)
        mean = mean_over_processes(own_mean)
        variance = mean_over_processes(own_variance + (own_mean - mean)**2)
        self._track(mean.flatten(), variance.flatten(), torch.distributed.get_world_size() * x[:, 0].numel())
        normalized = (own - mean) * (variance + self.eps).rsqrt()
        return (normalized * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)).to(x.dtype)

    running_mean: torch.Tensor
    running_var: torch.Tensor
    num_batches_tracked: torch.Tensor
    momentum: float

    @torch.no_grad()
    def _track(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)


def synchronize_batch_norm(networks: Iterable[nn.Module]) -> None:
    """Make every BatchNorm2d a SyncBatchNorm2d: in place, so parameters, buffers and their names stay."""
    for network in networks:
        for layer in network.modules():
            if type(layer) is nn.BatchNorm2d:
                layer.__class__ = SyncBatchNorm2d
