import multiprocessing
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from basicsr.data.prefetch_dataloader import CPUPrefetcher, PrefetchDataLoader
from torch.utils.data import DataLoader

from scgan_fan.data.degradations import downsample
from scgan_fan.data.lmdb_writer import write_lmdb
from scgan_fan.data.low_resolution_face_dataset import LowResolutionFaceDataset
from scgan_fan.data.paired_face_dataset import PairedFaceDataset
from scgan_fan.data.unpaired_face_dataset import UnpairedFaceDataset
from scgan_fan.errors import InputError
from scgan_fan.images import read_image, to_image, to_tensor

HR_COUNT, LR_COUNT = 12, 5  # not multiples of each other


@pytest.fixture(scope='module')
def faces(tmp_path_factory, write_faces):
    """Folders ``hr`` and ``lr``, and ``hr.lmdb`` and ``lr.lmdb`` made of them."""
    root = tmp_path_factory.mktemp('datasets')
    for name, count, size in (('hr', HR_COUNT, 8), ('lr', LR_COUNT, 2)):
        write_lmdb([write_faces(root / name, count, size)], root / f'{name}.lmdb')
    return root


def unpaired(root, suffix='', **options):
    return UnpairedFaceDataset({'type': 'UnpairedFaceDataset', 'dataroot_gt': str(root / f'hr{suffix}'),
                                'dataroot_lq': str(root / f'lr{suffix}'), 'gt_size': 8, 'scale': 4, **options})


def paired(root, **options):
    return PairedFaceDataset({'type': 'PairedFaceDataset', 'dataroot_gt': str(root / 'hr'), 'gt_size': 8, 'scale': 4,
                              **options})


def low_resolution(root, **options):
    return LowResolutionFaceDataset({'type': 'LowResolutionFaceDataset', 'dataroot_lq': str(root / 'lr'), 'size': 2,
                                     **options})


def epoch_of(dataset, epoch=0, positions=range(3 * HR_COUNT)):
    dataset.set_epoch(epoch)
    return [dataset[position] for position in positions]


def partners(items):
    return [item['lq_path'] for item in items]


def assert_same_items(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second):
        assert (one['gt_path'], one['lq_path']) == (other['gt_path'], other['lq_path'])
        assert torch.equal(one['gt'], other['gt']) and torch.equal(one['lq'], other['lq'])


@pytest.mark.parametrize('name', ['UnpairedFaceDataset', 'PairedFaceDataset', 'LowResolutionFaceDataset'])
def test_registered_with_basicsr(name):
    from basicsr.utils.registry import DATASET_REGISTRY  # not at the top: scgan_fan makes it importable
    assert DATASET_REGISTRY.get(name).__name__ == name


# ---------------------------------------------------------------- unpaired

def test_unpaired_item(faces):
    dataset = unpaired(faces)
    item = dataset[3]
    assert len(dataset) == HR_COUNT
    assert dataset.opt['scale'] == 4
    assert item['gt_path'] == '003'
    assert item['gt'].dtype == item['lq'].dtype == torch.float32
    assert np.array_equal(to_image(item['gt']), read_image(faces / 'hr/003.png'))
    assert np.array_equal(to_image(item['lq']), read_image(faces / f'lr/{item["lq_path"]}.png'))
    assert -1 <= item['gt'].min() < -0.9 and 0.9 < item['gt'].max() <= 1


def test_unpaired_positions_beyond_the_images_begin_again_with_other_partners(faces):
    items = epoch_of(unpaired(faces))
    assert [item['gt_path'] for item in items] == 3 * [f'{number:03d}' for number in range(HR_COUNT)]
    assert partners(items)[:HR_COUNT] != partners(items)[HR_COUNT:2 * HR_COUNT]


def test_each_lr_is_used_equally_often(faces):
    drawn = partners(epoch_of(unpaired(faces), positions=range(7 * LR_COUNT)))
    assert set(Counter(drawn).values()) == {7}
    deals = [tuple(drawn[start:start + LR_COUNT]) for start in range(0, len(drawn), LR_COUNT)]
    assert all(len(set(deal)) == LR_COUNT for deal in deals)
    assert len(set(deals)) > 3  # shuffled anew, not repeated


