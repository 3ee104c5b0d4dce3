"""Faces with 68 landmarks, for training a face alignment network."""
from typing import Literal

import cv2
import numpy as np
import torch
from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import model_validator

from scgan_fan.data.augment import Augmentation, crop_transform, move_landmarks, warp
from scgan_fan.data.degradations import downsample
from scgan_fan.data.face_dataset import DatasetBlock, RandomFaceDataset, Room
from scgan_fan.data.image_source import open_source
from scgan_fan.data.landmark_files import read_landmarks
from scgan_fan.data.sizes import read_exact, read_square, side_with_room
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor
from scgan_fan.schema_types import Count, Paths, Whole


class LandmarkBlock(DatasetBlock):
    """Options of LandmarkFaceDataset."""

    dataroot: Paths  # folder, LMDB, or a list of them; only images with landmarks are used
    landmarks: Paths  # file or folder of ``landmark_files``, or a list of them, in pixels of the images
    size: Count = 64  # height and width
    crop: Literal['fan'] | None = None  # None: every image has this size; ``fan``: any size, see ``fan_crop``
    room: Room = 1  # the crop is reduced to ``size``; landmarks are in pixels of the whole image. Only without ``crop``
    # a factor by which each face is downsampled (bilinear, antialiased) and then enlarged again (bilinear), to train
    # Super-FAN's "FAN retrained on bilinear" (its Table 2). None: none
    low_resolution: Count | None = None
    augment: Augmentation = Augmentation()  # changes of image and landmarks
    seed: Whole = 0  # of the augmentation

    @model_validator(mode='after')
    def _goes_together(self):
        self.at_most_one('crop', 'room')
        if self.low_resolution and self.size % self.low_resolution:
            raise ValueError(f'low_resolution: {self.low_resolution} is not a divisor of size, which is {self.size}')
        return self


@DATASET_REGISTRY.register()
class LandmarkFaceDataset(RandomFaceDataset):
    """Square faces and their landmarks, moved at random in training (FAN's augmentation, papers.md section 5.1).

    ``dataset[position]`` takes the position in the epoch, which an enlarged epoch counts beyond ``len(dataset)``.

    Items: ``lq`` float32 (3, size, size) RGB in [-1, 1], ``landmarks`` float32 (68, 2) in pixels, ``lq_path``.

    Raises InputError: an option is wrong, or names no images with landmarks; reading an item, for a bad image or a
    wrong size.
    """

    block = LandmarkBlock
    options: LandmarkBlock

    def __init__(self, opt: dict):
        super().__init__(opt)
        self.source = open_source(self.options.dataroot)
        known = read_landmarks(self.options.landmarks)
        self.indices = [i for i, key in enumerate(self.source.keys) if key in known]
        if not self.indices:
            raise InputError(f'{self.options.landmarks}: none of its names is an image of {self.options.dataroot}; '
                             'give the landmarks of these images')
        self.landmarks = np.stack([known[self.source.keys[i]] for i in self.indices])

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> dict:
        index, rng = position % len(self), self.draws.generator(position)
        size, augment, factor = self.options.size, self.options.augment, self.options.low_resolution
        image, transform = self._read(index)
        transform = augment.draw_transform(size, rng) @ transform
        image = augment.change_colours(warp(image, transform, size), rng)
        if factor:
            image = _lower(image, factor)
        landmarks = move_landmarks(self.landmarks[index], transform).astype(np.float32)
        return {'lq': to_tensor(image), 'landmarks': torch.from_numpy(landmarks),
                'lq_path': self.source.keys[self.indices[index]]}

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """An image as stored, and the transform that crops it."""
        number, size, room = self.indices[index], self.options.size, self.options.room
        if self.options.crop == 'fan':
            return self.source.read(number), fan_crop(self.landmarks[index], size)
        if room == 1:
            return read_exact(self.source, number, size), np.eye(3)
        image = read_square(self.source, number, side_with_room(size, room))
        return image, crop_transform(len(image), room, size)


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
