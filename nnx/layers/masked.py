"""Padding: positions of a sequence whose features are all 0, which fill rows up to the same length."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_features, as_row
from ..errors import ShapeError, require
from ..settings import settle
from .shared import axes_of


def filled(x: Array) -> Array:
    """1 for a position with a feature other than 0 and 0 for padding: (..., n, t) of (..., n, t, i)."""
    xp = namespace(x)
    return xp.astype(xp.max(xp.abs(x), axis=-1) > 0, x.dtype)


@dataclass(frozen=True)
class Masked(Layer):
    """A layer on sequences whose padding stays padding: y = f(x) m, m being 0 where all features of a position are 0.

    A layer with a bias makes other numbers of the zeros of padding; inside Masked they stay 0, so that
    `nnx.MultiHeadAttention(heads, padding=True)` further on knows them.

    Parameters
    ----------
    layer : Layer
        The layer f, often a Chain, which gives as many positions as it takes.

    Raises
    ------
    SettingError
        If f is no layer, or makes several rows of each.
    ShapeError
        If a row is not (time, features), or f changes the number of positions.

    Notes
    -----
    Shapes: x (..., n, t, i), y (..., n, t, u), m (..., n, t, 1).

    `dx` is what f makes of `dy m`. The parameters keep the names they have in f.

    Examples
    --------
    >>> net = nnx.Masked(nnx.Dense(2, bias=nnx.Constant(1.0)))
    >>> x = np.array([[[1.0, 1.0], [0.0, 0.0]]])
    >>> nnx.predict(net, {"W": np.eye(2)[None], "b": np.ones((1, 2))}, x).tolist()
    [[[2.0, 2.0], [0.0, 0.0]]]
    """

    layer: Layer

    def __post_init__(self) -> None:
        settle(self)
        many = self.layer.copies
        require(many == 1, f"Masked: {self.layer!r} makes {many} rows of each; f(x) m needs as many as there are")

    @property
    def names(self) -> tuple[str, ...]:
        return self.layer.names

    @property
    def running(self) -> tuple[str, ...]:
        return self.layer.running

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        shapes, out = self.layer.shapes(axes_of(self, row, "time, features"))
        self._check(row, out)
        return shapes, out

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        row = axes_of(self, as_row(features), "time, features")
        params, out = self.layer.init(features, draw)
        self._check(row, as_row(out))
        return params, as_features(as_row(out))

    def _check(self, row: Row, out: Row) -> None:
        if out[:-1] != row[:-1]:
            raise ShapeError(f"Masked: {self.layer!r} turns rows {row} into {out}; f(x) m needs as many positions")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y, saved = self.layer.evaluate(params, x, train=train, key=key)
        m = filled(x)[..., None]
        return y * m, (saved, m)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        own, m = saved
        return self.layer.backprop(params, own, dy * m, need_dx=need_dx)

    def update(self, params: Params, saved: Saved) -> Params:
        return self.layer.update(params, saved[0])
