"""What some options may be, and are by default: here, where neither torch nor BasicSR is imported, because
``COMMAND --help`` says it.
"""
from typing import Literal, get_args

CHANNEL_ORDERS = ('rgb', 'bgr')  # of the images that a network was trained on
DETECTORS = ('centerface', 'retinaface', 'dlib')  # of faces, the default first
MIN_FACE = 10  # pixels: crops of faces of 12 come out as 10 to 14
PRECISIONS = ('float32', 'bfloat16', 'float16', 'auto')  # of restoring
BATCH = 32  # faces
FIDELITY = 0.5
VIDEO_SUFFIXES = ('.mp4', '.mov', '.avi', '.mkv', '.webm', '.m4v')
EXPORTS = ('onnx', 'torchscript')
Stacks = Literal['last', 'first', 'mean']  # of FAN's hourglasses, whose heatmaps are compared
STACKS = get_args(Stacks)
