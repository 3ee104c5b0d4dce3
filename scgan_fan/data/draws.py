"""Randomness of the datasets: a pure function of seed, epoch and position, whichever worker asks."""
import numpy as np
import torch


class EpochDraws:
    """Random generators for the samples of an epoch.

    The epoch lies in shared memory, so that workers that live on from one epoch to the next see it change.
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Begin an epoch; called in the main process."""
        self._epoch.fill_(epoch)

    @property
    def epoch(self) -> int:
        """The epoch under way."""
        return int(self._epoch)

    def generator(self, *position: int) -> np.random.Generator:
        """The generator for one position (one or more whole numbers) of this epoch."""
        return np.random.default_rng((self.seed, self.epoch, *position))
