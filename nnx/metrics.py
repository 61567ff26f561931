"""Metrics: how good predictions are, in numbers people read. For all others there is scikit-learn.

Each takes the prediction y (..., n, k) in the target's own terms, such as probabilities, and the target, and gives one
number for each member of the population.
"""

from collections.abc import Callable

from .backends import namespace
from .contract import Array
from .errors import ShapeError, shown
from .losses import holds_labels


def accuracy(y: Array, target: Array) -> Array:
    """The share of rows whose most probable class is the label (one output: whether y > 1/2 is the label).

    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot.
    """
    _arrays(y, target)
    xp = namespace(y)
    if y.shape[-1] == 1:
        label = target if target.shape[-2:] == y.shape[-2:] else target[..., None]
        return xp.mean(xp.astype((y > 0.5) == (xp.astype(label, y.dtype) > 0.5), y.dtype), axis=(-2, -1))
    guess = xp.argmax(y, axis=-1)
    labels = holds_labels(target, y)
    _same(target.shape[-1:] if labels else target.shape[-2:], y.shape[-2:-1] if labels else y.shape[-2:])
    if not labels:
        return xp.mean(xp.astype(guess == xp.argmax(xp.astype(target, y.dtype), axis=-1), y.dtype), axis=-1)
    label = namespace(target).astype(target, xp.int32)  # a host array beside y of JAX, which would wrap its integers
    right = (guess == xp.astype(label, guess.dtype)) & (namespace(target).astype(label, target.dtype) == target)
    return xp.mean(xp.astype(right, y.dtype), axis=-1)


def r2(y: Array, target: Array) -> Array:
    """1 - sum((t - y)^2) / sum((t - mean(t))^2), averaged over the outputs. Shapes: y, target (..., n, k).

    For a constant target it is 1 if y is exact, else 0, as in scikit-learn.
    """
    _arrays(y, target)
    _same(target.shape[-2:], y.shape[-2:])
    xp = namespace(y)
    target = xp.astype(target, y.dtype)
    rest = xp.sum((target - y) ** 2, axis=-2)
    spread = xp.sum((target - xp.mean(target, axis=-2, keepdims=True)) ** 2, axis=-2)
    constant = spread == 0.0
    share = rest / xp.where(constant, xp.ones_like(spread), spread)
    return xp.mean(xp.where(constant, xp.astype(rest == 0.0, y.dtype), 1.0 - share), axis=-1)


def mean_absolute_error(y: Array, target: Array) -> Array:
    """mean |t - y|. Shapes: y, target (..., n, k)."""
    _arrays(y, target)
    _same(target.shape[-2:], y.shape[-2:])
    xp = namespace(y)
    return xp.mean(xp.abs(xp.astype(target, y.dtype) - y), axis=(-2, -1))


def mean_squared_error(y: Array, target: Array) -> Array:
    """mean (t - y)^2. Shapes: y, target (..., n, k)."""
    _arrays(y, target)
    _same(target.shape[-2:], y.shape[-2:])
    xp = namespace(y)
    return xp.mean((xp.astype(target, y.dtype) - y) ** 2, axis=(-2, -1))


def _arrays(y: Array, target: Array) -> None:
    for name, x in (("y", y), ("target", target)):
        if len(getattr(x, "shape", ())) == 0 or isinstance(x, type):
            raise ShapeError(f"metric: {name} must be an array, got {shown(x)}")


def _same(target: tuple[int, ...], y: tuple[int, ...]) -> None:
    if target != y:
        raise ShapeError(f"metric: target has shape {target}, y {y}")


METRICS: dict[str, Callable[[Array, Array], Array]] = {
    "accuracy": accuracy,
    "r2": r2,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
}
