"""The probability from which on class 1 of two is predicted, chosen for a metric on rows held out."""

from collections.abc import Callable
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, shown
from ..settings import one_of

PRIOR = 300.0  # rows as the model expects them, beside those given: fewer make accuracy and F1 worse where rows are few


def _share(part: Any, whole: Any) -> Any:
    xp = host.namespace()
    return part / xp.maximum(whole, 1e-300)


def _accuracy(a: Any, b: Any, c: Any, d: Any) -> Any:
    return a + d


def _balanced_accuracy(a: Any, b: Any, c: Any, d: Any) -> Any:
    return _share(a, a + c) + _share(d, b + d)


def _f1(a: Any, b: Any, c: Any, d: Any) -> Any:
    return _share(2 * a, 2 * a + b + c) + _share(2 * d, 2 * d + b + c)


# Of the weights a of 1 taken for 1, b of 0 taken for 1, c of 1 taken for 0, d of 0 taken for 0.
_Score = Callable[[Any, Any, Any, Any], Any]
SCORES: dict[str, _Score] = {"accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy, "f1": _f1}


def threshold(p: Any, labels: Any, metric: str, weight: Any = None) -> float:
    """The threshold t for which predicting class 1 where p > t makes a metric largest: 1/2 where nothing is gained.

    Beside the rows given stand `PRIOR` rows more that are as the probabilities say, so that few rows move it little: of
    each row 1 counts with w label + (PRIOR / n) p and 0 with w (1 - label) + (PRIOR / n) (1 - p), w of mean 1. It lies
    halfway between two probabilities; of those that are equally good it is the nearest to 1/2.

    metric: "accuracy", "balanced_accuracy" or "f1", the macro F1, as of `nnx.metrics`.
    Shapes: p (n,) probabilities of class 1, labels (n,) of 0 and 1, weight (n,).
    Raises: SettingError, DataError.

    >>> p = np.arange(1000) / 1000 / 4  # rare and never likely
    >>> 0.1 < threshold(p, np.arange(1000) % 8 == 7, "balanced_accuracy") < 0.16
    True
    """
    metric = one_of("threshold: metric", metric, SCORES)
    xp, p, label = host.namespace(), host.put(p, "float64", None), host.put(labels, "float64", None)
    w = xp.ones_like(p) if weight is None else host.put(weight, "float64", None)
    if p.ndim != 1 or not p.size or not p.shape == label.shape == w.shape:
        raise DataError(f"threshold: expected p, labels and weight (rows,), got {p.shape}, {label.shape}, {w.shape}")
    if not (xp.all((p >= 0.0) & (p <= 1.0)) and xp.all((label == 0.0) | (label == 1.0))):
        raise DataError("threshold: expected probabilities from 0 to 1, and labels of 0 and 1")
    if not (xp.all(w >= 0.0) and 0.0 < float(xp.sum(w)) < float("inf")):
        raise DataError(f"threshold: expected weights that are not negative, got {shown(weight)}")
    order = xp.argsort(p)
    p, label, w = p[order], label[order], w[order] * (p.size / xp.sum(w))
    more = PRIOR / p.size
    ones, zeros = w * label + more * p, w * (1.0 - label) + more * (1.0 - p)
    c = xp.cumulative_sum(ones, include_initial=True)  # at cut i the first i rows are taken for 0
    d = xp.cumulative_sum(zeros, include_initial=True)
    found = SCORES[metric](c[-1] - c, d[-1] - d, c, d)
    cuts = xp.concat((p[:1] / 2, (p[1:] + p[:-1]) / 2, (p[-1:] + 1.0) / 2))
    possible = xp.concat((p[:1] > 0.0, p[1:] > p[:-1], p[-1:] < 1.0))
    best = float(found[possible].max()) * (1.0 - 1e-12)
    if found[int(xp.searchsorted(p, 0.5, side="right"))] >= best:
        return 0.5
    good = cuts[possible & (found >= best)]
    return float(good[xp.argmin(abs(good - 0.5))])
