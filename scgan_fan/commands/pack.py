"""``scgan-fan pack RUN -o OUT``: what a training leaves, in few small files. See ``scgan_fan.pack``."""
import argparse
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line


def parse_arguments() -> argparse.Namespace:
    """The run, and where its pieces go."""
    parser = argparse.ArgumentParser(
        description='Archive a run\'s network (the average, in half precision), options, logs and pictures in '
                    'pieces below 16 MB; cat NAME.zip.* > NAME.zip joins them.',
        epilog='example: scgan-fan pack experiments/train_scgan_fan -o home')
    parser.add_argument('run', type=Path, metavar='RUN', help='folder of the run')
    parser.add_argument('-o', '--output', type=Path, required=True, help='folder to write')
    return parser.parse_args()


@ends_in_one_line(stopped='some pieces may be missing')
def main() -> None:
    """Pack a run."""
    arguments = parse_arguments()
    from scgan_fan.pack import pack
    for piece in pack(arguments.run, arguments.output):
        print(piece)
