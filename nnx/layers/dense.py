from collections.abc import Mapping
from dataclasses import dataclass

from ..backends import matmul, namespace, transposed
from ..contract import (
    Array,
    Draw,
    Features,
    Initializer,
    Key,
    Layer,
    Params,
    Row,
    Saved,
    Shapes,
    as_features,
    as_row,
)
from ..errors import ShapeError
from ..initializers import GlorotUniform, Zeros
from ..settings import AT_LEAST_1, settle
from .shared import added_up, joined, plain, restored, row_axes, spread, spread_shape

GLOROT, ZEROS = GlorotUniform(), Zeros()


@dataclass(frozen=True)
class Dense(Layer):
    """Affine map: y = x W + b, a layer of fully connected units.

    The gradients are `dW = x^T dy`, db = the sum of dy over the rows, and `dx = dy W^T`. The rows x may be a sparse
    matrix of SciPy, which stays one; then there is no dx.

    Parameters
    ----------
    units : int
        Columns of y, at least 1.
    weight : Initializer, default GlorotUniform()
        How W begins, such as `nnx.HeNormal()` before `nnx.ReLU`.
    bias : Initializer, default Zeros()
        How b begins.

    Raises
    ------
    SettingError
        If units is below 1, or weight or bias is no initializer.
    ShapeError
        If the last axis of x is not i, the number of features that W was made for.

    Notes
    -----
    Shapes: x (..., n, i), W (..., i, units), b (..., units), y (..., n, units).

    Source: W is drawn as in Glorot & Bengio 2010, eq. 16, unless another initializer is given.

    Examples
    --------
    >>> net = nnx.Dense(3)
    >>> params = nnx.init(net, 5)
    >>> params["W"].shape, params["b"].shape
    ((5, 3), (3,))
    """

    units: int
    weight: Initializer = GLOROT
    bias: Initializer = ZEROS

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("W", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        *lead, i = row
        shapes = {"W": spread_shape((i, self.units), row), "b": spread_shape((self.units,), row)}
        return shapes, (*lead, self.units)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        *lead, i = row = as_row(features)
        W = self.weight.init((i, self.units), draw.fold("W"))
        b = self.bias.init((1, self.units), draw.fold("b"))
        return {"W": spread(W, row, 2), "b": spread(b[..., 0, :], row)}, as_features((*lead, self.units))

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W = params["W"]
        if x.ndim < 2 or x.shape[-1] != W.shape[-2]:
            self._refuse(x, W)
        axes = row_axes(W, 2, x) if W.ndim > 2 else 0
        if axes:  # one product of all positions of all rows
            y = matmul(joined(x, axes), plain(W, axes, 2))
            y = namespace(y).reshape(y, (*y.shape[:-2], *x.shape[-axes - 2 : -1], self.units))
        else:
            y = matmul(x, W)
        y += params["b"][..., None, :]
        return y, x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, x, W = namespace(dy), saved, params["W"]
        axes, row = row_axes(W, 2, x) if W.ndim > 2 else 0, x.shape
        if axes:
            x, dy, W = joined(x, axes), joined(dy, axes), plain(W, axes, 2)
        grads = {"W": matmul(transposed(x), dy), "b": xp.sum(dy, axis=-2)}
        dx = xp.matmul(dy, xp.matrix_transpose(W)) if need_dx else None
        if axes:
            grads = {"W": restored(grads["W"], axes, 2), "b": restored(grads["b"], axes, 1)}
            dx = dx if dx is None else xp.reshape(dx, (*dx.shape[:-2], *row[-axes - 2 :]))
        return dx, added_up(grads, params)

    def _refuse(self, x: Array, W: Array) -> None:
        if x.ndim < 2:
            raise ShapeError(
                f"{type(self).__name__}({self.units}): x has shape {x.shape}, expected (rows, {W.shape[-2]})"
            )
        raise ShapeError(
            f"{type(self).__name__}({self.units}): x has {x.shape[-1]} features, W expects {W.shape[-2]}; "
            "was the network initialised for another shape?"
        )
