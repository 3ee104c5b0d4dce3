"""The faces of a benchmark: a validation dataset read as 8-bit images, batch by batch."""
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from basicsr.utils.registry import DATASET_REGISTRY
from tqdm import tqdm

from scgan_fan import plugin  # noqa: F401  (registers everything)
from scgan_fan.errors import InputError
from scgan_fan.images import to_image


class NotRun(InputError):
    """Something a row of the benchmark needs is not there. The row says so, and the benchmark goes on."""


def require_file(path: str | Path) -> Path:
    """The path, where a file or folder is there: NotRun otherwise."""
    path = Path(path).expanduser()
    if not path.exists():
        raise NotRun(f'file {path} not found')
    return path


def dataroots(block: dict) -> list[str]:
    """The folders and LMDBs that a dataset's options name."""
    return [path for key, paths in block.items() if key.startswith('dataroot') and paths is not None
            for path in (paths if isinstance(paths, list) else [paths])]


@dataclass(frozen=True)
class Faces:
    """A batch of N faces: their names, the low-resolution images, ``uint8`` RGB (N, h, w, 3), and the true ones."""

    keys: list[str]
    lq: np.ndarray
    gt: np.ndarray | None


class ImageSet:
    """A validation dataset (PairedFaceDataset, LowResolutionFaceDataset, or another with items like theirs).

    Args:
        name: what the option file calls it.
        block: the dataset's options.
        size: height and width that true faces must have, pixels.

    Attributes:
        keys: the images' names, all different.
        has_truth: whether there are true faces.
        digest: SHA-256 of names and pixels.

    Raises:
        NotRun: its folder is not there.
        InputError: the block is wrong, an image is bad, or the true faces are of another size.
    """

    def __init__(self, name: str, block: dict, size: int):
        if block.get('type') not in DATASET_REGISTRY:
            raise InputError(f'datasets: {name}: unknown dataset {block.get("type")!r}; PairedFaceDataset has true '
                             'faces, LowResolutionFaceDataset has none')
        for path in dataroots(block):
            require_file(path)
        self.name = name
        self._dataset = DATASET_REGISTRY.get(block['type'])(block)
        sample = self._dataset[0]
        self.has_truth = 'gt' in sample
        if self.has_truth and sample['gt'].shape[-1] != size:
            raise InputError(f'datasets: {name}: its true faces are {sample["gt"].shape[-1]} pixels where the '
                             f'benchmark compares {size}; make gt_size and size the same')
        self.keys, self.digest = self._read_all()

    def __len__(self) -> int:
        return len(self._dataset)

    def faces(self, indices) -> Faces:
        """The images of these numbers."""
        samples = [self._dataset[int(index)] for index in indices]
        return Faces([sample['lq_path'] for sample in samples],
                     np.stack([to_image(sample['lq']) for sample in samples]),
                     np.stack([to_image(sample['gt']) for sample in samples]) if self.has_truth else None)

    def _read_all(self) -> tuple[list[str], str]:
        keys, digest = [], hashlib.sha256()
        for index in tqdm(range(len(self)), desc=f'reading {self.name}', unit='image', leave=False):
            faces = self.faces([index])
            keys += faces.keys
            digest.update(faces.keys[0].encode() + b'\0')
            digest.update(faces.lq.tobytes())
            if faces.gt is not None:
                digest.update(faces.gt.tobytes())
        return keys, digest.hexdigest()
