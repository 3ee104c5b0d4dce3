"""The option file of a benchmark."""
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, model_validator

from scgan_fan.errors import InputError
from scgan_fan.options import read_options as read_file
from scgan_fan.schema_types import Block, Count, Number, Whole


def _check_blocks(blocks) -> dict:
    if not isinstance(blocks, dict) or not blocks or not all(isinstance(block, dict) for block in blocks.values()):
        raise ValueError('give one block of options, or more, each under its name')
    return blocks


Blocks = Annotated[dict[str, dict], PlainValidator(_check_blocks)]


class BenchmarkFile(Block):
    """An option file."""

    name: str
    note: str = ''  # what a reader of the results should know
    size: Count = 64  # height and width of the images that are compared, pixels
    batch_size: Count = 16  # images that a method restores at once
    resamples: Count = 1000  # of the bootstrap; a metric's block may ask for another number
    seed: Whole = 0  # of the bootstrap
    baseline: str = ''  # the method that others are called better or worse than; default: the first
    page_images: Count = 60  # images of each dataset to look through in the page
    datasets: Blocks  # name -> block of a validation dataset, as for training
    methods: Blocks  # name -> block with a type of methods.KINDS
    metrics: Blocks  # name -> block as in BasicSR's val: metrics
    tsne: dict | None = None  # options of neighbours.plot_identities, for a picture of whose faces lie beside whose
    published: dict[str, dict[str, dict[str, Number]]] = {}  # method -> dataset -> metric -> figure of a paper

    @model_validator(mode='after')
    def _names_what_is_there(self):
        self.baseline = self.baseline or next(iter(self.methods))
        figures = [(dataset, metrics) for datasets in self.published.values() for dataset, metrics in datasets.items()]
        named = {'methods': [self.baseline, *self.published], 'datasets': [dataset for dataset, _ in figures],
                 'metrics': [metric for _, metrics in figures for metric in metrics]}
        for kind, names in named.items():
            for name in names:
                if name not in getattr(self, kind):
                    raise ValueError(f'baseline or published names {name!r}, which is not among its {kind}')
        return self


def read_options(path: str | Path) -> dict:
    """The benchmark of an option file, defaults filled in.

    Raises InputError: no such file, not YAML, an option is missing, unknown or out of range, or ``baseline`` or
    ``published`` name something that is not in the file.
    """
    return BenchmarkFile.read(read_file(path), str(path)).model_dump()


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
