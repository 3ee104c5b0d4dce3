"""All networks, losses, metrics, datasets and models registered with BasicSR, and its script mended that is running."""
from scgan_fan import archs, compat, data, losses, metrics, models  # noqa: F401

compat.mend_running_script()
