"""The tensor names of the released SCGAN networks, and what the same tensors are called here.

The released restoration network of LRGAN (ECCV 2018) has the same names and batch norm in its blocks besides.
"""
import re
from collections.abc import Callable

import torch


def _restoration(name: str) -> str | None:
    if name.startswith('a2.'):
        return None  # a third group's skip that the released forward never runs (papers.md section 2.3)
    name = re.sub(r'\.bn([12])\.', r'.norm\1.', name)
    for pattern, ours in (
            (r'layers_in\.', r'input.'),
            (r'layers_set_final\.(\d)\.(\d+)\.', lambda m: f'body.{2 * int(m[1])}.blocks.{m[2]}.'),
            (r'layers_set_final_up\.(\d)\.(\d)\.', lambda m: f'body.{2 * int(m[1]) + 1}.{m[2]}.'),
            (r'a1\.0\.', r'body.2.skip.'),
            (r'main\.', r'head.')):
        name, found = re.subn('^' + pattern, ours, name)
        if found:
            return name
    return name


def _degradation(name: str) -> str:
    name = re.sub(r'^noise_fc\.', 'input.project.', name)
    name = re.sub(r'^in_layer\.', 'input.conv.', name)
    name = re.sub(r'^out_layer\.', 'output.', name)
    # pairs of blocks; every third "up" layer is a pixel shuffle
    name = re.sub(r'^down_layers\.(\d)\.',
                  lambda m: f'{("enc1", "enc2", "enc3", "dec1")[int(m[1]) // 2]}.{int(m[1]) % 2}.', name)
    name = re.sub(r'^up_layers\.(\d)\.', lambda m: f'dec{2 + int(m[1]) // 3}.{int(m[1]) % 3}.', name)
    return re.sub(r'(conv2|skip)\.1\.', r'\1.', name)  # there, pooling stands before the convolution


def _discriminator(name: str) -> str:
    name = re.sub(r'^residual_blocks\.', 'blocks.', name)
    name = re.sub(r'^out_layer\.(\d)\.', lambda m: f'output.{int(m[1]) + 1}.', name)
    name = re.sub(r'(conv2|skip)\.1\.', r'\1.', name)
    name = name.replace('.module.weight_bar', '.parametrizations.weight.original')
    name = re.sub(r'\.module\.weight_([uv])', r'.parametrizations.weight.0.\1', name)
    return name.replace('.module.', '.')


NAMES: dict[str, Callable[[str], str | None]] = {
    'RestorationNet': _restoration, 'DegradationNet': _degradation, 'FaceDiscriminator': _discriminator}


def convert_released(weights: dict[str, torch.Tensor], network: str) -> dict[str, torch.Tensor]:
    """The state dict of a released SCGAN network under this package's names.

    Args:
        weights: released names to tensors. SCGAN's networks were trained on BGR images (papers.md section 2.7).
        network: ``RestorationNet`` (G_RLS), ``DegradationNet`` (G_DHL, G_DSL) or ``FaceDiscriminator`` (D_*).

    Returns:
        a state dict that loads strictly with the default constructor arguments (LRGAN's: ``norm`` batch).
    """
    converted = {}
    for released, tensor in weights.items():
        name = NAMES[network](released)
        if name is not None:
            # the released upsamplers are transposed 1x1 convolutions, which store (in, out, 1, 1)
            transposed = re.fullmatch(r'layers_set_final_up\.\d\.3\.weight', released)
            converted[name] = tensor.transpose(0, 1).contiguous() if transposed else tensor
    return converted
