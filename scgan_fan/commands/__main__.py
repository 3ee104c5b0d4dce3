"""``python -m scgan_fan.commands COMMAND ...``: what ``scgan-fan COMMAND ...`` does, where that is not on the PATH."""
import sys

from scgan_fan.commands import main

sys.exit(main())
