"""Videos without a camera."""
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = 16000  # of the sound, each second


def write_clip(path: Path, frames: list[np.ndarray], times: list[float] | None = None, sound: float = 0,
               codec: str = 'mpeg4', **options) -> None:
    """Frames (``uint8`` RGB) at their ``times`` (default: 0, 0.1, 0.2, ...), and so many seconds of a tone."""
    base = Fraction(1, 100 if times else 10)
    with av.open(str(path), 'w', options=options) as clip:
        picture = clip.add_stream(codec, rate=10, options={'qscale': '1', 'flags': '+qscale'})
        picture.height, picture.width = frames[0].shape[:2]
        picture.pix_fmt, picture.codec_context.time_base = 'yuv420p', base
        tone = clip.add_stream('aac', rate=RATE, layout='mono') if sound else None
        for number, frame in enumerate(frames):
            image = av.VideoFrame.from_ndarray(frame, 'rgb24')
            image.pts, image.time_base = round(times[number] / base) if times else number, base
            clip.mux(picture.encode(image))
        clip.mux(picture.encode(None))
        if tone:
            wave = np.sin(2 * np.pi * 440 * np.arange(round(sound * RATE)) / RATE).astype(np.float32)
            samples = av.AudioFrame.from_ndarray(wave[None], 'fltp', 'mono')
            samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
            clip.mux(tone.encode(samples))
            clip.mux(tone.encode(None))


def read_clip(path: Path) -> list[tuple[float, np.ndarray]]:
    """The frames of a video, each with its time in seconds."""
    with av.open(str(path)) as clip:
        return [(frame.time, frame.to_ndarray(format='rgb24')) for frame in clip.decode(video=0)]
