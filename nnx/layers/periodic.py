"""Numbers as waves: periodic embeddings of numeric columns, whose frequencies are learned."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes
from ..settings import AT_LEAST_1, NOT_NEGATIVE, settle
from .columns import Columns, across, beside, by_column, check, check_given, embeddings, onto, picked, settled
from .ensemble import over_rows
from .shared import added_up, line


@dataclass(frozen=True)
class PLREmbedding(Layer):
    """An embedding of numeric columns by waves of learned frequencies and a ReLU, behind x: y = (x, e).

    "Periodic, linear, ReLU": for each embedded column `e = max(h W + b, 0)`, `h = (cos 2 pi x w, sin 2 pi x w)`.

    Parameters
    ----------
    units : int, default 24
        Columns that an embedding has, at least 1.
    frequencies : int, default 48
        Number k of waves of each column, at least 1.
    deviation : float, default 0.01
        Standard deviation of the initial frequencies, at least 0. It matters most: try 0.01 to 1, for columns of
        deviation 1.
    columns : tuple of int, optional
        Numbers of the embedded columns, ascending from 0. None, the default: all columns of x.

    Raises
    ------
    SettingError
        If a number is out of range, or columns do not ascend.
    ShapeError
        If x has not these columns.

    Notes
    -----
    Shapes: x (..., n, i), w (..., f, k), W (..., f, 2 k, u), b (..., f, u), y (..., n, i + f u), f embedded columns,
    k frequencies.

    w begins normal with the deviation, cut at 3 deviations; W and b begin uniform within 1 / sqrt(2 frequencies). With
    de of the units that are not 0, `dh = de W^T` and `da = -dh_cos sin(a) + dh_sin cos(a)`, `a = 2 pi x w`:
    `dW = h^T de`, `db = sum(de)`, `dw = 2 pi sum(x da)` over the rows, column by column; `dx = 2 pi da w`.

    Source: Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features", section 3.3.

    Examples
    --------
    >>> net = nnx.Chain(nnx.PLREmbedding(8, columns=(0, 2)), nnx.Dense(1))
    >>> nnx.init(net, 5)["1.W"].shape
    (21, 1)
    """

    units: int = 24
    frequencies: int = 48
    deviation: float = 0.01
    columns: Columns = None

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, frequencies=AT_LEAST_1, deviation=NOT_NEGATIVE, columns=None)
        object.__setattr__(self, "columns", settled(type(self).__name__, self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        return ("w", "W", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        i = line(self, row)
        f, k, u = embedded(self, self.columns, i), self.frequencies, self.units
        return {"w": (f, k), "W": (f, 2 * k, u), "b": (f, u)}, (i + f * u,)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shapes, (width,) = self.shapes((features,))
        normal = draw.fold("w").normal(shapes["w"])
        xp = namespace(normal)
        w = self.deviation * xp.minimum(xp.maximum(normal, -3.0), 3.0)
        return {"w": w} | linear(shapes, 2 * self.frequencies, draw), width

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        w, W, b = (params[name] for name in self.names)
        check_given(self, self.columns, W, x)
        xp, column = namespace(x), across(picked(x, self.columns))  # (..., f, 1, n)
        a = (2 * pi * w)[..., None] * column
        h = xp.concat((xp.cos(a), xp.sin(a)), axis=-2)  # (..., f, 2 k, n)
        e = xp.matmul(xp.matrix_transpose(W), h)
        e += b[..., None]
        e = xp.maximum(e, 0.0)  # (..., f, u, n)
        return beside(x, e), (column, h, e)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (column, h, e), k = namespace(dy), saved, self.frequencies
        de = xp.matrix_transpose(by_column(embeddings(dy, *e.shape[-3:-1]))) * xp.astype(e > 0.0, dy.dtype)
        dh = xp.matmul(params["W"], de)  # (..., f, 2 k, n)
        da = dh[..., k:, :] * h[..., :k, :]
        da -= dh[..., :k, :] * h[..., k:, :]
        dx, grads = _waves(params, column, da, dy, self.columns, need_dx)
        grads |= {"W": xp.matmul(h, xp.matrix_transpose(de)), "b": xp.sum(de, axis=-1)}
        return dx, added_up(grads, params)


@dataclass(frozen=True)
class PBLDEmbedding(Layer):
    """An embedding of numeric columns by waves of learned frequencies and phases, behind x: y = (x, e).

    "Periodic, bias, linear, DenseNet": for each embedded column `e = h W + b`, `h = cos(2 pi x w + p)`.

    Parameters
    ----------
    units : int, default 3
        Columns that an embedding has, at least 1.
    frequencies : int, default 16
        Number k of waves of each column, at least 1.
    deviation : float, default 0.1
        Standard deviation of the initial frequencies, at least 0.
    columns : tuple of int, optional
        Numbers of the embedded columns, ascending from 0. None, the default: all columns of x.

    Raises
    ------
    SettingError
        If a number is out of range, or columns do not ascend.
    ShapeError
        If x has not these columns.

    Notes
    -----
    Shapes: x (..., n, i), w, p (..., f, k), W (..., f, k, u), b (..., f, u), y (..., n, i + f u), f embedded columns,
    k frequencies.

    w begins normal with the deviation, p uniform within pi, W and b uniform within 1 / sqrt(frequencies). With
    `dh = de W^T` and `da = -dh sin(a)`, `a = 2 pi x w + p`: `dW = h^T de`, `db = sum(de)`, `dp = sum(da)`,
    `dw = 2 pi sum(x da)` over the rows, column by column; `dx = 2 pi da w`.

    Source: Holzmueller, Grinsztajn & Steinwart 2024, "Better by default", RealMLP, appendix A.

    Examples
    --------
    >>> net = nnx.Chain(nnx.PBLDEmbedding(), nnx.Dense(1))
    >>> nnx.init(net, 5)["1.W"].shape
    (20, 1)
    """

    units: int = 3
    frequencies: int = 16
    deviation: float = 0.1
    columns: Columns = None

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, frequencies=AT_LEAST_1, deviation=NOT_NEGATIVE, columns=None)
        object.__setattr__(self, "columns", settled(type(self).__name__, self.columns))

    @property
    def names(self) -> tuple[str, ...]:
        return ("w", "p", "W", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        i = line(self, row)
        f, k, u = embedded(self, self.columns, i), self.frequencies, self.units
        return {"w": (f, k), "p": (f, k), "W": (f, k, u), "b": (f, u)}, (i + f * u,)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shapes, (width,) = self.shapes((features,))
        w = self.deviation * draw.fold("w").normal(shapes["w"])
        p = pi * (2 * draw.fold("p").uniform(shapes["p"]) - 1)
        return {"w": w, "p": p} | linear(shapes, self.frequencies, draw), width

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        w, p, W, b = (params[name] for name in self.names)
        check_given(self, self.columns, W, x)
        xp, column = namespace(x), across(picked(x, self.columns))  # (..., f, 1, n)
        a = (2 * pi * w)[..., None] * column
        a += p[..., None]
        h = xp.cos(a)  # (..., f, k, n)
        e = xp.matmul(xp.matrix_transpose(W), h)
        e += b[..., None]
        return beside(x, e), (column, a, h)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (column, a, h), W = namespace(dy), saved, params["W"]
        de = embeddings(dy, W.shape[-3], W.shape[-1])
        da = xp.matmul(W, xp.matrix_transpose(by_column(de)))  # (..., f, k, n)
        da *= -xp.sin(a)
        dx, grads = _waves(params, column, da, dy, self.columns, need_dx)
        grads |= {"p": xp.sum(da, axis=-1), "W": xp.matmul(h, by_column(de)), "b": over_rows(de)}
        return dx, added_up(grads, params)


def embedded(layer: Layer, columns: Columns, features: int) -> int:
    """The number of embedded columns of x with so many features. Raises ShapeError if x has not all of them."""
    f = features if columns is None else len(columns)
    check(layer, columns, f, features)
    return f


def linear(shapes: Shapes, inputs: int, draw: Draw) -> Params:
    """W and b, uniform within 1 / sqrt(inputs)."""
    return {name: (2 * draw.fold(name).uniform(shapes[name]) - 1) / sqrt(inputs) for name in ("W", "b")}


def _waves(
    params: Mapping[str, Array], column: Array, da: Array, dy: Array, columns: Columns, need_dx: bool
) -> tuple[Array | None, Params]:
    """dx and dw of a = 2 pi x w."""
    xp, w = namespace(dy), params["w"]
    grads = {"w": 2 * pi * xp.sum(da * column, axis=-1)}
    if not need_dx:
        return None, grads
    d = 2 * pi * xp.sum(da * w[..., None], axis=-2)  # (..., f, n)
    f, u = params["b"].shape[-2:]
    return onto(dy[..., : dy.shape[-1] - f * u], xp.matrix_transpose(d), columns), grads
