"""The loss of rows with several axes: a target for each position."""

from dataclasses import dataclass
from math import prod

from ..backends import namespace
from ..contract import Array, Loss, Row, Saved
from ..errors import ShapeError, require, shown
from ..layers.shared import joined
from ..settings import AT_LEAST_1, settle
from .mean import check_kinds, is_integer
from .wrapper import Wrapper


@dataclass(frozen=True)
class PositionLoss(Wrapper):
    """The mean of a loss over rows and positions: the steps of a sequence, or the pixels of an image.

    Each position counts as a row of the loss does, and has a target of its own. `predict` gives a prediction for each.
    `nnx.fit` makes one of its loss where a row of the network's output has several axes.

    Parameters
    ----------
    loss : Loss
        The loss of one position, such as `nnx.SoftmaxCrossEntropy()`.
    axes : int, default 1
        How many axes of a row are positions, at least 1: 1 for sequences (time, outputs), 2 for images (height, width,
        outputs).

    Raises
    ------
    SettingError
        If loss is no loss of one position, or axes is below 1.
    ShapeError
        If the target has other positions than z, or weight is not one for each row or for each position.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, *positions, k); target (..., n, *positions) integers for labels, else (..., n, *positions, k);
    weight (..., n, *positions), 0 for padding, or (..., n) for all positions of a row.

    A weight of a row that could also be those of positions is taken for those of positions.

    Examples
    --------
    >>> loss = nnx.PositionLoss(nnx.SoftmaxCrossEntropy())
    >>> z, target = np.zeros((2, 3, 4)), np.array([[0, 1, 2], [3, 0, 0]])
    >>> value, saved = loss.evaluate(z, target, np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]))
    >>> round(float(value), 3), loss.backprop(saved).shape
    (1.386, (2, 3, 4))
    """

    axes: int = 1

    def __post_init__(self) -> None:
        settle(self, axes=AT_LEAST_1)
        text = f"PositionLoss: expected the loss of one position, such as nnx.SquaredError(), got {shown(self.loss)}"
        require(self.loss.copies == 1 and self.loss.positions == 0, text)

    @property
    def positions(self) -> int:
        return self.axes

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_kinds(self, z, target, weight)
        where = rows_and_positions(self, z)
        weight = None if weight is None else _weight_lines(self, weight, where)
        value, saved = super().evaluate(joined(z, self.axes), target_lines(self, z, target), weight, total)
        return value, (saved, where)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        labels = self.labels and is_integer(target)
        where = target.shape[-self.axes - 1 :] if labels else target.shape[-self.axes - 2 : -1]
        whole = lines(target, self.axes) if labels else joined(target, self.axes)
        return super().weights(whole, None if weight is None else _weight_lines(self, weight, where), like)

    def backprop(self, saved: Saved) -> Array:
        inner, where = saved
        return parted(super().backprop(inner), where)

    def predict(self, z: Array) -> Array:
        where = rows_and_positions(self, z)
        return parted(super().predict(joined(z, self.axes)), where)


def rows_and_positions(loss: Loss, z: Array) -> Row:
    """The rows and the positions of the output, (n, *positions). Raises: ShapeError."""
    if z.ndim < loss.positions + 2:
        shape, hint = tuple(z.shape), "" if loss.positions == 1 else f" with {loss.positions} axes of positions"
        text = f"expected the output (..., rows, positions, columns){hint}, got shape {shape}"
        raise ShapeError(f"{type(loss).__name__}: {text}")
    return tuple(z.shape[-loss.positions - 2 : -1])


def lines(a: Array, axes: int) -> Array:
    """The positions as rows, of an array without columns: (..., n, *positions) -> (..., n prod(positions))."""
    return namespace(a).reshape(a, (*a.shape[: -axes - 1], prod(a.shape[-axes - 1 :])))


def parted(y: Array, where: Row) -> Array:
    """The rows as positions again: (..., n prod(positions), k) -> (..., n, *positions, k)."""
    return namespace(y).reshape(y, (*y.shape[:-2], *where, y.shape[-1]))


def target_lines(loss: Loss, z: Array, target: Array) -> Array:
    """The target of z, its positions as rows. Raises: ShapeError."""
    where, axes = rows_and_positions(loss, z), loss.positions
    whole = target.shape[-axes - 2 :] == z.shape[-axes - 2 :] and target.ndim == z.ndim
    if loss.labels and is_integer(target) and not whole:
        if tuple(target.shape[-axes - 1 :]) == where:
            return lines(target, axes)
    elif tuple(target.shape[-axes - 2 : -1]) == where:
        return joined(target, axes)
    expected = f"{where} for labels, else " if loss.labels else ""
    text = f"target has shape {tuple(target.shape)}, expected {expected}{where} and columns"
    raise ShapeError(f"{type(loss).__name__}: {text}")


def _weight_lines(loss: Loss, weight: Array, where: Row) -> Array:
    """The weight of each position, (..., n prod(positions)), from those of positions or of rows. Raises: ShapeError."""
    if tuple(weight.shape[-loss.positions - 1 :]) == where:
        return lines(weight, loss.positions)
    if tuple(weight.shape[-1:]) != where[:1]:
        shape = tuple(weight.shape)
        raise ShapeError(f"{type(loss).__name__}: weight has shape {shape}, expected {where[:1]} or {where}")
    each = (*weight.shape, prod(where[1:]))
    return lines(namespace(weight).broadcast_to(weight[..., None], each), 1)


def of_position(loss: Loss) -> Loss:
    """The loss of one position, or the loss itself."""
    return loss.loss if isinstance(loss, PositionLoss) else loss
