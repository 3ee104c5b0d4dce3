"""Store the heatmaps that the frozen FAN of ``train: heatmap_opt`` draws of the HR faces, so that training need not
draw them in each step. Both the faces as they are and mirrored: augment may flip, and nothing else.

    scgan-fan heatmaps datasets/hr_train.lmdb -o datasets/hr_train_heatmaps
    scgan-fan heatmaps datasets/hr_train.lmdb -o datasets/hr_train_heatmaps --fan 2dfan4 --half

Then name OUT as ``heatmaps`` in the dataset of the option file. A face takes 544 KiB with fan64, 2.1 MiB with
2dfan4, with --half the half. All is written aside and moved into place at the end, so what is there is whole.
"""
import argparse

import yaml

from scgan_fan.choices import STACKS
from scgan_fan.commands.line import ends_in_one_line, parser_of, positive, room


def parse_arguments() -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument('inputs', nargs='+', metavar='INPUT', help='folder or LMDB of HR faces: all that dataroot_gt '
                        'names, in the same order')
    parser.add_argument('-o', '--output', required=True, metavar='OUT')
    parser.add_argument('--size', type=positive, default=64, help='gt_size of the dataset. Default: %(default)s')
    parser.add_argument('--room', type=room, default=1, help='room_gt of the dataset. Default: %(default)s')
    as_in = parser.add_argument_group('as in train: heatmap_opt')
    as_in.add_argument('--fan', default='fan64', help='fan64, 2dfan4 or a path. Default: %(default)s')
    as_in.add_argument('--network', type=options_block, metavar='YAML',
                       help='arguments of FAN, e.g. "{num_stacks: 2}"')
    as_in.add_argument('--input-size', type=positive, help='Default: what FAN was trained for')
    as_in.add_argument('--pad', type=room, default=1.0, help='Default: %(default)s')
    as_in.add_argument('--stacks', choices=STACKS, default='last', help='Default: %(default)s')
    parser.add_argument('--device', default='auto', help='default: a GPU where there is one')
    parser.add_argument('--half', action='store_true', help='store float16: half the size. Changes the loss by about '
                        '1e-5 and its gradient by 5e-5 of their size. Default: float32, as HeatmapLoss draws them')
    parser.add_argument('--overwrite', action='store_true', help='replace heatmaps that are there already')
    return parser.parse_args()


def options_block(text: str) -> dict:
    """An option block as option files spell it."""
    try:
        block = yaml.safe_load(text)
    except yaml.YAMLError:
        block = None
    if not isinstance(block, dict):
        raise argparse.ArgumentTypeError(f'{text!r} is no block of options such as "{{num_stacks: 2}}"')
    return block


@ends_in_one_line()
def main() -> None:
    """Write the heatmaps of the command line."""
    arguments = parse_arguments()
    from scgan_fan.data.heatmap_store import write_heatmaps  # takes seconds, which --help need not
    from scgan_fan.device import use_device
    from scgan_fan.losses.heatmap_loss import HeatmapLoss
    loss = HeatmapLoss(fan=arguments.fan, network=arguments.network, input_size=arguments.input_size,
                       pad=arguments.pad, stacks=arguments.stacks)
    loss.to(use_device(arguments.device))
    count = write_heatmaps(arguments.inputs, arguments.output, loss, arguments.size, arguments.half,
                           arguments.overwrite, room=arguments.room)
    if count is None:
        print(f'{arguments.output} is finished already; --overwrite makes it again')
        return
    print(f'{arguments.output}: heatmaps of {count} faces and of their mirror images')
