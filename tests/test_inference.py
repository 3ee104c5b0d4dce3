"""Aligned faces as arrays, and faces in photographs."""
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from network_files import for_sizes
from photos import CLEAR, Painter, painted, photo
from torch import nn

from drawn_faces import draw_face
from scgan_fan import inference
from scgan_fan.background import enlarge_bicubic, load_upsampler
from scgan_fan.device import choose_device
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import Face
from scgan_fan.faces.paste import cut_crop
from scgan_fan.faces.quality import Quality
from scgan_fan.images import read_image, to_tensor, write_image
from scgan_fan.inference import restore, restore_photo


class Linear(nn.Module):
    """A restorer with a weight, which knows no size of its own."""

    scale, size = 2, None

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)

    def of(self, side):
        return self

    def forward(self, images):
        return nn.functional.interpolate(self.convolution(images), scale_factor=2)


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


@torch.no_grad()
def test_arrays_in_and_out(faces):
    restorer = Linear()
    restorer.convolution.weight.zero_()
    restorer.convolution.bias.zero_()
    for channel in range(3):
        restorer.convolution.weight[channel, channel, 1, 1] = 1  # identity
    restored = restore(faces, restorer, batch=2)
    assert restored.dtype == np.uint8
    assert np.array_equal(restored, faces.repeat(2, axis=1).repeat(2, axis=2))


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_precision(faces, precision):
    restorer = Linear()
    full, half = restore(faces, restorer), restore(faces, restorer, precision)
    assert not np.array_equal(full, half)
    assert np.abs(full.astype(int) - half).max() <= 3


@pytest.mark.parametrize('flags, precision', [('avx512f avx512_bf16', 'bfloat16'), ('avx512f avx512_vbmi', 'float32')])
def test_automatic_precision_is_what_the_processor_computes_in(faces, monkeypatch, flags, precision):
    monkeypatch.setattr(inference, '_computes_in_bfloat16', inference._computes_in_bfloat16.__wrapped__)
    monkeypatch.setattr(Path, 'read_text', lambda path, encoding: f'flags : {flags}')
    restorer = Linear()
    assert np.array_equal(restore(faces, restorer, 'auto'), restore(faces, restorer, precision))
    assert not np.array_equal(restore(faces, restorer, 'float32'), restore(faces, restorer, 'bfloat16'))


def test_no_faces():
    assert restore(np.zeros((0, 16, 16, 3), np.uint8), Painter()).shape == (0, 64, 64, 3)


def test_wrong_arguments(faces):
    with pytest.raises(InputError, match='precision'):
        restore(faces, Painter(), 'int8')
    with pytest.raises(InputError, match='float64 array of shape'):
        restore(faces / 255, Painter())
    with pytest.raises(InputError, match="'tpu9' is not there"):
        choose_device('tpu9')


def test_weights_by_path(faces, tmp_path):
    with pytest.raises(InputError, match='nothing.pth'):
        restore(faces, tmp_path / 'nothing.pth')


@pytest.mark.parametrize('scale', [1, 2])
def test_without_a_face_only_the_size_changes(scale):
    image = photo([])
    result = restore_photo(image, Painter(), scale)
    assert result.faces == []
    assert np.array_equal(result.image, enlarge_bicubic(image, scale))


