"""Intervals and verdicts against cases that are known."""
import numpy as np
import pytest

from scgan_fan.benchmark.statistics import Estimate, bootstrap, verdict


def mean(rows: np.ndarray) -> float:
    return float(rows.mean())


def estimate(rows: np.ndarray, resamples: int = 1000) -> Estimate:
    return Estimate(mean(rows), bootstrap(rows, mean, resamples, seed=0))


def test_interval_of_a_mean_is_the_normal_one():
    rows = np.random.default_rng(1).normal(10, 2, 1000)
    low, high = estimate(rows).interval
    margin = 1.96 * rows.std() / np.sqrt(len(rows))
    assert (low, high) == pytest.approx((rows.mean() - margin, rows.mean() + margin), abs=0.15 * margin)


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(2)
    held = [low < 5 < high for low, high in (estimate(rng.exponential(5, 100), 200).interval for _ in range(200))]
    assert 0.88 < np.mean(held) < 0.99


def test_paired_difference_separates_where_intervals_overlap():
    images = np.random.default_rng(3).normal(25, 3, 100)
    better = estimate(images + 0.2 + np.random.default_rng(4).normal(0, 0.1, 100))
    baseline = estimate(images)
    assert better.interval[0] < baseline.interval[1]
    assert better.minus(baseline).interval == pytest.approx((0.18, 0.22), abs=0.02)
    assert verdict(better.minus(baseline), 'higher') == 'better'
    assert verdict(better.minus(baseline), 'lower') == 'worse'
    assert verdict(baseline.minus(better), 'lower') == 'better'


def test_equal_methods_are_seldom_called_different():
    rng = np.random.default_rng(5)
    verdicts = []
    for _ in range(200):
        images = rng.normal(25, 3, 60)
        first, second = (estimate(images + rng.normal(0, 1, 60), 200) for _ in range(2))
        verdicts.append(verdict(first.minus(second), 'higher'))
    assert np.mean([said != '' for said in verdicts]) < 0.1


def test_summaries_of_arrays_and_of_nothing():
    rows = np.arange(12.).reshape(6, 2)
    resampled = bootstrap(rows, lambda drawn: None if drawn[0, 0] == 0 else drawn[:, 1].max(), 100, seed=0)
    assert np.isnan(resampled).any()
    assert Estimate(11, resampled).interval[1] == 11


def test_one_image_has_no_interval():
    figure = estimate(np.array([3.]))
    assert np.isnan(figure.interval).all()
    assert verdict(figure.minus(figure), 'higher') == ''


def test_the_seed_decides_the_draws():
    rows = np.random.default_rng(7).normal(size=20)
    assert np.array_equal(bootstrap(rows, mean, 10, seed=1), bootstrap(rows, mean, 10, seed=1))
    assert not np.array_equal(bootstrap(rows, mean, 10, seed=1), bootstrap(rows, mean, 10, seed=2))
