"""Write the option files that are a base file with differences (scgan_fan/experiments.yml):

    python scripts/make_options.py
"""
from pathlib import Path

from scgan_fan.experiments import write_options

if __name__ == '__main__':
    for path in write_options(Path(__file__).resolve().parent.parent / 'options'):
        print(path)
