"""PopulationSearchCV gives the scores of GridSearchCV and RandomizedSearchCV over the same estimator."""

import warnings

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ParameterGrid, RandomizedSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import nnx
from nnx.estimators import batched, candidates, many
from nnx.estimators.base import BaseMLP
from nnx.estimators.many import Job, fit_many
from nnx.training.population import lanes

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_digits(return_X_y=True)
X, Y = X[:240] / 16, Y[:240]
BASE = nnx.MLPClassifier((12,), max_iter=6, random_state=0)
REGRESSOR = nnx.MLPRegressor(hidden_layer_sizes=(12,), max_iter=6, random_state=0)
TARGET = X @ np.linspace(-1, 1, 64)
RATES = [1e-3, 1e-2, 1e-1]


def results_of(ours, theirs):
    """The keys of both, and how far the columns of figures are from each other."""
    assert set(ours) == set(theirs)
    for name, values in theirs.items():
        if name.startswith(("split", "mean_t", "std_t")):
            np.testing.assert_allclose(ours[name], values, rtol=1e-6, atol=1e-6)
        elif name.startswith(("rank", "param_")):
            assert list(ours[name]) == list(values)
    assert ours["params"] == theirs["params"]


# name: (estimator, grid)
GRIDS = {
    "rates": (BASE, {"learning_rate_init": RATES, "alpha": [0.0, 1e-3, 1e-1]}),
    "betas": (BASE, {"beta_1": [0.5, 0.9], "beta_2": [0.9, 0.999], "epsilon": [1e-8, 1e-4]}),
    "sgd": (
        clone(BASE).set_params(solver="sgd", learning_rate_init=0.1),
        {
            "learning_rate": ["constant", "invscaling", "adaptive"],
            "momentum": [0.5, 0.9],
            "nesterovs_momentum": [True, False],
        },
    ),
    "widths": (
        BASE,
        {"hidden_layer_sizes": [(12,), (14,), (13,), (12, 12)], "activation": ["relu", "tanh", "logistic"]},
    ),
    "dropout": (BASE, {"dropout": [0.0, 0.1, 0.5], "random_state": [0, 1]}),
    "decay": (BASE, {"weight_decay": [None, 0.1, 0.3], "solver": ["adam", "lion"]}),
    "batches": (BASE, {"batch_size": [16, 64], "max_iter": [2, 5], "shuffle": [True, False]}),
    "early stopping": (
        clone(BASE).set_params(early_stopping=True, n_iter_no_change=1, tol=1e-2, max_iter=12),
        {"learning_rate_init": RATES},
    ),
    "stopping by the loss": (
        clone(BASE).set_params(n_iter_no_change=1, tol=0.3, max_iter=12),
        {"learning_rate_init": RATES},
    ),
    "schedules": (BASE, {"learning_rate": [nnx.Cosine(), nnx.Cosine(warmup=3), "constant"]}),
    "solvers": (BASE, {"solver": ["lbfgs", "adam", nnx.RMSProp(1e-2), nnx.ClipNorm(nnx.Adam(1e-2), 0.5)]}),
    "norms": (BASE, {"norm": ["layer", "batch", None], "learning_rate_init": RATES[:2]}),
    "losses": (
        BASE,
        {"loss": [nnx.SoftmaxCrossEntropy(label_smoothing=s) for s in (0.0, 0.1, 0.3)], "frozen": [(), (0,)]},
    ),
    "several grids": (BASE, [{"learning_rate_init": RATES}, {"activation": ["tanh"], "alpha": [0.0, 1.0]}]),
    "regression": (REGRESSOR, {"learning_rate_init": RATES, "loss": ["squared_error", "huber", "absolute_error"]}),
}


@pytest.mark.parametrize("name", GRIDS)
def test_scores_are_those_of_grid_search(name):
    estimator, grid = GRIDS[name]
    y = TARGET if estimator is REGRESSOR else Y
    settings = dict(cv=3, return_train_score=True)
    ours = nnx.PopulationSearchCV(estimator, grid, **settings).fit(X, y)
    theirs = GridSearchCV(estimator, grid, **settings).fit(X, y)
    results_of(ours.cv_results_, theirs.cv_results_)
    assert ours.best_params_ == theirs.best_params_ and ours.best_index_ == theirs.best_index_
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(ours.score(X, y), theirs.score(X, y))
    assert (ours.n_splits_, ours.n_features_in_) == (theirs.n_splits_, theirs.n_features_in_)


