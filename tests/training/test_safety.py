"""Training that is killed, stopped or robbed of its disk: what is reported, what is left, and that it goes on."""
import errno
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import basicsr.train
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import forks
from runs import OPTIONS, assert_equal, losses, program, read_options, run, small, write_options
from scgan_fan.models import SemiCycleModel

NETWORKS = ('g', 'degrade_hl', 'degrade_sl', 'd_l1', 'd_l2', 'd_h1', 'd_h2')
LAST = 5


def scgan(faces: Path) -> dict:
    """SCGAN with an average, in epochs of 4 iterations of one face, and a checkpoint after each; no validation."""
    opt = small(read_options(OPTIONS / 'train_scgan.yml'), faces)
    opt['datasets'] = {'train': opt['datasets']['train']}
    opt['datasets']['train'].update(dataroot_gt=str(faces / 'val_hr'), batch_size_per_gpu=1)
    del opt['val']
    opt['train'].update(total_iter=LAST, ema_decay=0.9)
    opt['logger']['save_checkpoint_freq'] = 1
    return opt


@pytest.fixture
def opt(faces) -> dict:
    return scgan(faces)


@pytest.fixture(scope='module')
def uninterrupted(faces, tmp_path_factory) -> Path:
    """The folder of the run that nothing happened to."""
    folder = tmp_path_factory.mktemp('uninterrupted')
    assert forks.wait(forks.start(scgan(faces), folder)) == 0
    return folder


def experiment(folder: Path) -> Path:
    return folder / 'experiments/train_scgan'


def log(folder: Path) -> str:
    return (folder / 'log.txt').read_text().replace('\0', '')  # torch's, after its own message on a bus error


def continued_from(folder: Path) -> list[int]:
    """The iterations at which runs in this folder went on."""
    return [int(number) for number in re.findall(r'Resuming training from epoch: \d+, iter: (\d+)', log(folder))]


def assert_ends_like(uninterrupted: Path, folder: Path) -> None:
    """Networks, average, optimizers and schedules are the same, bit for bit, and nothing half-written is left."""
    files = [*(f'models/net_{name}_{LAST}.pth' for name in NETWORKS), f'training_states/{LAST}.state']
    for name in files:
        a, b = (torch.load(experiment(each) / name, weights_only=True) for each in (uninterrupted, folder))
        for content in (a, b):  # the state of the global generators, which nothing draws from, is the process's
            content.pop('rng', content.pop('sha256'))
        assert_equal(a, b, name)
    assert not list(folder.rglob('*.part'))


def at(iteration: int, act: Callable[[SemiCycleModel], None]) -> Callable[[], None]:
    """For ``forks.start``: ``act`` when this iteration begins."""
    def prepare():
        step = SemiCycleModel.optimize_parameters

        def act_and_step(self, current_iter):
            if current_iter == iteration:
                act(self)
            step(self, current_iter)
        SemiCycleModel.optimize_parameters = act_and_step
    return prepare


# ---- SIGKILL ----

def at_flush(number: int) -> Callable[[], None]:
    """For ``forks.start``: SIGKILL in the place of the so-manieth ``fsync``.

    A checkpoint here has 16: each of its 8 files before it gets its name, and each time the folder after it.
    """
    def prepare():
        flush, left = os.fsync, iter(range(number - 1))

        def flush_or_die(descriptor):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            flush(descriptor)
        os.fsync = flush_or_die
    return prepare


def test_kills_inside_a_save(opt, uninterrupted, tmp_path):
    """In the first file of the second save, in the middle, in the state, after it: one run, killed time and again."""
    for flush in (17, 1, 8, 15, 16, 31):
        assert forks.wait(forks.start(opt, tmp_path, at_flush(flush))) == -signal.SIGKILL
        assert list(tmp_path.rglob('*.part')) or flush % 2 == 0
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    assert continued_from(tmp_path) == [1, 1, 1, 1, 2, 3]
    assert_ends_like(uninterrupted, tmp_path)


def was_saving(folder: Path) -> bool:
    """A file is half-written, or networks were written without their state."""
    networks, states = ({int(number) for path in experiment(folder).glob(pattern)
                         if (number := re.split(r'[_.]', path.name)[-2]).isdecimal()}
                        for pattern in ('models/*.pth', 'training_states/*.state'))
    return bool(list(folder.rglob('*.part'))) or networks != states


