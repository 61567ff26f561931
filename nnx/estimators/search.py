"""PopulationSearchCV: a search over hyper-parameters whose candidates and folds are trained at once."""

import time
from math import nan
from numbers import Integral
from typing import Any, ClassVar, Self

from sklearn.base import clone, is_classifier
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from ..errors import unknown
from ..inputs import as_given, check_holder
from ..names import Spelled
from ..training.parallel import Ranks
from .arrays import backend_for, for_scores, given_weight, is_foreign, to_host
from .base import BaseMLP
from .candidates import Candidates, final, rerank
from .private import (
    BaseSearchCV,
    Interval,
    _check_method_params,
    _insert_error_scores,
    _num_samples,
    _warn_or_raise_about_fit_failures,
    fit_context,
)


class PopulationSearchCV(Spelled, BaseSearchCV):  # type: ignore[misc]
    """GridSearchCV or RandomizedSearchCV of scikit-learn for MLPClassifier and MLPRegressor, as batched runs.

    Candidates times folds are trained together: those that differ in numbers only (`learning_rate_init`, `alpha`,
    `momentum`, `beta_1`, `beta_2`, `weight_decay`, `dropout`, `random_state`, and `hidden_layer_sizes` where zeros can
    fill up) in one run, all others in runs of their own. What cannot be batched ("lbfgs", sparse X, warm starts) is
    fitted alone, in the same call. Scores are those of GridSearchCV over the same estimator, to rounding. All that is
    not said here is as in `sklearn.model_selection.GridSearchCV`.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor or Pipeline
        What is searched over: an estimator of nnx, or a scikit-learn Pipeline that ends in one, whose steps before it
        are fitted once for each fold.
    param_grid : dict or list of dict
        Lists of values by the names of parameters (in a pipeline `step__name`), or several such dicts. With `n_iter`
        also distributions, as those of RandomizedSearchCV.
    n_iter : int or None, default None
        How many candidates to draw. None is all of the grid.
    scoring : str, callable, list, tuple, dict or None, default None
        What ranks the candidates: the name of a scorer of scikit-learn, a function of estimator, X and y, or several of
        these. None is the estimator's own `score`.
    refit : bool, str or callable, default True
        Train the best candidate on all rows. With several scorers the name of the one that decides; or a function of
        `cv_results_` that gives the number of the best.
    cv : int, splitter, iterable or None, default None
        How the rows are divided: a number of folds, a splitter of scikit-learn, or pairs of row numbers. None is 5
        folds. Of a classifier each fold has all classes in proportion.
    halving : bool, default False
        Lose the worst candidates while they train: after max_iter / factor^r epochs, ..., max_iter / factor, all but
        the best 1 / factor by their mean score on the folds held out. `max_iter` cannot be searched over then.
    factor : int, default 3
        How many times fewer candidates go on after each part of `halving`, at least 2.
    n_members_per_run : int or None, default None
        The most networks in one run. None is as many as fit in the free memory.
    verbose : int, default 0
        Shows a progress bar where it is 1 or more.
    random_state : int, RandomState or None, default None
        Decides the candidates that `n_iter` draws; the networks have `random_state` of their own.
    error_score : float or "raise", default nan
        The score of a candidate that cannot be trained; "raise" lets its error end the search.
    return_train_score : bool, default False
        Score the rows trained on too, for `cv_results_`.
    n_jobs : int or None, default None
        Processes that the candidates are dealt out to, by joblib, -1 for one a core; in a block of
        `joblib.parallel_config` also by Dask and others. None is one process that trains all. Not with `halving`, which
        compares all candidates while they train.
    ranks : Ranks or None, default None
        `nnx.ranks()`, the processes that mpiexec has started, in place of joblib's. Not with `halving`.

    Attributes
    ----------
    cv_results_ : dict of str to array
        A column for each parameter, score, rank and time, with an entry for each candidate: give it to `pd.DataFrame`,
        or to `nnx.plots.search`. With `halving` also "n_epochs", how far each came, and "lost_after"; those that were
        lost rank after those that were not, whatever their scores.
    best_params_ : dict of str to object
        The parameters of the best candidate.
    best_score_ : float
        Its mean score on the folds held out.
    best_index_ : int
        Its number in `cv_results_`.
    best_estimator_ : MLPClassifier, MLPRegressor or Pipeline
        The best candidate, trained on all rows: ``predict`` and `score` of the search are its own. Not without `refit`.
    refit_time_ : float
        Seconds that this took.
    scorer_ : callable or dict of str to callable
        What scored the candidates.
    n_splits_ : int
        Folds.
    multimetric_ : bool
        Whether there were several scorers.

    See Also
    --------
    Population : Any networks as one training, without scikit-learn.
    plots.search : The scores over each parameter as a picture.

    Examples
    --------
    >>> x = np.arange(40.0).reshape(-1, 1) / 20 - 1
    >>> base = nnx.MLPClassifier((4,), max_iter=60, random_state=0, learning_rate=nnx.Cosine(), tol=0.0)
    >>> search = nnx.PopulationSearchCV(base, {"learning_rate_init": [1e-6, 1e-1]}, cv=2).fit(x, x[:, 0] > 0)
    >>> search.best_params_
    {'learning_rate_init': 0.1}
    >>> search.cv_results_["rank_test_score"].tolist()
    [2, 1]
    """

    pre_dispatch = None  # of scikit-learn's searches: each process has one task here

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{name: kinds for name, kinds in BaseSearchCV._parameter_constraints.items() if name != "pre_dispatch"},
        "param_grid": [dict, list],
        "n_iter": [Interval(Integral, 1, None, closed="left"), None],
        "halving": ["boolean"],
        "factor": [Interval(Integral, 2, None, closed="left")],
        "n_members_per_run": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "ranks": [Ranks, None],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        n_iter: int | None = None,
        scoring: Any = None,
        refit: Any = True,
        cv: Any = None,
        halving: bool = False,
        factor: int = 3,
        n_members_per_run: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
        error_score: Any = nan,
        return_train_score: bool = False,
        n_jobs: int | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.estimator, self.param_grid, self.n_iter = estimator, param_grid, n_iter
        self.scoring, self.refit, self.cv = scoring, refit, cv
        self.halving, self.factor, self.n_members_per_run = halving, factor, n_members_per_run
        self.verbose, self.random_state = verbose, random_state
        self.error_score, self.return_train_score = error_score, return_train_score
        self.n_jobs, self.ranks = n_jobs, ranks

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Train all candidates on all folds, and the best of them on all rows.

        Ctrl-C ends the training after the batches in hand: candidates are ranked as they are then, and
        `best_estimator_` is the best one of the first fold.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,) or (rows, outputs), optional
            Their targets. It is needed; None stands there for scikit-learn's sake, and is refused.
        **params : object
            As for `GridSearchCV.fit`: `sample_weight`, `groups`, and what the folds and scorers are routed.

        Returns
        -------
        PopulationSearchCV
            The search itself.

        Raises
        ------
        ValueError
            If `param_grid` has a name that is no parameter, there are no candidates or folds, or all fits failed.
        TypeError
            If the estimator is none of nnx.
        """
        check_holder("X", X)
        check_holder("y", y)
        candidates = self._candidates()
        X, y, params = self._given(X, y, params)
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        try:
            splits = list(cv.split(X, y, **routed.splitter.split))
        except TypeError as error:  # of scikit-learn, for elements of cv that are no pairs
            raise ValueError(f"cv: expected a number of folds, a splitter, or pairs of row numbers: {error}") from None
        self.n_splits_ = len(splits)
        tried = Candidates(self, X, y, candidates, splits)
        out, more = tried.run(scorers, routed.estimator.fit, routed.scorer.score)
        if not out:
            raise ValueError("PopulationSearchCV: there are no candidates, or no folds")
        if all(result["fit_error"] for result in out):
            first = out[0]["fit_error"].strip().splitlines()[0]
            raise ValueError(f"PopulationSearchCV: all the {len(out)} fits failed, the first with {first}"[:200])
        _warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            _insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out, more)
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.halving:
            rerank(results)
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        if self.refit and tried.interrupted:
            self.best_estimator_, self.refit_time_ = tried.of(self.best_index_)[0], 0.0
        elif self.refit:
            self._fit_best(X, y, routed.estimator.fit)
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results
        return self

    def _given(self, X: Any, y: Any, params: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """X, y and the weights of the rows, checked once for all folds. Raises ValueError."""
        if y is None:
            raise ValueError("PopulationSearchCV: expected y, the target of each row, got None")
        if not isinstance(self.estimator, Pipeline):
            X = as_given("X", X)
        y = final(self.estimator)._given("y", y)
        if is_foreign(X) and is_foreign(y) and backend_for(X).place != backend_for(y).place:
            y = to_host(y)
        for name in [name for name, weight in params.items() if name.endswith("sample_weight") and weight is not None]:
            weight = given_weight(params[name])
            params[name] = for_scores(
                weight if hasattr(weight, "shape") and weight.shape else [weight] * _num_samples(X)
            )
        return X, y, params

    def _candidates(self) -> list[dict[str, Any]]:
        """The parameters to try. Raises ValueError, TypeError."""
        last = final(self.estimator)
        if not isinstance(last, BaseMLP):
            raise TypeError(
                "PopulationSearchCV: expected an nnx.MLPClassifier or MLPRegressor, or a Pipeline that ends in one; "
                f"for {type(last).__name__}, use sklearn.model_selection.GridSearchCV"
            )
        if self.n_iter is None:
            found = list(ParameterGrid(self.param_grid))
        else:
            found = list(ParameterSampler(self.param_grid, self.n_iter, random_state=self.random_state))
        for name in {name for candidate in found for name in candidate}:
            if name not in self.estimator.get_params():
                raise ValueError("param_grid: " + unknown("parameter", name, sorted(self.estimator.get_params())))
        if self.halving and any(name.rpartition("__")[2] == "max_iter" for candidate in found for name in candidate):
            raise ValueError("halving: max_iter is what the candidates are halved by, and cannot be in param_grid")
        return found

    def _fit_best(self, X: Any, y: Any, settings: Any) -> None:
        """The best candidate on all rows."""
        self.best_estimator_ = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        started = time.perf_counter()
        self.best_estimator_.fit(X, y, **settings)
        self.refit_time_ = time.perf_counter() - started
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
