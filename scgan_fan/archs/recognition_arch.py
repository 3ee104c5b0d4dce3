"""dlib's face recognition network: a face in, 128 numbers out that are near for one person and far for two."""
import torch
import torch.nn.functional as F
from torch import nn

SIZE = 150  # pixels, height and width of its input
CHANNEL_MEAN = (122.782, 117.001, 104.298)  # dlib's input_rgb_image_sized, of values 0 to 255
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))  # channels, blocks, halved


class RecognitionNet(nn.Module):
    """ResNet-29 of dlib (King 2017; dlib's example dnn_face_recognition_ex.cpp), without batch norm: what dlib keeps of
    it, a factor and an offset for each channel, is part of the convolutions' weights here.

    As everywhere in dlib, convolutions of stride 2 and pooling see no padding, the skip of a block that halves is
    average pooling alone, and of two summands the smaller one, in channels or in size, is filled up with zeros.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, STAGES[0][0], 7, stride=2)
        blocks, before = [], STAGES[0][0]
        for channels, number, halved in STAGES:
            for index in range(number):
                blocks.append(RecognitionBlock(before, channels, down=halved and index == 0))
                before = channels
        self.blocks = nn.Sequential(*blocks)
        self.embed = nn.Linear(before, 128, bias=False)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        """Embeddings of faces (batch, 3, 150, 150), RGB in [-1, 1], cut as dlib's ``get_face_chip`` does: (batch, 128),
        not of length 1; two of one person are less than 0.6 apart.
        """
        mean = faces.new_tensor(CHANNEL_MEAN).view(3, 1, 1)
        out = F.relu(self.stem((faces.add(1).mul(127.5) - mean) / 256))
        out = self.blocks(F.max_pool2d(out, 3, stride=2))
        return self.embed(out.mean(dim=(2, 3)))


class RecognitionBlock(nn.Module):
    """conv-ReLU-conv plus a skip, then ReLU; ``down`` halves the size."""

    def __init__(self, in_channels: int, channels: int, down: bool):
        super().__init__()
        self.down = down
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=2 if down else 1, padding=0 if down else 1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        return F.relu(_padded_sum(out, F.avg_pool2d(x, 2) if self.down else x))


def _padded_sum(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Sum of two (batch, channels, height, width) tensors, each filled up with zeros behind to the larger shape."""
    shape = [max(sizes) for sizes in zip(a.shape, b.shape)]

    def filled(tensor):
        missing = [larger - size for larger, size in zip(shape[1:], tensor.shape[1:])]
        return F.pad(tensor, [side for number in reversed(missing) for side in (0, number)])

    return filled(a) + filled(b)
