"""The perceptual loss: a restored face must look like the true one to a network that knows pictures."""
from typing import Annotated
from urllib.error import URLError

import torch
import torch.nn.functional as F
from basicsr.utils.registry import LOSS_REGISTRY
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms.functional import normalize

from scgan_fan.checkpoint import fetching_weights, load_weights
from scgan_fan.errors import InputError
from scgan_fan.precision import at_least_float32
from scgan_fan.schema_types import file_or, one_of

Backbone = Annotated[str, one_of(list_models())]
Weights = Annotated[str, file_or('imagenet', 'random')]
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what torchvision's weights expect


@LOSS_REGISTRY.register()
class FeatureLoss(nn.Module):
    """Squared distance of the features of a frozen classifier (Super-FAN, Eq 2):

        sum over layers of 1 / (W_i H_i) sum_cxy (F_i(a) - F_i(b))^2,   mean over the batch

    summed over channels, as the paper writes it. The classifier is in evaluation mode; only the first image gets a
    gradient. Images are seen at their own size.

    Args:
        loss_weight: not published.
        backbone: a classifier of torchvision. The paper's is ``resnet50``.
        layers: its modules, by name. The paper's B1, B2, B3 are ``layer1``, ``layer2``, ``layer3`` of ``resnet50``.
        weights: ``imagenet`` (torchvision's first ImageNet weights, from the cache or downloaded, hash checked), the
            path of a state dict, or ``random`` (for tests only).

    Raises:
        InputError: no such backbone or layer, or its weights cannot be had.
    """

    def __init__(self, loss_weight: float = 1.0, backbone: Backbone = 'resnet50',
                 layers: tuple[str, ...] = ('layer1', 'layer2', 'layer3'), weights: Weights = 'imagenet'):
        super().__init__()
        self.loss_weight = loss_weight
        classifier = _load_classifier(backbone, weights)
        try:
            if not layers:
                raise ValueError('no layer')
            self.features = create_feature_extractor(classifier, list(layers)).eval().requires_grad_(False)
        except ValueError as error:
            known = [name for name, _ in classifier.named_children()]
            raise InputError(f'FeatureLoss layers: {list(layers)} are not all in {backbone}; its largest modules are '
                             f'{", ".join(known)}') from error

    def forward(self, restored: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        """Compare two batches of images, (batch, 3, height, width), RGB in [-1, 1]; the scalar is weighted."""
        found = self.features(_prepare(restored))
        with torch.no_grad():
            wanted = self.features(_prepare(truth))
        distances = [F.mse_loss(at_least_float32(found[name]), at_least_float32(wanted[name])) * wanted[name].shape[1]
                     for name in wanted]  # the mean over batch and pixels, the sum over channels
        return self.loss_weight * sum(distances)

    def train(self, mode: bool = True) -> 'FeatureLoss':
        """The classifier stays in evaluation mode whatever the model around it does."""
        return super().train(False)


def _prepare(images: torch.Tensor) -> torch.Tensor:
    return normalize(images.add(1).div(2), IMAGENET_MEAN, IMAGENET_STD)


def _load_classifier(backbone: str, weights: str) -> nn.Module:
    try:
        classifier = get_model(backbone)
        if weights == 'imagenet':
            published = get_model_weights(backbone).IMAGENET1K_V1
            with fetching_weights():
                classifier.load_state_dict(published.get_state_dict(check_hash=True, weights_only=True))
    except (AttributeError, ValueError) as error:
        raise InputError(f'FeatureLoss backbone: {backbone!r} is no classifier of torchvision with such weights '
                         f'({error}); the paper has resnet50') from error
    except (URLError, OSError, RuntimeError) as error:
        raise InputError(f'FeatureLoss weights: {published.url} is not in torch\'s cache and cannot be downloaded '
                         f'({error}); fetch it by other means and give its path as weights') from error
    if weights not in ('imagenet', 'random'):
        load_weights(classifier, weights, f'FeatureLoss {backbone}')
    return classifier
