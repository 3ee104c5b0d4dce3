"""Faces in the frames of a video: what stands still is held still, what moves is followed."""
import numpy as np
import pytest

from scgan_fan.faces.crop import Face
from scgan_fan.faces.tracking import Tracker, overlap


def face(x: float, y: float = 50, side: float = 20) -> Face:
    points = np.array([(5.0, 6), (15, 6), (10, 10), (6, 15), (14, 15)]) + (x, y)
    return Face((x, y, x + side, y + side), points, 0.9)


def test_a_face_that_stands_still_does_not_tremble():
    noise = np.random.default_rng(0).normal(0, 0.5, 60)
    tracker = Tracker()
    followed = [tracker.follow([face(50 + shift)])[0] for shift in noise]
    steps = np.abs(np.diff([kept.box[0] for kept in followed]))[5:]
    assert steps.mean() < 0.4 * np.abs(np.diff(noise)).mean()
    assert followed[-1].points[0, 0] - followed[-1].box[0] == pytest.approx(5)


def test_a_face_that_moves_is_followed():
    tracker = Tracker()
    kept = [tracker.follow([face(50 + 4 * number)])[0].box[0] for number in range(10)]
    assert kept == pytest.approx([50 + 4 * number for number in range(10)], abs=0.5)


def test_each_face_has_its_own_place_whatever_the_order():
    tracker = Tracker()
    tracker.follow([face(20), face(120)])
    second, first = tracker.follow([face(121), face(20.5)])
    assert 120 <= second.box[0] <= 121 and 20 <= first.box[0] <= 20.5


def test_a_face_that_is_missed_stays_for_two_frames():
    tracker = Tracker()
    assert [len(tracker.follow(found)) for found in ([face(50)], [], [], [], [face(50)])] == [1, 1, 1, 0, 1]


def test_a_detector_without_points():
    tracker = Tracker()
    bare = Face((50, 50, 70, 70), None, 1.0, 'dlib')
    tracker.follow([bare])
    assert tracker.follow([bare])[0].points is None


def test_overlap():
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 10, 20, 20)) == 0
