"""The tensor names of the released SCGAN networks, and what the same tensors are called here.

The released restoration network of LRGAN (ECCV 2018) has the same names and batch norm in its blocks besides.
"""
import functools
import re

import torch

PREFIXES = {  # class here -> how a released name begins -> how ours does
    'RestorationNet': {
        'layers_in.': 'input.', 'a1.0.': 'body.2.skip.', 'main.': 'head.',
        **{f'layers_set_final.{i}.': f'body.{2 * i}.blocks.' for i in range(3)},
        **{f'layers_set_final_up.{i}.': f'body.{2 * i + 1}.' for i in range(3)}},
    'DegradationNet': {
        'noise_fc.': 'input.project.', 'in_layer.': 'input.conv.', 'out_layer.': 'output.',
        **{f'down_layers.{i}.': f'{("enc1", "enc2", "enc3", "dec1")[i // 2]}.{i % 2}.' for i in range(8)},
        **{f'up_layers.{i}.': f'dec{2 + i // 3}.{i % 3}.' for i in range(6)}},  # a pixel shuffle and two blocks each
    'FaceDiscriminator': {
        'residual_blocks.': 'blocks.', **{f'out_layer.{i}.': f'output.{i + 1}.' for i in range(3)}}}
PARTS = (
    (r'\.bn([12])\.', r'.norm\1.'), (r'(conv2|skip)\.1\.', r'\1.'),  # there, pooling stands before the convolution
    (r'\.module\.weight_bar', '.parametrizations.weight.original'),
    (r'\.module\.weight_([uv])', r'.parametrizations.weight.0.\1'), (r'\.module\.', '.'))


def _ours(network: str, name: str) -> str | None:
    if network == 'RestorationNet' and name.startswith('a2.'):
        return None  # a third group's skip that the released forward never runs (papers.md section 2.3)
    begin = next((prefix for prefix in PREFIXES[network] if name.startswith(prefix)), '')
    name = PREFIXES[network].get(begin, '') + name.removeprefix(begin)
    for pattern, part in PARTS:
        name = re.sub(pattern, part, name)
    return name


NAMES = {network: functools.partial(_ours, network) for network in PREFIXES}


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
