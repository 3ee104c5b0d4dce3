"""Faces: where their landmarks lie, and faces drawn with known landmarks."""
