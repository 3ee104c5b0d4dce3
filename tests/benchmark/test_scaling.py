"""Measuring what more processes give: the arithmetic, not the times."""
import pytest

from runs import OPTIONS, read_options, small, write_options
from scgan_fan.benchmark import scaling
from scgan_fan.benchmark.scaling import Scaling, measure_scaling
from scgan_fan.errors import InputError


@pytest.fixture
def option_file(faces, tmp_path):
    return write_options(tmp_path / 'o.yml', small(read_options(OPTIONS / 'train_scgan_fan_cpu.yml'), faces))


def test_rates_count_all_pairs_and_efficiency_those_of_each_process(monkeypatch):
    seconds = {1: [2.0, 9.0, 2.0], 4: [3.0, 4.0, 5.0]}
    monkeypatch.setattr(scaling, '_run', lambda file, count, options: {'batch': 3, 'seconds': seconds[count]})
    assert measure_scaling('o.yml', [1, 4], 3) == [Scaling(1, 2.0, 1.5, 1.0), Scaling(4, 4.0, 3.0, 0.5)]


@pytest.mark.slow
def test_processes_are_started_and_timed(option_file):
    rows = measure_scaling(option_file, [1, 2], 2, ['datasets:train:batch_size_per_gpu=3'])
    assert [row.processes for row in rows] == [1, 2]
    assert all(row.pairs_per_second == pytest.approx(3 * row.processes / row.step_seconds) for row in rows)


@pytest.mark.slow
def test_a_training_that_fails_says_why(option_file):
    with pytest.raises(InputError, match='on 1 processes failed: .*train: init: unknown value'):
        measure_scaling(option_file, [1], 1, ['train:init=zeros'])
