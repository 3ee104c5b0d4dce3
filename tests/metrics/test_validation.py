"""Metrics of one sample are averaged; metrics of a set are asked once, at the end."""

import numpy as np
import pytest
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError
from scgan_fan.metrics.validation import ValidationMetrics, over_set


@METRIC_REGISTRY.register()
def metric_of_a_sample(img, img2, **kwargs):
    return float(img - img2)


@METRIC_REGISTRY.register()
@over_set
def metric_of_the_set(img, least=0, **kwargs):
    high = [each for each in img if each >= least]
    return max(high) * len(img) if high else None


SAMPLE, SET = {'type': 'metric_of_a_sample'}, {'type': 'metric_of_the_set', 'better': 'lower'}


def measure(blocks: dict, samples: list[dict]) -> dict:
    metrics = ValidationMetrics(blocks)
    for sample in samples:
        metrics.add(sample)
    return metrics.results()


def test_samples_are_averaged_and_the_set_is_measured_as_one():
    samples = [{'img': value, 'img2': 1, 'other': 0} for value in (1, 5, 3)]
    assert list(measure({'set': SET, 'mean': SAMPLE}, samples).items()) == [('set', 15), ('mean', 2)]


def test_a_set_metric_with_nothing_to_measure_is_left_out():
    assert measure({'none': {**SET, 'least': 9}, 'some': {**SET, 'least': 2}}, [{'img': 2}]) == {'some': 2}
    assert measure({'set': SET, 'mean': SAMPLE}, []) == {}


def test_metrics_wait_for_what_they_need():
    """Without a ground truth, ``img2``; an option may give it as well."""
    assert measure({'mean': SAMPLE, 'set': SET}, [{'img': 4}]) == {'set': 4}
    assert measure({'mean': {**SAMPLE, 'img2': 1}}, [{'img': 4}]) == {'mean': 3}
    assert measure({'set': SET}, [{'img2': 4}]) == {}


def test_only_what_set_metrics_need_is_kept():
    metrics = ValidationMetrics({'set': SET, 'mean': SAMPLE})
    metrics.add({'img': 1, 'img2': 1, 'large': np.zeros(9)})
    assert metrics.kept == {'img': [1]}


def test_unknown_metric():
    with pytest.raises(InputError, match="val: metrics: nme: unknown metric 'calculate_nmee'"):
        ValidationMetrics({'nme': {'type': 'calculate_nmee'}})
