"""Settings of many networks as those of one population, and which networks can be one.

A population's network, loss or optimizer is that of its members, with a tuple of numbers, one for each member, where
theirs differ. Fields of the type `Setting` may differ; where anything else does, the members are trained apart.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from ...backends.numpy import namespace as host_namespace
from ...contract import Layer, Setting
from ...errors import SettingError
from ...layers import BatchNorm, Chain, Dense
from ...layers.activation import Elementwise, Identity
from ...optimizers import OPTIMIZERS, ClipNorm, ClipValue, WeightDecay

OF_COLUMNS = ("class_weight", "mean", "scale", "low", "high")  # settings of losses with a number for each column
KEEP_ZEROS = (*OPTIMIZERS.values(), ClipNorm, ClipValue, WeightDecay)  # a weight of 0 without gradient stays 0


def known_by(net: Layer) -> Any:
    """What tells a network from others: itself, or its identity where it has a setting that cannot be hashed."""
    try:
        hash(net)
    except TypeError:
        return id(net)
    return net


@cache
def _fields(kind: type) -> tuple[tuple[str, bool], ...]:
    """The settings of a class, and whether each may differ from member to member."""
    return tuple((f.name, f.type == Setting) for f in fields(kind))


def kind_of(settings: Any, *, widths: bool = False) -> Any:
    """The key that settings share which can be joined; with `widths`, also those that zeros can be added to."""
    if is_dataclass(settings) and not isinstance(settings, type):
        parts: list[Any] = []
        free = widths and can_widen(settings)
        for name, may_differ in _fields(type(settings)):
            value = getattr(settings, name)
            if may_differ and value is not None:
                parts.append(len(value) if hasattr(value, "__len__") else "a number")
            elif free and name == "layers":
                hidden = tuple(Dense if type(part) is Dense else kind_of(part) for part in value[:-1])
                parts.append((*hidden, kind_of(value[-1])))
            else:
                parts.append(kind_of(value))
        return type(settings), tuple(parts)
    if isinstance(settings, (tuple, list)):
        return tuple(map(kind_of, settings))
    try:
        hash(settings)
    except TypeError:
        return id(settings)
    return type(settings), settings


def joined(members: Sequence[Any]) -> Any:
    """The settings of a population whose members have these, all of one kind."""
    first = members[0]
    if all(m is first for m in members):
        return first
    if is_dataclass(first) and not isinstance(first, type):
        whole = copy(first)
        for name, may_differ in _fields(type(first)):
            values = [getattr(m, name) for m in members]
            if name == "units" and type(first) is Dense:
                value: Any = max(values)
            elif may_differ and values[0] is not None:
                value = values[0] if all(v == values[0] for v in values) else tuple(values)
            else:
                value = joined(values)
            object.__setattr__(whole, name, value)
        return whole
    if isinstance(first, tuple):
        return tuple(joined(part) for part in zip(*members, strict=True))
    return first


def spread(settings: Any, count: int, k: int) -> Any:
    """The settings of member k of a population of so many: `joined` the other way round.

    Raises: SettingError if a setting has another number of values.
    """
    if is_dataclass(settings) and not isinstance(settings, type):
        own = copy(settings)
        for name, may_differ in _fields(type(settings)):
            value = getattr(settings, name)
            if may_differ and value is not None:
                object.__setattr__(own, name, _chosen(settings, name, value, count, k))
            else:
                object.__setattr__(own, name, spread(value, count, k))
        return own
    if isinstance(settings, tuple):
        return tuple(spread(part, count, k) for part in settings)
    return settings


def _chosen(settings: Any, name: str, value: Any, count: int, k: int) -> Any:
    """Member k's own value: what is a tuple for one member, a number a column, is a tuple of tuples for several."""
    rows = name in OF_COLUMNS
    if isinstance(value, (int, float)) or (rows and not hasattr(value[0], "__len__")):
        return value
    if len(value) != count:
        raise SettingError(f"{type(settings).__name__}: {name} has {len(value)} values for {count} members")
    return value[k] if rows else float(value[k])


def is_single(settings: Any) -> bool:
    """True if all settings are those of one network."""
    try:
        spread(settings, -1, 0)
    except SettingError:
        return False
    return True


def can_widen(net: Any) -> bool:
    """True if hidden units with weights of 0 change nothing: they stay 0, and so does all that comes of them.

    That is so in a chain of Dense, activations with f(0) = 0 and BatchNorm that ends in Dense. Dropout is none of them:
    its random bits depend on the width.
    """
    if type(net) is not Chain or type(net.layers[-1]) is not Dense or len(net.layers) < 2:
        return False
    return all(type(layer) in (Dense, BatchNorm, Identity) or _zero_at_zero(layer) for layer in net.layers)


def _zero_at_zero(layer: Layer) -> bool:
    if not isinstance(layer, Elementwise):
        return False
    zero = host_namespace().zeros((1, 1))
    return bool((layer.value(zero)[0] == 0.0).all())


def keeps_zeros(optimizer: Any) -> bool:
    """True if a weight of 0 without gradient stays 0."""
    known = type(optimizer) in KEEP_ZEROS
    return known and (not hasattr(optimizer, "optimizer") or keeps_zeros(optimizer.optimizer))
