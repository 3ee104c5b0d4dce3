"""What the command lines share: kinds of arguments, and how a command ends."""
import argparse
import functools
import math
import sys
from collections.abc import Callable

from scgan_fan.errors import InputError


def positive(text: str) -> int:
    """A whole number from 1."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError('must be 1 or more')
    return int(text)


def natural(text: str) -> int:
    """A whole number from 0."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError('must be 0 or more')
    return int(text)


def port(text: str) -> int:
    """A number from 1 to 65535."""
    if not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError('must be from 1 to 65535')
    return int(text)


def factor(text: str) -> float:
    """A number above 0."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError('must be a number above 0')
    return float(text)


def room(text: str) -> float:
    """A number from 1: side of an image / side of the crop in its middle."""
    if not 1 <= float(text) < math.inf:
        raise argparse.ArgumentTypeError('must be a number from 1 on')
    return float(text)


def conversion_parser(text: str, target: str) -> argparse.ArgumentParser:
    """The parser of a command that makes another file of weights.

    Args:
        text: what the command does and, behind an empty line, examples.
        target: what kind of file.
    """
    description, examples = text.split('\n\n')
    parser = argparse.ArgumentParser(description=description, epilog=f'examples:\n{examples}',
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', help='checkpoint of this package, released SCGAN or LRGAN checkpoint, bare state '
                        'dict, .safetensors file of one of these, or name of a network that comes with the package; of '
                        'params and params_ema the latter is taken')
    parser.add_argument('-o', '--output', required=True, metavar='TARGET', help=target)
    parser.add_argument('--overwrite', action='store_true', help='replace TARGET where it exists')
    return parser


def ends_in_one_line(failed: int = 1, stopped: str = 'nothing is left half-written') -> Callable:
    """Let a ``main()`` end with one line and an exit status where the input cannot be used, or at Ctrl-C (130).

    Args:
        failed: exit status at an InputError.
        stopped: what is said at Ctrl-C.
    """
    def decorate(main: Callable[[], int]) -> Callable[[], int]:
        @functools.wraps(main)
        def wrapped() -> int:
            try:
                return main()
            except InputError as error:
                print(f'error: {error}', file=sys.stderr)
                return failed
            except KeyboardInterrupt:
                print(f'stopped; {stopped}', file=sys.stderr)
                return 130
        return wrapped
    return decorate
