"""Metrics: how good predictions are, in numbers people read. For all others there is scikit-learn.

Each takes the network's output z (..., n, k) and the target, and gives one number for each member of the population.
"""

from collections.abc import Callable

from .backends import namespace
from .contract import Array


def accuracy(z: Array, target: Array) -> Array:
    """The share of rows whose largest output is the label (one output: whether z > 0 is the label).

    Shapes: z (..., n, k), target (..., n) integers or (..., n, k) one-hot.
    """
    xp = namespace(z)
    if z.shape[-1] == 1:
        guess, label = z > 0.0, target if target.shape[-2:] == z.shape[-2:] else target[..., None]
        return xp.mean(xp.astype(guess == (label > 0.5), z.dtype), axis=(-2, -1))
    guess = xp.argmax(z, axis=-1)
    label = target if xp.isdtype(target.dtype, "integral") else xp.argmax(target, axis=-1)
    return xp.mean(xp.astype(guess == label, z.dtype), axis=-1)


def r2(z: Array, target: Array) -> Array:
    """1 - sum((t - z)^2) / sum((t - mean(t))^2), averaged over the outputs. Shapes: z, target (..., n, k)."""
    xp = namespace(z)
    rest = xp.sum((target - z) ** 2, axis=-2)
    spread = xp.sum((target - xp.mean(target, axis=-2, keepdims=True)) ** 2, axis=-2)
    return xp.mean(1.0 - rest / xp.maximum(spread, 1e-30), axis=-1)


def mean_absolute_error(z: Array, target: Array) -> Array:
    """mean |t - z|. Shapes: z, target (..., n, k)."""
    xp = namespace(z)
    return xp.mean(xp.abs(target - z), axis=(-2, -1))


def mean_squared_error(z: Array, target: Array) -> Array:
    """mean (t - z)^2. Shapes: z, target (..., n, k)."""
    return namespace(z).mean((target - z) ** 2, axis=(-2, -1))


METRICS: dict[str, Callable[[Array, Array], Array]] = {
    "accuracy": accuracy,
    "r2": r2,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
}
