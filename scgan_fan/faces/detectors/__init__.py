"""The detectors of faces. Each has ``find(image, min_face)``, which gives a list of ``faces.crop.Face``: of a ``uint8``
RGB photograph (height, width, 3) and the side in pixels of the smallest crop that is wanted. ``load()`` gives its
network, and raises InputError where the package that holds it is not installed, or the weights are of another.
"""
