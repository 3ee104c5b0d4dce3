"""Option files: the shipped ones, and mistakes."""
from pathlib import Path

import pytest

from scgan_fan.benchmark import runner
from scgan_fan.benchmark.options import choose, read_options
from scgan_fan.errors import InputError

SHIPPED = sorted((Path(__file__).parent.parent.parent / 'options' / 'benchmark').glob('*.yml'))


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_run_where_nothing_is_there(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = runner.run(read_options(path), tmp_path / 'out')
    for outcomes in results.outcomes.values():
        assert all(outcome.not_run.endswith('not found') for outcome in outcomes.values())


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
