"""Kinds of values in option files, and the blocks that hold them: a wrong one is refused in one line.

>>> class Camera(Block):
...     focus: Annotated[float, number(0, 1)] = 0.5
>>> Camera.read({'focus': 2}, 'camera')
Traceback (most recent call last):
    ...
scgan_fan.errors.InputError: camera: focus: 2 is not a finite number from 0 to 1
"""
import difflib
import functools
import inspect
import math
import operator
import types
import typing
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, PlainValidator, Strict, ValidationError, create_model, model_validator
from typing_extensions import Self

from scgan_fan.errors import InputError


def whole(least: int, most: float = math.inf) -> PlainValidator:
    """Whole numbers from ``least`` to ``most``; to YAML ``!!float 1e5`` is none, to BasicSR's users it is."""
    def check(value) -> int:
        found = int(value) if isinstance(value, float) and value.is_integer() else value
        if type(found) is not int or not least <= found <= most:  # a bool is no number here
            raise ValueError(_not_a(f'whole number{_span(least, most)}', value))
        return found
    return PlainValidator(check)


def number(least: float = -math.inf, most: float = math.inf, below: float = math.inf) -> PlainValidator:
    """Finite numbers from ``least`` to ``most``, and below ``below``."""
    def check(value) -> float:
        if type(value) not in (int, float) or not (math.isfinite(value) and least <= value <= most and value < below):
            raise ValueError(_not_a(f'finite number{_span(least, most, below)}', value))
        return value
    return PlainValidator(check)


def interval(least: float, most: float = math.inf, integers: bool = False) -> PlainValidator:
    """Two finite numbers in order, from ``least`` to ``most``, as a tuple."""
    def check(value) -> tuple:
        kinds = (int,) if integers else (int, float)
        if (not isinstance(value, (list, tuple)) or len(value) != 2 or any(type(end) not in kinds for end in value)
                or not least <= value[0] <= value[1] <= most or math.isinf(value[1])):
            raise ValueError(f'{value!r} is not [least, most], two {"whole " if integers else ""}numbers'
                             f'{_span(least, most)}')
        return tuple(value)
    return PlainValidator(check)


def _span(least: float, most: float, below: float = math.inf) -> str:
    spans = [(f' from {least}', least), (f' to {most}', most), (f' and below {below}', below)]
    return ''.join(text for text, end in spans if math.isfinite(end))


def one_of(known: Collection[str]) -> PlainValidator:
    """A name among those that are known when it is checked."""
    def check(value) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f'unknown value {value!r}{nearest(value, known)}')
        return value
    return PlainValidator(check)


def file_or(*names: str) -> PlainValidator:
    """A file of weights, or one of these names. What has no suffix and is not there is a name misspelt."""
    def check(value) -> str:
        if not isinstance(value, str) or not (value in names or Path(value).suffix or Path(value).is_file()):
            raise ValueError(f'{value!r} is neither a file nor one of {", ".join(names)}')
        return value
    return PlainValidator(check)


def _not_a(kind: str, value) -> str:
    try:
        float(value if isinstance(value, str) else '')
    except ValueError:
        return f'{value!r} is not a {kind}'
    return f'{value!r} is text, not a number; to YAML 1e-4 is text and 1.0e-4 a number'


def _check_paths(value):
    paths = value if isinstance(value, list) and value else [value]
    if not all(isinstance(path, str) and path for path in paths):
        raise ValueError(f'{value!r} is not a path, or a list of paths')
    return value


Whole = Annotated[int, whole(0)]
Count = Annotated[int, whole(1)]
Number = Annotated[float, number()]
Weight = Annotated[float, number(0)]
Share = Annotated[float, number(0, 1)]
Paths = Annotated[str | list[str], PlainValidator(_check_paths)]


BY_NAME = {  # of parameters that BasicSR does not annotate, and ranges that a signature cannot tell
    'loss_weight': Weight, 'lr': Weight, 'crop_border': Whole, 'reduction': Literal['mean', 'sum'],
    'input_order': Literal['HWC'], 'convert_to': Literal['y', 'gray'],
    'gan_type': Literal['vanilla', 'lsgan', 'wgan', 'wgan_softplus', 'hinge'],
    'periods': list[Count], 'milestones': list[Whole], 'restarts': list[Whole], 'restart_weights': list[Weight],
}