@pytest.mark.slow
def test_a_hundred_kills_at_random_moments(opt, uninterrupted, tmp_path):
    began = time.monotonic()
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    duration, kills, saving = time.monotonic() - began, 0, 0
    while kills < 100:
        folder = tmp_path / str(kills)
        folder.mkdir(exist_ok=True)
        child = forks.start(opt, folder)
        time.sleep(random.uniform(0, duration))
        if kills % 2:  # wherever the time falls, or in the save that comes next
            while not list(folder.rglob('*.part')) and not forks.has_ended(child):
                time.sleep(random.uniform(0, 0.01))
        if forks.kill(child) == -signal.SIGKILL:
            saving += was_saving(folder)
            kills += 1
            assert forks.wait(forks.start(opt, folder)) == 0, log(folder)[-2000:]
            assert_ends_like(uninterrupted, folder)
        shutil.rmtree(folder)
    print(f'{saving} of {kills} kills fell into a save')
    assert saving >= 30


# ---- SIGTERM and SIGINT ----

def test_a_signal_to_all_processes_saves_and_leaves(opt, uninterrupted, tmp_path):
    """Workers of the data loader get it too, as from a terminal or a scheduler."""
    opt['datasets']['train']['num_worker_per_gpu'] = 2
    opt['logger']['save_checkpoint_freq'] = LAST

    def stop(model):
        assert len(multiprocessing.active_children()) == 2
        os.killpg(0, signal.SIGTERM)

    def prepare():
        os.setpgid(0, 0)
        at(3, stop)()

    assert forks.wait(forks.start(opt, tmp_path, prepare)) == 128 + signal.SIGTERM
    assert {path.name for path in experiment(tmp_path).glob('training_states/*')} == {'3.state'}
    assert 'SIGTERM: saving after this iteration' in log(tmp_path) and 'Traceback' not in log(tmp_path)
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    assert continued_from(tmp_path) == [3]
    assert_ends_like(uninterrupted, tmp_path)


def test_a_second_signal_ends_at_once(opt, tmp_path):
    def stop_twice(model):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

    assert forks.wait(forks.start(opt, tmp_path, at(2, stop_twice))) == -signal.SIGTERM
    assert {path.name for path in experiment(tmp_path).glob('training_states/*')} == {'1.state'}


# ---- what the disk does ----

