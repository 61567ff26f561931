"""Calibration of probabilities: one temperature for a network, from rows that it was not trained on.

On the host and in float64. The letters: n = rows, k = classes, z = logits, b = 1 / T.
"""

from math import exp, log
from typing import Any

from ..backends import along, numpy as host
from ..contract import Layer, Params, Setting
from ..errors import DataError, require, shown
from ..layers import Chain, Dense, DenseEnsemble, Ensemble, Identity
from ..losses import SoftmaxCrossEntropy

COLDEST, HOTTEST = 0.05, 20.0
PRIOR = 30.0  # how firmly T is held at 1: the second derivative of the prior's loss by log T
_softmax = SoftmaxCrossEntropy().predict


def temperature(z: Any, labels: Any, weight: Any = None) -> float:
    """The temperature T that makes the log loss of softmax(z / T) smallest, drawn towards 1 where rows are few.

    With b = 1 / T it is the minimum of sum over the rows of -w log softmax(b z)[label] + PRIOR (b - 1 - log b), w of
    mean 1: convex in b, the loss with a Gamma prior for b whose mode is 1. Rows that are all right would make T as cold
    as may be without it. The more rows there are, the less it counts. T is held between 0.05 and 20.

    Shapes: z (n, k) with k > 1, or (n, 1), the logits of class 1 of two; labels (n,) from 0 to k - 1; weight (n,).
    Raises: DataError.
    Source: Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks", section 4.2.

    >>> z, labels = np.array([[4.0, 0.0]] * 300), np.arange(300) % 3 // 2
    >>> round(temperature(z, labels), 1)  # it says 0.98 and is right in two of three rows
    4.9
    """
    xp, z, t = host.namespace(), *_rows(z, labels)
    n = len(t)
    w = xp.ones(n) if weight is None else _weights(weight, n)
    t = t * w[:, None]
    right = float(xp.sum(t * z))

    def slope(s: float) -> tuple[float, float]:
        """The derivative of the loss by b at b = exp(s), and that of this derivative by s."""
        b = exp(s)
        p = _softmax(b * z)
        mean = xp.sum(p * z, axis=1)
        spread = xp.sum(p * (z - mean[:, None]) ** 2, axis=1)
        return float(w @ mean) - right + PRIOR * (1.0 - 1.0 / b), b * float(w @ spread) + PRIOR / b

    return exp(-_root(slope, log(1 / HOTTEST), log(1 / COLDEST)))


def _root(function: Any, low: float, high: float) -> float:
    """Where a rising function is 0, or the end that is nearest to it: Newton's method within a bracket."""
    s = min(max(0.0, low), high)
    for _ in range(100):
        value, rise = function(s)
        low, high = (s, high) if value < 0.0 else (low, s)
        last, s = s, s - value / rise if rise > 0.0 else low
        if not low < s < high:
            s = (low + high) / 2
        if abs(s - last) < 1e-10:
            break
    return s


def _rows(z: Any, labels: Any) -> tuple[Any, Any]:
    """Logits (n, k) of two classes or more, and the labels as 0 and 1 in a column for each. Raises: DataError."""
    xp, z, labels = host.namespace(), host.put(z, "float64", None), host.get(labels)
    if z.ndim != 2 or not z.size or labels.shape != z.shape[:1]:
        raise DataError(
            f"temperature: expected logits (rows, classes) and labels (rows,), got {z.shape}, {labels.shape}"
        )
    if z.shape[1] == 1:
        z = xp.concat((xp.zeros_like(z), z), axis=1)
    fine = xp.all(xp.isfinite(z)) and xp.all((labels >= 0) & (labels < z.shape[1]))
    if not fine:
        raise DataError(f"temperature: expected finite logits and labels from 0 to {z.shape[1] - 1}")
    z = z - xp.max(z, axis=1, keepdims=True)
    return z, xp.astype(labels[:, None] == xp.arange(z.shape[1]), xp.float64)


def _weights(weight: Any, n: int) -> Any:
    """Weights with a mean of 1. Raises: DataError."""
    w = host.put(weight, "float64", None)
    if w.shape != (n,) or not float(w.min()) >= 0.0 or not 0.0 < float(w.sum()) < float("inf"):
        raise DataError(f"temperature: expected a weight for each of {n} rows, not negative, got {shown(weight)}")
    return w * (n / float(w.sum()))


def fold_temperature(net: Layer, params: Params, T: Setting) -> Params:
    """Parameters with which the network gives z / T: those of its last layer divided by T, the others as they are.

    The last layer is a Dense or a DenseEnsemble, by itself or at the end of a Chain or an Ensemble, Identity after it
    or not: what is linear in its parameters. T: a number, or one for each member: of the population that the
    parameters are of, or of the Ensemble or DenseEnsemble, whose members are along the same axis.

    Raises: SettingError for a network that ends in another layer.
    """
    names, own = _last(net, ""), dict(params)
    for name in names:
        own[name] = own[name] / along(T, own[name])
    return own


def _last(net: Layer, path: str) -> list[str]:
    """The names of the parameters of the last layer."""
    if isinstance(net, Ensemble):
        return _last(net.net, path)
    if isinstance(net, Chain):
        last = max((i for i, layer in enumerate(net.layers) if not isinstance(layer, Identity)), default=0)
        return _last(net.layers[last], f"{path}{last}.")
    require(isinstance(net, (Dense, DenseEnsemble)), f"fold_temperature: the last layer must be Dense, not {net!r}")
    return [f"{path}{name}" for name in net.names]
