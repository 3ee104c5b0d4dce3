"""Images of every kind: what is read comes out as it looks, and what cannot be is said."""
import os

import numpy as np
import pytest
from PIL import Image

from scgan_fan.errors import InputError
from scgan_fan.images import Photo, in_8_bits, read_image, read_photo, write_image, write_photo

GREY = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


@pytest.mark.parametrize('values', [
    GREY / np.float32(255), GREY.astype(np.int32), GREY.astype(np.int32) * 257, GREY.astype(np.uint16),
    GREY.astype(np.uint16) * 257, (GREY / 255 * 4095).astype(np.uint16), (GREY / 255 * 1023).astype(np.uint16)])
def test_deep_greys_look_as_they_should(tmp_path, values):
    """Floating-point ones from 0 to 1; integers of 8, 10, 12 and 16 bits in a wider place."""
    Image.fromarray(values).save(tmp_path / 'deep.tif')
    path = tmp_path / 'deep.tif'
    for pixels in (read_image(path, convert=True), in_8_bits(read_photo(path).pixels)):
        assert np.abs(pixels.astype(int) - GREY[..., None]).max() <= 1


@pytest.mark.parametrize('orientation', range(1, 9))
def test_deep_greys_are_upright(tmp_path, orientation):
    for name, values in (('deep.tif', GREY.astype(np.uint16) * 257), ('grey.tif', GREY)):
        Image.fromarray(values[:4]).save(tmp_path / name, tiffinfo={274: orientation})
    deep = read_photo(tmp_path / 'deep.tif').pixels
    assert deep.dtype == np.uint16 and np.array_equal(in_8_bits(deep), read_photo(tmp_path / 'grey.tif').pixels)


def exif() -> bytes:
    block = Image.Exif()
    block[0x010F], block[0x0132] = 'maker', '2020:01:01 12:00:00'
    return block.tobytes()


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
@pytest.mark.parametrize('kind', ['colours', 'alpha', 'grey', 'grey with alpha'])
def test_sixteen_bits_are_kept_with_all_that_belongs_to_them(tmp_path, suffix, kind):
    noise = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    grey = 'grey' in kind
    pixels = noise[..., :1].repeat(3, axis=2) if grey else noise
    written = Photo(pixels, noise[..., 1] if 'alpha' in kind else None, b'profile' * 50, exif(), (300, 300), grey)
    write_photo(tmp_path / f'a{suffix}', written)
    photo = read_photo(tmp_path / f'a{suffix}')
    assert photo.pixels.dtype == np.uint16 and np.array_equal(photo.pixels, pixels)
    assert photo.alpha is None if written.alpha is None else np.array_equal(photo.alpha, written.alpha)
    assert photo.profile == written.profile and photo.dpi == pytest.approx((300, 300), rel=1e-4)
    with Image.open(tmp_path / f'a{suffix}') as image:
        assert image.getexif()[0x010F] == 'maker'


