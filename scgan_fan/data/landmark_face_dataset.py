"""Faces with 68 landmarks, for training a face alignment network."""
import cv2
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY

from scgan_fan.data.augment import Augmentation, crop_transform, move_landmarks, warp
from scgan_fan.data.dataset_options import DatasetOptions, FaceDataset
from scgan_fan.data.degradations import downsample
from scgan_fan.data.draws import EpochDraws
from scgan_fan.data.image_source import open_source
from scgan_fan.data.landmark_files import read_landmarks
from scgan_fan.data.sizes import read_exact, read_square, side_with_room
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor


@DATASET_REGISTRY.register()
class LandmarkFaceDataset(FaceDataset):
    """Square faces and their landmarks, moved at random in training (FAN's augmentation, papers.md section 5.1).

    ``dataset[position]`` takes the position in the epoch, which an enlarged epoch counts beyond ``len(dataset)``.

    Options:
        dataroot: folder, LMDB, or a list of them. Only images with landmarks are used.
        landmarks: ``.npz`` or ``.csv`` file, folder of ``.pts`` files, or a list of them, in pixels of the images; see
            ``scgan_fan.data.landmark_files``.
        size: height and width. Default 64.
        crop: absent where every image has this size already; ``fan`` for images of any size: see ``fan_crop``.
        room: side of the images / side of the crop in their middle, which is reduced to ``size``; the landmarks are
            in pixels of the whole image. Default: 1. Only without ``crop``.
        low_resolution: a factor by which each face is downsampled (bilinear, antialiased) and then enlarged again
            (bilinear), to train Super-FAN's "FAN retrained on bilinear" (its Table 2). Default: none.
        augment: a block of ``scgan_fan.data.augment.Augmentation``. Default: none.
        seed: of the augmentation. Default 0.

    Items: ``lq`` float32 (3, size, size) RGB in [-1, 1], ``landmarks`` float32 (68, 2) in pixels, ``lq_path``.

    Raises InputError: an option is wrong, or names no images with landmarks; reading an item, for a bad image or a
    wrong size.
    """

    def configure(self, opt: dict) -> DatasetOptions:
        """Size, crop, changes and draws."""
        options = DatasetOptions(opt, required=('dataroot', 'landmarks'), defaults={
            'size': 64, 'crop': None, 'room': None, 'low_resolution': None, 'augment': {}, 'seed': 0})
        self.size = options.whole_number('size')
        self.crop = options.choice('crop', (None, 'fan'))
        options.at_most_one('crop', 'room')
        self.room = options.room('room')
        self.low_resolution = options.divisor_or_none('low_resolution', of='size')
        self.augment = options.block('augment', Augmentation)
        self.draws = EpochDraws(options.whole_number('seed', least=0))
        options.check_paths('dataroot', 'landmarks')
        return options

    def open(self, options: DatasetOptions) -> None:
        """The images that have landmarks."""
        self.source = open_source(options['dataroot'])
        known = read_landmarks(options['landmarks'])
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
        index, rng = position % len(self), self.draws.generator(position)
        image, transform = self._read(index)
        transform = self.augment.draw_transform(self.size, rng) @ transform
        image = self.augment.change_colours(warp(image, transform, self.size), rng)
        if self.low_resolution:
            image = _lower(image, self.low_resolution)
        landmarks = move_landmarks(self.landmarks[index], transform).astype(np.float32)
        return {'lq': to_tensor(image), 'landmarks': torch.from_numpy(landmarks),
                'lq_path': self.source.keys[self.indices[index]]}

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """An image as stored, and the transform that crops it."""
        if self.crop == 'fan':
            return self.source.read(self.indices[index]), fan_crop(self.landmarks[index], self.size)
        if self.room == 1:
            return read_exact(self.source, self.indices[index], self.size), np.eye(3)
        image = read_square(self.source, self.indices[index], side_with_room(self.size, self.room))
        return image, crop_transform(len(image), self.room, self.size)


def fan_crop(landmarks: np.ndarray, size: int) -> np.ndarray:
    """The transform (3, 3) of an image to the square of ``size`` pixels that FAN is trained on (papers.md section 5.1).

    Around the box of its landmarks (68, 2), whose centre is raised by 0.12 of its height; the side is 200 / 195 of the
    box's width and height together, so that the box spans about half of it.
    """
    least, most = landmarks.min(axis=0), landmarks.max(axis=0)
    width, height = most - least
    centre = (least + most) / 2 - (0, 0.12 * height)
    enlargement = size / (200 * (width + height) / 195)
    transform = np.diag((enlargement, enlargement, 1))
    transform[:2, 2] = size / 2 - enlargement * centre
    return transform


def _lower(image: np.ndarray, factor: int) -> np.ndarray:
    """Take away the details that downsampling by ``factor`` takes."""
    size = len(image)
    return cv2.resize(downsample(image, size // factor, 'bilinear'), (size, size), interpolation=cv2.INTER_LINEAR)
