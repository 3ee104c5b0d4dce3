"""Measuring speed: the arithmetic, and that everything is measured; not the times."""
import json
import sys

import pytest

from runs import OPTIONS, read_options, small, write_options
from scgan_fan.benchmark import speed, speed_parts
from scgan_fan.benchmark.measurements import Loading
from scgan_fan.benchmark.ratios import Spread, aligned, distances, hours, quotients
from scgan_fan.benchmark.variants import VARIANTS, read_task
from scgan_fan.benchmark.worker import Worker
from scgan_fan.errors import InputError

SOME = ['plain', 'fused', 'no heatmap term', 'stored heatmaps', 'fast']


@pytest.fixture
def option_file(faces, tmp_path) -> str:
    return str(write_options(tmp_path / 'o.yml', small(read_options(OPTIONS / 'train_scgan_fan_cpu.yml'), faces)))


def measure(monkeypatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, 'argv', ['benchmark_speed.py', '--threads', '1', *map(str, arguments)])
    return speed.main()


def test_ratios_are_formed_within_a_round():
    """The second round was ten times as slow for both; the quotient of medians would be 30 / 20."""
    plain, fast = [3.0, 30.0, 40.0], [1.0, 20.0, 20.0]
    assert quotients(plain, fast) == Spread(median=2.0, least=1.5, greatest=3.0)
    assert quotients(plain, fast).text() == '2.00 (1.50 to 3.00)'


def test_agreement_is_the_mean_over_the_steps_of_absolute_differences():
    plain = [{'l_a': 1.0, 'l_b': 0.0}, {'l_a': 2.0, 'l_b': 4.0}]
    other = [{'l_a': 1.5, 'l_b': 3.0}, {'l_a': 0.5, 'l_b': 3.0}]
    assert distances(other, plain) == {'l_a': 1.0, 'l_b': 2.0}


def test_hours_of_a_whole_run():
    assert hours(seconds=12, pairs=8, wanted=62600 * 64) == pytest.approx(1669.33, abs=0.01)


def test_tables_are_aligned():
    assert list(aligned(['name', 's'], [['a', '10'], ['longer', '5']])) == ['name     s', 'a       10', 'longer   5']


def test_variants_begin_with_plain_whatever_the_file_says(option_file):
    task = read_task(option_file, batch=2, width=0.125)
    task.opt['train'].update(precision='bfloat16', compile='default')
    task.opt['train']['optim_g']['fused'] = True
    plain, fast = VARIANTS['plain'].options(task.opt), VARIANTS['fast, compiled'].options(task.opt)
    assert plain['train']['precision'] == 'float32' and plain['train']['compile'] is None
    assert plain['train']['optim_g']['fused'] is False and fast['train']['optim_d']['fused'] is True
    assert {key: fast['train'][key] for key in ('precision', 'channels_last', 'judge_jointly', 'compile')} == {
        'precision': 'bfloat16', 'channels_last': True, 'judge_jointly': True, 'compile': 'default'}
    assert plain['network_g']['width'] == 0.125 and task.batch == 2 and task.planned == (2, 4)


def test_report(option_file, faces, tmp_path, monkeypatch, capsys):
    """Two rounds of some variants that need no compiler, and one that this machine may not have."""
    monkeypatch.setattr(speed_parts, 'LOADED_PAIRS', 32)
    monkeypatch.setattr(speed_parts, 'MATRIX_SIDES', (256,))
    path = tmp_path / 'report.json'
    assert measure(monkeypatch, '-opt', option_file, '--batch', 2, '--rounds', 2, '--variants', *SOME, 'CUDA graphs',
                   '--only', 'step', 'heatmap', 'loading', 'restoring', '--data', faces / 'hr.lmdb', faces / 'lr.lmdb',
                   '-o', path) == 0
    report, text = json.loads(path.read_text()), capsys.readouterr().out
    assert report['machine']['threads'] == 1 and report['batch'] == 2
    assert set(report['step']) == {*SOME, 'CUDA graphs'}
    for name in SOME:
        result = report['step'][name]
        assert len(result['rounds']) == len(result['plain']) == 2 and min(result['rounds']) > 0
        assert result['flops'] > 0 and name in text
    assert report['step']['CUDA graphs'] == {'not_run': 'needs a GPU'} or 'rounds' in report['step']['CUDA graphs']
    assert report['step']['no heatmap term']['flops'] < report['step']['stored heatmaps']['flops'] \
        < report['step']['plain']['flops']
    assert {len(values) for values in report['loading']['alone'].values()} == {2}
    assert all(step['waiting'] < step['seconds'] for steps in report['loading']['fed'].values() for step in steps)
    assert report['restoring']['difference']['one by one, float32'] == 0
    assert max(report['restoring']['difference'].values()) < 1


def test_agreement(option_file, faces, tmp_path, monkeypatch):
    path = tmp_path / 'report.json'
    assert measure(monkeypatch, '-opt', option_file, '--only', 'agreement', '--agree', 3, '--variants', 'channels_last',
                   '--data', faces / 'hr.lmdb', faces / 'lr.lmdb', '-o', path) == 0
    runs = json.loads(path.read_text())['agreement']
    assert list(runs) == ['plain', 'plain, other seed', 'channels_last']
    near, far = (distances(runs[name], runs['plain']) for name in ('channels_last', 'plain, other seed'))
    assert all(near[loss] < far[loss] for loss in far)


@pytest.mark.parametrize('wrong, said', [
    (['-opt', 'nothing.yml'], 'error: nothing.yml: not a readable option file'),
    (['-opt', OPTIONS / 'train_fan64.yml'], "unknown value 'LandmarkFaceDataset'"),
    (['--width', '99', '--only', 'step'], "error: width: 99.0 must be a share"),
    (['--only', 'loading', '--data', 'no.lmdb', 'nor.lmdb'], 'error: no.lmdb: does not exist'),
])
def test_bad_arguments_end_in_one_line(option_file, monkeypatch, capsys, wrong, said):
    assert measure(monkeypatch, '-opt', option_file, *wrong) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert said in lines[-1]
    assert not any('Traceback' in line for line in lines)


def test_what_fails_in_a_process_is_one_line():
    with Worker(1, Loading, {}) as worker, pytest.raises(InputError, match="^KeyError: 'datasets'$"):
        worker.call('pairs_per_second', {}, 1)


@pytest.mark.slow
def test_everything(option_file, tmp_path, monkeypatch):
    """With the compiler, on faces drawn for it."""
    path = tmp_path / 'report.json'
    assert measure(monkeypatch, '-opt', option_file, '--rounds', 1, '-o', path) == 0
    report = json.loads(path.read_text())
    assert set(report['step']) == set(VARIANTS) and 'rounds' in report['step']['compile']
    assert report['writing']['images'] == 1024 and set(report['loading']['alone']) > {'stored heatmaps'}