def no_space() -> None:
    """Files end at 100 kB, less than any checkpoint has."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))


def read_only() -> None:
    """As root, who may write anywhere: renaming fails as it does on a read-only disk."""
    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
    os.replace = refuse


@pytest.mark.parametrize('fail, message', [(no_space, 'File too large'), (read_only, 'Read-only file system')])
def test_a_disk_that_takes_no_more(opt, uninterrupted, tmp_path, fail, message):
    assert forks.wait(forks.start(opt, tmp_path, at(2, lambda model: fail()))) == 1
    *_, line = log(tmp_path).splitlines()
    assert line.startswith('error: ') and 'could not be written ([Errno' in line and message in line
    assert not was_saving(tmp_path)
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    assert continued_from(tmp_path) == [1]
    assert_ends_like(uninterrupted, tmp_path)


# ---- what is kept ----

def test_the_last_and_the_best_are_kept(opt, faces, tmp_path):
    opt.update(val={'val_freq': 2, 'save_img': False, 'pbar': False, 'metrics': {
        'psnr': {'type': 'calculate_psnr', 'crop_border': 0, 'test_y_channel': False}}})
    opt['datasets']['val'] = {'name': 'paired', 'type': 'PairedFaceDataset', 'dataroot_gt': str(faces / 'val_hr')}
    opt['logger'].update(keep_last=2, keep_best={'dataset': 'paired', 'metric': 'psnr'})
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    models, states = experiment(tmp_path) / 'models', experiment(tmp_path) / 'training_states'
    assert {path.name for path in states.iterdir()} == {'4.state', '5.state'}
    assert {path.name for path in models.iterdir()} == {'net_g_best.pth', *(
        f'net_{name}_{label}.pth' for name in NETWORKS for label in (4, 5, 'latest'))}
    best = torch.load(models / 'net_g_best.pth', weights_only=True)
    reported = [float(figure) for figure in re.findall(r'# psnr: ([\d.]+)', log(tmp_path))]  # at 2, 4 and the end
    assert best['best']['value'] == pytest.approx(max(reported), abs=1e-4)
    assert best['best']['iter'] == (2, 4, 5)[reported.index(max(reported))]
    assert best['params_ema'].keys() == best['params'].keys()


# ---- data that vanishes, workers that die ----

def vanish_and_come_back(opt: dict, folder: Path, data: Path, *said: str) -> None:
    """Train until ``data`` is moved away in the second iteration, then with it in its place again."""
    away = folder / 'elsewhere'
    assert forks.wait(forks.start(opt, folder, at(2, lambda model: data.rename(away)))) == 1
    assert_one_line(folder, *said)
    away.rename(data)
    assert forks.wait(forks.start(opt, folder)) == 0


def test_a_data_disk_that_vanishes_and_comes_back(opt, faces, uninterrupted, tmp_path):
    disk = tmp_path / 'disk'
    shutil.copytree(faces / 'val_hr', disk)
    opt['datasets']['train']['dataroot_gt'] = str(disk)
    vanish_and_come_back(opt, tmp_path, disk, f'error: {disk}/', 'cannot be read (No such file or directory)')
    assert continued_from(tmp_path) == [2]
    assert_ends_like(uninterrupted, tmp_path)


def test_an_lmdb_that_vanishes_and_comes_back(opt, faces, uninterrupted, tmp_path):
    """What is open can be read on; the workers of the next epoch open it anew."""
    database = tmp_path / 'lr.lmdb'
    shutil.copytree(faces / 'lr.lmdb', database)
    opt['datasets']['train'].update(dataroot_lq=str(database), num_worker_per_gpu=1)
    vanish_and_come_back(opt, tmp_path, database, f'error: {database}: cannot be opened as an LMDB',
                         'No such file or directory')
    assert continued_from(tmp_path) == [4]
    assert_ends_like(uninterrupted, tmp_path)


def kill_worker(model) -> None:
    worker, = multiprocessing.active_children()
    worker.kill()
    time.sleep(60)  # the error comes when the worker has ended


@pytest.mark.parametrize('cut_off, message', [(False, 'Killed (killed: the memory was full'), (True, 'Bus error')])
def test_a_worker_that_dies(opt, faces, tmp_path, cut_off, message):
    """By SIGKILL, as when the memory is full, or as its LMDB loses its end while it is open."""
    database = tmp_path / 'lr.lmdb'
    shutil.copytree(faces / 'lr.lmdb', database)
    opt['datasets']['train'].update(dataroot_lq=str(database), num_worker_per_gpu=1, dataset_enlarge_ratio=10)

    def cut_off_database(model):
        model.save = lambda epoch, current_iter: None  # the news of the dead worker could come in the middle of a save
        os.truncate(database / 'data.mdb', 0)
    assert forks.wait(forks.start(opt, tmp_path, at(2, cut_off_database if cut_off else kill_worker))) == 1
    assert_one_line(tmp_path, 'error: DataLoader worker (pid', message)
    assert (experiment(tmp_path) / 'training_states/1.state').is_file() and not was_saving(tmp_path)


def test_a_prefetching_thread_that_fails(opt, faces, tmp_path):
    """BasicSR would wait for its next batch for ever."""
    disk = tmp_path / 'disk'
    shutil.copytree(faces / 'val_hr', disk)
    opt['datasets']['train'].update(dataroot_gt=str(disk), prefetch_mode='cpu', num_prefetch_queue=1)
    assert forks.wait(forks.start(opt, tmp_path, at(1, lambda model: shutil.rmtree(disk)))) == 1
    assert_one_line(tmp_path, f'error: {disk}/', 'cannot be read')


# ---- numbers that are none ----

def feed_nan(model) -> None:
    model.lq.fill_(torch.nan)


def overflow_in_backward(model) -> None:
    """The losses of this iteration are as ever, what is learned from them is not."""
    model.networks['g'].input.weight.register_hook(lambda gradient: gradient * torch.inf)


@pytest.mark.parametrize('act, message', [
    (feed_nan, 'loss l_d_l1 is not finite'), (overflow_in_backward, 'network_g has values that are not finite')])
def test_training_that_explodes_saves_nothing(opt, uninterrupted, tmp_path, act, message):
    opt['logger']['print_freq'] = 100  # so that nobody looks at the losses before they are saved
    assert forks.wait(forks.start(opt, tmp_path, at(3, act))) == 1
    assert_one_line(tmp_path, 'error: iteration 3: ', message)
    assert not was_saving(tmp_path)
    assert forks.wait(forks.start(opt, tmp_path)) == 0
    assert continued_from(tmp_path) == [2]
    assert_ends_like(uninterrupted, tmp_path)


def assert_one_line(folder: Path, beginning: str, message: str) -> None:
    """The last run in this folder ended with this line, and without a traceback."""
    *_, line = log(folder).splitlines()
    assert line.startswith(beginning) and message in line, log(folder)[-3000:]
    assert 'Traceback' not in log(folder), log(folder)[-3000:]


# ---- whole programs ----

def test_ctrl_c_in_the_program_itself(opt, faces, tmp_path):
    """BasicSR's own train.py with workers: no traceback from any of them, and the curve is on the disk to its end."""
    (tmp_path / 'basicsr').mkdir()
    shutil.copy(basicsr.train.__file__, tmp_path / 'basicsr')
    opt['datasets']['train'].update(num_worker_per_gpu=2, dataset_enlarge_ratio=1000)
    opt['logger'].update(save_checkpoint_freq=1000, use_tb_logger=True)
    opt['train']['total_iter'] = 1000
    command = [sys.executable, 'basicsr/train.py', '-opt', write_options(tmp_path / 'o.yml', opt)]
    with (open(tmp_path / 'log.txt', 'w') as output,
          program(command, cwd=tmp_path, stdout=output, stderr=output, start_new_session=True) as process):
        while not re.search(r'iter: +3,', log(tmp_path)):
            assert process.poll() is None, log(tmp_path)[-3000:]
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 128 + signal.SIGINT, log(tmp_path)[-3000:]
    assert 'Traceback' not in log(tmp_path) and 'SIGINT: saving after this iteration' in log(tmp_path)
    last = max(losses(log(tmp_path)))
    assert {path.name for path in experiment(tmp_path).glob('training_states/*')} == {f'{last}.state'}
    events = EventAccumulator(str(tmp_path / 'tb_logger/train_scgan')).Reload()
    assert [event.step for event in events.Scalars('losses/l_pixel_lr')] == list(range(1, last + 1))


