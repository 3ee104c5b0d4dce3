"""Export a restoration network for programs without this package: ONNX (opset 20) or TorchScript, for any number and
size of faces. float32 RGB in [-1, 1] goes in and comes out. The result is compared with PyTorch before it is written:
at most 1e-4 may lie between them on [-1, 1], with --half 2/255.

    scgan-fan export pretrained_model.pth -o scgan.onnx
    scgan-fan export experiments/train_scgan/models/net_g_latest.pth -o net_g.pt --format torchscript --half
"""
import argparse

from scgan_fan.commands.line import ends_in_one_line
from scgan_fan.export import FORMATS, export
from scgan_fan.network_loader import CHANNEL_ORDERS


def parse_arguments() -> argparse.Namespace:
    description, example = __doc__.split('\n\n')
    parser = argparse.ArgumentParser(description=description, epilog=f'examples:\n{example}',
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='checkpoint of this package, released SCGAN or LRGAN checkpoint, bare state '
                        'dict, .safetensors file of one of these, or name of a network that comes with the '
                        'package')
    parser.add_argument('-o', '--output', required=True, metavar='TARGET', help='file to write')
    parser.add_argument('--format', choices=FORMATS, default='onnx', help='default: %(default)s')
    parser.add_argument('--half', action='store_true', help='compute in float16; images stay float32')
    parser.add_argument('--channel-order', choices=CHANNEL_ORDERS, help='what the network was trained on, where the '
                        'file does not say it (default: as the file says; BGR for the released SCGAN, else RGB)')
    parser.add_argument('--overwrite', action='store_true', help='replace TARGET where it exists')
    return parser.parse_args()


@ends_in_one_line()
def main() -> int:
    """Do what the command line says; returns the exit status."""
    arguments = parse_arguments()
    difference = export(arguments.source, arguments.output, arguments.format, arguments.half,
                        arguments.channel_order, arguments.overwrite)
    print(f'{arguments.output}: {arguments.format}; differs from PyTorch by at most {difference:.2g} on [-1, 1]')
    return 0

