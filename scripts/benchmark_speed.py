"""How fast training, loading, restoring and writing are on this machine, and what each option gives.

    python scripts/benchmark_speed.py -o speed.json
"""
import sys

from scgan_fan.benchmark.speed import main

if __name__ == '__main__':
    sys.exit(main())
