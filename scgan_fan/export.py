"""Restorers for programs without this package: ONNX and TorchScript.

Both take float32 RGB faces (N, 3, h, w) in [-1, 1], any N, h and w, and give float32 RGB (N, 3, scale * h, scale * w)
in [-1, 1]: the order of the channels, the clamp and the half precision are inside. A JSON object says this, the name,
the scale, and the file that it was made of: in an ONNX file the metadata ``scgan_fan``, in a TorchScript file the extra
file ``scgan_fan.json``. In ONNX (opset 20) the input is called ``images``, the output ``restored``.

PyTorch has deprecated TorchScript, which is here for programs that embed it.
"""
import io
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from drawn_faces import degrade_hidden, draw_face
from scgan_fan.choices import EXPORTS
from scgan_fan.convert import check_target, origin
from scgan_fan.errors import InputError, check_choice
from scgan_fan.files import written_whole
from scgan_fan.images import to_tensor
from scgan_fan.network_loader import METADATA_KEY, RELEASED_SIZE, OnnxNetwork, Restorer, load_restorer
from scgan_fan.shipped import find_weights

OPSET = 20
TOLERANCES = {torch.float32: 1e-4, torch.float16: 2 / 255}  # largest difference on [-1, 1]; of half, one 8-bit level


def export(source: str | Path, target: str | Path, format: str = 'onnx', half: bool = False,
           channel_order: str | None = None, overwrite: bool = False) -> float:
    """Export the restorer in a file, and compare the result with it on drawn faces before it is written.

    Args:
        source: any file of weights that ``network_loader.load_restorer`` reads, but ONNX; or a shipped network's name.
        target: the file to write.
        format: ``onnx`` or ``torchscript``.
        half: compute in float16.
        channel_order: see ``load_restorer``.
        overwrite: replace ``target`` where it exists.

    Returns:
        the largest difference to PyTorch's float32 result, on [-1, 1]: at most 1e-4, with ``half`` 2/255.

    Raises:
        InputError: ``source`` cannot be read or ``target`` not be written, a library is missing, or the result differs
            by more.
    """
    check_choice('format', format, EXPORTS)
    check_target(target, overwrite)
    source = find_weights(source)
    if source.suffix.lower() == '.onnx':
        raise InputError(f'{source}: is exported already; give the checkpoint that it was made of')
    restorer = load_restorer(source, 'cpu', channel_order)
    faces = [_faces(2, RELEASED_SIZE // 2), _faces(1, restorer.size or RELEASED_SIZE)]  # half precision is slow on CPUs
    expected = [restorer(batch) for batch in faces]
    dtype = torch.float16 if half else torch.float32
    facts = {'name': restorer.name, 'scale': restorer.scale, 'size': restorer.size, 'channel_order': 'rgb',
             'value_range': [-1, 1], 'precision': str(dtype).removeprefix('torch.'), **origin(source)}
    write, read = FORMATS[format]
    data = write(_Exported(restorer, dtype), faces[0], facts)
    exported = read(data, str(target))
    difference = max((exported(batch) - result).abs().max().item() for batch, result in zip(faces, expected))
    if not difference <= TOLERANCES[dtype]:  # NaN, too
        raise InputError(f'{target}: not written: differs from PyTorch by {difference:.2g}, more than '
                         f'{TOLERANCES[dtype]:.2g}{"; export it without --half" if half else ""}')
    with written_whole(target, durable=True) as file:
        file.write(data)
    return difference


class _Exported(nn.Module):
    """float32 in and out, whatever the precision between."""

    def __init__(self, restorer: Restorer, dtype: torch.dtype):
        super().__init__()
        self.restorer = restorer.to(dtype)
        self.dtype = dtype

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.restorer(images.to(self.dtype)).float()


def _faces(count: int, size: int) -> torch.Tensor:
    """Drawn low-resolution faces, (count, 3, size, size), RGB in [-1, 1]."""
    rng = np.random.default_rng(0)
    return torch.stack([to_tensor(degrade_hidden(draw_face(rng)[0], rng, size)) for _ in range(count)])


def _to_onnx(module: nn.Module, example: torch.Tensor, facts: dict) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of torch, about itself
        try:
            program = torch.onnx.export(
                module.eval(), (example,), dynamo=True, opset_version=OPSET, verbose=False, input_names=['images'],
                output_names=['restored'], dynamic_shapes=({0: 'batch', 2: 'height', 3: 'width'},))
        except ImportError as error:
            raise InputError(f'ONNX: needs onnx and onnxscript ({error}); pip install "scgan_fan[export]"') from error
    assert program is not None  # with dynamo
    program.model.metadata_props[METADATA_KEY] = json.dumps(facts)
    return program.model_proto.SerializeToString()


def _to_torchscript(module: nn.Module, example: torch.Tensor, facts: dict) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # deprecation, and checks of shapes that a trace leaves out
        traced = torch.jit.trace(module.eval(), example, check_trace=False)  # ``export`` compares
        torch.jit.save(traced, buffer, _extra_files={f'{METADATA_KEY}.json': json.dumps(facts)})
    return buffer.getvalue()


def _from_torchscript(data: bytes, label: str) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        return torch.jit.load(io.BytesIO(data))


FORMATS = dict(zip(EXPORTS, ((_to_onnx, OnnxNetwork), (_to_torchscript, _from_torchscript))))