def test_scores_are_those_of_scikit_learns_own_network():
    grid = {"learning_rate_init": RATES, "alpha": [1e-3, 1e-1]}
    ours = nnx.PopulationSearchCV(BASE, grid, cv=3).fit(X, Y)
    theirs = GridSearchCV(TheirClassifier((12,), max_iter=6, random_state=0), grid, cv=3).fit(X, Y)
    results_of(ours.cv_results_, theirs.cv_results_)


def test_what_differs_in_numbers_only_is_one_run(monkeypatch):
    made = []
    begin = batched.Run.begin
    monkeypatch.setattr(batched.Run, "begin", lambda self: made.append(len(self.numbers)) or begin(self))
    grid = {"learning_rate_init": RATES, "alpha": [1e-3, 1e-1], "beta_1": [0.8, 0.9], "hidden_layer_sizes": [12, 13]}
    nnx.PopulationSearchCV(BASE, grid, cv=4, refit=False).fit(X, Y)
    assert made == [3 * 2 * 2 * 2 * 4]  # folds of 240 rows have as many rows each
    made.clear()
    nnx.PopulationSearchCV(BASE, grid, cv=4, refit=False, n_members_per_run=50).fit(X, Y)
    assert made == [48, 48]
    made.clear()
    monkeypatch.setattr(nnx.Backend, "free_memory", lambda self: 20 * 10**6)  # 0.4 MB for each
    nnx.PopulationSearchCV(BASE, grid, cv=4, refit=False).fit(X, Y)
    assert sum(made) == 96 and 1 < len(made) < 96


def test_lanes_of_every_size_give_the_same_bits(monkeypatch):
    grid = {"learning_rate_init": RATES, "alpha": [1e-3, 1e-1]}
    expected = nnx.PopulationSearchCV(BASE, grid, cv=3).fit(X, Y)
    for workers, enough in ((1, 1), (2, 1), (2, 10**5), (3, 1)):
        monkeypatch.setattr(nnx.Backend, "lanes", workers)
        monkeypatch.setattr(lanes, "ENOUGH", enough)
        got = nnx.PopulationSearchCV(BASE, grid, cv=3).fit(X, Y)
        np.testing.assert_array_equal(got.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])


def test_draws_are_those_of_randomized_search():
    grid = {"learning_rate_init": loguniform(1e-4, 1e-1), "alpha": [0.0, 1e-2]}
    ours = nnx.PopulationSearchCV(BASE, grid, n_iter=5, random_state=3, cv=3).fit(X, Y)
    theirs = RandomizedSearchCV(BASE, grid, n_iter=5, random_state=3, cv=3).fit(X, Y)
    results_of(ours.cv_results_, theirs.cv_results_)


@pytest.mark.parametrize(
    "scoring",
    ["neg_log_loss", ["accuracy", "f1_macro"], {"a": "accuracy"}, lambda est, x, y: {"half": 0.5 * est.score(x, y)}],
    ids=["name", "list", "dict", "function"],
)
def test_scorers_are_scikit_learns(scoring):
    refit = {"list": "f1_macro"}.get(type(scoring).__name__, "a" if isinstance(scoring, dict) else True)
    refit = "half" if callable(scoring) else refit
    settings = dict(scoring=scoring, refit=refit, cv=3)
    ours = nnx.PopulationSearchCV(BASE, {"learning_rate_init": RATES}, **settings).fit(X, Y)
    theirs = GridSearchCV(BASE, {"learning_rate_init": RATES}, **settings).fit(X, Y)
    results_of(ours.cv_results_, theirs.cv_results_)
    assert ours.multimetric_ == theirs.multimetric_ and ours.best_score_ == pytest.approx(theirs.best_score_)


def test_weights_and_groups_are_routed_as_in_grid_search():
    weight, groups = np.linspace(0.5, 2, len(Y)), np.arange(len(Y)) % 7
    settings = dict(cv=GroupKFold(3), scoring="accuracy")
    ours = nnx.PopulationSearchCV(BASE, {"learning_rate_init": RATES}, **settings)
    theirs = GridSearchCV(BASE, {"learning_rate_init": RATES}, **settings)
    for search in (ours, theirs):
        search.fit(X, Y, sample_weight=weight, groups=groups)
    results_of(ours.cv_results_, theirs.cv_results_)


