"""Losses: tensors in, a scalar out. Pixel, cycle and adversarial terms are BasicSR's L1Loss, MSELoss and GANLoss."""
from scgan_fan.losses.feature_loss import FeatureLoss
from scgan_fan.losses.gradient_penalty import GradientPenalty, ZeroCenteredPenalty
from scgan_fan.losses.heatmap_loss import HeatmapLoss
from scgan_fan.losses.identity_loss import IdentityLoss

__all__ = ['FeatureLoss', 'GradientPenalty', 'HeatmapLoss', 'IdentityLoss', 'ZeroCenteredPenalty']
