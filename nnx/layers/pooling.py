"""Pooling: the largest or the mean of the windows of a row, channel by channel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any, ClassVar

from ..backends import added, full, namespace
from ..contract import Array, Key, Layer, Params, Row, Saved, Shapes
from ..errors import ShapeError, require
from ..settings import Range, settle
from .shared import rows_of
from .windows import (
    PADDING,
    Pads,
    Sizes,
    channels_first,
    channels_last,
    inside,
    offsets,
    settle_sizes,
    sizes_of,
    surrounded,
    window_of,
)

SEVERAL = Range("must be 2 for sequences or 3 for images", lambda v: v in (2, 3))


@dataclass(frozen=True)
class _Pool(Layer):
    """What MaxPool and AvgPool have in common."""

    size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: int | str | tuple[int, ...] = 0
    axes: int = 3

    outside: ClassVar[float]  # the value of a position in the padding

    def __post_init__(self) -> None:
        settle(self, size=None, stride=None, padding=None, axes=SEVERAL)
        many = self.axes - 1
        settle_sizes(self, "size", many)
        if self.stride is not None:
            settle_sizes(self, "stride", many)
        if not (isinstance(self.padding, str) and self.padding == "same"):
            settle_sizes(self, "padding", many, PADDING, ", or 'same'")
            text, sizes = (
                f"{type(self).__name__}: padding must be below size",
                zip(sizes_of(self.padding, many), sizes_of(self.size, many), strict=True),
            )
            require(all(p < k for p, k in sizes), text, self.padding)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        *positions, c = rows_of(self, row, self.axes)
        return {}, (*self._windows(tuple(positions))[2], c)

    def _windows(self, positions: Sizes) -> tuple[Pads, list[Any], Sizes]:
        """Positions of padding, the place of each element of a window, and how many windows there are."""
        pads, size, stride, dilation, o = window_of(self, positions)
        return pads, list(offsets(size, o, stride, dilation)), o

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim <= self.axes:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected rows of {self.axes} axes")
        axes, positions = self.axes - 1, x.shape[-self.axes : -1]
        pads, places, _ = self._windows(positions)
        x = surrounded(channels_first(x, axes), pads, self.outside)
        y = self.value([x[place] for place in places])
        return channels_last(y, axes), (x, y, positions)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if not need_dx:
            return None, {}
        (x, y, positions), axes = saved, self.axes - 1
        pads, places, _ = self._windows(positions)
        dy = channels_first(dy, axes)
        lead = dy.shape[: dy.ndim - axes]
        dx = full((*lead, *x.shape[x.ndim - axes :]), 0.0, dy)
        for place, part in zip(places, self._shares(x, y, dy, places), strict=True):
            dx = added(dx, place, part)
        return channels_last(dx[(..., *inside(positions, pads))], axes), {}

    def value(self, parts: list[Array]) -> Array:
        """y from the elements of the windows, each (..., c, n, *o)."""
        raise TypeError(f"{type(self).__name__} has no value")

    def _shares(self, x: Array, y: Array, dy: Array, places: list[Any]) -> Iterable[Array]:
        """What each place of a window gets of dy."""
        raise TypeError(f"{type(self).__name__} has no _shares")


class MaxPool(_Pool):
    """Largest element of each window: y = max over the window of x, channel by channel.

    The gradient goes to the element that was largest, the first of equal ones.

    Parameters
    ----------
    size : int or tuple of int
        Height and width of the window, or its length; one number for both.
    stride : int or tuple of int, optional
        How far a window lies from the next, in positions; None, the default: the size, so that they do not overlap.
    padding : int, tuple of int or "same", default 0
        Positions around a row, which are never the largest. "same": as many as make as many windows as positions
        divided by the stride, rounded up.
    axes : int, default 3
        The axes of a row: 3 for images (height, width, channels), 2 for sequences (time, channels).

    Raises
    ------
    SettingError
        If a number is below its least, or the padding not below the size.
    ShapeError
        If a row has other axes, or no window fits.

    Notes
    -----
    Shapes: x (..., n, height, width, c), y (..., n, height', width', c).

    Source: Riesenhuber & Poggio 1999; Krizhevsky, Sutskever & Hinton 2012, section 3.4.

    Examples
    --------
    >>> x = np.reshape(np.arange(16.0), (1, 4, 4, 1))
    >>> nnx.MaxPool(2).evaluate({}, x)[0][0, :, :, 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    outside = -inf

    def value(self, parts: list[Array]) -> Array:
        y = parts[0]
        for part in parts[1:]:
            y = namespace(y).maximum(part, y)  # in this order: of equal ones dual numbers take y, the first
        return y

    def _shares(self, x: Array, y: Array, dy: Array, places: list[Any]) -> Iterable[Array]:
        xp, free = namespace(y), True
        for place in places:
            hit = (x[place] == y) & free
            free = (x[place] != y) & free  # MLX knows no True & array
            yield dy * xp.astype(hit, dy.dtype)


class AvgPool(_Pool):
    """Mean of each window: y = mean over the window of x, channel by channel.

    The gradient of each element is the sum of dy / k over the windows that it is in, k being the window's size.

    Parameters
    ----------
    size : int or tuple of int
        Height and width of the window, or its length; one number for both.
    stride : int or tuple of int, optional
        How far a window lies from the next, in positions; None, the default: the size, so that they do not overlap.
    padding : int, tuple of int or "same", default 0
        Zeros around a row, which count in the mean. "same": as many as make as many windows as positions divided by
        the stride, rounded up.
    axes : int, default 3
        The axes of a row: 3 for images (height, width, channels), 2 for sequences (time, channels).

    Raises
    ------
    SettingError
        If a number is below its least, or the padding not below the size.
    ShapeError
        If a row has other axes, or no window fits.

    Notes
    -----
    Shapes: x (..., n, height, width, c), y (..., n, height', width', c).

    Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B.

    Examples
    --------
    >>> x = np.reshape(np.arange(16.0), (1, 4, 4, 1))
    >>> nnx.AvgPool(2).evaluate({}, x)[0][0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """

    outside = 0.0

    def value(self, parts: list[Array]) -> Array:
        y = parts[0] * (1.0 / len(parts))
        for part in parts[1:]:
            y += part * (1.0 / len(parts))
        return y

    def _shares(self, x: Array, y: Array, dy: Array, places: list[Any]) -> Iterable[Array]:
        return [dy * (1.0 / len(places))] * len(places)


@dataclass(frozen=True)
class GlobalPool(Layer):
    """Mean of each channel over all positions of a row: y = mean over height and width of x.

    It makes a line of features of an image of any size. `dx = dy / positions` at each of them.

    Parameters
    ----------
    axes : int, default 3
        The axes of a row: 3 for images (height, width, channels), 2 for sequences (time, channels).

    Raises
    ------
    SettingError
        If axes is neither 2 nor 3.
    ShapeError
        If a row has other axes.

    Notes
    -----
    Shapes: x (..., n, height, width, c), y (..., n, c).

    Source: Lin, Chen & Yan 2013, "Network in network", section 3.2.

    Examples
    --------
    >>> nnx.GlobalPool().evaluate({}, np.ones((2, 4, 4, 3)))[0].shape
    (2, 3)
    """

    axes: int = 3

    def __post_init__(self) -> None:
        settle(self, axes=SEVERAL)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, rows_of(self, row, self.axes)[-1:]

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if x.ndim <= self.axes:
            raise ShapeError(f"{self!r}: x has shape {tuple(x.shape)}, expected rows of {self.axes} axes")
        return namespace(x).mean(x, axis=tuple(range(-self.axes, -1))), x.shape

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if not need_dx:
            return None, {}
        positions, between = saved[-self.axes : -1], (None,) * (self.axes - 1)
        dy = dy[(..., *between, slice(None))] * (1.0 / prod(positions))
        return dy + full((*positions, dy.shape[-1]), 0.0, dy), {}