class Block(BaseModel):
    """A block of an option file: no other keys than its own, no value of another type; ``~`` counts as absent."""

    model_config = ConfigDict(extra='forbid', strict=True, protected_namespaces=())

    @classmethod
    def read(cls, given: dict, where: str = '') -> Self:
        """The block of an option file; InputError, which names the place behind ``where``, for what is wrong."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise InputError(_line(error, where)) from error

    @model_validator(mode='before')
    @classmethod
    def _known(cls, given):
        if not isinstance(given, dict):
            raise ValueError(f'{given!r} is not a block of options')
        for key in given:
            if key not in cls.model_fields and cls.model_config['extra'] == 'forbid':
                raise ValueError(f'{key}: unknown option{nearest(key, cls.model_fields)}')
        return {key: value for key, value in given.items() if value is not None}

    def at_most_one(self, *keys: str) -> None:
        """Refuse more than one of ``keys``; called by validators."""
        given = [key for key in keys if key in self.model_fields_set]
        if len(given) > 1:
            raise ValueError(f'{" and ".join(given)} exclude each other; keep one of them')


@functools.cache
def block_of(target, given: tuple[str, ...] = (), more: tuple = ()) -> type[Block]:
    """The block of the parameters of something callable, and of what a metric calls.

    Args:
        target: of a class that takes other keywords, too, those of the class above it count as well.
        given: parameters that are no options.
        more: options beside them, (name, (type, default)).
    """
    fields: dict[str, Any] = dict(more)
    parts = (getattr(target, name, None) for name in ('summary', 'prepare', 'looks_by'))  # of a metric
    for source in filter(None, (*_called(target), *parts)):
        for each in inspect.signature(source).parameters.values():
            if each.name not in ('self', *given) and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
                fields.setdefault(each.name, (_kind(source, each), ... if each.default is each.empty else each.default))
    return create_model(target.__name__, __base__=Block, **fields)


def options_of(target) -> PlainValidator:
    """Some of the parameters of something callable."""
    return PlainValidator(lambda given: block_of(target).model_validate(given).model_dump(exclude_unset=True))


def _called(target) -> Iterator[Callable]:
    if not inspect.isclass(target):
        yield target
        return
    for constructor in (vars(each)['__init__'] for each in target.__mro__ if '__init__' in vars(each)):
        yield constructor
        if all(each.kind is not each.VAR_KEYWORD for each in inspect.signature(constructor).parameters.values()):
            return


def _kind(target, parameter: inspect.Parameter):
    if parameter.name in BY_NAME:
        return BY_NAME[parameter.name]
    hint = typing.get_type_hints(target, include_extras=True).get(parameter.name)
    if hint is None:  # 0 may stand for 0.0
        hint = {bool: bool, int: float, float: float, str: str}.get(type(parameter.default), Any)
    return _strict(hint)


def _strict(hint):
    """An annotation as a type of YAML: numbers are finite, none is negative where it is whole, a list is a tuple."""
    if hint in (int, float):
        return Whole if hint is int else Number
    parts = tuple(part if part in (..., type(None)) else _strict(part) for part in typing.get_args(hint)
                  if part is not torch.Tensor)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, parts)
    if typing.get_origin(hint) is tuple:
        return Annotated[types.GenericAlias(tuple, parts), Strict(False)]
    return types.GenericAlias(list, parts) if typing.get_origin(hint) is list else hint


def nearest(name, known: Iterable) -> str:
    """``; did you mean ...?``, or what there is to choose from."""
    found = difflib.get_close_matches(str(name), list(known), n=1)
    return f'; did you mean {found[0]}?' if found else f'; choose one of {", ".join(sorted(known))}'


def _line(error: ValidationError, where: str) -> str:
    """The first of pydantic's errors as ``train: ema_decay: 1.5 is not ...``."""
    first = error.errors()[0]
    keys = [str(part) for part in first['loc'] if '[' not in str(part)]  # what is left out are branches of a union
    where = ': '.join(filter(None, [where, *keys]))
    cause = first.get('ctx', {}).get('error')
    if isinstance(cause, ValidationError):
        return _line(cause, where)
    if cause is not None:
        reason = str(cause).removeprefix(f'{where}: ')
    elif first['type'] == 'missing':
        reason = 'is missing; add it'
    elif first['type'] == 'literal_error':
        choices = first['ctx']['expected'].replace(' or ', ', ').replace("'", '')
        reason = f'unknown value {first["input"]!r}; choose one of {choices}'
    else:
        reason = f'{first["input"]!r} {first["msg"].replace("Input should be", "is not")}'
    return f'{where}: {reason}' if where else reason
