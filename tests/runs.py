"""Training runs, in this process and in processes of their own."""
import os
import re
import subprocess
import sys
from pathlib import Path

import basicsr.train
import yaml

from scgan_fan import compat


def write_options(path: Path, opt: dict) -> Path:
    """An option file that imports the plugin as the shipped ones do."""
    path.write_text('plugin: !!python/name:scgan_fan.__name__\n' + yaml.safe_dump(opt))
    return path


def run(command: list[str], folder: Path, check: bool = True) -> subprocess.CompletedProcess:
    """Run a Python command in ``folder`` with one thread, so that the result does not depend on the machine."""
    result = subprocess.run([sys.executable, *command], cwd=folder, env={**os.environ, 'OMP_NUM_THREADS': '1'},
                            capture_output=True, text=True, timeout=300, check=False)
    if check:
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result


def losses(log: str) -> dict[int, str]:
    """Iteration -> the losses of its log line (BasicSR logs to stderr)."""
    found = {}
    for line in log.splitlines():
        if match := re.search(r', iter: *([\d,]+), lr:.*?(l_.*)', line):
            found[int(match[1].replace(',', ''))] = match[2].strip()
    return found


def train_here(opt: dict, folder: Path, monkeypatch) -> None:
    """BasicSR's training in this process, which spares the start of another."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, 'argv', ['train', '-opt', str(write_options(folder / 'o.yml', opt))])
    compat.mend_train_script(basicsr.train)
    basicsr.train.train_pipeline(str(folder))
