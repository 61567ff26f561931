"""Numbers as their places between bin edges: a piecewise-linear encoding, and an embedding that learns from it.

The encoding of a number x by edges b_0 < ... < b_t has t components, one for each bin,

    v_j = (min(max(x, b_{j-1}), b_j) - b_{j-1}) / (b_j - b_{j-1}),

which are 1 in the bins below x and 0 in those above it. The first has no lower bound and the last no upper one, so
that numbers beyond the edges go on along a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf, sqrt
from typing import Any, NamedTuple

from ..backends import constant, namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes
from ..errors import require, shown
from ..settings import AT_LEAST_1, SMALLEST, real, settle
from .columns import Columns, across, beside, by_column, check, check_given, embeddings, onto, picked, settled
from .ensemble import over_rows
from .shared import added_up, line

Edges = tuple[tuple[float, ...], ...]  # ascending numbers for each column


class Bins(NamedTuple):
    """The bins of all columns, each part (f, t) or (f, t, 1); columns with fewer have components that are always 0."""

    low: Array  # where a component begins to grow, -inf for the first
    high: Array  # where it ends, inf for the last
    left: Array
    factor: Array  # 1 / width

    def components(self, x: Array) -> Array:
        """v (..., f, t) of numbers x (..., f, 1), or (..., f, t, n) of (..., f, 1, n)."""
        xp = namespace(x)
        v = xp.minimum(xp.maximum(x, self.low), self.high)
        v -= self.left
        v *= self.factor
        return v

    def slope(self, x: Array) -> Array:
        """dv/dx; at an edge that of the bin below it."""
        xp = namespace(x)
        within = xp.astype((x > self.low) & (x <= self.high), x.dtype)
        within *= self.factor
        return within


@dataclass(frozen=True)
class PiecewiseLinear(Layer):
    """A piecewise-linear encoding v of numeric columns by bin edges, behind x: y = (x, v).

    A number becomes one component for each bin: 1 in the bins below it, 0 in those above, and in its own bin the share
    that lies below it. The first bin has no lower bound and the last no upper one. Nothing is learned.

    Parameters
    ----------
    edges : tuple of tuple of float
        Ascending numbers for each of the columns, at least two, as `nnx.bin_edges` finds them in data.
    columns : tuple of int, optional
        Numbers of the columns of x that the edges are for, ascending from 0. None, the default: all columns of x.

    Raises
    ------
    SettingError
        If edges or columns do not ascend, or are not as many.
    ShapeError
        If x has not these columns.

    Notes
    -----
    Shapes: x (..., n, i), y (..., n, i + bins of all columns).

    Source: Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features", eq. 1.

    Examples
    --------
    >>> y, _ = nnx.PiecewiseLinear(((0.0, 1.0, 3.0),)).evaluate({}, np.array([[0.5], [2.0]]))
    >>> y.tolist()
    [[0.5, 0.5, 0.0], [2.0, 1.0, 0.5]]
    """

    edges: Edges
    columns: Columns = None

    def __post_init__(self) -> None:
        _settle(self)

    @cached_property
    def _bins(self) -> Bins:
        return bins(self.edges)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        check(self, self.columns, len(self.edges), line(self, row))
        return {}, (row[0] + sum(len(edges) - 1 for edges in self.edges),)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {}, self.shapes((features,))[1][0]

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp = namespace(x)
        check(self, self.columns, len(self.edges), x.shape[-1])
        v = _on(self._bins, x).components(picked(x, self.columns)[..., None])  # (..., n, f, t)
        *lead, f, t = v.shape
        if all(len(edges) == t + 1 for edges in self.edges):
            return xp.concat((x, xp.reshape(v, (*lead, f * t))), axis=-1), x
        own = [v[..., j, : len(edges) - 1] for j, edges in enumerate(self.edges)]
        return xp.concat((x, *own), axis=-1), x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if not need_dx:
            return None, {}
        xp, x = namespace(dy), saved
        slope = _on(self._bins, x).slope(picked(x, self.columns)[..., None])  # (..., n, f, t)
        start, sums = x.shape[-1], []
        for j, edges in enumerate(self.edges):
            stop = start + len(edges) - 1
            dv = dy[..., start:stop] * slope[..., j, : stop - start]
            sums.append(xp.sum(dv, axis=-1, keepdims=True))
            start = stop
        return onto(dy[..., : x.shape[-1]], xp.concat(sums, axis=-1), self.columns), {}


@dataclass(frozen=True)
class PiecewiseLinearEmbedding(Layer):
    """An embedding of numeric columns that is a line with learned bends at bin edges, behind x: y = (x, e).

    For each embedded column `e = x w + b + v W`, v being the number's piecewise-linear encoding
    (`nnx.PiecewiseLinear`).

    Parameters
    ----------
    edges : tuple of tuple of float
        Ascending numbers for each of the columns, at least two, as `nnx.bin_edges` finds them in data.
    units : int
        Columns u that an embedding has, at least 1.
    columns : tuple of int, optional
        Numbers of the columns of x that the edges are for, ascending from 0. None, the default: all columns of x.

    Raises
    ------
    SettingError
        If edges or columns do not ascend, or are not as many, or units is below 1.
    ShapeError
        If x has not these columns.

    Notes
    ----- Shapes: x (..., n, i), W (..., f, t, u), w, b (..., f, u), y (..., n, i + f u), f embedded columns, t the most
    bins of a column.

    W begins as 0, so that an embedding begins as a line and its bends are learned; w and b begin uniform within 1 /
    sqrt(units). v has no gradient but to x: `dW = v^T de`, `dw = sum(x de)`, `db = sum(de)` over the rows, column by
    column; `dx = de w + (de W^T) dv/dx`.

    Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM", appendix: piecewise-linear embeddings, version B.

    Examples
    --------
    >>> edges, columns = nnx.bin_edges(np.random.default_rng(0).normal(size=(500, 3)), 8)
    >>> nnx.init(nnx.PiecewiseLinearEmbedding(edges, 4, columns), 3)["W"].shape
    (3, 8, 4)
    """

    edges: Edges
    units: int
    columns: Columns = None

    def __post_init__(self) -> None:
        _settle(self, units=AT_LEAST_1)

    @cached_property
    def _bins(self) -> Bins:
        return bins(self.edges, rows=True)

    @property
    def names(self) -> tuple[str, ...]:
        return ("W", "w", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        check(self, self.columns, len(self.edges), line(self, row))
        i, f, u = row[0], len(self.edges), self.units
        return {"W": (f, most(self.edges), u), "w": (f, u), "b": (f, u)}, (i + f * u,)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shapes, (width,) = self.shapes((features,))
        params = {"W": draw.constant(shapes["W"], 0.0)}
        params |= {name: (2 * draw.fold(name).uniform(shapes[name]) - 1) / sqrt(self.units) for name in ("w", "b")}
        return params, width

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W, w, b = (params[name] for name in self.names)
        check_given(self, self.columns, W, x)
        xp, column = namespace(x), picked(x, self.columns)
        v = _on(self._bins, x).components(across(column))  # (..., f, t, n)
        e = xp.matmul(xp.matrix_transpose(W), v)  # (..., f, u, n)
        e += across(column) * w[..., None]
        e += b[..., None]
        return beside(x, e), (column, v)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (column, v), W, w = namespace(dy), saved, params["W"], params["w"]
        f, u = w.shape[-2:]
        de = embeddings(dy, f, u)  # (..., n, f, u)
        grads = {
            "W": xp.matmul(v, by_column(de)),
            "w": over_rows(de * column[..., None]),
            "b": over_rows(de),
        }
        grads = added_up(grads, params)
        if not need_dx:
            return None, grads
        dv = xp.matmul(W, xp.matrix_transpose(by_column(de)))  # (..., f, t, n)
        dv *= _on(self._bins, column).slope(across(column))
        d = xp.matrix_transpose(xp.sum(dv, axis=-2)) + xp.sum(de * w[..., None, :, :], axis=-1)  # (..., n, f)
        return onto(dy[..., : dy.shape[-1] - f * u], d, self.columns), grads


def most(edges: Edges) -> int:
    """The most bins of a column."""
    return max(map(len, edges)) - 1


def _settle(layer: Any, **ranges: Any) -> None:
    """Check and keep the settings. Raises SettingError."""
    settle(layer, edges=None, columns=None, **ranges)
    kind, edges = type(layer).__name__, layer.edges
    several = hasattr(edges, "__iter__") and all(hasattr(one, "__iter__") and not isinstance(one, str) for one in edges)
    require(several, f"{kind}: edges must be ascending numbers for each column, ((0.0, 1.0), ...), got {shown(edges)}")
    plain = tuple(tuple(float(real(f"{kind}: edges", v)) for v in one) for one in edges)
    for one in plain:
        rising = all(b - a >= SMALLEST for a, b in pairwise(one))
        require(len(one) > 1 and rising, f"{kind}: edges must be at least two ascending numbers, got {shown(one)}")
    object.__setattr__(layer, "edges", plain)
    object.__setattr__(layer, "columns", settled(kind, layer.columns))
    columns = len(plain) if layer.columns is None else len(layer.columns)
    require(len(plain) == columns > 0, f"{kind}: edges are for {len(plain)} columns, columns names {columns}")


def bins(edges: Edges, *, rows: bool = False) -> Bins:
    """The bins as tuples of numbers (f, t), or (f, t, 1) with an axis for the rows."""
    t = most(edges)
    made: tuple[list[Any], ...] = ([], [], [], [])
    for one in edges:
        none = (0.0,) * (t + 1 - len(one))  # from 0 to 0, times 0
        parts = (
            (-inf, *one[1:-1], *none),
            (*one[1:-1], inf, *none),
            (*one[:-1], *none),
            (*(1 / (b - a) for a, b in pairwise(one)), *none),
        )
        for columns, part in zip(made, parts, strict=True):
            columns.append(tuple((v,) for v in part) if rows else part)
    return Bins(*map(tuple, made))


def _on(found: Bins, x: Array) -> Bins:
    """The bins as arrays of the kind of x."""
    whole = constant(tuple(found), x)
    return Bins(whole[0, ...], whole[1, ...], whole[2, ...], whole[3, ...])
