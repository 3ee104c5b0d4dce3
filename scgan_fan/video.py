"""Videos as streams of frames: one is in memory at a time. OpenCV reads; ffmpeg writes, where it is there."""
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import cv2
import numpy as np

from scgan_fan.errors import InputError

SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv', '.webm', '.m4v')
COMPLETE = 0.9  # of the frames that a file announces (an estimate in some formats); fewer: it is damaged


class VideoReader:
    """The frames of a video file, upright: iterate over it, once.

    Attributes:
        fps: frames each second, on average.
        size: width and height, pixels.
        announced: number of frames by the file's header, 0 where it does not say.

    Raises:
        InputError: no video, or one without frames; while reading: the file ends early.
    """

    def __init__(self, path: Path):
        self.path = path
        self._capture = cv2.VideoCapture(str(path))
        self._first = self._capture.read()[1] if self._capture.isOpened() else None
        if self._first is None:
            raise InputError(f'{path}: not a video that OpenCV reads, or damaged; replace or remove it')
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.size = self._first.shape[1::-1]
        self.announced = max(0, round(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[np.ndarray]:
        """``uint8`` RGB frames (height, width, 3)."""
        frame, count = self._first, 0
        while frame is not None:
            yield np.ascontiguousarray(frame[..., ::-1])
            frame, count = self._capture.read()[1], count + 1
        self._capture.release()
        if count < COMPLETE * self.announced:
            raise InputError(f'{self.path}: ends after {count} of {self.announced} frames; it is truncated or damaged')


def has_ffmpeg() -> bool:
    """Whether ffmpeg is installed: without it videos lose their sound."""
    return shutil.which('ffmpeg') is not None


@contextmanager
def video_writer(path: Path, fps: float, size: tuple[int, int], sound: Path):
    """Write an MP4 video: H.264 with the sound of the file ``sound`` where ffmpeg is there, else MPEG-4 without sound.

    Gives a function that takes the ``uint8`` RGB frames (height, width, 3) one by one. Both codecs need even sides: an
    odd one repeats its last pixels. The file appears, whole, in the end; after an error there is none.

    Args:
        size: width and height, pixels.

    Raises:
        InputError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f'{path.stem}.part{path.suffix}')
    right, bottom = (length % 2 for length in size)
    even = size[0] + right, size[1] + bottom
    try:
        with (_ffmpeg if has_ffmpeg() else _opencv)(aside, fps, even, sound) as write:
            yield lambda frame: write(cv2.copyMakeBorder(frame, 0, bottom, 0, right, cv2.BORDER_REPLICATE))
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _ffmpeg(path: Path, fps: float, size: tuple[int, int], sound: Path):
    width, height = size
    command = ['ffmpeg', '-y', '-loglevel', 'error', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{width}x{height}',
               '-r', f'{fps}', '-i', '-', '-i', f'file:{sound}', '-map', '0:v', '-map', '1:a?', '-c:v', 'libx264',
               '-crf', '17', '-pix_fmt', 'yuv420p', '-c:a', 'aac', '-b:a', '192k', f'file:{path}']
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=messages)
        pipe = cast(BinaryIO, process.stdin)
        try:
            yield lambda frame: pipe.write(frame.data)
            pipe.close()
        except BrokenPipeError:
            pass  # ffmpeg has stopped, and says why below
        except BaseException:
            process.kill()
            raise
        finally:
            status = process.wait()
        if status:
            messages.seek(0)
            said = messages.read().decode(errors='replace').strip().splitlines() or [f'exit status {status}']
            raise InputError(f'{path}: ffmpeg cannot write it ({said[-1]})')


@contextmanager
def _opencv(path: Path, fps: float, size: tuple[int, int], sound: Path):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
    if not writer.isOpened():
        raise InputError(f'{path}: OpenCV cannot write it; install ffmpeg')
    try:
        yield lambda frame: writer.write(np.ascontiguousarray(frame[..., ::-1]))
    finally:
        writer.release()
