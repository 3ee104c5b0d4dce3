"""The experiments of the papers: what there is, what was published, and what to run.

    scgan-fan experiments              all of them
    scgan-fan experiments superfan     those whose file, row or table has this in it

They are the option files themselves. The head of each says what it is, where its paper has it, which runs it starts
from, and the published figures:

    # SR-ResNet continued with feature and adversarial loss.
    # Paper: Super-FAN (CVPR 2018), Tables 1 to 5: SR-GAN
    # After: superfan_sr_resnet
    #   PSNR at 30, 60, 90 degrees: 20.01, 20.94, 21.48 dB
"""
import argparse
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from scgan_fan.commands.line import ends_in_one_line
from scgan_fan.errors import InputError

HEAD = re.compile(r'# (?P<what>.+)\n(?:#.*\n)*?# Paper: (?P<table>.+): (?P<row>.+)\n(?:# After: (?P<after>.+)\n)?'
                  r'(?P<published>(?:#   .+\n)*)')


@dataclass(frozen=True)
class Experiment:
    """An option file with the head of an experiment."""

    path: Path
    what: str  # one sentence
    table: str  # where the paper has it
    row: str
    after: tuple[str, ...]  # names of the runs whose weights it starts from
    published: tuple[str, ...]  # a line of figures for each test set or measure

    @property
    def name(self) -> str:
        """The name of the run: the file's stem."""
        return self.path.stem

    def __str__(self) -> str:
        after = f'    (after {", ".join(self.after)})' if self.after else ''
        return '\n'.join([f'{self.row}: {self.what}', *(f'    {line}' for line in self.published),
                          f'    python -m scgan_fan.train -opt {self.path}{after}'])


def read_experiments(folder: Path = Path('options')) -> list[Experiment]:
    """The experiments in a folder and those below it, by table."""
    found = [_read(path) for path in sorted(folder.rglob('*.yml'))]
    return sorted(filter(None, found), key=lambda experiment: experiment.table)


def _read(path: Path) -> Experiment | None:
    head = HEAD.match(path.read_text(encoding='utf-8'))
    if head is None:
        return None
    after = tuple(head['after'].split(', ')) if head['after'] else ()
    published = tuple(line.removeprefix('#   ') for line in head['published'].splitlines())
    return Experiment(path, head['what'], head['table'], head['row'], after, published)


def list_experiments(wanted: str = '', folder: Path = Path('options')) -> str:
    """The experiments whose file, row, table or description has ``wanted`` in it, by table.

    Raises InputError: there is none.
    """
    found = [each for each in read_experiments(folder)
             if wanted.lower() in f'{each.path} {each.row} {each.what} {each.table}'.lower()]
    if not found:
        raise InputError(f'no experiment has {wanted!r} in its file, row, table or description; without a word all of '
                         f'the folder {folder} are listed, and --options names another')
    return '\n\n'.join('\n\n'.join([f'{table}\n{"=" * len(table)}', *map(str, rows)])
                       for table, rows in itertools.groupby(found, key=lambda experiment: experiment.table))


@ends_in_one_line()
def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(
        description='List the experiments of the papers: row, published figures, and what to run.',
        epilog='example: scgan-fan experiments "w/o"')
    parser.add_argument('wanted', nargs='?', default='', help='a word in the file, row, table or description')
    parser.add_argument('--options', type=Path, default=Path('options'), metavar='FOLDER',
                        help='option files. Default: %(default)s')
    arguments = parser.parse_args()
    print(list_experiments(arguments.wanted, arguments.options))


if __name__ == '__main__':
    raise SystemExit(main())
