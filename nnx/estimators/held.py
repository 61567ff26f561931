"""Rows that are not trained on: the split, their loss, and their score."""

import warnings
from functools import wraps
from typing import Any

from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from ..backends.numpy import namespace as host_namespace
from ..training.step import gather
from .arrays import backend_for, is_foreign, to_host, weights
from .fixes import fixed

np = host_namespace()


def split(est: Any, X: Any, y: Any, sample_weight: Any) -> tuple[Any, Any, Any, "Held"]:
    """The data to train on, and that held out for early stopping."""
    binary = est._is_classifier() and est.n_outputs_ == 1
    stratify = to_host(y) if binary or (est._is_classifier() and fixed(est, "stratify")) else None
    given = [X, y] if sample_weight is None else [X, y, sample_weight]
    settings = {"random_state": est._random_state, "test_size": est.validation_fraction, "stratify": stratify}
    if is_foreign(X):
        rows = train_test_split(np.arange(X.shape[0]), **settings)
        place = backend_for(X)
        parts = [gather(a, place.integers(r)) if is_foreign(a) else a[r] for a in given for r in rows]
    else:
        parts = train_test_split(*given, **settings)
    held = (*parts[1::2], None)[:3]
    if held[0].shape[0] < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    X, y, sample_weight = (*parts[::2], None)[:3]
    return X, y, sample_weight, Held(est, *held)


class Held:
    """Data held out of training: its target as the loss takes it, and as `predict` gives it."""

    def __init__(self, est: Any, X: Any, y: Any, weight: Any) -> None:
        self.est, self.X, self.weight = est, X, weight
        self.shares = weights(weight, X)
        self.target = est._targets(y, X.dtype)
        self.y = est._labels(y)

    def loss(self) -> float:
        """The loss of the data with the weights of now."""
        est = self.est
        objective = est._objective(sparse=hasattr(self.X, "tocsr"))
        return float(objective.measure(est._weights(), self.X, self.target, self.shares))

    def score(self) -> float:
        """The score with the weights of now: the larger the better."""
        est = self.est
        if est.scoring is None:
            return float(est._score(self.X, self.y, sample_weight=self.weight))
        if est.scoring == "loss":
            return -float(est.validation_loss_curve_[-1])
        named = isinstance(est.scoring, str) and self.weight is not None
        weight = {"sample_weight": self.weight} if named else {}
        with warnings.catch_warnings():  # X has been checked, and has lost its names
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            scored = OnHost(est) if is_foreign(self.X) else est
            score = float(check_scoring(est, est.scoring)(scored, self.X, to_host(self.y), **weight))
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
