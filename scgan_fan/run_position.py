"""Where a training is in its data: BasicSR's loop and sampler keep that to themselves, and begin each epoch anew."""
from dataclasses import dataclass


@dataclass
class RunPosition:
    """The position of the one training of this process. ``resume`` is called once, before it begins."""

    epoch: int = 0  # the one that has begun
    resumed_epoch: int | None = None
    resumed_iteration: int = 0
    batch: int = 1  # of one process

    def resume(self, epoch: int | None = None, iteration: int = 0, batch: int = 1) -> None:
        """The run goes on after ``iteration``, inside ``epoch``; without arguments it begins."""
        self.epoch, self.resumed_epoch, self.resumed_iteration, self.batch = epoch or 0, epoch, iteration, batch

    def used_before_resume(self, epoch: int, samples: int) -> int:
        """How many of a process's ``samples`` of an epoch the interrupted run has used: other than 0 in the epoch
        that it was in. The loader drops the last partial batch."""
        if epoch != self.resumed_epoch:
            return 0
        return (self.resumed_iteration - epoch * (samples // self.batch)) * self.batch


POSITION = RunPosition()
