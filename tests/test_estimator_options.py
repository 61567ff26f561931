"""What the estimators add to scikit-learn's, each named for the thread that asked for it, and the quirks both ways."""

import importlib.util
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from conftest import make

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn is not installed")
from sklearn import metrics, neural_network as original
from sklearn.base import clone
from sklearn.callback import ProgressBar
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from test_estimators import TASKS, WEIGHT, X, pair, same, weights

import nnx
from nnx.estimators import FIXES

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(1)
LABELS = np.stack([TASKS["multiclass"][1], rng.integers(0, 3, 230)], axis=1)  # two targets
NAMES = np.stack([np.array(["no", "yes", "perhaps"])[LABELS[:, 0]], np.array(["a", "b", "c"])[LABELS[:, 1]]], axis=1)


def all_weights(model, backend=None):
    host = backend.to_numpy if backend else np.asarray
    return [*weights(model, backend), *(host(p) for p in model.layer_params_.values())]


def each(names, cases, on_jax):
    """Every case on every library; on JAX, which compiles each for seconds, those of these numbers."""
    return [(name, case) for name in names for i, case in enumerate(cases) if name != "jax" or i in on_jax]


def put(backend, x, y):
    """The same data there."""
    if backend.name == "numpy":
        return x, y
    with backend.scope():
        return backend.floats(x), backend.integers(y)


def same_bits(a, b):
    for p, q in zip(all_weights(a), all_weights(b), strict=True):
        np.testing.assert_array_equal(p, q)


# ---- losses, activations, layers: one step of gradient descent against jax.grad


def _forward(between, after=lambda z: z):
    def forward(jnp, coefs, intercepts, x):
        for W, b, activation in zip(coefs, intercepts, (*between, None), strict=True):
            x = x @ W + b
            x = after(x) if activation is None else activation(x)
        return x

    return forward


def _cases():
    import jax
    from jax import numpy as jnp

    relu, y = [jax.nn.relu] * 2, X[:, :1] ** 2
    levels = jnp.asarray([0.1, 0.5, 0.9])

    def normal(x):
        x = x - x.mean(axis=1, keepdims=True)
        return jax.nn.relu(x / jnp.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5))

    def half_squares(z):
        return 0.5 * jnp.mean((z - y) ** 2)

    def pinball(z):
        return jnp.mean(jnp.sum(jnp.maximum(levels * (y - z), (levels - 1) * (y - z)), axis=1))

    def huber(z):
        d = jnp.abs(z - y)
        return jnp.mean(jnp.where(d < 1, d**2 / 2, d - 0.5))

    return {
        "sk_10097_an_activation_for_each_layer": (
            dict(activation=["gelu", nnx.LeakyReLU(0.3)]),
            _forward([lambda x: jax.nn.gelu(x, approximate=False), lambda x: jax.nn.leaky_relu(x, 0.3)]),
            half_squares,
        ),
        "sk_11952_a_layer_of_ones_own": (dict(activation=Cube()), _forward([lambda x: x**3] * 2), half_squares),
        "sk_11791_out_activation": (dict(out_activation="sigmoid"), _forward(relu, jax.nn.sigmoid), half_squares),
        "sk_14571_absolute_error": (
            dict(loss="absolute_error"),
            _forward(relu),
            lambda z: jnp.mean(jnp.abs(z - y)),
        ),
        "sk_14571_huber": (dict(loss="huber"), _forward(relu), huber),
        "sk_14571_a_loss_of_ones_own": (dict(loss=Fourth()), _forward(relu), lambda z: jnp.mean((z - y) ** 4)),
        "sk_8303_quantiles": (dict(loss="quantile", quantile=(0.1, 0.5, 0.9)), _forward(relu), pinball),
        "sk_6175_norm": (dict(norm="layer"), _forward([normal] * 2), half_squares),
    }


class Cube(nnx.Layer):
    """y = x^3."""

    def evaluate(self, params, x, *, train=False, key=None):
        return x * x * x, x

    def backprop(self, params, saved, dy, *, need_dx=True):
        return 3.0 * saved * saved * dy, {}


class Fourth(nnx.Loss):
    """The mean of (z - t)^4."""

    def evaluate(self, z, target, weight=None):
        d = z - target
        return (d * d * d * d).sum() / z.shape[0], d

    def backprop(self, d):
        return 4.0 * d * d * d / d.shape[0]


