"""Real LR faces, for which no ground truth exists: for validation and testing by eye or by metrics of a set."""
from basicsr.utils.registry import DATASET_REGISTRY

from scgan_fan.data.augment import read_lr
from scgan_fan.data.dataset_options import DatasetOptions, FaceDataset
from scgan_fan.data.image_source import open_source
from scgan_fan.images import to_tensor


@DATASET_REGISTRY.register()
class LowResolutionFaceDataset(FaceDataset):
    """LR faces alone.

    Options:
        dataroot_lq: LR faces: a folder, an LMDB, or a list of them.
        size: height and width of the items, pixels. Default 16.
        room_lq: side of the images / side of the crop in their middle, which is reduced to ``size``. Default: 1, and
            the images have exactly ``size`` pixels.
        num_images: take only the first so many. Default: all.

    Items: ``lq`` float32 (3, size, size) RGB in [-1, 1]; ``lq_path``, the key.

    Raises InputError: an option is wrong or names no images; reading an item, for a bad image or a wrong size.
    """

    def configure(self, opt: dict) -> DatasetOptions:
        """Sizes."""
        options = DatasetOptions(opt, required=('dataroot_lq',),
                                 defaults={'size': 16, 'room_lq': None, 'num_images': None})
        self.size = options.whole_number('size')
        self.room = options.room('room_lq')
        self.num_images = options.whole_number_or_none('num_images')
        options.check_paths('dataroot_lq')
        return options

    def open(self, options: DatasetOptions) -> None:
        """The images."""
        self.lq = open_source(options['dataroot_lq'])
        self.keys = self.lq.keys[:self.num_images]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> dict:
        return {'lq': to_tensor(read_lr(self.lq, index, self.size, self.room)), 'lq_path': self.keys[index]}
