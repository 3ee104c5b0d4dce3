"""Methods side by side on the same faces: a table, a picture, a page and a file of numbers.

    scgan-fan benchmark -opt options/benchmark/faces64.yml -o results/faces64

Interrupted, it continues when the same command is given again; what was restored and measured is kept in OUT.
"""
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line, parser_of, positive


@ends_in_one_line(stopped='the same command continues')
def main() -> None:
    """Run the benchmark of the command line and print its tables."""
    parser = parser_of(__doc__)
    parser.add_argument('-opt', required=True, metavar='FILE', help='option file; options/benchmark has some')
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='OUT', help='folder for everything')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='only these methods of the file')
    parser.add_argument('--images', type=positive, metavar='N', help='only the first N images of each dataset')
    parser.add_argument('--device', default='auto', help='default: a GPU where there is one')
    arguments = parser.parse_args()
    from scgan_fan.benchmark import report  # all take seconds, which --help need not
    from scgan_fan.benchmark.options import choose, read_options
    from scgan_fan.benchmark.runner import run
    from scgan_fan.device import use_device
    use_device(arguments.device)
    options = choose(read_options(arguments.opt), arguments.methods, arguments.images)
    written = report.write(run(options, arguments.output), arguments.output)
    print((arguments.output / 'results.md').read_text(encoding='utf-8'))
    print(*written, sep='\n')
