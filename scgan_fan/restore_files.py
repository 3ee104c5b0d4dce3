"""Restoring files, one after another: photographs, videos and aligned faces; what ``scgan-fan restore`` does."""
import argparse
import contextlib
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from scgan_fan.background import Upsampler
from scgan_fan.choices import VIDEO_SUFFIXES
from scgan_fan.errors import InputError
from scgan_fan.large_faces import LargeFaceRestorer
from scgan_fan.faces.crop import Crop
from scgan_fan.faces.detection import find_and_count
from scgan_fan.faces.paste import resize_square
from scgan_fan.faces.tracking import Tracker
from scgan_fan.files import is_written
from scgan_fan.images import file_type, in_8_bits, read_image, read_photo, write_image, write_photo
from scgan_fan.inference import LEAST_ENLARGED, RestoredFace, RestoredPhoto, restore_each, restore_photo
from scgan_fan.network_loader import Restorer, face_size

SEEN = 1600  # pixels: longer side of a photograph in the picture of before and after
RESTORED, LEFT = (0, 200, 0), (200, 120, 0)  # colours of boxes


class Results:
    """Where the results of each input of the command line go; nothing is overwritten by accident."""

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

    def write_comparison(self, source: Path, before: np.ndarray, after: np.ndarray) -> None:
        """Write the photograph before and after, side by side, reduced to what a screen shows."""
        height, width = after.shape[:2]
        factor = min(1, SEEN / max(height, width))
        size = max(1, round(factor * width)), max(1, round(factor * height))
        method = cv2.INTER_CUBIC if size > before.shape[1::-1] else cv2.INTER_AREA
        pair = [cv2.resize(in_8_bits(before), size, interpolation=method),
                cv2.resize(in_8_bits(after), size, interpolation=cv2.INTER_AREA)]
        write_image(self.root / 'cmp' / f'{source.stem}{self.ending}.jpg', np.hstack(pair))


def _refuse_other(path: Path, crop: np.ndarray) -> None:
    """Raise InputError where another face than ``crop`` is there; the same one was left by a run that was stopped."""
    with contextlib.suppress(InputError):
        if not is_written(path) or np.array_equal(read_image(path), crop):
            return
    raise InputError(f'{path}: another face is there already; give --overwrite, --suffix or another -o')


