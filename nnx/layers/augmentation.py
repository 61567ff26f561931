"""Random changes of images in training, drawn anew for each image in each step: flips, shifts, squares cut out.

They take their bits from the key of the step, the same on every backend, and leave predictions alone. The letters:
n = images, h = height, w = width, c = channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ..backends import device, each, namespace, per_member, same_library
from ..contract import Array, Key, Layer, Params, Row, Saved, Setting, Shapes
from ..errors import SettingError, ShapeError
from ..random import bits
from ..settings import UP_TO_1, Range, one_of, settle
from .shared import axes_of

PIXELS = Range("must be from 1 to 16383", lambda v: 1 <= v < 2**14)  # a product with 16 bits fits in 32
AXES = {"width": -2, "height": -3}


@dataclass(frozen=True)
class RandomFlip(Layer):
    """Random mirror images: in training each image is turned round left to right with probability rate.

    `y = x` reversed along an axis or `x`, for each image of the batch by itself; in prediction `y = x`. The gradient is
    turned round in the same way. It suits photographs, not letters or digits.

    Parameters
    ----------
    rate : float or sequence of float, default 0.5
        The share of the images that are turned, from 0 to 1, or one for each member of a population. It is used to the
        nearest 1/65536.
    axis : str, default "width"
        "width" swaps left and right, "height" top and bottom.

    Raises
    ------
    SettingError
        If rate is not in [0, 1], axis is neither word, or the layer is evaluated with `train=True` and no key.
    ShapeError
        If a row is not (height, width, channels).

    Notes
    -----
    Shapes: x, y (..., n, height, width, c).

    Source: Krizhevsky, Sutskever & Hinton 2012, section 4.1.

    Examples
    --------
    >>> x = np.arange(12.0).reshape(4, 1, 3, 1)
    >>> y, _ = nnx.RandomFlip().evaluate({}, x, train=True, key=nnx.key(0))
    >>> y[:, 0, :, 0].tolist()
    [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0], [8.0, 7.0, 6.0], [11.0, 10.0, 9.0]]
    """

    rate: Setting = 0.5
    axis: str = "width"

    def __post_init__(self) -> None:
        settle(self, rate=UP_TO_1, axis=None)
        one_of("RandomFlip: axis", self.axis, tuple(AXES))

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, axes_of(self, row, "height, width, channels")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if not train:
            return x, None
        drawn = namespace(x).astype(_drawn(self, x, key)[0], x.dtype)  # (..., n)
        turned = drawn < per_member(each(lambda rate: rate * 65536, self.rate), x, 1)
        turned = turned[..., None, None, None]
        return self._turned(x, turned), turned

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (dy if saved is None else self._turned(dy, saved) if need_dx else None), {}

    def _turned(self, x: Array, turned: Array) -> Array:
        xp = namespace(x)
        return xp.where(turned, xp.flip(x, axis=AXES[self.axis]), x)


@dataclass(frozen=True)
class RandomShift(Layer):
    """Random shifts: in training each image is moved by some pixels up or down and to a side, and zeros come in.

    `y[h, w] = x[h + u, w + v]`, where u and v are drawn for each image from `-pixels, ..., pixels`, each as probable as
    any other; 0 where that lies outside of x. In prediction `y = x`. The gradient moves back: `dx[h, w] = dy[h - u, w -
    v]`.

    Parameters
    ----------
    pixels : int, default 1
        By how many pixels an image is moved at most, from 1 to 16383.

    Raises
    ------
    SettingError
        If pixels is out of range, or the layer is evaluated with `train=True` and no key.
    ShapeError
        If a row is not (height, width, channels).

    Notes
    -----
    Shapes: x, y (..., n, height, width, c).

    Source: Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks", section 2.

    Examples
    --------
    >>> x = np.tile(np.arange(1.0, 10.0).reshape(1, 3, 3, 1), (2, 1, 1, 1))
    >>> y, _ = nnx.RandomShift(1).evaluate({}, x, train=True, key=nnx.key(0))
    >>> y[1, :, :, 0].tolist()
    [[0.0, 0.0, 0.0], [0.0, 1.0, 2.0], [0.0, 4.0, 5.0]]
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        settle(self, pixels=PIXELS)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, axes_of(self, row, "height, width, channels")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if not train:
            return x, None
        u, v = ((word * (2 * self.pixels + 1) >> 16) - self.pixels for word in _drawn(self, x, key))
        return moved(x, u, v), (u, v)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if saved is None or not need_dx:
            return dy if need_dx else None, {}
        u, v = saved
        return moved(dy, -u, -v), {}


