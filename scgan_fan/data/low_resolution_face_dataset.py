"""Real LR faces, for which no ground truth exists: for validation and testing by eye or by metrics of a set."""
from basicsr.utils.registry import DATASET_REGISTRY

from scgan_fan.data.augment import read_lr
from scgan_fan.data.face_dataset import DatasetBlock, FaceDataset, Room
from scgan_fan.data.image_source import open_source
from scgan_fan.images import to_tensor
from scgan_fan.schema_types import Count, Paths


class LowResolutionBlock(DatasetBlock):
    """Options of LowResolutionFaceDataset."""

    dataroot_lq: Paths  # LR faces: a folder, an LMDB, or a list of them
    size: Count = 16  # height and width of the items, pixels
    room_lq: Room = 1  # the crop is reduced to ``size``; 1: the images have exactly ``size`` pixels
    num_images: Count | None = None  # take only the first so many; None: all


@DATASET_REGISTRY.register()
class LowResolutionFaceDataset(FaceDataset):
    """LR faces alone.

    Items: ``lq`` float32 (3, size, size) RGB in [-1, 1]; ``lq_path``, the key.

    Raises InputError: an option is wrong or names no images; reading an item, for a bad image or a wrong size.
    """

    block = LowResolutionBlock
    options: LowResolutionBlock

    def __init__(self, opt: dict):
        super().__init__(opt)
        self.lq = open_source(self.options.dataroot_lq)
        self.keys = self.lq.keys[:self.options.num_images]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict:
        lq = read_lr(self.lq, index, self.options.size, self.options.room_lq)
        return {'lq': to_tensor(lq), 'lq_path': self.keys[index]}
