"""The estimators beside scikit-learn's: the same numbers, on any library's arrays."""

import os
import pickle
import subprocess
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conftest import make

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn is not installed")
from sklearn import neural_network as original
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
X = rng.normal(size=(230, 6))
W = rng.normal(size=(6, 3))
TASKS = {
    "multiclass": ("MLPClassifier", np.argmax(X @ W + rng.normal(size=(230, 3)), axis=1)),
    "binary": ("MLPClassifier", (X @ W[:, 0] > 0).astype(int)),
    "multilabel": ("MLPClassifier", (X @ W > 0).astype(int)),
    "regression": ("MLPRegressor", X @ W[:, 0]),
    "outputs": ("MLPRegressor", X @ W),
    "poisson": ("MLPRegressor", rng.poisson(np.exp(0.3 * X[:, 0]))),
}
SETTINGS = {
    "adam": dict(),
    "sgd": dict(solver="sgd"),
    "invscaling": dict(solver="sgd", learning_rate="invscaling", nesterovs_momentum=False),
    "adaptive": dict(solver="sgd", learning_rate="adaptive", tol=0.05, n_iter_no_change=2, momentum=0.0, max_iter=30),
    "stopping": dict(early_stopping=True, n_iter_no_change=3, max_iter=30),
    "weighted": dict(batch_size=32, alpha=0.1),
    "in_order": dict(shuffle=False, batch_size=50),
}
WEIGHT = rng.random(230)
DTYPES = ["float64", "float32"]
ACTIVATIONS = ["relu", "tanh", "logistic", "identity"]


def pair(task, own=None, **settings):
    """scikit-learn's estimator and nnx's, this one with settings of its own, and the target."""
    name, y = TASKS[task]
    settings = dict(hidden_layer_sizes=(20, 10), random_state=3, max_iter=12) | settings
    if task == "poisson":
        settings["loss"] = "poisson"
    return getattr(original, name)(**settings), getattr(nnx, name)(**settings, **(own or {})), y


def weights(estimator, backend=None):
    host = backend.to_numpy if backend else np.asarray
    return [host(p) for p in (*estimator.coefs_, *estimator.intercepts_)]


def same(theirs, ours, tolerance, backend=None):
    for a, b in zip(weights(theirs), weights(ours, backend), strict=True):
        np.testing.assert_allclose(b, a, rtol=0, atol=tolerance)
    assert ours.n_iter_ == theirs.n_iter_ and ours.t_ == theirs.t_
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=tolerance)
    if theirs.validation_scores_ is not None:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=max(tolerance, 1e-9))


def pairs():
    """Every task with every setting and every activation, and nearly every setting with every activation."""
    for (i, task), (k, settings) in product(enumerate(TASKS), enumerate(SETTINGS)):
        for activation in ACTIVATIONS if settings == "adam" else [ACTIVATIONS[(i + k) % 4]]:
            yield task, settings, activation


@pytest.mark.parametrize(("task", "settings", "activation"), list(pairs()))
def test_the_numbers_are_scikit_learns(task, settings, activation):
    theirs, ours, y = pair(task, activation=activation, **SETTINGS[settings])
    weight = WEIGHT if settings == "weighted" else None
    same(theirs.fit(X, y, weight), ours.fit(X, y, weight), 1e-10)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8)
        np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), atol=1e-8)


def test_rows_may_lie_column_by_column_after_a_fit_on_others_that_do_not():
    theirs, ours, y = pair("multiclass")
    theirs.fit(X, y)
    for order in "CFC":  # the second would otherwise be read as the first lies in memory
        ours.fit(np.asarray(X, order=order), y)
        for a, b in zip(weights(theirs), weights(ours), strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
def test_lbfgs_ends_where_scikit_learns_does(task, activation):
    theirs, ours, y = pair(task, activation=activation, solver="lbfgs", max_iter=30)
    np.testing.assert_allclose(ours.fit(X, y).loss_, theirs.fit(X, y).loss_, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["csr", "csc"])
def test_sparse_rows_stay_sparse(kind, solver, monkeypatch):
    import scipy.sparse as sparse

    theirs, ours, y = pair("multiclass", solver=solver, max_iter=10)
    x = getattr(sparse, f"{kind}_matrix")(np.where(X > 0.5, X, 0))
    theirs.fit(x, y)
    for name in ("toarray", "todense"):
        monkeypatch.setattr(sparse.csr_matrix, name, lambda self: pytest.fail("a sparse matrix was made dense"))
    ours.fit(x, y)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-8)
    assert (ours.predict(x) == theirs.predict(x)).all()


