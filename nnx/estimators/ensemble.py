"""EnsembleClassifier and EnsembleRegressor: the mean of several networks, trained and asked at once."""

from abc import abstractmethod
from numbers import Integral
from typing import Any, ClassVar, Self

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
from .private import Interval, RealNotInt, _num_samples, fit_context
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

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train all members.

        Each has its own `random_state` and, with `bootstrap`, its own rows drawn with replacement. All members know all
        classes.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,) or (rows, outputs)
            Their targets.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.

        Returns
        -------
        EnsembleClassifier or EnsembleRegressor
            The ensemble itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, `estimator` is of the other kind, or a member cannot be trained.
        """
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
        """Compare predictions with targets: the accuracy of classes, or R squared of values.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,) or (rows, outputs)
            Their targets, of any library.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.

        Returns
        -------
        float
            The score, 1 at best.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        """
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

    The members are trained together as batched runs, and predict together in one pass. The mean probability of several
    networks is right more often than that of one, and less sure where the members disagree.

    Parameters
    ----------
    estimator : MLPClassifier or None, default None
        What each member is a copy of. None is one with its usual parameters.
    n_estimators : int, default 10
        How many members, at least 1.
    bootstrap : bool, default False
        Let each member train on rows drawn with replacement (bagging). Otherwise members differ in their random numbers
        alone, or with a smaller `max_samples` in rows drawn without replacement.
    max_samples : int or float, default 1.0
        Rows of each member: a number, or a share of all rows above 0 up to 1.
    random_state : int, RandomState or None, default None
        Decides the random numbers of the members, and their rows.
    n_members_per_run : int or None, default None
        The most networks in one batched run. None is as many as fit in the free memory.
    verbose : int, default 0
        Shows a progress bar where it is 1 or more.
    ranks : Ranks or None, default None
        `nnx.ranks()` in a program that mpiexec has started several times: the members are dealt out to the processes.

    Attributes
    ----------
    estimators_ : list of MLPClassifier
        The members, fitted.
    classes_ : array
        The labels, as in `MLPClassifier`.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Names of the columns of X, where it is a data frame.

    See Also
    --------
    MLPClassifier : The member.
    TabularClassifier : Several networks on the columns of a table, calibrated.

    Notes
    -----
    Source: Lakshminarayanan, Pritzel & Blundell 2017, "Simple and scalable predictive uncertainty estimation using deep
    ensembles", without adversarial training; Breiman 1996, "Bagging predictors".

    Examples
    --------
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> base = nnx.MLPClassifier((8,), solver="lbfgs")
    >>> model = nnx.EnsembleClassifier(base, 3, random_state=0).fit(x, x[:, 0] > 0)
    >>> model.predict([[0.9], [-0.9]])
    array([ True, False])
    >>> p, spread = model.predict_proba(x, return_std=True)
    >>> p.shape, spread.shape
    ((20, 2), (20, 2))
    """

    _kind, score = MLPClassifier, _Ensemble.score

    @property
    def classes_(self) -> Any:
        """The labels, as in MLPClassifier."""
        return self.estimators_[0].classes_

    def predict_proba(self, X: Any, return_std: bool = False) -> Any:
        """Give the mean of the members' probabilities.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        return_std : bool, default False
            Give their standard deviation too: how far the members disagree.

        Returns
        -------
        array of shape (rows, classes), or two of them
            The mean, and with `return_std` the deviation.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        """
        with scope_of(X):
            p = self._outputs(X)
            xp, first = namespace(p), self.estimators_[0]
            mean = first._as_probabilities(xp.mean(p, axis=0))
            if not return_std:
                return mean
            spread = xp.std(p, axis=0)
            return mean, xp.concat([spread, spread], axis=1) if first.n_outputs_ == 1 else spread

    def predict(self, X: Any) -> Any:
        """Predict the class of the largest mean probability, or the labels whose mean is above 1/2.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows,) or (rows, labels)
            The classes, as y spelled them.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        """
        with scope_of(X):
            p = self._outputs(X)
            return self.estimators_[0]._as_labels(namespace(p).mean(p, axis=0), X)


class EnsembleRegressor(RegressorMixin, _Ensemble):  # type: ignore[misc]
    """Several MLPRegressors that differ in their random numbers, and with bootstrap in their rows; their mean.

    The members are trained together as batched runs, and predict together in one pass. ``predict`` also says how far
    they disagree.

    Parameters
    ----------
    estimator : MLPRegressor or None, default None
        What each member is a copy of. None is one with its usual parameters.
    n_estimators : int, default 10
        How many members, at least 1.
    bootstrap : bool, default False
        Let each member train on rows drawn with replacement (bagging). Otherwise members differ in their random numbers
        alone, or with a smaller `max_samples` in rows drawn without replacement.
    max_samples : int or float, default 1.0
        Rows of each member: a number, or a share of all rows above 0 up to 1.
    random_state : int, RandomState or None, default None
        Decides the random numbers of the members, and their rows.
    n_members_per_run : int or None, default None
        The most networks in one batched run. None is as many as fit in the free memory.
    verbose : int, default 0
        Shows a progress bar where it is 1 or more.
    ranks : Ranks or None, default None
        `nnx.ranks()` in a program that mpiexec has started several times: the members are dealt out to the processes.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        The members, fitted.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Names of the columns of X, where it is a data frame.

    See Also
    --------
    MLPRegressor : The member; with `loss="quantile"` it predicts the noise of the data too.
    TabularRegressor : Several networks on the columns of a table, with intervals.

    Notes
    -----
    Source: Lakshminarayanan, Pritzel & Blundell 2017, "Simple and scalable predictive uncertainty estimation using deep
    ensembles", without adversarial training; Breiman 1996, "Bagging predictors".

    Examples
    --------
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> base = nnx.MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=500)
    >>> mean, spread = nnx.EnsembleRegressor(base, 3, random_state=0).fit(x, x[:, 0] ** 2).predict(x, return_std=True)
    >>> mean.shape, spread.shape
    ((20,), (20,))
    """

    _kind, score = MLPRegressor, _Ensemble.score

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Give the mean of the members' predictions.

        The deviation says how far the members disagree, which is the model's part of the uncertainty and not the noise
        of the data: for that, see `nnx.Quantile`.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        return_std : bool, default False
            Give their standard deviation too, of the same shape.

        Returns
        -------
        array of shape (rows,) or (rows, outputs), or two of them
            The mean, and with `return_std` the deviation, in the units of y.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        """
        with scope_of(X):
            y = self._outputs(X)
            xp, first = namespace(y), self.estimators_[0]
            mean = first._as_values(xp.mean(y, axis=0))
            return (mean, first._as_values(xp.std(y, axis=0))) if return_std else mean
