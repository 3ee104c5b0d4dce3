"""Videos: the frames changed, and times, sound and colours as they were."""
import av
import numpy as np
import pytest
from clips import read_clip, write_clip

from scgan_fan.errors import InputError
from scgan_fan.video import enlarge_video

GREEN = (20, 200, 30)


def plain(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """Frames of one colour, each brighter than the one before."""
    return [np.full((height, width, 3), 10 + 220 * number // count, np.uint8) for number in range(count)]


def twice(frame: np.ndarray) -> np.ndarray:
    return frame.repeat(2, axis=0).repeat(2, axis=1)


def streams(path) -> list[tuple[str, float]]:
    """Codec and seconds of picture and sound."""
    with av.open(str(path)) as clip:
        return [(stream.codec_context.name, float(stream.duration * stream.time_base)) for stream in clip.streams]


@pytest.mark.parametrize('name', ['clip.mkv', 'clip.mp4', 'clip.avi', 'clip.mov'])
def test_frames_stay_with_their_sound(tmp_path, name):
    """Frame 10 of a video of changing rate stays where it was."""
    times = [0.1 * number for number in range(10)] + [0.52 + 0.5 * number for number in range(1, 5)]
    write_clip(tmp_path / name, plain(14), times, sound=2.6)
    enlarge_video(tmp_path / name, tmp_path / 'out.mp4', 2, twice)
    before, after = read_clip(tmp_path / name), read_clip(tmp_path / 'out.mp4')
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=0.002)
    assert np.diff([time for time, _ in after])[9:] == pytest.approx(np.diff(times)[9:], abs=0.002)
    assert all(np.abs(twice(old).astype(int) - new).max() < 8 for (_, old), (_, new) in zip(before, after))
    (picture, _), (sound, seconds) = streams(tmp_path / 'out.mp4')
    assert (picture, sound) == ('h264', 'aac') and seconds == pytest.approx(2.6, abs=0.2)


def test_a_video_that_does_not_tell_the_shape_of_its_pixels(tmp_path):
    write_clip(tmp_path / 'clip.mkv', plain(4), codec='ffv1')
    with av.open(str(tmp_path / 'clip.mkv')) as clip:
        assert clip.streams.video[0].sample_aspect_ratio is None
    enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'out.mp4', 2, twice)
    assert [frame.shape for _, frame in read_clip(tmp_path / 'out.mp4')] == 4 * [(128, 192, 3)]


def test_an_estimated_duration_costs_nothing(tmp_path):
    """Of a Matroska file that was streamed, nothing is announced, and of others the rate is a guess."""
    write_clip(tmp_path / 'live.mkv', plain(8), [0, 0.01, 0.02, 0.03, 0.04, 1, 2, 3], live='1')
    enlarge_video(tmp_path / 'live.mkv', tmp_path / 'out.mp4', 1, np.copy)
    assert len(read_clip(tmp_path / 'out.mp4')) == 8


@pytest.mark.parametrize('name', ['clip.mkv', 'clip.mp4', 'clip.avi'])
def test_a_truncated_video_is_refused_before_the_work(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 96, 3), dtype=np.uint8)
    write_clip(tmp_path / name, list(noise), **({'movflags': 'faststart'} if name == 'clip.mp4' else {}))
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[:len(data) * 2 // 3])
    with pytest.raises(InputError, match=f'{name}: (ends after|not a video, or damaged)'):
        enlarge_video(tmp_path / name, tmp_path / 'out.mp4', 1, lambda frame: pytest.fail('work was begun'))
    assert not list(tmp_path.glob('out*'))


def test_a_damaged_piece_is_told_and_the_rest_is_kept(tmp_path):
    write_clip(tmp_path / 'clip.mkv', plain(20), sound=2)
    data = bytearray((tmp_path / 'clip.mkv').read_bytes())
    fifth = [place for place in range(len(data)) if data[place:place + 4] == b'\0\0\1\xb6'][5]
    data[fifth:fifth + 20] = b'\xff' * 20
    (tmp_path / 'clip.mkv').write_bytes(data)
    with pytest.raises(InputError, match=r'clip.mkv: 1 of its \d+ packets are damaged; .*out.mp4 lacks them'):
        enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'out.mp4', 1, np.copy)
    assert [time for time, _ in read_clip(tmp_path / 'out.mp4')] == pytest.approx(
        [number / 10 for number in range(20) if number != 5], abs=0.002)


