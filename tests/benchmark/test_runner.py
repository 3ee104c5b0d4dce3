"""A benchmark's work: what is done, what is remembered, what is left out."""
import numpy as np
import pytest
import torch
from basicsr.utils.registry import METRIC_REGISTRY

from benchmark.known_networks import SideNet
from scgan_fan.benchmark import methods, runner
from scgan_fan.benchmark.methods import Interpolation
from scgan_fan.benchmark.options import choose, read_options
from scgan_fan.errors import InputError
from scgan_fan.images import read_image, write_image
from scgan_fan.metrics.validation import metric


@metric(lambda rows, **options: float(np.abs(rows.mean(axis=0)).sum()))
def calculate_mean_colour(img, **kwargs):
    """A metric of a set: an array for each image."""
    calls.append('colour')
    return img.mean(axis=(0, 1))


@METRIC_REGISTRY.register()
def calculate_with_absent_weights(img, **kwargs):
    raise InputError('no weights')


calls = []


class Counted(Interpolation):
    """Notes the names of each batch; stops when told to."""

    stop_after = None

    def __call__(self, faces):
        if Counted.stop_after is not None and len(calls) == Counted.stop_after:
            raise KeyboardInterrupt
        calls.append(faces.keys)
        return super().__call__(faces)


@pytest.fixture(autouse=True)
def no_calls(monkeypatch):
    monkeypatch.setitem(methods.KINDS, 'counted', Counted)
    monkeypatch.setattr(Counted, 'stop_after', None)
    calls.clear()


COUNTED = {'counted': {'type': 'counted', 'mode': 'area'}}


def test_figures_are_the_means_of_the_rows(benchmark_file, faces, tmp_path):
    results = runner.run(read_options(benchmark_file()), tmp_path / 'out')
    outcome = results.outcomes['pairs']['area']
    expected = []
    for path in sorted((faces / 'val_hr').glob('*.png')):
        error = read_image(path).astype(float) - read_image(outcome.folder / path.name)
        expected.append(10 * np.log10(255**2 / np.mean(error**2)))
    assert outcome.rows['psnr'] == pytest.approx(expected)
    assert outcome.figures['psnr'].value == pytest.approx(np.mean(expected))
    low, high = outcome.figures['psnr'].interval
    assert low < outcome.figures['psnr'].value < high
    assert outcome.images_per_second > 0


def test_metrics_are_measured_where_their_inputs_are(benchmark_file, tmp_path):
    metrics = {'psnr': {'type': 'calculate_psnr', 'crop_border': 0}, 'colour': {'type': 'calculate_mean_colour'},
               'absent': {'type': 'calculate_with_absent_weights'}}
    results = runner.run(read_options(benchmark_file(metrics=metrics)), tmp_path / 'out')
    pairs, real = results.outcomes['pairs']['area'], results.outcomes['real']['area']
    assert pairs.figures.keys() == {'psnr', 'colour'}
    assert real.figures.keys() == {'colour'}
    assert real.rows['colour'].shape == (10, 3)
    assert real.rows['colour'][0] == pytest.approx(real.read('000000')[..., ::-1].mean(axis=(0, 1)))  # BGR
    assert real.figures['colour'].value == pytest.approx(real.rows['colour'].mean(axis=0).sum())
    assert real.not_measured == {'absent': 'no weights'}


def test_a_rerun_does_nothing_again(benchmark_file, tmp_path):
    metrics = {'colour': {'type': 'calculate_mean_colour'}}
    options = read_options(benchmark_file(methods=COUNTED, metrics=metrics))
    first = runner.run(options, tmp_path / 'out')
    assert len(calls) == 2 + 4 + 14  # batches of 3 for 4 and 10 images; an image at a time for the metric
    calls.clear()
    second = runner.run(options, tmp_path / 'out')
    assert not calls
    for dataset in ('pairs', 'real'):
        figures = [results.outcomes[dataset]['counted'].figures['colour'] for results in (first, second)]
        assert figures[0].value == figures[1].value
        assert figures[0].interval == figures[1].interval


def test_an_interrupted_run_continues(benchmark_file, tmp_path, monkeypatch):
    options = read_options(benchmark_file(methods=COUNTED))
    monkeypatch.setattr(Counted, 'stop_after', 3)
    with pytest.raises(KeyboardInterrupt):
        runner.run(options, tmp_path / 'out')
    monkeypatch.setattr(Counted, 'stop_after', None)
    runner.run(options, tmp_path / 'out')
    restored = [key for keys in calls for key in keys]
    assert len(restored) == 14
    assert len(set(restored[4:])) == 10


def test_an_interrupted_metric_is_measured_again_and_no_other(benchmark_file, tmp_path):
    @METRIC_REGISTRY.register()
    def calculate_five_then_stop(img, **kwargs):
        if calls.count('row') == 5:
            raise KeyboardInterrupt
        calls.append('row')
        return float(img.mean())

    metrics = {'colour': {'type': 'calculate_mean_colour'}, 'mean': {'type': 'calculate_five_then_stop'}}
    options = choose(read_options(benchmark_file(metrics=metrics)), methods=['area'])
    options['datasets'].pop('pairs')
    with pytest.raises(KeyboardInterrupt):
        runner.run(options, tmp_path / 'out')
    assert calls.count('colour') == 10
    calls[:] = ['row'] * 6
    results = runner.run(options, tmp_path / 'out')
    assert calls == ['row'] * 16
    assert len(results.outcomes['real']['area'].rows['mean']) == 10