@pytest.mark.parametrize("solver", ["sgd", "lbfgs"])
@pytest.mark.parametrize(
    "name",
    [
        "sk_10097_an_activation_for_each_layer",
        "sk_11952_a_layer_of_ones_own",
        "sk_11791_out_activation",
        "sk_14571_absolute_error",
        "sk_14571_huber",
        "sk_14571_a_loss_of_ones_own",
        "sk_8303_quantiles",
        "sk_6175_norm",
    ],
)
def test_gradient(name, solver):
    import jax

    with jax.enable_x64(True):
        settings, forward, loss = _cases()[name]
        model = nnx.MLPRegressor(
            hidden_layer_sizes=(7, 5), alpha=0.0, random_state=0, batch_size=230, max_iter=1, momentum=0.0, **settings
        ).set_params(solver=solver, shuffle=False, learning_rate_init=1e-3)
        y = X[:, 0] ** 2
        model.initialize(X, y)
        coefs, intercepts = model.coefs_, model.intercepts_
        expected = jax.grad(lambda W, b: loss(forward(jax.numpy, W, b, X)), argnums=(0, 1))(coefs, intercepts)
        expected = [np.asarray(g) for part in expected for g in part]
    if solver == "sgd":
        clone(model).fit(X, y)
        model.fit(X, y)
        found = [(a - b) / 1e-3 for a, b in zip([*coefs, *intercepts], weights(model), strict=True)]
    else:
        packed = np.concatenate([p.ravel() for p in all_weights(model)])
        _, grad = model._loss_grad_lbfgs(packed, X, y[:, None], None)
        stops = np.cumsum([p.size for p in weights(model)])
        found = [g.reshape(p.shape) for g, p in zip(np.split(grad, stops)[:-1], weights(model), strict=False)]
        found = found or [grad]
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_sk_8303_quantiles_hold_their_share_of_new_rows_and_never_cross():
    draw = np.random.default_rng(0)
    x = draw.uniform(-1, 1, (4000, 1))
    y = np.sin(3 * x[:, 0]) + (0.1 + 0.3 * (x[:, 0] > 0)) * draw.normal(size=4000)
    model = nnx.MLPRegressor("quantile", (32,), quantile=(0.05, 0.5, 0.95), random_state=0, learning_rate_init=0.01)
    low, middle, high = model.fit(x[:2000], y[:2000]).predict(x[2000:]).T
    assert (low <= middle).all() and (middle <= high).all()
    inside = (low < y[2000:]) & (y[2000:] < high)
    for side in (x[2000:, 0] < 0, x[2000:, 0] > 0):
        assert 0.85 < inside[side].mean() < 0.95
    assert (high - low)[x[2000:, 0] > 0.3].mean() > 2.5 * (high - low)[x[2000:, 0] < -0.3].mean()
    parts = [metrics.d2_pinball_score(y[2000:], p, alpha=q) for p, q in ((low, 0.05), (middle, 0.5), (high, 0.95))]
    assert model.score(x[2000:], y[2000:]) == pytest.approx(np.mean(parts), rel=1e-12)
    one = clone(model).set_params(quantile=0.5).fit(x, y)
    assert one.predict(x).shape == (4000,) and one.score(x, y) == metrics.d2_pinball_score(y, one.predict(x))


def test_the_example_of_prediction_intervals(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    import prediction_intervals as example

    model = example.train("numpy")
    x, _ = example.data(4000, seed=1)
    quiet = example.noise(x[:, 0]) < 0.25
    assert all(0.86 < example.inside(model, where) < 0.94 for where in (quiet, ~quiet))
    if importlib.util.find_spec("matplotlib"):
        example.picture(model).savefig(tmp_path / "picture.png")
        assert (tmp_path / "picture.png").stat().st_size > 20_000


def test_sk_11791_predictions_stay_within_bounds():
    y = 1 / (1 + np.exp(-X[:, 0]))
    model = nnx.MLPRegressor(out_activation="sigmoid", max_iter=300, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95 and model.out_activation_ == "sigmoid"
    far = model.predict(100 * X)
    assert far.min() >= 0 and far.max() <= 1


def test_sk_14571_label_smoothing_is_a_loss_of_the_library():
    _, model, y = pair("multiclass", max_iter=50)
    smooth = clone(model).set_params(loss=nnx.SoftmaxCrossEntropy(label_smoothing=0.2)).fit(X, y)
    assert smooth.predict_proba(X).max() < model.fit(X, y).predict_proba(X).max()


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_sk_6175_normalisation(task, norm):
    _, model, y = pair(task, own={"norm": norm}, max_iter=100, learning_rate_init=0.01)
    model.fit(1000 * X + 500, y)  # a scale at which nothing is learned without
    plain = clone(model).set_params(norm=None).fit(1000 * X + 500, y)
    assert model.score(1000 * X + 500, y) > max(plain.score(1000 * X + 500, y), 0.6)
    expected = {"gain", "shift"} | ({"mean", "variance"} if norm == "batch" else set())
    assert {name.rpartition(".")[2] for name in model.layer_params_} == expected
    with pytest.raises(ValueError, match="scikit-learn has no such network"):
        model.to_sklearn()


# ---- optimizers and schedules


@pytest.mark.parametrize("name", ["adamw", "lion", "rmsprop", "adagrad", "momentum", "nesterov"])
def test_sk_6780_every_optimizer_of_the_library(name):
    from nnx.optimizers import OPTIMIZERS

    _, model, y = pair("multiclass", max_iter=5)
    named = clone(model).set_params(solver=name, learning_rate_init=0.003, momentum=0.9).fit(X, y)
    given = clone(model).set_params(solver=OPTIMIZERS[name](0.003)).fit(X, y)
    same_bits(named, given)
    assert named.loss_curve_[-1] < named.loss_curve_[0]


def test_a_schedule_is_a_learning_rate():
    _, model, y = pair("multiclass", max_iter=10, batch_size=23)
    model.set_params(learning_rate=nnx.Cosine(), learning_rate_init=0.01).fit(X, y)
    assert model._optimizer.learning_rate == pytest.approx(0, abs=1e-12)  # the last of 100 steps
    given = clone(model).set_params(solver=nnx.Adam(0.01, nnx.Cosine(100)), learning_rate="constant").fit(X, y)
    same_bits(model, given)
    with pytest.raises(ValueError, match="steps is not known"):  # how long will partial_fit be called?
        clone(model).partial_fit(X, y, classes=[0, 1, 2])


# ---- early stopping, callbacks, progress


@pytest.mark.parametrize("name", ["numpy", "torch", "strict"])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "balanced_accuracy", "roc_auc_ovr"])
def test_sk_24411_any_scorer_can_stop(scoring, name, request):
    backend = make(request, name).backend
    _, model, y = pair("multiclass", early_stopping=True, n_iter_no_change=3, max_iter=60, own={"scoring": scoring})
    (x, target), (x_val, y_val) = put(backend, X[:150], y[:150]), put(backend, X[150:], y[150:])
    model.fit(x, target, X_val=x_val, y_val=y_val)
    expected = get_scorer(scoring)(clone(model).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:]), X[150:], y[150:])
    assert max(model.validation_scores_) == pytest.approx(expected, rel=1e-9)


