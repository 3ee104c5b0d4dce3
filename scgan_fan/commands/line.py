"""What the command lines share: kinds of arguments, and how a command ends."""
import argparse
import functools
import math
import sys
from collections.abc import Callable

from scgan_fan.errors import InputError


def _numbers(kind: type, allowed: Callable, said: str) -> Callable:
    def read(text: str):
        value = kind(text)
        if not allowed(value):
            raise argparse.ArgumentTypeError(f'must be {said}')
        return value
    read.__name__ = kind.__name__  # argparse says it where the text is no number
    return read


positive = _numbers(int, lambda value: value >= 1, '1 or more')
natural = _numbers(int, lambda value: value >= 0, '0 or more')
port = _numbers(int, lambda value: 1 <= value <= 65535, 'from 1 to 65535')
share = _numbers(float, lambda value: 0 <= value <= 1, '0 to 1')
factor = _numbers(float, lambda value: 0 < value < math.inf, 'a number above 0')
scale = _numbers(float, lambda value: 1 <= value <= 16, 'from 1 to 16')
room = _numbers(float, lambda value: 1 <= value < math.inf, 'a number from 1 on')  # side of an image / of its crop


def conversion_parser(text: str, target: str) -> argparse.ArgumentParser:
    """The parser of a command that makes another file of weights.

    Args:
        text: what the command does and, behind an empty line, examples.
        target: what kind of file.
    """
    description, examples = text.split('\n\n')
    parser = parser_of(description, f'examples:\n{examples}')
    parser.add_argument('source', help='checkpoint of this package, released SCGAN or LRGAN checkpoint, bare state '
                        'dict, .safetensors file of one of these, or name of a network that comes with the package; of '
                        'params and params_ema the latter is taken')
    parser.add_argument('-o', '--output', required=True, metavar='TARGET', help=target)
    parser.add_argument('--overwrite', action='store_true', help='replace TARGET where it exists')
    return parser


def parser_of(text: str | None, examples: str | None = None) -> argparse.ArgumentParser:
    """The parser of a command, whose ``--help`` shows the text as it is written, and examples behind the options."""
    return argparse.ArgumentParser(description=text, epilog=examples,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)


def ends_in_one_line(failed: int = 1, stopped: str = 'nothing is left half-written') -> Callable:
    """Let a ``main()`` give an exit status: 0 where it gives none, and where the input cannot be used or at Ctrl-C
    (130) another, with one line.

    Args:
        failed: exit status at an InputError.
        stopped: what is said at Ctrl-C.
    """
    def decorate(main: Callable[[], int | None]) -> Callable[[], int]:
        @functools.wraps(main)
        def wrapped() -> int:
            try:
                return main() or 0
            except InputError as error:
                print(f'error: {error}', file=sys.stderr)
                return failed
            except KeyboardInterrupt:
                print(f'stopped; {stopped}', file=sys.stderr)
                return 130
        return wrapped
    return decorate
