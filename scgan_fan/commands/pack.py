"""Archive a run's network (the average, in half precision), options, logs and pictures in pieces below 16 MB.

    scgan-fan pack experiments/train_scgan_fan -o home
    cat home/train_scgan_fan.zip.* > train_scgan_fan.zip
"""
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line, parser_of


@ends_in_one_line(stopped='some pieces may be missing')
def main() -> None:
    """Pack a run."""
    parser = parser_of(__doc__)
    parser.add_argument('run', type=Path, metavar='RUN', help='folder of the run')
    parser.add_argument('-o', '--output', type=Path, required=True, help='folder to write')
    arguments = parser.parse_args()
    from scgan_fan.pack import pack
    for piece in pack(arguments.run, arguments.output):
        print(piece)
