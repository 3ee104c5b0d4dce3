"""A page in the browser, served to this machine alone: a photograph in, faces to choose, the restored photograph out.

``restore_ticked`` is what it does, ``Page`` how it looks. Faces are numbered from 1, as people count.
"""
import functools
import html
import importlib
import os
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from scgan_fan.background import enlarge_bicubic
from scgan_fan.choices import FIDELITY
from scgan_fan.errors import InputError
from scgan_fan.faces.crop import Face
from scgan_fan.faces.detection import find_and_count
from scgan_fan.faces.paste import cut_crop
from scgan_fan.images import Photo, in_8_bits, read_photo, reason_of, write_photo
from scgan_fan.inference import restore_photo, too_large
from scgan_fan.network_loader import Restorer
from scgan_fan.pictures import data_url
from scgan_fan.restore_files import SEEN, draw_box

HOST = '127.0.0.1'
THUMBNAIL = 128  # pixels
FONT = cv2.FONT_HERSHEY_SIMPLEX
INTRODUCTION = """### Tiny faces in photographs, restored
What is made up is plausible, not evidence of who somebody is. Photographs stay on this machine."""
SILENT = {'GRADIO_ANALYTICS_ENABLED': 'False', 'GRADIO_RUN_HISTORY': 'False'}  # nothing is sent, or kept by the browser


def read(path: str | None) -> Photo:
    """The photograph that was dropped. Raises InputError, which calls it by its name alone, where it cannot be read."""
    if path is None:
        raise InputError('no photograph yet; drop one first')
    try:
        return read_photo(path)
    except InputError as error:
        raise InputError(f'{Path(path).name}: {reason_of(error, path)}') from error


def number_faces(image: np.ndarray, faces: list[Face], restorer: Restorer) -> np.ndarray:
    """The photograph, its longer side ``SEEN`` pixels, with the outlines of the faces and their numbers."""
    scale = SEEN / max(image.shape[:2])
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    for number, face in enumerate(faces, start=1):
        crop = face.crop().scaled(scale)
        draw_box(image, crop, not too_large(face.crop().rounded(), restorer), thickness=3)
        x, y = crop.corners().min(axis=0).astype(int).clip(50)
        for grey, thickness in ((0, 12), (255, 4)):
            cv2.putText(image, str(number), (x, y - 10), FONT, 1.5, [grey] * 3, thickness, cv2.LINE_AA)
    return image


def restore_ticked(restorer: Restorer, folder: Path, path: str | None, faces: list[Face], ticked: list[int],
                   fidelity: float, scale: float, force: bool) -> tuple[list[Path], list[np.ndarray], list[str]]:
    """Restore the faces of the indices ``ticked`` as ``restore_photo`` does; a scale of 0 is its default.

    Returns:
        PNG files in ``folder`` of the photograph before, enlarged alike, and after; each face before and after in
        one picture; and what was done to each.

    Raises:
        InputError: see ``read`` and ``restore_photo``.
    """
    photo = read(path)
    result = restore_photo(photo.pixels, restorer, scale or None, faces=[faces[index] for index in ticked], force=force,
                           fidelity=fidelity)
    scale = len(result.image) / len(photo.pixels)
    images = {'before': enlarge_bicubic(photo.pixels, scale), 'restored': result.image}
    own = Path(tempfile.mkdtemp(dir=folder))
    files = [own / f'{Path(str(path)).stem}_{name}.png' for name in images]
    for file, image in zip(files, images.values()):
        write_photo(file, photo.enlarged(image))
    pairs = [np.hstack([thumbnail(image, face, scale) for image in images.values()]) for face in faces]
    done = {index: f'only enlarged, {face.reason}' if face.reason else 'restored'
            for index, face in zip(ticked, result.faces)}
    return files, pairs, [done.get(index, 'only enlarged, not ticked') for index in range(len(faces))]


def thumbnail(image: np.ndarray, face: Face, scale: float = 1) -> np.ndarray:
    """A face of a photograph that was enlarged by ``scale``, (THUMBNAIL, THUMBNAIL, 3)."""
    return cut_crop(in_8_bits(image), face.crop().scaled(scale), THUMBNAIL)


def table(faces: list[Face], pictures: list[np.ndarray], what: list[str]) -> str:
    """HTML: number, picture and side of each face, and what is done to it."""
    rows = []
    for number, (face, picture, text) in enumerate(zip(faces, pictures, what), start=1):
        image = f'<img src="{data_url(picture)}" alt="face {number}" style="height: 5em; max-width: none">'
        rows.append(f'<tr><td>{number}</td><td>{image}</td><td>{face.crop().side:.0f}&nbsp;pixels</td>'
                    f'<td>{html.escape(text)}</td></tr>')
    return f'<table>{"".join(rows)}</table>'


