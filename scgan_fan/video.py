"""Videos, one frame in memory at a time, by PyAV: its wheels bring FFmpeg's libraries along."""
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from tqdm import tqdm

from scgan_fan.errors import InputError
from scgan_fan.files import written_whole

COMPLETE = 0.9  # of the duration or the frames that a file announces; one that ends before is truncated
QUALITY = {'crf': '17'}  # of x264: nearly no loss to be seen
COLOUR_SPACES = (1, 4, 5, 6, 7, 9)  # of ITU-T H.273, those that are matrices between RGB and YUV
SOUND_RATE, SOUND_BITS = 48000, 192000  # each second; the rate for sounds that AAC does not keep at their own
HIGH_DEFINITION = 720  # rows from which on colours are BT.709's, otherwise BT.601's


def enlarge_video(source: Path, target: Path, scale: float, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write an MP4 video of what becomes of each frame of another, at the same times, with its sound: H.264 and AAC.

    H.264 needs even sides: an odd one repeats its last pixels. The file appears, whole, in the end.

    Args:
        source: any video that FFmpeg reads.
        target: the file to write.
        scale: how many times as wide and high it is.
        change: ``uint8`` RGB frame (height, width, 3), upright -> the same, enlarged.

    Raises:
        InputError: ``source`` is no video or ends early, ``target`` cannot be written; or pieces of ``source`` are
            damaged, and ``target``, which is written, lacks them.
    """
    first, packets = _look_through(source)
    with av.open(str(source)) as video, written_whole(target) as file:
        picture, *sounds = _streams(video)
        try:
            with av.open(file, 'w', 'mp4') as result:
                encoders = {picture.index: _PictureEncoder(result, picture, first, scale, change),
                            **{sound.index: _sound_encoder(result, sound) for sound in sounds}}
                damaged = _transfer(video, result, encoders, packets)
        except av.FFmpegError as error:
            raise InputError(f'{target}: the video cannot be written ({error})') from error
    if damaged:
        raise InputError(f'{source}: {damaged} of its {packets} packets are damaged; {target} lacks them')


def _look_through(path: Path) -> tuple[av.VideoFrame, int]:
    """A video's first frame, and the number of its packets. They are read, not decoded: it takes seconds."""
    try:
        with av.open(str(path)) as video:
            picture, *sounds = _streams(video)
            first, ends, frames = None, [], 0
            for packet in video.demux(picture, *sounds):
                if packet.dts is not None:  # else it is empty, the last of a stream
                    ends.append((packet.dts + (packet.duration or 0)) * packet.time_base)
                    frames += packet.stream is picture
                if first is None and packet.stream is picture:
                    first = next(iter(_decode(packet) or ()), None)
            if first is None:
                raise InputError(f'{path}: not a video, or damaged: it has no frame; replace or remove it')
            duration, begin = ((value or 0) / av.time_base for value in (video.duration, video.start_time))
            announced = max(duration, float(picture.frames / (picture.average_rate or math.inf)))
            seconds = float(max(ends)) - begin
            # or the frames, where they are announced: how long the last one is shown is not always known
            if seconds < COMPLETE * announced and not frames >= COMPLETE * (picture.frames or math.inf):
                raise InputError(f'{path}: ends after {seconds:.1f} of {announced:.1f} seconds; it is truncated')
            return first, len(ends)
    except (av.FFmpegError, IndexError) as error:
        raise InputError(f'{path}: not a video, or damaged ({error}); replace or remove it') from error


def _streams(video) -> list:
    """What is taken over: the first moving picture, and every sound."""
    return [video.streams.video[0], *video.streams.audio]


def _decode(packet) -> list | None:
    """The frames of a packet, picture or sound; None where it is damaged."""
    try:
        return packet.decode()
    except av.InvalidDataError:
        return None


def _transfer(video, result, encoders: dict, packets: int) -> int:
    """Decode, encode and write everything; ``encoders`` by number of the stream. Returns how many packets are damaged.
    """
    damaged = 0
    for packet in tqdm(video.demux(*_streams(video)), total=packets, unit='packet', leave=False):
        frames = _decode(packet)
        damaged += frames is None
        for frame in frames or ():
            result.mux(encoders[packet.stream_index].encode(frame))
    for encoder in encoders.values():
        result.mux(encoder.encode(None))
    return damaged


def _sound_encoder(result, sound):
    rate = sound.rate if sound.rate in (av.Codec('aac', 'w').audio_rates or ()) else SOUND_RATE
    encoder = result.add_stream('aac', rate=rate, layout=sound.layout.name)
    encoder.bit_rate = SOUND_BITS
    return encoder


def _usual_space(rows: int) -> int:
    """What players take colours to be that a file says nothing about."""
    return Colorspace.ITU709 if rows >= HIGH_DEFINITION else Colorspace.ITU601


class _PictureEncoder:
    """Changes the frames of a stream and encodes them, with the times and the kind of colours that they had."""

    def __init__(self, result, source, first: av.VideoFrame, scale: float, change: Callable):
        self._change = change
        self._turns = round(first.rotation / 90)  # counterclockwise, to stand upright
        width, height = (round(scale * side) for side in (first.width, first.height)[::-1 if self._turns % 2 else 1])
        self._right, self._bottom = width % 2, height % 2
        self._had, self._gets = (first.colorspace if first.colorspace in COLOUR_SPACES else _usual_space(rows)
                                 for rows in (first.height, height))
        self._stream = result.add_stream('libx264', rate=source.average_rate or 25, options=QUALITY)
        self._stream.width, self._stream.height = width + self._right, height + self._bottom
        encoder, decoder, shape = self._stream.codec_context, source.codec_context, source.sample_aspect_ratio
        encoder.pix_fmt, encoder.time_base = 'yuv420p', source.time_base
        if shape:  # else the pixels are squares, or not known
            encoder.sample_aspect_ratio = 1 / shape if self._turns % 2 else shape
        encoder.colorspace, encoder.color_range = self._gets, ColorRange.MPEG
        encoder.color_primaries, encoder.color_trc = decoder.color_primaries, decoder.color_trc
        self._next: int | None = None  # the first time that the next frame may have

    def encode(self, frame: av.VideoFrame | None) -> list:
        """The packets that are ready; None: all that are left."""
        return self._stream.encode(frame and self._changed(frame))

    def _changed(self, frame: av.VideoFrame) -> av.VideoFrame:
        pixels = frame.to_ndarray(format='rgb24', src_colorspace=self._had)
        pixels = self._change(np.ascontiguousarray(np.rot90(pixels, self._turns)))
        pixels = cv2.copyMakeBorder(pixels, 0, self._bottom, 0, self._right, cv2.BORDER_REPLICATE)
        changed = av.VideoFrame.from_ndarray(pixels, 'rgb24').reformat(
            format='yuv420p', dst_colorspace=self._gets, dst_color_range=ColorRange.MPEG)
        time: Any = frame.dts if frame.pts is None else frame.pts  # in an AVI only packets may have a time
        time = time if self._next is None else max(time, self._next)  # a damaged file may go back in time
        changed.pts, changed.time_base = time, frame.time_base
        self._next = time + 1
        return changed
