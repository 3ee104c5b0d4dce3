"""Precision of numbers."""
import torch


def at_least_float32(tensor: torch.Tensor) -> torch.Tensor:
    """What a network gave under autocast, in a precision that sums can be taken in; float64 stays."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
