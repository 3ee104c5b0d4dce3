"""Measures registered in BasicSR's METRIC registry."""
from scgan_fan.metrics.landmark_error import calculate_auc, calculate_nme

__all__ = ['calculate_auc', 'calculate_nme']
