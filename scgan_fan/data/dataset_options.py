"""The blocks of an option file that describe a dataset: a wrong key or value is refused before anything is read."""
import math
from collections.abc import Set

from torch.utils.data import Dataset

from scgan_fan.errors import InputError, did_you_mean

# read by BasicSR itself when it builds the dataset, its sampler and its loader
BASICSR_OPTIONS = {
    'name', 'type', 'phase', 'scale', 'batch_size_per_gpu', 'num_worker_per_gpu', 'dataset_enlarge_ratio',
    'prefetch_mode', 'num_prefetch_queue', 'pin_memory', 'persistent_workers'
}


class Options:
    """A block of an option file, with defaults filled in; ``~`` counts as absent.

    Args:
        owner: whose block it is, for messages.
        given: the block.
        defaults: all keys that may be absent, with their values where they are.
        required: keys that must be there.

    Raises:
        InputError: a key is missing or unknown. The methods raise it for a value that is not allowed.
    """

    read_by_others: Set[str] = frozenset()

    def __init__(self, owner: str, given: dict, defaults: dict, required: tuple = ()):
        self._owner = owner
        known = {*required, *defaults}
        self._values = {**defaults, **{key: value for key, value in given.items() if value is not None}}
        for key in given:
            if key not in known | self.read_by_others:
                raise InputError(f'{owner}: unknown option {key}; its own are {", ".join(sorted(known))}'
                                 f'{did_you_mean(key, known | self.read_by_others)}')
        for key in required:
            if key not in self._values:
                raise InputError(f'{owner}: option {key} is missing; add it to the dataset in the option file')

    def __getitem__(self, key: str):
        return self._values[key]

    def whole_number(self, key: str, least: int = 1) -> int:
        """The value of ``key``, an int of at least ``least``."""
        value = self[key]
        if type(value) is not int or value < least:  # a bool is no number here, so no isinstance
            raise self._wrong(key, f'a whole number, {least} or more')
        return value

    def whole_number_or_none(self, key: str) -> int | None:
        """The value of ``key``, an int of at least 1, or None where it is absent."""
        return None if self[key] is None else self.whole_number(key)

    def divisor_or_none(self, key: str, of: str) -> int | None:
        """The value of ``key``, a whole number that divides the value of ``of``, or None where it is absent."""
        value = self.whole_number_or_none(key)
        if value is not None and self[of] % value:
            raise self._wrong(key, f'a divisor of {of}, which is {self[of]}')
        return value

    def choice(self, key: str, allowed: tuple):
        """The value of ``key``, one of ``allowed`` (None among them where the option may be absent)."""
        if self[key] not in allowed:
            raise self._wrong(key, ' or '.join(str(value) for value in allowed if value is not None))
        return self[key]

    def number(self, key: str, least: float = 0, most: float = math.inf) -> float:
        """The value of ``key``, a number from ``least`` to ``most``."""
        value = self[key]
        if type(value) not in (int, float) or not least <= value <= most:
            raise self._wrong(key, f'a number, {_span(least, most)}')
        return value

    def interval(self, key: str, least: float, most: float = math.inf, whole: bool = False) -> tuple | None:
        """The value of ``key``, two numbers in order from ``least`` to ``most``, or None where it is absent."""
        value, types = self[key], (int,) if whole else (int, float)
        if value is None:
            return None
        if (not isinstance(value, (list, tuple)) or len(value) != 2 or any(type(end) not in types for end in value)
                or not least <= value[0] <= value[1] <= most):
            raise self._wrong(key, f'[least, most], {"whole " if whole else ""}numbers, {_span(least, most)}')
        return tuple(value)

    def block(self, key: str, build):
        """``build(owner, block)`` for the block under ``key``, or None where it is absent."""
        if self[key] is None:
            return None
        if not isinstance(self[key], dict):
            raise self._wrong(key, 'a block of options')
        return build(f'{self._owner}: {key}', self[key])

    def at_most_one(self, *keys: str) -> None:
        """Refuse more than one of ``keys``; one that is false counts as absent."""
        given = [key for key in keys if self[key] is not None and self[key] is not False]
        if len(given) > 1:
            raise InputError(f'{self._owner}: {" and ".join(given)} exclude each other; keep one of them')

    def _wrong(self, key: str, expected: str) -> InputError:
        return InputError(f'{self._owner}: option {key} is {self[key]!r}; it must be {expected}')


class DatasetOptions(Options):
    """The options of one dataset: its block, without the keys that BasicSR reads.

    Args:
        opt: the dataset's block of the option file.
        required, defaults: as for ``Options``.
    """

    read_by_others = BASICSR_OPTIONS

    def __init__(self, opt: dict, required: tuple, defaults: dict):
        super().__init__(opt.get('type', 'dataset'), opt, defaults, required)

    def check_paths(self, *keys: str) -> None:
        """Refuse values that are neither a path nor a list of paths, nor absent."""
        for key in keys:
            paths = self[key] if isinstance(self[key], list) and self[key] else [self[key]]
            if self[key] is not None and not all(isinstance(path, str) and path for path in paths):
                raise self._wrong(key, 'a path, or a list of paths')

    def room(self, key: str) -> float:
        """The value of ``key``: side of the images / side of the crop in their middle; 1 where it is absent."""
        return 1 if self[key] is None else self.number(key, 1)

    def lr_size(self) -> int:
        """LR height and width in pixels: ``gt_size`` divided by ``scale``."""
        gt_size, scale = self.whole_number('gt_size'), self.whole_number('scale')
        if gt_size % scale:
            raise self._wrong('gt_size', f'a multiple of the scale {scale}')
        return gt_size // scale


class FaceDataset(Dataset):
    """Base of the datasets: what an option file says of one can be checked without any image.

    Args:
        opt: the dataset's block, with the keys that BasicSR adds.
    """

    def __init__(self, opt: dict):
        self.opt = opt
        self.open(self.configure(opt))

    @classmethod
    def check(cls, opt: dict) -> None:
        """Raise InputError where the block is wrong."""
        cls.__new__(cls).configure(opt)

    def configure(self, opt: dict) -> DatasetOptions:
        """Keep what the block says; reads no file."""
        raise NotImplementedError

    def open(self, options: DatasetOptions) -> None:
        """Find the images."""
        raise NotImplementedError


def _span(least: float, most: float) -> str:
    return f'{least} or more' if most == math.inf else f'{least} to {most}'
