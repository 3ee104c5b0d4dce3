"""Faces of one frame of a video after another: places that hardly change are held still, so that nothing flickers."""
from dataclasses import replace

import numpy as np

from scgan_fan.faces.crop import Face

Box = tuple[float, float, float, float]  # left, top, right, bottom
SAME_FACE = 0.3  # overlap of the boxes in two frames, intersection over union
MOVED = 0.15  # of the box: a movement from one frame to the next that is followed at once
LEAST = 0.2  # weight of the new place of a face that stands still
CHANGED = 0.15  # of the detail that a face shows: what changes by less is held
KEPT = 2  # frames for which a face that is no longer found stays where it was


class Tracker:
    """Smooths the faces of each frame with those of the frames before.

    The smaller a movement, the more it is taken for the detector's noise: what the One Euro filter does (Casiez et al.,
    CHI 2012), with the movement relative to the face in the place of its speed.
    """

    def __init__(self) -> None:
        self._faces: list[tuple[Face, int]] = []  # and for how many frames it was not found

    def follow(self, found: list[Face]) -> list[Face]:
        """The faces of the next frame, and those that were there a moment ago."""
        left, faces = list(self._faces), []
        for face in found:
            before = max(left, key=lambda known: overlap(known[0].box, face.box), default=None)
            if before is None or overlap(before[0].box, face.box) < SAME_FACE:
                faces.append((face, 0))
            else:
                left.remove(before)
                faces.append((_between(before[0], face), 0))
        self._faces = faces + [(face, missed + 1) for face, missed in left if missed < KEPT]
        return [face for face, _ in self._faces]

    def remember(self, faces: list[Face]) -> None:
        """What became known of faces that ``follow`` gave: their ``detail``."""
        known = {face.box: face for face in faces}
        self._faces = [(known.get(face.box, face), missed) for face, missed in self._faces]


def held(before: float | None, now: float) -> float:
    """The detail that a face shows, or what it showed before where that is nearly the same: a face between the sizes of
    two networks is not to go to and fro."""
    return now if before is None or abs(now - before) > CHANGED * before else before


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    corners = np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])
    shared = (corners[1] - corners[0]).clip(0).prod()
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return float(shared / (sum(areas) - shared))


def _between(before: Face, now: Face) -> Face:
    movement = np.abs(np.subtract(now.box, before.box)).max() / now.size
    weight = LEAST + (1 - LEAST) * min(1, movement / MOVED)
    box = tuple((weight * np.array(now.box) + (1 - weight) * np.array(before.box)).tolist())
    now = replace(now, box=box, detail=before.detail)
    if now.points is None or before.points is None:
        return now
    return replace(now, points=weight * now.points + (1 - weight) * before.points)
