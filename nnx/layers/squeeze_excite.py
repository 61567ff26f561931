"""Channels weighed by what a row as a whole looks like."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ..backends import namespace
from ..contract import Array, Draw, Features, Key, Layer, Params, Row, Saved, Shapes, as_row
from ..errors import ShapeError
from ..settings import AT_LEAST_1, settle
from .activation import ReLU, Sigmoid
from .combine import Chain
from .dense import Dense
from .pooling import SEVERAL
from .shared import rows_of


@dataclass(frozen=True)
class SqueezeExcite(Layer):
    """Squeeze and excitation: each channel is multiplied by a factor from 0 to 1, made of the means of all channels.

    `y = x s` with `s = sigmoid(relu(m W + b) W' + b')`, m being the mean of each channel over the positions of a row.
    With k positions, `ds = sum(dy x)` over them and dm the gradient of s by m, `dx = dy s + dm / k`.

    Parameters
    ----------
    ratio : int, default 16
        How many times fewer units than channels there are between W and W', at least 1; one unit at least is left.
    axes : int, default 3
        The axes of a row: 3 for images (height, width, channels), 2 for sequences (time, channels).

    Raises
    ------
    SettingError
        If ratio is below 1, or axes neither 2 nor 3.
    ShapeError
        If a row has other axes or channels.

    Notes
    -----
    Shapes: x, y (..., n, height, width, c), m, s (..., n, c); the parameters, with h = c // ratio: "0.W" (..., c, h),
    "0.b" (..., h), "2.W" (..., h, c), "2.b" (..., c), those with a 2 being W' and b'.

    Source: Hu, Shen & Sun 2018, "Squeeze-and-excitation networks", eq. 2 to 4, which have no biases.

    Examples
    --------
    >>> net, x = nnx.SqueezeExcite(4), np.ones((2, 5, 5, 8))
    >>> params = nnx.init(net, x)
    >>> params["0.W"].shape, nnx.predict(net, params, x).shape
    ((8, 2), (2, 5, 5, 8))
    """

    ratio: int = 16
    axes: int = 3

    def __post_init__(self) -> None:
        settle(self, ratio=AT_LEAST_1, axes=SEVERAL)

    @property
    def names(self) -> tuple[str, ...]:
        return self._gate(1).names

    def _gate(self, channels: int) -> Chain:
        """The network that makes s of m."""
        return Chain(Dense(max(channels // self.ratio, 1)), ReLU(), Dense(channels), Sigmoid())

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        *_, c = rows_of(self, row, self.axes)
        return self._gate(c).shapes((c,))[0], row

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        *_, c = rows_of(self, as_row(features), self.axes)
        return self._gate(c).init(c, draw)[0], features

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim <= self.axes:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected rows of {self.axes} axes")
        m = namespace(x).mean(x, axis=self._positions)
        s, saved = self._gate(x.shape[-1]).evaluate(params, m)
        return x * self._spread(s), (x, s, saved)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        x, s, values = saved
        ds = namespace(dy).sum(dy * x, axis=self._positions)
        dm, grads = self._gate(x.shape[-1]).backprop(params, values, ds, need_dx=need_dx)
        if dm is None or not need_dx:
            return None, grads
        dx = dy * self._spread(s)
        dx += self._spread(dm * (1.0 / prod(x.shape[-self.axes : -1])))
        return dx, grads

    @property
    def _positions(self) -> tuple[int, ...]:
        return tuple(range(-self.axes, -1))

    def _spread(self, s: Array) -> Array:
        """(..., n, c) -> (..., n, 1, 1, c)."""
        return s[(..., *(None,) * (self.axes - 1), slice(None))]
