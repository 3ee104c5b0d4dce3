"""Measure speed on this machine: training steps by option, data loading, restoring faces, writing LMDBs.

Everything is compared with plain (float32, contiguous, nothing compiled, fused, stored or judged jointly) in the same
run: variants take turns, round after round, so that a busy machine slows all alike. Ratios are formed within a round;
printed are their median, least and greatest. Steps are of noise; data are drawn faces or those of --data.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from scgan_fan.benchmark.speed_parts import Speed
from scgan_fan.benchmark.store import write_whole
from scgan_fan.benchmark.variants import VARIANTS
from scgan_fan.commands.line import ends_in_one_line, positive

PARTS = ('step', 'heatmap', 'loading', 'restoring', 'writing')
LONG_PARTS = ('agreement', 'scaling')
EXAMPLES = """examples:
  python scripts/benchmark_speed.py -o speed.json                               everything but agreement and scaling
  python scripts/benchmark_speed.py --only step --variants bfloat16 fast        what two of the options give
  python scripts/benchmark_speed.py --only loading --data hr.lmdb lr.lmdb       is the loader the bottleneck?
  python scripts/benchmark_speed.py --only agreement --agree 200 --batch 4      do fast and plain learn the same?"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('-opt', metavar='FILE', default='options/train_scgan_fan.yml',
        help='option file, with UnpairedFaceDataset. Default: %(default)s')
    add('-o', '--output', type=Path, metavar='JSON', help='write all that was measured, and on what')
    add('--only', nargs='+', choices=PARTS + LONG_PARTS, metavar='PART',
        help=f'of {", ".join(PARTS + LONG_PARTS)}. Default: all but the last two')
    add('--variants', nargs='+', choices=VARIANTS, metavar='NAME', help='of the step, beside plain; default all: '
        + ', '.join(VARIANTS))
    add('--batch', type=positive, metavar='N', help='pairs in a step. Default: the file\'s on a GPU, else 2')
    add('--width', type=float, metavar='SHARE', help='of the papers\' channels. Default: the file\'s')
    add('--steps', type=positive, metavar='N', help='timed at a time. Default: 1 on a CPU, 20 on a GPU')
    add('--rounds', type=positive, default=3, metavar='N', help='turns of each variant. Default: %(default)s')
    add('--threads', type=positive, default=torch.get_num_threads(), metavar='N',
        help='of PyTorch. Default: %(default)s')
    add('--data', nargs=2, metavar=('HR', 'LR'), help='folders or LMDBs to load instead of drawn faces')
    add('--weights', metavar='FILE', help='of a restorer. Default: the file\'s network_g, random')
    add('--agree', type=positive, default=200, metavar='N', help='steps of each run that agreement compares. '
        'Default: %(default)s')
    arguments = parser.parse_args()
    gpu = torch.cuda.is_available()
    arguments.steps = arguments.steps or (20 if gpu else 1)
    arguments.batch = arguments.batch or (None if gpu else 2)
    return arguments


@ends_in_one_line(stopped='what was measured is in the file of -o')
def main() -> int:
    """Measure what the command line asks for, print it and write it; returns the exit status."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        speed = Speed(arguments, folder)
        print(*speed.head(), sep='\n')
        for part in arguments.only or PARTS:
            print('', *getattr(speed, part)(), sep='\n')
            if arguments.output:
                write_whole(arguments.output, lambda path: path.write_text(json.dumps(speed.report, indent=1) + '\n'))
    return 0


if __name__ == '__main__':
    sys.exit(main())
