"""The released SCGAN networks, filled by the rule of the reference (data/README.md) instead of trained weights."""
import zlib
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / 'data'


def standard_normal(name: str, shape) -> torch.Tensor:
    return torch.from_numpy(np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape))


def released_shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    shapes = {}
    for line in (DATA / 'scgan_state_dict.tsv').read_text().splitlines()[1:]:
        network, tensor, shape = line.split('\t')
        shapes.setdefault(network, {})[tensor] = () if shape == 'scalar' else tuple(map(int, shape.split('x')))
    return shapes


def filled(network: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights by the reference's filling rule."""
    weights = {}
    for tensor, shape in shapes.items():
        r = standard_normal(f'{network}.{tensor}', shape or ())
        if tensor.endswith('num_batches_tracked'):
            weights[tensor] = torch.zeros((), dtype=torch.int64)
        elif tensor.endswith('running_mean'):
            weights[tensor] = 0.1 * r
        elif tensor.endswith('running_var'):
            weights[tensor] = 0.5 + r.abs()
        elif tensor.endswith('bias'):
            weights[tensor] = 0.05 * r
        elif tensor.endswith(('weight_u', 'weight_v')):
            continue
        elif len(shape) == 1:
            weights[tensor] = 1 + 0.1 * r
        else:
            weights[tensor] = r / np.prod(shape[1:]) ** 0.5
    for tensor in [name for name in weights if name.endswith('weight_bar')]:
        matrix = weights[tensor].flatten(1)
        u = torch.linalg.eigh(matrix @ matrix.t())[1][:, -1]  # first left singular vector, without the whole SVD
        weights[tensor.replace('weight_bar', 'weight_u')] = u
        weights[tensor.replace('weight_bar', 'weight_v')] = torch.nn.functional.normalize(matrix.t() @ u, dim=0)
    return weights
