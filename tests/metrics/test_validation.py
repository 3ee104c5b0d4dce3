"""A metric gives a row for each image; its summary makes one figure of the rows."""
import numpy as np
import pytest
from basicsr.utils.registry import METRIC_REGISTRY

from scgan_fan.errors import InputError
from scgan_fan.metrics.validation import ValidationMetrics, metric


@METRIC_REGISTRY.register()
def metric_of_an_image(img, img2, **kwargs):
    return float(img - img2)


def largest(rows, least=0, **options):
    high = rows[rows[:, 0] >= least]
    return float(high[:, 0].max() + high[:, 1].sum()) if len(high) else None


@metric(largest)
def metric_with_a_summary(img, **kwargs):
    return np.array([img, 100])


MEAN, LARGEST = {'type': 'metric_of_an_image'}, {'type': 'metric_with_a_summary', 'better': 'lower'}


def measure(blocks: dict, images: list[dict]) -> dict:
    metrics = ValidationMetrics(blocks)
    for image in images:
        metrics.add(image)
    return metrics.results()


def test_the_mean_where_a_metric_names_no_summary():
    images = [{'img': value, 'img2': 1, 'other': 0} for value in (1, 5, 3)]
    assert list(measure({'largest': LARGEST, 'mean': MEAN}, images).items()) == [('largest', 305), ('mean', 2)]


def test_a_metric_with_nothing_to_measure_is_left_out():
    blocks = {'none': {**LARGEST, 'least': 9}, 'some': {**LARGEST, 'least': 2}}
    assert measure(blocks, [{'img': 2}]) == {'some': 102}
    assert measure({'largest': LARGEST, 'mean': MEAN}, []) == {}


def test_metrics_wait_for_what_they_need():
    """Without a ground truth, ``img2``; an option may give it as well."""
    assert measure({'mean': MEAN, 'largest': LARGEST}, [{'img': 4}]) == {'largest': 104}
    assert measure({'mean': {**MEAN, 'img2': 1}}, [{'img': 4}]) == {'mean': 3}
    assert measure({'largest': LARGEST}, [{'img2': 4}]) == {}


def test_unknown_metric():
    with pytest.raises(InputError, match="val: metrics: nme: unknown metric 'calculate_nmee'"):
        ValidationMetrics({'nme': {'type': 'calculate_nmee'}})


@pytest.mark.parametrize('block, message', [
    ({'type': 'calculate_psnr', 'crop_border': 0, 'test_y_chanel': True}, 'test_y_chanel: unknown option; did you'),
    ({'type': 'calculate_psnr', 'crop_border': 'a'}, "crop_border: 'a' is not a whole number from 0"),
    ({'type': 'calculate_psnr'}, 'crop_border: is missing'),
    ({**LARGEST, 'leasd': 9}, 'leasd: unknown option; did you mean least?')])
def test_wrong_options_are_said_before_anything_is_measured(block, message):
    with pytest.raises(InputError, match=f'val: metrics: mine: {message}'):
        ValidationMetrics({'mine': block})
