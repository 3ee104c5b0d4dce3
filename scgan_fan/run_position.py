"""Where a training is in its data: BasicSR's loop and sampler keep that to themselves, and begin each epoch anew."""
from dataclasses import dataclass, field

from torch.utils.data import DataLoader


@dataclass
class RunPosition:
    """The position of the one training of this process. ``resume`` is called once, before it begins."""

    epoch: int = 0  # the one that has begun
    used: int = 0  # how many of its samples have been trained on, by all processes
    resumed: int = 0  # the iteration after which the run goes on
    val_loaders: list[DataLoader] = field(default_factory=list)

    def resume(self, epoch: int = 0, used: int = 0, iteration: int = 0) -> None:
        """The run goes on after ``iteration``, inside ``epoch``, of which it has ``used`` so many samples; without
        arguments it begins."""
        self.epoch, self.used, self.resumed = epoch, used, iteration

    def begin(self, epoch: int) -> None:
        """An epoch begins, or goes on where the run was stopped inside it."""
        if epoch != self.epoch:
            self.epoch, self.used = epoch, 0


POSITION = RunPosition()
