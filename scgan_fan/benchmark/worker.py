"""Measurements in a process of their own each: so their memory can be told apart, and one that fails harms no other."""
import contextlib
import multiprocessing
import os
import signal
import traceback

import torch

from scgan_fan.errors import InputError

END = 10  # seconds that a process gets for ending


class Worker:
    """An object in another process; ``call`` runs its methods. To be closed, or used in a ``with``.

    Processes are forked from one that has this package imported and nothing else done, which takes no time.

    Args:
        threads: of PyTorch.
        build: class of the object.
        arguments: of the class.

    Raises:
        InputError: the object cannot be built; from ``call``: the method fails.
    """

    def __init__(self, threads: int, build: type, *arguments):
        context = multiprocessing.get_context('forkserver')
        context.set_forkserver_preload(['scgan_fan.benchmark.speed'])
        self._connection, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, threads, build, arguments))
        self._process.start()
        other_end.close()
        try:
            self._answer()
        except InputError:
            self.close()
            raise

    def call(self, method: str, *arguments):
        """What the method returns."""
        self._connection.send((method, arguments))
        return self._answer()

    def _answer(self):
        try:
            value, failure = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise InputError('its process was ended, perhaps for lack of memory') from error
        if failure is not None:
            raise InputError(failure)
        return value

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(END)
        self._process.terminate()
        self._process.join()

    def __enter__(self) -> 'Worker':
        return self

    def __exit__(self, *error) -> None:
        self.close()


def _serve(connection, threads: int, build: type, arguments: tuple) -> None:
    """Build the object, then do what is asked for until the other end is closed. What fails is told as one line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's business
    torch.set_num_threads(threads)
    try:
        served = build(*arguments)
        connection.send((None, None))
        while True:
            method, arguments = connection.recv()
            connection.send((getattr(served, method)(*arguments), None))
    except (EOFError, BrokenPipeError):
        pass
    except Exception as error:  # of compilers and drivers, too, which have no class in common
        if not isinstance(error, InputError) and os.environ.get('SCGAN_FAN_TRACEBACK'):
            traceback.print_exc()
        first_line = str(error).strip().partition('\n')[0]
        with contextlib.suppress(BrokenPipeError):
            expected = isinstance(error, InputError)
            connection.send((None, first_line if expected else f'{type(error).__name__}: {first_line}'))