def cases():
    """Every library, task and solver, in one dtype and the next in turn; on JAX, which compiles each for seconds, few.

    All of them in float64 are in ci/sklearn_parity.py.
    """
    on_jax = [("multiclass", settings, "float64") for settings in ("adam", "stopping", "lbfgs")]
    on_jax += [("multiclass", "weighted", "float32"), ("binary", "adam", "float64"), ("poisson", "sgd", "float64")]
    solvers = ["adam", "sgd", "stopping", "weighted", "lbfgs"]
    others = [
        (task, settings, DTYPES[(i + k) % 2])
        for (i, task), (k, settings) in product(enumerate(TASKS), enumerate(solvers))
    ]
    for name in ("torch", "jax", "strict", "cupy"):
        yield from ((name, *case) for case in (on_jax if name == "jax" else others))


@pytest.mark.parametrize(("name", "task", "settings", "dtype"), list(cases()))
def test_arrays_of_any_library(name, task, settings, dtype, request):
    library = make(request, name)
    backend = nnx.backend(library.backend, dtype)
    own = {"solver": "lbfgs"} if settings == "lbfgs" else SETTINGS[settings]
    if dtype == "float32":  # smooth: a ReLU that tips over by a rounding makes another network
        own = {"activation": "tanh"} | own
    theirs, ours, y = pair(task, **own)
    weight = WEIGHT if settings == "weighted" else None
    with backend.scope():
        x, target = backend.floats(X), backend.integers(y) if y.dtype.kind == "i" else backend.floats(y)
    theirs.fit(X, y, weight)
    ours.fit(x, target, weight)
    assert all(type(p) is type(x) and str(p.dtype).endswith(dtype) for p in (*ours.coefs_, *ours.intercepts_))
    if settings == "lbfgs":
        np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-6 if dtype == "float64" else 2e-2, atol=1e-6)
    elif settings != "stopping" or dtype == "float64":
        same(theirs, ours, 1e-9 if dtype == "float64" else 1e-5, backend)
    assert type(ours.predict(x)) is type(x)
    assert abs(ours.score(x, target) - theirs.score(X, y)) < 0.02
    copy = pickle.loads(pickle.dumps(ours))
    assert isinstance(copy.coefs_[0], np.ndarray)
    np.testing.assert_allclose(copy.predict(X), backend.to_numpy(ours.predict(x)), rtol=1e-3, atol=1e-4)
    if settings in ("adam", "sgd"):
        copy.partial_fit(x, target)  # goes on where x is
        assert type(copy.coefs_[0]) is type(x)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_backend_computes_elsewhere_and_gives_numpy_back(name, request):
    make(request, name)
    theirs, ours, y = pair("multiclass", max_iter=10)
    ours.set_params(backend=name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours.fit(X, y)
    theirs.fit(X, y)
    assert isinstance(ours.predict(X), np.ndarray) and isinstance(ours.predict_proba(X), np.ndarray)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-9)


def test_a_failed_fit_leaves_a_fitted_model_as_it_was():
    _, model, y = pair("binary", max_iter=3)
    model.fit(X, y)
    before = [p.copy() for p in weights(model)]
    state = {name: model._optimizer.state[name]["b"].copy() for name in ("m", "v")}
    for broken in (lambda: model.fit(X[:, :2], y[:10]), lambda: model.partial_fit(X, np.full(230, 7))):
        with pytest.raises(ValueError):
            broken()
        assert model.n_features_in_ == 6 and len(model.loss_curve_) == model.n_iter_ == 3
    model.set_params(learning_rate_init=1e300)
    model._optimizer.learning_rate = 1e300
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        model.partial_fit(X * 1e200, y)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)
    for name, value in state.items():
        np.testing.assert_array_equal(model._optimizer.state[name]["b"], value)
    new = clone(model)
    with pytest.raises(ValueError):
        new.fit(X, y[:5])
    assert not hasattr(new, "coefs_") and not hasattr(new, "n_features_in_")


