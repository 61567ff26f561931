"""Networks, losses, initializers and schedules as plain data and back, through closed tables.

The tables hold nnx's own classes, and what was registered.

A name in a file is looked up in these tables and nowhere else: nothing is imported or asked of a module by name.
"""

from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any, TypeVar, get_args, get_type_hints

from .. import initializers, schedules
from ..contract import Initializer, Layer, Loss, Row, Schedule, Setting
from ..errors import ModelFileError, SettingError, numbers, require
from ..layers import LAYERS
from ..losses import KINDS
from .check import DEPTH_LIMIT

PART_LIMIT = 10_000  # layers, losses, initializers and schedules in one description
AXES = 8  # of a row of x
WORD_LIMIT = 40  # characters of a setting that is a word
LARGEST = 2**63  # a number of a description is below it
_INITIALIZERS = [v for v in vars(initializers).values() if isinstance(v, type) and Initializer in v.__mro__[1:]]
_SCHEDULES = [v for v in vars(schedules).values() if isinstance(v, type) and Schedule in v.__mro__[1:]]
_TABLES: dict[Any, dict[str, Any]] = {
    kind: {k.__name__: k for k in known}
    for kind, known in (
        (Layer, LAYERS.values()),
        (Loss, KINDS),
        (Initializer, _INITIALIZERS),
        (Schedule, _SCHEDULES),
    )
}
_KINDS = {name: kind for table in _TABLES.values() for name, kind in table.items()}
_ROWS = tuple[tuple[float, ...], ...]
_NUMBERS = (Setting, tuple[float, ...], tuple[int, ...], float | None, int | None, tuple[int, ...] | None, _ROWS)
_HELD = (  # the types of settings that a file can hold
    bool,
    int,
    float,
    *_NUMBERS,
    *_TABLES,
    tuple[Layer, ...],
    Schedule | None,
)

Kind = TypeVar("Kind", bound=type[Any])


def register(kind: Kind) -> Kind:
    """Let model files hold a layer, loss, initializer or schedule of your own, by its class's name; also a decorator.

    It is needed where a model is saved, and again where it is loaded: a file never imports anything.

    Parameters
    ----------
    kind : type
        A frozen dataclass that inherits nnx.Layer, nnx.Loss, nnx.Initializer or nnx.Schedule. Its settings are of the
        types int, float, bool, int | None, float | None, tuples of int or float, tuples of tuples of float, nnx.Layer,
        tuple[nnx.Layer, ...], nnx.Loss, nnx.Initializer, nnx.Schedule, nnx.Schedule | None. A layer with parameters has
        `shapes` too, which the parameters in a file are checked against.

    Returns
    -------
    type
        The same class.

    Raises
    ------
    SettingError
        For another class, or a name that another class has.

    Notes
    -----
    Loading makes the class with the settings in the file, which may be anyone's: a constructor refuses those that it
    cannot do with, and opens and runs nothing by them.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @nnx.register
    ... @dataclass(frozen=True)
    ... class Wave(nnx.Layer):
    ...     frequency: float = 1.0
    ...     def evaluate(self, params, x, *, train=False, key=None):
    ...         return np.sin(self.frequency * x), x
    ...     def backprop(self, params, x, dy, *, need_dx=True):
    ...         return self.frequency * np.cos(self.frequency * x) * dy, {}
    >>> net = nnx.Chain(nnx.Dense(4), Wave(2.0))
    >>> nnx.save("wave.safetensors", net, nnx.init(net, 3))
    >>> nnx.load("wave.safetensors").net.layers[1].frequency
    2.0
    """
    base, name = _registrable(kind), kind.__name__
    for table in _TABLES.values():
        table.pop(name, None)  # of the class as it was before it was defined again
    _TABLES[base][name] = _KINDS[name] = kind
    return kind


def _registrable(kind: Any) -> Any:
    """Layer, Loss, Initializer or Schedule, whichever a class is, if files can hold it. Raises: SettingError."""
    name = getattr(kind, "__name__", repr(kind)[:60])
    require(isinstance(kind, type) and is_dataclass(kind), f"register: expected a frozen dataclass, got {name}")
    base = next((b for b in _TABLES if b in kind.__mro__[1:]), None)
    require(
        base is not None, f"register: {name} inherits none of nnx.Layer, nnx.Loss, nnx.Initializer and nnx.Schedule"
    )
    made = kind.__dataclass_params__
    require(made.frozen and made.init, f"register: {name} must be @dataclass(frozen=True), with the __init__ of that")
    for setting, (field, expected) in _settings(kind).items():
        fine = field.init and expected in _HELD and setting != "kind"
        require(fine, f"register: a file cannot hold {name}.{setting}; see nnx.register for the types of settings")
    drawn = base is Layer and kind.init is not Layer.init and kind.shapes is Layer.shapes
    require(not drawn, f"register: {name} has init and no shapes(row), by which its parameters in a file are checked")
    other = _KINDS.get(name, kind)
    again = (other.__module__, other.__qualname__) == (kind.__module__, kind.__qualname__)
    require(again, f"register: the name {name} is taken by {other.__module__}.{other.__qualname__}")
    return base


