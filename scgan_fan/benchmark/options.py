"""The option file of a benchmark."""
from collections.abc import Iterator
from pathlib import Path

import yaml

from scgan_fan.data.dataset_options import Options
from scgan_fan.errors import InputError, first_line

DEFAULTS = {'note': '', 'size': 64, 'batch_size': 16, 'resamples': 1000, 'seed': 0, 'baseline': None, 'page_images': 60,
            'tsne': None, 'published': {}}
REQUIRED = ('name', 'datasets', 'methods', 'metrics')


def read_options(path: str | Path) -> dict:
    """The benchmark of an option file, defaults filled in; ``scgan_fan.benchmark`` says what each option is.

    Raises InputError: no such file, not YAML, an option is missing, unknown or out of range, or ``baseline`` or
    ``published`` name something that is not in the file.
    """
    try:
        given = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f'{path}: not a readable option file ({first_line(error)})') from error
    if not isinstance(given, dict):
        raise InputError(f'{path}: not an option file; options/benchmark has examples')
    checked = Options(str(path), given, DEFAULTS, REQUIRED)
    for key in ('size', 'batch_size', 'resamples', 'page_images'):
        checked.whole_number(key)
    checked.whole_number('seed', least=0)
    options = {key: checked[key] for key in (*REQUIRED, *DEFAULTS)}
    for kind in ('datasets', 'methods', 'metrics'):
        blocks = options[kind]
        if not isinstance(blocks, dict) or not blocks or not all(isinstance(block, dict) for block in blocks.values()):
            raise InputError(f'{path}: {kind}: give one block of options, or more, each under its name')
    options['baseline'] = options['baseline'] or next(iter(options['methods']))
    for kind, name in _names(options):
        if name not in options[kind]:
            raise InputError(f'{path}: baseline or published names {name!r}, which is not among its {kind}')
    return options


def choose(options: dict, methods: list[str] | None = None, num_images: int | None = None) -> dict:
    """The same benchmark with these methods only, and the first so many images of each dataset; None: all.

    InputError where a method is not in the file.
    """
    chosen = dict(options)
    if methods is not None:
        for name in methods:
            if name not in options['methods']:
                raise InputError(f'--methods: {name!r} is not in the option file; it has '
                                 f'{", ".join(options["methods"])}')
        chosen['methods'] = {name: block for name, block in options['methods'].items() if name in methods}
        if options['baseline'] not in methods:
            chosen['baseline'] = next(iter(chosen['methods']))
    if num_images is not None:
        chosen['datasets'] = {name: {**block, 'num_images': num_images} for name, block in options['datasets'].items()}
    return chosen


def _names(options: dict) -> Iterator[tuple[str, str]]:
    """Each (kind, name) that ``baseline`` and ``published`` use."""
    yield 'methods', options['baseline']
    try:
        for method, datasets in options['published'].items():
            yield 'methods', method
            for dataset, figures in datasets.items():
                yield 'datasets', dataset
                yield from (('metrics', metric) for metric, figure in figures.items() if figure == float(figure))
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError('published: give method -> dataset -> metric -> a figure') from error
