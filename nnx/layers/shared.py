"""What layers have in common: rows with several axes, and parameters that broadcast against them."""

from collections.abc import Mapping
from typing import Any

from ..backends import namespace
from ..contract import Array, Layer, Params, Row
from ..errors import ShapeError


def added_up(grads: Params, params: Mapping[str, Array]) -> Params:
    """Gradients, summed to the shapes of the parameters: over the axes of a population in front that these have not,
    and over those of a row that they have with length 1."""
    return {name: _summed(g, params[name]) for name, g in grads.items()}


def _summed(g: Array, p: Array) -> Array:
    xp, extra = namespace(g), g.ndim - p.ndim
    if g.shape == p.shape or extra < 0:
        return g
    if extra > 0:
        g = xp.sum(g, axis=tuple(range(extra)))
    ones = tuple(i for i, (own, whole) in enumerate(zip(p.shape, g.shape, strict=True)) if own == 1 < whole)
    return xp.sum(g, axis=ones, keepdims=True) if ones else g


def spread(p: Array, row: Row, own: int = 1) -> Array:
    """A parameter (..., *own) with an axis of length 1 for each axis of a row that it does not look at."""
    if len(row) == 1:
        return p
    lead, last = p.shape[: p.ndim - own], p.shape[p.ndim - own :]
    return namespace(p).reshape(p, (*lead, *spread_shape(last, row)))


def spread_shape(shape: Row, row: Row) -> Row:
    """The shape of such a parameter, without a population."""
    return (1,) * (len(row) - 1) + shape


def row_axes(p: Array, own: int, x: Array) -> int:
    """How many axes of the rows of x, before the last, a parameter (..., 1, ..., *own) does not look at."""
    count = 0
    while count < x.ndim - 2 and p.ndim > own + count and p.shape[-own - count - 1] == 1:
        count += 1
    return count


def joined(x: Array, axes: int) -> Array:
    """Rows with several axes as lines of features: (..., n, *axes, i) -> (..., n prod(axes), i)."""
    return namespace(x).reshape(x, (*x.shape[: x.ndim - axes - 2], -1, x.shape[-1]))


def plain(p: Array, axes: int, own: int) -> Array:
    """A parameter without its axes of length 1."""
    return namespace(p).reshape(p, (*p.shape[: p.ndim - own - axes], *p.shape[p.ndim - own :]))


def restored(g: Array, axes: int, own: int) -> Array:
    """The way back from `plain`."""
    return namespace(g).reshape(g, (*g.shape[: g.ndim - own], *(1,) * axes, *g.shape[g.ndim - own :]))


class AxesError(ShapeError):
    """Rows have other axes than a layer takes."""


def line(layer: Layer, row: Row) -> int:
    """The number of features of rows that have no other axis. Raises: ShapeError."""
    if len(row) != 1:
        kind, hint = type(layer).__name__, f"put Flatten({len(row)}) before it"
        raise ShapeError(f"{kind}: takes rows of features, got rows of shape {row}; {hint}")
    return row[0]


def rows_of(layer: Layer, row: Row, axes: int) -> Row:
    """The shape of a row, which must have as many axes as the layer was told. Raises: ShapeError."""
    if len(row) != axes:
        raise AxesError(f"{layer!r}: is told axes={axes}, got rows of shape {row}; give axes={len(row)}")
    return row


def axes_of(layer: Layer, row: Row, axes: str) -> Row:
    """The shape of a row that must have these axes, such as "height, width, channels". Raises: ShapeError."""
    if len(row) != axes.count(",") + 1:
        many, hint = axes.count(",") + 1, ""
        if len(row) == 1:
            hint = f"; Reshape(({axes})) makes them of a line"
        elif len(row) == many - 1:
            hint = f"; Reshape({(*row, 1)}, axes={many - 1}) before it adds an axis of one channel"
        raise AxesError(f"{type(layer).__name__}: takes rows ({axes}), got rows of shape {row}{hint}")
    return row


def named(part: str, own: Mapping[str, Any]) -> dict[str, Any]:
    """What a part has by name, as the whole has it: "W" of the part "in" is "in.W"."""
    return {f"{part}.{name}": value for name, value in own.items()}


def of_part(part: str, params: Mapping[str, Array]) -> Params:
    """The way back: what a part has of the parameters of the whole, which must be a part of affine maps."""
    return {name: params[f"{part}.{name}"] for name in ("W", "b")}
