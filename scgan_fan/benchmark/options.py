"""The option file of a benchmark."""
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import PlainValidator, model_validator

from scgan_fan.errors import InputError, first_line
from scgan_fan.schema_types import Block, Count, Whole


def _check_blocks(blocks) -> dict:
    if not isinstance(blocks, dict) or not blocks or not all(isinstance(block, dict) for block in blocks.values()):
        raise ValueError('give one block of options, or more, each under its name')
    return blocks


Blocks = Annotated[dict[str, dict], PlainValidator(_check_blocks)]


class BenchmarkFile(Block):
    """An option file; ``scgan_fan.benchmark`` says what each option is."""

    name: str
    note: str = ''
    size: Count = 64
    batch_size: Count = 16
    resamples: Count = 1000
    seed: Whole = 0
    baseline: str = ''
    page_images: Count = 60
    datasets: Blocks
    methods: Blocks
    metrics: Blocks
    tsne: dict | None = None
    published: dict = {}

    @model_validator(mode='after')
    def _names_what_is_there(self):
        self.baseline = self.baseline or next(iter(self.methods))
        for kind, name in self._names():
            if name not in getattr(self, kind):
                raise ValueError(f'baseline or published names {name!r}, which is not among its {kind}')
        return self

    def _names(self) -> Iterator[tuple[str, str]]:
        """Each (kind, name) that ``baseline`` and ``published`` use."""
        yield 'methods', self.baseline
        try:
            for method, datasets in self.published.items():
                yield 'methods', method
                for dataset, figures in datasets.items():
                    yield 'datasets', dataset
                    yield from (('metrics', metric) for metric, figure in figures.items() if figure == float(figure))
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError('published: give method -> dataset -> metric -> a figure') from error


def read_options(path: str | Path) -> dict:
    """The benchmark of an option file, defaults filled in.

    Raises InputError: no such file, not YAML, an option is missing, unknown or out of range, or ``baseline`` or
    ``published`` name something that is not in the file.
    """
    try:
        given = yaml.safe_load(Path(path).read_text(encoding='utf-8'))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f'{path}: not a readable option file ({first_line(error)})') from error
    if not isinstance(given, dict):
        raise InputError(f'{path}: not an option file; options/benchmark has examples')
    return BenchmarkFile.read(given, str(path)).model_dump()


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
