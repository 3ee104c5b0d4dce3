"""``scgan-fan restore``: every kind of file in, nothing overwritten, every bad file reported."""
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import read_clip, write_clip
from killing import kill_at
from network_files import for_sizes
from photos import PAINT, Painter, painted, photo
from PIL import Image

from scgan_fan import network_loader, restore_files
from scgan_fan.commands import restore as command
from scgan_fan.images import in_8_bits, read_image, read_photo, write_image

SQUARE = (100, 80, 60)  # of the face


@pytest.fixture
def restore(monkeypatch, tmp_path):
    """Runs the command with a painter in the restorer's stead; gives the exit status."""
    monkeypatch.setattr(network_loader, 'load_restorer', lambda path, device: Painter())
    (tmp_path / 'net.pth').touch()

    def run(*line) -> int:
        options = ['--detector', 'dlib', '--min_face', '40', '--weights', str(tmp_path / 'net.pth')]
        monkeypatch.setattr(sys, 'argv', ['scgan-fan restore', *map(str, line), *options])
        return command.main()
    return run


@pytest.fixture
def inputs(tmp_path) -> Path:
    folder = tmp_path / 'in'
    folder.mkdir()
    return folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def test_folders_are_gfpgans(restore, inputs, tmp_path):
    write_image(inputs / 'one.png', photo([SQUARE]))
    write_image(inputs / 'sharp.jpg', photo([(60, 40, 140)]))
    (inputs / 'notes.txt').touch()
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--suffix', 'x') == 0
    assert files(tmp_path / 'out') == [
        'cmp/one_00_x.png', 'cmp/one_x.jpg', 'cropped_faces/one_00_x.png', 'cropped_faces/sharp_00_x.png',
        'restored_faces/one_00_x.png', 'restored_imgs/one_x.png', 'restored_imgs/sharp_x.jpg']
    restored = read_image(tmp_path / 'out/restored_imgs/one_x.png')
    assert restored.shape == (480, 640, 3) and 0.3 < painted(restored, photo([SQUARE])).sum() / 120**2 < 1
    sharp = read_image(tmp_path / 'out/restored_imgs/sharp_x.jpg')
    assert not painted(sharp, read_image(inputs / 'sharp.jpg')).any()
    assert read_image(tmp_path / 'out/cmp/one_00_x.png').shape == (64, 128, 3)
    before, after = np.hsplit(read_image(tmp_path / 'out/cmp/one_x.jpg'), 2)
    assert before.shape == restored.shape and painted(after, before).sum() / 120**2 > 0.3
    assert painted(before, photo([SQUARE])).mean() < 0.01 and painted(after, restored).mean() < 0.01  # of JPEG


def rgba(image: Image.Image) -> Image.Image:
    image.putalpha(Image.linear_gradient('L').resize(image.size))
    return image


def sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert('L')).astype(np.uint16) * 257)


KINDS = {'grey.png': lambda i: i.convert('L'), 'palette.png': lambda i: i.convert('P'), 'deep.png': sixteen_bits,
         'deep.tif': sixteen_bits, 'cmyk.jpg': lambda i: i.convert('CMYK'), 'colour.webp': lambda i: i,
         'colour.bmp': lambda i: i, 'alpha.png': rgba, 'alpha.webp': rgba}
DEEP = ('deep.png', 'deep.tif')


@pytest.mark.parametrize('name', KINDS)
def test_kinds_of_images(restore, inputs, tmp_path, name):
    original = photo([SQUARE])
    KINDS[name](Image.fromarray(original)).save(inputs / name)
    assert restore('-i', inputs / name, '-o', tmp_path / 'out', '-s', '1', '--ext', 'png') == 0
    result = read_photo((tmp_path / 'out/restored_imgs' / name).with_suffix('.png'))
    before = read_photo(inputs / name)
    assert result.pixels.dtype == before.pixels.dtype == (np.uint16 if name in DEEP else np.uint8)
    assert result.grey == before.grey == (name in ('grey.png', *DEEP))
    assert painted(in_8_bits(result.pixels), in_8_bits(before.pixels)).any()
    assert np.array_equal(result.pixels[:70], before.pixels[:70])
    assert (result.alpha is not None) == name.startswith('alpha')
    if result.alpha is not None:
        assert np.array_equal(result.alpha, before.alpha)


