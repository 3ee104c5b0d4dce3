"""Random changes of training faces: where they lie, and their colours.

A transform is a (3, 3) matrix that takes a point (x, y, 1) of the image to where it lies in the result, both in pixels
where pixel i covers i to i + 1. Crop and augmentation are multiplied, so that an image is interpolated once.

An image may have *room*: its middle ``1 / room`` is the crop, and what lies around it comes into view where an
augmentation shifts, turns or shrinks the face.
"""
from typing import Annotated

import cv2
import numpy as np

from scgan_fan.data.sizes import centre_square, read_exact, read_square, reduce_area, side_with_room
from scgan_fan.faces.landmarks import MIRRORED
from scgan_fan.schema_types import Block, Share, Weight, interval, number

COLOURS = ('colour', 'brightness', 'contrast')


class ColourChange(Block):
    """Random gains of an image's colours, of 0.7 to 1.3 where an option is 0.3.

    Super-FAN (section 5.2 there, papers.md 5.3) names the three and gives no formulas; these are the usual ones.
    """

    colour: Share = 0  # of each channel for itself, as FAN is trained
    brightness: Share = 0  # of all channels
    contrast: Share = 0  # of the distance from the image's mean, which is one number for all pixels and channels

    def change_colours(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """``uint8`` RGB (height, width, 3) -> the same with its colours changed."""
        gains = 1 + rng.uniform(-1, 1, 3) * self.colour
        brightness, contrast = 1 + rng.uniform(-1, 1, 2) * (self.brightness, self.contrast)
        pixels = image * (gains * brightness)
        mean = pixels.mean()
        return np.rint(mean + (pixels - mean) * contrast).clip(0, 255).astype(np.uint8)


class Augmentation(ColourChange):
    """A random similarity transform and change of colour; what its block does not name is left as it is."""

    flip: bool = False  # mirror half of the faces
    scale: Annotated[tuple, interval(0.1)] = (1, 1)  # [least, most], about the middle
    rotation: Annotated[float, number(0, 180)] = 0  # the largest angle either way, degrees
    rotated: Share = 1  # of the faces, those that are rotated
    shift: Weight = 0  # the furthest either way, pixels of the result

    @property
    def beyond_flip(self) -> list[str]:
        """The options that do more than mirror faces."""
        return [key for key in ('scale', 'rotation', 'shift', *COLOURS)
                if getattr(self, key) != type(self).model_fields[key].default]

    def without_flip(self) -> 'Augmentation':
        """The same, but for mirroring."""
        return self.model_copy(update={'flip': False})

    def room_needed(self, size: int) -> float:
        """The room at which no transform of a face of ``size`` pixels shows more than there is; 1: none is needed."""
        angle = np.radians(min(self.rotation, 45))
        return (np.cos(angle) + np.sin(angle)) * (1 + 2 * self.shift / size) / self.scale[0]

    def draw_flip(self, rng: np.random.Generator) -> bool:
        """Whether to mirror a face."""
        return self.flip and rng.random() < 0.5

    def draw_transform(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """The transform of one square face of ``size`` pixels within itself: rotated and scaled, shifted, mirrored."""
        angle = 0.0
        if rng.random() < self.rotated:
            angle = rng.uniform(-1, 1) * self.rotation
        transform = np.eye(3)
        transform[:2] = cv2.getRotationMatrix2D((size / 2, size / 2), angle, rng.uniform(*self.scale))
        transform[:2, 2] += rng.uniform(-1, 1, 2) * self.shift
        if self.draw_flip(rng):
            transform[0] = (0, 0, size) - transform[0]
        return transform


def crop_transform(stored: int, room: float, size: int) -> np.ndarray:
    """The transform from an image of ``stored`` pixels with ``room`` to its crop of ``size`` pixels."""
    enlargement = room * size / stored
    corner = (1 - room) * size / 2  # of the stored image, in the crop
    return np.array([[enlargement, 0, corner], [0, enlargement, corner], [0, 0, 1]])


def middle_crop(image: np.ndarray, room: float) -> np.ndarray:
    """The crop of an image with ``room`` in about its own pixels, square."""
    image = centre_square(image)
    size = max(1, round(len(image) / room))
    return warp(image, crop_transform(len(image), room, size), size)


def read_crop(source, index: int, size: int, room: float = 1) -> np.ndarray:
    """The crop (size, size, 3) of image ``index`` of ``source``: of the whole of it, or of what has ``room`` around it.

    Raises:
        InputError: the image is not square, or its crop has less than ``size`` pixels.
    """
    image = read_square(source, index, side_with_room(size, room))
    return reduce_area(image, size) if room == 1 else warp(image, crop_transform(len(image), room, size), size)


def read_lr(source, index: int, size: int, room: float) -> np.ndarray:
    """``read_crop`` of what has room; without any the image must have ``size`` pixels exactly."""
    return read_exact(source, index, size) if room == 1 else read_crop(source, index, size, room)


def read_augmented(source, index: int, size: int, augment: Augmentation | None, rng: np.random.Generator,
                   room: float = 1) -> np.ndarray:
    """``read_crop``, and ``augment`` where there is one: from the image as stored, in one interpolation.

    Where it only flips, the result is ``read_crop`` or its mirror image, to the bit.
    """
    if augment is None:
        return read_crop(source, index, size, room)
    if augment.beyond_flip:
        image = read_square(source, index, side_with_room(size, room))
        crop = crop_transform(len(image), room, size)
    else:
        image, crop = read_crop(source, index, size, room), np.eye(3)
    return augment.change_colours(warp(image, augment.draw_transform(size, rng) @ crop, size), rng)


def warp(image: np.ndarray, transform: np.ndarray, size: int) -> np.ndarray:
    """The image (height, width, 3), ``uint8``, as the transform shows it: (size, size, 3).

    Bilinear; where the image is much reduced, each pixel is the mean of several samples, so that nothing between them
    is lost. What lies outside the image repeats its border.
    """
    samples = max(1, round(1 / np.sqrt(abs(np.linalg.det(transform)))))  # of each pixel, along each axis
    matrix = (np.diag((samples, samples, 1)) @ transform)[:2]
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV puts pixel centres at whole numbers
    sampled = cv2.warpAffine(image, matrix, (size * samples, size * samples), flags=cv2.INTER_LINEAR,
                             borderMode=cv2.BORDER_REPLICATE)
    return reduce_area(sampled, size)


def move_landmarks(landmarks: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Landmarks (68, 2) of an image -> those of what ``warp`` makes of it; mirrored, left is called right."""
    if np.linalg.det(transform) < 0:
        landmarks = landmarks[MIRRORED]
    return landmarks @ transform[:2, :2].T + transform[:2, 2]
