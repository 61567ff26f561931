"""Networks, losses and initializers as plain data and back, through the closed tables of this package.

A name in a file is looked up in these tables and nowhere else: nothing is imported or asked of a module by name.
"""

from dataclasses import MISSING, fields, is_dataclass
from math import isfinite
from typing import Any

from .. import initializers
from ..contract import Initializer, Layer, Loss, Row
from ..errors import ModelFileError, numbers
from ..layers import LAYERS
from ..losses import KINDS
from .check import DEPTH_LIMIT

PART_LIMIT = 10_000  # layers, losses and initializers in one description
AXES = 8  # of a row of x
LARGEST = 2**63  # a number of a description is below it
_INITIALIZERS = [v for v in vars(initializers).values() if isinstance(v, type) and Initializer in v.__mro__[1:]]
_TABLES: dict[Any, dict[str, type[Any]]] = {
    kind: {k.__name__: k for k in known}
    for kind, known in ((Layer, LAYERS.values()), (Loss, KINDS), (Initializer, _INITIALIZERS))
}
_KINDS = {name: kind for table in _TABLES.values() for name, kind in table.items()}


def to_data(value: Any) -> Any:
    """A layer, loss or initializer and its settings as plain data. Raises ModelFileError for classes not in nnx."""
    if is_dataclass(value):
        kind = type(value).__name__
        if _KINDS.get(kind) is not type(value):
            raise ModelFileError(f"{kind} is not one of nnx's own and cannot be written to a file")
        return {"kind": kind} | {f.name: to_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_data(v) for v in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    try:
        if getattr(value, "ndim", 1) == 0:
            return value.item()
        return numbers(value)  # a setting with one number for each member
    except (TypeError, ValueError):
        raise ModelFileError(f"the setting {value!r}"[:80] + " is no number and cannot be written to a file") from None


def from_data(data: Any, expected: Any) -> Any:
    """What `to_data` wrote, if it is of the kind expected: Layer, Loss or Initializer.

    Raises ModelFileError for an unknown name or setting, or one of another kind, and what a constructor raises.
    """
    _count(data)
    return _part(data, expected, 0)


def _count(data: Any) -> None:
    """Refuse a description of very many parts before the first is made."""
    rest, count = [data], 0
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            count += 1
            rest += value.values()
        elif isinstance(value, list):
            rest += value
        if count > PART_LIMIT:
            raise ModelFileError(f"the network has more than {PART_LIMIT} parts")


def _part(data: Any, expected: Any, depth: int) -> Any:
    """A layer, loss or initializer."""
    if depth > DEPTH_LIMIT:
        raise ModelFileError("layers are nested too deep")
    if type(data) is not dict:
        raise ModelFileError(f"expected a {expected.__name__.lower()}, found {_short(data)}")
    name = data.get("kind")
    kind = _TABLES[expected].get(name) if type(name) is str else None
    if kind is None:
        raise ModelFileError(f"unknown kind {_short(name)}")
    own = {f.name: f for f in fields(kind)}
    unknown = data.keys() - own.keys() - {"kind"}
    if unknown:
        raise ModelFileError(f"{kind.__name__} has no setting {_short(min(unknown))}")
    lacking = [n for n, f in own.items() if n not in data and f.default is MISSING]
    if lacking:
        raise ModelFileError(f"{kind.__name__} lacks its setting {lacking[0]!r}")
    settings = {n: _setting(f"{kind.__name__}: {n}", data[n], own[n].type, depth + 1) for n in data if n != "kind"}
    return kind(*settings["layers"]) if "layers" in settings else kind(**settings)


def _setting(place: str, data: Any, expected: Any, depth: int) -> Any:
    """One setting: a part, a list of layers, a number, or a list of numbers."""
    if expected in _TABLES:
        return _part(data, expected, depth)
    if expected == tuple[Layer, ...]:
        if type(data) is not list:
            raise ModelFileError(f"{place} must be a list, found {_short(data)}")
        return tuple(_part(v, Layer, depth) for v in data)
    if expected is int and type(data) is int and abs(data) < LARGEST:
        return data
    if expected is float and _is_number(data):
        return data
    if expected not in (int, float):  # one number for each member, or each class; or none
        if data is None or _is_number(data):
            return data
        if type(data) is list and data and all(map(_is_number, data)):
            return tuple(data)
    wanted = {int: "an integer", float: "a number"}.get(expected, "numbers")
    raise ModelFileError(f"{place} must be {wanted}, found {_short(data)}")


def _is_number(data: Any) -> bool:
    return isfinite(data) if type(data) is float else type(data) is int and abs(data) < LARGEST


def _short(data: Any) -> str:
    """What a person needs to see of a value that may be huge."""
    if isinstance(data, (dict, list)):
        return "an object" if isinstance(data, dict) else "a list"
    return repr(data[:40] if isinstance(data, str) else data)[:60]


def row_from(data: Any) -> Row | None:
    """The shape of a row of x from the list that a file holds, or None. Raises: ModelFileError."""
    if data is None:
        return None
    if (
        type(data) is not list
        or not 1 <= len(data) <= AXES
        or not all(type(n) is int and 0 < n < LARGEST for n in data)
    ):
        raise ModelFileError("its row is no list of sizes")
    return tuple(data)
