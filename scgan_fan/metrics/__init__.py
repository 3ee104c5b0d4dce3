"""Measures registered in BasicSR's METRIC registry; ``validation`` applies them to a set.

``perceptual``      LPIPS, NIQE               ``distribution``    FID, KID and their relatives, over ``features``
``dlib_faces``      detection, five landmarks  ``recognition``     verification, identity, its gate
``onnx_recognition``  a recogniser from an ONNX file for those
``landmark_error``  NME and AUC of 68 landmarks, their confidence
PSNR and SSIM are BasicSR's.
"""
from scgan_fan.metrics import distribution, dlib_faces, landmark_error, perceptual, recognition  # noqa: F401  (registers)
