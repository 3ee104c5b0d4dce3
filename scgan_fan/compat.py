"""What BasicSR 1.4.2 (and its git master) gets wrong on today's stack or without a GPU: one function for each fault.

Nothing of BasicSR is edited: its functions are replaced in memory, where one of its scripts or ours is running. Faults
that bite before the plugin can be imported are in ``scgan_fan_startup``.
"""
import errno
import functools
import math
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import basicsr.data
import cv2
import torch
from basicsr.data import worker_init_fn as seed_worker
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.data.prefetch_dataloader import CPUPrefetcher, PrefetchGenerator
from basicsr.utils import check_resume, dist_util, options

from scgan_fan.data.geometry_check import check_geometry
from scgan_fan.device import device_in_use
from scgan_fan.errors import InputError
from scgan_fan.options import make_whole, read_value
from scgan_fan.parallel import first_decides
from scgan_fan.run_folder import RunFolder
from scgan_fan.run_position import POSITION

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def mend_running_script() -> None:
    """Mend what runs, where that is BasicSR's own ``train.py`` or ``test.py``, which is reading an option file; and
    check that file, before BasicSR goes on with it."""
    program = sys.modules['__main__']
    trains = hasattr(program, 'train_pipeline')
    if trains:
        mend_train_script(sys.modules[program.train_pipeline.__module__])
    elif hasattr(program, 'test_pipeline'):
        apply()
    else:
        return
    if '-opt' in sys.argv and multiprocessing.parent_process() is None:  # not in the workers of its data loader
        from scgan_fan.command_line import check_command_line
        check_command_line(trains)


@functools.cache
def apply() -> None:
    """Mend what training and testing share; a second call does nothing."""
    cv2.setNumThreads(0)  # processes are the parallelism, and a fork of a process in which its threads run may hang
    start_processes_without_gpu()
    accept_lists_of_folders()
    hand_positions_to_datasets()
    basicsr.data.worker_init_fn = start_worker
    options._postprocess_yml_value = read_value  # BasicSR's reads 1e-4 and -1 as text, and runs lists as code
    report_errors_of_the_prefetcher()
    begin_each_epoch_once()
    print_input_errors_in_one_line()


def start_processes_without_gpu() -> None:
    """``init_dist`` divides by the number of GPUs and asks for NCCL: use gloo where there is none, or none is to
    be used."""
    start_with_gpu = dist_util._init_dist_pytorch

    def start(backend, **options):
        if device_in_use().type == 'cuda':
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
        positions = torch.randperm(self.total_size, generator=generator)[POSITION.used:]
        return iter(positions[self.rank::self.num_replicas].tolist())

    def set_epoch(self, epoch):
        plain_set_epoch(self, epoch)
        POSITION.begin(epoch)
        if hasattr(self.dataset, 'set_epoch'):
            self.dataset.set_epoch(epoch)

    EnlargedSampler.__iter__ = order
    EnlargedSampler.set_epoch = set_epoch


def start_worker(worker_id: int, **options) -> None:
    """``worker_init_fn`` of data loaders.

    A Ctrl-C, or a scheduler's signal, goes to all processes of a group: in groups of their own the workers go on until
    the main process, which saves first, ends them.
    """
    os.setsid()
    seed_worker(worker_id, **options)


def report_errors_of_the_prefetcher() -> None:
    """With ``prefetch_mode: cpu`` a thread reads the batches; where it fails, training waits for the next for ever."""

    def run(self):
        try:
            for batch in self.generator:
                self.queue.put(batch)
            self.queue.put(None)
        except Exception as error:
            self.queue.put(error)

    def following(self):
        batch = self.queue.get()
        if isinstance(batch, Exception):
            raise batch
        if batch is None:
            raise StopIteration
        return batch

    PrefetchGenerator.run = run
    PrefetchGenerator.__next__ = following


def begin_each_epoch_once() -> None:
    """``CPUPrefetcher`` begins an epoch when it is made, and again before the first one: with ``prefetch_mode: cpu`` a
    second thread would take batches from the same ``persistent_workers``."""
    CPUPrefetcher.__init__ = lambda self, loader: setattr(self, 'ori_loader', loader)


def parse_options(root_path: str, is_train: bool = True) -> tuple:
    """``parse_options`` of BasicSR's scripts, which finds mistakes late or never: check first.

    Raises:
        InputError: see ``command_line.check_command_line``.
    """
    from scgan_fan.command_line import check_command_line  # which needs all that is registered after this module
    check_command_line(is_train)
    return options.parse_options(root_path, is_train)


