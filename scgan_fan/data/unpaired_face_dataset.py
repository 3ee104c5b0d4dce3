"""Real HR faces, each with a real LR face that has nothing to do with it: what the semi-cycle is trained on."""
import copy

import numpy as np
from basicsr.utils import get_root_logger
from basicsr.utils.registry import DATASET_REGISTRY
from pydantic import model_validator

from scgan_fan.data.augment import Augmentation, read_augmented, read_lr
from scgan_fan.data.face_dataset import PairBlock, RandomFaceDataset, Room
from scgan_fan.data.heatmap_store import open_heatmaps
from scgan_fan.data.image_source import open_source
from scgan_fan.images import to_tensor
from scgan_fan.schema_types import Paths

PARTNERS, AUGMENTS = 0, 1  # what a generator of EpochDraws is for


class UnpairedBlock(PairBlock):
    """Options of UnpairedFaceDataset, beside those of ``PairBlock``."""

    # LR faces: as ``dataroot_gt``; exactly ``gt_size / scale``, with ``room_lq`` or ``augment_lq`` also larger: best
    # stored as the photograph has them, and reduced once
    dataroot_lq: Paths
    room_lq: Room = 1
    # changes of LR, drawn for itself; its ``shift`` is in pixels of LR. Give the images room and more pixels than the
    # network sees: turning 16 pixels smooths away what is to be learned from them. None: LR is only mirrored, where the
    # ``flip`` of ``augment`` is on, whether its HR face is or not
    augment_lq: Augmentation | None = None

    @model_validator(mode='after')
    def _trains(self):
        if self.phase != 'train':
            raise ValueError(f'datasets: {self.phase}: UnpairedFaceDataset would compare restored faces with '
                             'strangers; take a PairedFaceDataset or a LowResolutionFaceDataset')
        return self


@DATASET_REGISTRY.register()
class UnpairedFaceDataset(RandomFaceDataset):
    """Training pairs of an HR face and an LR face drawn at random (papers.md section 2.7, "LR sampling").

    Positions, items and errors are those of PairedFaceDataset, but ``lq_path`` is another face's key, and it is an
    error to validate or to test. The HR face is number ``position % len(dataset)``. The LR faces are shuffled, dealt
    out, and shuffled anew when all have been: each is seen equally often.
    """

    block = UnpairedBlock
    options: UnpairedBlock

    def __init__(self, opt: dict):
        super().__init__(opt)
        options = self.options
        _check_room('room_gt', options.room_gt, options.augment, options.gt_size)
        _check_room('room_lq', options.room_lq, options.augment_lq, options.lq_size)
        self.gt, self.lq = open_source(options.dataroot_gt), open_source(options.dataroot_lq)
        self.heatmaps = open_heatmaps(options.heatmaps, self.gt.keys, options.gt_size, options.augment)
        self._permutations: dict[tuple[int, int], np.ndarray] = {}

    def unmirrored(self) -> 'UnpairedFaceDataset':
        """The same faces, none of them mirrored, and without heatmaps."""
        twin, options = copy.copy(self), self.options
        twin.options = options.model_copy(update={
            'augment': options.augment and options.augment.without_flip(),
            'augment_lq': options.augment_lq and options.augment_lq.without_flip()})
        twin.heatmaps, twin._permutations = None, {}
        return twin

    def __len__(self) -> int:
        return len(self.gt)

    def __getitem__(self, position: int) -> dict:
        gt_index, lq_index, options = position % len(self.gt), self._partner(position), self.options
        rng = self.draws.generator(AUGMENTS, position)
        gt = read_augmented(self.gt, gt_index, options.gt_size, options.augment, rng, options.room_gt)
        lq = self._read_lq(lq_index, rng)
        item = {'gt': to_tensor(gt), 'lq': to_tensor(lq),
                'gt_path': self.gt.keys[gt_index], 'lq_path': self.lq.keys[lq_index]}
        if self.heatmaps:
            item['heatmaps'] = self.heatmaps.read(gt, self.gt.name(gt_index))
        return item

    def _read_lq(self, index: int, rng: np.random.Generator) -> np.ndarray:
        size, room, augment = self.options.lq_size, self.options.room_lq, self.options.augment_lq
        if augment:
            return read_augmented(self.lq, index, size, augment, rng, room)
        lq = read_lr(self.lq, index, size, room)
        return lq[:, ::-1] if self.options.augment and self.options.augment.draw_flip(rng) else lq

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