class Work:
    """Restores one input of the command line after another, says what became of each face, and remembers the sums.

    ``face_model`` is for larger faces; None: they are left as they are.
    """

    def __init__(self, arguments: argparse.Namespace, restorer: Restorer, upsampler: Upsampler,
                 face_model: LargeFaceRestorer | None):
        self.arguments = arguments
        self.results = Results(arguments)
        self.restorer = restorer
        self.restore_each = functools.partial(restore_each, precision=arguments.precision, batch=arguments.batch)
        self.find = functools.partial(find_and_count, detector=arguments.detector, min_face=arguments.min_face,
                                      turned=arguments.turned)
        self.restore_photo = functools.partial(
            restore_photo, restorer=restorer, margin=arguments.margin, only_center_face=arguments.only_center_face,
            force=arguments.force, fidelity=arguments.fidelity, face_model=face_model, upsampler=upsampler,
            precision=arguments.precision, batch=arguments.batch)
        self.found = self.restored = self.already = 0
        self.passed: Counter[str] = Counter()
        self.failures: list[str] = []
        self._aligned: list[tuple[Path, np.ndarray, Restorer]] = []  # faces that wait for a whole batch

    def do(self, source: Path) -> None:
        """Restore one input; what is wrong with it is remembered and does not stop the others."""
        with self._remembering(source):
            path = self.results.path(source)
            if is_written(path) and not self.arguments.overwrite:
                self.already += 1
            elif self.arguments.aligned:
                self._aligned.append((source, *self._aligned_face(source)))
                if len(self._aligned) == self.arguments.batch:
                    self.finish()
            elif is_video(source):
                self._restore_video(source, path)
            else:
                self._restore_photo(source, path)

    def finish(self) -> None:
        """Restore the aligned faces that still wait."""
        waiting, self._aligned = self._aligned, []
        restored = self.restore_each([face for _, face, _ in waiting], [restorer for *_, restorer in waiting])
        for (source, face, _), result in zip(waiting, restored):
            with self._remembering(source):
                self.results.write_face(source, 0, face, result)
                self.found += 1
                self.restored += 1

    @contextlib.contextmanager
    def _remembering(self, source: Path) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            self.failures.append(str(error))
        except OSError as error:  # in looking for results: a name that is too long, no permission
            self.failures.append(f'{source}: {error}; its results are not complete')

    def report(self) -> Iterator[str]:
        """Lines for people, what failed last."""
        if self.found or not self.already:
            yield f'{self.arguments.output}: {self.found} faces found, {self.restored} restored'
        if self.restored < self.found:
            yield (f'the others are larger than {self.restorer.largest:.0f} pixels and only enlarged; --face_model '
                   'restores such, --force takes the same network')
        yield from (f'{count} faces were passed over: {reason}' for reason, count in self.passed.items())
        if self.already:
            yield f'{self.already} files are restored already; --overwrite makes them again'
        yield from (f'failed: {failure}' for failure in self.failures)

    def _aligned_face(self, source: Path) -> tuple[np.ndarray, Restorer]:
        if is_video(source):
            raise InputError(f'{source}: a video holds no aligned faces; leave --aligned out')
        face = in_8_bits(read_photo(source).pixels)
        if face.shape[0] != face.shape[1]:
            raise InputError(f'{source}: {face.shape[1]}x{face.shape[0]} pixels; an aligned face is a square. Crop it, '
                             'or leave --aligned out')
        restorer = self.restorer.of(len(face))
        return resize_square(face, face_size(restorer)), restorer

    def _restore_photo(self, source: Path, path: Path) -> None:
        photo = read_photo(source)
        least = self.arguments.upscale or 1
        file_type(path, *(round(least * side) for side in photo.pixels.shape[1::-1]))  # complain before all the work
        faces, passed = self.find(in_8_bits(photo.pixels))
        result = self.restore_photo(photo.pixels, faces=faces, scale=self.arguments.upscale)
        for index, face in enumerate(result.faces):
            self.results.write_face(source, index, face.pixels, face.restored)
        scale = len(result.image) / len(photo.pixels)
        image = draw_boxes(result, scale) if self.arguments.draw_box else result.image
        if any(face.restored is not None for face in result.faces):
            self.results.write_comparison(source, photo.pixels, image)
        write_photo(path, photo.enlarged(image))
        self._count(result, passed)
        tqdm.write(f'{path}: {image.shape[1]}x{image.shape[0]} pixels, {scale:.3g} times as large')
        for index, face in enumerate(result.faces):
            tqdm.write(f'  face {index:02d}: {describe(face)}')

    def _restore_video(self, source: Path, path: Path) -> None:
        tracker, scale = Tracker(), self.arguments.upscale or LEAST_ENLARGED
        before = self.found, self.restored

        def change(frame: np.ndarray) -> np.ndarray:
            faces, passed = self.find(frame)
            result = self.restore_photo(frame, faces=tracker.follow(faces), scale=scale)
            tracker.remember([replace(each.face, detail=each.detail) for each in result.faces])
            self._count(result, passed)
            return draw_boxes(result, scale) if self.arguments.draw_box else result.image

        from scgan_fan.video import enlarge_video  # PyAV, for which photographs need not wait
        enlarge_video(source, path, scale, change)
        tqdm.write(f'{path}: faces found {self.found - before[0]} times, restored {self.restored - before[1]} times')

    def _count(self, result: RestoredPhoto, passed: Counter[str]) -> None:
        self.found += len(result.faces)
        self.restored += sum(face.restored is not None for face in result.faces)
        self.passed += passed


def describe(face: RestoredFace) -> str:
    """How large a face of a photograph is, where, and what was done."""
    crop = face.face.crop()
    tilted = f', tilted by {crop.angle:.0f} degrees' if crop.angle else ''
    return (f'{crop.side:.0f} pixels around {crop.x + crop.side / 2:.0f}, {crop.y + crop.side / 2:.0f}{tilted}: '
            f'{"restored" if face.restored is not None else f"only enlarged, {face.reason}"}')


def draw_boxes(result: RestoredPhoto, scale: float) -> np.ndarray:
    """The restored photograph with the outlines of the crops: green where the face is restored, else orange."""
    image = result.image.copy()
    for face in result.faces:
        draw_box(image, face.crop.scaled(scale), face.restored is not None, max(1, round(scale / 2)))
    return image


def draw_box(image: np.ndarray, crop: Crop, restored: bool, thickness: int) -> None:
    """Draw the outline of a crop into a photograph: green where its face is restored, else orange."""
    levels = np.iinfo(image.dtype).max // 255
    colour = [levels * value for value in (RESTORED if restored else LEFT)]
    cv2.polylines(image, [np.rint(crop.corners()).astype(np.int32)], True, colour, thickness)


def is_video(path: Path) -> bool:
    """By its suffix."""
    return path.suffix.lower() in VIDEO_SUFFIXES
