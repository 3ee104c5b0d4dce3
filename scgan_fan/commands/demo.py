"""Restore photographs on a page in the browser: drop one, tick faces, wipe between before and after, download.

The page is served to this machine alone, and nothing is sent anywhere. It needs: pip install "scgan_fan[demo]"
"""
import argparse

from scgan_fan.commands.line import ends_in_one_line, port
from scgan_fan.shipped import DEFAULT_RESTORER

EXAMPLES = """examples:
  scgan-fan demo
  scgan-fan demo --port 8000 --weights net_g_latest.pth"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=port, default=7860, help='of 127.0.0.1. Default: %(default)s')
    parser.add_argument('--weights', default=DEFAULT_RESTORER, metavar='FILE',
                        help='of the restorer, as for scgan-fan restore. Default: %(default)s')
    parser.add_argument('--device', default='auto', help='default: a GPU where there is one')
    return parser.parse_args()


@ends_in_one_line(stopped='the page is gone')
def main() -> None:
    """Serve the page until Ctrl-C."""
    arguments = parse_arguments()
    from scgan_fan.demo import serve  # these take seconds, which --help need not
    from scgan_fan.device import use_device
    from scgan_fan.network_loader import load_restorer
    use_device(arguments.device)
    serve(load_restorer(arguments.weights), arguments.port)
