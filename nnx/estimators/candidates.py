"""Every candidate on every fold: trained together, and scored."""

import time
from collections.abc import Callable, Collection, Sequence
from copy import copy
from math import ceil, inf, isfinite, log, nan
from typing import Any

from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from ..backends.numpy import namespace as host_namespace
from ..training.agreed import several
from ..training.interrupt import Interrupt
from ..training.progress import bar
from ..training.step import gather
from .arrays import backend_for, is_foreign
from .many import Job, fit_many
from .private import _check_method_params, _num_samples, _safe_split, _score

np = host_namespace()


def final(estimator: Any) -> Any:
    """The estimator itself, or the last one of a pipeline."""
    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) and estimator.steps else estimator


def rungs(epochs: int, factor: int, candidates: int) -> list[int]:
    """The epochs after which candidates are lost: epochs / factor, / factor^2, ... as long as several are left."""
    count = int(log(candidates) / log(factor) + 1e-9)
    return sorted({ceil(epochs / factor**r) for r in range(1, count + 1)} - {epochs})


def rerank(results: dict[str, Any]) -> None:
    """Rank candidates that were lost after those that were not, and the earlier lost after the later."""
    lost = np.where(np.isnan(results["lost_after"]), inf, results["lost_after"])
    for name in [name for name in results if name.startswith("rank_test_")]:
        scores = np.nan_to_num(results[name.replace("rank_", "mean_", 1)], nan=-inf)
        keys = list(zip(-lost, -scores, strict=True))
        results[name] = np.array([1 + sum(other < key for other in keys) for key in keys], dtype=np.int32)


class Fold:
    """The rows to train on and those to score on, and what pipelines make of the former."""

    def __init__(self, estimator: Any, X: Any, y: Any, train: Any, test: Any, fit_params: Any) -> None:
        self.train, self.test = train, test
        self.X, self.y = taken(estimator, X, y, train)
        self.X_test, self.y_test = taken(estimator, X, y, test, train)
        self.count = _num_samples(self.X_test)
        self.settings = _check_method_params(X, params=fit_params, indices=train)
        if isinstance(estimator, Pipeline):
            own = estimator.steps[-1][0] + "__"
            foreign = [name for name in self.settings if not name.startswith(own)]
            if foreign:
                raise ValueError(
                    f"PopulationSearchCV: {foreign[0]} is for another step than the last: {own}sample_weight"
                )
            self.settings = {name.removeprefix(own): value for name, value in self.settings.items()}
        self.transformed: dict[str, tuple[list[Any], Any]] = {}

    def prepared(self, estimator: Any, candidate: dict[str, Any]) -> Any:
        """The rows to train on as they come to the last estimator; the steps before it are fitted once for all."""
        if not isinstance(estimator, Pipeline) or len(estimator.steps) == 1:
            return self.X
        own = estimator.steps[-1][0]
        before = {name: value for name, value in candidate.items() if name != own and not name.startswith(own + "__")}
        key = repr(sorted(before.items(), key=lambda item: item[0]))
        if key not in self.transformed:
            first = estimator[:-1]
            rows = first.fit_transform(self.X, self.y)
            self.transformed[key] = first.steps, rows
        steps, rows = self.transformed[key]
        estimator.steps[:-1] = steps
        return rows


def taken(estimator: Any, X: Any, y: Any, rows: Any, train: Any = None) -> tuple[Any, Any]:
    """These rows of X and y."""
    if not is_foreign(X):
        return _safe_split(estimator, X, y, rows, train)  # type: ignore[no-any-return]
    place = backend_for(X)
    with place.scope():
        return gather(X, place.integers(rows)), gather(y, place.integers(rows)) if is_foreign(y) else y[rows]


