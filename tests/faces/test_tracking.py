"""Faces in the frames of a video: what stands still is held still, what moves is followed."""
from dataclasses import replace

import numpy as np
import pytest

from scgan_fan.faces.crop import Face
from scgan_fan.faces.tracking import Tracker, held, overlap


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


def test_what_is_known_of_a_face_goes_with_it():
    tracker = Tracker()
    _, second = tracker.follow([face(20), face(120)])
    tracker.remember([replace(second, detail=18.0)])
    assert [kept.detail for kept in tracker.follow([face(121), face(20.5)])] == [18, None]
    assert [kept.detail for kept in tracker.follow([])] == [18, None]


def test_detail_is_held_where_it_hardly_changes():
    details = [22.0, 23.5, 21.5, 22.9, 24.0, 26.0, 24.0, 21.9]
    kept = [details[0]]
    for detail in details[1:]:
        kept.append(held(kept[-1], detail))
    assert kept == [22, 22, 22, 22, 22, 26, 26, 21.9] and held(None, 20) == 20


def test_overlap():
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (10, 10, 20, 20)) == 0
