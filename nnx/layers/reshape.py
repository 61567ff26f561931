"""Rows of another shape with the same elements."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from ..backends import namespace
from ..contract import Array, Key, Layer, Params, Row, Saved, Shapes
from ..errors import ShapeError, require
from ..settings import AT_LEAST_1, integer, settle
from .shared import rows_of


@dataclass(frozen=True)
class Flatten(Layer):
    """Rows with several axes as lines of features, in their order: (height, width, channels) to one axis.

    Parameters
    ----------
    axes : int, default 3
        The axes of a row, at least 1: 3 for images (height, width, channels), 2 for sequences (time, channels).

    Raises
    ------
    SettingError
        If axes is below 1.
    ShapeError
        If a row has other axes.

    Notes
    -----
    Shapes: x (..., n, *row), y (..., n, prod(row)).

    Examples
    --------
    >>> nnx.Flatten().evaluate({}, np.ones((2, 4, 4, 3)))[0].shape
    (2, 48)
    """

    axes: int = 3

    def __post_init__(self) -> None:
        settle(self, axes=AT_LEAST_1)

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {}, (prod(rows_of(self, row, self.axes)),)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return reshaped(self, x, self.axes, (prod(x.shape[-self.axes :]),)), x.shape[-self.axes :]

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (reshaped(self, dy, 1, saved) if need_dx else None), {}


@dataclass(frozen=True)
class Reshape(Layer):
    """Rows of another shape, with the same elements in the same order: such as a line of 784 features as an image.

    Parameters
    ----------
    row : tuple of int
        The shape of a row of y, such as (28, 28, 1).
    axes : int, default 1
        The axes of a row of x, at least 1.

    Raises
    ------
    SettingError
        If a number is below 1.
    ShapeError
        If a row of x has other axes, or another number of elements.

    Notes
    -----
    Shapes: x (..., n, *row of x), y (..., n, *row).

    Examples
    --------
    >>> net = nnx.Chain(nnx.Reshape((28, 28, 1)), nnx.Conv2D(8, 3), nnx.Flatten(), nnx.Dense(10))
    >>> nnx.predict(net, nnx.init(net, 784), np.ones((2, 784))).shape
    (2, 10)
    """

    row: tuple[int, ...]
    axes: int = 1

    def __post_init__(self) -> None:
        settle(self, row=None, axes=AT_LEAST_1)
        require(isinstance(self.row, (tuple, list)), "Reshape: row must be a tuple such as (28, 28, 1)", self.row)
        object.__setattr__(self, "row", tuple(integer("Reshape: row", length) for length in self.row))

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        if prod(rows_of(self, row, self.axes)) != prod(self.row):
            raise ShapeError(f"{self!r}: rows of shape {row} have {prod(row)} elements, not {prod(self.row)}")
        return {}, self.row

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return reshaped(self, x, self.axes, self.row), x.shape[-self.axes :]

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (reshaped(self, dy, len(self.row), saved) if need_dx else None), {}


def reshaped(layer: Layer, x: Array, axes: int, row: Row) -> Array:
    """x with rows of another shape. Raises: ShapeError where they have not as many elements."""
    own = x.shape[-axes:]
    if x.ndim <= axes or prod(own) != prod(row):
        raise ShapeError(f"{layer!r}: x has shape {tuple(x.shape)}, expected rows of {axes} axes, {prod(row)} elements")
    return namespace(x).reshape(x, (*x.shape[:-axes], *row))
