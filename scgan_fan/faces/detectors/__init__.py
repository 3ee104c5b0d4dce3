"""The detectors of faces: each has ``find``, from a photograph to a list of ``faces.crop.Face``."""
