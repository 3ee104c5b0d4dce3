"""What some options may be: here, where neither torch nor BasicSR is imported, because ``COMMAND --help`` says it."""
from typing import Literal, get_args

CHANNEL_ORDERS = ('rgb', 'bgr')  # of the images that a network was trained on
DETECTORS = ('centerface', 'retinaface', 'dlib')  # of faces, the default first
EXPORTS = ('onnx', 'torchscript')
Stacks = Literal['last', 'first', 'mean']  # of FAN's hourglasses, whose heatmaps are compared
STACKS = get_args(Stacks)
