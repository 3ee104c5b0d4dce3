"""Make training data from a collection of photographs: find the faces, cut them by one rule, leave out bad ones and
doubles, split by person or photograph, store as LMDBs, and say what was dropped and why.

Interrupted, it continues when the same command is given again. Look at OUT/contact_sheet.png before you train.
"""
import argparse
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from scgan_fan.choices import DETECTORS
from scgan_fan.commands.line import ends_in_one_line, factor, natural, positive, room, share
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import MARGIN
from scgan_fan.prepare.collections import BOXES, BOXES_TO_CROP_BY, COLLECTIONS
from scgan_fan.prepare.degrade import PRESETS, degrade
from scgan_fan.prepare.filters import SHARP

EXAMPLES = """examples:
    scgan-fan prepare ffhq datasets/ffhq -o datasets/hr --size 64
    scgan-fan prepare wider datasets/wider -o datasets/lr --size 16 --max_face 37
    scgan-fan prepare wider datasets/wider -o datasets/lr --size 16 --max_face 40 --room 1.3 --native
    scgan-fan prepare degrade datasets/hr/val.lmdb -o datasets/val_lr --preset scgan
"""
SHARP_SIZE = 64  # what ``SHARP`` was measured for


def parse_arguments() -> argparse.Namespace:
    layout: dict[str, Any] = {'description': __doc__, 'epilog': EXAMPLES,
                              'formatter_class': argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(**layout)
    commands = parser.add_subparsers(metavar='COLLECTION', required=True,
                                     help='or degrade. COLLECTION --help tells of its layout and of the options')
    for name, reader in COLLECTIONS.items():
        text = str(reader.__doc__)
        first_line = text.partition('\n')[0]
        layout['description'] = text.replace('\n    ', '\n')
        _add_options(commands.add_parser(name, help=first_line, **layout), name)
    layout['description'] = 'Make low-resolution faces of sharp ones, for tests with ground truth.'
    _add_degrade_options(commands.add_parser('degrade', help=layout['description'], **layout))
    return parser.parse_args()


def _add_options(parser: argparse.ArgumentParser, collection: str) -> None:
    parser.add_argument('input', metavar='INPUT', help='folder that the collection was unpacked into')
    parser.add_argument('-o', '--output', required=True, type=Path, metavar='OUT', help='folder to write')
    parser.add_argument('--size', type=positive, default=64, help='side of the crops. Default: %(default)s pixels')
    parser.add_argument('--margin', type=factor, default=MARGIN, help='side of the crop relative to the longer side of '
                        'the face, forehead to chin: 1.3 shows more around it. Default: %(default)s')
    parser.add_argument('--room', type=room, default=1, help='side of what is stored, relative to the crop in its '
                        'middle: 1.3 leaves room for shifts, scales and rotations. room_gt, room_lq and room of the '
                        'datasets must be the same. Default: %(default)s')
    parser.add_argument('--native', action='store_true', help='store the photograph\'s own pixels, not reduced to '
                        'SIZE; for low-resolution faces that training shifts and turns')
    parser.add_argument('--min_face', type=positive, help='least side of a crop in the photograph. Default: SIZE, so '
                        'that nothing is enlarged')
    parser.add_argument('--max_face', type=positive, help='largest side of a crop in the photograph')
    for flag in ('blur', 'occlusion'):
        parser.add_argument(f'--max_{flag}', type=int, choices=(0, 1, 2), default=2, help=f'WIDER FACE\'s {flag} flag: '
                            '0 none, 1 some, 2 heavy. Default: %(default)s')
    parser.add_argument('--sharpness', type=share, help='least share of detail; crops below count as enlarged or '
                        f'blurred. Default: {SHARP} for crops of {SHARP_SIZE} pixels, else 0, which keeps all')
    parser.add_argument('--val_share', type=share, default=0.02, help='of the persons or photographs, for validation. '
                        'Default: %(default)s')
    parser.add_argument('--detector', default=BOXES if collection in BOXES_TO_CROP_BY else DETECTORS[0],
                        help=f'{", ".join(DETECTORS)}, a file of RetinaFace weights, or {BOXES}: crop by the '
                        'collection\'s own boxes. Default: %(default)s')
    parser.add_argument('--workers', type=positive, default=os.cpu_count(), help='processes. Default: one per core')
    parser.add_argument('--device', default='cpu', help='of FAN and RetinaFace. On a GPU each of the processes takes '
                        'memory of its own: give fewer workers. Default: %(default)s')
    parser.add_argument('--landmarks', action='store_true', help='write the 68 landmarks of each face too')
    parser.add_argument('--keep_duplicates', action='store_true', help='keep faces that are nearly the same')
    parser.set_defaults(run=_prepare, collection=collection)


def _add_degrade_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('input', metavar='HR', help='folder or .lmdb of square images of 4 x SIZE pixels or more')
    parser.add_argument('-o', '--output', required=True, metavar='LR', help='folder to write')
    parser.add_argument('--preset', choices=PRESETS, default='scgan', help='scgan: blur for a face of 512 pixels, '
                        'scgan_literal: as printed, superfan. Default: %(default)s')
    parser.add_argument('--size', type=positive, default=16, help='side of the results. Default: %(default)s pixels')
    parser.add_argument('--room', type=room, default=1, help='what HR was prepared with; the results are of the crops. '
                        'Default: %(default)s')
    parser.add_argument('--seed', type=natural, default=0, help='another seed, other draws. Default: %(default)s')
    parser.set_defaults(run=_degrade)


def _prepare(arguments: argparse.Namespace) -> None:
    from scgan_fan.device import use_device  # takes seconds, which --help need not
    from scgan_fan.prepare.pipeline import prepare
    use_device(arguments.device)
    summary = prepare(_settings(arguments), arguments.output, arguments.workers)
    if summary is None:
        print(f'{arguments.output} is finished already; see {arguments.output}/report.md')
        return
    for name, kept in summary['kept'].items():
        if kept['faces']:
            print(f'{arguments.output}/{name}.lmdb: {kept["faces"]} faces of {kept["groups"]} persons or photographs')
        else:
            print(f'no {name}.lmdb: none of the faces fell to {name}; see --val_share')
    for reason, count in summary['dropped'].items():
        print(f'dropped, {reason}: {count}')
    print(f'see {arguments.output}/report.md and contact_sheet.png')


def _settings(arguments: argparse.Namespace):
    """The run that is asked for, as ``prepare.pipeline.Settings``; InputError where it would find no face."""
    from scgan_fan.prepare.pipeline import Settings
    given = {**vars(arguments), 'input': os.path.abspath(os.path.expanduser(arguments.input))}
    given['min_face'] = arguments.min_face or arguments.size
    if arguments.max_face and arguments.max_face < given['min_face']:
        raise InputError(f'--max_face: {arguments.max_face} is below --min_face, {given["min_face"]} (without it, '
                         '--size): no face would be left')
    if arguments.sharpness is None:
        given['sharpness'] = SHARP if arguments.size == SHARP_SIZE else 0
    return Settings(**{field.name: given[field.name] for field in fields(Settings)})


def _degrade(arguments: argparse.Namespace) -> None:
    count = degrade(arguments.input, arguments.output, arguments.preset, arguments.size, arguments.seed,
                    arguments.room)
    print(f'{arguments.output}: {count} images')


@ends_in_one_line(stopped='the same command continues')
def main() -> None:
    """Do what the command line says."""
    arguments = parse_arguments()
    arguments.run(arguments)
