"""Convert weights of a restoration network: released SCGAN and LRGAN checkpoints to this package's, .pth to
.safetensors and back, half precision. The result says what network it holds and what it was made of.

    scgan-fan convert pretrained_model.pth -o scgan.safetensors
    scgan-fan convert experiments/train_scgan/models/net_g_latest.pth -o net_g_half.pth --half
"""
from scgan_fan.choices import CHANNEL_ORDERS
from scgan_fan.commands.line import conversion_parser, ends_in_one_line, positive


@ends_in_one_line()
def main() -> None:
    """Do what the command line says."""
    parser = conversion_parser(__doc__, 'file to write: .pth or .safetensors')
    parser.add_argument('--to', choices=CHANNEL_ORDERS, default='rgb', help='channel order of the images of the '
                        'result; SCGAN was released for BGR (default: %(default)s, as everywhere in this package)')
    parser.add_argument('--half', action='store_true', help='store float16, half the size; what reads it computes in '
                        'float32')
    parser.add_argument('--name', help='of the method, for people; default: what the source says')
    parser.add_argument('--size', type=positive, metavar='PIXELS', help='side of the faces that it was made for; '
                        'default: what the source says')
    arguments = parser.parse_args()
    from scgan_fan.convert import convert  # takes seconds, which --help need not
    from scgan_fan.network_loader import scale_of
    weights = convert(arguments.source, arguments.output, arguments.to, arguments.half, arguments.overwrite,
                      arguments.name, arguments.size)
    print(f'{arguments.output}: {weights.name}, x{scale_of(weights.network)}, {weights.channel_order.upper()}, '
          f'{len(weights.tensors)} tensors')
    print(', '.join(f'{option}: {value}' for option, value in weights.network.items()))
