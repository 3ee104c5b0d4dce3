"""Faces with 68 landmarks, for training a face alignment network."""
import cv2
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from torch.utils.data import Dataset

from scgan_fan.data.dataset_options import DatasetOptions
from scgan_fan.data.draws import EpochDraws
from scgan_fan.data.image_source import make_key, open_source
from scgan_fan.data.sizes import read_exact
from scgan_fan.errors import InputError
from scgan_fan.faces.landmarks import MIRRORED
from scgan_fan.images import to_tensor


@DATASET_REGISTRY.register()
class LandmarkFaceDataset(Dataset):
    """Square face crops and their landmarks, moved at random in training (FAN's augmentation, papers.md section 5.1).

    Options:
        dataroot: folder, LMDB, or a list of them.
        landmarks: ``.npz`` file, or a list, with ``name`` and ``landmarks`` (N, 68, 2) in pixels of the image.
            Only images with landmarks are used.
        size: height and width; every image must have it. Default 64.
        seed: of the augmentation. Default 0.
        augment: absent for none, or a block of
            scale: [least, most], rotation: degrees, drawn for ``rotated`` (share) of the samples, shift: pixels,
            flip: true, colour: 0.3 for channel gains of 0.7 to 1.3.

    Items: ``lq`` float32 (3, size, size) RGB in [-1, 1], ``landmarks`` float32 (68, 2) in pixels, ``lq_path``.
    """

    def __init__(self, opt: dict):
        self.opt = opt
        options = DatasetOptions(opt, required=('dataroot', 'landmarks'),
                                 defaults={'size': 64, 'seed': 0, 'augment': None})
        self.size = options.whole_number('size')
        self.augment = options['augment']
        self.draws = EpochDraws(options.whole_number('seed', least=0))
        self.source = open_source(options['dataroot'])
        known = _read_landmarks(options['landmarks'])
        self.indices = [i for i, key in enumerate(self.source.keys) if key in known]
        if not self.indices:
            raise InputError(f'{options["landmarks"]}: none of its names is an image of {options["dataroot"]}; give '
                             'the landmarks of these images')
        self.landmarks = np.stack([known[self.source.keys[i]] for i in self.indices])

    def set_epoch(self, epoch: int) -> None:
        """Change the augmentation; called by the sampler."""
        self.draws.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> dict:
        index = position % len(self)
        image, landmarks = read_exact(self.source, self.indices[index], self.size), self.landmarks[index]
        if self.augment:
            image, landmarks = _move(image, landmarks, self.augment, self.draws.generator(position))
        return {'lq': to_tensor(image), 'landmarks': torch.from_numpy(landmarks.astype(np.float32)),
                'lq_path': self.source.keys[self.indices[index]]}


def _read_landmarks(paths: str | list[str]) -> dict[str, np.ndarray]:
    landmarks = {}
    for path in [paths] if isinstance(paths, str) else paths:
        try:
            with np.load(path) as content:
                landmarks.update(zip((make_key(str(name)) for name in content['name']), content['landmarks']))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(f'{path}: not a landmark file ({error}); an .npz with name and landmarks is needed'
                             ) from error
    return landmarks


def _move(image: np.ndarray, landmarks: np.ndarray, augment: dict, rng: np.random.Generator):
    """Rotate, scale, shift, mirror and tint a face together with its landmarks."""
    size = image.shape[0]
    angle = 0.0
    if rng.random() < augment.get('rotated', 0.4):
        angle = rng.uniform(-1, 1) * augment.get('rotation', 30)
    scale = rng.uniform(*augment.get('scale', (0.7, 1.3)))
    shift = rng.uniform(-1, 1, 2) * augment.get('shift', 0)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, scale)
    matrix[:, 2] += shift
    landmarks = landmarks @ matrix[:, :2].T + matrix[:, 2]
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV puts pixel centres at whole numbers
    image = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if augment.get('flip', True) and rng.random() < 0.5:
        image = image[:, ::-1]
        landmarks = (landmarks * (-1, 1) + (size, 0))[MIRRORED]
    gains = 1 + rng.uniform(-1, 1, 3) * augment.get('colour', 0.3)
    return np.clip(image * gains, 0, 255).astype(np.uint8), landmarks