def mend_train_script(train) -> None:
    """``load_resume_state`` needs a GPU, unpickles whatever it finds, and ignores where experiments are;
    ``copy_opt_file`` leaves a file that is based on others without them; ``create_train_val_dataloader``: see
    ``for_all_iterations``.

    Args:
        train: the module of ``basicsr/train.py``, be it ``__main__`` or ``basicsr.train``.
    """
    apply()
    train.parse_options = parse_options
    train.load_resume_state = load_resume_state
    train.copy_opt_file = copy_opt_file
    create_loaders = train.create_train_val_dataloader
    train.create_train_val_dataloader = for_all_iterations(getattr(create_loaders, '__wrapped__', create_loaders))


@dist_util.master_only
def copy_opt_file(opt_file: str, experiments_root: str) -> None:
    """BasicSR's copy of the option file in the run's folder, whole, so that the same run can be had from it alone."""
    options.copy_opt_file(opt_file, experiments_root)
    make_whole(Path(experiments_root) / Path(opt_file).name, opt_file)


def load_resume_state(opt: dict) -> dict | None:
    """The training state to continue from, or None: with ``--auto_resume`` the newest valid one, else the one that
    ``path: resume_state`` names. The first process looks and tells the others, which might see another folder: it moves
    one that is there aside where it begins anew.

    Raises:
        InputError: that one, or none of those that there are, is valid; see ``RunFolder``.
    """
    folder = RunFolder(opt)
    POSITION.resume()
    path, state = opt['path'].get('resume_state'), None
    if opt['rank'] == 0:
        folder.remove_unfinished()
        if opt['auto_resume']:
            path, state = folder.newest_valid()
    opt['path']['resume_state'] = path = first_decides(path and str(path))
    if not path:
        return None
    state = state or folder.read_state(path)
    check_resume(opt, state['iter'])
    opt['path'].update({key: 'params' for key in opt['path'] if key.startswith('param_key')})  # of our own files
    POSITION.resume(state['epoch'], state.get('used', 0), state['iter'])
    return state


def for_all_iterations(create_loaders: Callable) -> Callable:
    """``create_train_val_dataloader`` rounds the iterations of an epoch up, but the loader drops a last partial batch:
    of so few epochs training would end before ``total_iter``.

    Returns:
        the same with enough epochs, which looks at the geometry of the faces too. Raises InputError where there is not
        one whole batch.
    """

    @functools.wraps(create_loaders)
    def create(opt: dict, logger) -> tuple:
        loader, sampler, val_loaders, _, total_iter = create_loaders(opt, logger)
        if not len(loader):
            raise InputError(f'datasets: train: {sampler.num_samples} face(s) for each process are less than a batch '
                             f'of {loader.batch_size}; lower batch_size_per_gpu or raise dataset_enlarge_ratio')
        if opt['rank'] == 0:
            check_geometry(loader.dataset, Path(opt['path']['experiments_root']) / 'geometry.png')
        POSITION.val_loaders = val_loaders
        left = max(0, total_iter - POSITION.resumed)
        return loader, sampler, val_loaders, POSITION.epoch + math.ceil(left / len(loader)), total_iter

    return create


def print_input_errors_in_one_line() -> None:
    """BasicSR's scripts show every mistake in an option file as a long traceback: print the one line that helps."""
    show = sys.excepthook

    def show_briefly(kind, error, traceback):
        line = _explain(error)
        if line is not None and not os.environ.get('SCGAN_FAN_TRACEBACK'):
            print(f'error: {line}', file=sys.stderr)
        else:
            show(kind, error, traceback)

    sys.excepthook = show_briefly


def _explain(error: BaseException) -> str | None:
    """One line on an error that is nobody's defect: what is wrong, and what to do; None for any other."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return (f'{error.filename or "a file"}: {error.strerror}. What was saved before is intact: make room, or the '
                'folder writable, and continue with --auto_resume')
    if isinstance(error, RuntimeError) and str(error).startswith('DataLoader worker'):
        return (f'{str(error).partition(". ")[0]} (killed: the memory was full, take fewer num_worker_per_gpu; bus '
                'error: /dev/shm is full, or an LMDB has lost its disk). What was saved before is intact: continue '
                'with --auto_resume')
    return None
