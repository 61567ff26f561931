"""Plain data, such as a file holds, checked before a class is made of it: each value has the type the class names."""

from dataclasses import MISSING, fields
from itertools import pairwise
from math import isfinite
from typing import Any

LARGEST = 2**128  # integers are below it: seeds may be long
WANTED = {
    float: "a finite number",
    int: "an integer",
    str: "a text",
    bool: "true or false",
    dict: "an object",
    tuple[float, ...]: "a list of finite numbers",
    tuple[int, ...]: "a list of ascending integers",
    tuple[str, ...]: "a list of different texts",
}


def settings(kind: type[Any], data: Any) -> dict[str, Any]:
    """The fields of a dataclass from an object of plain data. Raises: TypeError, KeyError, ValueError."""
    if type(data) is not dict:
        raise TypeError(f"a {kind.__name__} is no object")
    types = {f.name: f.type for f in fields(kind)}
    needed = [f.name for f in fields(kind) if f.default is MISSING]
    for name in (*needed, *data):
        if name not in data or name not in types:
            raise KeyError(f"a {kind.__name__} {'lacks' if name in types else 'has'} {name[:40]!r}")
    return {name: value(f"{kind.__name__}: {name}", given, types[name]) for name, given in data.items()}


def value(place: str, data: Any, expected: Any) -> Any:
    """A text, truth, integer, finite number, different texts, numbers or ascending integers. Raises: TypeError."""
    if expected is float:
        fine = isfinite(data) if type(data) is float else type(data) is int and abs(data) < LARGEST
    elif expected is int:
        fine = type(data) is int and abs(data) < LARGEST
    elif expected == tuple[str, ...]:
        fine = type(data) is list and all(type(v) is str for v in data) and len(set(data)) == len(data)
        data = tuple(data) if fine else data
    elif expected == tuple[float, ...]:
        fine = type(data) is list and all(type(v) in (int, float) and abs(v) < LARGEST for v in data)
        data = tuple(data) if fine else data
    elif expected == tuple[int, ...]:
        fine = type(data) is list and all(type(v) is int and abs(v) < LARGEST for v in data)
        fine = fine and all(a < b for a, b in pairwise(data))
        data = tuple(data) if fine else data
    else:
        fine = type(data) is expected
    if not fine:
        raise TypeError(f"{place} is not {WANTED[expected]}")
    return data


def within(place: str, number: float, least: float, most: float) -> None:
    """Raise ValueError unless the number lies between these two, or at one of them."""
    if not least <= number <= most:
        raise ValueError(f"{place} is {number:g}, not between {least:g} and {most:g}")
