"""``scgan-fan COMMAND ...``: everything from one command line. Each command is a module with a ``main()``.

``train`` and ``test``, which torchrun starts with ``python -m``, and ``experiments`` are modules elsewhere; the others
lie here, and ``draw`` in the package of the drawn faces.
"""
import importlib
import os
import signal
import sys

from scgan_fan import __version__

COMMANDS = {  # name -> module, what it does
    'train': ('scgan_fan.train', 'train by an option file, with BasicSR\'s flags'),
    'test': ('scgan_fan.test', 'test by an option file, with BasicSR\'s flags'),
    'restore': ('scgan_fan.commands.restore', 'restore the faces in photographs and videos'),
    'demo': ('scgan_fan.commands.demo', 'restore photographs on a page in the browser'),
    'benchmark': ('scgan_fan.commands.benchmark', 'compare methods: a table, pictures, a page'),
    'prepare': ('scgan_fan.commands.prepare', 'make training data from collections of photographs'),
    'draw': ('drawn_faces.command', 'draw faces with exact landmarks to try everything on'),
    'lmdb': ('scgan_fan.commands.lmdb', 'store folders of images as an LMDB'),
    'heatmaps': ('scgan_fan.commands.heatmaps', 'store the heatmaps of HR faces, which spares training to draw them'),
    'convert': ('scgan_fan.commands.convert', 'convert weights'),
    'export': ('scgan_fan.commands.export', 'export a network to ONNX or TorchScript'),
    'options': ('scgan_fan.commands.options', 'copy the option files that come with the package to a folder'),
    'pack': ('scgan_fan.commands.pack', 'what a training leaves, in few small files'),
    'experiments': ('scgan_fan.experiments', 'list the papers\' experiments and what to run'),
    'doctor': ('scgan_fan.commands.doctor', 'say what is installed and missing, or if two sets of faces are cut alike'),
}


def usage() -> str:
    """The text of ``scgan-fan --help``."""
    width = max(map(len, COMMANDS))
    lines = [f'  {name:{width}}  {what}' for name, (_, what) in COMMANDS.items()]
    return '\n'.join(['usage: scgan-fan COMMAND ...', '', *lines, '', 'scgan-fan COMMAND --help tells of its options.',
                      'example: scgan-fan restore -i holiday.jpg -o restored'])


def main() -> int | None:
    """Run the command that the command line names, as if it had been called itself."""
    try:
        status = _run(sys.argv[1] if len(sys.argv) > 1 else '--help')
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, ``head`` for one, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 128 + signal.SIGPIPE
    return status


def _run(name: str) -> int | None:
    if name in ('-h', '--help'):
        print(usage())
        return 0
    if name == '--version':
        print(f'scgan-fan {__version__}')
        return 0
    if name not in COMMANDS:
        print(f'error: unknown command {name!r}\n\n{usage()}', file=sys.stderr)
        return 2
    sys.argv = [f'scgan-fan {name}', *sys.argv[2:]]
    return importlib.import_module(COMMANDS[name][0]).main()
