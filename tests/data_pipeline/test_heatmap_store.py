"""Stored heatmaps are those that FAN draws of the very image that is trained on, or there are none."""
import json
import sys

import lmdb
import numpy as np
import pytest
import torch

from killing import kill_at
from scgan_fan.commands import heatmaps as command
from scgan_fan.data import heatmap_store, whole_folder
from scgan_fan.data.heatmap_store import HeatmapStore, write_heatmaps
from scgan_fan.data.image_source import close_environments
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.images import read_image
from scgan_fan.losses import HeatmapLoss

SIZE, COUNT = 32, 6
TINY_FAN = {'num_stacks': 2, 'width': 16, 'stem_stride': 2}
FLIP = {'flip': True}


@pytest.fixture(scope='module')
def loss():
    torch.manual_seed(0)
    return HeatmapLoss(1.0, 'random', TINY_FAN, input_size=SIZE)


@pytest.fixture(scope='module')
def faces(tmp_path_factory, write_faces, loss):
    """Folders ``hr`` and ``lr`` of faces with the same names, ``large`` ones, and ``heatmaps`` of ``hr``."""
    root = tmp_path_factory.mktemp('faces')
    for name, size in (('hr', SIZE), ('lr', SIZE // 4), ('large', 45)):
        write_faces(root / name, COUNT, size)
    write(root / 'hr', root / 'heatmaps', loss)
    return root


def write(folder, output, loss, **options):
    return write_heatmaps([str(folder)], str(output), loss, **{'size': SIZE, 'batch': 2, **options})


def build(dataset, root, **options):
    return dataset({'type': dataset.__name__, 'dataroot_gt': str(root / 'hr'), 'gt_size': SIZE, 'scale': 4,
                    'heatmaps': str(root / 'heatmaps'), **options})


def unpaired(root, **options):
    return build(UnpairedFaceDataset, root, dataroot_lq=str(root / 'lr'), **options)


def paired(root, **options):
    return build(PairedFaceDataset, root, **options)


def paired_files(root, **options):
    return build(PairedFaceDataset, root, dataroot_lq=str(root / 'lr'), **options)


@torch.no_grad()
def drawn(loss, gt):
    return loss.heatmaps(gt[None])[0]


def near(found, wanted):
    return torch.allclose(found, wanted, rtol=0, atol=1e-6)  # batches of other sizes are summed in another order


# ---------------------------------------------------------------- what is read

def test_heatmaps_of_crops_with_room(faces, loss, tmp_path):
    write(faces / 'large', tmp_path / 'room.lmdb', loss, room=1.3)
    dataset = unpaired(faces, dataroot_gt=str(faces / 'large'), heatmaps=str(tmp_path / 'room.lmdb'), room_gt=1.3,
                       augment=FLIP)
    for position in range(3 * COUNT):
        assert near(dataset[position]['heatmaps'], drawn(loss, dataset[position]['gt']))
    with pytest.raises(InputError, match='has no heatmaps of these pixels'):
        unpaired(faces, dataroot_gt=str(faces / 'large'), heatmaps=str(tmp_path / 'room.lmdb'))[0]


@pytest.mark.parametrize('dataset', [unpaired, paired, paired_files])
@pytest.mark.parametrize('augment', [None, FLIP])
def test_heatmaps_are_of_the_image_as_it_is_given(faces, loss, dataset, augment):
    stored, computed = dataset(faces, augment=augment), dataset(faces, augment=augment, heatmaps=None)
    mirrored = 0
    for position in range(3 * COUNT):
        item, expected = stored[position], computed[position]
        assert set(item) - set(expected) == {'heatmaps'}
        assert torch.equal(item['gt'], expected['gt']) and torch.equal(item['lq'], expected['lq'])
        assert item['heatmaps'].dtype == torch.float32 and item['heatmaps'].shape == (68, SIZE // 2, SIZE // 2)
        assert near(item['heatmaps'], drawn(loss, item['gt']))
        mirror = item['gt'].flip(-1)
        assert not near(item['heatmaps'], drawn(loss, mirror).flip(-1))  # so both orientations are needed
        mirrored += np.array_equal(read_image(faces / f'hr/{item["gt_path"]}.png')[:, ::-1],
                                   ((item['gt'] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy())
    assert 0 < mirrored < 3 * COUNT if augment else mirrored == 0


def test_larger_faces_are_reduced_before(faces, loss, tmp_path):
    """By a factor that is no whole number, mirrored or not."""
    write(faces / 'large', tmp_path / 'maps', loss)
    options = {'dataroot_gt': str(faces / 'large'), 'heatmaps': str(tmp_path / 'maps')}
    assert all(near(item['heatmaps'], drawn(loss, item['gt']))
               for item in map(unpaired(faces, augment=FLIP, **options).__getitem__, range(2 * COUNT)))


def test_all_stacks_of_the_mean(faces, loss, tmp_path):
    mean = HeatmapLoss(1.0, 'random', TINY_FAN, input_size=SIZE, stacks='mean')
    write(faces / 'hr', tmp_path / 'maps', mean)
    item = paired(faces, heatmaps=str(tmp_path / 'maps'))[1]
    assert item['heatmaps'].shape == (2 * 68, SIZE // 2, SIZE // 2)
    assert near(item['heatmaps'], drawn(mean, item['gt']))


def test_half_precision_halves_the_size(faces, loss, tmp_path):
    write(faces / 'hr', tmp_path / 'maps', loss, half=True)
    item = paired(faces, heatmaps=str(tmp_path / 'maps'))[1]
    expected = drawn(loss, item['gt'])
    assert item['heatmaps'].dtype == torch.float32
    assert torch.allclose(item['heatmaps'], expected, rtol=2**-11, atol=1e-6)
    assert not near(item['heatmaps'], expected)
    sizes = [np.load(folder / 'heatmaps.npy')['maps'][0].nbytes for folder in (tmp_path / 'maps', faces / 'heatmaps')]
    assert sizes == [68 * 16 * 16 * 2, 68 * 16 * 16 * 4]


def entries(folder):
    close_environments()
    with lmdb.open(str(folder), readonly=True, lock=False) as environment, environment.begin() as transaction:
        return dict(transaction.cursor())


def test_lmdb_and_folder_and_a_part_of_the_faces_share_heatmaps(faces, tmp_path):
    write_lmdb([str(faces / 'hr')], str(tmp_path / 'hr.lmdb'))
    expected = paired(faces)
    for dataset in (paired(faces, dataroot_gt=str(tmp_path / 'hr.lmdb')), paired(faces, num_images=2)):
        assert torch.equal(dataset[1]['heatmaps'], expected[1]['heatmaps'])


# ---------------------------------------------------------------- what is refused

@pytest.mark.parametrize('augment, named', [
    ({'flip': True, 'scale': [0.9, 1.1]}, 'scale'), ({'rotation': 5, 'brightness': 0.1}, 'rotation, brightness'),
    ({'shift': 1}, 'shift'), ({'colour': 0.2}, 'colour'), ({'contrast': 0.2}, 'contrast')])
def test_augmentation_that_does_more_than_flip(faces, augment, named):
    for dataset in (unpaired, paired):
        with pytest.raises(InputError, match=f'stored heatmaps cannot follow augment: {named}; remove heatmaps'):
            dataset(faces, augment=augment)


def test_augmentation_that_names_the_defaults_only_flips(faces):
    unpaired(faces, augment={'flip': True, 'scale': [1, 1], 'rotation': 0, 'rotated': 0.5, 'colour': 0})


def test_other_faces(faces, tmp_path, write_faces):
    others = write_faces(tmp_path / 'others', [f'{number:03d}.png' for number in range(COUNT)], SIZE)
    with pytest.raises(InputError, match=r'001\.png: .*heatmaps has no heatmaps of these pixels'):
        paired(faces, dataroot_gt=str(others))[1]
    write_faces(others, ['x.png', 'y.png'], SIZE)
    with pytest.raises(InputError, match='has no heatmaps of 2 of the 8 faces, the first is x; write them again'):
        paired(faces, dataroot_gt=str(others))
    with pytest.raises(InputError, match='heatmaps of faces of 32 pixels, gt_size is 16'):
        paired(faces, gt_size=16)


def test_another_way_of_drawing(faces, loss):
    store = HeatmapStore(faces / 'heatmaps')
    store.check_drawn_by(loss.drawn_by())
    own = HeatmapLoss(2.0, 'random', TINY_FAN, input_size=SIZE, distance='l1', start_iter=5)  # nothing that matters
    own.fan.load_state_dict(loss.fan.state_dict())
    store.check_drawn_by(own.drawn_by())
    for option, value, shown in (('input_size', 64, '32.*64'), ('pad', 1.5, '1.0.*1.5'),
                                 ('stacks', 'first', 'last.*first')):
        other = {**loss.drawn_by(), option: value}
        with pytest.raises(InputError, match=rf'drawn with {option} {shown}; write them again .* or remove heatmaps'):
            store.check_drawn_by(other)
    with torch.no_grad():
        own.fan.get_submodule('l1').bias[3] += 1e-6
    with pytest.raises(InputError, match=r'drawn with fan [0-9a-f]{12}\.\.\., train: heatmap_opt has [0-9a-f]{12}\.'):
        store.check_drawn_by(own.drawn_by())


def test_what_is_no_store(faces, tmp_path):
    with pytest.raises(InputError, match=r'none: has no heatmaps\.json'):
        paired(faces, heatmaps=str(tmp_path / 'none'))
    for text in ('{', '[]', '{"size": 32}', '{"drawn_by": {}, "size": 32, "faces": []}'):
        (tmp_path / 'heatmaps.json').write_text(text)
        with pytest.raises(InputError, match=r'heatmaps\.json: damaged'):
            HeatmapStore(tmp_path)


def test_output_that_holds_something_else(faces, loss, tmp_path):
    write_lmdb([str(faces / 'hr')], str(tmp_path / 'hr.lmdb'))
    before = entries(tmp_path / 'hr.lmdb')
    with pytest.raises(InputError, match=r'hr\.lmdb: holds images; choose another output for the heatmaps'):
        write(tmp_path / 'hr.lmdb', tmp_path / 'hr.lmdb', loss, overwrite=True)
    assert entries(tmp_path / 'hr.lmdb') == before
    with pytest.raises(InputError, match='is finished, but was made with other faces, another FAN or other options'):
        write(faces / 'large', faces / 'heatmaps', loss)


# ---------------------------------------------------------------- damage

def test_rows_of_other_faces_are_never_served(faces, loss, tmp_path, write_faces):
    """Where the array has been replaced and its list has not."""
    for name in ('mine', 'other'):
        write(write_faces(tmp_path / 'faces' / name, COUNT, SIZE), tmp_path / name, loss)
    dataset = paired(faces, dataroot_gt=str(tmp_path / 'faces/mine'), heatmaps=str(tmp_path / 'mine'))
    (tmp_path / 'mine/heatmaps.npy').write_bytes((tmp_path / 'other/heatmaps.npy').read_bytes())
    with pytest.raises(InputError, match=r'001\.png: .*mine has no heatmaps of these pixels'):
        dataset[1]


def test_array_that_is_cut_or_gone(faces, loss, tmp_path):
    write(faces / 'hr', tmp_path / 'maps', loss)
    array = tmp_path / 'maps/heatmaps.npy'
    for content in (array.read_bytes()[:-1], b''):
        array.write_bytes(content)
        with pytest.raises(InputError, match=r'heatmaps\.npy: damaged or not there .*; write them again'):
            HeatmapStore(tmp_path / 'maps')
    array.unlink()
    with pytest.raises(InputError, match=r'heatmaps\.npy: damaged or not there'):
        HeatmapStore(tmp_path / 'maps')


@pytest.mark.parametrize('module, name, calls', [
    (heatmap_store, '_draw', 0), (heatmap_store, '_draw', 2), *((whole_folder.os, 'replace', n) for n in range(3))])
def test_killed_run_leaves_nothing_that_looks_finished(faces, loss, tmp_path, module, name, calls):
    output = tmp_path / 'out'
    kill_at(module, name, calls, lambda *paths: write(*paths, loss), faces / 'hr', output)
    with pytest.raises(InputError, match='no heatmaps, or not all of them; scgan-fan heatmaps writes them'):
        HeatmapStore(output)
    assert write(faces / 'hr', output, loss) == COUNT
    for file in ('heatmaps.npy', 'heatmaps.json', 'inputs.sha256'):
        assert (output / file).read_bytes() == (faces / 'heatmaps' / file).read_bytes()
    assert not (output / 'part').exists()
    assert write(faces / 'hr', output, loss) is None


# ---------------------------------------------------------------- the command

def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['scgan-fan heatmaps', *map(str, arguments)])
    return command.main()


def test_command(faces, loss, tmp_path, monkeypatch, capsys):
    torch.save(loss.fan.state_dict(), tmp_path / 'fan.pth')
    output = tmp_path / 'out'
    line = [faces / 'hr', '-o', output, '--size', SIZE, '--fan', tmp_path / 'fan.pth', '--network',
            json.dumps(TINY_FAN), '--input-size', SIZE, '--pad', 1.5, '--stacks', 'first']
    assert call(monkeypatch, *line) == 0
    assert capsys.readouterr().out == f'{output}: heatmaps of 6 faces and of their mirror images\n'
    assert HeatmapStore(output).drawn_by == {**loss.drawn_by(), 'pad': 1.5, 'stacks': 'first'}
    assert call(monkeypatch, *line) == 0
    assert capsys.readouterr().out == f'{output} is finished already; --overwrite makes it again\n'
    assert call(monkeypatch, *line, '--half') == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f'error: {output}: is finished, but was made with other faces')
    assert call(monkeypatch, *line, '--half', '--overwrite') == 0


def test_command_refuses_what_is_no_block(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        call(monkeypatch, 'hr', '-o', 'maps', '--network', 'num_stacks')
    assert "'num_stacks' is no block of options such as \"{num_stacks: 2}\"" in capsys.readouterr().err
