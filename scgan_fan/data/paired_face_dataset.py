"""HR faces with LR versions of themselves: for validation, and for training methods that need pairs."""
from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import model_validator

from scgan_fan.data.augment import read_augmented, read_crop
from scgan_fan.data.degradations import Degradation, Downsampling
from scgan_fan.data.face_dataset import PairBlock, RandomFaceDataset
from scgan_fan.data.heatmap_store import open_heatmaps
from scgan_fan.data.image_source import open_source
from scgan_fan.data.sizes import read_exact
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor
from scgan_fan.schema_types import Count, Paths


class PairedBlock(PairBlock):
    """Options of PairedFaceDataset, beside those of ``PairBlock``; HR is changed before LR is made from it."""

    # LR faces, as ``dataroot_gt``, with the same keys; exactly ``gt_size / scale``, of the crop where HR has room;
    # ``augment`` may then only flip, both. None: made from HR
    dataroot_lq: Paths | None = None
    downsampling: Downsampling = 'bilinear'  # how LR is made, rounded to 8 bit; see ``Degradation``
    degradation: Degradation | None = None  # instead of ``downsampling``
    num_images: Count | None = None  # take only the first so many; None: all

    @model_validator(mode='after')
    def _goes_together(self):
        self.at_most_one('dataroot_lq', 'downsampling', 'degradation')
        if self.dataroot_lq and self.augment and self.augment.beyond_flip:
            raise ValueError(f'augment has {", ".join(self.augment.beyond_flip)}, which LR faces from files cannot '
                             'follow; remove dataroot_lq, or all but flip')
        return self


@DATASET_REGISTRY.register()
class PairedFaceDataset(RandomFaceDataset):
    """Faces with ground truth, the LR side read from files or made from HR (papers.md sections 2.9, 4.2 and 5.3).

    ``dataset[position]`` takes the position in the epoch, which an enlarged epoch counts beyond ``len(dataset)``. What
    is drawn depends on seed, epoch and position only; validation, which begins no epochs, sees the same each time.

    Items: ``gt`` float32 (3, gt_size, gt_size) and ``lq`` float32 (3, gt_size / scale, gt_size / scale), RGB in
    [-1, 1]; ``gt_path`` and ``lq_path``, both the pair's key; with ``heatmaps``, ``heatmaps`` float32 (maps, height,
    width) of ``gt`` as it is, mirrored or not.

    Raises InputError: an option is wrong, names no images, the keys do not match, or ``heatmaps`` are of other faces;
    reading an item, for a bad image or a wrong size.
    """

    block = PairedBlock
    options: PairedBlock

    def __init__(self, opt: dict):
        super().__init__(opt)
        options = self.options
        self.degrade = options.degradation or Degradation(downsampling=options.downsampling)
        self.gt = open_source(options.dataroot_gt)
        self.lq = open_source(options.dataroot_lq) if options.dataroot_lq else None
        self._lq_indices = _match(self.gt, self.lq) if self.lq else []
        self.keys = self.gt.keys[:options.num_images]
        self.heatmaps = open_heatmaps(options.heatmaps, self.keys, options.gt_size, options.augment)

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, position: int) -> dict:
        index = position % len(self)
        rng = self.draws.generator(position)
        gt, lq = self._make_pair(index, rng) if self.lq is None else self._read_pair(index, rng)
        key = self.keys[index]
        item = {'gt': to_tensor(gt), 'lq': to_tensor(lq), 'gt_path': key, 'lq_path': key}
        if self.heatmaps:
            item['heatmaps'] = self.heatmaps.read(gt, self.gt.name(index))
        return item

    def _make_pair(self, index: int, rng) -> tuple:
        options = self.options
        gt = read_augmented(self.gt, index, options.gt_size, options.augment, rng, options.room_gt)
        return gt, self.degrade(gt, options.lq_size, rng)

    def _read_pair(self, index: int, rng) -> tuple:
        gt = read_crop(self.gt, index, self.options.gt_size, self.options.room_gt)
        lq = read_exact(self.lq, self._lq_indices[index], self.options.lq_size)
        if self.options.augment and self.options.augment.draw_flip(rng):
            gt, lq = gt[:, ::-1], lq[:, ::-1]
        return gt, lq


def _match(gt, lq) -> list[int]:
    """For each HR image the number of its LR image."""
    indices = {key: index for index, key in enumerate(lq.keys)}
    without_lq = [key for key in gt.keys if key not in indices]
    without_gt = sorted(set(lq.keys) - set(gt.keys))
    if without_lq or without_gt:
        raise InputError(f'{gt.path} and {lq.path} do not match: {_count(without_lq)} only in the first, '
                         f'{_count(without_gt)} only in the second; give both sides of a pair the same name')
    return [indices[key] for key in gt.keys]


def _count(keys: list[str]) -> str:
    shown = ', '.join(keys[:3]) + (', ...' if len(keys) > 3 else '')
    return f'{len(keys)} ({shown})' if keys else '0'
