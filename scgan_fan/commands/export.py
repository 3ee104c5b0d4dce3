"""Export a restoration network for programs without this package: ONNX (opset 20) or TorchScript, for any number and
size of faces. float32 RGB in [-1, 1] goes in and comes out. The result is compared with PyTorch before it is written:
at most 1e-4 may lie between them on [-1, 1], with --half 2/255.

    scgan-fan export pretrained_model.pth -o scgan.onnx
    scgan-fan export experiments/train_scgan/models/net_g_latest.pth -o net_g.pt --format torchscript --half
"""
from scgan_fan.choices import CHANNEL_ORDERS, EXPORTS
from scgan_fan.commands.line import conversion_parser, ends_in_one_line


@ends_in_one_line()
def main() -> None:
    """Do what the command line says."""
    parser = conversion_parser(__doc__, 'file to write')
    parser.add_argument('--format', choices=EXPORTS, default=EXPORTS[0], help='default: %(default)s')
    parser.add_argument('--half', action='store_true', help='compute in float16; images stay float32')
    parser.add_argument('--channel-order', choices=CHANNEL_ORDERS, help='what the network was trained on, where the '
                        'file does not say it (default: as the file says; BGR for the released SCGAN, else RGB)')
    arguments = parser.parse_args()
    from scgan_fan.export import export  # takes seconds, which --help need not
    difference = export(arguments.source, arguments.output, arguments.format, arguments.half,
                        arguments.channel_order, arguments.overwrite)
    print(f'{arguments.output}: {arguments.format}; differs from PyTorch by at most {difference:.2g} on [-1, 1]')
