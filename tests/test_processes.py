import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs import run
from scgan_fan.errors import InputError
from scgan_fan.processes import map_in_processes

COUNT = '''
from tqdm import tqdm
from scgan_fan.processes import map_in_processes

def count(number):
    return sum(tqdm(range(number)))  # which makes a lock between processes

if __name__ == '__main__':
    print(list(map_in_processes(count, [3, 4], 2)))
'''

SLEEP = '''
import os, time
from scgan_fan.processes import map_in_processes

def sleep(number):
    open(str(os.getpid()), 'w').close()
    time.sleep(300)

if __name__ == '__main__':
    list(map_in_processes(sleep, [1, 2], 2))
'''


@pytest.mark.parametrize('workers', [1, 2, 5])
def test_results_are_in_order(workers):
    assert list(map_in_processes(abs, range(-100, 0), workers)) == list(range(100, 0, -1))


def test_nothing_to_do():
    assert list(map_in_processes(abs, [], 2)) == []


def test_results_are_not_heaped_up():
    """Who uses none gets a few."""
    results = map_in_processes(abs, Endless(), 2)
    assert next(results) == 0
    results.close()


class Endless(list):
    """Zeros."""

    def __len__(self):
        return 10**9

    def __iter__(self):
        return iter(lambda: 0, None)


def test_errors_are_raised_here():
    with pytest.raises(TypeError, match='bad operand type'):
        list(map_in_processes(abs, ['a', 1], 2))


def test_a_killed_process_is_named():
    with pytest.raises(InputError, match='ended too early, .* killed, .* fewer --workers'):
        list(map_in_processes(signal.raise_signal, [signal.SIGKILL] * 2, 2))


def test_processes_leave_nothing_behind_of_which_python_warns(tmp_path):
    (tmp_path / 'count.py').write_text(COUNT)
    result = run(['count.py'], tmp_path)
    assert result.stdout == '[3, 6]\n' and 'leaked' not in result.stderr


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM])
def test_processes_end_with_the_one_that_started_them(tmp_path, number):
    (tmp_path / 'sleep.py').write_text(SLEEP)
    with subprocess.Popen([sys.executable, 'sleep.py'], cwd=tmp_path) as program:
        wait_until(lambda: len(processes(tmp_path)) == 2)
        program.send_signal(number)
    wait_until(lambda: not any(is_there(process) for process in processes(tmp_path)))


def processes(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()]


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(true, seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
