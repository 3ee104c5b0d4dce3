"""Restore the faces in photographs and videos; what is no face is only enlarged.

Photographs: OUT/restored_imgs, and each face in OUT/cropped_faces (as the network sees it), OUT/restored_faces and
OUT/cmp (both side by side). Videos: OUT/restored_videos, MP4 with their sound. With --aligned every image is one face,
cropped as in training. Faces that have more pixels already than the network would give them are left alone.
"""
import argparse
import contextlib
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from scgan_fan.background import Upsampler, enlarge_bicubic, load_upsampler
from scgan_fan.commands.line import ends_in_one_line, factor, positive
from scgan_fan.device import choose_device
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import MARGIN
from scgan_fan.faces.detection import DETECTORS, MIN_FACE, load_detector
from scgan_fan.faces.paste import resize_square
from scgan_fan.files import is_written
from scgan_fan.images import SUFFIXES, Photo, file_type, read_image, read_photo, write_image, write_photo
from scgan_fan.inference import BATCH, PRECISIONS, RestoredPhoto, face_size, restore, restore_photo
from scgan_fan.network_loader import Restorer, load_restorer
from scgan_fan.shipped import DEFAULT_RESTORER, RESTORERS
from scgan_fan.video import SUFFIXES as VIDEO_SUFFIXES
from scgan_fan.video import enlarge_video

EXAMPLES = """examples:
  scgan-fan restore -i holiday.jpg -o restored
  scgan-fan restore -i album -o restored -s 4 --bg_upsampler RealESRGAN_x4plus.pth
  scgan-fan restore -i tiny_faces -o restored --aligned --weights net_g_latest.pth

exit status: 0 all is restored, 1 some files are not (they are listed in the end), 2 nothing could begin"""


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('-i', '--input', required=True, type=Path, help='photograph, video, or folder of them')
    add('-o', '--output', required=True, type=Path, metavar='OUT', help='folder of the results')
    add('-s', '--upscale', type=positive, default=2, metavar='S', help='enlarge photographs so many times. Default: 2')
    add('--weights', default=DEFAULT_RESTORER, metavar='FILE',
        help=f'of the restorer: a checkpoint, .safetensors or .onnx, or the name of a network that comes with the '
        f'package ({", ".join(RESTORERS)}). Default: {DEFAULT_RESTORER}')
    add('--aligned', action='store_true', help='every image is one face, cropped as in training')
    add('--only_center_face', action='store_true', help='restore the face nearest to the middle alone')
    add('--force', action='store_true', help='restore faces that are sharp already, too')
    add('--detector', default=DETECTORS[0], choices=DETECTORS, help='of faces. Default: %(default)s')
    add('--min_face', type=positive, metavar='PIXELS',
        help=f'leave out faces whose crop has a smaller side; more is faster. Default: {MIN_FACE}, but photographs of '
        'more than 3 megapixels are not enlarged, so that faces below 32 may be missed')
    add('--turned', action='store_true', help='find heads that lie or stand upside down, too: four times as long')
    add('--margin', type=factor, default=MARGIN, help=f'of the crop around the landmarks. Default: {MARGIN}')
    add('--suffix', default='', help='of the results\' names, after _')
    add('--ext', default='auto', choices=('auto', 'png', 'jpg'), help='of the photographs. Default: as the input\'s')
    add('--bg_upsampler', default='bicubic', metavar='FILE',
        help='enlarges what is no face: bicubic (default), or weights of a network that spandrel reads')
    add('--device', default='auto', help='default: a GPU where there is one')
    add('--precision', default='auto', choices=PRECISIONS,
        help='auto (default): bfloat16 where the device computes in it, which is faster and changes pictures by less '
        'than one level of 255 on average')
    add('--batch', type=positive, default=BATCH, metavar='N', help=f'faces at a time. Default: {BATCH}')
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
    inputs = find_inputs(arguments.input)
    load_detector(arguments.detector)  # complain now instead of at each file
    device = choose_device(arguments.device)
    restorer = load_restorer(arguments.weights, device)
    work = Work(arguments, restorer, load_upsampler(arguments.bg_upsampler, device))
    for source in tqdm(inputs, unit='file'):
        work.do(source)
    print(*work.report(), sep='\n')
    return 1 if work.failures else 0


def find_inputs(path: Path) -> list[Path]:
    """The file, or the images and videos in the folder by name. Raises InputError where there are none."""
    if not path.exists():
        raise InputError(f'{path}: no such file or folder; check -i')
    found = [path] if path.is_file() else sorted(
        file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES + VIDEO_SUFFIXES)
    if not found:
        raise InputError(f'{path}: holds no images or videos ({" ".join(SUFFIXES + VIDEO_SUFFIXES)}); check -i')
    return found


