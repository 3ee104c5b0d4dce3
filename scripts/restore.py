"""``scgan-fan restore``: restore the faces in photographs and videos."""
import sys

from scgan_fan.commands.restore import main

if __name__ == '__main__':
    sys.exit(main())
