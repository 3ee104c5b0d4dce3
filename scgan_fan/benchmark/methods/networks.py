"""Restoration by a network: one of BasicSR's registry, one of a file that spandrel reads, or DFDNet.

Weights are loaded without running code that their files might carry.
"""
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated, Literal
from urllib.error import URLError

import numpy as np
import torch
from basicsr.archs import build_network
from basicsr.utils.registry import ARCH_REGISTRY

from scgan_fan.background import load_spandrel
from scgan_fan.benchmark.image_set import Faces, NotRun, require_file
from scgan_fan.benchmark.methods.base import Method, Resize, resize
from scgan_fan.checkpoint import load_weights
from scgan_fan.errors import InputError, check_choice
from scgan_fan.faces.fan_weights import load_fan
from scgan_fan.faces.landmarks import decode_heatmaps
from scgan_fan.network_loader import load_restorer
from scgan_fan.schema_types import Count, interval
from scgan_fan.shipped import find_weights


@dataclass(kw_only=True, eq=False)
class _Network(Method):
    """A network between two resizes, so that one for other sizes is compared fairly."""

    weights: str  # a file or the name of a shipped network
    input_size: Count | None = None  # the side that the face is brought to before it; None: the face as it is
    input_resize: Resize = 'bicubic'  # how
    output_resize: Resize = 'area'  # how a result that is not of the benchmark's size is brought there

    def __post_init__(self):
        self.file = require_file(find_weights(self.weights))

    def describe(self) -> str:
        """Which network, of which file."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """RGB (N, 3, h, w) in [0, 1] -> the same, larger; what lies outside [0, 1] is clamped later."""
        raise NotImplementedError

    def protocol(self) -> str:
        before = f'{self.input_resize} to {self.input_size} px' if self.input_size else 'the face as it is'
        return (f'{self.describe()}; input: {before}; output, where it is not {self.size} px: {self.output_resize} to '
                f'{self.size} px')

    @torch.inference_mode()
    def __call__(self, faces: Faces) -> np.ndarray:
        images = resize(faces.lq, self.input_size, self.input_resize) if self.input_size else faces.lq
        tensor = torch.from_numpy(images.copy()).to(self.device).permute(0, 3, 1, 2).float() / 255
        restored = self.forward(tensor).float().mul(255).round().clamp(0, 255).byte()
        return resize(restored.permute(0, 2, 3, 1).cpu().numpy(), self.size, self.output_resize)


@dataclass(kw_only=True, eq=False)
class RegisteredNetwork(_Network):
    """A network of BasicSR's registry, this package's among them."""

    network: dict  # type and constructor arguments, as in a training file
    param_key: str | None = None  # default: params_ema where it is there, else params
    value_range: Annotated[tuple, interval(-1, 1)] = (-1, 1)  # of its images, or [0, 1]
    channels: Literal['rgb', 'bgr'] = 'rgb'

    def __post_init__(self):
        super().__post_init__()
        self.low, high = self.value_range
        self.span = high - self.low
        self.module = self._build(self.network)
        self.entry, _ = load_weights(self.module, self.file, self.owner, self.param_key, channels=self.channels)
        self.module.to(self.device).eval().requires_grad_(False)

    def _build(self, block: dict) -> torch.nn.Module:
        check_choice(f'{self.owner}: network: type', block.get('type'), [name for name, _ in ARCH_REGISTRY])
        try:
            return build_network(block)
        except TypeError as error:
            raise InputError(f'{self.owner}: network: {error}; see the arguments of {block["type"]}') from error

    def describe(self) -> str:
        return (f'{type(self.module).__name__} of {self.file.name} ({self.entry}), '
                f'{self.channels.upper()} in [{self.low:g}, {self.low + self.span:g}]')

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        restored = self.run(self._reorder(images) * self.span + self.low)
        return (self._reorder(restored) - self.low) / self.span

    def run(self, images: torch.Tensor) -> torch.Tensor:
        """The network on images in its own range and channel order."""
        return self.module(images)

    def _reorder(self, images: torch.Tensor) -> torch.Tensor:
        return images.flip(1) if self.channels == 'bgr' else images


class RestorerNetwork(_Network):
    """A restoration network of this package: ``weights`` is one that comes with it, by its name (``scgan_fan``), or any
    file that ``network_loader.load_restorer`` reads.
    """

    def __post_init__(self):
        super().__post_init__()
        self.restorer = load_restorer(self.file).to(self.device)  # of an ONNX file nothing is moved

    def describe(self) -> str:
        return f'{self.restorer.name} of {self.file.name}'

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (self.restorer(images * 2 - 1) + 1) / 2


class SpandrelNetwork(_Network):
    """Whatever weight file the library spandrel reads: Real-ESRGAN, GFPGAN, SwinIR, ...; CodeFormer and others whose
    licences restrict use where ``spandrel_extra_arches`` is installed.
    """

    def __post_init__(self):
        super().__post_init__()
        self.network = load_spandrel(self.file, self.device, self.owner)

    def describe(self) -> str:
        return (f'{self.network.architecture.name} x{self.network.scale} of {self.file.name}, read by spandrel '
                f'{metadata.version("spandrel")}')

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images)  # pads to what the architecture needs


class DFDNet(RegisteredNetwork):
    """BasicSR's DFDNet (ECCV 2020), which is told where eyes, nose and mouth are.

    The parts are found by the package's own fan64 in the network's input, reduced to
    64 pixels. ``network: dict_path`` is the file of the dictionary of parts; ``input_size`` must be 512.
    """

    side = 512  # pixels: DFDNet knows no other

    def __post_init__(self):
        super().__post_init__()
        if self.input_size != self.side:
            raise InputError(f'{self.owner}: input_size: DFDNet takes {self.side} pixels')
        fan, self.fan_size = load_fan('fan64')
        self.fan = fan.to(self.device)

    def _build(self, block: dict) -> torch.nn.Module:
        require_file(block.get('dict_path', ''))
        try:
            return super()._build(block)
        except URLError as error:  # BasicSR fetches VGG-19 before DFDNet's own weights replace it
            raise NotRun('file experiments/pretrained_models/vgg19-dcbb9e9d.pth not found') from error

    def describe(self) -> str:
        return f'{super().describe()}, eyes, nose and mouth found by fan64'

    def run(self, images: torch.Tensor) -> torch.Tensor:
        """One by one: DFDNet takes the parts of the first face for all of a batch."""
        small = torch.nn.functional.interpolate((images - self.low) / self.span, (self.fan_size, self.fan_size),
                                                mode='area')
        landmarks = decode_heatmaps(self.fan(small)[-1], self.fan.stem_stride)[0] * (self.side / self.fan_size)
        return torch.cat([self.module(image[None], part_boxes(points)) for image, points in zip(images, landmarks)])


# iBUG-68 points of each part, and the least half side of its box, pixels of 512 (DFDNet's official code)
PARTS = {'left_eye': [*range(17, 22), *range(36, 42)], 'right_eye': [*range(22, 27), *range(42, 48)],
         'nose': list(range(29, 36)), 'mouth': list(range(48, 68))}
LEAST_HALF_SIDE = 16


def part_boxes(landmarks: torch.Tensor) -> list[torch.Tensor]:
    """DFDNet's boxes of the parts of a face with ``landmarks`` (68, 2), pixels of 512: for each (1, 4), left, top,
    right and bottom. A square around the mean of the part's points, as wide as they spread, moved inside the image.
    """
    boxes = []
    for indices in PARTS.values():
        points = landmarks[indices]
        half = ((points.amax(0) - points.amin(0)).max() / 2).clamp(LEAST_HALF_SIDE, DFDNet.side / 2)
        centre = torch.minimum(torch.maximum(points.mean(0), half), DFDNet.side - half)
        boxes.append(torch.cat([centre - half, centre + half])[None])
    return boxes