def test_the_constructor_is_scikit_learns():
    import inspect

    for name, count in (("MLPClassifier", 23), ("MLPRegressor", 24)):
        theirs, ours = (inspect.signature(getattr(m, name)).parameters for m in (original, nnx))
        assert len(theirs) == count
        assert list(ours)[:count] == list(theirs)
        for parameter in theirs:
            assert ours[parameter].default == theirs[parameter].default
            assert ours[parameter].kind == theirs[parameter].kind
        assert all(ours[extra].kind is inspect.Parameter.KEYWORD_ONLY for extra in list(ours)[count:])


QUICK = dict(max_iter=30, learning_rate_init=0.01)


@parametrize_with_checks([nnx.MLPClassifier(**QUICK), nnx.MLPRegressor(**QUICK)])
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


IN_A_PIPELINE = """
import warnings
from unittest import SkipTest
warnings.simplefilter("ignore")
import numpy as np, sklearn, array_api_strict as strict
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator
from nnx import MLPClassifier, MLPRegressor
for estimator in (MLPClassifier(max_iter=10), MLPRegressor(max_iter=10)):
    checks = [check for _, check in estimator_checks_generator(estimator) if "array_api" in check.func.__name__]
    passed = 0
    for check in checks:
        try:
            check(clone(estimator))
            passed += 1
        except SkipTest:  # a library that is not installed
            pass
    assert passed
rng = np.random.default_rng(0)
X = rng.normal(size=(120, 5))
y = (X[:, 0] > 0).astype(int)
steps = make_pipeline(StandardScaler(), MLPClassifier(max_iter=5, random_state=0))
expected = steps.fit(X, y).predict_proba(X)
with sklearn.config_context(array_api_dispatch=True):
    device = strict.Device("device1")
    x, t = strict.asarray(X, device=device), strict.asarray(y, device=device)
    p = steps.fit(x, t).predict_proba(x)
    assert p.device == device
    back = strict.asarray(p, device=strict.Device("CPU_DEVICE"))
    np.testing.assert_allclose(np.asarray(back._array), expected, atol=1e-9)
    search = GridSearchCV(steps, {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=3).fit(x, t)
    assert 0.3 < search.best_score_ <= 1 and len(cross_val_score(steps, x, t, cv=3)) == 3
"""


