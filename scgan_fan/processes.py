"""One function applied to many things, in several processes: preparing images (training has its own, ``parallel``)."""
import collections
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cv2

from scgan_fan.errors import InputError

AHEAD = 16  # things for each process, beyond which fast ones wait for whoever uses the results, or they fill the memory


def begin_worker() -> None:
    """Make this process a worker, which ends with the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's business
    cv2.setNumThreads(0)  # the processes are the parallelism
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    multiprocessing.parent_process().join()  # type: ignore[union-attr]  # there is one
    os._exit(1)


def map_in_processes(function: Callable, things: Sequence, workers: int,
                     begin: Callable[[], None] = begin_worker) -> Generator:
    """The results in the order of the things, from as many processes at most; from this one where that makes one.

    They are started anew: in a forked one the locks of other threads stay locked, and a signal may be lost.

    Args:
        function: with its module-level name to be found in another process; what it raises is raised here.
        begin: called first in each process; has to call ``begin_worker``.

    Raises:
        InputError: one of the processes was killed, or did not begin.
    """
    workers = min(workers, len(things))
    if workers < 2:
        yield from map(function, things)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context('spawn'), begin)
    rest = iter(things)
    try:
        waiting = collections.deque(pool.submit(function, each) for each in itertools.islice(rest, AHEAD * workers))
        while waiting:
            result = _result(waiting.popleft())
            waiting.extend(pool.submit(function, each) for each in itertools.islice(rest, 1))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _result(future: Future):
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise InputError('one of the processes ended too early, by what it printed above, or killed, as Linux does '
                         'where memory runs out: give fewer --workers then') from error
