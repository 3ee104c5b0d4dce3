"""Processes that are killed while they write data."""
import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path


def kill_at(module, name: str, calls: int, write: Callable, folder: Path, output: Path) -> None:
    """``write(folder, output)`` in a process that is killed at a call of ``module.name``, after ``calls`` others."""
    child = multiprocessing.get_context('fork').Process(target=_write_and_die,
                                                        args=(module, name, calls, write, folder, output))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def _write_and_die(module, name, calls, write, folder, output):
    function, done = getattr(module, name), []

    def killed(*arguments, **options):
        if len(done) == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        done.append(1)
        return function(*arguments, **options)

    setattr(module, name, killed)
    write(folder, output)