def test_sk_24411_the_loss_can_stop():
    _, model, y = pair("multiclass", early_stopping=True, max_iter=30, own={"scoring": "loss"})
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert [-loss for loss in model.validation_loss_curve_] == model.validation_scores_


class Recorder:
    """A callback of scikit-learn's protocol."""

    def __init__(self, last=None):
        self.seen, self.last = [], last

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, fitted_estimator, X, y):
        self.seen.append((context.task_name, fitted_estimator and fitted_estimator.predict(X)))
        return context.task_id == self.last


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sk_24524_scikit_learns_own_callbacks(solver):
    _, model, y = pair("regression", solver=solver, max_iter=4)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X, y)
    words = [event for event in recorder.seen if isinstance(event, str)]
    assert words == ["setup", "begin fit", *["begin epoch"] * (4 + (solver == "lbfgs")), "teardown"]
    ends = [event for event in recorder.seen if not isinstance(event, str)]
    epochs = [values for name, values in ends if name == "epoch"]
    assert ends[-1][0] == "fit" and len(epochs) == 4 + (solver == "lbfgs")
    np.testing.assert_array_equal(ends[-1][1], model.predict(X))
    assert not np.array_equal(epochs[0], epochs[1])
    stopped = clone(model).set_callbacks(Recorder(last=1)).fit(X, y)
    assert stopped.n_iter_ == 2
    with pytest.raises(ZeroDivisionError):
        model.set_params(callbacks=lambda est: 1 / 0).fit(X, y)
    assert recorder.seen[-1] == "teardown"


def test_sk_24524_scikit_learns_progress_bar_in_a_search(capfd):
    _, model, y = pair("binary", max_iter=3)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).set_callbacks(ProgressBar())
    assert search.fit(X, y).best_estimator_.n_iter_ == 3


def test_sk_7596_a_progress_bar(capsys):
    _, model, y = pair("binary", max_iter=3, early_stopping=True)
    model.set_params(verbose="bar").fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "3/3" in lines[2] and "validation_score" in lines[2] and "samples/s" in lines[2]
    with pytest.raises(ValueError, match="need another solver"):
        clone(model).set_params(solver="lbfgs").fit(X, y)


# ---- weights: resumed, given, frozen


RESUMED = [
    dict(),
    dict(solver="sgd", learning_rate="invscaling"),
    dict(early_stopping=True, n_iter_no_change=20),
    dict(dropout=0.2),
    dict(norm="batch", batch_size=32),
    dict(solver=nnx.Lion(1e-3)),
    dict(shuffle=False),
    dict(random_state=np.random.RandomState(5)),  # clone copies it
]


@pytest.mark.parametrize(("name", "settings"), each(["numpy", "torch", "jax", "cupy"], RESUMED, on_jax=(2, 4)))
def test_sk_12505_resume_goes_on_as_if_fit_had_not_ended(name, settings, request):
    backend = make(request, name).backend
    _, model, y = pair("multiclass", max_iter=10)
    x, y = put(backend, X, y)
    model.set_params(**settings)
    parts = clone(model).set_params(max_iter=3).fit(x, y).resume(x, y).resume(x, y, max_iter=4)
    whole = model.fit(x, y)
    for a, b in zip(all_weights(whole, backend), all_weights(parts, backend), strict=True):
        np.testing.assert_array_equal(a, b)
    assert whole.loss_curve_ == parts.loss_curve_ and whole.n_iter_ == parts.n_iter_ == 10
    assert whole.validation_scores_ == parts.validation_scores_