def test_pipelines_and_searches_keep_arrays_on_their_device():
    done = subprocess.run(
        [sys.executable, "-c", IN_A_PIPELINE], env=os.environ | {"SCIPY_ARRAY_API": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_warnings_are_scikit_learns():
    _, model, y = pair("binary", max_iter=2, batch_size=1000)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger"):
        model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(ConvergenceWarning, match=r"Stochastic Optimizer: Maximum iterations \(2\) reached"):
            model.set_params(batch_size="auto").fit(X, y)


@pytest.mark.parametrize("settings", ["adam", "sgd", "stopping", "lbfgs"])
@pytest.mark.parametrize("task", TASKS)
def test_to_scikit_learn_and_back(task, settings):
    given = {"solver": "lbfgs", "max_iter": 10} if settings == "lbfgs" else SETTINGS[settings] | {"max_iter": 5}
    theirs, ours, y = pair(task, own={"dropout": 0.0, "weight_decay": 0.0}, **given)
    theirs.fit(X, y)
    ours.fit(X, y)
    kind = type(ours)
    for a, b in ((theirs, kind.from_sklearn(theirs)), (ours, ours.to_sklearn())):
        np.testing.assert_allclose(b.predict(X), a.predict(X), rtol=1e-12)
        assert type(b).__name__ == type(a).__name__ and type(b) is not type(a)
        assert b.n_iter_ == a.n_iter_ and b.n_features_in_ == a.n_features_in_
    if settings == "adam":
        kind.from_sklearn(theirs).partial_fit(X, y)
        ours.to_sklearn().partial_fit(X, y)
    with pytest.raises(TypeError, match="from_sklearn expects sklearn"):
        kind.from_sklearn(X)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
def test_to_scikit_learn_from_tensors(task):
    import torch

    _, ours, y = pair(task, max_iter=5)
    ours.fit(torch.from_numpy(X), torch.from_numpy(y))
    np.testing.assert_allclose(ours.to_sklearn().predict(X), ours.predict(torch.from_numpy(X)).numpy(), rtol=1e-9)


WRONG = {
    "text": (
        lambda m, x: nnx.MLPRegressor().fit(x, np.where(X[:, 0] > 0, "yes", "no")),
        r"y: expected real numbers, got text \(<U3\)",
    ),
    "text_rows": (lambda m, x: m.fit(x, np.asarray(["yes", "no"])), r"inconsistent numbers of samples: \[230, 2\]"),
    "rows": (lambda m, x: m.fit(x, np.zeros(9, int)), r"inconsistent numbers of samples: \[230, 9\]"),
    "flat": (lambda m, x: m.fit(x[:, 0], TASKS["binary"][1]), "Expected 2D array, got 1D array"),
    "nan": (lambda m, x: m.fit(x * float("nan"), TASKS["binary"][1]), "Input X contains NaN or infinity"),
    "features": (lambda m, x: m.fit(x, TASKS["binary"][1]).predict(x[:, :2]), "X has 2 features, but MLPClassifier is"),
    "unknown": (lambda m, x: m.fit(x, TASKS["binary"][1]).partial_fit(x, np.full(230, 5)), "has classes not in"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_tensors_is_one_line(name):
    import torch

    wrong, text = WRONG[name]
    with pytest.raises(ValueError, match=text) as error:
        wrong(nnx.MLPClassifier((4,), max_iter=2), torch.from_numpy(X))
    assert "\n" not in str(error.value)


def test_sparse_rows_on_another_backend_are_refused_and_tensors_can_be_brought_to_numpy():
    import scipy.sparse as sparse
    import torch

    y = TASKS["binary"][1]
    with pytest.raises(ValueError, match="sparse X is computed with on the host: leave backend='torch' out"):
        nnx.MLPClassifier(backend="torch").fit(sparse.csr_matrix(X), y)
    model = nnx.MLPClassifier((4,), max_iter=2, backend="numpy").fit(torch.from_numpy(X), torch.from_numpy(y))
    assert isinstance(model.coefs_[0], np.ndarray) and isinstance(model.predict(torch.from_numpy(X)), torch.Tensor)


# ---- what scikit-learn has declined to add; named for the threads that asked for it


def test_sk_9113_class_weight():
    _, model, y = pair("multiclass", max_iter=20)
    weight = np.asarray([1.0, 5.0, 0.5])
    same(clone(model).fit(X, y, weight[y]), clone(model).set_params(class_weight=dict(enumerate(weight))).fit(X, y), 0)
    counts = np.bincount(y)
    balanced = (len(y) / 3 / counts)[y]
    same(clone(model).fit(X, y, balanced), clone(model).set_params(class_weight="balanced").fit(X, y), 1e-12)
    both = clone(model).set_params(class_weight=dict(enumerate(weight))).fit(X, y, WEIGHT)
    same(clone(model).fit(X, y, weight[y] * WEIGHT), both, 1e-12)


@pytest.mark.parametrize("name", ["torch", "strict", "cupy"])
def test_sk_9113_class_weight_on_any_array(name, request):
    backend = make(request, name).backend
    for task in ("binary", "multiclass"):
        _, model, y = pair(task, max_iter=5, own={"class_weight": "balanced"})
        ours = clone(model).fit(backend.floats(X), backend.integers(y))
        for a, b in zip(weights(model.fit(X, y)), weights(ours, backend), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-9)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_sk_18748_an_own_validation_set_takes_the_place_of_a_part_of_the_data(task):
    _, model, y = pair(task, early_stopping=True, n_iter_no_change=2, max_iter=40)
    if task == "regression":
        with pytest.raises(ValueError, match="give X_val and y_val together"):
            model.fit(X[:150], y[:150], X_val=X[150:])
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert model.t_ == 150 * model.n_iter_  # no row of the data was set aside
    best = max(model.validation_scores_)
    assert model.score(X[150:], y[150:]) == pytest.approx(best, abs=1e-12)


def test_rows_to_validate_on_may_lack_a_class_even_with_a_warm_start():
    _, model, y = pair("multiclass", max_iter=3, warm_start=True)
    some = y != 2
    for _ in range(2):
        model.fit(X, y, X_val=X[some], y_val=y[some])
    assert len(model.validation_loss_curve_) == 6
    with pytest.raises(ValueError, match="has classes not in"):
        model.fit(X, y, X_val=X, y_val=y + 5)


def test_sk_18507_the_validation_loss_has_a_curve():
    from sklearn.metrics import log_loss

    _, model, y = pair("multiclass", max_iter=7)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == 7
    expected = log_loss(y[150:], model.predict_proba(X[150:]))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-10)
    same(pair("multiclass", max_iter=7)[0].fit(X[:150], y[:150]), model, 1e-10)  # looking on changes nothing


def test_sk_24524_callbacks_see_every_epoch_and_can_end_the_training():
    seen = []

    def callback(model):
        seen.append((model.n_iter_, model.loss_, model.coefs_[0].sum()))
        return model.n_iter_ == 4

    _, model, y = pair("binary", own={"callbacks": [callback]})
    model.fit(X, y)
    assert [n for n, _, _ in seen] == [1, 2, 3, 4] and model.n_iter_ == 4
    assert [loss for _, loss, _ in seen] == model.loss_curve_ and len({total for _, _, total in seen}) == 4


def test_sk_6175_dropout():
    theirs, model, y = pair("multiclass", max_iter=60)
    same(theirs.fit(X, y), clone(model).fit(X, y), 1e-10)
    fits = [clone(model).set_params(dropout=0.2).fit(X, y) for _ in range(2)]
    same(fits[0], fits[1], 0)  # the same seed, the same network
    assert fits[0].loss_ > theirs.loss_ and fits[0].score(X, y) > 0.5
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[0].predict_proba(X))  # nothing is dropped in use
    with pytest.raises(ValueError, match="need another solver"):
        clone(model).set_params(dropout=0.5, solver="lbfgs").fit(X, y)


@pytest.mark.parametrize("rows", [50, 230])
def test_sk_6780_weight_decay_does_not_depend_on_the_batch_size(rows):
    """The first step takes rate * decay * W from the weights, whatever the batch; alpha is divided by its rows."""
    settings = dict(alpha=0.0, max_iter=1, learning_rate_init=0.01, batch_size=rows)
    _, model, y = pair("regression", **settings)
    plain = clone(model).fit(X[:rows], y[:rows])
    decayed = clone(model).set_params(weight_decay=3.0).fit(X[:rows], y[:rows])
    start = clone(model).set_params(learning_rate_init=1e-300).fit(X[:rows], y[:rows])
    for a, b, W in zip(decayed.coefs_, plain.coefs_, start.coefs_, strict=True):
        np.testing.assert_allclose(a, b - 0.01 * 3.0 * W, rtol=1e-12, atol=1e-15)
    for a, b in zip(decayed.intercepts_, plain.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="weight_decay needs solver='adam', 'adamw' or 'lion'"):
        clone(model).set_params(weight_decay=1.0, solver="sgd").fit(X, y)


def test_sk_8291_hidden_activations_are_features():
    _, model, y = pair("binary", activation="tanh", max_iter=5)
    features = model.fit(X, y).hidden_activations(X)
    assert features.shape == (230, 10)
    first = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    np.testing.assert_allclose(features, np.tanh(first @ model.coefs_[1] + model.intercepts_[1]), rtol=1e-12)
    z = features @ model.coefs_[2] + model.intercepts_[2]
    np.testing.assert_allclose(1 / (1 + np.exp(-z[:, 0])), model.predict_proba(X)[:, 1], rtol=1e-12)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_the_example_gives_scikit_learns_accuracy(backend, request, monkeypatch):
    make(request, backend)
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import sklearn_drop_in

    ours = sklearn_drop_in.train(backend)
    monkeypatch.setattr(
        sklearn_drop_in, "MLPClassifier", lambda sizes, backend, **settings: original.MLPClassifier(sizes, **settings)
    )
    assert ours == sklearn_drop_in.train(backend) > 0.9
