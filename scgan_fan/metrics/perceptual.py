"""How alike two pictures look (LPIPS), and how natural one looks (NIQE). Images: ``uint8`` BGR (height, width, 3)."""
import math
from urllib.error import URLError

import cv2
import numpy as np
import torch
from basicsr.metrics import calculate_niqe

from scgan_fan.checkpoint import fetching_weights, read_checkpoint
from scgan_fan.device import cached_on_device, device_in_use
from scgan_fan.errors import InputError
from scgan_fan.extras import import_extra
from scgan_fan.images import to_tensor
from scgan_fan.metrics.validation import metric
from scgan_fan.schema_types import Count


@metric(takes_batches=True)
def calculate_lpips(img: np.ndarray, img2: np.ndarray, weights: str | None = None, **kwargs) -> float | np.ndarray:
    """LPIPS v0.1 with AlexNet (Zhang et al. 2018) of images as they are, in [-1, 1]; 0 for equal ones.

    Args:
        img, img2: restored and true; or N of each, (N, height, width, 3), which give (N,).
        weights: one file with AlexNet's convolutions under torchvision's names (``features.*``) and LPIPS' linear heads
            (``lin*.model.1.weight``). Default: the ``lpips`` package's heads and torchvision's AlexNet, fetched once.

    Raises:
        InputError: the weights cannot be had, or the lpips package is not installed.
    """
    network = load_lpips(weights)
    batches = (torch.stack([to_tensor(image[..., ::-1]) for image in images.reshape(-1, *images.shape[-3:])])
               for images in (img, img2))
    with torch.no_grad():
        distances = network(*(batch.to(device_in_use()) for batch in batches)).flatten().cpu().numpy()
    return distances if img.ndim == 4 else float(distances[0])


@cached_on_device
def load_lpips(weights: str | None) -> torch.nn.Module:
    """The network of ``calculate_lpips``, frozen, on the device in use."""
    lpips = import_extra('lpips', 'calculate_lpips', '"scgan_fan[benchmark]"')
    try:
        with fetching_weights():
            network = lpips.LPIPS(net='alex', pretrained=weights is None, pnet_rand=weights is not None, verbose=False)
    except (URLError, OSError) as error:
        raise InputError(f'calculate_lpips: AlexNet cannot be downloaded ({error}); fetch the weights by other means '
                         'and give the file as weights') from error
    if weights is not None:
        _load(network, read_checkpoint(weights), weights)
    return network.eval().requires_grad_(False).to(device_in_use())


def _load(network: torch.nn.Module, given: dict, path: str) -> None:
    """lpips calls ``features.N`` of AlexNet ``net.sliceM.N`` and has each head twice, as ``linI`` and ``lins.I``."""
    wanted = {}
    for name in network.state_dict():
        if name.startswith('scaling_layer'):
            wanted[name] = network.state_dict()[name]
            continue
        part, _, rest = name.removeprefix('net.').partition('.')
        source = f'lin{rest}' if part == 'lins' else name if part.startswith('lin') else f'features.{rest}'
        if source not in given:
            raise InputError(f'{path}: not weights of LPIPS with AlexNet: {source} is not in it')
        wanted[name] = given[source]
    network.load_state_dict(wanted)


@metric()
def calculate_niqe_enlarged(img: np.ndarray, enlarge: Count = 4, **kwargs) -> float:
    """NIQE of a small face: bicubic enlargement, then BasicSR's NIQE of the luma; lower is more natural.

    NIQE looks at blocks of 96 pixels and a face of 64 has none. How SCGAN measured it is not stated (papers.md section
    7): 64 x 4 = 256 pixels hold four blocks. Such values cannot be compared with NIQE of larger pictures.

    NaN of an image without any structure, for which NIQE is not defined. InputError where the image, ``enlarge`` times
    as large, has no block.
    """
    height, width = (side * enlarge for side in img.shape[:2])
    if min(height, width) < 96:
        raise InputError(f'calculate_niqe_enlarged: {width}x{height} pixels after enlarging by {enlarge} hold no block '
                         'of 96; enlarge more')
    larger = cv2.resize(img, (width, height), interpolation=cv2.INTER_CUBIC)
    try:
        return float(calculate_niqe(larger, crop_border=0, input_order='HWC', convert_to='y'))
    except np.linalg.LinAlgError:  # no block has features, so that their covariance is none
        return math.nan
