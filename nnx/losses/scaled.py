"""The loss of a target that is far from zero, or whose columns differ in size."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from ..backends import constant, namespace
from ..contract import Array, Loss, Saved, Setting
from ..errors import require
from ..settings import settle
from .mean import as_type, check_given


@dataclass(frozen=True)
class ScaledLoss(Loss):
    """`loss` of the standardised target (t - mean) / scale; `predict` gives t's own units again.

    A network begins with outputs near 0 and learns in steps of about the rate: targets of a mean or a deviation far
    from 1 take it many epochs, and losses of them have gradients as large. The loss itself is without units.

    mean, scale: one number for each column of the target (or such tuples, one for each member of a population).
    Shapes: z, target, weight as for `loss`, target (..., n, columns).
    Raises: SettingError for a loss whose target has bounds, such as one of classes or counts.

    >>> loss = ScaledLoss(SquaredError(), mean=(1000.0,), scale=(50.0,))
    >>> float(loss.predict(np.asarray([[1.0]]))[0, 0])
    1050.0
    """

    loss: Loss
    mean: Setting = (0.0,)
    scale: Setting = (1.0,)

    def __post_init__(self) -> None:
        settle(self, mean=None, scale=None)
        loss = self.loss
        free = not loss.labels and tuple(loss.domain) == (-inf, inf)
        require(free, f"ScaledLoss: {type(loss).__name__} is of classes or counts, which have no scale")
        for name in ("mean", "scale"):
            value = getattr(self, name)
            value = tuple(value) if hasattr(value, "__iter__") else (value,)
            rows = value if value and hasattr(value[0], "__len__") else (value,)  # each member's, or of all
            fine = all(len(row) == len(rows[0]) > 0 and all(_is_number(v) for v in row) for row in rows)
            require(fine, f"ScaledLoss: {name} must be finite numbers, one for each column, got {value}")
            plain = tuple(tuple(float(v) for v in row) for row in rows)
            object.__setattr__(self, name, plain if rows is value else plain[0])
            positive = name == "mean" or all(v > 0 for row in plain for v in row)
            require(positive, f"ScaledLoss: scale must be positive, got {value}")
        require(len(self._row("mean")) == len(self._row("scale")), "ScaledLoss: mean and scale differ in their number")

    def _row(self, name: str) -> tuple[float, ...]:
        """The numbers of one member."""
        value = getattr(self, name)
        return value[0] if hasattr(value[0], "__len__") else value  # type: ignore[no-any-return]

    @property
    def copies(self) -> int:
        return self.loss.copies

    def outputs(self, columns: int) -> int:
        known = len(self._row("mean"))
        require(columns == known, f"ScaledLoss: a target of {columns} columns, mean and scale are for {known}")
        return self.loss.outputs(columns)

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        t = self._standardised(target, z)
        return self.loss.evaluate(z, t, weight) if total is None else self.loss.evaluate(z, t, weight, total=total)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        return self.loss.weights(self._standardised(target, like), weight, like)

    def backprop(self, saved: Saved) -> Array:
        return self.loss.backprop(saved)

    def predict(self, z: Array) -> Array:
        y = self.loss.predict(z)
        return y * _along(self.scale, y) + _along(self.mean, y)

    def _standardised(self, target: Array, z: Array) -> Array:
        t = as_type(target, z)
        return (t - _along(self.mean, z)) / _along(self.scale, z)


def without_scale(loss: Any) -> Any:
    """The loss that is scaled, or the loss itself."""
    return loss.loss if isinstance(loss, ScaledLoss) else loss


def _along(values: Any, like: Array) -> Array:
    """Numbers of columns, (columns,) or (..., 1, columns), as they meet rows."""
    found = constant(values, like)
    return found if found.ndim == 1 else namespace(like).expand_dims(found, axis=-2)


def _is_number(v: Any) -> bool:
    try:
        return hasattr(v, "__float__") and not isinstance(v, (bool, str)) and isfinite(v)
    except OverflowError:  # an integer larger than any float
        return False
