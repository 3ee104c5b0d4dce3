"""The experiments of the papers: what there is, what was published, what to run, and their option files.

    scgan-fan experiments              all of them
    scgan-fan experiments superfan     those whose file, row or table has this in it

``experiments.yml`` is the table. Most experiments are a base option file with differences; ``scripts/make_options.py``
writes them out, because BasicSR reads whole files and people like to see what a run does.
"""
import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from scgan_fan.errors import InputError

TABLE = Path(__file__).parent / 'experiments.yml'


@dataclass
class Experiment:
    """One row of a paper's table; see the head of ``experiments.yml``."""

    what: str
    table: str
    row: str
    file: str | None = None
    base: str | None = None
    without: list[str] = field(default_factory=list)
    set: dict = field(default_factory=dict)
    published: dict[str, list] = field(default_factory=dict)
    after: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the run: the file's stem."""
        return Path(self.file).stem


def read_experiments() -> tuple[dict, list[Experiment]]:
    """The tables (key -> title and measures) and the experiments, in the order of the file."""
    content = yaml.safe_load(TABLE.read_text(encoding='utf-8'))
    return content['tables'], [Experiment(**row) for row in content['experiments']]


# ---- option files ----

def write_options(folder: Path) -> list[Path]:
    """Write the option file of every experiment that has a base into ``folder`` (``options/``); returns their paths.

    Raises:
        InputError: a base is not there, or lacks what is to be left out.
    """
    written = []
    for experiment in read_experiments()[1]:
        if experiment.base is not None:
            path = folder / experiment.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(make_option_file(experiment, folder), encoding='utf-8')
            written.append(path)
    return written


def make_option_file(experiment: Experiment, folder: Path) -> str:
    """The text of an experiment's option file: its base's, comments and all, but for the differences."""
    text = (folder / experiment.base).read_text(encoding='utf-8')
    for path in experiment.without:
        text = _without(text, path, experiment)
    for path, value in {'name': experiment.name, **experiment.set}.items():
        text = _with(text, path, value)
    return _header(experiment) + text[text.index('plugin:'):]


def _header(experiment: Experiment) -> str:
    tables, _ = read_experiments()
    after = f'       after {", ".join(experiment.after)}' if experiment.after else ''
    return (f'# {experiment.what[0].upper()}{experiment.what[1:]}.\n'
            f'# {tables[experiment.table]["title"]}: {experiment.row}.\n'
            f'#   python -m scgan_fan.train -opt options/{experiment.file}{after}\n'
            f'# Written by scripts/make_options.py: change options/{experiment.base} or scgan_fan/experiments.yml.\n')


def _find(text: str, path: str) -> tuple[yaml.Node | None, yaml.Node | None, yaml.MappingNode]:
    """Key node and value node at a dotted path, None where it is not there, and the innermost mapping on the way."""
    mapping = yaml.compose(text, Loader=yaml.SafeLoader)
    *parents, last = path.split('.')
    for parent in parents:
        mapping = dict((key.value, value) for key, value in mapping.value)[parent]
    for key, value in mapping.value:
        if key.value == last:
            return key, value, mapping
    return None, None, mapping


def _last_line(node: yaml.Node) -> int:
    """The number of the last line of a node; the end mark of a block lies where the next one begins."""
    children = [n for pair in node.value for n in pair] if isinstance(node, yaml.MappingNode) else node.value
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not children:
        return node.end_mark.line
    return max(_last_line(child) for child in children)


def _without(text: str, path: str, experiment: Experiment) -> str:
    key, value, _ = _find(text, path)
    if key is None:
        raise InputError(f'experiments.yml: {experiment.file}: {path} is not in {experiment.base}, so it cannot be left '
                         'out')
    lines = text.splitlines()
    end = _last_line(value) + 1
    if '.' not in path and end < len(lines) and not lines[end]:
        end += 1  # the empty line behind a block
    return '\n'.join(lines[:key.start_mark.line] + lines[end:]) + '\n'


def _with(text: str, path: str, value) -> str:
    key, old, mapping = _find(text, path)
    lines = text.splitlines()
    if key is None:
        end = max(_last_line(child) for _, child in mapping.value) + 1
        indent = mapping.start_mark.column
        lines[end:end] = ([''] if indent == 0 else []) + _dump(path, value, indent)
    elif isinstance(value, dict) or isinstance(old, yaml.MappingNode):
        lines[key.start_mark.line:_last_line(old) + 1] = _dump(path, value, key.start_mark.column)
    else:
        line = lines[key.start_mark.line]
        rest = line[old.end_mark.column:]
        lines[key.start_mark.line] = f'{line[:key.end_mark.column]}: {_flow(value)}{rest}'
    return '\n'.join(lines) + '\n'


def _dump(path: str, value, indent: int) -> list[str]:
    """A key with its value as lines; mappings as blocks."""
    key = path.split('.')[-1]
    if not isinstance(value, dict):
        return [f'{" " * indent}{key}: {_flow(value)}']
    lines = [f'{" " * indent}{key}:']
    for name, each in value.items():
        lines += _dump(name, each, indent + 2)
    return lines


def _flow(value) -> str:
    """A scalar or list on one line."""
    if value is None:
        return '~'
    if isinstance(value, float) and value < 1e-3:
        return f'!!float {value:g}'
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix('...\n').strip()


# ---- the list ----

def describe(experiment: Experiment, tables: dict) -> str:
    """An experiment in a few lines: the row, what it is, what was published, what to run."""
    lines = [f'{experiment.row}: {experiment.what}']
    for test_set, figures in experiment.published.items():
        measures = tables[experiment.table]['measures'][test_set]
        parts = [f'{figure} {measure}' for figure, measure in zip(figures, measures) if figure is not None]
        if parts:
            lines.append(f'    {test_set}: {", ".join(parts)}')
    if experiment.file is None:
        lines.append('    nothing to train')
    else:
        after = f'    (after {", ".join(experiment.after)})' if experiment.after else ''
        lines.append(f'    python -m scgan_fan.train -opt options/{experiment.file}{after}')
    return '\n'.join(lines)


def list_experiments(wanted: str = '') -> str:
    """The experiments whose file, row, table or description has ``wanted`` in it, by table.

    Raises:
        InputError: there is none.
    """
    tables, experiments = read_experiments()
    blocks = []
    for key, table in tables.items():
        found = [e for e in experiments if e.table == key and _matches(e, table, wanted)]
        if found:
            blocks.append('\n\n'.join([f'{table["title"]}\n{"=" * len(table["title"])}',
                                       *(describe(e, tables) for e in found)]))
    if not blocks:
        raise InputError(f'no experiment has {wanted!r} in its file, row, table or description; without a word all are '
                         'listed')
    return '\n\n'.join(blocks)


def _matches(experiment: Experiment, table: dict, wanted: str) -> bool:
    text = ' '.join((experiment.file or '', experiment.row, experiment.what, experiment.table, table['title']))
    return re.search(re.escape(wanted), text, re.IGNORECASE) is not None


def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description='List the experiments of the papers: row, published figures, and what to run.',
        epilog='example: scgan-fan experiments "w/o"')
    parser.add_argument('wanted', nargs='?', default='', help='a word in the file, row, table or description')
    try:
        print(list_experiments(parser.parse_args().wanted))
    except InputError as error:
        parser.exit(1, f'error: {error}\n')


if __name__ == '__main__':
    main()
