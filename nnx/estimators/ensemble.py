"""EnsembleClassifier and EnsembleRegressor: the mean of several networks, trained and asked at once."""

from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from ..backends import is_sparse, namespace
from ..backends.numpy import namespace as host_namespace
from ..names import Spelled
from ..training.parallel import Ranks
from ..training.progress import bar
from .arrays import for_scores, scope_of, to_host
from .base import BaseMLP
from .classifier import MLPClassifier
from .many import Job, Unbegun, fit_many
from .private import Interval, RealNotInt, _fit_context, _num_samples
from .ranks import prints, random_state_of, ranks_of
from .regressor import MLPRegressor


class _Ensemble(Spelled, BaseEstimator):  # type: ignore[misc]
    """The base of both ensembles: the members, their training, and their outputs as one array."""

    _kind: ClassVar[type[BaseMLP]]
    estimators_: list[Any]

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "estimator": [BaseMLP, None],
        "n_estimators": [Interval(Integral, 1, 2**20, closed="both")],
        "bootstrap": ["boolean"],
        "max_samples": [Interval(Integral, 1, None, closed="left"), Interval(RealNotInt, 0, 1, closed="right")],
        "random_state": ["random_state"],
        "n_members_per_run": [Interval(Integral, 1, None, closed="left"), None],
        "verbose": ["verbose"],
        "ranks": [Ranks, None],
    }

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 10,
        *,
        bootstrap: bool = False,
        max_samples: Any = 1.0,
        random_state: Any = None,
        n_members_per_run: int | None = None,
        verbose: int = 0,
        ranks: Ranks | None = None,
    ) -> None:
        self.estimator, self.n_estimators = estimator, n_estimators
        self.bootstrap, self.max_samples = bootstrap, max_samples
        self.random_state, self.n_members_per_run, self.verbose = random_state, n_members_per_run, verbose
        self.ranks = ranks

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train all members. Each has its own random_state and, with bootstrap, its own rows drawn with replacement."""
        base = self._kind() if self.estimator is None else self.estimator
        if not isinstance(base, self._kind):
            name = type(self).__name__
            raise ValueError(f"{name}: estimator must be an nnx.{self._kind.__name__}, got {type(base).__name__}")
        random, members, rows = random_state_of(self), [], []
        count = _num_samples(X)
        if isinstance(self.max_samples, bool):
            raise ValueError(f"max_samples must be a number or a share of the rows, got {self.max_samples}")
        size = self.max_samples if isinstance(self.max_samples, int) else max(round(self.max_samples * count), 1)
        if size > count and not self.bootstrap:
            raise ValueError(f"max_samples={size} is more than the {count} rows, and bootstrap=False draws none twice")
        for _ in range(self.n_estimators):
            members.append(clone(base).set_params(random_state=int(random.randint(2**31 - 1)), ranks=None))
            every = size == count and not self.bootstrap
            rows.append(None if every else random.choice(count, size, replace=self.bootstrap))
        settings = {} if sample_weight is None else {"sample_weight": sample_weight}
        ranks, jobs = ranks_of(self), [Job(est, X, y, settings, own) for est, own in zip(members, rows, strict=True)]
        mine = jobs if ranks is None else [jobs[i] for i in ranks.share(len(jobs))]
        with bar(len(mine), "members", bool(self.verbose) and prints(self)) as show:
            errors = fit_many(mine, most=self.n_members_per_run, show=show)
        found = [(job.est, error) for job, error in zip(mine, errors, strict=True)]
        if ranks is not None:
            found = [one for part in ranks.gather(found) for one in part]
        for _, error in found:
            if error is not None and not isinstance(error, Unbegun):
                raise error
        members = [est for est, error in found if error is None]
        self.estimators_, self.n_features_in_ = members, members[0].n_features_in_
        if hasattr(members[0], "feature_names_in_"):
            self.feature_names_in_ = members[0].feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        return self

    def _outputs(self, X: Any) -> Any:
        """The outputs of every member, (members, rows, outputs): probabilities, or the values predicted."""
        check_is_fitted(self)
        first, each = self.estimators_[0], [est._weights() for est in self.estimators_]
        if is_sparse(X):
            return host_namespace().stack([est._compute(X, "predict") for est in self.estimators_])
        together = {name: namespace(p).stack([weights[name] for weights in each]) for name, p in each[0].items()}
        return first._compute(X, "predict", params=together)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of classes, or R squared."""
        check_is_fitted(self)
        first, weight = self.estimators_[0], to_host(for_scores(sample_weight))
        return float(first._measure(to_host(first._scored(y)), to_host(self.predict(X)), sample_weight=weight))

    @abstractmethod
    def predict(self, X: Any) -> Any: ...

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        of = (self._kind() if self.estimator is None else self.estimator).__sklearn_tags__()
        tags.input_tags, tags.target_tags, tags.classifier_tags = of.input_tags, of.target_tags, of.classifier_tags
        tags.regressor_tags, tags.array_api_support = of.regressor_tags, of.array_api_support
        return tags


