"""Cutting a face out of a photograph and pasting the restored one back in. Images are ``uint8`` RGB arrays.

A square is its upper left corner and its side, x, y, side, in whole pixels of the photograph: cut and pasted there, a
face comes back exactly to its place.
"""
import math

import cv2
import numpy as np

from scgan_fan.faces.crop import FOREHEAD, Crop

Square = tuple[int, int, int]
FADE = 0.12  # of the crop's side: how far within its outline a face becomes all of what is seen
ROOM = 0.04  # of the crop's side: the outline lies so far outside of the landmarks
LUMA = np.tile(np.array([[0.299], [0.587], [0.114]], np.float32), 3)  # ITU-R BT.601, for each of three channels
BROWS = slice(17, 27)  # of the 68 landmarks
PIXEL = 12**-0.5  # standard deviation of a pixel's square / its side
STEPS = 3  # of back-projection


def round_square(square: tuple[float, float, float]) -> Square:
    """The nearest whole pixels to what ``faces.crop.crop_box`` gives."""
    x, y, side = square
    return round(x), round(y), max(1, round(side))


def cut_square(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """A square of the photograph, as (size, size, 3): by area where it is reduced, bicubic where it is enlarged.

    What lies outside the photograph repeats its border.
    """
    x, y, side = square
    height, width = image.shape[:2]
    rows, columns = (np.arange(start, start + side).clip(0, limit - 1) for start, limit in ((y, height), (x, width)))
    return resize_square(image[np.ix_(rows, columns)], size)


def cut_crop(image: np.ndarray, crop: Crop, size: int) -> np.ndarray:
    """``cut_levelled`` of a crop, whose corner and side are taken as whole pixels."""
    return cut_levelled(image, round_square((crop.x, crop.y, crop.side)), crop.angle, size)


def cut_levelled(image: np.ndarray, square: Square, angle: float, size: int) -> np.ndarray:
    """``cut_square`` after turning the photograph around the middle of the square, bicubic.

    Args:
        angle: degrees by which the face's own right lies below the photograph's.
    """
    if angle == 0:
        return cut_square(image, square, size)
    x, y, side = square
    turn = cv2.getRotationMatrix2D((x + side / 2, y + side / 2), angle, 1)
    turn[:, 2] += turn[:, :2] @ (0.5, 0.5) - 0.5 - (x, y)  # OpenCV puts pixel centres at whole numbers
    turned = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return resize_square(turned, size)


def resize_square(image: np.ndarray, size: int) -> np.ndarray:
    """A square image as (size, size, 3): by area where it is reduced, bicubic where it is enlarged."""
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if len(image) > size else cv2.INTER_CUBIC)


def blurred(image: np.ndarray, across: float, down: float = 0) -> np.ndarray:
    """By a Gaussian of these standard deviations, pixels; ``down`` 0: as ``across``."""
    return cv2.GaussianBlur(image, None, across, None, down, cv2.BORDER_REPLICATE) if across > 0 else image


def outline(landmarks: np.ndarray, crop: Crop) -> np.ndarray:
    """The face's shape: the hull of its landmarks and, above the brows, the forehead.

    Args:
        landmarks: (68, 2), pixels of the photograph.
        crop: of the face, which says where up is.

    Returns:
        (N, 2), a convex polygon, pixels of the photograph.
    """
    level = crop.matrix(crop.side)
    levelled = landmarks @ level[:, :2].T + level[:, 2]
    forehead = levelled[BROWS] - (0, FOREHEAD * np.ptp(levelled[:, 1]))
    points = np.concatenate([levelled, forehead]).astype(np.float32)
    return crop.to_photo(cv2.convexHull(points)[:, 0], crop.side)


