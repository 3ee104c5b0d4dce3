"""The checkpoints of a run: for an iteration the files of its networks and, written last, its training state.

A checkpoint is valid where the state is and every network file has the content that the state was saved with; so a kill
between the files leaves none, and one of which a file was damaged, lost or replaced is none any more.
"""
import sys
from collections.abc import Iterable
from pathlib import Path

from scgan_fan.checkpoint import read_checkpoint, save_atomically
from scgan_fan.errors import InputError
from scgan_fan.files import PART


class RunFolder:
    """``models`` and ``training_states`` of an experiment, in BasicSR's layout.

    Args:
        opt: the option file as BasicSR reads it; its ``path`` names the two folders.
    """

    def __init__(self, opt: dict):
        self.models, self.states = (Path(opt['path'][key]) for key in ('models', 'training_states'))
        self.networks = [key.removeprefix('network_') for key in opt if key.startswith('network_')]
        ignored = opt['path'].get('ignore_resume_networks') or []
        self.resumed = [name for name in self.networks if f'network_{name}' not in ignored]

    def network_file(self, name: str, label: int | str) -> Path:
        """Where ``network_<name>`` of an iteration is, or the one called ``latest`` or ``best``."""
        return self.models / f'net_{name}_{label}.pth'

    def state_file(self, iteration: int | str) -> Path:
        """Where the training state of an iteration is."""
        return self.states / f'{iteration}.state'

    def save(self, label: int | str, networks: Iterable[tuple[str, dict]], state: dict | None = None) -> None:
        """Write names and contents of all networks and, where there is one, the training state that goes with them."""
        digests = {name: save_atomically(content, self.network_file(name, label)) for name, content in networks}
        if state is not None:
            save_atomically({**state, 'networks': digests}, self.state_file(label))

    # ---- continuing ----

    def read_state(self, path: str | Path) -> dict:
        """The training state in a file, once its network files are found to be those it was saved with.

        Raises InputError: it is no training state, or a file of its checkpoint is missing, damaged or replaced.
        """
        state = read_checkpoint(path)
        if 'iter' not in state or 'epoch' not in state:
            raise InputError(f'{path}: not a training state; give a file of the folder training_states')
        digests = state.get('networks', {})
        for name in self.resumed:
            read_checkpoint(self.network_file(name, state['iter']), digests.get(name))
        return state

    def newest_valid(self) -> tuple[Path, dict] | tuple[None, None]:
        """File and content of the newest training state whose checkpoint is valid; nothing where there is no state.

        Each newer one is named in a line on stderr.

        Raises InputError: there are states, and none is valid.
        """
        iterations = _numbers(self.states.glob('*.state'), '')
        for iteration in sorted(iterations, reverse=True):
            try:
                return self.state_file(iteration), self.read_state(self.state_file(iteration))
            except InputError as error:
                print(f'warning: iteration {iteration} is not continued from: {error}', file=sys.stderr)
        if iterations:
            raise InputError(f'{self.states}: none of its {len(iterations)} training state(s) can be continued from; '
                             'start anew without --auto_resume, which moves this experiment aside')
        return None, None

    # ---- removing ----

    def remove_unfinished(self) -> None:
        """Remove what a killed run was writing."""
        for folder in (self.models, self.states):
            for path in folder.glob(f'*{PART}'):
                path.unlink(missing_ok=True)

    def remove_older(self, iteration: int, keep: int) -> None:
        """Remove checkpoints from before ``iteration``, which is valid, until ``keep`` are left, it among them."""
        found = _numbers(self.states.glob('*.state'), '')
        for name in self.networks:
            found |= _numbers(self.models.glob(f'net_{name}_*.pth'), f'net_{name}_')
        older = sorted((number for number in found if number < iteration), reverse=True)
        for number in older[keep - 1:]:
            self.state_file(number).unlink(missing_ok=True)  # first, as it is nothing without the networks
            for name in self.networks:
                self.network_file(name, number).unlink(missing_ok=True)


def _numbers(paths, prefix: str) -> set[int]:
    """What is between prefix and suffix, of the files where that is a number."""
    return {int(number) for path in paths if (number := path.stem.removeprefix(prefix)).isdecimal()}