class Results:
    """Where the results of each input go; nothing is overwritten by accident.

    Args:
        arguments: the command line.
    """

    def __init__(self, arguments: argparse.Namespace):
        self.root, self.ext, self.aligned = arguments.output, arguments.ext, arguments.aligned
        self.ending = f'_{arguments.suffix}' if arguments.suffix else ''
        self.overwrite = arguments.overwrite
        self._sources: dict[str, Path] = {}

    def path(self, source: Path) -> Path:
        """Of what the input becomes as a whole: face, photograph or video.

        Raises:
            InputError: it would replace the input, or another input of this run has the same name.
        """
        other = self._sources.setdefault(source.stem, source)
        if other != source:
            raise InputError(f'{source}: its results would have the names of those of {other.name}; rename one')
        path = self._path(source)
        if path.resolve() == source.resolve():
            raise InputError(f'{source}: its result would replace it; give another -o')
        return path

    def _path(self, source: Path) -> Path:
        if is_video(source):
            return self.root / 'restored_videos' / f'{source.stem}{self.ending}.mp4'
        if self.aligned:
            return self._face_path('restored_faces', source, 0)
        suffix = source.suffix if self.ext == 'auto' else f'.{self.ext}'
        return self.root / 'restored_imgs' / f'{source.stem}{self.ending}{suffix}'

    def _face_path(self, folder: str, source: Path, index: int) -> Path:
        return self.root / folder / f'{source.stem}_{index:02d}{self.ending}.png'

    def write_face(self, source: Path, index: int, crop: np.ndarray, restored: np.ndarray | None) -> None:
        """Write the crop and, where there is one, the restored face, beside the crop and alone.

        Raises:
            InputError: those of another face are there already.
        """
        cropped, beside, alone = (self._face_path(folder, source, index)
                                  for folder in ('cropped_faces', 'cmp', 'restored_faces'))
        if not self.overwrite:
            _refuse_other(cropped, crop)
        write_image(cropped, crop)
        if restored is not None:
            write_image(beside, np.hstack([resize_square(crop, len(restored)), restored]))
            write_image(alone, restored)


def _refuse_other(path: Path, crop: np.ndarray) -> None:
    """Raise InputError where another face than ``crop`` is there; the same one was left by a run that was stopped."""
    with contextlib.suppress(InputError):
        if not is_written(path) or np.array_equal(read_image(path), crop):
            return
    raise InputError(f'{path}: another face is there already; give --overwrite, --suffix or another -o')


class Work:
    """Restores one input after another and remembers what became of them.

    Args:
        arguments: the command line.
        restorer: from ``load_restorer``.
        upsampler: from ``load_upsampler``.
    """

    def __init__(self, arguments: argparse.Namespace, restorer: Restorer, upsampler: Upsampler):
        self.arguments = arguments
        self.results = Results(arguments)
        self.size = face_size(restorer)
        self.restore = functools.partial(restore, restorer=restorer, precision=arguments.precision)
        self.restore_photo = functools.partial(
            restore_photo, restorer=restorer, scale=arguments.upscale, detector=arguments.detector,
            min_face=arguments.min_face, turned=arguments.turned, margin=arguments.margin,
            only_center_face=arguments.only_center_face, force=arguments.force, upsampler=upsampler,
            precision=arguments.precision, batch=arguments.batch)
        self.found = self.restored = self.already = 0
        self.passed: Counter[str] = Counter()
        self.failures: list[str] = []

    def do(self, source: Path) -> None:
        """Restore one input; what is wrong with it is remembered and does not stop the others."""
        try:
            path = self.results.path(source)
            if is_written(path) and not self.arguments.overwrite:
                self.already += 1
            elif self.arguments.aligned:
                self._restore_aligned(source)
            elif is_video(source):
                self._restore_video(source, path)
            else:
                self._restore_photo(source, path)
        except InputError as error:
            self.failures.append(str(error))
        except OSError as error:  # in looking for results: a name that is too long, no permission
            self.failures.append(f'{source}: {error}; its results are not complete')

    def report(self) -> Iterator[str]:
        """Lines for people, what failed last."""
        yield f'{self.arguments.output}: {self.found} faces found, {self.restored} restored'
        if self.restored < self.found:
            yield 'the others have more pixels than the restorer gives; --force restores them, too'
        yield from (f'{count} faces were passed over: {reason}' for reason, count in self.passed.items())
        if self.already:
            yield f'{self.already} files are restored already; --overwrite makes them again'
        yield from (f'failed: {failure}' for failure in self.failures)

    def _restore_aligned(self, source: Path) -> None:
        if is_video(source):
            raise InputError(f'{source}: a video holds no aligned faces; leave --aligned out')
        face = read_photo(source).pixels
        if face.shape[0] != face.shape[1]:
            raise InputError(f'{source}: {face.shape[1]}x{face.shape[0]} pixels; an aligned face is a square. Crop it, '
                             'or leave --aligned out')
        crop = resize_square(face, self.size)
        self.results.write_face(source, 0, crop, self.restore(crop[None])[0])
        self.found += 1
        self.restored += 1

    def _restore_photo(self, source: Path, path: Path) -> None:
        photo = read_photo(source)
        file_type(path, *(self.arguments.upscale * side for side in photo.pixels.shape[1::-1]))  # before all the work
        result = self._counted(self.restore_photo(photo.pixels))
        alpha = None if photo.alpha is None else enlarge_bicubic(photo.alpha, self.arguments.upscale)
        for index, face in enumerate(result.faces):
            self.results.write_face(source, index, face.crop, face.restored)
        write_photo(path, Photo(result.image, alpha, photo.profile))

    def _restore_video(self, source: Path, path: Path) -> None:
        enlarge_video(source, path, self.arguments.upscale,
                      lambda frame: self._counted(self.restore_photo(frame)).image)

    def _counted(self, result: RestoredPhoto) -> RestoredPhoto:
        self.found += len(result.faces)
        self.passed += result.passed
        self.restored += sum(face.restored is not None for face in result.faces)
        return result


def is_video(path: Path) -> bool:
    """By its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES
