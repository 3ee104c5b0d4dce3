"""Training for so many minutes: on a machine that is rented by the minute, time is known and iterations are not."""
import time

KEPT = 0.1  # share of the time that is kept for the last checkpoint and validation


class TimeBudget:
    """The share of a run's time that has passed, beginning now.

    Args:
        minutes: from now to the end of training, its last checkpoint and validation included.
        total_iter: the iteration at which the schedules end.
    """

    def __init__(self, minutes: float, total_iter: int):
        self._training = 60 * minutes * (1 - KEPT)
        self._total_iter = total_iter
        self._begun = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds, with those of the runs that this one goes on from."""
        return time.monotonic() - self._begun

    def resume(self, spent: float) -> None:
        """So many seconds had been spent before now."""
        self._begun = time.monotonic() - spent

    def position(self) -> int:
        """The iteration at which the schedules are after this share of the time; ``total_iter``: it is over."""
        return min(self._total_iter, int(self._total_iter * self.spent / self._training))