def test_orientation_and_colour_profile(restore, inputs, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, 'camera'  # to be turned clockwise; its maker
    turned = Image.fromarray(np.rot90(photo([SQUARE])))
    turned.save(inputs / 'turned.jpg', exif=exif, icc_profile=b'colours', quality=95, dpi=(240, 240))
    assert restore('-i', inputs / 'turned.jpg', '-o', tmp_path / 'out') == 0
    result = read_photo(tmp_path / 'out/restored_imgs/turned.jpg')
    assert result.pixels.shape == (480, 640, 3) and result.profile == b'colours' and result.dpi == (240, 240)
    kept = Image.open(tmp_path / 'out/restored_imgs/turned.jpg').getexif()
    assert kept[0x010F] == 'camera' and kept.get(0x0112, 1) == 1
    assert painted(result.pixels, photo([SQUARE]))[180:260, 220:300].mean() > 0.3


def test_nothing_is_overwritten(restore, inputs, tmp_path, capsys):
    write_image(inputs / 'a.png', photo([SQUARE]))
    line = ('-i', inputs, '-o', tmp_path / 'out')
    assert restore(*line) == 0
    kept = {name: (tmp_path / 'out' / name).write_bytes(b'mine') for name in files(tmp_path / 'out')}
    assert restore(*line) == 0
    shown = capsys.readouterr().out
    assert 'restored already' in shown and shown.count('faces found') == 1  # by the first run
    (tmp_path / 'out/restored_imgs/a.png').unlink()
    assert restore(*line) == 1
    assert 'is there already; give --overwrite' in capsys.readouterr().out
    assert all((tmp_path / 'out' / name).read_bytes() == b'mine' for name in files(tmp_path / 'out'))
    assert restore(*line, '--overwrite') == 0
    assert files(tmp_path / 'out') == sorted(kept)
    assert not any((tmp_path / 'out' / name).read_bytes() == b'mine' for name in kept)


def test_a_stopped_run_is_continued(restore, inputs, tmp_path):
    """Killed between the faces and the photograph, or with the power cut: the same command goes on."""
    write_image(inputs / 'a.png', photo([SQUARE]))
    line = ('-i', inputs, '-o', tmp_path / 'out')
    assert restore(*line) == 0
    whole = {name: (tmp_path / 'out' / name).read_bytes() for name in files(tmp_path / 'out')}
    for leave in ([], ['cropped_faces/a_00.png'], ['cropped_faces/a_00.png', 'cmp/a_00.png']):
        for name in whole.keys() - leave:
            (tmp_path / 'out' / name).unlink()
        (tmp_path / 'out/restored_imgs/a.png').touch()
        assert restore(*line) == 0
        assert {name: (tmp_path / 'out' / name).read_bytes() for name in files(tmp_path / 'out')} == whole


@pytest.mark.parametrize('name', ['a.png', 'a.jpg', 'a.webp', 'a.bmp', 'a.tif'])
def test_a_photograph_that_is_being_written_counts_for_nothing(tmp_path, name):
    def write(folder, output):
        write_image(output, photo([]))
    kill_at(os, 'replace', 0, write, tmp_path, tmp_path / name)
    assert files(tmp_path) == [f'{name}.part']
    assert (tmp_path / f'{name}.part').stat().st_size > 1000


@pytest.mark.parametrize('suffix, side', [('.webp', 16384), ('.jpg', 65501)])
def test_a_photograph_that_its_file_type_cannot_hold(restore, inputs, tmp_path, capsys, suffix, side):
    Image.new('RGB', ((side + 1) // 2, 4)).save(inputs / f'long{suffix}')
    write_image(inputs / 'other.png', photo([SQUARE]))
    assert restore('-i', inputs, '-o', tmp_path / 'out') == 1
    shown = capsys.readouterr().out
    assert f'the sides of a {"JPEG" if suffix == ".jpg" else "WEBP"} image have at most {side - 1}' in shown
    assert files(tmp_path / 'out/restored_imgs') == ['other.png']
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--ext', 'png') == 0
    assert files(tmp_path / 'out/restored_imgs') == ['long.png', 'other.png']


@pytest.mark.parametrize('name', ['photo', 'photo.xyz'])
def test_a_photograph_of_no_known_suffix(restore, inputs, tmp_path, capsys, name):
    Image.fromarray(photo([])).save(inputs / name, 'PNG')
    assert restore('-i', inputs / name, '-o', tmp_path / 'out') == 1
    assert 'images are not written as' in capsys.readouterr().out
    assert restore('-i', inputs / name, '-o', tmp_path / 'out', '--ext', 'png') == 0


def test_results_of_the_same_name(restore, inputs, tmp_path, capsys):
    write_image(inputs / 'a.jpg', photo([]))
    write_image(inputs / 'a.png', photo([]))
    assert restore('-i', inputs, '-o', tmp_path / 'out') == 1
    assert 'a.png: its results would have the names of those of a.jpg' in capsys.readouterr().out
    assert files(tmp_path / 'out') == ['restored_imgs/a.jpg']


def test_the_input_is_never_replaced(restore, tmp_path, capsys):
    source = tmp_path / 'restored_imgs/a.png'
    write_image(source, photo([]))
    before = source.read_bytes()
    assert restore('-i', source, '-o', tmp_path, '--overwrite') == 1
    assert 'its result would replace it' in capsys.readouterr().out and source.read_bytes() == before


def test_aligned(restore, inputs, tmp_path, capsys):
    write_image(inputs / 'face.png', photo([(0, 0, 64)], 64, 64))
    write_image(inputs / 'tiny.png', photo([], 16, 16))
    write_image(inputs / 'wide.png', photo([]))
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--aligned') == 1
    assert 'wide.png: 320x240 pixels; an aligned face is a square' in capsys.readouterr().out
    folders, names = ('cmp', 'cropped_faces', 'restored_faces'), ('face', 'tiny')
    assert files(tmp_path / 'out') == [f'{folder}/{name}_00.png' for folder in folders for name in names]
    assert np.array_equal(read_image(tmp_path / 'out/restored_faces/tiny_00.png'), PAINT)


def test_aligned_faces_of_many_files_are_restored_together(restore, inputs, tmp_path, monkeypatch):
    sizes = []
    forward = Painter.forward
    monkeypatch.setattr(Painter, 'forward', lambda self, images: sizes.append(len(images)) or forward(self, images))
    for number in range(7):
        write_image(inputs / f'{number}.png', np.full((16, 16, 3), 30 * number, np.uint8))
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--aligned', '--batch', '3') == 0
    assert sizes == [3, 3, 1]
    for number in range(7):
        assert (read_image(tmp_path / f'out/cropped_faces/{number}_00.png') == 30 * number).all()


def test_several_networks_share_the_faces(inputs, tmp_path, monkeypatch):
    weights = map(str, for_sizes(tmp_path, 16, 32))
    for name, size in (('a', 16), ('b', 34), ('c', 20), ('d', 200)):
        write_image(inputs / f'{name}.png', photo([(0, 0, size)], size, size))
    line = ['-i', str(inputs), '-o', str(tmp_path / 'out'), '--aligned', '--device', 'cpu', '--weights', *weights]
    monkeypatch.setattr(sys, 'argv', ['scgan-fan restore', *line])
    assert command.main() == 0
    sides = [len(read_image(tmp_path / f'out/{folder}/{name}_00.png'))
             for folder in ('cropped_faces', 'restored_faces') for name in 'abcd']
    assert sides == [16, 32, 16, 32, 64, 128, 64, 128]


def test_each_face_is_told(restore, inputs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Painter, 'largest', 80)
    write_image(inputs / 'a.png', photo([(20, 30, 60), (160, 60, 120)]))
    for name in ('b.heic', 'c.gif', 'd.GIF', 'notes.txt', '.hidden'):
        (inputs / name).touch()
    (inputs / 'more').mkdir()
    assert restore('-i', inputs) == 0
    shown = capsys.readouterr().out
    assert 'restored/restored_imgs/a.png: 640x480 pixels, 2 times as large' in shown
    assert 'face 00' in shown and 'only enlarged, larger than 80 pixels: painter would not make it better' in shown
    assert 'face 01' in shown and shown.count(': restored') == 1
    assert 'restored: 2 faces found, 1 restored' in shown and '--face_model' in shown
    assert '1 files with .heic were passed over: save them as JPEG' in shown and '2 files with .gif' in shown
    assert '1 files with .txt' in shown and '1 folders were passed over: give each as -i' in shown
    assert 'hidden' not in shown


def test_force_warns(restore, inputs, tmp_path, capsys):
    write_image(inputs / 'sharp.png', photo([(60, 40, 140)]))
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--force') == 0
    shown = capsys.readouterr().out
    assert 'warning: --force: painter does not make faces of more than 64 pixels better' in shown
    assert '1 restored' in shown


def test_force_knows_no_more_than_was_measured(restore, inputs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Painter, 'measured', False)
    write_image(inputs / 'sharp.png', photo([(60, 40, 140)]))
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--force') == 0
    assert 'was not measured, and may make faces of more than 64 pixels worse' in capsys.readouterr().out


def test_boxes_are_drawn(restore, inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(Painter, 'largest', 80)
    write_image(inputs / 'a.png', photo([(20, 30, 60), (160, 60, 120)]))
    assert restore('-i', inputs, '-o', tmp_path / 'out', '--draw_box') == 0
    image = read_image(tmp_path / 'out/restored_imgs/a.png')
    assert all((image == colour).all(axis=-1).sum() > 200 for colour in (restore_files.RESTORED, restore_files.LEFT))


@pytest.mark.parametrize('option, value, said', [
    ('-s', '0.5', 'from 1 to 16'), ('-s', '17', 'from 1 to 16'), ('-w', '1.1', '0 to 1'), ('-w', '-0.1', '0 to 1')])
def test_numbers_out_of_range(restore, inputs, option, value, said, capsys):
    with pytest.raises(SystemExit):
        restore('-i', inputs, option, value)
    assert f'must be {said}' in capsys.readouterr().err


@pytest.mark.parametrize('line, said', [
    (('-i', 'nowhere'), 'nowhere: no such file or folder'),
    (('-i', '.', '--detector', 'retinaface'), 'weights of RetinaFace are not there'),
    (('-i', '.', '--device', 'tpu9'), "device: 'tpu9'"),
    (('-i', '.', '--bg_upsampler', 'nowhere.pth'), 'nowhere.pth: no such file'),
])
def test_nothing_can_begin(line, said, inputs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr('scgan_fan.faces.detectors.retinaface.FILE', 'none.pth')
    monkeypatch.chdir(inputs)
    write_image(inputs / 'a.png', photo([]))
    if '--bg_upsampler' in line:
        monkeypatch.setattr(network_loader, 'load_restorer', lambda path, device: Painter())
        line += ('--weights', 'net.pth')
    monkeypatch.setattr(sys, 'argv', ['scgan-fan restore', *line, '-o', 'out'])
    assert command.main() == 2
    shown = capsys.readouterr()
    assert shown.err.count('\n') == 1 and said in shown.err and not (inputs / 'out').exists()


def test_a_pipe(restore, tmp_path, capsys):
    os.mkfifo(tmp_path / 'a.png')
    assert restore('-i', tmp_path / 'a.png', '-o', tmp_path / 'out') == 1
    assert 'a.png: a pipe, from which nothing may ever come' in capsys.readouterr().out


def test_an_empty_folder(restore, inputs, tmp_path, capsys):
    assert restore('-i', inputs, '-o', tmp_path / 'out') == 2
    assert 'holds no images or videos' in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------------
# Videos
# ---------------------------------------------------------------------------------------------------------------------

def test_video(restore, inputs, tmp_path):
    write_clip(inputs / 'clip.avi', [photo([(40 + 4 * shift, 30, 60)], 120, 160) for shift in range(4)])
    assert restore('-i', inputs / 'clip.avi', '-o', tmp_path / 'out') == 0
    assert files(tmp_path / 'out') == ['restored_videos/clip.mp4']
    frames = read_clip(tmp_path / 'out/restored_videos/clip.mp4')
    assert [time for time, _ in frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    for shift, (_, frame) in enumerate(frames):
        assert frame.shape == (240, 320, 3)
        before, left = photo([(40 + 4 * shift, 30, 60)], 120, 160), 2 * (40 + 4 * shift)
        assert painted(frame, before)[90:150, left + 30:left + 90].mean() > 0.3


def test_in_a_video_the_network_is_chosen_anew_where_the_face_shows_much_more(restore, inputs, tmp_path, monkeypatch):
    details = []
    monkeypatch.setattr(Painter, 'of', lambda self, side: details.append(side) or self)
    write_clip(inputs / 'clip.avi', [photo([(40, 30, side)], 120, 160) for side in (56, 60, 64, 68)])
    assert restore('-i', inputs / 'clip.avi', '-o', tmp_path / 'out') == 0
    chosen_by = [side for side in details if side not in (1, 16)]  # of the network for the quality, of its input
    assert len(chosen_by) == 4 and len(set(chosen_by)) == 2  # in two steps though the face grows in each frame


def test_truncated_video(restore, inputs, tmp_path, capsys):
    write_clip(inputs / 'clip.avi', [photo([], 120, 160)] * 8)
    data = (inputs / 'clip.avi').read_bytes()
    (inputs / 'clip.avi').write_bytes(data[:len(data) // 2])
    (inputs / 'rubbish.mp4').write_bytes(b'rubbish')
    assert restore('-i', inputs, '-o', tmp_path / 'out') == 1
    shown = capsys.readouterr().out
    assert 'clip.avi' in shown and 'rubbish.mp4: not a video' in shown
    assert files(tmp_path / 'out') == []


# ---------------------------------------------------------------------------------------------------------------------
# Damaged images
# ---------------------------------------------------------------------------------------------------------------------

def damaged(rng: np.random.Generator, suffix: str) -> bytes:
    """An image file, cut off or with some bytes changed."""
    buffer = io.BytesIO()
    Image.fromarray(photo([], 30, 40)).save(buffer, {'jpg': 'JPEG'}.get(suffix, suffix))
    data = bytearray(buffer.getvalue())
    if rng.random() < 0.5:
        return bytes(data[:rng.integers(len(data))])
    for place in rng.integers(0, min(len(data), rng.choice([40, 10_000])), 10):
        data[place] = rng.integers(256)
    return bytes(data)


def test_damaged_files_do_not_stop_the_rest(restore, inputs, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for index in range(60):
        suffix = ('png', 'jpg', 'webp')[index % 3]
        (inputs / f'{index:02d}.{suffix}').write_bytes(damaged(rng, suffix))
    write_image(inputs / 'whole.png', photo([SQUARE]))
    assert restore('-i', inputs, '-o', tmp_path / 'out') == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith('failed: ')]
    restored = [path.stem for path in (tmp_path / 'out/restored_imgs').iterdir()]
    assert 'whole' in restored and len(failed) > 30
    assert len(failed) + len(restored) == 61
    assert all(f'{inputs}/' in line and line.endswith('replace or remove it') for line in failed)
