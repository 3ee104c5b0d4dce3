"""What the datasets have in common: their blocks of an option file, and that these can be checked without any image."""
from typing import Annotated, ClassVar, Literal

from pydantic import model_validator
from torch.utils.data import Dataset

from scgan_fan.data.augment import Augmentation
from scgan_fan.data.draws import EpochDraws
from scgan_fan.schema_types import Block, Count, Paths, Whole, number

Room = Annotated[float, number(1)]  # side of the images / side of the crop in their middle


class LoaderBlock(Block):
    """What BasicSR itself reads in a dataset's block when it builds the dataset, its sampler and its loader."""

    type: str | None = None
    name: str | None = None
    batch_size_per_gpu: Count | None = None
    num_worker_per_gpu: Whole | None = None
    dataset_enlarge_ratio: Count = 1
    prefetch_mode: Literal['cpu', 'cuda'] | None = None
    num_prefetch_queue: Count = 1
    pin_memory: bool = False
    persistent_workers: bool = False


class DatasetBlock(LoaderBlock):
    """A dataset's block, with the keys that BasicSR adds."""

    phase: str = 'train'
    scale: Count | None = None


class PairBlock(DatasetBlock):
    """Options of the datasets that give HR faces with LR ones."""

    dataroot_gt: Paths  # HR faces: a folder, an LMDB, or a list of them; square, ``gt_size`` or larger (then reduced)
    scale: Count  # HR side / LR side
    gt_size: Count = 64  # HR height and width, pixels
    # what is around the crop comes into view where a face is shifted, turned or made smaller; 1.3 for what ``scgan-fan
    # prepare --room 1.3`` has made; 1: the image is the crop
    room_gt: Room = 1
    augment: Augmentation | None = None  # changes of HR
    # those of the HR faces, written by ``scgan-fan heatmaps``; ``augment`` may then only flip. None: HeatmapLoss draws
    # them
    heatmaps: str | None = None
    seed: Whole = 0  # of the draws

    @model_validator(mode='after')
    def _is_divisible(self):
        if self.gt_size % self.scale:
            raise ValueError(f'gt_size: {self.gt_size} is not a multiple of the scale {self.scale}')
        return self

    @property
    def lq_size(self) -> int:
        """LR height and width, pixels."""
        return self.gt_size // self.scale


class FaceDataset(Dataset):
    """Base of the datasets.

    Args:
        opt: the dataset's block, with the keys that BasicSR adds.

    Attributes:
        block: the class that describes such blocks.
        options: this one, checked.
    """

    block: ClassVar[type[DatasetBlock]]

    def __init__(self, opt: dict):
        self.opt = opt
        self.options = self.check(opt)

    @classmethod
    def check(cls, opt: dict):
        """The block, checked; reads no file. Raises InputError where it is wrong."""
        return cls.block.read(opt, cls.__name__)


class RandomFaceDataset(FaceDataset):
    """Base of those whose items depend on draws, and these on the option ``seed``, epoch and position only."""

    def __init__(self, opt: dict):
        super().__init__(opt)
        self.draws = EpochDraws(self.options.seed)

    def set_epoch(self, epoch: int) -> None:
        """Draw anew from now on; called by the sampler, in the main process."""
        self.draws.set_epoch(epoch)
