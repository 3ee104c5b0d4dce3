"""Heatmaps that a frozen FAN draws of HR faces, stored so that training need not draw them anew in each step.

    hr_heatmaps/
        heatmaps.npy    rows of a face's SHA-256 and its heatmaps (maps, height, width), float32 or float16
        heatmaps.json   how they were drawn, and each face's key with the SHA-256 of its pixels and its mirror image's
        inputs.sha256   of the faces, and of how their heatmaps were drawn and stored

Every face has two rows, its own and its mirror image's: FAN(flip(x)) is not flip(FAN(x)). Found by their pixels,
heatmaps are of the image that is trained on or are not found at all. The array is mapped into memory: a row is read
from disk when it is asked for. All is whole or not there (``scgan_fan.data.whole_folder``).

A face takes 544 KiB with fan64 (68 maps of 32x32 in float32, twice), 2.1 MiB with 2dfan4. float16 halves that and
changes the loss by 1e-5 and its gradient by 5e-5 of their size, measured with fan64 on what a small network restored
after 4,000 iterations; where restored and true face are nearly equal, by more. The background of the maps is noise that
does not compress: deflate saves 7 %, of sorted bytes 15 %, and takes longer than reading.
"""
import hashlib
import json
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from scgan_fan.data.augment import Augmentation, read_crop
from scgan_fan.data.image_source import hash_pixels, open_source
from scgan_fan.data.whole_folder import DATA, MARKERS, WholeFolder
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor

MAKE_AGAIN = 'write them again with scgan-fan heatmaps'


def write_heatmaps(inputs: list[str], output: str, loss, size: int = 64, half: bool = False, overwrite: bool = False,
                   batch: int = 16, room: float = 1) -> int | None:
    """Store the heatmaps of HR faces and of their mirror images.

    Args:
        inputs: what the dataset has as ``dataroot_gt``: folders and LMDBs.
        output: the folder to write.
        loss: the ``HeatmapLoss`` that draws them, on the device where it is to do so.
        size: the dataset's ``gt_size``; larger faces are reduced to it.
        half: store float16.
        overwrite: replace what is at ``output``.
        batch: faces that FAN sees at once, beside their mirror images.
        room: the dataset's ``room_gt``.

    Returns:
        The number of faces, or None where ``output`` is finished already.

    Raises:
        InputError: a face cannot be read or is smaller, ``output`` cannot be written or was made of something else.
    """
    source = open_source(inputs)
    hashes = [[hash_pixels(image) for image in _both_ways(source, index, size, room)]
              for index in tqdm(range(len(source)), 'reading', unit='image')]
    precision = 'float16' if half else 'float32'
    content = json.dumps({'drawn_by': loss.drawn_by(), 'size': size, 'precision': precision,
                          'faces': dict(zip(source.keys, hashes))}, indent=1)
    folder = WholeFolder(Path(output), 'heatmaps', hashlib.sha256(content.encode()).hexdigest(),
                         'other faces, another FAN or other options')
    if folder.is_finished(overwrite):
        return None
    with folder.aside() as part, (part / DATA['heatmaps']).open('wb') as file:
        for start in tqdm(range(0, len(source), batch), 'drawing', unit='batch'):
            indices = range(start, min(start + batch, len(source)))
            maps = _draw(loss, [image for index in indices for image in _both_ways(source, index, size, room)])
            rows = np.empty(len(maps), [('sha256', 'S64'), ('maps', precision, maps.shape[1:])])
            rows['sha256'], rows['maps'] = [sha256 for index in indices for sha256 in hashes[index]], maps
            if start == 0:
                header = np.lib.format.header_data_from_array_1_0(rows)
                np.lib.format.write_array_header_1_0(file, {**header, 'shape': (2 * len(source),)})
            file.write(rows.tobytes())
        (part / MARKERS['heatmaps']).write_text(content, encoding='utf-8')
    return len(source)


def _both_ways(source, index: int, size: int, room: float) -> tuple[np.ndarray, np.ndarray]:
    """A face and its mirror image."""
    face = read_crop(source, index, size, room)
    return face, face[:, ::-1]


