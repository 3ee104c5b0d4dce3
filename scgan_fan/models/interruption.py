"""SIGTERM and SIGINT end a training between two iterations: what SLURM, torchrun and Ctrl-C send."""
import os
import signal
import threading
from collections.abc import Callable

from scgan_fan.parallel import is_parallel, largest_of_all


class Interruption:
    """Notes the first SIGTERM or SIGINT from now on; the second ends the process at once."""

    def __init__(self):
        self._process = os.getpid()
        self._noted = 0
        self._vote: Callable[[], int] | None = None
        self._before = {}
        if threading.current_thread() is threading.main_thread():  # Python gives no other thread signals
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}

    def _note(self, number: int, frame) -> None:
        if os.getpid() != self._process:  # a forked worker's: it has nothing to save, and whoever forked it waits
            self.release()
            return os.kill(os.getpid(), number)
        self._noted = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
        # no print: it fails where the signal came in the middle of another
        os.write(2, f'{signal.Signals(number).name}: saving after this iteration; once more to stop at once\n'.encode())

    def release(self) -> None:
        """Signals do again what they did before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def agreed(self) -> int:
        """The number of the signal to stop for, 0 for none: the same in all processes in the same iteration.

        Each may have got its signal in another iteration, or none, so they vote in each. What counts is the vote of the
        iteration before: it is there already. No GPU counts the votes, or each would wait until its work is done.
        """
        if not is_parallel():
            return self._noted
        decided = 0 if self._vote is None else self._vote()
        self._vote = largest_of_all(self._noted)
        return decided
