"""Restorers of larger faces, aligned as in FFHQ at 512 pixels: GFPGAN, RestoreFormer, CodeFormer."""
import inspect

import cv2
import numpy as np
import torch

from scgan_fan.background import load_spandrel
from scgan_fan.errors import InputError
from scgan_fan.faces.alignment import find_landmarks, five_points
from scgan_fan.faces.crop import Crop, Face

SIZE = 512  # pixels
# Eyes, nose and corners of the mouth in the aligned face: facexlib's FaceRestoreHelper, which all of them are used with
ALIGNED = np.array([(192.98, 239.95), (318.90, 240.19), (256.63, 314.02), (201.26, 371.41), (313.09, 371.15)])


class LargeFaceRestorer:
    """A network that restores faces of ``SIZE`` pixels. File, device and errors: see ``load_spandrel``; InputError also
    where it does something else.
    """

    size = SIZE

    def __init__(self, path: str, device: torch.device):
        self.network = load_spandrel(path, device, '--face_model')
        if self.network.purpose != 'FaceSR' or self.network.scale != 1:
            raise InputError(f'--face_model: {path}: {self.network.architecture.name} is no restorer of faces; give '
                             'GFPGAN, RestoreFormer or CodeFormer')
        self.device = device

    def crop(self, image: np.ndarray, face: Face) -> Crop:
        """Where the face of a photograph (``uint8`` RGB) is to be cut: by the similarity that takes its five points
        nearest to those of FFHQ's alignment."""
        points = face.points
        if points is None:
            landmarks, _ = find_landmarks(image, [face.crop()])
            points = five_points(landmarks[0])
        matrix, _ = cv2.estimateAffinePartial2D(points, ALIGNED, method=cv2.LMEDS)
        inverse = cv2.invertAffineTransform(matrix)
        x, y = inverse @ (SIZE / 2, SIZE / 2, 1)
        side, angle = SIZE / np.hypot(*matrix[0, :2]), np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))
        return Crop(float(x - side / 2), float(y - side / 2), float(side), float(angle))

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray, fidelity: float) -> np.ndarray:
        """An aligned face, ``uint8`` RGB (512, 512, 3) -> the same, restored. CodeFormer is told the fidelity."""
        tensor = torch.from_numpy(pixels).to(self.device).permute(2, 0, 1)[None].float() / 255
        if 'weight' in inspect.signature(self.network.model.forward).parameters:
            restored = self.network.model(tensor, weight=fidelity)[0].clamp(0, 1)
        else:
            restored = self.network(tensor)
        return restored[0].mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
