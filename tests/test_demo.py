"""The page: what it does as plain functions, and all of it in a real browser."""
import json
import os
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from photos import Painter, painted, photo
from PIL import Image
from runs import free_port, program

from scgan_fan import demo, load_restorer, read_photo, restore_photo
from scgan_fan.background import enlarge_bicubic
from scgan_fan.commands import demo as command
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import Face
from scgan_fan.faces.detection import find_faces

PLACES = [(40, 30, 24), (120, 60, 20), (200, 100, 28), (60, 130, 70)]  # of faces; the last is larger than is restored
FOUND = [Face((x, y, x + side, y + side), None, 1, 'landmarks') for x, y, side in PLACES]
PROGRAM = """
import sys
def tell(event, arguments):
    if event in ('socket.connect', 'socket.getaddrinfo') and '127.0.0.1' not in str(arguments):
        print('asks another machine:', event, arguments, flush=True)
sys.addaudithook(tell)
from scgan_fan import commands
sys.exit(commands.main())
"""


@pytest.fixture
def party(tmp_path) -> Path:
    exif = Image.Exif()
    exif[0x010F] = 'camera'  # its maker
    Image.fromarray(photo(PLACES)).save(tmp_path / 'party.jpg', exif=exif, dpi=(240, 240), quality=95)
    return tmp_path / 'party.jpg'


def around(image: np.ndarray, index: int) -> np.ndarray:
    """A face of a photograph that was enlarged four times, with a little around it."""
    x, y, side = (4 * value for value in PLACES[index])
    return image[y - 20:y + side + 20, x - 20:x + side + 20]


def test_ticked_faces_are_restored(party, tmp_path):
    files, pairs, what = demo.restore_ticked(Painter(), tmp_path, str(party), FOUND, [0, 2, 3], 0.5, 4, False)
    assert [file.name for file in files] == ['party_before.png', 'party_restored.png']
    before, after = map(read_photo, files)
    original = read_photo(party)
    assert np.array_equal(before.pixels, enlarge_bicubic(original.pixels, 4))
    assert after.exif == original.exif and after.dpi == pytest.approx((240, 240), abs=0.1)
    shown = [painted(around(after.pixels, index), around(before.pixels, index)).any() for index in range(4)]
    assert shown == [True, False, True, False]
    assert [len(pair) for pair in pairs] == [demo.THUMBNAIL] * 4
    assert [painted(*reversed(np.hsplit(pair, 2))).any() for pair in pairs] == shown
    assert what == ['restored', 'only enlarged, not ticked', 'restored',
                    'only enlarged, larger than 64 pixels: painter would not make it better']


def test_settings_are_those_of_restore_photo(party, tmp_path):
    (_, after), _, what = demo.restore_ticked(Painter(), tmp_path, str(party), FOUND, [3, 1], 0.2, 1.5, True)
    expected = restore_photo(read_photo(party).pixels, Painter(), 1.5, faces=[FOUND[3], FOUND[1]], fidelity=0.2,
                             force=True)
    assert np.array_equal(read_photo(after).pixels, expected.image)
    assert what == ['only enlarged, not ticked', 'restored', 'only enlarged, not ticked', 'restored']


def test_faces_are_outlined_and_numbered():
    image = photo(PLACES)
    plain = demo.number_faces(image, [], Painter())
    numbered = demo.number_faces(image, FOUND, Painter())
    assert plain.shape == numbered.shape == (1200, 1600, 3)
    changed = (plain != numbered).any(axis=2)
    for face in FOUND:
        x, y = (round(5 * value) for value in face.crop().corners()[0])
        colour = (200, 120, 0) if face is FOUND[3] else (0, 200, 0)
        assert tuple(numbered[y, x + 40]) == colour
        assert 100 < changed[y - 50:y - 5, x:x + 40].sum() < 1800  # the number


def test_the_table_shows_what_is_written_in_weights_as_text():
    shown = demo.table(FOUND[:1], [np.zeros((2, 2, 3), np.uint8)], ['<b>bold</b>'])
    assert '&lt;b&gt;bold' in shown and '25&nbsp;pixels' in shown  # the crop has a margin


@pytest.mark.parametrize('path, said', [
    (None, 'no photograph yet; drop one first'), ('notes.jpg', r'^notes\.jpg: not an image, damaged'),
    ('gone.jpg', r'^gone\.jpg: cannot be read')])