@torch.no_grad()
def _draw(loss, faces: list[np.ndarray]) -> np.ndarray:
    device = next(loss.parameters()).device
    return loss.heatmaps(torch.stack([to_tensor(face) for face in faces]).to(device)).cpu().numpy()


class HeatmapStore:
    """What ``write_heatmaps`` has written to the folder ``path``.

    Raises InputError: it is not there, not finished or damaged. The methods raise it where something does not match.
    """

    def __init__(self, path: str | Path):
        folder = Path(path).expanduser()
        self.path = str(folder)
        self._data, marker = folder / DATA['heatmaps'], folder / MARKERS['heatmaps']
        try:
            content = json.loads(marker.read_text(encoding='utf-8'))
            self.drawn_by, self.size, self._faces = content['drawn_by'], content['size'], content['faces']
            self._rows = {sha256: row for row, sha256 in enumerate(chain.from_iterable(self._faces.values()))}
        except FileNotFoundError:
            raise InputError(f'{path}: has no {marker.name}: no heatmaps, or not all of them; scgan-fan heatmaps '
                             'writes them') from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f'{marker}: damaged ({type(error).__name__}); {MAKE_AGAIN}') from error
        self._map()

    def _map(self) -> np.ndarray:
        """Mapped anew for each read: a mapping that is kept would be copied, whole, to processes that are spawned."""
        try:
            return np.lib.format.open_memmap(self._data, mode='r')
        except (OSError, ValueError) as error:
            raise InputError(f'{self._data}: damaged or not there ({error}); {MAKE_AGAIN} --overwrite') from error

    def check_faces(self, keys: list[str], size: int, augment: Augmentation | None) -> None:
        """Refuse to serve a dataset of images that have no heatmaps here, by their keys, size and augmentation."""
        others = augment.beyond_flip if augment else []
        if others:
            raise InputError(f'{self.path}: stored heatmaps cannot follow augment: {", ".join(others)}; remove '
                             'heatmaps from the dataset, or all but flip from augment')
        if size != self.size:
            raise InputError(f'{self.path}: heatmaps of faces of {self.size} pixels, gt_size is {size}; {MAKE_AGAIN} '
                             f'--size {size}')
        missing = [key for key in keys if key not in self._faces]
        if missing:
            raise InputError(f'{self.path}: has no heatmaps of {len(missing)} of the {len(keys)} faces, the first is '
                             f'{missing[0]}; {MAKE_AGAIN} of what dataroot_gt names')

    def check_drawn_by(self, wanted: dict) -> None:
        """Refuse to serve a loss that draws heatmaps in another way; ``wanted``: its ``HeatmapLoss.drawn_by``."""
        for option, value in wanted.items():
            if self.drawn_by.get(option) != value:
                raise InputError(f'{self.path}: drawn with {option} {_short(self.drawn_by.get(option))}, train: '
                                 f'heatmap_opt has {_short(value)}; {MAKE_AGAIN}, or remove heatmaps from the dataset')

    def read(self, face: np.ndarray, name: str) -> torch.Tensor:
        """The heatmaps of a face as it is trained on, ``uint8`` RGB (size, size, 3), mirrored or not: ``float32``
        (maps, height, width), maps: landmarks times stacks. ``name``: what errors call it.
        """
        sha256 = hash_pixels(face)
        row = self._map()[self._rows[sha256]] if sha256 in self._rows else None
        if row is None or row['sha256'] != sha256.encode():
            raise InputError(f'{name}: {self.path} has no heatmaps of these pixels, but of another image of this name; '
                             f'{MAKE_AGAIN} --overwrite')
        return torch.from_numpy(row['maps'].astype(np.float32))


def open_heatmaps(path: str | None, keys: list[str], size: int, augment: Augmentation | None) -> HeatmapStore | None:
    """The heatmaps of a dataset: None where its option names none; InputError where they are not of its faces."""
    if path is None:
        return None
    store = HeatmapStore(path)
    store.check_faces(keys, size, augment)
    return store


def _short(value) -> str:
    """A hash by its first digits."""
    return f'{value[:12]}...' if isinstance(value, str) and len(value) > 12 else str(value)
