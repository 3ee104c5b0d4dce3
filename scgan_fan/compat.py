"""What BasicSR 1.4.2 (and its git master) gets wrong on today's stack or without a GPU: one function for each fault.

Nothing of BasicSR is edited: its functions are replaced in memory when the plugin is imported. Faults that bite before
the plugin can be imported are in ``scgan_fan_startup``.
"""
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.utils import check_resume, dist_util, options

from scgan_fan.checkpoint import read_checkpoint
from scgan_fan.errors import InputError


def apply() -> None:
    """Mend everything below; called once, when the plugin is imported."""
    start_processes_without_gpu()
    accept_lists_of_folders()
    hand_positions_to_datasets()
    for name in ('__main__', 'basicsr.train'):
        if hasattr(sys.modules.get(name), 'train_pipeline'):
            mend_train_script(sys.modules[name])
    print_input_errors_in_one_line()


def start_processes_without_gpu() -> None:
    """``init_dist`` divides by the number of GPUs and asks for NCCL: use gloo where there is none."""
    start_with_gpu = dist_util._init_dist_pytorch

    def start(backend, **options):
        if torch.cuda.is_available():
            start_with_gpu(backend, **options)
        else:
            torch.distributed.init_process_group('gloo', **options)

    dist_util._init_dist_pytorch = start


def accept_lists_of_folders() -> None:
    """``parse_options`` expands ``~`` in ``dataroot_*`` and takes nothing but a string for it."""

    def expanduser(path):
        return [os.path.expanduser(part) for part in path] if isinstance(path, list) else os.path.expanduser(path)

    options.osp = SimpleNamespace(**{**vars(os.path), 'expanduser': expanduser})


def hand_positions_to_datasets() -> None:
    """``EnlargedSampler`` keeps the epoch to itself and begins each resumed epoch anew.

    Our datasets draw from (seed, epoch, position in the epoch), so they get both: the epoch through ``set_epoch``, and
    positions of the whole enlarged epoch, not modulo the number of images. After a resume the samples that the
    interrupted epoch has used are skipped, which makes the continued run the same as one that was never stopped.
    """
    plain_order, plain_set_epoch = EnlargedSampler.__iter__, EnlargedSampler.set_epoch

    def order(self):
        if not hasattr(self.dataset, 'set_epoch'):
            return plain_order(self)
        generator = torch.Generator().manual_seed(self.epoch)
        positions = torch.randperm(self.total_size, generator=generator)[self.rank::self.num_replicas]
        return iter(positions[self._used_before_resume():].tolist())

    def used_before_resume(self) -> int:
        epoch, iteration, batch = getattr(EnlargedSampler, 'resumed_at', (None, 0, 1))
        if self.epoch != epoch:
            return 0
        return (iteration - epoch * (self.num_samples // batch)) * batch  # the loader drops the last partial batch

    def set_epoch(self, epoch):
        plain_set_epoch(self, epoch)
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch)

    EnlargedSampler.__iter__ = order
    EnlargedSampler.set_epoch = set_epoch
    EnlargedSampler._used_before_resume = used_before_resume


def mend_train_script(train) -> None:
    """``load_resume_state`` needs a GPU, unpickles whatever it finds, and ignores where experiments are.

    Args:
        train: the module of ``basicsr/train.py``, be it ``__main__`` or ``basicsr.train``.
    """
    train.load_resume_state = load_resume_state


def load_resume_state(opt: dict) -> dict | None:
    """The training state to continue from (``--auto_resume`` or ``path: resume_state``), or None."""
    path = opt['path'].get('resume_state')
    if opt['auto_resume']:
        states = Path(opt['path']['training_states']).glob('*.state')
        newest = max((state for state in states if state.stem.isdigit()), key=lambda s: int(s.stem), default=None)
        path = opt['path']['resume_state'] = newest and str(newest)
    if path is None:
        return None
    state = read_checkpoint(path)
    if 'iter' not in state or 'epoch' not in state:
        raise InputError(f'{path}: not a training state; give a file of the folder training_states')
    check_resume(opt, state['iter'])
    EnlargedSampler.resumed_at = (state['epoch'], state['iter'], _batch_per_process(opt))
    return state


def _batch_per_process(opt: dict) -> int:
    """What ``build_dataloader`` makes of ``batch_size_per_gpu``."""
    return opt['datasets']['train']['batch_size_per_gpu'] * (1 if opt['dist'] else max(opt['num_gpu'], 1))


def print_input_errors_in_one_line() -> None:
    """BasicSR's scripts show every mistake in an option file as a long traceback: print the one line that helps."""
    show = sys.excepthook

    def show_briefly(kind, error, traceback):
        if isinstance(error, InputError) and not os.environ.get('SCGAN_FAN_TRACEBACK'):
            print(f'error: {error}', file=sys.stderr)
        else:
            show(kind, error, traceback)

    sys.excepthook = show_briefly