def test_sk_12505_resume_from_a_file_and_what_it_refuses():
    import pickle

    _, model, y = pair("binary", max_iter=5)
    whole = clone(model).set_params(max_iter=10).fit(X, y)
    same_bits(whole, pickle.loads(pickle.dumps(clone(model).fit(X, y))).resume(X, y))
    with pytest.raises(ValueError, match="which had 230 rows, got 100"):
        clone(model).fit(X, y).resume(X[:100], y[:100])
    with pytest.raises(ValueError, match="resume goes on with a fit"):
        clone(model).partial_fit(X, y, classes=[0, 1]).resume(X, y)
    with pytest.raises(ValueError, match="is not fitted yet"):
        clone(model).resume(X, y)
    with pytest.raises(ValueError, match="another solver"):
        clone(model).set_params(solver="lbfgs").fit(X, y).resume(X, y)


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_sk_19701_weights_without_training_and_to_begin_with(task):
    theirs, model, y = pair(task, max_iter=4)
    start = clone(model).initialize(X, y)
    assert start.n_iter_ == 0 and start.predict(X).shape == y.shape
    again = clone(model).fit(X, y, coefs_init=start.coefs_, intercepts_init=start.intercepts_)
    same(theirs.fit(X, y), again, 1e-10)
    ones = np.ones_like(start.coefs_[1])
    some = clone(model).set_params(learning_rate_init=1e-300).fit(X, y, coefs_init=[None, ones, None])
    np.testing.assert_array_equal(some.coefs_[1], ones)
    np.testing.assert_array_equal(some.coefs_[0], start.coefs_[0])
    with pytest.raises(ValueError, match=r"coefs_init has weights of shape \(3,\): expected \(6, 20\)"):
        clone(model).fit(X, y, coefs_init=[np.ones(3), None, None])
    with pytest.raises(ValueError, match="coefs_init: expected a list of 3 arrays"):
        clone(model).fit(X, y, coefs_init=[None] * 5 + [ones])
    with pytest.raises(ValueError, match="begins anew"):
        model.set_params(warm_start=True).fit(X, y).fit(X, y, coefs_init=[None, ones, None])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "adamw"])
def test_sk_9232_frozen_layers_keep_their_weights(solver):
    _, model, y = pair("multiclass", solver=solver, max_iter=5, own={"frozen": (0, 2)})
    start = clone(model).initialize(X, y)
    model.fit(X, y)
    for i, (a, b) in enumerate(zip(start.coefs_, model.coefs_, strict=True)):
        assert np.array_equal(a, b) == (i != 1)
        assert np.array_equal(start.intercepts_[i], model.intercepts_[i]) == (i != 1)


# ---- several targets


@pytest.mark.parametrize("labels", [LABELS, NAMES], ids=["numbers", "names"])
def test_sk_26762_several_targets_of_several_classes(labels):
    settings = dict(hidden_layer_sizes=(), solver="lbfgs", alpha=0.1, tol=1e-9, max_iter=2000)
    model = nnx.MLPClassifier(**settings, random_state=0).fit(X, labels)
    for i in (0, 1):  # without a hidden layer the targets have nothing to do with each other
        alone = original.MLPClassifier(**settings, random_state=0).fit(X, labels[:, i])
        np.testing.assert_allclose(model.predict_proba(X)[i], alone.predict_proba(X), atol=1e-3)
        np.testing.assert_array_equal(model.classes_[i], alone.classes_)
        np.testing.assert_array_equal(model.predict(X)[:, i], alone.predict(X))
    assert model.predict(X).dtype == labels.dtype
    assert model.score(X, labels) == np.mean((model.predict(X) == labels).all(axis=1))


