"""``scgan-fan lmdb``: store folders of images as one LMDB."""
import sys

from scgan_fan.commands.lmdb import main

if __name__ == '__main__':
    sys.exit(main())
