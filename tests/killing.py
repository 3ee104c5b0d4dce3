"""Processes that are killed: while they write data, and where they hang."""
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path

LIMIT = 300  # seconds; what takes longer hangs


def kill_at(module, name: str, calls: int, write: Callable, folder: Path, output: Path) -> None:
    """``write(folder, output)`` in a process that is killed at a call of ``module.name``, after ``calls`` others."""
    child = multiprocessing.get_context('fork').Process(target=_write_and_die,
                                                        args=(module, name, calls, write, folder, output))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def end_what_hangs() -> None:
    """In a forked child: SIGALRM kills it after ``LIMIT``, or whoever waits for it would hang too."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIMIT)


def _write_and_die(module, name, calls, write, folder, output):
    end_what_hangs()
    function, done = getattr(module, name), []

    def killed(*arguments, **options):
        if len(done) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(1)
        return function(*arguments, **options)

    setattr(module, name, killed)
    write(folder, output)
