"""The block of an option file that describes a dataset: a wrong key or value is refused when the dataset is built."""
from scgan_fan.errors import InputError

# read by BasicSR itself when it builds the dataset, its sampler and its loader
BASICSR_OPTIONS = {
    'name', 'type', 'phase', 'scale', 'batch_size_per_gpu', 'num_worker_per_gpu', 'dataset_enlarge_ratio',
    'prefetch_mode', 'num_prefetch_queue', 'pin_memory', 'persistent_workers'
}


class DatasetOptions:
    """The options of one dataset, with defaults filled in; ``~`` in the option file counts as absent.

    Args:
        opt: the dataset's block of the option file.
        required: keys that must be there.
        defaults: all other keys that may be there, with their values where they are not.

    Raises:
        InputError: a key is missing or unknown. The methods raise it for a value that is not allowed.
    """

    def __init__(self, opt: dict, required: tuple, defaults: dict):
        self._owner = opt.get('type', 'dataset')
        given = {key: value for key, value in opt.items() if value is not None}
        for key in required:
            if key not in given:
                raise InputError(f'{self._owner}: option {key} is missing; add it to the dataset in the option file')
        known = {*required, *defaults}
        for key in opt:
            if key not in known | BASICSR_OPTIONS:
                raise InputError(f'{self._owner}: unknown option {key}; its own are {", ".join(sorted(known))}')
        self._values = {**defaults, **given}

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

    def choice(self, key: str, allowed: tuple):
        """The value of ``key``, one of ``allowed`` (None among them where the option may be absent)."""
        if self[key] not in allowed:
            raise self._wrong(key, ' or '.join(str(value) for value in allowed if value is not None))
        return self[key]

    def lr_size(self) -> int:
        """LR height and width in pixels: ``gt_size`` divided by ``scale``."""
        gt_size, scale = self.whole_number('gt_size'), self.whole_number('scale')
        if gt_size % scale:
            raise self._wrong('gt_size', f'a multiple of the scale {scale}')
        return gt_size // scale

    def _wrong(self, key: str, expected: str) -> InputError:
        return InputError(f'{self._owner}: option {key} is {self[key]!r}; it must be {expected}')
