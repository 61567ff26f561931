"""Explanations of single predictions: what each column of a row adds to the output, by integrated gradients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..backends import backend_of, device, namespace, numpy as host, same_library
from ..contract import Array, Layer
from ..errors import SettingError, ShapeError
from ..network import check_params
from ..settings import NOT_NEGATIVE, integer, part

AT_ONCE = 8192  # rows of a pass, members of an ensemble among them
REFINED = 3  # times, each with four times the points


@dataclass(frozen=True)
class Attributions:
    """What the columns add: output = base + sum of the values of a row, but for `gap`.

    Shapes: values (..., n, i), base, output and gap (..., n).
    """

    values: Array
    base: Array  # the output for the baseline
    output: Array
    gap: Array  # output - base - sum(values): what the points of the path did not see

    def by_column(self, groups: Mapping[str, Sequence[int]]) -> Array:
        """The sums (..., n, columns) over the columns that each column of a table became: `TableEncoder.groups()`."""
        xp, nothing = namespace(self.values), self.values[..., 0] * 0.0
        return xp.stack([sum((self.values[..., i] for i in own), nothing) for own in groups.values()], axis=-1)


def integrated_gradients(
    net: Layer,
    params: Mapping[str, Array],
    x: Array,
    baseline: Array,
    output: int = 0,
    *,
    points: int = 32,
    tolerance: float = 1e-3,
) -> Attributions:
    """What each column adds to one output of a network on the way from a baseline to a row.

    values = (x - baseline) o the integral over a from 0 to 1 of dz / dx at baseline + a (x - baseline), by Gauss-
    Legendre quadrature: one backprop for all points of a few rows. The values of a row add up to the difference of the
    outputs; where they miss it by more than `tolerance` times the largest difference, as kinks of ReLU let them, the
    rows beside them are computed again with four times the points, three times at most. `gap` says what is left.

    baseline: a row that stands for "nothing known", such as the mean of the training rows, or one for each row.
    output: the column of z. The output of members (`EnsembleView`, `Ensemble`) is the mean of theirs; that of a
        population is each member's own.
    Shapes: x (n, i), baseline (i,) or (n, i), all of one library.
    Raises: SettingError, ShapeError, BackendError.
    Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", eq. 1.

    >>> net = nnx.Dense(1)
    >>> params = {"W": np.array([[2.0], [3.0]]), "b": np.array([1.0])}
    >>> integrated_gradients(net, params, np.array([[1.0, 1.0]]), np.zeros(2)).values
    array([[2., 3.]])
    """
    part("integrated_gradients: net", net, Layer)
    check_params("integrated_gradients", net, params)
    points = integer("integrated_gradients: points", points)
    output = integer("integrated_gradients: output", output, NOT_NEGATIVE)
    some = next(iter(params.values()), x)
    same_library(params=some, x=x, baseline=baseline)
    if x.ndim != 2 or baseline.shape not in (x.shape, x.shape[1:]) or not x.shape[0]:
        raise ShapeError(f"integrated_gradients: x {x.shape} and baseline {baseline.shape}, expected (n, i) and (i,)")
    xp = namespace(some)
    x = xp.astype(x, some.dtype, copy=False)
    baseline = xp.broadcast_to(xp.astype(baseline, some.dtype, copy=False), x.shape)
    base, found = (_mean(net, net.evaluate(params, rows)[0], output) for rows in (baseline, x))
    difference = found - base  # (..., n)
    allowed = tolerance * float(xp.max(xp.abs(difference)))
    size = max(AT_ONCE // (points * net.copies), 1)
    parts = []
    for start in range(0, x.shape[0], size):
        block = slice(start, min(start + size, x.shape[0]))
        for finer in range(REFINED + 1):
            values = _values(net, params, x[block, :], baseline[block, :], output, points * 4**finer)
            gap = difference[..., block] - xp.sum(values, axis=-1)
            if float(xp.max(xp.abs(gap))) <= allowed:
                break
        parts.append(values)
    values = xp.concat(parts, axis=-2)
    return Attributions(values, base, found, difference - xp.sum(values, axis=-1))


def _values(net: Layer, params: Mapping[str, Array], x: Array, baseline: Array, output: int, points: int) -> Array:
    """The values (..., n, i) by so many points of the path."""
    xp, (n, i) = namespace(x), x.shape
    nodes, shares = host.namespace().polynomial.legendre.leggauss(points)
    backend = backend_of(x)
    a, share = backend.floats((nodes + 1) / 2), backend.floats(shares / 2)
    path = baseline[:, None, :] + a[:, None] * (x - baseline)[:, None, :]  # (n, points, i)
    z, saved = net.evaluate(params, xp.reshape(path, (n * points, i)))
    one = xp.astype(xp.arange(z.shape[-1], device=device(z)) == output, z.dtype) / net.copies
    dx, _ = net.backprop(params, saved, xp.zeros_like(z) + one)
    if dx is None:
        raise SettingError(f"integrated_gradients: {type(net).__name__} gives no gradient of x")
    slope = xp.sum(xp.reshape(dx, (*dx.shape[:-2], n, points, i)) * share[:, None], axis=-2)
    return slope * (x - baseline)


def _mean(net: Layer, z: Array, output: int) -> Array:
    """One output (..., n), the mean of the members."""
    if output >= z.shape[-1]:
        raise SettingError(f"integrated_gradients: output must be below {z.shape[-1]}, got {output}")
    xp, (*lead, many, _) = namespace(z), z.shape
    return xp.mean(xp.reshape(z[..., output], (*lead, many // net.copies, net.copies)), axis=-1)
