"""``scgan-fan export``: export a restoration network to ONNX or TorchScript."""
import sys

from scgan_fan.commands.export import main

if __name__ == '__main__':
    sys.exit(main())