def test_steps_before_the_network_are_fitted_once_for_each_fold():
    class Scaler(StandardScaler):
        count = 0

        def fit(self, X, y=None, sample_weight=None):
            Scaler.count += 1
            return super().fit(X, y, sample_weight)

    pipe = Pipeline([("scale", Scaler()), ("mlp", BASE)])
    grid = {"mlp__learning_rate_init": RATES, "scale__with_mean": [True, False]}
    ours = nnx.PopulationSearchCV(pipe, grid, cv=3, refit=False).fit(X, Y)
    assert Scaler.count == 6  # two settings, three folds
    results_of(ours.cv_results_, GridSearchCV(pipe, grid, cv=3, refit=False).fit(X, Y).cv_results_)
    whole = nnx.PopulationSearchCV(make_pipeline(BASE), {"mlpclassifier__alpha": [0.1, 1.0]}, cv=3).fit(X, Y)
    assert whole.predict(X[:3]).shape == (3,)


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_arrays_of_other_libraries_are_searched_over_where_they_are(library):
    backend = nnx.backend(library, dtype="float64")
    grid = {"learning_rate_init": RATES, "alpha": [1e-3, 1e-1]}
    expected = GridSearchCV(BASE, grid, cv=KFold(3)).fit(X, Y).cv_results_["mean_test_score"]
    with backend.scope():
        search = nnx.PopulationSearchCV(BASE, grid, cv=KFold(3)).fit(backend.floats(X), backend.integers(Y))
        assert type(search.best_estimator_.coefs_[0]) is type(backend.floats(0.0))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected, rtol=1e-6)


