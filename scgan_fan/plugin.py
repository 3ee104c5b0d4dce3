"""All networks, losses, metrics, datasets and models registered with BasicSR, and its script mended that is running."""
from basicsr.utils.registry import ARCH_REGISTRY

from scgan_fan import archs, compat, losses, metrics, models  # noqa: F401
from scgan_fan.data import (  # noqa: F401
    landmark_face_dataset,
    low_resolution_face_dataset,
    paired_face_dataset,
    unpaired_face_dataset,
)

for name in archs.__all__:
    ARCH_REGISTRY.register(getattr(archs, name))

compat.mend_running_script()
