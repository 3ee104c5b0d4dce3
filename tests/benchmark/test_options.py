"""Option files: the shipped ones, and mistakes."""
from pathlib import Path

import pytest

from scgan_fan.benchmark import runner
from scgan_fan.benchmark.options import choose, read_options
from scgan_fan.errors import InputError
from scgan_fan.images import read_image

SHIPPED = sorted((Path(__file__).parent.parent.parent / 'options' / 'benchmark').glob('*.yml'))


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_run_where_nothing_is_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = runner.run(read_options(path), tmp_path / 'out')
    for outcomes in results.outcomes.values():
        assert all(outcome.not_run.endswith('not found') for outcome in outcomes.values())


def test_faces_of_128_pixels_are_measured(larger_faces, tmp_path):
    """As options/benchmark/faces128.yml says, on drawn faces, by what needs no file that does not come along."""
    options = read_options(next(path for path in SHIPPED if path.stem == 'faces128'))
    options['datasets']['pairs']['dataroot_gt'] = str(larger_faces / 'val_hr')
    options['datasets']['real']['dataroot_lq'] = str(larger_faces / 'lr')
    options['methods']['SCGAN+FAN, for 32']['weights'] = 'scgan_fan'
    wanted = ['bicubic', 'SCGAN+FAN at 16 pixels', 'SCGAN+FAN, for 32', 'truth']
    options['methods'] = {name: options['methods'][name] for name in wanted}
    options['metrics'] = {name: options['metrics'][name] for name in ('psnr', 'nme68', 'auc68', 'confidence')}
    results = runner.run(options, tmp_path / 'out')
    for name, outcome in results.outcomes['pairs'].items():
        assert outcome.figures.keys() == options['metrics'].keys() and not outcome.not_measured, name
        assert all(read_image(path).shape == (128, 128, 3) for path in outcome.folder.iterdir())
    errors = {name: outcome.figures['nme68'].value for name, outcome in results.outcomes['pairs'].items()}
    assert errors.pop('truth') == 0 and all(0 < error < 30 for error in errors.values())
    assert results.outcomes['real']['SCGAN+FAN, for 32'].figures.keys() == {'confidence'}


@pytest.mark.parametrize('changes, message', [
    ({'sise': 64}, 'sise: unknown option; did you mean size'),
    ({'seed': -1}, 'seed: -1 is not a whole number from 0'),
    ({'datasets': {}}, 'datasets: give one block'),
    ({'methods': ['bicubic']}, 'methods: give one block'),
    ({'baseline': 'ours'}, "names 'ours', which is not among its methods"),
    ({'published': {'area': {'pairs': {'fid': 1.0}}}}, "names 'fid', which is not among its metrics"),
    ({'published': {'area': {'pairs': {'psnr': 'good'}}}}, "area: pairs: psnr: 'good' is not a finite number"),
    ({'published': {'area': 24.0}}, 'published: area: 24.0 is not a valid dictionary')])
def test_mistakes_are_one_line(changes, message, benchmark_file):
    with pytest.raises(InputError, match=message) as error:
        read_options(benchmark_file(**changes))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('text', [None, 'name: [', 'a string', 'name: !!python/object/apply:os.system [ls]'])
def test_files_that_are_none(text, tmp_path):
    if text is not None:
        (tmp_path / 'x.yml').write_text(text)
    with pytest.raises(InputError, match='x.yml: not a'):
        read_options(tmp_path / 'x.yml')


def test_choosing_methods(benchmark_file):
    options = read_options(benchmark_file())
    chosen = choose(options, methods=['area'])
    assert list(chosen['methods']) == ['area']
    assert chosen['baseline'] == 'area'
    assert options['baseline'] == 'bicubic'
    with pytest.raises(InputError, match="--methods: 'ours' is not in the option file; it has bicubic, area"):
        choose(options, methods=['ours'])