def test_partner_does_not_depend_on_what_was_read_before(faces):
    forwards, backwards = unpaired(faces), unpaired(faces)
    positions = list(range(600))  # more shuffles than are remembered
    expected = [forwards[position] for position in positions]
    assert_same_items([backwards[position] for position in reversed(positions)][::-1], expected)


def test_lr_is_independent_of_hr(faces):
    dataset = unpaired(faces)
    met = {item['lq_path'] for epoch in range(40) for item in epoch_of(dataset, epoch, positions=[0])}
    assert len(met) == LR_COUNT


def test_each_epoch_and_seed_has_an_order_of_its_own(faces):
    dataset = unpaired(faces, seed=1)
    orders = [tuple(partners(epoch_of(dataset, epoch))) for epoch in (0, 1, 2)]
    assert len({*orders, tuple(partners(epoch_of(unpaired(faces, seed=2))))}) == 4
    assert tuple(partners(epoch_of(dataset, 1))) == orders[1]


def test_no_flip_by_default(faces):
    for item in epoch_of(unpaired(faces)):
        assert np.array_equal(to_image(item['gt']), read_image(faces / f'hr/{item["gt_path"]}.png'))


def test_hr_and_lr_are_flipped_each_for_itself(faces):
    plain = epoch_of(unpaired(faces), positions=range(200))
    flipped = epoch_of(unpaired(faces, augment={'flip': True}), positions=range(200))
    seen = Counter()
    for before, after in zip(plain, flipped):
        assert before['lq_path'] == after['lq_path']
        flips = tuple(not torch.equal(before[key], after[key]) for key in ('gt', 'lq'))
        for key, flip in zip(('gt', 'lq'), flips):
            assert torch.equal(after[key], before[key].flip(-1) if flip else before[key])
        seen[flips] += 1
    assert len(seen) == 4 and min(seen.values()) > 25


def test_folder_lmdb_and_a_mixture_give_the_same_items(faces):
    expected = epoch_of(unpaired(faces))
    assert_same_items(epoch_of(unpaired(faces, '.lmdb')), expected)
    assert_same_items(epoch_of(unpaired(faces, dataroot_lq=[str(faces / 'lr.lmdb')])), expected)


def test_several_folders_are_joined(faces, tmp_path, write_faces):
    more = write_faces(tmp_path / 'more', ['x.png'], 8)
    dataset = unpaired(faces, dataroot_gt=[str(faces / 'hr.lmdb'), str(more)])
    assert len(dataset) == HR_COUNT + 1
    assert dataset[HR_COUNT]['gt_path'] == 'x'


def test_larger_hr_is_reduced_by_area(faces, tmp_path, write_faces):
    large = write_faces(tmp_path / 'large', 1, 24)
    mean = read_image(large / '000.png').reshape(8, 3, 8, 3, 3).mean((1, 3))
    reduced = to_image(unpaired(faces, dataroot_gt=str(large))[0]['gt'])
    assert np.abs(reduced - mean).max() <= 0.51


def test_augment_changes_hr_and_mirrors_lr(faces):
    augment = {**AUGMENT, 'shift': 0}
    plain, augmented = epoch_of(unpaired(faces)), epoch_of(unpaired(faces, augment=augment))
    mirrored = 0
    for before, after in zip(plain, augmented):
        assert (before['gt_path'], before['lq_path']) == (after['gt_path'], after['lq_path'])
        assert not torch.equal(before['gt'], after['gt'])
        mirrored += torch.equal(after['lq'], before['lq'].flip(-1))
        assert torch.equal(after['lq'], before['lq']) or torch.equal(after['lq'], before['lq'].flip(-1))
    assert len(plain) / 4 < mirrored < len(plain) * 3 / 4
    still = epoch_of(unpaired(faces, augment={**augment, 'flip': False}))
    assert all(torch.equal(before['lq'], after['lq']) for before, after in zip(plain, still))


def test_an_empty_augment_block_is_none(faces):
    assert_same_items(epoch_of(unpaired(faces, augment={})), epoch_of(unpaired(faces)))


# ---------------------------------------------------------------- workers