@pytest.mark.parametrize("name", ["numpy", "torch", "jax", "strict", "cupy"])
def test_sk_26762_several_targets_on_any_array(name, request):
    backend = make(request, name).backend
    settings = dict(early_stopping=True, class_weight="balanced", max_iter=8, random_state=0)
    expected = nnx.MLPClassifier((9,), **settings).fit(X, LABELS)
    x, labels = put(backend, X, LABELS)
    model = nnx.MLPClassifier((9,), **settings).fit(x, labels)
    for a, b in zip(weights(expected), weights(model, backend), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-9)
    np.testing.assert_array_equal(backend.to_numpy(model.predict(x)), expected.predict(X))
    assert model.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize("values", [(1, 2), (-1, 1), (0, 2), (2, 2)])
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_two_labels_other_than_0_and_1_are_names_of_classes(name, values, request):
    y = np.array([values, values[::-1]] * (len(X) // 2))
    xp = np if name == "numpy" else pytest.importorskip("torch")
    given = xp.asarray(X[: len(y)]), xp.asarray(y)
    model = nnx.MLPClassifier((4,), max_iter=2, random_state=0).fit(*given)
    assert set(np.unique(np.asarray(model.predict(given[0])))) <= set(values)
    flags = nnx.MLPClassifier((4,), max_iter=2, warm_start=True).fit(given[0], given[1] == values[0])
    with pytest.raises(ValueError, match="expected 0 and 1 for each label"):
        flags.partial_fit(*given)


def test_sk_26762_several_targets_in_parts():
    classes = [[0, 1, 2], [0, 1, 2]]
    model = nnx.MLPClassifier((9,), random_state=0)
    for _ in range(3):
        model.partial_fit(X[:20], LABELS[:20], classes=classes)
    assert [p.shape for p in model.predict_proba(X)] == [(230, 3), (230, 3)]
    with pytest.raises(ValueError, match=r"has classes not in `self.classes_\[1\]`"):
        model.partial_fit(X, LABELS + np.asarray([0, 5]))
    with pytest.raises(ValueError, match="y has 1 targets, fit had 2"):
        model.partial_fit(X, LABELS[:, 0])


# ---- the quirks of scikit-learn, kept and fixed


def both(task, fix, settings=None, **fit):
    """An estimator with the quirk and one without."""
    _, model, y = pair(task, **(settings or {}))
    return clone(model).fit(X, y, **fit), clone(model).set_params(fixes=[fix]).fit(X, y, **fit)


def quirk_patience():
    kept, fixed = both("binary", "patience", dict(n_iter_no_change=3, tol=10.0))
    assert (kept.n_iter_, fixed.n_iter_) == (5, 4)


def quirk_partial_fit():
    model = nnx.MLPRegressor(solver="lbfgs")
    assert hasattr(model, "partial_fit") and not hasattr(clone(model).set_params(fixes="all"), "partial_fit")
    assert not hasattr(nnx.MLPClassifier(solver="lbfgs"), "partial_fit")


def quirk_stream():
    _, model, y = pair("binary", batch_size=50)
    drawn = clone(model).set_params(random_state=np.random.RandomState(3))
    kept, fixed = clone(model), clone(model).set_params(fixes=["stream"])
    for _ in range(2):
        for each in (kept, fixed, drawn):
            each.partial_fit(X, y, classes=[0, 1])
    same_bits(fixed, drawn)
    assert not np.array_equal(kept.coefs_[0], fixed.coefs_[0])


def quirk_warm_start():
    _, model, y = pair("binary", warm_start=True, max_iter=5, shuffle=False)
    whole = clone(model).set_params(max_iter=10).fit(X, y)
    kept, fixed = clone(model).fit(X, y).fit(X, y), clone(model).set_params(fixes=["warm_start"]).fit(X, y).fit(X, y)
    same_bits(whole, fixed)
    assert not np.array_equal(kept.coefs_[0], whole.coefs_[0])
    assert kept.set_params(hidden_layer_sizes=(3,)).fit(X, y).coefs_[0].shape == (6, 20)
    with pytest.raises(ValueError, match="the network must have layers"):
        fixed.set_params(hidden_layer_sizes=(3,)).fit(X, y)


def quirk_float32():
    for fixes, expected in ((), np.float64), (["float32"], np.float32):
        model = nnx.MLPRegressor(solver="lbfgs", max_iter=5, fixes=fixes).fit(X.astype(np.float32), X[:, 0])
        assert {p.dtype.type for p in weights(model)} == {expected}


def quirk_one_class():
    for fixes, columns in ((), 2), (["one_class"], 1):
        p = nnx.MLPClassifier(max_iter=2, fixes=fixes).fit(X, np.zeros(230)).predict_proba(X)
        assert p.shape == (230, columns) and (p.sum(axis=1) == 1).all()


def quirk_log_proba():
    for task in ("binary", "multiclass", "multilabel"):
        kept, fixed = both(task, "log_proba", dict(max_iter=200))
        np.testing.assert_allclose(fixed.predict_log_proba(X), kept.predict_log_proba(X), rtol=1e-6)
        with np.errstate(divide="ignore"):
            assert np.isinf(kept.predict_log_proba(1e4 * X)).any()
        assert np.isfinite(fixed.predict_log_proba(1e4 * X)).all()


def quirk_schedules():
    kept, fixed = both("binary", "schedules", dict(learning_rate="invscaling", max_iter=4))
    assert kept._optimizer.learning_rate == 1e-3
    assert fixed._optimizer.learning_rate == pytest.approx(1e-3 / (4 * 230 + 1) ** 0.5)


def quirk_counts():
    y = np.where(X[:, 0] > 0, 1.0, -1.0)
    model = nnx.MLPRegressor("poisson", max_iter=2)
    assert model.fit(X, y).n_iter_ == 2
    with pytest.raises(ValueError, match="expects y of at least 0"):
        model.set_params(fixes=["counts"]).fit(X, y)


def quirk_stratify():
    seen = []
    for fixes in ((), ["stratify"]):
        model = nnx.MLPClassifier((3,), max_iter=1, early_stopping=True, validation_fraction=0.2, random_state=0)
        y = np.arange(230) % 46 // 15  # classes of 75, 75, 75 and 5
        model.set_params(fixes=fixes, callbacks=lambda est: None)
        held = []
        with pytest.MonkeyPatch.context() as patch:
            from nnx.estimators import session

            def looked_at(*args, held=held, given=session.split):
                parts = given(*args)
                held.append(np.bincount(parts[1].y, minlength=4))
                return parts

            patch.setattr(session, "split", looked_at)
            model.fit(X, y)
        seen.append(held[0])
    assert list(seen[1]) == [15, 15, 15, 1] and list(seen[0]) != list(seen[1])


def quirk_outputs():
    settings = dict(solver="sgd", momentum=0.0, alpha=0.0, max_iter=1, batch_size=230, learning_rate_init=0.1)
    kept, fixed = both("outputs", "outputs", settings)
    start = clone(kept).initialize(X, TASKS["outputs"][1])
    for a, b, c in zip(weights(start), weights(kept), weights(fixed), strict=True):
        np.testing.assert_allclose(c - a, (b - a) / 3, rtol=1e-9, atol=1e-15)
    assert kept.loss_ == fixed.loss_


def quirk_sum_to_one():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(600, 5)).astype(np.float32), np.arange(600) % 300
    errors = []
    for fixes in ((), ["sum_to_one"]):
        p = nnx.MLPClassifier(max_iter=3, random_state=0, fixes=fixes).fit(x, y).predict_proba(30 * x)
        assert p.dtype == np.float32
        errors.append(p.astype(np.float64).sum(axis=1) - 1)
    assert errors[0].max() > 1e-12  # numpy.random.multinomial refuses more
    assert errors[1].max() <= 1e-15 and errors[1].min() > -(2.0**-23)


QUIRKS = {name.removeprefix("quirk_"): test for name, test in list(globals().items()) if name.startswith("quirk_")}


@pytest.mark.parametrize("name", QUIRKS)
def test_a_quirk_is_kept_and_can_be_fixed(name):
    QUIRKS[name]()


def test_every_fix_has_a_test_and_all_of_them_go_together():
    assert set(QUIRKS) == set(FIXES)
    for task in TASKS:
        _, model, y = pair(task, max_iter=3)
        assert model.set_params(fixes="all").fit(X, y, WEIGHT).score(X, y) > -10


class Halved(nnx.SGD):
    """An optimizer that has no hash."""

    __hash__ = None


class Alone:
    """A loss that does not inherit nnx.Loss."""

    def evaluate(self, z, target, weight=None):
        return z, z

    backprop = evaluate


WRONG = {
    "activation has 1 entries for 2": dict(activation=["relu"]),
    "did you mean 'gelu'": dict(activation=["gellu", "relu"]),
    "The 'activation' parameter": dict(activation="rleu"),
    "got the class ReLU": dict(activation=nnx.ReLU),
    "Dense belongs in hidden_layer_sizes": dict(activation=nnx.Dense(3)),
    "frozen: expected numbers of layers from 0 to 2, got 7": dict(frozen=[7]),
    "at least one layer must be left": dict(frozen=[0, 1, 2]),
    "did you mean 'patience'": dict(fixes=["patienc"]),
    "needs early_stopping=True": dict(scoring="accuracy"),
    "The 'scoring' parameter": dict(scoring="acuracy", early_stopping=True),
    "weight_decay needs": dict(solver="sgd", weight_decay=0.1),
    "an optimizer has schedule=": dict(solver=nnx.Adam(), learning_rate=nnx.Cosine()),
    "got the class Adam": dict(solver=nnx.Adam),
    "got the class Cosine": dict(learning_rate=nnx.Cosine),
    "must be whole numbers, got [3.9]": dict(hidden_layer_sizes=(3.9,)),
    "got 0.0": dict(frozen=[0.0]),
    "Halved cannot be hashed": dict(solver=Halved()),
    "callbacks: expected functions": dict(callbacks=[3]),
    "batch normalisation needs another solver": dict(activation=nnx.Chain(nnx.BatchNorm(), nnx.ReLU()), solver="lbfgs"),
    "a loss of one's own inherits nnx.Loss": dict(loss=Alone()),
    "cannot be hashed": dict(activation=nnx.Chain(nnx.Dropout(np.asarray([0.1, 0.2])))),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_option_is_one_line_and_changes_nothing(message):
    model = nnx.MLPClassifier(**{"hidden_layer_sizes": (20, 10), "max_iter": 2} | WRONG[message])
    before = dict(vars(model))
    with warnings.catch_warnings(), pytest.raises(ValueError) as error:
        warnings.simplefilter("error")
        model.fit(X, TASKS["multiclass"][1])
    assert message in str(error.value) and "\n" not in str(error.value)
    assert vars(model) == before


@pytest.mark.parametrize(
    "settings",
    [
        dict(loss="quantile"),
        dict(quantile=0.5),
        dict(loss="quantile", quantile=(0.9, 0.1)),
        dict(loss="quantile", quantile=1.5),
        dict(out_activation="sigmod"),
        dict(loss="poisson", out_activation="softplus"),
    ],
)
def test_a_wrong_option_of_the_regressor(settings):
    with pytest.raises(ValueError, match=r"quantile|levels must rise|out_activation"):
        nnx.MLPRegressor(max_iter=2, **settings).fit(X, X[:, 0])


# ---- parameters and data that change between calls


LABELS_WRONG = {
    "None": (np.where(X[:, 0] > 0, None, "a"), "y: labels must be of one kind, got text and NoneType"),
    "mixed": (np.array([1 if v > 0 else "b" for v in X[:, 0]], dtype=object), "got text and int"),
    "1e300": ((X[:, 0] > 0) * 1e300, "Unknown label type: continuous"),
}


@pytest.mark.parametrize("name", LABELS_WRONG)
def test_labels_that_are_no_names_are_one_line(name):
    y, message = LABELS_WRONG[name]
    with pytest.raises(ValueError, match=message) as error:
        nnx.MLPClassifier((4,)).fit(X, y)
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200


def test_scores_refuse_what_cannot_be_compared():
    flags, value = (X[:, 0] > 0).astype(int), X[:, 0]
    settings = dict(hidden_layer_sizes=(4,), max_iter=1000, random_state=0, tol=1.0)
    classifier, regressor = nnx.MLPClassifier(**settings), nnx.MLPRegressor(**settings)
    for model, y in (
        (classifier.fit(X, flags), flags),
        (nnx.EnsembleClassifier(classifier, 2).fit(X, flags), flags),
        (regressor.fit(X, value), value),
        (nnx.EnsembleRegressor(regressor, 2).fit(X, value), value),
    ):
        assert np.isfinite(model.score(X, y))
        for wrong in (flags.astype("M8[s]"), flags.astype("m8[s]"), np.ma.masked_array(y, mask=flags == 1), y + 1j):
            with pytest.raises(ValueError, match=r"y: (expected|masked)") as error:
                model.score(X, wrong)
            assert "\n" not in str(error.value) and len(str(error.value)) <= 200


@pytest.mark.parametrize("loss", [nnx.SoftmaxCrossEntropy(label_smoothing=0.1), nnx.SquaredError(), nnx.Huber()])
def test_a_loss_that_is_not_for_such_labels_is_refused(loss):
    for task, wanted in (("binary", "BinaryCrossEntropy"), ("multilabel", "BinaryCrossEntropy")):
        with pytest.raises(ValueError, match=f"need nnx.{wanted}, got {type(loss).__name__}"):
            nnx.MLPClassifier(loss=loss).fit(X, TASKS[task][1])
    with pytest.raises(ValueError, match="need 'log_loss'"):
        nnx.MLPClassifier(loss=loss).fit(X, LABELS)
    if not isinstance(loss, nnx.SoftmaxCrossEntropy):
        with pytest.raises(ValueError, match=r"need nnx\.SoftmaxCrossEntropy"):
            nnx.MLPClassifier(loss=loss).fit(X, TASKS["multiclass"][1])


def test_to_scikit_learn_refuses_what_it_could_not_predict():
    y = X[:, 0]
    for settings in (dict(loss="quantile", quantile=(0.1, 0.9)), dict(loss=nnx.BinaryCrossEntropy())):
        model = nnx.MLPRegressor(max_iter=3, **settings).fit(X, (y > 0) * 1.0)
        with pytest.raises(ValueError, match="scikit-learn has no such network"):
            model.to_sklearn()
    model = nnx.MLPRegressor(nnx.Poisson(), max_iter=3).fit(X, np.abs(y))
    np.testing.assert_allclose(model.to_sklearn().predict(X), model.predict(X), rtol=1e-12)
    np.testing.assert_allclose(nnx.MLPRegressor.from_sklearn(model.to_sklearn()).predict(X), model.predict(X))


WAYS = list(product(["partial_fit", "resume", "warm"], ["binary", "multiclass", "multilabel", "regression"]))
ON_JAX = [WAYS.index(case) for case in (("resume", "regression"), ("warm", "binary"))]


@pytest.mark.parametrize(("name", "case"), each(["torch", "jax", "strict"], WAYS, on_jax=ON_JAX))
def test_from_one_library_to_another_and_back(name, case, request):
    backend, (way, task) = make(request, name).backend, case
    _, model, y = pair(task, max_iter=3, warm_start=way == "warm")
    with backend.scope():
        there = backend.floats(X), backend.floats(y) if y.dtype.kind == "f" else backend.integers(y)
    call = "fit" if way == "warm" else way
    alone = getattr(clone(model).fit(X, y), call)(X, y)
    for first, second in (((X, y), there), (there, (X, y))):
        model = clone(model).fit(*first)
        getattr(model, call)(*second)
        for a, b in zip(weights(alone), weights(model, None if second[0] is X else backend), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-9)
        assert model.predict(second[0]).shape == y.shape


@dataclass(frozen=True)
class Counted(Cube):
    """Counts how often it is evaluated, or traced."""

    calls: ClassVar[int] = 0

    def evaluate(self, params, x, *, train=False, key=None):
        Counted.calls += 1
        return super().evaluate(params, x, train=train, key=key)


def test_a_second_fit_of_the_same_network_is_not_compiled_again(request):
    make(request, "jax")
    _, model, y = pair("regression", max_iter=3, own={"backend": "jax"})
    counts = []
    for seed in range(3):
        clone(model).set_params(activation=Counted(), random_state=seed, learning_rate_init=1e-5).fit(X, y)
        counts.append(Counted.calls)
    assert counts[0] > 0 and counts[1:] == counts[:1] * 2


TEXTS = [NAMES[:, 0], np.where(X[:, 0] > 0, "yes", "no"), NAMES]


@pytest.mark.parametrize(("name", "labels"), each(["torch", "jax", "strict", "cupy"], TEXTS, on_jax=(0, 2)))
def test_labels_may_be_text_wherever_x_is(name, labels, request):
    backend = make(request, name).backend
    with backend.scope():
        x = backend.floats(X)
    settings = dict(max_iter=5, random_state=0, early_stopping=True, class_weight="balanced")
    expected = nnx.MLPClassifier((9,), **settings).fit(X, labels)
    found = nnx.MLPClassifier((9,), **settings).fit(x, labels)
    np.testing.assert_array_equal(found.predict(x), expected.predict(X))
    assert found.validation_scores_ == expected.validation_scores_
    assert found.score(x, labels) == expected.score(X, labels)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_partial_fit_computes_on_another_backend(task, request):
    make(request, "torch")
    _, model, y = pair(task)
    elsewhere = clone(model).set_params(backend="torch").partial_fit(X, y, classes=np.unique(y))
    expected = model.partial_fit(X, y, classes=np.unique(y)).predict_proba(X)
    np.testing.assert_allclose(elsewhere.predict_proba(X), expected, atol=1e-9)


def test_frames_keep_their_names_on_another_backend(request):
    import pandas

    make(request, "torch")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    _, model, y = pair("binary", max_iter=3, early_stopping=True, own={"backend": "torch", "scoring": "roc_auc"})
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=r"X (has|does not have)")
        model.fit(frame, y).predict(frame)
    assert list(model.feature_names_in_) == list("abcdef")
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[list("fedcba")])


