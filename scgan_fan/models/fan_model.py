"""Training a face alignment network from landmarks."""
from typing import Any

import cv2
import numpy as np
import torch
from basicsr.utils.registry import MODEL_REGISTRY

from scgan_fan.archs import FAN
from scgan_fan.data.landmark_face_dataset import LandmarkFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.faces.landmarks import decode_heatmaps, draw_heatmaps
from scgan_fan.images import to_image
from scgan_fan.models.face_model import FaceModel
from scgan_fan.models.schema import FANTrain


@MODEL_REGISTRY.register()
class FANModel(FaceModel):
    """Regress heatmaps of landmarks (papers.md section 5.1): the loss is summed over the stacks, the last one is used.

    Options in ``train``: ``optim_g``, ``scheduler``, ``heatmap_opt`` (a loss between maps), ``sigma`` (of the target
    Gaussians, in heatmap pixels). Metrics get ``landmarks`` (found) and ``landmarks2`` (true), in pixels.
    """

    SIZE_SEEN = {'g': 'size'}
    COMPARED: dict[str, str] = {}
    train_options = FANTrain
    main_kind = (FAN,)
    trained_on = tested_on = (LandmarkFaceDataset,)
    NETWORKS_OF_TERM = {'heatmap_opt': ()}

    @classmethod
    def connect_networks(cls, networks: dict[str, Any], options: dict) -> None:
        """See FaceModel. InputError where there is not a map for each landmark."""
        super().connect_networks(networks, options)
        if networks['g'].num_landmarks != 68:
            raise InputError(f'network_g: num_landmarks: is {networks["g"].num_landmarks}, but faces have 68')

    def init_training(self, options: dict) -> None:
        """What FaceModel builds, and the width of the targets."""
        self.sigma = options['sigma']
        super().init_training(options)

    def feed_data(self, data: dict) -> None:
        """Images in [-1, 1] -> [0, 1], FAN's range, and landmarks."""
        self.lq = self.send(data['lq'], self.memory_format).add(1).div(2)
        self.landmarks = self.send(data['landmarks'])

    def optimize_parameters(self, current_iter: int) -> None:
        """One step on the fed batch."""
        network = self.networks['g']
        with self.step_of(['g']) as losses:
            for images, landmarks in self.microbatches(self.lq, self.landmarks):
                with self.autocast():
                    predicted = network(images)
                target = draw_heatmaps(landmarks, predicted[0].shape[-1], network.stem_stride, self.sigma)
                loss: Any = sum(self.terms['heatmap_opt'](maps.float(), target) for maps in predicted)
                self.backward(loss, {'heatmap': loss}, len(images), losses)
        self.finish_step(losses, current_iter)
        self.update_average(current_iter)

    @torch.no_grad()
    def test(self) -> None:
        """Find the landmarks of the fed image."""
        with self.evaluated_network() as network, self.autocast():
            heatmaps = network(self.lq)[-1]
        self.found = decode_heatmaps(heatmaps, self.networks['g'].stem_stride)[0]

    def metric_inputs(self) -> dict:
        """Found and true landmarks of the first image."""
        return {'landmarks': self.found[0].cpu(), 'landmarks2': self.landmarks[0].cpu()}

    def current_images(self) -> dict[str, np.ndarray]:
        """The image, found and true landmarks."""
        image = to_image(self.lq[0] * 2 - 1)
        return {'image': image, 'ours': _with_dots(image, self.found[0]), 'truth': _with_dots(image, self.landmarks[0])}


def _with_dots(image: np.ndarray, landmarks: torch.Tensor, enlarge: int = 4) -> np.ndarray:
    picture = np.repeat(np.repeat(image, enlarge, axis=0), enlarge, axis=1)
    for x, y in landmarks.cpu().numpy() * enlarge:
        cv2.circle(picture, (round(float(x)), round(float(y))), 2, (0, 255, 0), -1, cv2.LINE_AA)
    return picture