MISHAP = '''
import os, signal, time
from scgan_fan.models import SemiCycleModel
from scgan_fan.train import main

def die_once(self):
    if self.opt['rank'] == 1 and not os.path.exists('dead'):
        open('dead', 'w').close()
        os.kill(os.getpid(), signal.SIGKILL)

def stop_torchrun(self):
    if self.opt['rank'] == 0:
        os.kill(os.getppid(), signal.SIGTERM)
        while signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:  # until torchrun has passed it on
            time.sleep(0.01)

step = SemiCycleModel.optimize_parameters

def step_with_mishap(self, current_iter):
    if current_iter == 3:
        HAPPENS(self)
    step(self, current_iter)

SemiCycleModel.optimize_parameters = step_with_mishap
main()
'''


def torchrun(folder: Path, opt: dict, *arguments: str) -> list[str]:
    return ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2', *arguments, '-opt',
            write_options(folder / 'o.yml', opt), '--launcher', 'pytorch', '--auto_resume']


@pytest.fixture
def two_processes(opt, tmp_path) -> Path:
    """The folder of a run in two processes that nothing happened to."""
    folder = tmp_path / 'uninterrupted'
    folder.mkdir()
    run(torchrun(folder, opt, '-m', 'scgan_fan.train'), folder)
    return folder


@pytest.mark.slow
def test_torchrun_restarts_after_a_rank_was_killed(opt, two_processes, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_DISABLE_SHARE_RDZV_TCP_STORE', '1')  # or one may meet the addresses of the dead
    (tmp_path / 'mishap.py').write_text(MISHAP.replace('HAPPENS', 'die_once'))
    result = run(torchrun(tmp_path, opt, '--max-restarts=2', 'mishap.py'), tmp_path)
    assert (tmp_path / 'dead').exists()
    assert 'Resuming training from epoch: 0, iter: 2' in result.stderr, result.stderr[-3000:]
    assert losses(result.stderr).keys() == set(range(1, LAST + 1))
    assert_ends_like(two_processes, tmp_path)


@pytest.mark.slow
def test_a_signal_to_torchrun_saves_once_and_leaves(opt, two_processes, tmp_path):
    """Votes are counted an iteration later, so all processes stop after the fourth."""
    opt['logger']['save_checkpoint_freq'] = LAST
    (tmp_path / 'mishap.py').write_text(MISHAP.replace('HAPPENS', 'stop_torchrun'))
    result = run(torchrun(tmp_path, opt, 'mishap.py'), tmp_path, check=False)
    assert result.returncode != 0 and 'iteration 4 is saved. Continue' in result.stderr, result.stderr[-3000:]
    assert {path.name for path in experiment(tmp_path).glob('training_states/*')} == {'4.state'}
    run(torchrun(tmp_path, opt, '-m', 'scgan_fan.train'), tmp_path)
    assert_ends_like(two_processes, tmp_path)
