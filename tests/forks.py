"""Trainings in forked children: what takes seconds to import is there already, and each can be killed."""
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import basicsr.train
from basicsr.utils import logger

from killing import end_what_hangs
from runs import write_options
from scgan_fan import compat


def start(opt: dict, folder: Path, prepare: Callable[[], None] = lambda: None) -> int:
    """Begin to train in ``folder``, or continue there where that was begun, and return the child's process id.

    What it prints goes to ``log.txt`` there. ``prepare`` is called in the child before it trains.
    """
    options = write_options(folder / 'options.yml', opt)
    child = os.fork()
    if child == 0:
        _train(['train', '-opt', str(options), '--auto_resume'], folder, prepare)
    return child


def _train(command: list[str], folder: Path, prepare: Callable[[], None]) -> None:
    """Ends the process with the status that a program of its own would have."""
    status = 1
    end_what_hangs()
    try:
        sys.stdout = sys.stderr = open(folder / 'log.txt', 'a', buffering=1)  # noqa: SIM115
        for descriptor in (1, 2):
            os.dup2(sys.stderr.fileno(), descriptor)
        logger.initialized_logger.clear()
        logging.getLogger('basicsr').handlers.clear()
        os.chdir(folder)
        sys.argv = command
        compat.mend_train_script(basicsr.train)
        prepare()
        basicsr.train.train_pipeline(str(folder))
        status = 0
    except SystemExit as leaving:
        status = leaving.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def wait(child: int) -> int:
    """The exit status of a child; minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill(child: int) -> int:
    """Kill a child where it is, and return its exit status, which tells whether it was done before."""
    os.kill(child, signal.SIGKILL)
    return wait(child)


def has_ended(child: int) -> bool:
    """Whether a child has; its status can be had later."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
