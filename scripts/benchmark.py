"""Methods side by side on the same faces: a table, a picture, a page and a file of numbers.

    python scripts/benchmark.py -opt options/benchmark/faces64.yml -o results/faces64
"""
import sys

from scgan_fan.benchmark.__main__ import main

if __name__ == '__main__':
    sys.exit(main())
