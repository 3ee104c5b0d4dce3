"""Training: who is updated when, with what. Registered in BasicSR's MODEL registry."""
from scgan_fan.models.fan_model import FANModel
from scgan_fan.models.paired_model import PairedModel
from scgan_fan.models.semi_cycle_model import SemiCycleModel

__all__ = ['FANModel', 'PairedModel', 'SemiCycleModel']
