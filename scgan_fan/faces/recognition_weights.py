"""Where the weights of the face recognition network come from: dlib's file in the package face-recognition-models."""
from pathlib import Path

import numpy as np
import torch

from scgan_fan.archs.recognition_arch import RecognitionNet
from scgan_fan.errors import InputError
from scgan_fan.extras import package_folder

RECOGNITION_FILE = 'dlib_face_recognition_resnet_model_v1.dat'
INPUT_LAYER = b'input_rgb_image_sized'

# How many whole numbers dlib writes of a layer before and after its weights (None: a layer without any): sizes,
# strides, paddings, the weights' shapes, learning rates
LAYERS = {'con_4': (0, 25), 'affine_': (0, 11), 'fc_2': (2, 19), 'relu_': None, 'add_prev_': None,
          'max_pool_2': None, 'avg_pool_2': None}
POOLING_NUMBERS = 6


def dlib_file(name: str, label: str) -> Path:
    """A model file of the package face-recognition-models, whose own import needs what setuptools has dropped.

    Raises InputError where the package is not installed; ``label``: what asks for it.
    """
    return package_folder('face_recognition_models', label) / 'models' / name


def load_recognition(path: Path | None = None) -> RecognitionNet:
    """dlib's face recognition network, frozen and in evaluation mode, of its file ``path``; None: that of the package.

    Raises InputError where the package is not installed, or the file is not what dlib wrote.
    """
    path = path or dlib_file(RECOGNITION_FILE, 'face recognition')
    network = RecognitionNet()
    try:
        _fill(network, _DlibReader(path.read_bytes()).weights())
    except (OSError, ValueError) as error:
        raise InputError(f'{path}: not dlib\'s face recognition network ({error}); install face-recognition-models '
                         'again') from error
    return network.eval().requires_grad_(False)


def _fill(network: RecognitionNet, weights: list[np.ndarray]) -> None:
    """Each convolution's weights and biases, then the factor and the offset of its channels; at the end the matrix."""
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    if len(weights) != 2 * len(layers) + 1:
        raise ValueError(f'{len(weights)} layers with weights instead of {2 * len(layers) + 1}')
    for layer, convolution, affine in zip(layers, weights[::2], weights[1::2]):
        channels = torch.Size([layer.out_channels])
        factor, offset = _split(affine, channels, channels)
        weight, bias = _split(convolution, layer.weight.shape, channels)
        layer.weight.data = weight * factor.view(-1, 1, 1, 1)
        layer.bias = torch.nn.Parameter(bias * factor + offset)
    matrix, = _split(weights[-1], network.embed.weight.T.shape)
    network.embed.weight.data = matrix.T.contiguous()


def _split(numbers: np.ndarray, *shapes: torch.Size) -> list[torch.Tensor]:
    """One after the other; ValueError where there are more or fewer numbers, or one is not finite."""
    if len(numbers) != sum(shape.numel() for shape in shapes):
        raise ValueError(f'a layer of {len(numbers)} numbers instead of {sum(shape.numel() for shape in shapes)}')
    if not np.isfinite(numbers).all():
        raise ValueError('a weight that is not finite')
    parts = torch.from_numpy(numbers.copy()).split([shape.numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes)]


class _DlibReader:
    """Reads what dlib's ``serialize`` wrote of this network, from the input on: before it are versions and the loss.

    Whole numbers are a byte, the count of those that follow, its highest bit the sign, and then these, lowest first;
    floating-point numbers two whole ones, mantissa and exponent; tensors a version, four sizes and float32 numbers.
    A layer is its name, what it holds, three flags and three tensors, empty in a file for use.
    """

    def __init__(self, content: bytes):
        self.content = content
        self.place = content.index(INPUT_LAYER) + len(INPUT_LAYER)

    def weights(self) -> list[np.ndarray]:
        """The numbers of each layer that has any, from the input on."""
        self.skip(6 + 2)  # mean of red, green and blue; height and width
        found = []
        while self.place < len(self.content):
            name = self.take(self.number()).decode('ascii', 'replace')
            if name not in LAYERS:
                raise ValueError(f'unknown layer {name[:20]!r} before byte {self.place}')
            numbers = LAYERS[name]
            if numbers is not None:
                self.skip(numbers[0])
                found.append(self.tensor())
                self.skip(numbers[1])
            elif 'pool' in name:
                self.skip(POOLING_NUMBERS)
            self.take(3)
            for _ in range(3):
                self.tensor()
            if len(found) == 1:
                self.skip(1)  # the first layer ends with how many images it makes of one
        return found

    def take(self, number: int) -> bytes:
        if not 0 <= number <= len(self.content) - self.place:
            raise ValueError(f'ends before its layers do, at byte {self.place}')
        self.place += number
        return self.content[self.place - number:self.place]

    def number(self) -> int:
        head, = self.take(1)
        magnitude = int.from_bytes(self.take(head & 0x7F), 'little')
        return -magnitude if head & 0x80 else magnitude

    def skip(self, numbers: int) -> None:
        for _ in range(numbers):
            self.number()

    def tensor(self) -> np.ndarray:
        _, samples, channels, height, width = (self.number() for _ in range(5))
        return np.frombuffer(self.take(4 * samples * channels * height * width), '<f4')
