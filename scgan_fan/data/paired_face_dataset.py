"""HR faces with LR versions of themselves: for validation, and for training methods that need pairs."""
from basicsr.utils.registry import DATASET_REGISTRY

from scgan_fan.data.augment import Augmentation, read_augmented, read_crop
from scgan_fan.data.dataset_options import DatasetOptions, FaceDataset
from scgan_fan.data.degradations import Degradation
from scgan_fan.data.draws import EpochDraws
from scgan_fan.data.heatmap_store import open_heatmaps
from scgan_fan.data.image_source import open_source
from scgan_fan.data.sizes import read_exact
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor


@DATASET_REGISTRY.register()
class PairedFaceDataset(FaceDataset):
    """Faces with ground truth, the LR side read from files or made from HR (papers.md sections 2.9, 4.2 and 5.3).

    ``dataset[position]`` takes the position in the epoch, which an enlarged epoch counts beyond ``len(dataset)``. What
    is drawn depends on seed, epoch and position only; validation, which begins no epochs, sees the same each time.

    Options:
        dataroot_gt: HR faces: a folder, an LMDB, or a list of them; square, ``gt_size`` or larger (then reduced).
        dataroot_lq: LR faces, likewise, with the same keys; exactly ``gt_size / scale``. Default: made from HR.
        room_gt: side of the HR images / side of the crop in their middle, which is taken; see ``UnpairedFaceDataset``.
            LR faces from files are of the crop. Default: 1, the image is the crop.
        scale: HR side / LR side.
        gt_size: HR height and width, pixels. Default 64.
        downsampling: how LR is made: ``bilinear``, ``bicubic`` (both antialiased), ``area``, or ``random``: one of the
            first two; rounded to 8 bit. Default bilinear. Only without ``dataroot_lq``.
        degradation: instead of ``downsampling``, a block of ``scgan_fan.data.degradations.Degradation``.
        augment: a block of ``scgan_fan.data.augment.Augmentation``, for HR before LR is made from it. With
            ``dataroot_lq`` only ``flip``, of both.
        heatmaps: those of the HR faces, written by ``scgan-fan heatmaps``; ``augment`` may then only flip. Default:
            none, HeatmapLoss draws them.
        seed: of the draws. Default 0.
        num_images: take only the first so many. Default: all.

    Items: ``gt`` float32 (3, gt_size, gt_size) and ``lq`` float32 (3, gt_size / scale, gt_size / scale), RGB in
    [-1, 1]; ``gt_path`` and ``lq_path``, both the pair's key; with ``heatmaps``, ``heatmaps`` float32 (maps, height,
    width) of ``gt`` as it is, mirrored or not.

    Raises InputError: an option is wrong, names no images, the keys do not match, or ``heatmaps`` are of other faces;
    reading an item, for a bad image or a wrong size.
    """

    def configure(self, opt: dict) -> DatasetOptions:
        """Sizes, changes and draws, and how LR is made."""
        options = DatasetOptions(opt, required=('dataroot_gt', 'scale'), defaults={
            'dataroot_lq': None, 'room_gt': None, 'gt_size': 64, 'downsampling': None, 'degradation': None,
            'augment': None, 'heatmaps': None, 'seed': 0, 'num_images': None})
        options.at_most_one('dataroot_lq', 'downsampling', 'degradation')
        options.check_paths('dataroot_gt', 'dataroot_lq', 'heatmaps')
        self.gt_size = options.whole_number('gt_size')
        self.lq_size = options.lr_size()
        self.room = options.room('room_gt')
        self.augment = options.block('augment', Augmentation)
        self.degrade = options.block('degradation', Degradation) or Degradation(
            'PairedFaceDataset', {'downsampling': options['downsampling']})
        self.draws = EpochDraws(options.whole_number('seed', least=0))
        self.num_images = options.whole_number_or_none('num_images')
        if options['dataroot_lq'] is not None:
            _check_only_flips(self.augment)
        return options

    def open(self, options: DatasetOptions) -> None:
        """HR images, LR ones where they are from files, and heatmaps."""
        self.gt = open_source(options['dataroot_gt'])
        self.keys = self.gt.keys[:self.num_images]
        self.lq = None
        if options['dataroot_lq'] is not None:
            self.lq = open_source(options['dataroot_lq'])
            self._lq_indices = _match(self.gt, self.lq)
        self.heatmaps = open_heatmaps(options['heatmaps'], self.keys, self.gt_size, self.augment)

    def set_epoch(self, epoch: int) -> None:
        """Draw other changes from now on; called by the sampler, in the main process."""
        self.draws.set_epoch(epoch)

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
        gt = read_augmented(self.gt, index, self.gt_size, self.augment, rng, self.room)
        return gt, self.degrade(gt, self.lq_size, rng)

    def _read_pair(self, index: int, rng) -> tuple:
        gt = read_crop(self.gt, index, self.gt_size, self.room)
        lq = read_exact(self.lq, self._lq_indices[index], self.lq_size)
        if self.augment and self.augment.draw_flip(rng):
            gt, lq = gt[:, ::-1], lq[:, ::-1]
        return gt, lq


def _check_only_flips(augment: Augmentation | None) -> None:
    if augment and augment.beyond_flip:
        raise InputError(f'PairedFaceDataset: augment has {", ".join(augment.beyond_flip)}, which LR faces from files '
                         'cannot follow; remove dataroot_lq, or all but flip')


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
