"""Networks: pure modules without losses, files or devices, registered in BasicSR's ARCH registry."""
from scgan_fan.archs.degradation_arch import DegradationNet
from scgan_fan.archs.discriminator_arch import FaceDiscriminator
from scgan_fan.archs.fan_arch import FAN
from scgan_fan.archs.restoration_arch import RestorationNet

__all__ = ['DegradationNet', 'FAN', 'FaceDiscriminator', 'RestorationNet']
