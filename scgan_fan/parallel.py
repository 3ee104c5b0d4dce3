"""Several processes as one: the few collective operations that the training needs.

Gradients are averaged once, after the last backward of a step, instead of wrapping networks in
DistributedDataParallel: that cannot run one network twice before a backward when it has batch norm, and every network
of a semi-cycle runs twice. Without a process group every function does nothing.
"""
import functools
from collections.abc import Callable, Iterable
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

PATIENCE = timedelta(days=1)


def is_parallel() -> bool:
    """True under torchrun or SLURM."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


@torch.no_grad()
def _average(tensors: list[torch.Tensor]) -> None:
    """Replace each tensor by its mean over the processes: one transfer, bit for bit the same result everywhere."""
    if not (is_parallel() and tensors):
        return
    flat = torch.cat([tensor.flatten().float() for tensor in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors])):
        tensor.copy_(mean.view_as(tensor))


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average the gradients that are there over the processes."""
    _average([parameter.grad for parameter in parameters if parameter.grad is not None])


def average_buffers(networks: Iterable[nn.Module]) -> None:
    """Average running statistics over the processes, so that every rank holds the same network."""
    _average([buffer for network in networks for buffer in network.buffers() if buffer.is_floating_point()])


class _SumOverProcesses(torch.autograd.Function):
    """A sum that each process has of all: what each makes of it flows back to every summand."""

    @staticmethod
    def forward(ctx, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        return _SumOverProcesses.apply(gradient)


@torch.compiler.disable  # a compiled network makes its transfers as they are
def mean_over_processes(tensor: torch.Tensor) -> torch.Tensor:
    """The mean of the processes' tensors, the same bits everywhere; differentiable, more than once too."""
    return _SumOverProcesses.apply(tensor) / dist.get_world_size()


@torch.no_grad()
def broadcast_from_first(networks: Iterable[nn.Module]) -> None:
    """Give every process the first one's parameters and buffers."""
    if is_parallel():
        for network in networks:
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)


# ---- what need not be fast, and may take long ----

@functools.cache
def _patient():
    """A group of all processes for what they reach at times that lie far apart, since one has downloaded, measured or
    written something: in the usual group a wait of ten minutes (NCCL; gloo: thirty) ends the run."""
    return dist.new_group(backend='gloo', timeout=PATIENCE)


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if is_parallel():
        dist.barrier(_patient())


def first_decides(value):
    """The first process's value, on every process."""
    values = [value]
    if is_parallel():
        dist.broadcast_object_list(values, src=0, group=_patient())
    return values[0]


def largest_of_all(value: int) -> Callable[[], int]:
    """Begin to find the largest of the processes' values, beside all other work; what is returned gives it."""
    largest = torch.tensor(value)
    work = dist.all_reduce(largest, dist.ReduceOp.MAX, group=_patient(), async_op=True)

    def result() -> int:
        work.wait()
        return int(largest)
    return result


def gather_objects(value) -> list | None:
    """The value of each process, in rank order, on the first; None on the others."""
    if not is_parallel():
        return [value]
    values = [None] * dist.get_world_size() if dist.get_rank() == 0 else None
    dist.gather_object(value, values, dst=0, group=_patient())
    return values


def share_of(count: int) -> range:
    """The numbers of the samples that this process takes, in turn with the others."""
    return range(dist.get_rank(), count, dist.get_world_size()) if is_parallel() else range(count)


def gather_interleaved(values: list) -> list:
    """The values of samples that the processes took in turn, in the order of the samples, on the first process; nothing
    on the others."""
    shares = gather_objects(values) or [[]]
    return [share[turn] for turn in range(len(shares[0])) for share in shares if turn < len(share)]
