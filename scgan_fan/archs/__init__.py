"""Networks: pure modules without losses, files or devices, registered with BasicSR by ``plugin``. Restoring goes
without BasicSR, whose import takes longer than all else.
"""
from scgan_fan.archs.degradation_arch import DegradationNet
from scgan_fan.archs.discriminator_arch import FaceDiscriminator
from scgan_fan.archs.fan_arch import FAN
from scgan_fan.archs.lrgan_arch import LRGANReleasedDegrader, LRGANReleasedDiscriminator
from scgan_fan.archs.recognition_arch import RecognitionNet
from scgan_fan.archs.restoration_arch import RestorationNet
from scgan_fan.archs.superfan_arch import DCGANCritic, SuperFANNet

RESTORERS = RestorationNet, SuperFANNet
DEGRADERS = DegradationNet, LRGANReleasedDegrader
DISCRIMINATORS = FaceDiscriminator, LRGANReleasedDiscriminator, DCGANCritic
__all__ = ['FAN', 'DCGANCritic', 'DegradationNet', 'FaceDiscriminator', 'LRGANReleasedDegrader',
           'LRGANReleasedDiscriminator', 'RecognitionNet', 'RestorationNet', 'SuperFANNet']
