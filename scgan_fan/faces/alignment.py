"""Where the 68 landmarks of a found face are, by the shipped FAN."""
import numpy as np
import torch

from scgan_fan.device import device_in_use
from scgan_fan.faces.crop import MARGIN, Crop, Face, crop_box, tilt
from scgan_fan.faces.fan_weights import shared_fan
from scgan_fan.faces.landmarks import decode_heatmaps
from scgan_fan.faces.paste import cut_crop

# Sides of what FAN sees / of the crop: with some room, for it cannot put a landmark outside, but does not mind a face
# that is smaller than in training.
FIRST_LOOK, SECOND_LOOK = 1.25, 1.1
BATCH = 32
# Of 40 sharp portraits 62 % are above it at 16 pixels, 95 % at 20, all from 24 on. The crop's side is then off by 0.3
# to 4 % (standard deviation; by CenterFace's box 3.5 to 5.4 %), its middle by 0.1 to 1.4 % (1.0 to 2.7 %).
SURE = 0.66
FIVE_POINTS = slice(36, 42), slice(42, 48), [30], [48], [54]  # eyes, nose, corners of the mouth


def find_landmarks(image: np.ndarray, crops: list[Crop]) -> tuple[np.ndarray, np.ndarray]:
    """68 landmarks of each face. FAN looks twice: at the crop that the detector's box gives, then at the one that its
    own first answer gives, the kind that it was trained on.

    Args:
        image: ``uint8`` RGB (height, width, 3).
        crops: from ``faces.crop.Face.crop``; FAN sees the faces levelled as they are.

    Returns:
        landmarks: ``float32`` (N, 68, 2), iBUG order, x then y, pixels of the photograph.
        confidence: (N,) mean height of the heatmaps' peaks, about 0 to 1.
    """
    landmarks, _ = _look(image, [_widen(crop, FIRST_LOOK) for crop in crops])
    return _look(image, [_widen(crop_landmarks(points, crop.angle), SECOND_LOOK)
                         for points, crop in zip(landmarks, crops)])


def align(image: np.ndarray, faces: list[Face]) -> list[Face]:
    """The faces with the box and the five points of their 68 landmarks, where FAN is sure of these."""
    found = zip(*find_landmarks(image, [face.crop() for face in faces]))
    return [_by_landmarks(landmarks, face.score) if confidence > SURE else face
            for face, (landmarks, confidence) in zip(faces, found)]


def _by_landmarks(landmarks: np.ndarray, score: float) -> Face:
    points = five_points(landmarks)
    crop = crop_landmarks(landmarks, tilt(points), margin=1)
    return Face((crop.x, crop.y, crop.x + crop.side, crop.y + crop.side), points, score, 'landmarks')


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Eyes, nose and corners of the mouth (5, 2) of 68 landmarks (68, 2)."""
    return np.stack([landmarks[part].mean(axis=0) for part in FIVE_POINTS])


def crop_landmarks(landmarks: np.ndarray, angle: float = 0, margin: float = MARGIN) -> Crop:
    """``crop_box`` of a face turned by ``angle``, see ``Crop``; landmarks (68, 2) in pixels of the photograph."""
    level = Crop(-0.5, -0.5, 1, angle).matrix(1)  # around the photograph's corner, which stays where it is
    x, y, side = crop_box(landmarks @ level[:, :2].T, margin)
    middle = (x + side / 2, y + side / 2) @ level[:, :2]
    x, y = (middle - side / 2).tolist()
    return Crop(x, y, side, angle)


def _widen(crop: Crop, factor: float) -> Crop:
    more = (factor - 1) * crop.side / 2
    return Crop(crop.x - more, crop.y - more, factor * crop.side, crop.angle)


@torch.inference_mode()
def _look(image: np.ndarray, crops: list[Crop]) -> tuple[np.ndarray, np.ndarray]:
    """What ``find_landmarks`` returns, of one look at each crop."""
    fan, size = shared_fan('fan64')
    found, peaks = [np.zeros((0, 68, 2), np.float32)], [np.zeros(0, np.float32)]
    squares = [crop.rounded() for crop in crops]
    for start in range(0, len(crops), BATCH):
        part = squares[start:start + BATCH]
        cut = np.stack([cut_crop(image, square, size) for square in part])
        images = torch.from_numpy(cut).to(device_in_use()).permute(0, 3, 1, 2).float() / 255
        landmarks, peak = (each.cpu().numpy() for each in decode_heatmaps(fan(images)[-1], fan.stem_stride))
        found.append(np.stack([square.to_photo(points, size) for square, points in zip(part, landmarks)]))
        peaks.append(peak.mean(axis=1))
    return np.concatenate(found).astype(np.float32), np.concatenate(peaks)