class EnsembleClassifier(ClassifierMixin, _Ensemble):  # type: ignore[misc]
    """Several MLPClassifiers that differ in their random numbers, and with bootstrap in their rows; their mean.

    estimator: an nnx.MLPClassifier; None: one with its usual parameters. n_estimators: how many.
    bootstrap: each member trains on rows drawn with replacement (bagging).
    max_samples: how many rows each has, a number or a share. random_state: of the members' own, and of their rows.
    n_members_per_run: the most networks in one batched run. verbose: 1 shows a progress bar.
    ranks: nnx.ranks(): the members are dealt out to the processes that mpiexec has started.
    After fit: estimators_, classes_, n_features_in_.
    Source: Lakshminarayanan, Pritzel & Blundell 2017, without adversarial training; Breiman 1996 for bagging.

    >>> import numpy as np
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> base = nnx.MLPClassifier((8,), solver="lbfgs")
    >>> nnx.EnsembleClassifier(base, 3, random_state=0).fit(x, x[:, 0] > 0).predict([[0.9], [-0.9]])
    array([ True, False])
    """

    _kind, score = MLPClassifier, _Ensemble.score

    @property
    def classes_(self) -> Any:
        """The labels, as in MLPClassifier."""
        return self.estimators_[0].classes_

    def predict_proba(self, X: Any, return_std: bool = False) -> Any:
        """The mean of the members' probabilities (rows, classes); with return_std also their standard deviation."""
        with scope_of(X):
            p = self._outputs(X)
            xp, first = namespace(p), self.estimators_[0]
            mean = first._as_probabilities(xp.mean(p, axis=0))
            if not return_std:
                return mean
            spread = xp.std(p, axis=0)
            return mean, xp.concat([spread, spread], axis=1) if first.n_outputs_ == 1 else spread

    def predict(self, X: Any) -> Any:
        """The class of the largest mean probability, or the labels (rows, labels) whose mean is above 1/2."""
        with scope_of(X):
            p = self._outputs(X)
            return self.estimators_[0]._as_labels(namespace(p).mean(p, axis=0), X)


class EnsembleRegressor(RegressorMixin, _Ensemble):  # type: ignore[misc]
    """Several MLPRegressors that differ in their random numbers, and with bootstrap in their rows; their mean.

    The parameters are those of EnsembleClassifier. After fit: estimators_, n_features_in_.

    >>> import numpy as np
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> base = nnx.MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs")
    >>> mean, spread = nnx.EnsembleRegressor(base, 3, random_state=0).fit(x, x[:, 0] ** 2).predict(x, return_std=True)
    >>> mean.shape, spread.shape
    ((20,), (20,))
    """

    _kind, score = MLPRegressor, _Ensemble.score

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """The mean of the members' predictions; with return_std also their standard deviation, of the same shape.

        The deviation says how far the members disagree, which is the model's part of the uncertainty and not the noise
        of the data: for that, see nnx.Quantile.
        """
        with scope_of(X):
            y = self._outputs(X)
            xp, first = namespace(y), self.estimators_[0]
            mean = first._as_values(xp.mean(y, axis=0))
            return (mean, first._as_values(xp.std(y, axis=0))) if return_std else mean
