"""Real HR faces, each with a real LR face that has nothing to do with it: what the semi-cycle is trained on."""
import copy

import numpy as np
from basicsr.utils import get_root_logger
from basicsr.utils.registry import DATASET_REGISTRY

from scgan_fan.data.augment import Augmentation, read_augmented, read_lr
from scgan_fan.data.dataset_options import DatasetOptions, FaceDataset
from scgan_fan.data.draws import EpochDraws
from scgan_fan.data.heatmap_store import open_heatmaps
from scgan_fan.data.image_source import open_source
from scgan_fan.errors import InputError
from scgan_fan.images import to_tensor

PARTNERS, AUGMENTS = 0, 1  # what a generator of EpochDraws is for


@DATASET_REGISTRY.register()
class UnpairedFaceDataset(FaceDataset):
    """Training pairs of an HR face and an LR face drawn at random (papers.md section 2.7, "LR sampling").

    ``dataset[position]`` takes the position in the epoch, which an enlarged epoch counts beyond ``len(dataset)``. The
    HR face is number ``position % len(dataset)``. The LR faces are shuffled, dealt out, and shuffled anew when all have
    been: each is seen equally often. What is drawn depends on seed, epoch and position only, and so not on the workers.

    Options:
        dataroot_gt: HR faces: a folder, an LMDB, or a list of them; square, ``gt_size`` or larger (then reduced).
        dataroot_lq: LR faces: likewise; exactly ``gt_size / scale``, with ``room_lq`` or ``augment_lq`` also larger:
            they are best stored as the photograph has them, and reduced once.
        room_gt, room_lq: side of the HR, LR images / side of the crop in their middle, which is trained on; what is
            around it comes into view where a face is shifted, turned or made smaller. 1.3 for what
            ``scgan-fan prepare --room 1.3`` has made. Default: 1, the image is the crop.
        scale: HR side / LR side.
        gt_size: HR height and width, pixels. Default 64.
        augment: a block of ``scgan_fan.data.augment.Augmentation`` for HR. Default: none.
        augment_lq: such a block for LR, drawn for itself; its ``shift`` is in pixels of LR. Give the images room and
            more pixels than the network sees: turning 16 pixels smooths away what is to be learned from them.
            Default: LR is only mirrored, where the ``flip`` of ``augment`` is on, whether its HR face is or not.
        heatmaps: those of the HR faces, written by ``scgan-fan heatmaps``; ``augment`` may then only flip. Default:
            none, HeatmapLoss draws them.
        seed: of the draws. Default 0.

    Items: ``gt`` float32 (3, gt_size, gt_size) and ``lq`` float32 (3, gt_size / scale, gt_size / scale), RGB in
    [-1, 1]; ``gt_path`` and ``lq_path``, their keys; with ``heatmaps``, ``heatmaps`` float32 (maps, height, width) of
    ``gt`` as it is, mirrored or not.

    Raises InputError: it is to validate or to test; an option is wrong or names no images, or ``heatmaps`` are of other
    faces; reading an item, for a bad image or a wrong size.
    """

    def configure(self, opt: dict) -> DatasetOptions:
        """Sizes, changes and draws."""
        if opt.get('phase', 'train') != 'train':
            raise InputError(f'datasets: {opt["phase"]}: UnpairedFaceDataset would compare restored faces with '
                             'strangers; take a PairedFaceDataset or a LowResolutionFaceDataset')
        options = DatasetOptions(opt, required=('dataroot_gt', 'dataroot_lq', 'scale'),
                                 defaults={'gt_size': 64, 'room_gt': None, 'room_lq': None, 'augment': None,
                                           'augment_lq': None, 'heatmaps': None, 'seed': 0})
        options.check_paths('dataroot_gt', 'dataroot_lq', 'heatmaps')
        self.gt_size = options.whole_number('gt_size')
        self.lq_size = options.lr_size()
        self.room_gt, self.room_lq = options.room('room_gt'), options.room('room_lq')
        self.augment = options.block('augment', Augmentation)
        self.augment_lq = options.block('augment_lq', Augmentation)
        self.draws = EpochDraws(options.whole_number('seed', least=0))
        self._permutations: dict[tuple[int, int], np.ndarray] = {}
        return options

    def open(self, options: DatasetOptions) -> None:
        """Both sides' images, and heatmaps."""
        _check_room('room_gt', self.room_gt, self.augment, self.gt_size)
        _check_room('room_lq', self.room_lq, self.augment_lq, self.lq_size)
        self.gt = open_source(options['dataroot_gt'])
        self.lq = open_source(options['dataroot_lq'])
        self.heatmaps = open_heatmaps(options['heatmaps'], self.gt.keys, self.gt_size, self.augment)

    def unmirrored(self) -> 'UnpairedFaceDataset':
        """The same faces, none of them mirrored, and without heatmaps."""
        twin = copy.copy(self)
        twin.augment, twin.augment_lq = (each and each.without_flip() for each in (self.augment, self.augment_lq))
        twin.heatmaps, twin._permutations = None, {}
        return twin

    def set_epoch(self, epoch: int) -> None:
        """Draw other partners and changes from now on; called by the sampler, in the main process."""
        self.draws.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.gt)

    def __getitem__(self, position: int) -> dict:
        gt_index, lq_index = position % len(self.gt), self._partner(position)
        rng = self.draws.generator(AUGMENTS, position)
        gt = read_augmented(self.gt, gt_index, self.gt_size, self.augment, rng, self.room_gt)
        lq = self._read_lq(lq_index, rng)
        item = {'gt': to_tensor(gt), 'lq': to_tensor(lq),
                'gt_path': self.gt.keys[gt_index], 'lq_path': self.lq.keys[lq_index]}
        if self.heatmaps:
            item['heatmaps'] = self.heatmaps.read(gt, self.gt.name(gt_index))
        return item

    def _read_lq(self, index: int, rng: np.random.Generator) -> np.ndarray:
        if self.augment_lq:
            return read_augmented(self.lq, index, self.lq_size, self.augment_lq, rng, self.room_lq)
        lq = read_lr(self.lq, index, self.lq_size, self.room_lq)
        return lq[:, ::-1] if self.augment and self.augment.draw_flip(rng) else lq

    def _partner(self, position: int) -> int:
        deal, place = divmod(position, len(self.lq))
        drawn = (self.draws.epoch, deal)
        if drawn not in self._permutations:
            if len(self._permutations) == 64:  # a bound for the memory, not a tuned number
                self._permutations.clear()
            self._permutations[drawn] = self.draws.generator(PARTNERS, deal).permutation(len(self.lq))
        return int(self._permutations[drawn][place])


def _check_room(option: str, room: float, augment: Augmentation | None, size: int) -> None:
    """Warn where images have room, but less than their augmentation may show."""
    needed = augment.room_needed(size) if augment else 1
    if 1 < room < needed:
        get_root_logger().warning(f'{option} is {room}, but its faces are shifted, turned and made smaller so that up '
                                  f'to {needed:.2f} is seen: the border is repeated there')