def test_changed_weights_are_another_method(benchmark_file, save_weights, tmp_path):
    weights = save_weights(SideNet())
    block = {'type': 'network', 'network': {'type': 'SideNet'}, 'weights': weights, 'value_range': [0, 1]}
    options = read_options(benchmark_file(methods={'side': block}))
    before = runner.run(options, tmp_path / 'out')
    brighter = SideNet()
    brighter.factor.data.fill_(2)
    save_weights(brighter)
    after = runner.run(options, tmp_path / 'out')
    images = [results.outcomes['real']['side'].read('000000') for results in (before, after)]
    assert images[0].max() == 16
    assert images[1].min() == 32
    assert before.hashes[weights] != after.hashes[weights]


def test_changed_images_are_restored_anew(benchmark_file, faces, tmp_path):
    folder = tmp_path / 'lr'
    write_image(folder / 'a.png', read_image(faces / 'lr' / '000000.png'))
    options = read_options(benchmark_file(
        datasets={'real': {'type': 'LowResolutionFaceDataset', 'dataroot_lq': str(folder)}}))
    before = runner.run(options, tmp_path / 'out').outcomes['real']['area'].read('a')
    write_image(folder / 'a.png', read_image(faces / 'lr' / '000001.png'))
    after = runner.run(options, tmp_path / 'out').outcomes['real']['area'].read('a')
    assert not np.array_equal(before, after)


@pytest.mark.parametrize('change', ['metric', 'seed'])
def test_changed_options_are_measured_anew(benchmark_file, tmp_path, change):
    options = read_options(benchmark_file())
    before = runner.run(options, tmp_path / 'out').outcomes['pairs']['area'].figures['psnr']
    if change == 'metric':
        options['metrics']['psnr']['crop_border'] = 8
    else:
        options['seed'] = 1
    after = runner.run(options, tmp_path / 'out').outcomes['pairs']['area'].figures['psnr']
    assert (before.value == after.value) == (change == 'seed')
    assert before.interval != after.interval


def test_what_is_absent_is_said_and_the_rest_is_run(benchmark_file, tmp_path):
    path = benchmark_file()
    options = read_options(path)
    options['methods'] = {'GFPGAN': {'type': 'spandrel', 'weights': 'gone.pth'}, 'truth': {'type': 'truth'},
                          **options['methods']}
    options['datasets']['LS3D-W'] = {'type': 'PairedFaceDataset', 'dataroot_gt': 'gone.lmdb', 'scale': 4}
    results = runner.run(options, tmp_path / 'out')
    assert results.outcomes['pairs']['GFPGAN'].not_run == 'file gone.pth not found'
    assert results.outcomes['real']['truth'].not_run == 'this dataset has no true faces'
    assert results.outcomes['LS3D-W']['area'].not_run == 'file gone.lmdb not found'
    assert results.outcomes['pairs']['area'].figures
    assert results.protocols['GFPGAN'] == 'not run: file gone.pth not found'


def test_first_images_only(benchmark_file, tmp_path):
    results = runner.run(choose(read_options(benchmark_file()), num_images=2), tmp_path / 'out')
    assert [len(images) for images in results.sets.values()] == [2, 2]


def test_true_faces_of_another_size_are_refused(benchmark_file, tmp_path):
    with pytest.raises(InputError, match='make gt_size and size the same'):
        runner.run(read_options(benchmark_file(size=32)), tmp_path)


def test_unknown_metric_is_refused(benchmark_file, tmp_path):
    with pytest.raises(InputError, match="metrics: sharp: unknown metric 'calculate_sharpness'"):
        runner.run(read_options(benchmark_file(metrics={'sharp': {'type': 'calculate_sharpness'}})), tmp_path)


def test_damaged_weights_end_the_run(benchmark_file, tmp_path):
    (tmp_path / 'bad.pth').write_bytes(b'nothing')
    block = {'type': 'network', 'network': {'type': 'SideNet'}, 'weights': str(tmp_path / 'bad.pth')}
    with pytest.raises(InputError, match='bad.pth: not a readable checkpoint'):
        runner.run(read_options(benchmark_file(methods={'side': block})), tmp_path / 'out')


def test_methods_get_no_more_than_a_batch(benchmark_file, tmp_path):
    runner.run(read_options(benchmark_file(methods=COUNTED, batch_size=4)), tmp_path / 'out')
    assert [len(keys) for keys in calls] == [4, 4, 4, 2]


def test_networks_run_without_gradients(benchmark_file, save_weights, tmp_path, monkeypatch):
    enabled = []
    forward = SideNet.forward
    monkeypatch.setattr(SideNet, 'forward', lambda self, x: enabled.append(
        (torch.is_grad_enabled(), self.training)) or forward(self, x))
    block = {'type': 'network', 'network': {'type': 'SideNet'}, 'weights': save_weights(SideNet())}
    runner.run(read_options(benchmark_file(methods={'side': block})), tmp_path / 'out')
    assert set(enabled) == {(False, False)}
