"""``python -m scgan_fan.benchmark -opt options/benchmark/faces64.yml -o results/faces64``: methods side by side.

Interrupted, it continues when the same command is given again; what was restored and measured is kept in OUT.
"""
import argparse
import sys
from pathlib import Path

from scgan_fan.benchmark import report
from scgan_fan.benchmark.options import choose, read_options
from scgan_fan.benchmark.runner import run
from scgan_fan.commands.line import positive


def main() -> int:
    """Run the benchmark of the command line and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-opt', required=True, metavar='FILE', help='option file; options/benchmark has some')
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='OUT', help='folder for everything')
    parser.add_argument('--methods', nargs='+', metavar='NAME', help='only these methods of the file')
    parser.add_argument('--images', type=positive, metavar='N', help='only the first N images of each dataset')
    arguments = parser.parse_args()
    options = choose(read_options(arguments.opt), arguments.methods, arguments.images)
    try:
        written = report.write(run(options, arguments.output), arguments.output)
    except KeyboardInterrupt:
        print('stopped; the same command continues', file=sys.stderr)
        return 130
    print((arguments.output / 'results.md').read_text(encoding='utf-8'))
    print(*written, sep='\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