class Candidates:
    """Every candidate on every fold: trained together, and scored."""

    def __init__(
        self, search: Any, X: Any, y: Any, candidates: Sequence[dict[str, Any]], splits: Sequence[Any]
    ) -> None:
        self.search, self.X, self.y = search, X, y
        self.candidates, self.splits = list(candidates), splits
        self.lost: dict[int, int] = {}  # after which epoch a candidate was lost

    def run(self, scorers: Any, fit_params: Any, score_params: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """For each candidate and fold what scikit-learn's `_fit_and_score` gives, and more columns for the results."""
        search, began = self.search, time.perf_counter()
        if (processes := self.processes()) > 1:
            return self.dealt(processes, scorers, fit_params, score_params)
        self.scorers, self.score_params = scorers, score_params
        self.folds = [Fold(search.estimator, self.X, self.y, train, test, fit_params) for train, test in self.splits]
        self.estimators: list[Any] = []
        self.numbers: list[int] = []
        jobs = []
        errors: dict[int, Exception | None] = {}
        for candidate in self.candidates:
            for fold in self.folds:
                number = len(self.estimators)
                self.estimators.append(clone(search.estimator))
                try:
                    est = self.estimators[-1].set_params(**clone(candidate, safe=False))
                    final(est).ranks = None  # who trains a candidate trains it alone
                    jobs.append(Job(final(est), fold.prepared(est, candidate), fold.y, fold.settings))
                    self.numbers.append(number)
                except Exception as error:
                    errors[number] = error
        watch = self.halve if search.halving else None
        with bar(len(jobs), "fits", bool(search.verbose)) as show, Interrupt() as interrupt:
            most = search.n_members_per_run
            found = fit_many(jobs, most=most, watch=watch, show=show, interrupt=interrupt)
        self.interrupted = interrupt.seen
        errors |= dict(zip(self.numbers, found, strict=True))
        seconds = (time.perf_counter() - began) / max(len(self.estimators), 1)  # each one's share
        out = [self.scored(number, errors[number], seconds) for number in range(len(self.estimators))]
        if not search.halving:
            return out, {}
        epochs = [max(getattr(final(e), "n_iter_", 0) for e in self.of(c)) for c in range(len(self.candidates))]
        return out, {"n_epochs": epochs, "lost_after": [self.lost.get(c, nan) for c in range(len(self.candidates))]}

    def processes(self) -> int:
        """The number of processes to deal the candidates out to. Raises ValueError where they must be together."""
        search, ranks = self.search, several(self.search.ranks)
        count = effective_n_jobs(search.n_jobs) if ranks is None else ranks.count
        if count > 1 and search.halving:
            if search.n_jobs is None and ranks is None:  # asked for by who is around
                return 1
            raise ValueError("halving compares all candidates while they train: leave n_jobs and ranks out")
        return count if ranks is not None else min(count, len(self.candidates))

    def dealt(
        self, processes: int, scorers: Any, fit_params: Any, score_params: Any
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The same as `run`, each of so many processes with candidates of its own."""
        search, count, ranks = copy(self.search), len(self.candidates), several(self.search.ranks)
        search.n_jobs, search.ranks = 1, None
        given = scorers, fit_params, score_params
        shares = [self.candidates[count * i // processes : count * (i + 1) // processes] for i in range(processes)]
        jobs = [Candidates(search, self.X, self.y, share, self.splits) for share in shares]
        if ranks is None:
            every = Parallel(n_jobs=processes)(delayed(_tried)(job, given) for job in jobs)
        else:
            every = ranks.gather(_tried(jobs[ranks.number], given))
        for _, error, _, _ in every:
            if error is not None:
                raise error
        self.interrupted = any(interrupted for _, _, _, interrupted in every)
        self.estimators = [est for _, _, estimators, _ in every for est in estimators]
        return [row for rows, _, _, _ in every for row in rows], {}

    def of(self, candidate: int) -> list[Any]:
        """The estimators of a candidate, one for each fold."""
        return self.estimators[candidate * len(self.splits) : (candidate + 1) * len(self.splits)]

    def scored(self, number: int, error: Exception | None, seconds: float) -> dict[str, Any]:
        """The scores of an estimator, or what stands in their place."""
        search, fold, est = self.search, self.folds[number % len(self.splits)], self.estimators[number]
        result: dict[str, Any] = {
            "fit_error": None,
            "fit_time": seconds,
            "score_time": 0.0,
            "n_test_samples": fold.count,
        }
        if error is not None:
            if search.error_score == "raise":
                raise error
            names = getattr(self.scorers, "_scorers", None)
            nothing = search.error_score if names is None else dict.fromkeys(names, search.error_score)
            result |= {
                "fit_error": f"{type(error).__name__}: {error}\n",
                "test_scores": nothing,
            }
            return result | ({"train_scores": nothing} if search.return_train_score else {})
        began = time.perf_counter()
        result["test_scores"] = self.score(est, fold)
        result["score_time"] = time.perf_counter() - began
        if search.return_train_score:
            given = _check_method_params(self.X, params=self.score_params, indices=fold.train)
            result["train_scores"] = _score(est, fold.X, fold.y, self.scorers, given, search.error_score)
        return result

    def halve(self, epoch: int, live: Collection[int], give_back: Callable[[int], None]) -> list[int]:
        """The jobs of the candidates that are lost after this epoch."""
        search, count = self.search, len(self.splits)
        if epoch not in rungs(final(search.estimator).max_iter, search.factor, len(self.candidates)):
            return []
        for job in live:
            give_back(job)
        going = [c for c in range(len(self.candidates)) if c not in self.lost]
        scores = {c: self.mean_score(c) for c in going}
        kept = sorted(going, key=lambda c: -scores[c])[: max(ceil(len(going) / search.factor), 1)]
        self.lost |= {c: epoch for c in going if c not in kept}
        return [job for job in live if self.numbers[job] // count in self.lost]

    def mean_score(self, candidate: int) -> float:
        """The mean score of a candidate with the weights of now; minus infinity where there is none."""
        scores = []
        for fold, est in zip(self.folds, self.of(candidate), strict=True):
            if not hasattr(final(est), "coefs_"):
                return -inf
            score: Any = self.score(est, fold)
            refit = self.search.refit
            scores.append(
                score[refit if isinstance(refit, str) else next(iter(score))] if isinstance(score, dict) else score
            )
        mean = float(sum(scores)) / len(scores)
        return mean if isfinite(mean) else -inf

    def score(self, est: Any, fold: Fold) -> Any:
        """The score, or the scores, of an estimator on the rows held out."""
        given = _check_method_params(self.X, params=self.score_params, indices=fold.test)
        return _score(est, fold.X_test, fold.y_test, self.scorers, given, self.search.error_score)


def _tried(candidates: Candidates, given: tuple[Any, Any, Any]) -> tuple[Any, Exception | None, list[Any], bool]:
    """Rows of results, or an error; and, where Ctrl-C came, the estimators as they are."""
    try:
        rows, _ = candidates.run(*given)
    except Exception as error:
        return [], error, [], False
    interrupted = candidates.interrupted
    return rows, None, candidates.estimators if interrupted else [], interrupted
