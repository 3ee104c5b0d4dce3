"""Processes that are killed while they write an LMDB."""
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from scgan_fan.data.resumable_lmdb import ResumableLmdb


def kill_at(moment: tuple[str, int, str], write: Callable, folder: Path, output: Path) -> None:
    """``write(folder, output)`` in a process that is killed at ``moment``: a method of ``ResumableLmdb``, how many of
    its calls are done before, and what else."""
    child = multiprocessing.get_context('fork').Process(target=_write_and_die, args=(moment, write, folder, output))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def _write_and_die(moment, write, folder, output):
    name, whole, then_some = moment
    method, calls = getattr(ResumableLmdb, name), Counter()

    def killed(*arguments):
        if calls[name] == whole:
            if then_some:
                method(*arguments)
            if then_some == 'after it and half a line':
                with (output / 'journal.jsonl').open('a') as journal:
                    journal.write('{"skipped": "", "hei')
            os.kill(os.getpid(), signal.SIGKILL)
        calls[name] += 1
        return method(*arguments)

    setattr(ResumableLmdb, name, killed)
    write(folder, output)


def count_resumed(monkeypatch) -> list[int]:
    """A list that gets, each time writing begins or goes on, the number of images that are done already."""
    counts, resume = [], ResumableLmdb.resume

    def counted(*arguments):
        outcomes = resume(*arguments)
        counts.append(len(outcomes))
        return outcomes

    monkeypatch.setattr(ResumableLmdb, 'resume', counted)
    return counts
