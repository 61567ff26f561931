"""Losses that know the target's values: its scale, where it is far from zero, and its range."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from ..backends import constant, namespace
from ..contract import Array, Saved, Setting
from ..errors import require
from ..settings import settle
from .mean import as_type, check_given
from .wrapper import Wrapper, check_outermost


@dataclass(frozen=True)
class ScaledLoss(Wrapper):
    """A loss of the standardised target (t - mean) / scale; `predict` gives t's own units again.

    A network begins with outputs near 0 and learns in steps of about the rate: targets of a mean or a deviation far
    from 1 take it many epochs, and losses of them have gradients as large. The loss itself is without units.
    `nnx.fit(..., scale_target=True)` makes one from y.

    Parameters
    ----------
    loss : Loss
        The loss of the standardised target, such as `nnx.SquaredError()`.
    mean : sequence of float, default (0.0,)
        One number for each column of the target, in its unit (or such tuples, one for each member of a population).
    scale : sequence of float, default (1.0,)
        As many, positive: the standard deviations of the columns.

    Raises
    ------
    SettingError
        For a loss whose target has bounds, such as one of classes or counts; if scale is not positive, or mean and
        scale are not as many, or not as many as the columns of the target.

    Notes
    -----
    Shapes: z, target, weight as for `loss`, target (..., n, columns).

    Examples
    --------
    >>> loss = nnx.ScaledLoss(nnx.SquaredError(), mean=(1000.0,), scale=(50.0,))
    >>> loss.predict(np.array([[1.0]])).tolist()
    [[1050.0]]
    """

    mean: Setting = (0.0,)
    scale: Setting = (1.0,)

    def __post_init__(self) -> None:
        settle(self, mean=None, scale=None)
        check_outermost(self)
        loss = self.loss
        free = not loss.labels and tuple(loss.domain) == (-inf, inf)
        require(free, f"ScaledLoss: {type(loss).__name__} is of classes or counts, which have no scale")
        require(
            not isinstance(loss, ClampedLoss), "ScaledLoss: give ClampedLoss(ScaledLoss(...)), in the target's units"
        )
        for name in ("mean", "scale"):
            object.__setattr__(self, name, _columns(f"ScaledLoss: {name}", getattr(self, name)))
        positive = all(v > 0 for row in _rows(self.scale) for v in row)
        require(positive, f"ScaledLoss: scale must be positive, got {self.scale}")
        require(
            len(_rows(self.mean)[0]) == len(_rows(self.scale)[0]), "ScaledLoss: mean and scale differ in their number"
        )

    def outputs(self, columns: int) -> int:
        known = len(_rows(self.mean)[0])
        require(columns == known, f"ScaledLoss: a target of {columns} columns, mean and scale are for {known}")
        return self.loss.outputs(columns)

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        return super().evaluate(z, self._standardised(target, z), weight, total)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        return super().weights(self._standardised(target, like), weight, like)

    def predict(self, z: Array) -> Array:
        y = self.loss.predict(z)
        return y * _along(self.scale, y) + _along(self.mean, y)

    def _standardised(self, target: Array, z: Array) -> Array:
        t = as_type(target, z)
        return (t - _along(self.mean, z)) / _along(self.scale, z)


@dataclass(frozen=True)
class ClampedLoss(Wrapper):
    """A loss whose predictions are held within [low, high], such as the range of the target of the rows trained on.

    `predict(z) = min(max(y, low), high)`, y being what `loss` predicts; its value and its gradient are those of `loss`.

    Parameters
    ----------
    loss : Loss
        Any loss; where the target is scaled too, an `nnx.ScaledLoss` within this one.
    low : float or sequence of float
        Smallest prediction, in the target's unit: a number, or one for each column of the target (or such tuples, one
        for each member of a population).
    high : float or sequence of float
        Largest prediction, of the same form.

    Raises
    ------
    SettingError
        If low is above high, or they are not as many.

    Notes
    -----
    Source: the default of RealMLP for regression, Holzmueller, Grinsztajn & Steinwart 2024.

    Examples
    --------
    >>> loss = nnx.ClampedLoss(nnx.SquaredError(), low=0.0, high=10.0)
    >>> loss.predict(np.array([[-1.0], [3.0], [12.0]])).tolist()
    [[0.0], [3.0], [10.0]]
    """

    low: Setting
    high: Setting

    def __post_init__(self) -> None:
        settle(self, low=None, high=None)
        check_outermost(self)
        for name in ("low", "high"):
            object.__setattr__(self, name, _columns(f"ClampedLoss: {name}", getattr(self, name)))
        low, high = _rows(self.low), _rows(self.high)
        fine = [*map(len, low)] == [*map(len, high)]
        require(fine, "ClampedLoss: low and high differ in their number")
        fine = all(a <= b for row, other in zip(low, high, strict=True) for a, b in zip(row, other, strict=True))
        require(fine, f"ClampedLoss: low must not be above high, got {self.low} and {self.high}")

    def outputs(self, columns: int) -> int:
        known = len(_rows(self.low)[0])
        require(known in (1, columns), f"ClampedLoss: a target of {columns} columns, low and high are for {known}")
        return self.loss.outputs(columns)

    def predict(self, z: Array) -> Array:
        y = self.loss.predict(z)
        xp = namespace(y)
        return xp.minimum(xp.maximum(y, _along(self.low, y)), _along(self.high, y))


def without_scale(loss: Any) -> Any:
    """The loss that is scaled, or the loss itself."""
    return loss.loss if isinstance(loss, ScaledLoss) else loss


def _columns(place: str, value: Any) -> Any:
    """Numbers of columns as a tuple of floats, or of each member's such tuples. Raises SettingError."""
    value = tuple(value) if hasattr(value, "__iter__") else (value,)
    rows = _rows(value)
    fine = all(len(row) == len(rows[0]) > 0 and all(_is_number(v) for v in row) for row in rows)
    require(fine, f"{place} must be finite numbers, one for each column, got {value}")
    plain = tuple(tuple(float(v) for v in row) for row in rows)
    return plain if rows is value else plain[0]


def _rows(value: Any) -> Any:
    """Each member's numbers, or those of all as one."""
    return value if value and hasattr(value[0], "__len__") else (value,)


def _along(values: Any, like: Array) -> Array:
    """Numbers of columns, (columns,) or (..., 1, columns), as they meet rows."""
    found = constant(values, like)
    return found if found.ndim == 1 else namespace(like).expand_dims(found, axis=-2)


def _is_number(v: Any) -> bool:
    try:
        return hasattr(v, "__float__") and not isinstance(v, (bool, str)) and isfinite(v)
    except OverflowError:  # an integer larger than any float
        return False