def test_faces_are_restored_and_nothing_else_changes():
    image = photo([(40, 100, 60), (200, 40, 40)])
    result = restore_photo(image, Painter(), 2)
    assert len(result.faces) == 2
    rest = np.ones(result.image.shape[:2], bool)
    for face in result.faces:
        x, y, side = face.crop.x, face.crop.y, face.crop.side
        rest[2 * y:2 * (y + side), 2 * x:2 * (x + side)] = False
        middle = np.s_[2 * y + side // 2:2 * y + side, 2 * x + side // 2:2 * x + side]
        assert painted(result.image, image)[middle].mean() > 0.5
        assert face.pixels.shape == (16, 16, 3) and face.restored.shape == (64, 64, 3)
    assert np.array_equal(result.image[rest], enlarge_bicubic(image, 2)[rest])
    assert not np.shares_memory(result.image, image)


@pytest.mark.usefixtures('on_the_cpu')
def test_each_face_is_restored_by_the_network_of_its_size(tmp_path):
    image, paths = photo([(40, 100, 33), (200, 40, 15), (100, 20, 60)]), for_sizes(tmp_path, 16, 32)
    faces = [Face((x, y, x + side, y + side), None, 1, 'landmarks')
             for x, y, side in ((40, 100, 33), (200, 40, 15), (100, 20, 60))]
    result = restore_photo(image, paths, faces=faces)
    assert [face.crop.side for face in result.faces] == [34, 16, 62] and result.image.shape == (960, 1280, 3)
    assert [face.reason[:21] for face in result.faces] == ['', '', 'larger than 48 pixels']
    for face, path, size in zip(result.faces, reversed(paths), (32, 16)):
        assert face.pixels.shape == (size, size, 3)
        assert np.array_equal(face.restored, restore(face.pixels[None], path)[0])
    assert all(face.restored is not None for face in restore_photo(image, paths, 2, faces=faces, force=True).faces)
    assert restore_photo(image, paths[:1], 2, faces=faces[:1], force=True).faces[0].pixels.shape == (16, 16, 3)


@pytest.mark.usefixtures('on_the_cpu')
def test_a_blurred_face_is_restored_by_the_network_of_smaller_faces(tmp_path, monkeypatch):
    image, paths = photo([(40, 100, 33), (200, 40, 36)]), for_sizes(tmp_path, 16, 32)
    faces = [Face((x, y, x + side, y + side), None, 1, 'landmarks') for x, y, side in ((40, 100, 33), (200, 40, 36))]
    monkeypatch.setattr(inference, 'assess', lambda image, crop, restored: Quality(0, 1, 1, crop.x < 100))
    blurred, sharp = restore_photo(image, paths, 2, faces=faces).faces
    assert len(blurred.pixels) == 16 and np.array_equal(blurred.restored, restore(blurred.pixels[None], paths[0])[0])
    assert len(sharp.pixels) == 32 and np.array_equal(sharp.restored, restore(sharp.pixels[None], paths[1])[0])


@pytest.mark.usefixtures('on_the_cpu')
def test_in_a_video_a_face_stays_with_its_network(tmp_path, monkeypatch):
    image, paths = photo([(40, 100, 22)]), for_sizes(tmp_path, 16, 32)
    monkeypatch.setattr(inference, 'assess', lambda *given: Quality(0, 1, 1, 0))
    for before, size in ((None, 32), (22, 16), (24, 32), (18, 32)):
        face = Face((40, 100, 63, 123), None, 1, 'landmarks', before)
        restored, = restore_photo(image, paths, 2, faces=[face]).faces
        assert restored.crop.side == 24 and len(restored.pixels) == size
        assert restored.detail == (before if before in (22, 24) else 24)


def restorer(largest: float) -> Painter:
    painter = Painter()
    painter.largest = largest
    return painter


def test_larger_faces_are_only_enlarged():
    image = photo([(40, 60, 120), (230, 40, 40)])
    result = restore_photo(image, restorer(60), 1)
    large, small = result.faces
    assert large.restored is None and small.restored is not None
    assert 'larger than 60 pixels' in large.reason and not small.reason
    x, y, side = large.crop.x, large.crop.y, large.crop.side
    assert np.array_equal(result.image[y:y + side, x:x + side], image[y:y + side, x:x + side])
    assert all(face.restored is not None for face in restore_photo(image, restorer(60), 1, force=True).faces)


def test_nobody_measured_a_network_of_ones_own(monkeypatch):
    monkeypatch.setattr(Painter, 'measured', False)
    face, = restore_photo(photo([(40, 60, 120)]), restorer(24), 1).faces
    assert face.reason == 'larger than 24 pixels, 1.5 times what the network was made for; --force restores it too'


def test_only_the_face_in_the_middle():
    image = photo([(10, 20, 60), (140, 100, 40)])
    face, = restore_photo(image, Painter(), 1, only_center_face=True).faces
    assert 130 < face.crop.x < 150


def test_faces_that_are_known_are_not_looked_for():
    image = photo([(10, 20, 60), (140, 100, 40)])
    known = restore_photo(image, Painter(), 1).faces[1].face
    face, = restore_photo(image, Painter(), 1, faces=[known]).faces
    assert face.face is known and face.restored is not None


def test_margin_widens_the_crop():
    image = photo([(100, 80, 60)])
    sides = [restore_photo(image, Painter(), 1, margin=margin).faces[0].crop.side for margin in (1.0, 1.5)]
    assert sides[1] == pytest.approx(1.5 * sides[0], abs=1)


@pytest.mark.parametrize('angle', [-30, 30])
def test_a_tilted_face_is_levelled_and_turned_back(angle):
    image = photo([(100, 80, 60)])
    turn = cv2.getRotationMatrix2D((130, 110), -angle, 1)
    tilted = cv2.warpAffine(image, turn, (320, 240), borderMode=cv2.BORDER_REPLICATE)
    face, = restore_photo(tilted, Painter(), 2).faces
    upright, = restore_photo(image, Painter(), 2).faces
    assert face.crop.angle == pytest.approx(angle, abs=8)
    level, crooked = (np.abs(pixels.astype(int) - upright.pixels)[3:13, 3:13].mean() for pixels in (
        face.pixels, cut_crop(tilted, replace(face.crop, angle=0), 16)))
    assert level < 0.8 * crooked


class Soft(Painter):
    """Enlarges what it sees: less than a photograph of more pixels shows."""

    def forward(self, images):
        return nn.functional.interpolate(images, scale_factor=4, mode='bicubic').clamp(-1, 1)


def test_of_a_clean_photograph_what_its_pixels_show_is_kept_and_of_a_noisy_one_it_is_not():
    image = photo([(100, 80, 32)])
    noise = np.random.default_rng(0).normal(0, 15, image.shape)
    noisy = (image + noise).round().clip(0, 255).astype(np.uint8)
    known = restore_photo(image, Soft(), 4).faces[0].face
    errors = []
    for seen in (image, noisy):
        result = restore_photo(seen, Soft(), 4, faces=[known]).image
        reduced = cv2.resize(result, image.shape[1::-1], interpolation=cv2.INTER_AREA)
        errors.append(np.abs(reduced.astype(int) - seen)[90:104, 108:124].mean())
    assert errors[0] < 1.5 and errors[1] > 3 * errors[0]


@pytest.mark.parametrize('left, fidelity, colours, strength', [
    (1, 0.5, 2, 1), (0, 0.5, 8, 0.8), (0, 0.75, 5, 0.9), (0, 0, 2, 1), (0, 1, 2, 1)])
def test_of_a_compressed_face_some_stays_and_more_of_the_colours_is_made_up(monkeypatch, left, fidelity, colours,
                                                                           strength):
    monkeypatch.setattr(inference, 'assess', lambda *given: Quality(0, left, left, 0))
    face, = restore_photo(photo([(100, 80, 40)]), Painter(), 1, fidelity=fidelity).faces
    assert (face.colours, face.strength) == pytest.approx((colours, strength))


def test_a_blurred_face_comes_out_as_sharp_as_another():
    class Knowing(Painter):
        def forward(self, images):
            return to_tensor(draw_face(np.random.default_rng(CLEAR[0]), 64)[0])[None]

    sharp = photo([(100, 80, 32)])
    blurred = cv2.GaussianBlur(sharp, None, 1)
    face = Face((100, 80, 132, 112), None, 1, 'landmarks')
    expected, restored = (restore_photo(seen, Knowing(), 4, faces=[face], margin=1).image.astype(int)
                          for seen in (sharp, blurred))
    errors = [np.abs(image - expected)[340:430, 430:500].mean() for image in (restored, enlarge_bicubic(blurred, 4))]
    assert errors[0] < 0.5 * errors[1]


def test_outlines_of_all_faces_are_found_at_once_and_are_those_of_each_alone(monkeypatch):
    image = photo([(40, 100, 60), (200, 40, 40)])
    faces = [face.face for face in restore_photo(image, Soft(), 2).faces]
    alone = [restore_photo(image, Soft(), 2, faces=[face]).image for face in faces]
    calls = []
    find = inference.find_landmarks
    monkeypatch.setattr(inference, 'find_landmarks', lambda *given: calls.append(len(given[1])) or find(*given))
    together = restore_photo(image, Soft(), 2, faces=faces).image
    assert [count for count in calls if count] == [2]
    changes = [np.abs(result.astype(int) - enlarge_bicubic(image, 2)) for result in (together, *alone)]
    assert np.abs(changes[0] - changes[1] - changes[2]).max() <= 1 and min(map(np.max, changes)) > 3


def test_fidelity_goes_from_made_up_to_plain_enlargement():
    image = photo([(100, 80, 60)])
    enlarged = enlarge_bicubic(image, 2)
    results = [restore_photo(image, Painter(), 2, fidelity=value).image.astype(int)
               for value in (0, 0.2, 0.4, 0.6, 0.8, 0.95, 1)]
    changes = [np.abs(result - enlarged).mean() for result in results]
    assert changes == sorted(changes, reverse=True) and changes[0] > 2 * changes[3] and changes[-1] == 0
    with pytest.raises(InputError, match='fidelity 1.5'):
        restore_photo(image, Painter(), 2, fidelity=1.5)


def test_grey_photographs_stay_grey():
    class Colourful(Painter):
        def forward(self, images):
            return super().forward(images) * torch.tensor([1.0, -1.0, 0.2])[:, None, None]

    grey = photo([(100, 80, 60)])[..., 1:2].repeat(3, axis=2)
    result = restore_photo(grey, Colourful(), 2, fidelity=0.4)
    assert painted(result.image, grey).any() and np.ptp(result.image, axis=2).max() == 0


def test_sixteen_bits_stay():
    image = photo([(100, 80, 60)])
    deep = restore_photo(image.astype(np.uint16) * 257 + 100, Painter(), 2)
    assert deep.image.dtype == np.uint16 and painted((deep.image // 257).astype(np.uint8), image).any()
    assert not (deep.image[:100] % 257 == 0).all()


@pytest.mark.parametrize('side, scale', [(40, 2), (24, 3), (17, 4)])
def test_the_scale_that_a_face_needs(side, scale):
    image = photo([(100, 80, side)])
    result = restore_photo(image, Painter())
    face, = result.faces
    assert result.image.shape == (240 * scale, 320 * scale, 3) and face.restored is not None
    assert face.crop.side * scale >= 64 or scale == 4


def test_a_face_that_needs_no_more_pixels_does_not_keep_the_photograph_small():
    result = restore_photo(photo([(100, 80, 80)]), restorer(100))
    assert result.faces[0].restored is not None and result.image.shape == (480, 640, 3)


def test_scales():
    image = photo([(100, 80, 60)])
    assert restore_photo(photo([]), Painter()).image.shape == (480, 640, 3)
    assert restore_photo(image, Painter(), 1.5).image.shape == (360, 480, 3)
    assert restore_photo(image[:239, :317], Painter(), 1.5).image.shape == (358, 476, 3)
    with pytest.raises(InputError, match=r'scale 0\.5'):
        restore_photo(image, Painter(), 0.5)


def test_a_large_photograph_is_not_enlarged_beyond_measure(monkeypatch):
    monkeypatch.setattr(inference, 'MOST_PIXELS', 240 * 320 * 5)
    assert restore_photo(photo([(100, 80, 24)]), Painter()).image.shape == (480, 640, 3)


def test_astronaut():
    image = pytest.importorskip('skimage.data').astronaut()[:256, 96:352]
    face, = restore_photo(image, Painter(), 1).faces
    side = face.crop.side
    eyes = face.face.points[:2].mean(axis=0)
    assert np.abs(eyes - (129, 102)).max() < 4 and 80 < side < 120  # seen by eye
    assert face.restored is None


def test_background_by_a_network(tmp_path):
    """Real-ESRGAN's network with weights that shift colours, in tiles: no seams, and scales that it does not have."""
    spandrel = pytest.importorskip('spandrel')
    from spandrel.architectures.ESRGAN import ESRGAN
    torch.manual_seed(0)
    network = ESRGAN(num_filters=8, num_blocks=1, scale=4)
    torch.save(network.state_dict(), tmp_path / 'net.pth')
    assert spandrel is not None
    upsampler = load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))
    image = photo([], 40, 300)
    enlarged = upsampler(image, 2)
    assert enlarged.shape == (80, 600, 3)
    with torch.no_grad():
        whole = network(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].clamp(0, 1).permute(1, 2, 0)
    whole = cv2.resize((whole.numpy() * 255).round().astype(np.uint8), (600, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(whole.astype(int) - enlarged).max() <= 2


def test_background_networks_that_are_none(tmp_path):
    with pytest.raises(InputError, match='no such file'):
        load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))
    (tmp_path / 'net.pth').write_bytes(b'rubbish')
    with pytest.raises(InputError, match='spandrel cannot read it'):
        load_upsampler(str(tmp_path / 'net.pth'), torch.device('cpu'))


def test_the_five_lines_of_the_readme(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')
    code, = re.findall(r'```python\n(from scgan_fan import .*?)```', readme, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    write_image('photo.jpg', photo([(100, 80, 24)]))
    exec(code, {})
    assert code.count('\n') == 5 and 'restored' in capsys.readouterr().out
    assert read_image('restored.jpg').shape == (960, 1280, 3)  # 24 pixels become 128: 4 times at most
