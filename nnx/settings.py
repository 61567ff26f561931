"""What a setting may be: its type is its annotation, its range stands beside it, and one line says what is wrong.

A frozen dataclass calls `settle(self, rate=NOT_NEGATIVE)` in its `__post_init__`; functions ask for `integer`, `real`,
`flag`, `part`, `one_of`. Each takes the place for the line, such as "fit: epochs", and gives the plain value.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from math import inf, isfinite
from operator import index
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple, get_args, get_type_hints

from .contract import Initializer, Layer, Loss, Optimizer, Schedule, Setting
from .errors import SettingError, require, shown, unknown
from .names import nearest

MOST = 2**31 - 1  # of an integer that is counted to: the number of a step has 32 bits
SMALLEST, LARGEST = 1.2e-38, 3.4e38  # of float32, but for 0: beyond them a setting would become 0 or infinite


class Range(NamedTuple):
    """The numbers that a setting may be, in words, and as a test."""

    text: str
    holds: Callable[[float], bool]


AT_LEAST_1 = Range("must be at least 1", lambda v: v >= 1)
NOT_NEGATIVE = Range("must not be negative", lambda v: v >= 0)
POSITIVE = Range("must be positive", lambda v: v > 0)
SHARE = Range("must be at least 0 and below 1", lambda v: 0 <= v < 1)
BETWEEN = Range("must lie between 0 and 1", lambda v: 0 < v < 1)
BELOW_1 = Range("must be positive and below 1", lambda v: 0 < v < 1)
UP_TO_1 = Range("must be between 0 and 1", lambda v: 0 <= v <= 1)
FACTOR = Range("must be above 0 and at most 1", lambda v: 0 < v <= 1)
ANY = Range("must be a number", lambda v: True)
WORD = Range("must be from 1 to 30", lambda v: 1 <= v <= 30)  # a power of two that an int32 holds
MEMBERS = Range("must be from 1 to 1048576", lambda v: 1 <= v <= 2**20)  # networks that are made
INFINITE = Range("must be positive", lambda v: v > 0)  # infinity too


class Kind(NamedTuple):
    """What tells an object of a kind: what it has, what it has not, and what a class must define by itself."""

    words: str
    has: tuple[str, ...]
    lacks: tuple[str, ...]
    own: tuple[str, ...]


KINDS: dict[Any, Kind] = {
    Layer: Kind("a layer such as nnx.Dense(10)", ("evaluate", "names", "init", "shapes"), ("over",), ("evaluate",)),
    Loss: Kind("a loss such as nnx.SquaredError()", ("evaluate", "backprop", "predict"), ("init",), ("evaluate",)),
    Optimizer: Kind("an optimizer such as nnx.Adam()", ("init", "update", "over"), ("evaluate",), ("init", "update")),
    Schedule: Kind("a schedule such as nnx.Cosine()", ("evaluate", "over"), ("init", "update"), ("evaluate",)),
    Initializer: Kind("an initializer such as nnx.HeNormal()", ("init",), ("evaluate", "update"), ("init",)),
}


NUMBERS = {  # what a number was meant to be that came in place of a part
    Schedule: "; give other settings by name, such as weight_decay=0.01",
    Initializer: "; the width of x is known from x",
    Optimizer: "; the optimizer comes first",
}


def settle(settings: Any, **ranges: Range | None) -> None:
    """Check the settings of a frozen dataclass, each by its annotation and its range, and keep them as plain values.

    ranges: by name; None for a setting that its class checks by itself. A NumPy scalar would make float32 arrays
    float64; plain numbers can be compared, hashed and written to files.
    Raises: SettingError.
    """
    kind: Any = type(settings)
    for name, expected in _types(kind).items():
        value, within = getattr(settings, name), ranges.get(name, ANY)
        if within is None:
            continue
        settled = _settled(f"{kind.__name__}: {name}", value, expected, within)
        if settled is not value:
            object.__setattr__(settings, name, settled)


@lru_cache(maxsize=256)
def _types(kind: type[Any]) -> dict[str, Any]:
    """The types of the fields of a dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    return {f.name: hints[f.name] for f in fields(kind)}


def _settled(place: str, value: Any, expected: Any, within: Range) -> Any:
    """The plain value of a setting of this type."""
    if NoneType in get_args(expected):
        if value is None:
            return None
        (expected,) = (t for t in get_args(expected) if t is not NoneType)
    if expected == Setting:
        return per_member(place, value, within)
    if expected in KINDS:
        return part(place, value, expected)
    check: Any = {int: integer, float: real}.get(expected)
    if check is not None:
        return check(place, value, within)
    if expected is bool:
        return flag(place, value)
    if expected is str:
        require(isinstance(value, str), f"{place} must be a text, got {shown(value)}")
    return value


@lru_cache(maxsize=256)
def _names(kind: type[Any]) -> tuple[str, ...]:
    """The fields of a class, if it is a dataclass."""
    return tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()


def check_range(dtype: str, *parts: Any) -> None:
    """Raise SettingError for a number that would become 0 or infinite in this type, in parts and parts of theirs."""
    for part in parts if dtype == "float32" else ():
        kind: Any = type(part)
        for name in _names(kind):
            value = getattr(part, name)
            several = value if isinstance(value, tuple) else (value,)
            check_range(dtype, *(v for v in several if not isinstance(v, (int, float, tuple))))
            for v in several:
                for number in v if isinstance(v, tuple) else (v,):
                    if not isinstance(number, float) or number == 0 or SMALLEST <= abs(number) <= LARGEST:
                        continue
                    wanted = f"0 or of a size from {SMALLEST:g} to {LARGEST:g}, or give dtype='float64'"
                    place = f"{type(part).__name__}: {name}"
                    require(abs(number) == inf, f"{place} must be {wanted}, got {shown(number)}")