def says_errors(handler: Callable) -> Callable:
    """Let an InputError be shown on the page."""
    @functools.wraps(handler)
    def wrapped(page: 'Page', *arguments):
        try:
            return handler(page, *arguments)
        except InputError as error:
            raise page.gr.Error(str(error), print_exception=False) from error
    return wrapped


class Page:
    """How the page looks, and what its elements become when something is dropped or pressed; ``folder``: for results.
    """

    def __init__(self, restorer: Restorer, folder: Path):
        self.gr = importlib.import_module('gradio')  # the command has looked whether it is there
        self.restorer, self.folder = restorer, folder

    def blocks(self):
        """``gradio.Blocks``, to ``launch``."""
        gr = self.gr
        with gr.Blocks(title='scgan-fan', analytics_enabled=False) as blocks:
            gr.Markdown(INTRODUCTION)
            faces = gr.State([])
            with gr.Row():
                with gr.Column():
                    photo = gr.File(label='Photograph', height=120)
                    numbered = gr.Image(label='Faces', interactive=False, buttons=['fullscreen'])
                    ticks = gr.CheckboxGroup([], label='Faces to restore', elem_id='ticks')
                    turned = gr.Checkbox(label='turned: find heads that lie or stand upside down, too; takes four '
                                         'times as long')
                    force = gr.Checkbox(label='force: restore the larger faces, too; they '
                                        f'{"get" if self.restorer.measured else "may get"} worse')
                    fidelity = gr.Slider(0, 1, FIDELITY, step=0.05, label='Fidelity', info='from 0, made up but for '
                                         'colours, to 1, plain enlargement; less for noisy photographs')
                    scale = gr.Dropdown([('what the smallest restored face needs', 0), 1, 1.5, 2, 3, 4], label='Scale')
                    start = gr.Button('Restore', variant='primary')
                with gr.Column():
                    wipe = gr.ImageSlider(label='Before | after; the wheel zooms', interactive=False,
                                          buttons=['fullscreen'], elem_id='wipe')
                    download = gr.DownloadButton('Download', interactive=False, elem_id='download')
                    each = gr.HTML(elem_id='faces')
            found, made = [faces, numbered, ticks, each], [each, wipe, download]
            gr.on([photo.upload, turned.input], self.clear, outputs=[*found, wipe, download]).then(
                self.show_faces, [photo, turned], found, concurrency_id='networks')
            photo.clear(self.clear, outputs=[*found, wipe, download])
            start.click(self.show_restored, [photo, faces, ticks, fidelity, scale, force], made,
                        concurrency_id='networks')
        return blocks

    def clear(self) -> list:
        """Nothing is found yet, nor made."""
        no_ticks = self.gr.CheckboxGroup([], value=[], info='')
        return [[], None, no_ticks, '', None, self.gr.DownloadButton(value=None, interactive=False)]

    @says_errors
    def show_faces(self, path: str | None, turned: bool) -> list:
        """The faces of the photograph, numbered, to tick, and in the table with what keeps one from being restored."""
        image = in_8_bits(read(path).pixels)
        faces, passed = find_and_count(image, turned=turned)
        reasons = [too_large(face.crop().rounded(), self.restorer) for face in faces]
        choices = [(f'{index + 1}{", too large" if reason else ""}', index) for index, reason in enumerate(reasons)]
        sums = [f'{len(faces)} found', *(f'{count} passed over: {reason}' for reason, count in passed.items())]
        ticks = self.gr.CheckboxGroup(choices, value=list(range(len(faces))), info='; '.join(sums))
        pictures = [thumbnail(image, face) for face in faces]
        return [faces, number_faces(image, faces, self.restorer), ticks,
                table(faces, pictures, [reason or 'can be restored' for reason in reasons])]

    @says_errors
    def show_restored(self, path: str | None, faces: list[Face], *settings) -> list:
        """The photograph before and after, to wipe between, and to download; each face and what was done."""
        files, pairs, what = restore_ticked(self.restorer, self.folder, path, faces, *settings)
        download = self.gr.DownloadButton(value=files[1], interactive=True)
        return [table(faces, pairs, what), tuple(map(str, files)), download]


def serve(restorer: Restorer, port: int) -> None:
    """Show the page at this port of 127.0.0.1 until Ctrl-C; what was uploaded and made is deleted in the end.

    Raises:
        InputError: the port is taken.
    """
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise InputError(f'port {port}: {os.strerror(error.errno or 0)}; give another --port') from error
    with tempfile.TemporaryDirectory(prefix='scgan_fan_') as folder:
        os.environ.update(SILENT, GRADIO_TEMP_DIR=folder)
        blocks = Page(restorer, Path(folder)).blocks()
        blocks.launch(server_name=HOST, server_port=port, share=False, quiet=True, ssr_mode=False, footer_links=[],
                      prevent_thread_lock=True)
        print(f'http://{HOST}:{port} shows the page; Ctrl-C ends it', flush=True)
        try:
            while True:
                time.sleep(60)
        finally:
            blocks.close(verbose=False)