def test_sparse_rows_are_predicted_with_weights_from_elsewhere(request):
    from scipy.sparse import csr_array

    make(request, "torch")
    _, model, y = pair("multiclass", max_iter=3, own={"backend": "torch"})
    np.testing.assert_allclose(model.fit(X, y).predict_proba(csr_array(X)), model.predict_proba(X), atol=1e-12)


def test_a_change_of_what_is_frozen_begins_the_optimizer_anew():
    _, model, y = pair("multiclass", max_iter=3)
    model.fit(X, y).set_params(frozen=(0,), alpha=0.0)
    before = [p.copy() for p in model.coefs_]
    model.partial_fit(X, y)
    assert [np.array_equal(a, b) for a, b in zip(before, model.coefs_, strict=True)] == [True, False, False]
    with pytest.raises(ValueError, match="resume"):
        model.set_params(frozen=()).fit(X, y).set_params(frozen=(0,)).resume(X, y)
    with pytest.raises(ValueError, match="resume: solver or frozen"):
        clone(model).set_params(frozen=()).fit(X, y).set_params(solver="sgd").resume(X, y)
    with pytest.raises(ValueError, match="the network must have layers"):
        clone(model).set_params(frozen=()).fit(X, y).set_params(hidden_layer_sizes=(3,)).resume(X, y)