def is_own(value: Any) -> bool:
    """True for a part of nnx's own, all of whose settings are plain values or such parts: its code is what it was."""
    kind: Any = type(value)
    if isinstance(value, tuple):
        return all(map(is_own, value))
    if kind.__module__.partition(".")[0] != __package__:
        return kind in (int, float, bool, str, NoneType)
    return is_dataclass(value) and all(is_own(getattr(value, name)) for name in _names(kind))


def plain(value: Any) -> Any:
    """A number of any library as Python's, and all else as it is."""
    alone = getattr(value, "ndim", 1) == 0 and hasattr(value, "item")
    return value.item() if alone else value


def integer(place: str, value: Any, within: Range = AT_LEAST_1) -> int:
    """A whole number that can be counted to. Raises SettingError."""
    number = whole(value)
    if number is None:
        raise SettingError(f"{place} must be an integer, got {shown(value)}")
    if not within.holds(number):
        raise SettingError(f"{place} {within.text}, got {shown(value)}")
    if abs(number) > MOST:
        raise SettingError(f"{place} must be at most {MOST}, got {shown(value)}")
    return number


def whole(value: Any) -> int | None:
    """An integer of any library as Python's, and None for all else."""
    value = plain(value)
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None


def real(place: str, value: Any, within: Range = ANY) -> Any:
    """A number that is finite, or infinite where that has a meaning. Raises SettingError."""
    number = plain(value)
    if not is_number(number):
        raise SettingError(f"{place} must be a number, got {shown(value)}")
    try:
        fine = isfinite(number) or (within is INFINITE and number == inf)
    except OverflowError:
        fine = False
    if not fine:
        raise SettingError(f"{place} must be a finite number, got {shown(value)}")
    if not within.holds(number):
        raise SettingError(f"{place} {within.text}, got {shown(value)}")
    return number


def is_number(value: Any) -> bool:
    """True for numbers of Python that are not truth values."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def per_member(place: str, value: Any, within: Range = ANY) -> Any:
    """A number, or several, one for each member of the population. Raises SettingError."""
    number = plain(value)
    if isinstance(number, (str, bytes, Mapping)) or not hasattr(number, "__iter__"):
        return real(place, number, within)
    members = [real(place, v, within) for v in number]
    require(getattr(number, "ndim", 1) == 1, f"{place} must be a number, or one for each member, got {shown(value)}")
    require(len(members) > 0, f"{place} must be a number, or one for each member, got none")
    return number if hasattr(number, "ndim") else tuple(members)


def flag(place: str, value: Any) -> bool:
    """True or False. Raises SettingError."""
    value = plain(value)
    if not isinstance(value, bool):
        raise SettingError(f"{place} must be True or False, got {shown(value)}")
    return value


def one_of(place: str, value: Any, known: Iterable[Any]) -> Any:
    """A value of those known. Raises SettingError."""
    known = list(known)
    fine = isinstance(value, str) and value in known
    if not fine:
        what, _, name = place.rpartition(": ")
        text = unknown(name, value, known) if isinstance(value, str) else f"{name} must be "
        text += "" if isinstance(value, str) else f"{', '.join(map(repr, known))}, got {shown(value)}"
        raise SettingError(f"{what}: {text}" if what else text)
    return value


def file_path(place: str, value: Any) -> Path:
    """The path of a file. Raises SettingError."""
    require(isinstance(value, (str, os.PathLike)), f"{place}: path must be the path of a file, got {shown(value)}")
    return Path(value)


def optional_name(place: str, value: Any) -> str | None:
    """A name, or None. Raises SettingError."""
    require(value is None or isinstance(value, str), f"{place} must be a name or left out, got {shown(value)}")
    return None if value is None else str(value)


def part(place: str, value: Any, expected: Any, *, also: str = "", names: Mapping[str, Any] | None = None) -> Any:
    """A layer, loss, optimizer, schedule or initializer, and no class of them or something else.

    also: a further method that its class must define. names: what may be given by name, said in the line.
    Raises: SettingError.
    """
    kind = KINDS[expected]
    if isinstance(value, type) or not _is(value, kind):
        more = NUMBERS.get(expected, "") if is_number(value) else ""
        raise SettingError(f"{place} must be {kind.words}{', or its name' if names else ''}, got {_got(value)}{more}")
    for method in (*kind.own, *([also] if also else [])):
        own = getattr(type(value), method, None)
        if getattr(value, method, None) is None or own is getattr(expected, method, value):
            raise SettingError(f"{place}: {type(value).__name__} has no {method}, which its class must define")
    return value


def _is(value: Any, kind: Kind) -> bool:
    return all(hasattr(value, name) for name in kind.has) and not any(hasattr(value, name) for name in kind.lacks)


def _got(value: Any) -> str:
    """What came in place of a part, and how it would be one."""
    if isinstance(value, type):
        return f"the class {value.__name__}; make one: {value.__name__}(...)"
    if isinstance(value, (list, tuple)) and value and hasattr(value[0], "evaluate"):
        return f"{shown(value, 40)}; give its elements one by one, *layers"
    if isinstance(value, str):
        near = nearest(value, [name for name in sys.modules[__package__].__all__ if name[0].isupper()])
        return shown(value, 40) + (f"; did you mean nnx.{near}()?" if near else "")
    for kind in KINDS.values():
        if _is(value, kind):
            return f"{shown(value, 40)}, which is {kind.words.partition(' such')[0]}"
    return shown(value)
