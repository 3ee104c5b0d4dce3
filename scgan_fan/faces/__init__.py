"""Faces: where they and their landmarks lie."""
