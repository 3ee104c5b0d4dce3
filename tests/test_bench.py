"""scripts/bench.py: the arithmetic, and that everything is measured; not the times."""
import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from runs import OPTIONS, read_options, small, write_options

SCRIPT = Path(__file__).parent.parent / 'scripts' / 'bench.py'


@pytest.fixture(scope='module')
def bench():
    spec = importlib.util.spec_from_file_location('bench', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def option_file(faces, tmp_path) -> str:
    return str(write_options(tmp_path / 'o.yml', small(read_options(OPTIONS / 'train_scgan_fan_cpu.yml'), faces)))


@pytest.fixture
def measure(bench, option_file, monkeypatch):
    """Run the script by a command line; returns its exit status."""
    def run(*arguments) -> int:
        monkeypatch.setattr(bench, 'LOADED_BATCHES', 2)
        monkeypatch.setattr(bench, 'FACES', 2)
        monkeypatch.setattr(sys, 'argv', ['bench.py', '-opt', option_file, *map(str, arguments)])
        return bench.main()
    return run


def test_ratios_are_formed_within_a_round(bench):
    """The second round was ten times as slow for both; the quotient of medians would be 30 / 20."""
    plain, fast = [3.0, 30.0, 40.0], [1.0, 20.0, 20.0]
    assert bench.ratios(plain, fast) == [3.0, 1.5, 2.0]
    assert bench.spread(bench.ratios(plain, fast)) == '1.50 2.00 3.00'


def test_ways_take_turns_after_a_warm_up(bench):
    done = []
    figures = bench.in_turn({name: lambda name=name: done.append(name) or len(done) for name in 'ab'}, rounds=2)
    assert done == ['a', 'b'] * (bench.WARM_UP + 2)
    assert figures == {'a': [2 * bench.WARM_UP + 1, 2 * bench.WARM_UP + 3],
                       'b': [2 * bench.WARM_UP + 2, 2 * bench.WARM_UP + 4]}


def test_options_begin_with_plain_whatever_the_file_says(bench, option_file, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['bench.py', '-opt', option_file, '--force_yml', 'train:precision=bfloat16',
                                      'train:channels_last=true', 'train:optim_g:fused=true'])
    opt, _ = bench.parse_arguments()
    plain, fast = bench.Step(opt).model.opt['train'], bench.Step(opt, **bench.FAST).model.opt['train']
    assert (plain['precision'], plain['channels_last'], plain['judge_jointly']) == ('float32', False, False)
    assert (fast['precision'], fast['channels_last'], fast['judge_jointly']) == ('bfloat16', True, True)
    assert plain['optim_g']['fused'] is False and fast['optim_d']['fused'] is True
    assert opt['train']['precision'] == 'bfloat16'


def test_the_released_way_of_stepping_learns_the_same_and_computes_more(bench, option_file, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['bench.py', '-opt', option_file])
    opt, _ = bench.parse_arguments()
    ours, released = ({}, {})
    for kind, seen in ((bench.Step, ours), (bench.ReleasedStep, released)):
        torch.manual_seed(0)
        step = kind(opt)
        step.seconds()
        networks = step.model.networks
        seen['learned'] = {(name, key): value for name in networks
                           for key, value in networks[name].state_dict().items()}
        seen['gradients'] = [parameter.grad for parameter in networks['d_h1'].parameters()]
    for key, value in ours['learned'].items():
        assert torch.allclose(value, released['learned'][key], atol=1e-6), key
    assert not any(map(torch.equal, ours['gradients'], released['gradients']))


def test_report(measure, tmp_path, capsys):
    """Options that need no compiler, and one that this machine may not have."""
    some = ['fused', 'no_heatmaps', 'stored_heatmaps', 'fast']
    path = tmp_path / 'bench.json'
    assert measure('--rounds', 2, '--options', *some, 'cuda_graphs', '--json', path, '--force_yml',
                   'datasets:train:batch_size_per_gpu=2') == 0
    report, text = json.loads(path.read_text()), capsys.readouterr().out
    assert report['batch'] == 2 and set(report['step']) == {*some, 'cuda_graphs'}
    for name in some:
        result = report['step'][name]
        assert len(result['seconds']) == len(result['plain']) == len(result['released']) == 2
        assert min(result['seconds']) > 0 and name in text
    assert report['step']['cuda_graphs'] == {'not_run': 'InputError: needs a GPU'} \
        or 'seconds' in report['step']['cuda_graphs']
    assert {len(speeds) for speeds in report['restoring'].values()} == {2}
    assert len(report['loading']['loading']) == 2


def test_what_is_not_there_is_said_and_the_rest_is_measured(measure, tmp_path, capsys):
    path = tmp_path / 'bench.json'
    assert measure('--only', 'loading', 'restoring', '--json', path, '--force_yml',
                   'datasets:train:dataroot_gt=no.lmdb') == 1
    assert 'loading: not run: no.lmdb: does not exist' in capsys.readouterr().out
    assert 'one by one' in json.loads(path.read_text())['restoring']


def test_other_option_files_end_in_one_line(measure, capsys):
    assert measure('-opt', OPTIONS / 'train_fan64.yml') == 1
    assert "error: datasets: train: type: unknown value 'LandmarkFaceDataset'" in capsys.readouterr().err
