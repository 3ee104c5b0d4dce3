"""Which checkpoints of a run are valid, and which are removed."""
import shutil

import pytest
import torch

from scgan_fan.checkpoint import read_checkpoint, save_atomically
from scgan_fan.errors import InputError
from scgan_fan.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """Checkpoints of iterations 2, 4 and 10."""
    paths = {key: str(tmp_path / key) for key in ('models', 'training_states')}
    run = RunFolder({'path': paths, 'network_g': {}, 'network_d_h1': {}})
    run.models.mkdir()
    run.states.mkdir()
    for iteration in (2, 4, 10):
        save(run, iteration)
    return run


def save(run: RunFolder, iteration: int) -> None:
    networks = ((name, {'params': {'weight': torch.full((100,), iteration)}}) for name in ('g', 'd_h1'))
    run.save(iteration, networks, {'iter': iteration, 'epoch': 0})


def files(run: RunFolder) -> set[str]:
    return {path.name for path in (*run.models.iterdir(), *run.states.iterdir())}


def change_a_bit(path) -> None:
    """Of the 100 weights, which the file holds as they are."""
    data = bytearray(path.read_bytes())
    data[data.index(torch.full((100,), 10).numpy().tobytes()) + 17] ^= 1
    path.write_bytes(data)


def lose(path) -> None:
    path.unlink()


def replace(path) -> None:
    """By a file that is valid itself."""
    shutil.copy(path.with_name(path.name.replace('10', '4')), path)


def cut_off(path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_the_newest_is_taken(folder, capsys):
    path, state = folder.newest_valid()
    assert path == folder.state_file(10) and state['iter'] == 10
    assert capsys.readouterr().err == ''


@pytest.mark.parametrize('damage, message', [
    (change_a_bit, 'damaged or replaced'), (lose, 'no such checkpoint'), (replace, 'damaged or replaced'),
    (cut_off, 'not a readable checkpoint')])
def test_a_checkpoint_of_which_a_network_is_not_what_was_saved_is_passed_over(folder, capsys, damage, message):
    damage(folder.network_file('d_h1', 10))
    path, _ = folder.newest_valid()
    assert path == folder.state_file(4)
    line, = capsys.readouterr().err.splitlines()
    assert line.startswith(f'warning: iteration 10 is not continued from: {folder.network_file("d_h1", 10)}: {message}')
    with pytest.raises(InputError, match=message):  # given as resume_state
        folder.read_state(folder.state_file(10))
    with pytest.raises(InputError, match='none of its 3 training state'):
        for iteration in (2, 4):
            lose(folder.state_file(iteration))
            folder.state_file(iteration).touch()
        folder.newest_valid()


def test_a_damaged_state_is_passed_over(folder, capsys):
    cut_off(folder.state_file(10))
    lose(folder.state_file(4))
    assert folder.newest_valid()[1]['iter'] == 2
    assert 'warning: iteration 10' in capsys.readouterr().err


def test_networks_that_are_not_resumed_may_be_anything(folder):
    lose(folder.network_file('d_h1', 10))
    folder.resumed.remove('d_h1')
    assert folder.newest_valid()[1]['iter'] == 10


def test_a_state_that_knows_no_hashes_is_valid_with_networks_that_can_be_read(folder):
    """As those of earlier versions."""
    save_atomically({'iter': 10, 'epoch': 0}, folder.state_file(10))
    assert folder.newest_valid()[1]['iter'] == 10


def test_no_checkpoints(tmp_path):
    run = RunFolder({'path': {'models': tmp_path / 'models', 'training_states': tmp_path / 'none'}})
    assert run.newest_valid() == (None, None)


def test_something_else_is_no_state(folder):
    with pytest.raises(InputError, match='not a training state'):
        folder.read_state(folder.network_file('g', 10))


def test_old_checkpoints_are_removed_with_their_networks(folder):
    folder.network_file('g', 3).touch()  # whose state is lost
    kept = {'net_g_best.pth', 'net_g_latest.pth', 'net_other_2.pth', 'notes.state'}
    for name in kept:
        (folder.models / name).touch()
    folder.remove_older(10, keep=2)
    assert files(folder) == kept | {f'net_{name}_{i}.pth' for name in ('g', 'd_h1') for i in (4, 10)} | {
        '4.state', '10.state'}
    folder.remove_older(10, keep=1)
    assert {name for name in files(folder) if name.endswith('.state')} == {'10.state', 'notes.state'}


def test_a_checkpoint_from_after_one_that_was_continued_from_does_not_displace_it(folder):
    """10 was damaged, the run went on from 4 and saves 6."""
    save(folder, 6)
    folder.remove_older(6, keep=1)
    assert {'6.state', '10.state', 'net_g_6.pth'} <= files(folder) and '4.state' not in files(folder)


def test_what_a_killed_run_was_writing_is_removed(folder):
    before = files(folder)
    (folder.models / 'net_g_12.pth.part').touch()
    (folder.states / '12.state.part').touch()
    folder.remove_unfinished()
    assert files(folder) == before


def test_a_state_holds_the_hashes_of_its_networks(folder):
    digests = read_checkpoint(folder.state_file(2))['networks']
    assert digests.keys() == {'g', 'd_h1'} and len(digests['g']) == 64
