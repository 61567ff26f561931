"""Convolutions: one small matrix for all windows of a row, as one product of matrices."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import ClassVar

from ..backends import namespace, onto_places, outer_over_places, product_over_places
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..errors import SettingError, ShapeError
from ..initializers import HeUniform, Zeros
from ..settings import AT_LEAST_1, settle
from .grid import Grid, grouped
from .shared import added_up, axes_of
from .windows import PADDING, Sizes, channels_first, channels_last, settle_sizes, sizes_of, window_of

HE, ZEROS = HeUniform(), Zeros()


@dataclass(frozen=True)
class _Convolution(Layer):
    """What Conv1D and Conv2D have in common: rows (*positions, channels) with 1 or 2 axes of positions."""

    units: int
    size: int | tuple[int, ...]
    stride: int | tuple[int, ...] = 1
    padding: int | str | tuple[int, ...] = 0
    dilation: int | tuple[int, ...] = 1
    groups: int = 1
    weight: Initializer = HE
    bias: Initializer = ZEROS

    axes: ClassVar[str]  # of a row, for a person

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, size=None, stride=None, padding=None, dilation=None, groups=AT_LEAST_1)
        for name in ("size", "stride", "dilation"):
            settle_sizes(self, name, self._positions)
        if not (isinstance(self.padding, str) and self.padding == "same"):
            settle_sizes(self, "padding", self._positions, PADDING, ", or 'same'")
        if self.units % self.groups:
            raise SettingError(f"{type(self).__name__}: units {self.units} must be a multiple of groups {self.groups}")

    @property
    def _positions(self) -> int:
        return self.axes.count(",")

    @property
    def names(self) -> tuple[str, ...]:
        return ("W", "b")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        *positions, c = axes_of(self, row, self.axes)
        if c % self.groups:
            raise ShapeError(f"{self!r}: {c} channels are no multiple of groups={self.groups}")
        o, size = grid_of(self, tuple(positions)).outputs, sizes_of(self.size, self._positions)
        return {"W": (*size, c // self.groups, self.units), "b": (self.units,)}, (*o, self.units)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        shapes, out = self.shapes(as_row(features))
        W = self.weight.init((prod(shapes["W"][:-1]), self.units), draw.fold("W"))
        b = self.bias.init((1, self.units), draw.fold("b"))
        return {"W": namespace(W).reshape(W, (*W.shape[:-2], *shapes["W"])), "b": b[..., 0, :]}, out

    def _matrix(self, W: Array) -> Array:
        """The weights of each group as a matrix: (..., *size, c / g, u) -> (..., g, u / g, k c / g)."""
        lead = W.shape[: W.ndim - self._positions - 2]
        return channels_last(namespace(W).reshape(W, (*lead, -1, self.groups, self.units // self.groups)), 1)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W, axes = params["W"], self._positions
        if x.ndim < axes + 2 or x.shape[-1] != W.shape[-2] * self.groups:
            expected = f"(rows, {self.axes.replace('channels', str(W.shape[-2] * self.groups))})"
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected {expected}")
        xp, shape = namespace(x), x.shape
        n, *positions, _ = shape[-axes - 2 :]
        grid = grid_of(self, tuple(positions))
        planes = grid.planes(grouped(x, axes, self.groups))  # (..., g, planes, c / g, n, *cells)
        y = product_over_places(self._matrix(W), planes, grid.places, grid.outputs)  # (..., g, u / g, n, *o)
        y = channels_last(xp.reshape(y, (*y.shape[: y.ndim - axes - 3], self.units, n, *grid.outputs)), axes)
        y += params["b"][(..., *(None,) * (axes + 1), slice(None))]
        return y, (planes, shape)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        (planes, shape), W, axes = saved, params["W"], self._positions
        xp, (n, *positions, c) = namespace(dy), shape[-axes - 2 :]
        grid = grid_of(self, tuple(positions))
        dy = grouped(dy, axes, self.groups)
        db = xp.sum(dy, axis=tuple(range(-axes - 1, 0)))  # (..., g, u / g)
        dW = channels_first(outer_over_places(dy, planes, grid.places), 1)  # (..., k c / g, g, u / g)
        dW = xp.reshape(dW, (*dW.shape[:-3], *W.shape[W.ndim - axes - 2 :]))
        grads = added_up({"W": dW, "b": xp.reshape(db, (*db.shape[:-2], self.units))}, params)
        if not need_dx:
            return None, grads
        dplanes = onto_places(xp.matrix_transpose(self._matrix(W)), dy, grid.places, planes)
        dx = grid.positions_of(dplanes)  # (..., g, c / g, n, *positions)
        return channels_last(xp.reshape(dx, (*dx.shape[: dx.ndim - axes - 3], c, n, *positions)), axes), grads


kept = lru_cache(maxsize=256)(Grid)  # for the next step


def grid_of(layer: _Convolution, positions: Sizes) -> Grid:
    """The cells for rows of these positions."""
    pads, *window = window_of(layer, positions)
    return kept(positions, tuple(pads), *window)


@dataclass(frozen=True)
class Conv2D(_Convolution):
    """Convolution of images: each output looks at a window of the input, and all windows share one matrix.

    `y[h, w] = sum over i, j of x[s h + d i - p, s w + d j - p] W[i, j] + b`, with stride s, dilation d and p zeros
    around the image. The gradient of W is one product of all windows with dy, that of x adds up what each window gives
    back.

    Parameters
    ----------
    units : int
        Channels of y, at least 1.
    size : int or tuple of int
        Height and width of the window; one number for both.
    stride : int or tuple of int, default 1
        How far a window lies from the next, in positions.
    padding : int, tuple of int or "same", default 0
        Zeros around the image. "same": as many as keep its height and width, or with a stride divide them by it,
        rounded up.
    dilation : int or tuple of int, default 1
        How far the elements of a window lie apart, in positions.
    groups : int, default 1
        In how many groups the channels of x and y are divided; each of y's sees its own of x alone. With as many as
        channels it is a depthwise convolution.
    weight : Initializer, default HeUniform()
        How W begins; its inputs are the elements of a window.
    bias : Initializer, default Zeros()
        How b begins.

    Raises
    ------
    SettingError
        If a number is below its least, or units is no multiple of groups.
    ShapeError
        If a row is not (height, width, channels), the channels are no multiple of groups, or no window fits.

    Notes
    -----
    Shapes: x (..., n, height, width, c), W (..., *size, c / groups, u), b (..., u), y (..., n, height', width', u).

    Source: LeCun et al. 1989, "Backpropagation applied to handwritten zip code recognition"; dilation as in Yu & Koltun
    2016. As everywhere in the field it is a correlation: the window is not turned round.

    Examples
    --------
    >>> net = nnx.Conv2D(8, 3, padding="same")
    >>> params = nnx.init(net, (28, 28, 1))
    >>> params["W"].shape, nnx.predict(net, params, np.ones((2, 28, 28, 1))).shape
    ((3, 3, 1, 8), (2, 28, 28, 8))
    """

    axes = "height, width, channels"


@dataclass(frozen=True)
class Conv1D(_Convolution):
    """Convolution of sequences: each output looks at a window of the input, and all windows share one matrix.

    `y[t] = sum over i of x[s t + d i - p] W[i] + b`, with stride s, dilation d and p zeros at both ends.

    Parameters
    ----------
    units : int
        Channels of y, at least 1.
    size : int
        Length of the window.
    stride : int, default 1
        How far a window lies from the next, in positions.
    padding : int, tuple of int or "same", default 0
        Zeros at both ends. "same": as many as keep the length, or with a stride divide it by it, rounded up.
    dilation : int, default 1
        How far the elements of a window lie apart, in positions.
    groups : int, default 1
        In how many groups the channels of x and y are divided; each of y's sees its own of x alone.
    weight : Initializer, default HeUniform()
        How W begins; its inputs are the elements of a window.
    bias : Initializer, default Zeros()
        How b begins.

    Raises
    ------
    SettingError
        If a number is below its least, or units is no multiple of groups.
    ShapeError
        If a row is not (time, channels), the channels are no multiple of groups, or no window fits.

    Notes
    -----
    Shapes: x (..., n, time, c), W (..., size, c / groups, u), b (..., u), y (..., n, time', u).

    Source: Waibel et al. 1989, "Phoneme recognition using time-delay neural networks".

    Examples
    --------
    >>> net = nnx.Conv1D(4, 5, stride=2, padding="same")
    >>> nnx.predict(net, nnx.init(net, (100, 3)), np.ones((2, 100, 3))).shape
    (2, 50, 4)
    """

    axes = "time, channels"