def moved(x: Array, u: Array, v: Array) -> Array:
    """y[h, w] = x[h + u, w + v], u and v (..., n); 0 outside of x."""
    xp, (n, h, w, c), lead = namespace(x), x.shape[-4:], x.shape[:-4]
    rows, rows_there = _looked_at(x, u, h)  # (..., n, h)
    columns, columns_there = _looked_at(x, v, w)  # (..., n, w)
    first = xp.arange(prod(lead) * n, dtype=u.dtype, device=device(x)) * (h * w)  # of each image
    at = (xp.reshape(first, (*lead, n, 1)) + rows * w)[..., None] + columns[..., None, :]  # (..., n, h, w)
    y = xp.take(xp.reshape(x, (-1, c)), xp.reshape(at, (-1,)), axis=0)
    return xp.reshape(y, (*at.shape, c)) * rows_there[..., None, None] * columns_there[..., None, :, None]


def _looked_at(x: Array, shift: Array, length: int) -> tuple[Array, Array]:
    """The positions that those of an axis are moved from, (..., n, length), and 1 where they lie in x, else 0."""
    xp = namespace(x)
    at = xp.arange(length, dtype=shift.dtype, device=device(x)) + shift[..., None]
    inside = xp.minimum(xp.maximum(at, 0), length - 1)
    return inside, xp.astype(inside == at, x.dtype)


@dataclass(frozen=True)
class Cutout(Layer):
    """Cutout: in training a square of each image is set to 0, somewhere in it.

    `y = x m`, where m is 0 in a square of size times size pixels, whose centre is drawn anew for each image from all
    its pixels, and else 1: at the edge a part of it lies outside. In prediction `y = x`. `dx = dy m`.

    Parameters
    ----------
    size : int, default 8
        Length of a side of the square in pixels, from 1 to 16383.

    Raises
    ------
    SettingError
        If size is out of range, or the layer is evaluated with `train=True` and no key.
    ShapeError
        If a row is not (height, width, channels).

    Notes
    -----
    Shapes: x, y (..., n, height, width, c), m (..., n, height, width, 1).

    Source: DeVries & Taylor 2017, "Improved regularization of convolutional neural networks with cutout".

    Examples
    --------
    >>> y, _ = nnx.Cutout(2).evaluate({}, np.ones((1, 4, 4, 1)), train=True, key=nnx.key(0))
    >>> y[0, :, :, 0].tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]]
    """

    size: int = 8

    def __post_init__(self) -> None:
        settle(self, size=PIXELS)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, axes_of(self, row, "height, width, channels")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        if not train:
            return x, None
        xp, (h, w) = namespace(x), x.shape[-3:-1]
        first, second = _drawn(self, x, key)
        inside = []
        for word, length in ((first, h), (second, w)):
            start = (word * length >> 16) - self.size // 2  # (..., n)
            at = xp.arange(length, dtype=start.dtype, device=device(x)) - start[..., None]
            inside.append(xp.astype((at >= 0) & (at < self.size), x.dtype))  # (..., n, length)
        m = 1.0 - inside[0][..., None, None] * inside[1][..., None, :, None]
        return x * m, m

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if not need_dx:
            return None, {}
        return (dy if saved is None else dy * saved), {}


def _drawn(layer: Layer, x: Array, key: Key | None) -> tuple[Array, Array]:
    """Two numbers for each image, int32 from 0 to 65535, (..., n) with the population of the key."""
    if key is None:
        raise SettingError(f"{type(layer).__name__}: training needs a key; pass key=nnx.key(seed, step)")
    if x.ndim < 4:
        raise ShapeError(f"{layer!r}: x has shape {tuple(x.shape)}, expected (rows, height, width, channels)")
    if type(x) is not type(key.seed):
        same_library(x=x, key=key.seed)
    word = bits(key, x.shape[-4])
    return word >> 16 & 65535, word & 65535
