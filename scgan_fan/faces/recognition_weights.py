"""Where the weights of the face recognition network come from: dlib's file in the package face-recognition-models."""
import hashlib
from collections.abc import Iterator
from pathlib import Path

import torch

from scgan_fan.archs.recognition_arch import RecognitionNet
from scgan_fan.errors import InputError
from scgan_fan.extras import package_folder

RECOGNITION_FILE = 'dlib_face_recognition_resnet_model_v1.dat'
RECOGNITION_HASH = '55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30'  # SHA-256
INPUT_LAYER = b'input_rgb_image_sized'  # what comes before it is of the loss


def dlib_file(name: str, label: str) -> Path:
    """A model file of the package face-recognition-models, whose own import needs what setuptools has dropped.

    Raises InputError where the package is not installed; ``label``: what asks for it.
    """
    return package_folder('face_recognition_models', label) / 'models' / name


def load_recognition(path: Path | None = None) -> RecognitionNet:
    """dlib's face recognition network, frozen and in evaluation mode, of its file ``path``; None: that of the package.

    Raises InputError where the package is not installed, or the file is not the one that dlib's author published.
    """
    path = path or dlib_file(RECOGNITION_FILE, 'face recognition')
    content = path.read_bytes() if path.is_file() else b''
    if hashlib.sha256(content).hexdigest() != RECOGNITION_HASH:
        raise InputError(f'{path}: not dlib\'s face recognition network, or damaged; install face-recognition-models '
                         'again')
    network = RecognitionNet()
    _fill(network, content)
    return network.eval().requires_grad_(False)


def _fill(network: RecognitionNet, content: bytes) -> None:
    """Each convolution's weights and biases, then the factor and the offset of its channels; at the end the matrix."""
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    matrix = network.embed.weight.T
    sizes = [size for layer in layers
             for size in ((layer.weight.numel() + layer.out_channels, 1), (2 * layer.out_channels, 1))]
    *tensors, numbers = _tensors(content, [*sizes, tuple(matrix.shape)])
    for layer, convolution, affine in zip(layers, tensors[::2], tensors[1::2]):
        weight, bias = convolution.split([layer.weight.numel(), layer.out_channels])
        factor, offset = affine.chunk(2)
        layer.weight.data = weight.view_as(layer.weight) * factor.view(-1, 1, 1, 1)
        layer.bias = torch.nn.Parameter(bias * factor + offset)
    network.embed.weight.data = numbers.view_as(matrix).T.contiguous()


def _tensors(content: bytes, sizes: list[tuple[int, ...]]) -> Iterator[torch.Tensor]:
    """The numbers of the next dlib tensors of so many samples and channels: float32 (samples * channels,).

    dlib writes of a tensor its version, 2, the four sizes and the numbers. What stands between is not needed.
    """
    place = content.index(INPUT_LAYER)
    for samples, channels in sizes:
        head = b''.join(map(_whole_number, (2, samples, channels, 1, 1)))
        start = content.index(head, place) + len(head)
        place = start + 4 * samples * channels
        yield torch.frombuffer(bytearray(content[start:place]), dtype=torch.float32)


def _whole_number(number: int) -> bytes:
    """As dlib writes it: how many bytes follow, and these, the lowest first."""
    length = (number.bit_length() + 7) // 8
    return bytes([length]) + number.to_bytes(length, 'little')