def test_a_schedule_goes_on_when_a_fit_is_resumed():
    _, model, y = pair("regression", max_iter=5, batch_size=23)
    model.set_params(learning_rate=nnx.Cosine(), learning_rate_init=0.01).fit(X, y)
    before = model.coefs_[0].copy()
    model.set_params(callbacks=[lambda est: rates.append(est._optimizer.learning_rate)])
    rates = []
    model.resume(X, y)
    np.testing.assert_allclose(rates, [0.01 * (1 + np.cos(np.pi * k / 10)) / 2 for k in range(6, 11)], atol=1e-12)
    assert np.abs(model.coefs_[0] - before).max() > 1e-3


def test_another_solver_and_another_way_to_stop_between_fits():
    _, model, y = pair("binary", max_iter=3, solver="lbfgs")
    model.fit(X, y).set_params(solver="adam").partial_fit(X, y)
    assert len(model.loss_curve_) == 1
    model.set_params(warm_start=True, early_stopping=True).fit(X, y)
    assert len(model.validation_scores_) == 3
    model.set_params(norm="batch")
    with pytest.raises(ValueError, match="another network than the one fitted"):
        model.predict(X)
    with pytest.raises(ValueError, match="activation and norm must be what they were"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="activation has 1 entries for 2 hidden layers"):
        model.set_params(norm=None, activation=["relu"]).predict(X)


