"""facexlib's RetinaFace: better on hidden faces; its weights are to be put in place, nothing is downloaded."""
from pathlib import Path

import cv2
import numpy as np
import torch

from scgan_fan.checkpoint import load_weights
from scgan_fan.device import cached_on_device, device_in_use
from scgan_fan.errors import InputError
from scgan_fan.extras import package_folder
from scgan_fan.faces.crop import Face
from scgan_fan.faces.tiles import best_of_each

FILE = 'detection_Resnet50_Final.pth'
URL = f'https://github.com/xinntao/facexlib/releases/download/v0.1.0/{FILE}'
HASH = '6d1de9c2944f2ccddca5f5e010ea5ae64a39845a86311af6fdf30841b0a5a16d'  # SHA-256
MOST_PIXELS = 2_000_000  # larger photographs are reduced to so many: 0.4 GB for the network
SURE = 0.8  # facexlib's threshold


def find_weights() -> Path:
    """Its file where facexlib or torch would have put it. Raises InputError where it is in neither place."""
    places = (package_folder('facexlib', 'detector retinaface') / 'weights' / FILE,
              Path(torch.hub.get_dir()) / 'checkpoints' / FILE)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f'{places[0]}: the weights of RetinaFace are not there; put {URL} there, give '
                         f'scgan-fan doctor --download {FILE}, or use centerface')
    return found


@cached_on_device
def load(weights: Path):
    """The network, on the device in use."""
    from facexlib.detection.retinaface import RetinaFace
    network = RetinaFace(network_name='resnet50', device=device_in_use())
    load_weights(network, weights, 'RetinaFace')
    return network


@torch.inference_mode()
def find(image: np.ndarray, min_face: float, weights: Path) -> list[Face]:
    """The faces in a photograph, whatever ``min_face``; ``weights``: from ``find_weights``, or another file.

    What facexlib's ``detect_faces`` does, without torchvision's compiled operators, which a CPU's PyTorch may lack.
    """
    from facexlib.detection.retinaface_utils import PriorBox, decode, decode_landm
    network = load(weights)
    height, width = image.shape[:2]
    scale = min(1, (MOST_PIXELS / (height * width)) ** 0.5)
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    reduced = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    bgr = torch.from_numpy(reduced[..., ::-1].copy()).to(network.device).permute(2, 0, 1)[None]
    offsets, probabilities, points = (output[0].cpu() for output in network(bgr - network.mean_tensor))
    priors, variances = PriorBox(network.cfg, image_size=(height, width)).forward(), network.cfg['variance']
    boxes = decode(offsets, priors, variances).numpy().reshape(-1, 2, 2) * (width, height) / scale
    points = decode_landm(points, priors, variances).numpy().reshape(-1, 5, 2) * (width, height) / scale
    scores = probabilities[:, 1].numpy()
    return best_of_each([Face(tuple(boxes[i].ravel().tolist()), points[i], float(scores[i]), 'wider')
                         for i in np.flatnonzero(scores > SURE)])
