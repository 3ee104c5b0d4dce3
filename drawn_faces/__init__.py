"""Drawn faces with exact landmarks: data for examples and tests that shows no real person.

``scgan-fan draw`` writes sets of them. Landmarks need no detection: a face is painted around them.
"""
from drawn_faces.dataset import degrade_hidden, draw_dataset
from drawn_faces.face import draw_face

__all__ = ['degrade_hidden', 'draw_dataset', 'draw_face']
