"""The rows of a network's input and output, and their type, as its parameters say."""

from collections.abc import Mapping
from typing import Any

from ..contract import Layer, Row
from ..errors import require
from ..files.shapes import Unknown, row_of
from .graph import xp


def outputs(net: Layer, params: Mapping[str, Any], row: Row) -> Row:
    """The shape of a row of the output, for rows of x of this shape: what the network says of one row.

    Raises: ShapeError, SettingError if the parameters are those of a population, or do not fit the network.
    """
    if known(row) is None:
        return net.shapes(row)[1]
    z, _ = net.evaluate(params, xp.zeros((1, *row), dtype=float_type(params)))
    _, after = net.shapes(row)
    population = tuple(z.shape[: -1 - len(after)])
    axes = "; or row=, if a row of x has several axes" if set(population) == {1} else ""
    text = f"to_onnx: the parameters are those of a population {population}: give those of one member, p[i]{axes}"
    require(not population, text)
    return after


def float_type(params: Mapping[str, Any]) -> str:
    """The type that a network with these host parameters computes in. Raises SettingError for other than floats."""
    found = {str(p.dtype) for p in params.values()}
    require(found <= {"float32", "float64"}, f"to_onnx: parameters must be float32 or float64, got {sorted(found)}")
    return max(found, default="float32")


def row_for(net: Layer, params: Mapping[str, Any]) -> Row:
    """The shape of a row of x that a network expects, by its parameters; an unknown width if they do not tell.

    Raises: SettingError if the parameters are not those of the network; ShapeError if they are for no x.
    """
    wanted = {*net.names, *net.running}
    require(wanted == set(params), f"to_onnx: parameters do not fit the network: {sorted(wanted ^ set(params))}")
    row = row_of(net, {name: tuple(p.shape) for name, p in params.items()})
    return (Unknown(),) if row is None else row


def known(row: Row) -> Row | None:
    """The shape of a row; None if its width is unknown."""
    return None if any(isinstance(length, Unknown) for length in row) else row
