"""The weighted mean over the rows of a batch, which all losses share."""

from math import prod
from typing import Any

from ..backends import namespace, taken_beside
from ..contract import Array, Loss
from ..errors import DataError, ShapeError
from ..inputs import check_real

TINY = 1e-37  # keeps sum(w) from being 0 where a batch has only rows of weight 0


def total(weight: Array | None, n: int) -> Array | float:
    """The divisor of a mean over n rows: their number, or the sum (..., 1, 1 or k) of their weights (..., n, 1 or k).

    It is that of a whole batch where a loss is given a part of one: then the losses of the parts add up to the batch's.
    """
    if weight is None:
        return float(max(n, 1))
    xp = namespace(weight)
    axes = (-2, -1) if weight.shape[-1] == 1 else -2  # along the last axis libraries add up in pairs, or in float64
    return xp.maximum(xp.sum(weight, axis=axes, keepdims=True), TINY)


def total_of(loss: Loss, target: Array, weight: Array | None, rows: int, like: Array) -> Array | float:
    """The divisor of the mean over a batch of so many rows: their number as the loss makes them, or their weights."""
    w = loss.weights(target, weight, like)
    return total(None if w is None else as_type(w, like), rows * loss.copies * positions_of(loss, target))


def positions_of(loss: Loss, target: Array) -> int:
    """How many positions each row of a target has."""
    if not loss.positions:
        return 1
    labels = loss.labels and is_integer(target)
    return prod(target.shape[-loss.positions :] if labels else target.shape[-loss.positions - 1 : -1])


def is_integer(target: Array) -> bool:
    found: bool = namespace(target).isdtype(target.dtype, ("bool", "integral"))
    return found


def share(weight: Array | None, n: int, whole: Array | float | None = None) -> Array | float:
    """s, from weights (..., n, 1 or k). whole: the `total` of the batch, of which the rows may be a part."""
    whole = total(weight, n) if whole is None else whole
    return 1.0 / whole if weight is None else weight / whole


def shares(loss: Loss, target: Array, weight: Array | None, z: Array, whole: Array | float | None) -> Array | float:
    """s of rows with these weights; whole: as in `share`."""
    weight = weight if weight is None or whole is not None else relative(weight, z)
    w = loss.weights(target, weight, z)
    return share(None if w is None else as_type(w, z), z.shape[-2], whole)


def relative(weight: Array, like: Array) -> Array:
    """Weights (..., n) divided by the largest: only their ratios count, and their sum may leave the type's range.

    They are divided in their own type, in that of `like` if they are integers, and stay 0 if all are.
    """
    xp = namespace(weight)
    if not xp.isdtype(weight.dtype, "real floating"):
        weight = xp.astype(weight, like.dtype)
    if not weight.shape[-1]:
        return weight
    largest = xp.max(weight, axis=-1, keepdims=True)
    return weight / xp.where(largest > 0.0, largest, 1.0)


def column(weight: Array | None, z: Array) -> Array | None:
    return None if weight is None else as_type(weight, z)[..., None]


def as_type(target: Array, z: Array) -> Array:
    """The target in z's float type, by its own library: JAX would wrap the integers of a host array."""
    return target if target.dtype == z.dtype else namespace(target).astype(target, z.dtype)


def weighted_sum(e: Array, s: Array | float) -> Array:
    """sum(e s), without a pass of its own for an s that is one number."""
    xp = namespace(e)
    return xp.sum(e, axis=(-2, -1)) * s if isinstance(s, float) else xp.sum(e * s, axis=(-2, -1))


_fine: set[Any] = set()  # the types of output, target and weight that have been found to be right


def check_given(loss: Loss, z: Array, target: Array, weight: Array | None) -> None:
    """Raise DataError or ShapeError for what is no array of real numbers, or no weight of each row of z.

    It looks at types and shapes only, which costs nothing in a step that is recorded, traced or captured.
    """
    check_kinds(loss, z, target, weight)
    place = type(loss).__name__
    if z.ndim < 2:
        raise ShapeError(f"{place}: expected the output (..., rows, columns), got shape {tuple(z.shape)}")
    if weight is None:
        return
    n = z.shape[-2] // loss.copies
    if weight.shape[-1:] != (n,) or weight.ndim >= z.ndim:
        raise ShapeError(f"{place}: weight has shape {tuple(weight.shape)}, expected one for each of {n} rows")


def check_kinds(loss: Loss, z: Array, target: Array, weight: Array | None) -> None:
    """Raise DataError for what is no array of real numbers."""
    place, given = type(loss).__name__, (z, target, weight)
    types = getattr(z, "dtype", None), getattr(target, "dtype", None), getattr(weight, "dtype", None)
    kinds = type(z), type(target), type(weight), types
    if kinds not in _fine:
        for name, x in zip(("output", "target", "weight"), given, strict=True):
            if x is not None:
                check_real(f"{place}: {name}", x)
                taken_beside(z, x, "output", name)
        if not namespace(z).isdtype(z.dtype, "real floating"):
            raise DataError(f"{place}: the output must be floats, got {z.dtype}")
        if not any(hasattr(x, "mask") for x in given):  # which has to be looked at each time
            _fine.add(kinds)


def same_shape(loss: Loss, z: Array, target: Array) -> None:
    if z.shape[-2:] != target.shape[-2:]:
        raise ShapeError(
            f"{type(loss).__name__}: target has shape {target.shape}, expected {z.shape[-2:]} as the output"
        )
