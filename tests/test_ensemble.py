"""EnsembleClassifier and EnsembleRegressor: the mean of their members, each as if fitted alone."""

import pickle
import signal
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import BaggingRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
D, T = load_diabetes(return_X_y=True)
T = (T - T.mean()) / T.std()
CLASSIFIER = nnx.MLPClassifier((8,), max_iter=15, learning_rate_init=0.01)
REGRESSOR = nnx.MLPRegressor(hidden_layer_sizes=(8,), max_iter=15, learning_rate_init=0.01)


QUICK = dict(max_iter=30, learning_rate_init=0.01)


@parametrize_with_checks(
    [
        nnx.EnsembleClassifier(nnx.MLPClassifier(**QUICK), 2),
        nnx.EnsembleRegressor(nnx.MLPRegressor(**QUICK), 2),
    ],
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_members_are_those_fitted_alone_and_the_mean_is_theirs():
    ensemble = nnx.EnsembleClassifier(CLASSIFIER, 4, random_state=0).fit(X, Y)
    alone = [clone(CLASSIFIER).set_params(random_state=est.random_state).fit(X, Y) for est in ensemble.estimators_]
    for mine, theirs in zip(ensemble.estimators_, alone, strict=True):
        np.testing.assert_array_equal(mine.coefs_[0], theirs.coefs_[0])
    p = np.stack([est.predict_proba(X) for est in alone])
    mean, spread = ensemble.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean, p.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, p.std(axis=0), rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(ensemble.predict(X), ensemble.classes_[p.mean(axis=0).argmax(axis=1)])
    assert ensemble.score(X, Y) == (ensemble.predict(X) == Y).mean()


def test_two_classes_and_several_labels():
    two = nnx.EnsembleClassifier(CLASSIFIER, 3, random_state=0).fit(X, np.where(Y == 1, "yes", "no"))
    p = np.stack([est.predict_proba(X) for est in two.estimators_])
    mean, spread = two.predict_proba(X, return_std=True)
    np.testing.assert_allclose(mean, p.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(spread, p.std(axis=0), rtol=1e-9, atol=1e-15)
    assert set(two.predict(X)) <= {"yes", "no"}
    labels = np.stack([Y == 1, Y == 2], axis=1).astype(int)
    several = nnx.EnsembleClassifier(CLASSIFIER, 3, random_state=0).fit(X, labels)
    p = np.stack([est.predict_proba(X) for est in several.estimators_]).mean(axis=0)
    np.testing.assert_array_equal(several.predict(X), p > 0.5)


def test_regression_has_mean_and_spread():
    ensemble = nnx.EnsembleRegressor(REGRESSOR, 4, random_state=0).fit(D, T)
    y = np.stack([est.predict(D) for est in ensemble.estimators_])
    mean, spread = ensemble.predict(D, return_std=True)
    np.testing.assert_allclose(mean, y.mean(axis=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(spread, y.std(axis=0), rtol=1e-9, atol=1e-12)
    two = nnx.EnsembleRegressor(REGRESSOR, 2, random_state=0).fit(D, np.stack([T, -T], axis=1))
    assert two.predict(D[:3]).shape == (3, 2)


def test_the_spread_is_larger_where_there_were_no_rows():
    x = np.linspace(-1, 1, 60)[:, None]
    base = nnx.MLPRegressor(hidden_layer_sizes=(32,), max_iter=300, learning_rate_init=0.01, tol=0.0)
    ensemble = nnx.EnsembleRegressor(base, 8, random_state=0).fit(x, np.sin(3 * x[:, 0]))
    _, near = ensemble.predict(x, return_std=True)
    _, far = ensemble.predict(x + 4.0, return_std=True)
    assert far.mean() > 5 * near.mean()


def test_bagging_draws_rows_with_replacement_and_knows_all_classes():
    rare = np.r_[Y[:100], 2]
    ensemble = nnx.EnsembleClassifier(CLASSIFIER, 5, bootstrap=True, random_state=0).fit(X[:101], rare)
    assert [list(est.classes_) for est in ensemble.estimators_] == [[0, 1, 2]] * 5  # also where a class was not drawn
    assert ensemble.predict_proba(X).shape == (150, 3)
    assert len({est.loss_curve_[-1] for est in ensemble.estimators_}) == 5


def test_bagging_is_a_fit_on_the_rows_drawn():
    ensemble = nnx.EnsembleRegressor(REGRESSOR, 2, bootstrap=True, max_samples=0.5, random_state=3).fit(D, T)
    random = np.random.RandomState(3)
    for est in ensemble.estimators_:
        seed, rows = random.randint(2**31 - 1), random.choice(len(D), len(D) // 2, replace=True)
        alone = clone(REGRESSOR).set_params(random_state=seed).fit(D[rows], T[rows])
        np.testing.assert_array_equal(est.coefs_[1], alone.coefs_[1])


def test_an_ensemble_is_better_than_its_members_as_bagging_is():
    base = nnx.MLPRegressor(hidden_layer_sizes=(16,), max_iter=60, learning_rate_init=0.01)
    ours = nnx.EnsembleRegressor(base, 8, bootstrap=True, random_state=0).fit(D[:300], T[:300])
    theirs = BaggingRegressor(base, 8, random_state=0).fit(D[:300], T[:300])
    each = [est.score(D[300:], T[300:]) for est in ours.estimators_]
    assert ours.score(D[300:], T[300:]) > np.mean(each)
    assert abs(ours.score(D[300:], T[300:]) - theirs.score(D[300:], T[300:])) < 0.1


def test_early_stopping_and_weights_of_rows():
    base = clone(CLASSIFIER).set_params(early_stopping=True, n_iter_no_change=2)
    weight = np.linspace(0.1, 1, len(X))
    ensemble = nnx.EnsembleClassifier(base, 3, bootstrap=True, random_state=0).fit(X, Y, sample_weight=weight)
    assert ensemble.predict_proba(X).shape == (150, 3)


def test_a_pickle_predicts_the_same():
    ensemble = nnx.EnsembleRegressor(REGRESSOR, 3, random_state=0).fit(D, T)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ensemble)).predict(D), ensemble.predict(D))


@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict"])
def test_arrays_of_other_libraries_stay_there(library):
    backend = nnx.backend(library, dtype="float64")
    expected = nnx.EnsembleRegressor(REGRESSOR, 3, random_state=0).fit(D, T).predict(D[:9])
    with backend.scope():
        ensemble = nnx.EnsembleRegressor(REGRESSOR, 3, random_state=0).fit(backend.floats(D), backend.floats(T))
        y = ensemble.predict(backend.floats(D[:9]))
        np.testing.assert_allclose(backend.to_numpy(y), expected, rtol=1e-8)


BAD = {
    "no member": (lambda: nnx.EnsembleClassifier(CLASSIFIER, 0), "'n_estimators' parameter"),
    "a regressor": (lambda: nnx.EnsembleClassifier(REGRESSOR), "estimator must be an nnx.MLPClassifier"),
    "too many rows": (
        lambda: nnx.EnsembleClassifier(CLASSIFIER, max_samples=999),
        "max_samples=999 is more than the 150",
    ),
    "something else": (lambda: nnx.EnsembleClassifier("mlp"), "'estimator' parameter"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_said(case):
    make, text = BAD[case]
    with pytest.raises(ValueError, match=text):
        make().fit(X, Y)


def pressing(number):
    """A callback that presses Ctrl-C once, when it is called for the so manyth time."""
    called = []

    def press(est):
        called.append(est)
        if len(called) == number:
            signal.raise_signal(signal.SIGINT)

    return press


LONG = dict(hidden_layer_sizes=(5,), max_iter=100_000, tol=0, n_iter_no_change=10**6, random_state=0)
INTERRUPTED = {
    "an ensemble": lambda base: nnx.EnsembleClassifier(base, 3, random_state=0),
    "a search": lambda base: nnx.PopulationSearchCV(base, {"alpha": [0.0, 0.1]}, cv=3),
    "a search by halving": lambda base: nnx.PopulationSearchCV(base, {"alpha": [0.0, 0.1, 1.0]}, cv=3, halving=True),
    "one estimator": lambda base: base,
}


@pytest.mark.parametrize("case", INTERRUPTED)
def test_ctrl_c_returns_what_is_trained(case, capfd):
    base = nnx.MLPClassifier(**LONG, callbacks=[pressing(7)])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model = INTERRUPTED[case](base).fit(X, Y)
    assert model.predict(X[:5]).shape == (5,)
    assert capfd.readouterr().err.strip() == "stopping after this batch; again to stop now"
    if case == "an ensemble":
        assert all(est.n_iter_ in (2, 3) for est in model.estimators_)
    elif "search" in case:
        assert np.isfinite(model.cv_results_["mean_test_score"]).all() and model.best_estimator_.n_iter_ <= 3


@pytest.mark.parametrize("case", ["an ensemble", "a search"])
def test_ctrl_c_ends_also_what_is_fitted_one_by_one(case):
    scipy = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    base = nnx.MLPClassifier(**LONG, callbacks=[pressing(7)])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        model = INTERRUPTED[case](base).fit(scipy.csr_matrix(X), Y)
    assert any("Training interrupted by user" in str(w.message) for w in seen)
    assert model.predict(X[:5]).shape == (5,)
    if case == "an ensemble":
        assert [est.n_iter_ for est in model.estimators_] == [7]  # the others had not begun
    else:
        assert model.best_estimator_.n_iter_ == 7