def test_odd_sides_repeat_the_last_pixels(tmp_path):
    write_clip(tmp_path / 'odd.mkv', [np.full((31, 45, 3), GREEN, np.uint8)])
    enlarge_video(tmp_path / 'odd.mkv', tmp_path / 'odd.mp4', 1, np.copy)
    (_, written), = read_clip(tmp_path / 'odd.mp4')
    assert written.shape == (32, 46, 3) and (np.abs(written.astype(int) - GREEN) < 12).all()


@pytest.mark.parametrize('angle, turns', [(90, 1), (180, 2), (-90, -1)])
def test_a_phone_s_video_stands_upright(tmp_path, angle, turns):
    frame = np.zeros((64, 96, 3), np.uint8)
    frame[:16] = 255  # a bar along the top
    write_clip(tmp_path / 'clip.mp4', [frame] * 3)
    data = (tmp_path / 'clip.mp4').read_bytes()
    place = data.index(b'tkhd') + 4 + 40  # of the matrix, ISO 14496-12 section 8.3.2
    cos, sin = round(np.cos(np.radians(angle))), round(np.sin(np.radians(angle)))
    matrix = np.array([cos, -sin, 0, sin, cos, 0, 0, 0, 1 << 14]) << 16
    (tmp_path / 'clip.mp4').write_bytes(data[:place] + matrix.astype('>i4').tobytes() + data[place + 36:])
    enlarge_video(tmp_path / 'clip.mp4', tmp_path / 'out.mp4', 1, np.copy)
    _, upright = read_clip(tmp_path / 'out.mp4')[0]
    assert np.abs(upright.astype(int) - np.rot90(frame, turns)).mean() < 8


@pytest.mark.parametrize('height, scale, space', [(64, 1, 5), (64, 16, 1), (720, 1, 1)])
def test_colours_survive(tmp_path, height, scale, space):
    """Those of a file that says nothing about them, too, which players guess by its size: the result says it."""
    write_clip(tmp_path / 'clip.mkv', [np.full((height, 16, 3), GREEN, np.uint8)])
    seen = []
    enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'out.mp4', scale, lambda frame: seen.append(frame[0, 0]) or np.full(
        (scale * frame.shape[0], scale * frame.shape[1], 3), frame[0, 0]))
    with av.open(str(tmp_path / 'out.mp4')) as clip:
        frame = next(clip.decode(video=0))
    assert (frame.colorspace, frame.color_range) == (space, 1)
    shown = frame.to_ndarray(format='rgb24', src_colorspace=space)[0, 0]
    assert np.abs(shown.astype(int) - seen[0]).max() < 6
    assert np.abs(seen[0].astype(int) - GREEN).max() < (6 if height < 720 else 40)  # the clip was written with BT.601


def test_a_video_that_fails_leaves_nothing(tmp_path):
    write_clip(tmp_path / 'clip.mkv', plain(3))
    with pytest.raises(ZeroDivisionError):
        enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'a.mp4', 1, lambda frame: 1 // 0)
    assert [path.name for path in tmp_path.iterdir()] == ['clip.mkv']


def test_what_cannot_be_written(tmp_path):
    write_clip(tmp_path / 'clip.mkv', plain(3))
    (tmp_path / 'file').touch()
    with pytest.raises(InputError, match='a.mp4: could not be written .*Not a directory'):
        enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'file/a.mp4', 1, np.copy)
    with pytest.raises(InputError, match='a.mp4: the video cannot be written'):
        enlarge_video(tmp_path / 'clip.mkv', tmp_path / 'a.mp4', 1000, np.copy)
    assert not list(tmp_path.glob('a*'))


@pytest.mark.parametrize('kind', ['rubbish', 'sound'])
def test_no_video(tmp_path, kind):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'rubbish')
    if kind == 'sound':
        with av.open(str(path), 'w') as clip:
            tone = clip.add_stream('aac', rate=16000, layout='mono')
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), 'fltp', 'mono')
            samples.sample_rate = 16000
            clip.mux(tone.encode(samples))
            clip.mux(tone.encode(None))
    with pytest.raises(InputError, match='a.mp4: not a video, or damaged'):
        enlarge_video(path, tmp_path / 'out.mp4', 1, np.copy)
