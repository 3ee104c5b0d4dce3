"""Measures registered in BasicSR's METRIC registry; ``validation`` applies them to a set.

``perceptual``      LPIPS, NIQE               ``distribution``    FID, KID and their relatives, over ``features``
``dlib_faces``      detection, five landmarks  ``recognition``     verification, identity, its gate
``onnx_recognition``  a recogniser from an ONNX file for those
``landmark_error``  NME and AUC of 68 landmarks, their confidence
PSNR and SSIM are BasicSR's.
"""
from scgan_fan.metrics.distribution import calculate_feature_distance, calculate_fid, calculate_kid
from scgan_fan.metrics.dlib_faces import calculate_detection, calculate_landmarks5
from scgan_fan.metrics.landmark_error import (calculate_auc, calculate_auc68, calculate_landmark_confidence,
                                              calculate_nme, calculate_nme68)
from scgan_fan.metrics.perceptual import calculate_lpips, calculate_niqe_enlarged
from scgan_fan.metrics.recognition import (calculate_identity, calculate_identity_gate, calculate_identity_gate_real,
                                           calculate_verification, calculate_verification_control)

__all__ = ['calculate_auc', 'calculate_auc68', 'calculate_detection', 'calculate_feature_distance', 'calculate_fid',
           'calculate_identity', 'calculate_identity_gate', 'calculate_identity_gate_real', 'calculate_kid',
           'calculate_landmark_confidence', 'calculate_landmarks5', 'calculate_lpips', 'calculate_niqe_enlarged',
           'calculate_nme', 'calculate_nme68', 'calculate_verification', 'calculate_verification_control']
