"""Rows that are not trained on: the split, their loss, and their score."""

import warnings
from functools import wraps
from typing import Any

from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from ..backends.numpy import namespace as host_namespace
from ..training.step import gather
from .arrays import backend_for, is_foreign, to_host, weights
from .quirks import fixed

np = host_namespace()


def split(est: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, "Validation"]:
    """The numbers of the rows to train on, int64 on the host, and the rows held out for early stopping."""
    binary = est._is_classifier() and est.n_outputs_ == 1
    stratify = to_host(y) if binary or (est._is_classifier() and fixed(est, "stratify")) else None
    settings = {"random_state": est._random_state, "test_size": est.validation_fraction, "stratify": stratify}
    rows, held = train_test_split(np.arange(X.shape[0]), **settings)
    if len(held) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    numbers = backend_for(X).integers(held) if is_foreign(X) else held
    weight = None if sample_weight is None else sample_weight[held]
    return rows, Validation(est, X, gather(y, numbers), weight, numbers)


class Validation:
    """Data held out of training: its target as the loss takes it, and as `predict` gives it.

    With `rows` it has these rows of X, which many may share: they are taken anew for each look at them, until `keep`.
    """

    def __init__(self, est: Any, X: Any, y: Any, weight: Any, rows: Any = None) -> None:
        self.est, self.whole, self.rows, self.weight = est, X, rows, weight
        self.shares = weights(weight, X)
        self.target = est._targets(y, X.dtype)
        self.y = est._labels(y)

    @property
    def X(self) -> Any:
        """The rows to look at."""
        return self.whole if self.rows is None else gather(self.whole, self.rows)

    def keep(self) -> None:
        """Take the rows once and for all, where there are not many such copies."""
        self.whole, self.rows = self.X, None

    def loss(self, X: Any) -> float:
        """The loss of the rows X with the weights of now."""
        est = self.est
        objective = est._objective()
        return float(objective.measure(est._weights(), X, self.target, self.shares))

    def score(self, X: Any) -> float:
        """The score of the rows X with the weights of now: the larger the better."""
        est = self.est
        if est.scoring is None:
            return float(est._score(X, self.y, sample_weight=self.weight))
        if est.scoring == "loss":
            return -float(est.validation_loss_curve_[-1])
        named = isinstance(est.scoring, str) and self.weight is not None
        weight = {"sample_weight": self.weight} if named else {}
        with warnings.catch_warnings():  # X has been checked, and has lost its names
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            scored = OnHost(est) if is_foreign(X) else est
            score = float(check_scoring(est, est.scoring)(scored, X, to_host(self.y), **weight))
        if score != score:
            raise ValueError(f"scoring={est.scoring!r} gives nan on the rows held out")
        return score


class OnHost:
    """An estimator whose predictions are NumPy arrays, which every scorer understands."""

    def __init__(self, est: Any) -> None:
        self.est = est

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.est, name)
        if not name.startswith("predict"):
            return method

        @wraps(method)
        def on_host(X: Any) -> Any:
            return to_host(method(X))

        return on_host