def test_candidates_dealt_out_to_workers_of_joblib_have_the_scores_of_one_process():
    grid = {"learning_rate_init": RATES, "alpha": [0.0, 0.1]}
    alone = nnx.PopulationSearchCV(BASE, grid, cv=2).fit(X, Y).cv_results_
    with joblib.parallel_config("threading"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dealt = nnx.PopulationSearchCV(BASE, grid, cv=2, n_jobs=4).fit(X, Y)
        failing = nnx.PopulationSearchCV(BASE, {"alpha": [-1.0, -2.0]}, cv=2, n_jobs=2)
        with pytest.raises(ValueError, match="all the 4 fits failed"):
            failing.fit(X, Y)
    results_of(dealt.cv_results_, alone)
    with joblib.parallel_config("threading", n_jobs=2):  # asked for by who is around: halving needs them together
        nnx.PopulationSearchCV(BASE, grid, cv=2, halving=True).fit(X, Y)
    with pytest.raises(ValueError, match="halving compares all candidates while they train: leave n_jobs and ranks"):
        nnx.PopulationSearchCV(BASE, grid, cv=2, halving=True, n_jobs=2).fit(X, Y)


def test_halving_loses_the_worst_while_they_train():
    grid = {"learning_rate_init": [1e-5, 1e-4, 3e-3, 1e-2, 1e-6, 1e-7, 1e-2, 1e-8, 1e-9]}
    search = nnx.PopulationSearchCV(clone(BASE).set_params(max_iter=18), grid, cv=3, halving=True, verbose=1).fit(X, Y)
    results = search.cv_results_
    assert candidates.rungs(18, 3, 9) == [2, 6]
    assert sorted(results["n_epochs"]) == [2] * 6 + [6] * 2 + [18]
    assert search.best_params_["learning_rate_init"] == 1e-2
    assert results["rank_test_score"][search.best_index_] == 1
    order = np.argsort(results["rank_test_score"])
    assert list(np.array(results["n_epochs"])[order]) == sorted(results["n_epochs"], reverse=True)
    alone = GridSearchCV(clone(BASE).set_params(max_iter=2), grid, cv=3).fit(X, Y).cv_results_["mean_test_score"]
    lost = np.array(results["n_epochs"]) == 2
    np.testing.assert_allclose(np.array(results["mean_test_score"])[lost], alone[lost], rtol=1e-6)


def test_halving_goes_by_the_scores_of_all_runs_in_turn():
    grid = {"learning_rate_init": [1e-7, 1e-2], "activation": ["relu", "tanh"], "hidden_layer_sizes": [(12,), (6, 6)]}
    search = nnx.PopulationSearchCV(clone(BASE).set_params(max_iter=8), grid, cv=3, halving=True, factor=2).fit(X, Y)
    assert candidates.rungs(8, 2, 8) == [1, 2, 4] and sorted(search.cv_results_["n_epochs"]) == [1] * 4 + [2] * 2 + [
        4,
        8,
    ]


def test_progress_is_shown(capsys):
    nnx.PopulationSearchCV(BASE, {"learning_rate_init": RATES}, cv=2, verbose=1, refit=False).fit(X, Y)
    assert capsys.readouterr().out.splitlines()[-1] == "fits 6/6"


def test_a_candidate_that_fails_has_the_error_score_and_the_others_go_on():
    grid = {"learning_rate_init": [1e-3, 1e200], "solver": ["sgd"]}
    search = nnx.PopulationSearchCV(REGRESSOR, grid, cv=3, error_score=-7.0)
    with pytest.warns(FitFailedWarning, match="3 fits failed out of a total of 6"):
        search.fit(X, TARGET)
    assert search.cv_results_["mean_test_score"][1] == -7.0 and search.best_index_ == 0
    grid = {"alpha": [-1.0, 0.0]}  # the first candidate cannot be fitted at all
    with pytest.warns((FitFailedWarning, UserWarning), match="fits failed|non-finite"):
        first = nnx.PopulationSearchCV(BASE, grid, cv=3, refit=False).fit(X, Y)
    assert np.isnan(first.cv_results_["mean_test_score"][0]) and first.best_index_ == 1
    grid = {"learning_rate_init": [1e-3, 1e200], "solver": ["sgd"]}
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        nnx.PopulationSearchCV(REGRESSOR, grid, cv=3, error_score="raise").fit(X, TARGET)


def test_a_fold_without_a_class_is_scored_as_grid_search_scores_it():
    x, y = load_iris(return_X_y=True)  # in the order of the classes: each fold has one that its training part lacks
    search = nnx.PopulationSearchCV(BASE, {"learning_rate_init": RATES}, cv=KFold(3), refit=False).fit(x, y)
    theirs = GridSearchCV(BASE, {"learning_rate_init": RATES}, cv=KFold(3), refit=False).fit(x, y)
    results_of(search.cv_results_, theirs.cv_results_)
    assert search.best_score_ == 0.0


BAD = {
    "another estimator": (
        lambda: nnx.PopulationSearchCV(TheirClassifier(), {"alpha": [1]}),
        "MLPClassifier or MLPRegressor",
    ),
    "an unknown parameter": (
        lambda: nnx.PopulationSearchCV(BASE, {"learning_rate_int": [1]}),
        "unknown parameter 'learning_rate_int': did you mean 'learning_rate_init'",
    ),
    "a value, no list": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": 1.0}), "needs to be a list or a numpy array"),
    "no value": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": []}), "empty"),
    "a distribution": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": loguniform(1, 2)}), "list or a numpy array"),
    "halving over max_iter": (
        lambda: nnx.PopulationSearchCV(BASE, {"max_iter": [1, 2]}, halving=True),
        "max_iter is what the candidates are halved by",
    ),
    "n_iter=0": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": [1.0]}, n_iter=0), "'n_iter' parameter"),
    "a scorer nobody knows": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": [1.0]}, scoring="acuracy"), "'acuracy'"),
    "a scorer of what is not there": (
        lambda: nnx.PopulationSearchCV(REGRESSOR, {"alpha": [1.0]}, scoring="roc_auc", error_score="raise"),
        "decision_function|multiclass|response",
    ),
    "refit without a name": (
        lambda: nnx.PopulationSearchCV(BASE, {"alpha": [1.0]}, scoring=["accuracy", "f1_macro"]),
        "refit must be set to a scorer key",
    ),
    "too many folds": (lambda: nnx.PopulationSearchCV(BASE, {"alpha": [1.0]}, cv=1000), "Cannot have number of splits"),
    "a bad value": (
        lambda: nnx.PopulationSearchCV(BASE, {"alpha": [-1.0]}, error_score="raise"),
        "'alpha' parameter of MLPClassifier",
    ),
}


ALPHAS = {"alpha": [1e-4, 1e-3]}
BAD_DATA = {
    "text": (lambda: (X.astype(str), Y), "X: expected real numbers, got text", ALPHAS),
    "dates": (lambda: (X.astype("i8").astype("M8[s]"), Y), "X: expected real numbers, got dates", ALPHAS),
    "complex": (lambda: (X + 1j, Y), "X: expected real numbers, got complex", ALPHAS),
    "complex y": (lambda: (X, Y + 1j), "y: expected real numbers, got complex", ALPHAS),
    "no y": (lambda: (X, None), "expected y", ALPHAS),
    "nan": (lambda: (X * np.nan, Y), "all the .* fits failed, the first with ValueError: Input X contains NaN", ALPHAS),
    "every value bad": (lambda: (X, Y), "all the .* fits failed, the first with .*'alpha'", {"alpha": ["a"]}),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_data_that_no_candidate_can_be_trained_on_is_one_line(case):
    data, text, grid = BAD_DATA[case]
    with pytest.raises(ValueError, match=text) as error:
        nnx.PopulationSearchCV(BASE, grid, cv=2).fit(*data())
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(case):
    make, text = BAD[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises((ValueError, TypeError, AttributeError), match=text):
            make().fit(X, Y)


def test_one_candidate_and_one_estimator_are_fits():
    search = nnx.PopulationSearchCV(BASE, {"alpha": [1e-3]}, cv=2).fit(X, Y)
    expected = cross_val_score(clone(BASE).set_params(alpha=1e-3), X, Y, cv=2)
    np.testing.assert_allclose(search.best_score_, expected.mean())


def test_fits_together_leave_what_fits_alone_leave():
    """Every attribute of an estimator, its curves, its optimizer: resume goes on from there to the same bits."""
    makers = [
        clone(BASE).set_params(learning_rate_init=r, alpha=a) for r, a in ((1e-3, 0.0), (1e-2, 1e-3), (1e-1, 0.1))
    ]
    alone = [clone(est).fit(X, Y) for est in makers]
    assert many.fit_many([many.Job(est, X, Y, {}) for est in makers]) == [None] * 3
    for mine, theirs in zip(makers, alone, strict=True):
        assert set(vars(mine)) == set(vars(theirs))
        for name in ("loss_curve_", "n_iter_", "t_", "best_loss_", "n_layers_", "n_outputs_", "out_activation_"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
        for a, b in zip(mine.coefs_ + mine.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(
            mine.resume(X, Y, max_iter=2).coefs_[0], theirs.resume(X, Y, max_iter=2).coefs_[0]
        )


def test_data_is_checked_once_for_each_fold_and_way_to_check_it(monkeypatch):
    checked, real = [], BaseMLP._validated
    monkeypatch.setattr(BaseMLP, "_validated", lambda est, *a, **k: checked.append(est) or real(est, *a, **k))
    x, y = X[:60, :8], Y[:60] % 2
    est = nnx.MLPClassifier((3,), max_iter=3, random_state=0)
    ways = {"learning_rate_init": [0.01, 0.1, 0.2], "class_weight": [None, {0: 0.1}]}
    search = nnx.PopulationSearchCV(est, ways, cv=2, refit=False)
    jobs = [Job(clone(est).set_params(**p), x, y, {}) for p in ParameterGrid(ways)]
    search.fit(x, y)
    assert len(checked) == 4
    assert fit_many(jobs) == [None] * 6 and len(checked) == 6
    assert jobs[0].est._label_binarizer is not jobs[1].est._label_binarizer
    for job in jobs:
        alone = clone(job.est).fit(x, y)
        np.testing.assert_allclose(job.est.coefs_[0], alone.coefs_[0], rtol=1e-5)
        assert job.est.n_features_in_ == 8 and list(job.est.classes_) == [0, 1]


def test_convergence_warnings_are_given_as_by_fit():
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        nnx.PopulationSearchCV(BASE, {"alpha": [1e-3]}, cv=2, refit=False).fit(X, Y)


def test_a_search_is_drawn_for_any_of_its_scorers(tmp_path):
    pytest.importorskip("matplotlib")
    search = nnx.PopulationSearchCV(BASE, {"alpha": [0.1, 1.0]}, cv=2, refit=False, scoring=["accuracy", "f1_macro"])
    nnx.plots.search(search.fit(X, Y), tmp_path / "s.png", score="f1_macro")
    with pytest.raises(nnx.DataError, match="give score='accuracy'"):
        nnx.plots.search(search)
