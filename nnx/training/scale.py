"""The scale of a target, from its values."""

from dataclasses import replace
from typing import Any

from ..backends import Backend, backend_of
from ..backends.numpy import namespace as host_namespace
from ..contract import Loss
from ..errors import DataError, SettingError
from ..inputs import as_numbers
from ..layers.shared import joined
from ..losses import ClampedLoss, PositionLoss, ScaledLoss
from ..losses.positions import lines
from .check import as_target, as_weight, check_finite

FEW_BITS = 2.0**-18  # a deviation of less than this part of the mean leaves float32 five bits of it


def scaled(backend: Backend, loss: Loss, y: Any, weight: Any) -> Loss:
    """The loss of the standardised target, as the backend computes it. Raises DataError, SettingError."""
    if isinstance(loss, ClampedLoss):  # in the target's own units
        return replace(loss, loss=scaled(backend, loss.loss, y, weight))
    if isinstance(loss, PositionLoss) and y is not None:
        y = as_target(y, loss)
        weight = None if weight is None else lines(as_weight(weight, y, loss), loss.axes)
        return replace(loss, loss=scaled(backend, loss.loss, joined(y, loss.axes), weight))
    if y is None:
        raise SettingError("fit: scale_target needs y; for batches give loss=nnx.ScaledLoss(loss, mean, scale)")
    ScaledLoss(loss)  # refuses one whose target has no scale
    y = as_target(y, loss)
    check_finite("y", y)
    weight = None if weight is None else backend_of(w := as_numbers("sample_weight", weight)).to_numpy(w)
    return standardised(loss, backend_of(y).to_numpy(y), weight, backend.dtype)


def scaled_alike(loss: Loss, like: Any) -> Any:
    """A loss as `scaled` has made another."""
    if isinstance(loss, (ClampedLoss, PositionLoss)):
        return replace(loss, loss=scaled_alike(loss.loss, like))
    scale = like
    while isinstance(scale, (ClampedLoss, PositionLoss)):
        scale = scale.loss
    return replace(scale, loss=loss)


def standardised(
    loss: Loss, y: Any, weight: Any = None, dtype: str = "float64", *, wider: str = "give dtype='float64'"
) -> ScaledLoss:
    """The loss of the target less its mean, over its deviation: those of each column, by the weights of the rows.

    A column of one value keeps its scale. dtype: what the network will compute in; wider: how to have another.
    Shapes: y (rows, columns) and weight (rows,), finite, on the host.
    Raises: DataError where the dtype cannot tell the values apart.
    """
    xp = host_namespace()
    y = xp.asarray(y, dtype="float64")
    w = None if weight is None else xp.asarray(weight, dtype="float64")
    w = None if w is None or not w.max() > 0 else w / w.max()
    size = xp.maximum(abs(y).max(axis=0), 5e-324)
    unit = y / size  # squares of these neither overflow nor vanish
    mean = xp.average(unit, axis=0, weights=w)
    deviation = xp.average((unit - mean) ** 2, axis=0, weights=w) ** 0.5
    deviation = xp.where(deviation > 1e-14, deviation, 0.0)
    for i, (m, d) in enumerate(zip(abs(mean), deviation, strict=True)):
        if dtype == "float32" and 0 < d < FEW_BITS * m:
            raise DataError(
                f"y: column {i} varies by {d * size[i]:.3g} around {m * size[i]:.3g}, which float32 cannot tell "
                f"apart: {wider}, or subtract a number from y"
            )
    scale = xp.where(deviation > 0, deviation * size, 1.0)
    return ScaledLoss(loss, tuple((mean * size).tolist()), tuple(scale.tolist()))