AUGMENT = {'flip': True, 'scale': [0.85, 1.15], 'rotation': 30, 'shift': 1, 'colour': 0.1, 'brightness': 0.1,
           'contrast': 0.1}
DEGRADATION = {'blur_sigma': [0.1, 1], 'downsampling': 'random', 'noise': [1, 25], 'jpeg': [30, 95]}


def load(dataset, epochs=(0, 1), **loader_options):
    """All items of some epochs, in the order of the positions of an enlarged epoch."""
    loader = DataLoader(dataset, batch_size=None, sampler=range(2 * HR_COUNT), **loader_options)
    items = []
    for epoch in epochs:
        dataset.set_epoch(epoch)
        items += list(loader)
    return items


@pytest.fixture(scope='module')
def without_workers(faces):
    items = load(unpaired(faces, '.lmdb', augment={'flip': True}))
    assert partners(items[:len(items) // 2]) != partners(items[len(items) // 2:])
    return items


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('persistent', [False, True])
def test_forked_workers_give_the_same_items(faces, without_workers, workers, persistent):
    items = load(unpaired(faces, '.lmdb', augment={'flip': True}), num_workers=workers, persistent_workers=persistent,
                 multiprocessing_context='fork')
    assert_same_items(items, without_workers)


def test_spawned_persistent_workers_give_the_same_items(faces, without_workers):
    dataset = unpaired(faces, '.lmdb', augment={'flip': True})
    dataset[0]  # an open LMDB must not keep the dataset from being sent to another process
    items = load(dataset, num_workers=1, persistent_workers=True, multiprocessing_context='spawn')
    assert_same_items(items, without_workers)


@pytest.mark.parametrize('build, options', [
    (unpaired, {'augment': AUGMENT}), (paired, {'augment': AUGMENT, 'degradation': DEGRADATION})])
def test_changes_do_not_depend_on_workers(faces, build, options):
    alone = load(build(faces, **options))
    assert_same_items(load(build(faces, **options), num_workers=2, persistent_workers=True,
                           multiprocessing_context='fork'), alone)
    draws = {(item['gt'].numpy().tobytes(), item['lq'].numpy().tobytes()) for item in alone}
    assert len(draws) == len(alone)  # each position of each epoch has its own
    assert not torch.equal(alone[0]['gt'], build(faces, seed=1, **options)[0]['gt'])


def test_prefetched_batches_of_workers_that_live_on(faces, without_workers):
    """All of them, in order: nothing else takes batches from the same workers."""
    dataset = unpaired(faces, '.lmdb', augment={'flip': True})
    loader = PrefetchDataLoader(1, dataset=dataset, batch_size=None, sampler=range(2 * HR_COUNT), num_workers=1,
                                persistent_workers=True, multiprocessing_context='fork')
    prefetcher, items = CPUPrefetcher(loader), []
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        prefetcher.reset()
        items += iter(prefetcher.next, None)
    assert_same_items(items, without_workers)


def test_training_and_validation_share_an_lmdb(faces):
    train = unpaired(faces, '.lmdb')
    validation = paired(faces, dataroot_gt=str(faces / 'hr.lmdb'))
    expected = [validation[index] for index in range(len(validation))]  # read by the parent before it forks
    workers = iter(DataLoader(train, batch_size=4, num_workers=2, multiprocessing_context='fork'))
    next(workers)
    assert_same_items([validation[index] for index in range(len(validation))], expected)  # while workers live
    forked = DataLoader(validation, batch_size=None, num_workers=1, multiprocessing_context='fork')
    assert_same_items(list(forked), expected)
    assert len(list(workers)) == HR_COUNT // 4 - 1


def test_error_in_a_worker_is_one_line(faces, tmp_path, write_faces):
    write_faces(tmp_path, 1, 6)
    loader = DataLoader(unpaired(faces, dataroot_gt=str(tmp_path)), num_workers=1, multiprocessing_context='fork')
    with pytest.raises(InputError) as caught:
        next(iter(loader))
    for worker in multiprocessing.active_children():
        worker.terminate()  # torch would wait five seconds for a worker that has failed
    assert str(caught.value).startswith(f'{tmp_path}/000.png: 6x6 pixels where a square of 8x8 or more is needed')


# ---------------------------------------------------------------- paired and low resolution

def test_paired_files(faces, tmp_path, write_faces):
    small = write_faces(tmp_path / 'small', [f'{number:03d}.bmp' for number in range(HR_COUNT)], 2)
    dataset = paired(faces, dataroot_lq=str(small))
    assert len(dataset) == HR_COUNT
    item = dataset[2]
    assert item['gt_path'] == item['lq_path'] == '002'
    assert torch.equal(item['gt'], to_tensor(read_image(faces / 'hr/002.png')))
    assert torch.equal(item['lq'], to_tensor(read_image(small / '002.bmp')))


@pytest.mark.parametrize('mode', ['bilinear', 'bicubic', 'area'])
def test_lr_is_made_from_hr(faces, mode):
    item = paired(faces, downsampling=mode)[0]
    expected = F.interpolate(item['gt'][None].double(), (2, 2), mode=mode, antialias=mode != 'area')[0].clamp(-1, 1)
    assert item['lq'].shape == (3, 2, 2)
    assert (item['lq'] - expected).abs().max() <= 0.501 / 127.5
    levels = (item['lq'].double() + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-4


def test_downsampling_is_bilinear_by_default(faces):
    items = {mode: paired(faces, downsampling=mode)[0]['lq'] for mode in (None, 'bilinear', 'bicubic')}
    assert torch.equal(items[None], items['bilinear'])
    assert not torch.equal(items[None], items['bicubic'])


def test_degradation_draws_for_each_face_and_epoch(faces):
    dataset = paired(faces, degradation=DEGRADATION)
    plain, first, again = paired(faces)[0], dataset[0], dataset[0]
    assert_same_items([first], [again])  # validation, which begins no epochs, sees the same each time
    assert torch.equal(first['gt'], plain['gt']) and not torch.equal(first['lq'], plain['lq'])
    beyond, = epoch_of(dataset, 0, [HR_COUNT])
    later, = epoch_of(dataset, 1, [0])
    assert first['gt_path'] == beyond['gt_path'] == later['gt_path']
    assert len({item['lq'].numpy().tobytes() for item in (first, beyond, later)}) == 3


def test_lr_is_made_from_the_augmented_hr(faces):
    for item in epoch_of(paired(faces, augment=AUGMENT)):
        expected = downsample(to_image(item['gt']), 2, 'bilinear')
        assert np.array_equal(to_image(item['lq']), expected)


def test_pairs_from_files_are_mirrored_together(faces, tmp_path, write_faces):
    small = str(write_faces(tmp_path / 'small', HR_COUNT, 2))
    plain = epoch_of(paired(faces, dataroot_lq=small))
    mirrored = 0
    for before, after in zip(plain, epoch_of(paired(faces, dataroot_lq=small, augment={'flip': True, 'scale': None}))):
        flip = not torch.equal(before['gt'], after['gt'])
        for key in ('gt', 'lq'):
            assert torch.equal(after[key], before[key].flip(-1) if flip else before[key])
        mirrored += flip
    assert len(plain) / 4 < mirrored < len(plain) * 3 / 4


def test_num_images_takes_the_first(faces):
    assert [paired(faces, num_images=3)[index]['gt_path'] for index in range(3)] == ['000', '001', '002']
    assert len(paired(faces, num_images=3)) == 3
    assert len(low_resolution(faces, num_images=2)) == 2
    assert len(low_resolution(faces, num_images=100)) == LR_COUNT


def test_low_resolution_item(faces):
    item = low_resolution(faces)[4]
    assert set(item) == {'lq', 'lq_path'}
    assert item['lq_path'] == '004'
    assert torch.equal(item['lq'], to_tensor(read_image(faces / 'lr/004.png')))


def test_paths_name_files_without_clashes(tmp_path, write_faces):
    dataset = low_resolution(tmp_path, dataroot_lq=str(write_faces(tmp_path / 'f', ['a/1.x.png', 'b/1.x.png'], 2)))
    names = [dataset[index]['lq_path'] for index in range(2)]
    assert len(set(names)) == 2
    assert not any('/' in name or '.' in name for name in names)


def test_unmatched_pairs_are_counted_and_named(faces, tmp_path, write_faces):
    other = write_faces(tmp_path / 'other', ['000.png', 'x.png'], 2)
    with pytest.raises(InputError, match=r'11 \(001, 002, 003, \.\.\.\) only in the first, 1 \(x\) only in the second'):
        paired(faces, dataroot_lq=str(other))


# ---------------------------------------------------------------- wrong sizes and options

@pytest.mark.parametrize('height, width', [(6, 6), (8, 9), (16, 8)])
def test_wrong_hr_size(faces, tmp_path, write_faces, height, width):
    write_faces(tmp_path, ['face.png'], height, width)
    message = rf'face\.png: {width}x{height} pixels where a square of 8x8 or more .*scgan-fan lmdb --size 8 '
    for dataset in (unpaired(faces, dataroot_gt=str(tmp_path)), paired(faces, dataroot_gt=str(tmp_path))):
        with pytest.raises(InputError, match=message):
            dataset[0]


@pytest.mark.parametrize('height, width', [(3, 3), (2, 1)])
def test_wrong_lr_size(faces, tmp_path, write_faces, height, width):
    write_faces(tmp_path, ['000.png'], height, width)
    message = rf'000\.png: {width}x{height} pixels where 2x2 is needed; scgan-fan lmdb --size 2 '
    for dataset in (unpaired(faces, dataroot_lq=str(tmp_path)), low_resolution(faces, dataroot_lq=str(tmp_path))):
        with pytest.raises(InputError, match=message):
            [dataset[position] for position in range(LR_COUNT)]


@pytest.mark.parametrize('build, options, message', [
    (unpaired, {'dataroot_gt': None}, 'UnpairedFaceDataset: dataroot_gt: is missing'),
    (unpaired, {'scale': None}, 'scale: is missing'),
    (unpaired, {'use_hflp': True},
     'use_hflp: unknown option; choose one of augment, augment_lq, .*dataroot_gt, dataroot_lq'),
    (unpaired, {'augment': {'flip': 'yes'}}, "augment: flip: 'yes' is not a valid boolean"),
    (unpaired, {'gt_size': 10}, 'gt_size: 10 is not a multiple of the scale 4'),
    (unpaired, {'gt_size': 8.5}, r'gt_size: 8\.5 is not a whole number from 1'),
    (unpaired, {'seed': -1}, 'seed: -1 is not a whole number from 0'),
    (unpaired, {'dataroot_lq': 'nowhere'}, 'nowhere: does not exist'),
    (paired, {'downsampling': 'nearest'}, "downsampling: unknown value 'nearest'; choose one of bili"),
    (paired, {'downsampling': 'area', 'dataroot_lq': 'x'}, 'dataroot_lq and downsampling exclude each other'),
    (paired, {'downsampling': 'area', 'degradation': {}}, 'downsampling and degradation exclude each other'),
    (paired, {'dataroot_lq': 'x', 'degradation': {}}, 'dataroot_lq and degradation exclude each other'),
    (paired, {'dataroot_lq': 'x', 'augment': {'flip': True, 'rotation': 30, 'colour': 0.1}},
     'augment has rotation, colour, which LR faces from files cannot follow'),
    (paired, {'augment': {'size': 1}}, 'PairedFaceDataset: augment: size: unknown option'),
    (paired, {'degradation': {'size': 1}}, 'PairedFaceDataset: degradation: size: unknown option'),
    (paired, {'degradation': True}, 'degradation: True is not a block of options'),
    (unpaired, {'augment': True}, 'augment: True is not a block of options'),
    (paired, {'num_images': 0}, 'num_images: 0 is not a whole number from 1'),
    (low_resolution, {'dataroot_lq': None}, 'LowResolutionFaceDataset: dataroot_lq: is missing'),
    (low_resolution, {'size': True}, 'size: True is not a whole number'),
])
def test_wrong_option(faces, build, options, message):
    with pytest.raises(InputError, match=message):
        build(faces, **options)


def test_options_of_basicsr_are_known(faces):
    unpaired(faces, name='train', phase='train', num_worker_per_gpu=2, batch_size_per_gpu=64, prefetch_mode=None,
             dataset_enlarge_ratio=1, pin_memory=True, persistent_workers=True)
