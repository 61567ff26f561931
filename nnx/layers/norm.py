from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from ..backends import namespace, same_library
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..errors import ShapeError
from ..settings import BELOW_1, UP_TO_1, settle
from .shared import added_up, row_axes, spread_shape


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer normalisation: each row is brought to mean 0 and variance 1 over its features, then scaled and shifted.

    `y = h gain + shift` with `h = (x - mean) / sqrt(variance + epsilon)`, mean and variance taken over the features of
    each row. A row does not depend on the others, so training and prediction are the same.

    Parameters
    ----------
    epsilon : float, default 1e-05
        What is added to the variance, above 0 and below 1; it keeps a row of equal numbers from a division by 0.

    Raises
    ------
    SettingError
        If epsilon is out of range.
    ShapeError
        If x has other columns than gain.

    Notes
    -----
    Shapes: x, y, h (..., n, i), gain, shift (..., i).

    With `dh = dy gain`, `dx = (dh - mean(dh) - h mean(dh h)) / sqrt(variance + epsilon)`. gain begins as 1 and shift as
    0.

    Source: Ba, Kiros & Hinton 2016, eq. 4.

    Examples
    --------
    >>> net, x = nnx.LayerNorm(), np.array([[1.0, 2.0, 3.0]])
    >>> nnx.predict(net, nnx.init(net, x), x).round(2).tolist()
    [[-1.22, 0.0, 1.22]]
    """

    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        settle(self, epsilon=BELOW_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain", "shift")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return dict.fromkeys(self.names, spread_shape(row[-1:], row)), row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shapes, _ = self.shapes(as_row(features))
        return {"gain": draw.constant(shapes["gain"], 1.0), "shift": draw.constant(shapes["shift"], 0.0)}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        check_columns(self, params, x)
        xp = namespace(x)
        h = x - xp.mean(x, axis=-1, keepdims=True)
        inverse = 1 / xp.sqrt(xp.mean(h * h, axis=-1, keepdims=True) + self.epsilon)
        h *= inverse
        return scale(params, h), (h, inverse)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        h, inverse = saved
        dx = _centre(params, h, inverse, dy, axis=-1) if need_dx else None
        return dx, scale_gradients(params, h, dy)


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation: in training each column is brought to mean 0 and variance 1 over the rows of the batch.

    `y = h gain + shift` with `h = (x - mean) / sqrt(variance + epsilon)`, mean and variance taken over the rows of the
    batch in training. `update` moves a running mean and variance, which are used otherwise: a prediction of a row does
    not depend on the rows beside it.

    Parameters
    ----------
    momentum : float, default 0.1
        How far a step moves the running statistics towards the batch's, from 0 to 1:
        `mean += momentum (batch mean - mean)`.
    epsilon : float, default 1e-05
        What is added to the variance, above 0 and below 1.

    Raises
    ------
    SettingError
        If momentum or epsilon is out of range.
    ShapeError
        If x has other columns than gain.

    Notes
    -----
    Shapes: x, y, h (..., n, i), gain, shift, mean, variance (..., i).

    In training, with `dh = dy gain` and the means over the rows,
    `dx = (dh - mean(dh) - h mean(dh h)) / sqrt(variance + epsilon)`.

    gain and variance begin as 1, shift and mean as 0. The running variance takes the unbiased estimate n / (n - 1) of
    the batch's, as in the paper and PyTorch. A last batch of one row leaves both as they are and is h = 0; `nnx.fit`
    refuses to train on one row at a time. In a loop of your own call `net.update(params, values)` after each step.

    Source: Ioffe & Szegedy 2015, algorithms 1 and 2.

    Examples
    --------
    >>> net, x = nnx.BatchNorm(), np.array([[1.0], [3.0]])
    >>> params = nnx.init(net, x)
    >>> y, values = net.evaluate(params, x, train=True)
    >>> y.round(3).tolist(), net.update(params, values)["mean"].round(3).tolist()
    ([[-1.0], [1.0]], [0.2])
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        settle(self, momentum=UP_TO_1, epsilon=BELOW_1)

    @property
    def names(self) -> tuple[str, ...]:
        return ("gain", "shift")

    @property
    def running(self) -> tuple[str, ...]:
        return ("mean", "variance")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return dict.fromkeys((*self.names, *self.running), spread_shape(row[-1:], row)), row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shape = spread_shape(as_row(features)[-1:], as_row(features))
        one, zero = draw.constant(shape, 1.0), draw.constant(shape, 0.0)
        return {"gain": one, "shift": zero, "mean": zero, "variance": one}, features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        check_columns(self, params, x)
        xp = namespace(x)
        if not train:
            inverse = 1 / xp.sqrt(params["variance"] + self.epsilon)[..., None, :]
            h = (x - params["mean"][..., None, :]) * inverse
            return scale(params, h), (h, inverse, None)
        rows = batch_axes(params["gain"], x)
        mean = xp.mean(x, axis=rows, keepdims=True)
        h = x - mean
        variance = xp.mean(h * h, axis=rows, keepdims=True)
        inverse = 1 / xp.sqrt(variance + self.epsilon)
        h *= inverse
        n = x.shape[-2] if rows == -2 else prod(x.shape[axis] for axis in rows)
        if n < 2:  # one row has no variance to learn from
            return scale(params, h), (h, inverse, ())
        return scale(params, h), (h, inverse, (mean[..., 0, :], variance[..., 0, :] * (n / (n - 1))))

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        h, inverse, batch = saved
        grads = scale_gradients(params, h, dy)
        if not need_dx:
            return None, grads
        if batch is None:  # the running statistics do not depend on x
            return dy * params["gain"][..., None, :] * inverse, grads
        return _centre(params, h, inverse, dy, axis=batch_axes(params["gain"], h)), grads

    def update(self, params: Params, saved: Saved) -> Params:
        if saved[2]:
            for name, batch in zip(self.running, saved[2], strict=True):
                average = params[name]
                average *= 1 - self.momentum
                average += self.momentum * batch
                params[name] = average
        return params


def batch_axes(gain: Array, x: Array) -> Any:
    """The axes of the batch and of the positions in a row, over which a column is normalised."""
    axes = row_axes(gain, 1, x) if gain.ndim > 1 else 0
    return tuple(range(-2 - axes, -1)) if axes else -2


def check_columns(layer: Layer, params: Mapping[str, Array], x: Array, name: str = "gain") -> None:
    """Raise ShapeError or BackendError if x has not the columns, or is not of the library, of a parameter."""
    gain = params[name]
    if x.ndim < 2 or x.shape[-1] != gain.shape[-1]:
        raise ShapeError(f"{type(layer).__name__}: x has shape {x.shape}, expected (rows, {gain.shape[-1]})")
    if type(x) is not type(gain):
        same_library(**{"x": x, name: gain})


def scale(params: Mapping[str, Array], h: Array) -> Array:
    y = h * params["gain"][..., None, :]
    y += params["shift"][..., None, :]
    return y


def scale_gradients(params: Mapping[str, Array], h: Array, dy: Array) -> Params:
    xp = namespace(dy)
    return added_up({"gain": xp.sum(dy * h, axis=-2), "shift": xp.sum(dy, axis=-2)}, params)


def _centre(params: Mapping[str, Array], h: Array, inverse: Array, dy: Array, *, axis: Any) -> Array:
    xp = namespace(dy)
    dh = dy * params["gain"][..., None, :]
    along = xp.mean(dh * h, axis=axis, keepdims=True)
    dh -= xp.mean(dh, axis=axis, keepdims=True)
    dh -= h * along
    dh *= inverse
    return dh
