"""``scgan-fan convert``: convert weights of a restoration network."""
import sys

from scgan_fan.commands.convert import main

if __name__ == '__main__':
    sys.exit(main())
