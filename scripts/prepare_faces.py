"""``scgan-fan prepare``: make training data from a collection of photographs."""
import sys

from scgan_fan.commands.prepare import main

if __name__ == '__main__':
    sys.exit(main())
