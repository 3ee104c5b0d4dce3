"""Option files: read without running code, and written as what differs from another one.

    !!python/object/apply:scgan_fan.based_on
    kwds:
      base: ../train_scgan_fan.yml  # relative to this file; may be based on another itself
      without: [network_d_l2, train.adv_l2_opt]  # what is left out
      set: {name: mine, train: {heatmap_opt: {distance: l1}}}  # what has another value
      add: {train: {heatmap_opt: {network: {num_stacks: 2}}}}  # what the base does not have

BasicSR's own loader resolves the tag, which imports the plugin too; ``read_options`` is for everybody else.
"""
import inspect
import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from scgan_fan.errors import InputError

PLUGIN = 'plugin: !!python/name:scgan_fan.__name__'
BASED_ON = '!!python/object/apply:scgan_fan.based_on'


class _Loader(yaml.SafeLoader):
    """Knows the two kinds of tags that option files have, and runs nothing: a plugin is named, not imported."""


def _construct_name(loader: _Loader, name: str, node: yaml.Node) -> str:
    return name.removesuffix('.__name__')


def _construct_based_on(loader: _Loader, node: yaml.MappingNode) -> dict:
    given = loader.construct_mapping(node, deep=True)
    return _resolve(node.start_mark.name, **(given.get('kwds') or {}))


class _Numbers(yaml.SafeLoader):
    """To whom 1e-4 is a number: to YAML's, it is text."""


_Numbers.add_implicit_resolver('tag:yaml.org,2002:float', re.compile(r'[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$'),
                               list('-+.0123456789'))
_Loader.add_multi_constructor('tag:yaml.org,2002:python/name:', _construct_name)
_Loader.add_constructor(BASED_ON.replace('!!', 'tag:yaml.org,2002:'), _construct_based_on)


def read_options(path: str | Path) -> dict:
    """What BasicSR's ``parse_options`` reads from an option file, before it adds what it finds out itself.

    Raises:
        InputError: there is no such file, it is no YAML, it holds a tag of another kind, or a base does not fit.
    """
    try:
        with open(path, encoding='utf-8') as file:
            options = yaml.load(file, _Loader)
    except RecursionError as error:
        raise InputError(f'{path}: is based on itself') from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f'{path}: not a readable option file ({_reason(error)})') from error
    if not isinstance(options, dict):
        raise InputError(f'{path}: not an option file; the folder options has examples')
    return options


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f'line {error.problem_mark.line + 1}: {error.problem}'
    return str(error).splitlines()[0]


def force(options: dict, entry: str) -> None:
    """Change an option by an entry of ``--force_yml``, such as ``train:optim_g:lr=1e-4``.

    Raises:
        InputError: the entry is not of this form, or names a block that is not there.
    """
    path, equals, value = map(str.strip, entry.partition('='))
    *blocks, key = path.split(':')
    if not equals or not key or '=' in value:
        raise InputError(f'--force_yml {entry}: is not of the form block:key=value')
    for block in blocks:
        if not isinstance(options.get(block), dict):
            raise InputError(f'--force_yml {entry}: there is no block {block} in the option file; add it there')
        options = options[block]
    options[key] = read_value(value)


def read_value(text: str):
    """A value of ``--force_yml``: numbers with sign and exponent, words, ``~`` and lists as in an option file."""
    text = text.removeprefix('!!float').strip()
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text[:1] in ('[', '{'):
        return _read_list(text)
    return {'~': None, 'none': None, 'true': True, 'false': False}.get(text.lower(), text)


def _read_list(text: str) -> list | dict:
    try:
        return yaml.load(text, _Numbers)
    except yaml.YAMLError as error:
        raise InputError(f'--force_yml: {text}: is no list ({_reason(error)})') from error


def based_on(**differences) -> dict:
    """The options of a base file with differences: what YAML loaders call at the tag (see the module's head).

    Args:
        differences: ``base``, and any of ``without``, ``set`` and ``add``, applied in this order.

    Raises:
        InputError: there is no such base, it has not what is left out or set, it has what is added, or ``set`` gives
            no ``name`` (the run would write into the folder of its base's).

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     base = Path(folder, 'base.yml')
    ...     _ = base.write_text('{name: base, train: {total_iter: 9, ema_decay: 0.9}}')
    ...     based_on(base=base, set={'name': 'mine', 'train': {'total_iter': 5}}, without=['train.ema_decay'])
    {'name': 'mine', 'train': {'total_iter': 5}}
    """
    return _resolve(_file_of_the_tag(), **differences)


def _file_of_the_tag() -> str:
    """PyYAML knows the file that a tag stands in, but does not hand it to the function that the tag names."""
    node = inspect.stack(context=0)[2].frame.f_locals.get('node')
    return str(node.start_mark.name) if isinstance(node, yaml.Node) else ''


def _resolve(file: str, base: str | None = None, without: Iterable[str] = (), set: dict | None = None,
             add: dict | None = None, **unknown) -> dict:
    """The options of ``file``; if that is no path, as of YAML in a string, bases are sought in the working folder."""
    if base is None or isinstance(without, str) or 'name' not in (set or {}) or unknown:
        raise InputError(f'{file}: kwds: needs base, a file, and set with a name; may have without, a list, and add, '
                         f'nothing else{f", such as {min(unknown)}" if unknown else ""}')
    path = Path(file).parent / base
    if not path.is_file():
        raise InputError(f'{file}: base: there is no {path.resolve()}; a base is named relative to the file that is '
                         'based on it')
    options = read_options(path)
    try:
        for name in without:
            _leave_out(options, name, path)
        _change(options, set or {}, path)
        _change(options, add or {}, path, adds=True)
    except InputError as error:
        raise InputError(f'{file}: {error}') from None
    return options


def _leave_out(options: dict, name: str, base: Path) -> None:
    *blocks, last = name.split('.')
    for block in blocks:
        options = options.get(block) or {}
    if last not in options:
        raise InputError(f'without: {name} is not in {base}; nothing to leave out')
    del options[last]


def _change(options: dict, values: dict, base: Path, adds: bool = False, where: str = '') -> None:
    """``set`` these values, or ``add`` them. Goes into blocks, but for those that ``set`` gives another ``type``: with
    other arguments, they are replaced as a whole."""
    for key, value in values.items():
        old = options.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and (
                adds or value.get('type', old.get('type')) == old.get('type')):
            _change(old, value, base, adds, f'{where}{key}.')
        elif adds and key in options:
            raise InputError(f'add: {where}{key} is in {base}; another value belongs under set')
        elif not adds and key not in options:
            raise InputError(f'set: {where}{key} is not in {base}; what is new there belongs under add')
        else:
            options[key] = value


def make_whole(copy: Path, original: str | Path) -> None:
    """Let the copy of an option file depend on no other file: it gets all that the original resolves to.

    Args:
        copy: is left as it is where the original is based on nothing.
        original: where its bases are found.
    """
    head, tag, _ = copy.read_text(encoding='utf-8').partition(f'\n{BASED_ON}')
    if tag:
        copy.write_text(f'{head}\n{text_of(read_options(original))}', encoding='utf-8')


def text_of(options: dict) -> str:
    """Options as a file that BasicSR reads, too: the plugin first, then the others in their order."""
    others = {key: plain(value) for key, value in options.items() if key != 'plugin'}
    return f'{PLUGIN}\n{yaml.safe_dump(others, sort_keys=False, allow_unicode=True)}'


def plain(value):
    """Options as built-in types: what reads YAML or checkpoints without running code knows no others."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value
