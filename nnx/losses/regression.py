"""Losses for quantities."""

from dataclasses import dataclass
from math import inf
from typing import Any

from ..backends import constant, namespace
from ..contract import Array, Loss, Saved
from ..errors import ShapeError, numbers, require, shown
from ..settings import BETWEEN, INFINITE, per_member, settle
from .mean import as_type, check_given, same_shape, shares, weighted_sum


@dataclass(frozen=True)
class SquaredError(Loss):
    """Half the squared error: e = (z - t)^2 / 2, whose minimum is the mean.

    The gradient is `dz = s (z - t)`, s being the share of each row in the mean (1/n without weights). It is the usual
    loss for quantities; a few targets far from the rest pull it most. By name: `loss="squared_error"`.

    Raises
    ------
    ShapeError
        If z and target differ in their last two axes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k), target (..., n, k), weight (..., n).

    The loss is the mean over the rows of the sum over the columns.

    Examples
    --------
    >>> loss = nnx.SquaredError()
    >>> value, saved = loss.evaluate(np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]]))
    >>> float(value), loss.backprop(saved).tolist()
    (2.5, [[0.5], [-1.5]])
    """

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        same_shape(self, z, target)
        d, s = z - as_type(target, z), shares(self, target, weight, z, total)
        return 0.5 * weighted_sum(d * d, s), (d, s)

    def backprop(self, saved: Saved) -> Array:
        d, s = saved
        return d * s


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Absolute error: e = abs(z - t), whose minimum is the median.

    The gradient is `dz = s sign(z - t)`, s being the share of each row in the mean (1/n without weights): targets far
    from the rest pull no more than others. By name: `loss="absolute_error"`.

    Raises
    ------
    ShapeError
        If z and target differ in their last two axes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k), target (..., n, k), weight (..., n).

    Examples
    --------
    >>> loss = nnx.AbsoluteError()
    >>> value, saved = loss.evaluate(np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]]))
    >>> float(value), loss.backprop(saved).tolist()
    (2.0, [[0.5], [-0.5]])
    """

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        same_shape(self, z, target)
        d, s = z - as_type(target, z), shares(self, target, weight, z, total)
        return weighted_sum(namespace(d).abs(d), s), (d, s)

    def backprop(self, saved: Saved) -> Array:
        d, s = saved
        return namespace(d).sign(d) * s


@dataclass(frozen=True)
class Huber(Loss):
    """Huber's loss: the squared error near the target, the absolute error away from it.

    `e = c (d - c / 2)` with `d = z - t` and c = d held within [-delta, delta]; the gradient is `dz = s c`, s being the
    share of each row in the mean (1/n without weights). That is `d^2 / 2` near the target and `delta (|d| - delta / 2)`
    away from it. By name: `loss="huber"`.

    Parameters
    ----------
    delta : float, default 1.0
        Distance from the target, in its unit, from which on the loss grows along a line; positive. inf: the squared
        error.

    Raises
    ------
    SettingError
        If delta is not positive.
    ShapeError
        If z and target differ in their last two axes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k), target (..., n, k), weight (..., n).

    Source: Huber 1964, section 3.

    Examples
    --------
    >>> loss = nnx.Huber(delta=1.0)
    >>> value, saved = loss.evaluate(np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]]))
    >>> float(value), loss.backprop(saved).tolist()
    (1.5, [[0.5], [-0.5]])
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        settle(self, delta=INFINITE)  # then it is the squared error

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        same_shape(self, z, target)
        xp = namespace(z)
        d, s = z - as_type(target, z), shares(self, target, weight, z, total)
        c = xp.minimum(xp.maximum(d, -self.delta), self.delta)
        return weighted_sum(c * (d - 0.5 * c), s), (c, s)

    def backprop(self, saved: Saved) -> Array:
        c, s = saved
        return c * s