@pytest.mark.parametrize('suffix', ['.png', '.tif'])
def test_sixteen_bits_are_kept_without_exif(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    write_photo(tmp_path / f'a{suffix}', Photo(noise))
    assert np.array_equal(read_photo(tmp_path / f'a{suffix}').pixels, noise)


@pytest.mark.parametrize('orientation, quarters', [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_deep_pngs_are_upright(tmp_path, orientation, quarters):
    noise = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    turned = Image.Exif()
    turned[0x0112] = orientation
    write_photo(tmp_path / 'a.png', Photo(noise, exif=turned.tobytes()))
    photo = read_photo(tmp_path / 'a.png')
    assert np.array_equal(photo.pixels, np.rot90(noise, quarters)) and photo.exif is None


def test_sixteen_bits_in_a_file_of_eight(tmp_path):
    noise = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    write_photo(tmp_path / 'a.bmp', Photo(noise))
    assert np.array_equal(read_photo(tmp_path / 'a.bmp').pixels, in_8_bits(noise))


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.tif', '.webp'])
def test_what_belongs_to_a_photograph_is_kept(tmp_path, suffix):
    grey = np.arange(240, dtype=np.uint8).reshape(12, 20)[..., None].repeat(3, axis=2)
    write_photo(tmp_path / f'a{suffix}', Photo(grey, None, b'profile' * 50, exif(), (300, 200), True))
    photo = read_photo(tmp_path / f'a{suffix}')
    assert photo.profile == b'profile' * 50 and b'maker' in photo.exif
    if suffix != '.webp':  # which knows neither
        assert photo.grey and photo.dpi == pytest.approx((300, 200), rel=1e-4)


@pytest.mark.parametrize('values', [
    np.float32([[0, 1.5]]), np.float32([[0, np.nan]]), np.float32([[-1, 1]]), np.int32([[0, 65536]]),
    np.int32([[-5, 5]])])
def test_greys_without_a_known_white_are_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / 'deep.tif')
    with pytest.raises(InputError, match='deep.tif: grey values from .* they may reach from 0 to '):
        read_image(tmp_path / 'deep.tif', convert=True)


@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
def test_colours_of_12_bits_in_16_are_refused(tmp_path, name):
    cv2 = pytest.importorskip('cv2')
    colours = np.random.default_rng(0).integers(0, 4096, (8, 8, 3)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / name), colours)
    with pytest.raises(InputError, match='colours of 16 bits of which 12 or fewer are used'):
        read_image(tmp_path / name)
    cv2.imwrite(str(tmp_path / name), colours * 16)
    assert np.abs(read_image(tmp_path / name)[..., ::-1] - colours / 16).max() <= 1


@pytest.mark.parametrize('name', ['a.tif', 'a.gif', 'a.webp', 'a.png'])
def test_one_of_several_pictures_is_not_taken_without_a_word(tmp_path, name):
    first, second = Image.new('RGB', (8, 8)), Image.new('RGB', (8, 8), 'red')
    first.save(tmp_path / name, save_all=True, append_images=[second])
    with pytest.raises(InputError, match=f'{name}: holds 2 pictures, as pages or as an animation; give each'):
        read_photo(tmp_path / name)


def test_a_thumbnail_is_no_picture_of_its_own(tmp_path):
    photo, small = Image.new('RGB', (8, 8), 'red'), Image.new('RGB', (4, 4))
    small.encoderinfo = {'tiffinfo': {254: 1}}
    photo.save(tmp_path / 'a.tif', save_all=True, append_images=[small])
    photo.save(tmp_path / 'a.jpg', 'MPO', save_all=True, append_images=[small])
    for name in ('a.tif', 'a.jpg'):
        pixels = read_photo(tmp_path / name).pixels
        assert pixels.shape == (8, 8, 3) and pixels[0, 0, 0] > 250


def test_too_large_is_not_called_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 2_000_000)
    write_image(tmp_path / 'large.png', np.zeros((2000, 2001, 3), np.uint8))
    with pytest.raises(InputError, match='large.png: too large, at most 4 million pixels are read; reduce or cut it'):
        read_photo(tmp_path / 'large.png')


@pytest.mark.parametrize('name, said', [
    ('a.webp', 'the sides of a WEBP image have at most 16383'),
    ('a.jpg', 'the sides of a JPEG image have at most 65500'),
    ('a', 'images are not written as files without a suffix'), ('a.psd', 'images are not written as .psd')])
def test_what_a_file_type_does_not_hold(tmp_path, name, said):
    with pytest.raises(InputError, match=f'{name}: .*{said}; write a .png'):
        write_image(tmp_path / name, np.zeros((1, 65501, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    write_image(tmp_path / 'a.png', np.zeros((8, 8, 3), np.uint8))
    before = (tmp_path / 'a.png').read_bytes()

    def fail(*_, **__):
        raise ValueError('whatever the encoder says')
    monkeypatch.setattr(Image.Image, 'save', fail)
    with pytest.raises(InputError, match='a.png: PNG cannot hold it .whatever the encoder says'):
        write_photo(tmp_path / 'a.png', Photo(np.ones((8, 8, 3), np.uint8)))
    assert (tmp_path / 'a.png').read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_photograph_is_opened_to_check_it_and_to_read_it(tmp_path, monkeypatch):
    write_image(tmp_path / 'photo.png', GREY[..., None].repeat(3, axis=2))
    opened = []
    monkeypatch.setattr(Image, 'open', lambda *given, once=Image.open: opened.append(given) or once(*given))
    assert np.array_equal(read_photo(tmp_path / 'photo.png').pixels[..., 0], GREY)
    assert len(opened) == 2


@pytest.mark.parametrize('read', [read_image, read_photo])
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / 'a.png')
    with pytest.raises(InputError, match=r'a.png: a pipe, from which nothing may ever come; give a file'):
        read(tmp_path / 'a.png')