def paste_face(background: np.ndarray, face: np.ndarray, crop: Crop, shape: np.ndarray, low: float,
               photo: np.ndarray | None = None, consistency: float = 0, blur: float = 0, colours: float = 2,
               strength: float = 1) -> None:
    """Paste a restored face into the enlarged photograph, which is changed in place.

    Its lower frequencies, seen as blurred as the photograph is, are those of the photograph: what the photograph shows
    stays, and the face adds what is finer.
    It fades out towards the border of its shape; nothing changes outside of its crop.

    Args:
        background: the enlarged photograph, (height, width, 3), ``uint8`` or ``uint16``.
        face: the restored face, ``uint8`` RGB (n, n, 3).
        crop: where it was cut, in pixels of ``background``.
        shape: (N, 2), polygon, see ``outline``, in pixels of ``background``.
        low: standard deviation of the Gaussian that parts lower and higher frequencies, pixels of ``background``;
            0 leaves the photograph as it is.
        photo: the photograph before it was enlarged, of the same type.
        consistency: 0 to 1: how far the result, blurred and reduced, is to agree with ``photo`` in every pixel.
        blur: standard deviation of the Gaussian that the photograph was blurred with, pixels of ``background``.
        colours: ``low`` for colours / that for brightness. They are the noisier ones (JPEG and video keep them at half
            of the resolution).
        strength: 0 to 1: how much of the result is seen where it does not fade out.
    """
    left, top, right, bottom = _window(crop)
    height, width = background.shape[:2]
    if low <= 0 or bottom <= 0 or right <= 0 or top >= height or left >= width:
        return
    there = np.s_[max(top, 0):min(bottom, height), max(left, 0):min(right, width)]
    behind = background[there].astype(np.float32)
    here = np.s_[there[0].start - top:there[0].stop - top, there[1].start - left:there[1].stop - left]
    levels = np.iinfo(background.dtype).max
    seen = _turn_back(face, crop, (left, top, right, bottom))[here].astype(np.float32) * (levels / 255)
    restored = seen + _low_frequencies(behind - blurred(seen, blur), low, colours)
    if photo is not None and consistency > 0:
        scale = np.divide(background.shape[1::-1], photo.shape[1::-1])
        consistent = _consistent(restored, (there[1].start, there[0].start), photo, scale, blur)
        restored += consistency * (consistent - restored)
    seen_of_it = strength * _fade(crop, shape, (left, top, right, bottom))[here][..., None]
    background[there] = np.rint(behind + seen_of_it * (restored - behind)).clip(0, levels).astype(background.dtype)


def _low_frequencies(image: np.ndarray, low: float, colours: float) -> np.ndarray:
    """Brightness and colours up to the limits of ``paste_face``."""
    bright, coloured = blurred(image, low), blurred(image, colours * low)
    return coloured + (bright - coloured) @ LUMA


def _consistent(part: np.ndarray, corner: tuple[int, int], photo: np.ndarray, scale: np.ndarray,
                blur: float) -> np.ndarray:
    """A part of the enlarged photograph that shows ``photo`` when it is blurred and seen through its pixels:
    back-projection (Irani and Peleg, Improving resolution by image registration, CVGIP 53, 1991, eq. 4).

    Args:
        part: ``float32`` (h, w, 3).
        corner: x and y of the part, pixels of the enlarged photograph.
        scale: across and down.
        blur: see ``paste_face``.

    Returns:
        ``float32`` (h, w, 3).
    """
    size = part.shape[1::-1]
    first = np.floor(corner / scale).astype(int)
    last = np.minimum(np.ceil(np.add(corner, size) / scale).astype(int), photo.shape[1::-1])
    to_part = np.column_stack([np.diag(scale), scale * (first + 0.5) - 0.5 - corner])  # from pixels of ``photo``
    wanted = photo[first[1]:last[1], first[0]:last[0]].astype(np.float32)
    for _ in range(STEPS):
        seen = cv2.warpAffine(blurred(part, *np.hypot(PIXEL * scale, blur)), to_part, wanted.shape[1::-1],
                              flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        part = part + cv2.warpAffine(wanted - seen, to_part, size, flags=cv2.INTER_CUBIC,
                                     borderMode=cv2.BORDER_REPLICATE)
    return part


def _window(crop: Crop) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what holds the turned square, whole pixels."""
    corners = crop.corners()
    return *map(math.floor, corners.min(axis=0)), *map(math.ceil, corners.max(axis=0))


def _turn_back(face: np.ndarray, crop: Crop, window: tuple[int, int, int, int]) -> np.ndarray:
    """The face as the photograph shows it in ``window``; its border is repeated beyond the crop."""
    left, top, right, bottom = window
    face = resize_square(face, min(len(face), max(1, round(crop.side))))  # warpAffine would alias
    matrix = crop.matrix(len(face))
    matrix[:, 2] += matrix[:, :2] @ (left + 0.5, top + 0.5) - 0.5  # OpenCV puts pixel centres at whole numbers
    return cv2.warpAffine(face, matrix, (right - left, bottom - top), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_REPLICATE)


def _fade(crop: Crop, shape: np.ndarray, window: tuple[int, int, int, int]) -> np.ndarray:
    """How much of the face is seen in ``window``, ``float32``: 1 inside, 0 outside of its shape or its crop, a cosine
    between."""
    left, top, right, bottom = window
    inside = [np.zeros((bottom - top + 2, right - left + 2), np.uint8) for _ in range(2)]  # zeros around
    for mask, polygon in zip(inside, (shape, crop.corners())):
        cv2.fillConvexPoly(mask, np.rint((polygon - (left, top) + 0.5) * 16).astype(np.int32), 1, shift=4)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, 2 * [2 * round(ROOM * crop.side) + 1])
    depth = cv2.distanceTransform(cv2.dilate(inside[0], kernel) & inside[1], cv2.DIST_L2, 5)[1:-1, 1:-1]
    return (0.5 - 0.5 * np.cos(np.pi * (depth / (FADE * crop.side)).clip(0, 1))).astype(np.float32)
