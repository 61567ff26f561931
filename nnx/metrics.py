"""Metrics: how good predictions are, in numbers people read. For all others there is scikit-learn.

Each takes the prediction y (..., n, k) in the target's own terms, such as probabilities, and the target, and gives one
number for each member of the population.
"""

from collections.abc import Callable

from .backends import is_host, namespace, taken_beside
from .contract import Array
from .errors import ShapeError, shown
from .inputs import as_numbers, check_real
from .losses import holds_labels
from .losses.mean import as_type


def accuracy(y: Array, target: Array) -> Array:
    """The share of rows whose most probable class is the label (one output: whether y > 1/2 is the label).

    Shapes: y (..., n, k), target (..., n) labels or (..., n, k) one-hot.
    """
    y, target = _arrays(y, target)
    xp = namespace(y)
    known = xp.all(y == y, axis=-1)  # what is no number is no class
    if y.shape[-1] == 1:
        label = target if target.shape[-2:] == y.shape[-2:] else target[..., None]
        _same(label.shape[-2:], y.shape[-2:])
        right = ((y > 0.5) == (as_type(label, y) > 0.5)) & known[..., None]
        return xp.mean(xp.astype(right, y.dtype), axis=(-2, -1))
    guess = xp.argmax(y, axis=-1)
    labels = holds_labels(target, y)
    _same(target.shape[-1:] if labels else target.shape[-2:], y.shape[-2:-1] if labels else y.shape[-2:])
    if not labels:
        right = (guess == xp.argmax(as_type(target, y), axis=-1)) & known
        return xp.mean(xp.astype(right, y.dtype), axis=-1)
    label = namespace(target).astype(target, xp.int32)  # a host array beside y of JAX, which would wrap its integers
    right = (guess == xp.astype(label, guess.dtype)) & (namespace(target).astype(label, target.dtype) == target)
    right = right & known
    return xp.mean(xp.astype(right, y.dtype), axis=-1)


def r2(y: Array, target: Array) -> Array:
    """1 - sum((t - y)^2) / sum((t - mean(t))^2), averaged over the outputs. Shapes: y, target (..., n, k).

    For a constant target it is 1 if y is exact, else 0, as in scikit-learn.
    """
    y, target = _of_values(y, target)
    xp = namespace(y)
    rest = xp.sum((target - y) ** 2, axis=-2)
    spread = xp.sum((target - xp.mean(target, axis=-2, keepdims=True)) ** 2, axis=-2)
    constant = spread == 0.0
    share = rest / xp.where(constant, xp.ones_like(spread), spread)
    return xp.mean(xp.where(constant, xp.astype(rest == 0.0, y.dtype), 1.0 - share), axis=-1)


def mean_absolute_error(y: Array, target: Array) -> Array:
    """mean |t - y|. Shapes: y, target (..., n, k)."""
    y, target = _of_values(y, target)
    xp = namespace(y)
    return xp.mean(xp.abs(target - y), axis=(-2, -1))


def mean_squared_error(y: Array, target: Array) -> Array:
    """mean (t - y)^2. Shapes: y, target (..., n, k)."""
    y, target = _of_values(y, target)
    xp = namespace(y)
    return xp.mean((target - y) ** 2, axis=(-2, -1))


def _arrays(y: Array, target: Array) -> tuple[Array, Array]:
    """y as floats of at least 32 bits, and the target. Raises: ShapeError, DataError for what is no real number."""
    found = []
    for name, x in (("y", y), ("target", target)):
        if len(getattr(x, "shape", ())) == 0 or isinstance(x, type):
            raise ShapeError(f"metric: {name} must be an array, got {shown(x)}")
        if is_host(x):
            x = as_numbers(f"metric: {name}", x)
        check_real(f"metric: {name}", x)
        found.append(x)
    y, target = found
    taken_beside(y, target, "y", "target")
    if y.ndim < 2:
        raise ShapeError(f"metric: y must have shape (..., rows, outputs), got {tuple(y.shape)}")
    xp = namespace(y)
    if not xp.isdtype(y.dtype, "real floating"):
        y = xp.astype(y, xp.asarray(0.0).dtype)  # the library's own: that of y would cut off the target's fractions
    elif y.dtype not in (xp.float32, xp.float64):
        y = xp.astype(y, xp.float32)
    return y, target


def _of_values(y: Array, target: Array) -> tuple[Array, Array]:
    """y and the target, of the same shape and type."""
    y, target = _arrays(y, target)
    _same(target.shape[-2:], y.shape[-2:])
    return y, as_type(target, y)


def _same(target: tuple[int, ...], y: tuple[int, ...]) -> None:
    if target != y:
        raise ShapeError(f"metric: target has shape {tuple(target)}, y {tuple(y)}")


METRICS: dict[str, Callable[[Array, Array], Array]] = {
    "accuracy": accuracy,
    "r2": r2,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
}