def test_what_cannot_be_read(tmp_path, path, said):
    (tmp_path / 'notes.jpg').write_text('no photograph')
    with pytest.raises(InputError, match=said):
        demo.read(path and str(tmp_path / path))


def test_too_large_a_photograph(tmp_path, party, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    with pytest.raises(InputError, match=r'^party\.jpg: too large'):
        demo.read(str(party))


def test_without_gradio(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'gradio', None)
    monkeypatch.setattr(sys, 'argv', ['scgan-fan demo', '--device', 'cpu', '--port', str(free_port())])
    assert command.main() == 1
    assert capsys.readouterr().err == (
        'error: demo: needs gradio, which is not installed; pip install "scgan_fan[demo]"\n')


def test_a_port_that_is_taken():
    with socket.create_server((demo.HOST, 0)) as taken, pytest.raises(InputError, match='give another --port'):
        demo.serve(Painter(), taken.getsockname()[1])


@pytest.fixture
def address(tmp_path):
    """Of the page that the command serves, until Ctrl-C, which leaves nothing behind."""
    if find_spec('gradio') is None:
        pytest.skip('gradio is not installed: pip install "scgan_fan[demo]"')
    port, temporary = str(free_port()), tmp_path / 'temporary'
    temporary.mkdir()
    line = [sys.executable, '-c', PROGRAM, 'demo', '--device', 'cpu', '--port', port]
    with program(line, stdout=subprocess.PIPE,
                 env={**os.environ, 'TMPDIR': str(temporary), 'OMP_NUM_THREADS': '1'}) as process:
        assert process.stdout.readline() == f'http://127.0.0.1:{port} shows the page; Ctrl-C ends it\n'
        yield f'http://127.0.0.1:{port}'
        assert any(temporary.iterdir())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130 and not any(temporary.iterdir())
        assert process.stdout.read() == ''


@pytest.mark.slow
def test_the_page_in_a_browser(address, browser, party, tmp_path, on_the_cpu):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    def find_all(selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    def wait(condition):
        return WebDriverWait(browser, 120).until(lambda _: condition())

    def text(selector):
        return ' '.join(element.text for element in find_all(selector))

    browser.get(address)
    wait(lambda: find_all('input[type=range]'))
    (tmp_path / 'notes.jpg').write_text('no photograph')
    upload = wait(lambda: find_all('input[type=file]'))[0]
    upload.send_keys(str(tmp_path / 'notes.jpg'))
    wait(lambda: 'notes.jpg: not an image' in text('body'))
    find_all('button[aria-label="Clear"]')[0].click()

    wait(lambda: find_all('input[type=file]'))[0].send_keys(str(party))
    ticks = wait(lambda: find_all('#ticks input[type=checkbox]'))
    assert len(ticks) == 4 and all(tick.is_selected() for tick in ticks) and '4 found' in text('#ticks')
    assert '1, too large' in text('#ticks') and 'larger than' in text('#faces')
    ticks[2].click()
    find_all('input[type=range]')[0].send_keys(*4 * [Keys.ARROW_LEFT])
    next(button for button in find_all('button') if button.text == 'Restore').click()
    wait(lambda: text('#faces').count('restored') == 2)
    assert 'not ticked' in text('#faces') and 'would not make it better' in text('#faces')
    images = wait(lambda: len(find_all('#wipe img')) == 2 and find_all('#wipe img'))
    wait(lambda: [image.get_property('naturalWidth') for image in images] == [1280, 1280])
    find_all('#download')[0].click()
    wait(lambda: (tmp_path / 'party_restored.png').is_file())

    original, result = read_photo(party), read_photo(tmp_path / 'party_restored.png')
    faces = find_faces(original.pixels)
    expected = restore_photo(original.pixels, load_restorer(), faces=[faces[0], faces[1], faces[3]], fidelity=0.3)
    assert np.array_equal(result.pixels, expected.image) and result.exif == original.exif
    enlarged = enlarge_bicubic(original.pixels, 4)
    assert [np.array_equal(around(result.pixels, index), around(enlarged, index)) for index in range(4)] == [
        True, False, False, True]  # found by size: the third is the first of PLACES
    messages = [json.loads(entry['message'])['message'] for entry in browser.get_log('performance')]
    asked = {message['params']['request']['url'] for message in messages
             if message['method'] == 'Network.requestWillBeSent'}
    assert asked and all(url.startswith((address, 'data:', 'blob:')) for url in asked)  # nothing from elsewhere