@cache
def _settings(kind: type) -> dict[str, tuple[Field[Any], Any]]:
    """The fields of a class by name, and their types, also where these are written as text."""
    try:
        types = get_type_hints(kind, include_extras=True)
    except Exception as error:  # whatever an annotation that is a text says
        why = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise SettingError(f"register: the settings of {kind.__name__} are of no known types: {why}") from None
    return {f.name: (f, types[f.name]) for f in fields(kind)}


def to_data(value: Any) -> Any:
    """A layer, loss, initializer or schedule as plain data. Raises ModelFileError for classes not registered."""
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value).__name__
        if _KINDS.get(kind) is not type(value):
            raise ModelFileError(
                f"{kind} is not one of nnx's own and cannot be written to a file: nnx.register({kind}) first"
            )
        return {"kind": kind} | {f.name: to_data(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_data(v) for v in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    if base := next((b.__name__ for b in _TABLES if b in type(value).__mro__), ""):
        kind, how = type(value).__name__, "@dataclass(frozen=True) above its class"
        raise ModelFileError(f"{kind}, a {base}, cannot be written to a file: {how}, and nnx.register({kind})")
    try:
        if getattr(value, "ndim", 1) == 0:
            return value.item()
        return numbers(value)  # a setting with one number for each member
    except (TypeError, ValueError):
        raise ModelFileError(f"the setting {value!r}"[:80] + " is no number and cannot be written to a file") from None


def from_data(data: Any, expected: Any) -> Any:
    """The part that `to_data` wrote, if it is of the kind expected: Layer, Loss, Initializer or Schedule.

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
    """A layer, loss, initializer or schedule."""
    if depth > DEPTH_LIMIT:
        raise ModelFileError("layers are nested too deep")
    if type(data) is not dict:
        raise ModelFileError(f"expected a {expected.__name__.lower()}, found {_short(data)}")
    name = data.get("kind")
    kind = _TABLES[expected].get(name) if type(name) is str else None
    if kind is None:
        raise ModelFileError(_unknown(name, expected))
    own = _settings(kind)
    unknown = data.keys() - own.keys() - {"kind"}
    if unknown:
        raise ModelFileError(f"{kind.__name__} has no setting {_short(min(unknown))}")
    lacking = [
        n for n, (f, _) in own.items() if n not in data and f.default is MISSING and f.default_factory is MISSING
    ]
    if lacking:
        raise ModelFileError(f"{kind.__name__} lacks its setting {lacking[0]!r}")
    settings = {n: _setting(f"{kind.__name__}: {n}", data[n], own[n][1], depth + 1) for n in data if n != "kind"}
    return kind(**settings) if kind.__dataclass_params__.init else kind(*settings["layers"])  # of a container


def _unknown(name: Any, expected: Any) -> str:
    """The error for a name that is in no table."""
    if type(name) is not str or name in _KINDS or not (name.isascii() and name.isidentifier() and len(name) <= 40):
        return f"unknown kind {_short(name)}"
    what = expected.__name__.lower()
    an = "an" if what[0] in "aeiou" else "a"
    return f"the model has {an} {what} {name!r} that is not known here: nnx.register({name}) before nnx.load"


def _setting(place: str, data: Any, expected: Any, depth: int) -> Any:
    """One setting: a part, a list of layers, a number, or a list of numbers."""
    if expected == Schedule | None:
        return None if data is None else _part(data, Schedule, depth)
    if expected in _TABLES:
        return _part(data, expected, depth)
    if expected == tuple[Layer, ...]:
        if type(data) is not list:
            raise ModelFileError(f"{place} must be a list, found {_short(data)}")
        return tuple(_part(v, Layer, depth) for v in data)
    if expected == _ROWS:
        if type(data) is not list:
            raise ModelFileError(f"{place} must be lists of numbers, found {_short(data)}")
        return tuple(_setting(place, v, tuple[float, ...], depth) for v in data)
    if type(data) is str and (expected is str or str in get_args(expected)) and len(data) <= WORD_LIMIT:
        return data
    if expected is bool and type(data) is bool:
        return data
    if expected is int and _is_number(data) and type(data) is int:
        return data
    if expected is float and _is_number(data):
        return data
    if expected not in (bool, int, float):  # one number for each member, or each class; or none
        if data is None or _is_number(data):
            return data
        whole = expected in (tuple[int, ...], tuple[int, ...] | None)
        several = expected in (tuple[int, ...], tuple[float, ...])  # of these there may be none
        if (
            type(data) is list
            and (data or several)
            and all(_is_number(n) and (type(n) is int or not whole) for n in data)
        ):
            return tuple(data)
    wanted = {bool: "true or false", int: "an integer", float: "a number"}.get(expected, "numbers")
    raise ModelFileError(f"{place} must be {wanted}, found {_short(data)}")


def _is_number(data: Any) -> bool:
    return isfinite(data) if type(data) is float else type(data) is int and abs(data) < LARGEST


def _short(data: Any) -> str:
    """The beginning of a value that may be huge."""
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
