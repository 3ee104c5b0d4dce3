"""Who heeds a signal to stop; what training does then is in tests/training/test_safety.py."""
import multiprocessing
import os
import signal
import time

import pytest

from scgan_fan.models.interruption import Interruption


@pytest.fixture
def interruption():
    noted = Interruption()
    yield noted
    noted.release()


def test_the_first_signal_is_noted(interruption):
    assert interruption.agreed() == 0
    os.kill(os.getpid(), signal.SIGTERM)
    assert interruption.agreed() == signal.SIGTERM


def test_a_forked_worker_ends_as_it_would_have(interruption):
    fork = multiprocessing.get_context('fork')
    runs = fork.Event()
    worker = fork.Process(target=lambda: (runs.set(), time.sleep(60)))
    worker.start()
    assert runs.wait(60)  # a signal that comes before Python has set up the child is lost
    worker.terminate()
    worker.join(30)
    assert worker.exitcode == -signal.SIGTERM and interruption.agreed() == 0