def test_scikit_learns_scoring_monitor_sees_labels():
    from sklearn.callback import ScoringMonitor

    for y in (TASKS["binary"][1] + 1, NAMES[:, 0]):
        monitor = ScoringMonitor(scoring="accuracy")
        model = nnx.MLPClassifier((8,), max_iter=4, random_state=0).set_callbacks(monitor).fit(X, y)
        seen = [(entry["task_name"], entry["accuracy"]) for entry in monitor.get_logs().data]
        assert len(seen) == 5 and ("fit", model.score(X, y)) in seen and ("epoch", model.score(X, y)) in seen


@pytest.mark.parametrize("seed", range(6))
def test_a_warm_start_with_early_stopping_is_scikit_learns(seed):
    settings = dict(early_stopping=True, warm_start=True, n_iter_no_change=2, max_iter=15, random_state=seed)
    y = TASKS["multiclass"][1]
    theirs, ours = original.MLPClassifier((9,), **settings), nnx.MLPClassifier((9,), **settings)
    for _ in range(3):
        for a, b in zip(weights(theirs.fit(X, y)), weights(ours.fit(X, y)), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-10)


def test_a_score_that_is_no_number_is_an_error_and_a_function_needs_no_weights():
    _, model, y = pair("binary", early_stopping=True, max_iter=3, own={"scoring": "roc_auc"})
    one = y == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="scoring='roc_auc' gives nan"):
            model.fit(X, y, X_val=X[one], y_val=y[one])
    model.set_params(scoring=lambda est, X, y: est.score(X, y), class_weight="balanced").fit(X, y)
    assert len(model.validation_scores_) == model.n_iter_


def test_a_callback_may_end_the_training_with_numpys_true():
    _, model, y = pair("binary", max_iter=9, own={"callbacks": lambda est: np.bool_(est.n_iter_ == 2)})
    assert model.fit(X, y).n_iter_ == 2


def test_quantities_are_no_labels_on_any_library(request):
    backend = make(request, "torch").backend
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        nnx.MLPClassifier().fit(backend.floats(X), backend.floats(X[:, 0]))


OPTIONS = [
    dict(activation=("gelu", nnx.Tanh()), norm="layer"),
    dict(norm="batch", dropout=0.1),
    dict(solver="lion", learning_rate=nnx.Cosine(warmup=3)),
    dict(frozen=(1,), solver="adamw"),
]


@pytest.mark.parametrize(("name", "settings"), each(["torch", "jax", "strict", "cupy"], OPTIONS, on_jax=(1, 3)))
def test_the_options_on_any_array(name, settings, request):
    backend = make(request, name).backend
    _, model, y = pair("multiclass", max_iter=6, own=settings)
    x, target = put(backend, X, y)
    expected, ours = clone(model).fit(X, y), clone(model).fit(x, target)
    for a, b in zip(all_weights(expected), all_weights(ours, backend), strict=True):
        np.testing.assert_allclose(b, a, atol=1e-9)
    np.testing.assert_allclose(backend.to_numpy(ours.predict_proba(x)), expected.predict_proba(X), atol=1e-9)
