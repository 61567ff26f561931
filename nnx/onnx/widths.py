"""The columns of a network's input and output, and their type, as its parameters say."""

from collections.abc import Mapping
from typing import Any

from ..contract import Layer
from ..errors import require
from ..files.shapes import row_of
from .graph import xp


def outputs(net: Layer, params: Mapping[str, Any], features: int | None) -> int | None:
    """The number of outputs of a network for so many features: what it says of one row.

    Raises: ShapeError, SettingError if the parameters are those of a population, or do not fit the network.
    """
    if features is None:
        return None
    z, _ = net.evaluate(params, xp.zeros((1, features), dtype=float_type(params)))
    require(
        z.ndim == 2,
        f"to_onnx: the parameters are those of a population {tuple(z.shape[:-2])}: give those of one member, p[i]",
    )
    return int(z.shape[-1])


def float_type(params: Mapping[str, Any]) -> str:
    """The type that a network with these host parameters computes in. Raises SettingError for other than floats."""
    found = {str(p.dtype) for p in params.values()}
    require(found <= {"float32", "float64"}, f"to_onnx: parameters must be float32 or float64, got {sorted(found)}")
    return max(found, default="float32")


def features_of(net: Layer, params: Mapping[str, Any]) -> int | None:
    """The number of features that a network expects, by its parameters; None if they do not tell.

    Raises: SettingError if the parameters are not those of the network; ShapeError if they are for no x.
    """
    wanted = {*net.names, *net.running}
    require(wanted == set(params), f"to_onnx: parameters do not fit the network: {sorted(wanted ^ set(params))}")
    row = row_of(net, {name: tuple(p.shape) for name, p in params.items()})
    return None if row is None else row[-1]
