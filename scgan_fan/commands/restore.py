"""Restore the faces in photographs and videos; what is no face is only enlarged.

Faces that are tiny get better, and what a clean photograph shows of them is kept; larger ones are left as they are
unless --face_model is given. Of the networks that come with the package it was measured up to which size they are
better than plain enlargement; another one restores faces up to 1.5 times the size that it was made for. Photographs:
OUT/restored_imgs, before and after beside each other in OUT/cmp, and each face in OUT/cropped_faces (as the network
sees it), OUT/restored_faces and OUT/cmp. Videos: OUT/restored_videos, MP4 with their sound. With --aligned every image
is one face, cropped as in training.
"""
import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from scgan_fan.choices import BATCH, DETECTORS, FIDELITY, MIN_FACE, PRECISIONS, VIDEO_SUFFIXES
from scgan_fan.commands.line import ends_in_one_line, factor, parser_of, positive, scale, share
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import MARGIN
from scgan_fan.images import SUFFIXES
from scgan_fan.shipped import DEFAULT_RESTORERS, RESTORERS

EXAMPLES = """examples:
  scgan-fan restore -i holiday.jpg
  scgan-fan restore -i album -o restored -s 4 --bg_upsampler RealESRGAN_x4plus.pth --face_model GFPGANv1.4.pth
  scgan-fan restore -i tiny_faces -o restored --aligned --weights net_g_latest.pth

exit status: 0 all is restored, 1 some files are not (they are listed in the end), 2 nothing could begin"""
REMEDIES = {'.heic': 'save them as JPEG', '.heif': 'save them as JPEG', '.gif': 'save them as a video or as PNG',
            '.avif': 'save them as JPEG', '.raw': 'develop them'}


def parse_arguments() -> argparse.Namespace:
    parser = parser_of(__doc__, EXAMPLES)
    add = parser.add_argument
    add('-i', '--input', required=True, type=Path, help='photograph, video, or folder of them')
    add('-o', '--output', default=Path('restored'), type=Path, metavar='OUT', help='folder of the results. Default: '
        '%(default)s')
    add('-s', '--upscale', type=scale, metavar='S', help='enlarge so many times, 1.5 for one. Default: what the '
        'smallest restored face needs, 2 to 4; 2 where there is none, and for videos')
    add('-w', '--fidelity', type=share, default=FIDELITY, metavar='W', help='how much of what is seen is the '
        'photograph\'s: from 0, made up but for colours, to 1, plain enlargement; less for noisy ones. Default: '
        '%(default)s')
    add('--weights', nargs='+', default=DEFAULT_RESTORERS, metavar='FILE',
        help=f'of the restorer: a checkpoint, .safetensors or .onnx, or the name of a network that comes with the '
        f'package ({", ".join(RESTORERS)}); of several each restores the faces whose size is nearest to its own. '
        f'Default: {" ".join(DEFAULT_RESTORERS)}')
    add('--face_model', metavar='FILE', help='restores the larger faces: GFPGAN, RestoreFormer, CodeFormer (needs '
        'spandrel-extra-arches), weights that spandrel reads')
    add('--aligned', action='store_true', help='every image is one face, cropped as in training')
    add('--only_center_face', action='store_true', help='restore the face nearest to the middle alone')
    add('--force', action='store_true', help='restore larger faces by the same network, too; those that come '
        'with the package do not make them better')
    add('--detector', default=DETECTORS[0], choices=DETECTORS, help='of faces. Default: %(default)s')
    add('--min_face', type=positive, metavar='PIXELS',
        help=f'leave out faces whose crop has a smaller side; more is faster. Default: {MIN_FACE}, but photographs of '
        'more than 3 megapixels are not enlarged, so that faces below 32 may be missed')
    add('--turned', action='store_true', help='find heads that lie or stand upside down, too: four times as long')
    add('--margin', type=factor, default=MARGIN, help='of the crop around the face. Default: %(default)s')
    add('--suffix', default='', help='of the results\' names, after _')
    add('--ext', default='auto', choices=('auto', 'png', 'jpg'), help='of the photographs. Default: as the input\'s')
    add('--draw_box', action='store_true', help='draw where faces were found: green restored, orange only enlarged')
    add('--bg_upsampler', default='bicubic', metavar='FILE',
        help='enlarges what is no face: bicubic (default), or weights of a network that spandrel reads')
    add('--device', default='auto', help='default: a GPU where there is one')
    add('--precision', default='auto', choices=PRECISIONS,
        help='auto (default): bfloat16 where the device computes in it, which is faster and changes pictures by less '
        'than one level of 255 on average')
    add('--batch', type=positive, default=BATCH, metavar='N', help='faces at a time. Default: %(default)s')
    add('--overwrite', action='store_true', help='make results anew that are there already')
    return parser.parse_args()


@ends_in_one_line(failed=2, stopped='the same command goes on with what is not there yet')
def main() -> int:
    """Restore what the command line names; returns the exit status."""
    return run(parse_arguments())


def run(arguments: argparse.Namespace) -> int:
    """Restore everything and report; returns 0, or 1 where a file failed.

    Raises:
        InputError: nothing can be begun: no input, no weights, no such device or detector.
    """
    inputs, passed = find_inputs(arguments.input)
    from scgan_fan.background import load_upsampler  # these take seconds, which --help and a wrong -i need not
    from scgan_fan.device import use_device
    from scgan_fan.large_faces import LargeFaceRestorer
    from scgan_fan.faces.detection import load_detector
    from scgan_fan.network_loader import load_restorer
    from scgan_fan.restore_files import Work
    device = use_device(arguments.device)
    load_detector(arguments.detector)  # complain now instead of at each file
    restorer = load_restorer(arguments.weights, None if arguments.device == 'auto' else device)
    face_model = LargeFaceRestorer(arguments.face_model, device) if arguments.face_model else None
    if arguments.force:
        what = 'does not make {} better' if restorer.measured else 'was not measured, and may make {} worse'
        print(f'warning: --force: {restorer.name} '
              f'{what.format(f"faces of more than {restorer.largest:.0f} pixels")} than plain enlargement')
    work = Work(arguments, restorer, load_upsampler(arguments.bg_upsampler, device), face_model)
    for source in tqdm(inputs, unit='file'):
        work.do(source)
    work.finish()
    print(*work.report(), *_say(passed), sep='\n')
    return 1 if work.failures else 0


def find_inputs(path: Path) -> tuple[list[Path], Counter[str]]:
    """The file, or the images and videos in the folder by name; and how many others there are, by suffix, ``''`` for
    folders. Raises InputError where there are none."""
    if not path.exists():
        raise InputError(f'{path}: no such file or folder; check -i')
    if not path.is_dir():
        return [path], Counter()
    entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith('.'))
    found = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES]
    passed = Counter('' if entry.is_dir() else entry.suffix.lower() or 'no suffix' for entry in entries
                     if entry not in found)
    if not found:
        raise InputError('; '.join([f'{path}: holds no images or videos ({" ".join(SUFFIXES + VIDEO_SUFFIXES)})',
                                    *_say(passed), 'check -i']))
    return found, passed


def _say(passed: Counter[str]) -> Iterator[str]:
    """What was passed over in the folder, and what to do."""
    for suffix, count in passed.items():
        kind, remedy = (f'files with {suffix}', REMEDIES.get(suffix, 'not read')) if suffix else (
            'folders', 'give each as -i')
        yield f'{count} {kind} were passed over: {remedy}'
