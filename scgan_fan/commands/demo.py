"""Restore photographs on a page in the browser: drop one, tick faces, wipe between before and after, download.

The page is served to this machine alone, and nothing is sent anywhere. It needs: pip install "scgan_fan[demo]"

    scgan-fan demo
    scgan-fan demo --port 8000 --weights net_g_latest.pth
"""
from scgan_fan.commands.line import ends_in_one_line, parser_of, port
from scgan_fan.extras import require_extra
from scgan_fan.shipped import DEFAULT_RESTORERS


@ends_in_one_line(stopped='the page is gone')
def main() -> None:
    """Serve the page until Ctrl-C."""
    parser = parser_of(__doc__)
    parser.add_argument('--port', type=port, default=7860, help='of 127.0.0.1. Default: %(default)s')
    parser.add_argument('--weights', nargs='+', default=DEFAULT_RESTORERS, metavar='FILE',
                        help=f'of the restorer, as for scgan-fan restore. Default: {" ".join(DEFAULT_RESTORERS)}')
    parser.add_argument('--device', default='auto', help='default: a GPU where there is one')
    arguments = parser.parse_args()
    require_extra('gradio', 'demo', '"scgan_fan[demo]"')
    from scgan_fan.demo import serve  # these take seconds, which --help need not
    from scgan_fan.device import use_device
    from scgan_fan.network_loader import load_restorer
    use_device(arguments.device)
    serve(load_restorer(arguments.weights), arguments.port)