@dataclass(frozen=True)
class Quantile(Loss):
    """Quantile loss: e = max(q d, (q - 1) d) with d = t - z, for several levels q at once.

    A network with an output for each level learns the values that a share q of the targets lies below, such as the ends
    of a prediction interval. The gradient is `dz = s ((z > t) - q)`, s being the share of each row in the mean (1/n
    without weights). By name, with the default levels: `loss="quantile"`.

    Parameters
    ----------
    levels : tuple of float, default (0.1, 0.5, 0.9)
        The levels q, between 0 and 1, rising.

    Raises
    ------
    SettingError
        If levels do not rise or lie outside 0 and 1, or the target has several columns.
    ShapeError
        If z has not a column for each level, target not one column, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, number of levels), target (..., n, 1), weight (..., n).

    `predict` puts the levels of each row in order, which brings each nearer to the true one where they had crossed.

    Source: Koenker & Bassett 1978, eq. 3.2; Chernozhukov, Fernandez-Val & Galichon 2010.

    Examples
    --------
    >>> loss = nnx.Quantile((0.1, 0.9))
    >>> value, _ = loss.evaluate(np.array([[1.0, 4.0], [1.0, 4.0]]), np.array([[2.0], [5.0]]))
    >>> round(float(value), 3), loss.predict(np.array([[4.0, 1.0]])).tolist()
    (0.8, [[1.0, 4.0]])
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        given: Any = per_member("Quantile: levels", self.levels, BETWEEN)
        object.__setattr__(self, "levels", tuple(numbers(given)))
        require(list(self.levels) == sorted(set(self.levels)), f"Quantile: levels must rise, got {shown(self.levels)}")

    def outputs(self, columns: int) -> int:
        require(columns == 1, f"Quantile: expected a target of one column, got {columns}")
        return len(self.levels)

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        if z.shape[-1] != len(self.levels) or target.shape[-2:] != (z.shape[-2], 1):
            raise ShapeError(
                f"Quantile: expected output ({z.shape[-2]}, {len(self.levels)}) and target ({z.shape[-2]}, 1), "
                f"got {z.shape[-2:]} and {target.shape[-2:]}"
            )
        xp, q, rest = namespace(z), constant(self.levels, z), constant(tuple(1.0 - q for q in self.levels), z)
        d, s = as_type(target, z) - z, shares(self, target, weight, z, total)
        return weighted_sum(xp.maximum(q * d, -rest * d), s), (d < 0.0, q, rest, s)

    def backprop(self, saved: Saved) -> Array:
        below, q, rest, s = saved
        return namespace(q).where(below, rest, -q) * s

    def predict(self, z: Array) -> Array:
        return namespace(z).sort(z, axis=-1)


@dataclass(frozen=True)
class Poisson(Loss):
    """Poisson loss for counts: e = exp(z) - t z, z being the logarithm of the expected count.

    The gradient is `dz = s (exp(z) - t)`, s being the share of each row in the mean (1/n without weights). `predict`
    gives the expected count, `exp(z)`. By name: `loss="poisson"`.

    Raises
    ------
    ShapeError
        If z and target differ in their last two axes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k), target (..., n, k) of counts >= 0, weight (..., n).

    Source: the negative log-likelihood of the Poisson distribution without its constant log(t!).

    Examples
    --------
    >>> loss = nnx.Poisson()
    >>> value, saved = loss.evaluate(np.array([[0.0]]), np.array([[3.0]]))
    >>> float(value), loss.backprop(saved).tolist(), loss.predict(np.array([[0.0]])).tolist()
    (1.0, [[-2.0]], [[1.0]])
    """

    @property
    def domain(self) -> tuple[float, float]:
        return 0.0, inf

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        check_given(self, z, target, weight)
        same_shape(self, z, target)
        target = as_type(target, z)
        mean, s = self.predict(z), shares(self, target, weight, z, total)
        known = namespace(z).where(target > 0.0, z, 0.0)  # where the target is 0, z may be infinite
        return weighted_sum(mean - target * known, s), (mean, target, s)

    def backprop(self, saved: Saved) -> Array:
        mean, target, s = saved
        return (mean - target) * s

    def predict(self, z: Array) -> Array:
        return namespace(z).exp(z)
