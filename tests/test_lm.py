"""solver="lm": Levenberg-Marquardt for the squared error of small networks."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from sklearn.base import clone

import nnx
from nnx.estimators import lm

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(40, 3))
Y = np.stack([np.sin(2 * X[:, 0]) * X[:, 1], X[:, 2] ** 2 + X[:, 0]], axis=1)
WEIGHT = rng.uniform(0.2, 3.0, size=40)
SETTINGS = dict(
    hidden_layer_sizes=(4,), activation="tanh", solver="lm", alpha=0.0, tol=1e-10, max_iter=300, random_state=0
)
WARNS = pytest.mark.filterwarnings("ignore:lm failed:sklearn.exceptions.ConvergenceWarning")


def model(**settings):
    return nnx.MLPRegressor(**SETTINGS | settings)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_a_linear_network_becomes_the_solution_of_least_squares(alpha, weight):
    fit = model(hidden_layer_sizes=(), alpha=alpha).fit(X, Y, weight)
    w = np.ones(40) if weight is None else weight
    A, b = np.column_stack([X, np.ones(40)]) * np.sqrt(w)[:, None], Y * np.sqrt(w)[:, None]
    penalty = np.sqrt(alpha) * np.eye(4)[:3]  # alpha / rows, or / sum of weights, of the weights but not the biases
    expected = np.linalg.lstsq(np.concatenate([A, penalty]), np.concatenate([b, np.zeros((3, 2))]))[0]
    np.testing.assert_allclose(np.concatenate([fit.coefs_[0], fit.intercepts_[0][None]]), expected, atol=1e-9)
    assert fit.n_iter_ < 12


def test_it_ends_where_minpack_does():
    """In the minimum of a network that cannot fit the rows, to which MINPACK comes back from beside it."""
    fit = model(hidden_layer_sizes=(2,), alpha=0.1).fit(X, Y[:, 0])
    parts = [*fit.coefs_, *fit.intercepts_]

    def residuals(p):
        ends = np.cumsum([part.size for part in parts])
        W, V, b, c = (q.reshape(part.shape) for q, part in zip(np.split(p, ends[:-1]), parts, strict=True))
        rows = (np.tanh(X @ W + b) @ V + c)[:, 0] - Y[:, 0]
        return np.concatenate([rows, np.sqrt(0.1) * W.reshape(-1), np.sqrt(0.1) * V.reshape(-1)]) / np.sqrt(40)

    p = np.concatenate([part.reshape(-1) for part in parts])
    p = p + 0.03 * np.random.default_rng(1).normal(size=p.shape)
    assert 0.5 * np.sum(residuals(p) ** 2) > 1.01 * fit.loss_
    theirs = scipy.optimize.least_squares(residuals, p, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-12)
    np.testing.assert_allclose(fit.loss_, theirs.cost, rtol=1e-9)
    assert fit.loss_ > 1e-4


@WARNS
@pytest.mark.parametrize("fixes", [(), "outputs"])
@pytest.mark.parametrize("scale_target", [False, True])
def test_its_gradient_is_that_which_lbfgs_descends(fixes, scale_target):
    given = dict(alpha=0.5, fixes=fixes, scale_target=scale_target, max_iter=3, frozen=[0], norm="layer")
    fit = model(hidden_layer_sizes=(4, 3), **given).fit(X, Y, WEIGHT)
    squares = lm.Squares(fit, X, Y, WEIGHT)
    p = squares.start[squares.moves]
    value, expected = squares.evaluate(squares.start)
    np.testing.assert_allclose(squares.normal(p)[1], expected[squares.moves], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(squares.measure(p)[1] - 0.5 * np.sum(squares.decay * p * p), value - penalty(squares))
    np.testing.assert_allclose(fit.loss_, squares.measure(p)[1])


def penalty(squares):
    """The squared weights of all layers, those that are frozen too."""
    params = squares.unpacked(squares.start)
    return squares.objective.penalty({n: W for n, W in params.items() if n.endswith("W")}, {}, 40, squares.weight)[0]


@WARNS
def test_the_curvature_is_the_gauss_newton_matrix_of_the_library():
    fit = model(max_iter=2).fit(X, Y, WEIGHT)
    squares = lm.Squares(fit, X, Y, WEIGHT)
    A, _ = squares.normal(squares.start)
    params = squares.unpacked(squares.start)
    v = rng.normal(size=len(squares.start))
    found = nnx.gnvp(
        squares.objective.net, params, X, Y, squares.unpacked(v), loss="squared_error", weight=np.asarray(WEIGHT)
    )
    np.testing.assert_allclose(A @ v, np.concatenate([found[n].reshape(-1) for n in squares.names]), rtol=1e-9)


@WARNS
def test_it_is_the_same_on_every_library(library):
    expected = model(max_iter=8, alpha=1e-3).fit(X, Y, WEIGHT)
    with library.scope():
        found = model(max_iter=8, alpha=1e-3).fit(library.array(X), library.array(Y), WEIGHT)
        coefs = [library.host(W) for W in found.coefs_]
    np.testing.assert_allclose(found.loss_, expected.loss_, rtol=1e-6)
    for ours, theirs in zip(coefs, expected.coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@WARNS
def test_pieces_of_the_rows_and_sparse_rows_change_nothing(monkeypatch):
    whole = model(max_iter=5).fit(X, Y)
    monkeypatch.setattr(lm, "PIECE", 7 * 26 * 2)
    for rows in (X, scipy.sparse.csr_array(X)):
        np.testing.assert_allclose(model(max_iter=5).fit(rows, Y).loss_, whole.loss_, rtol=1e-8)


@WARNS
def test_the_loss_never_rises_and_a_warm_start_goes_on():
    losses = []
    model(max_iter=30, callbacks=lambda est: losses.append(est.loss_)).fit(X, Y)
    assert len(losses) == 30 and np.all(np.diff(losses) < 0)
    warm = model(max_iter=15, warm_start=True).fit(X, Y)
    assert warm.n_iter_ == 15 and warm.loss_ == losses[14]
    assert warm.fit(X, Y).loss_ < losses[14]


@WARNS
def test_frozen_layers_stay_and_float32_stays_float32():
    fit = model(max_iter=5, frozen=[1]).fit(X.astype("float32"), Y)
    start = clone(fit).initialize(X.astype("float32"), Y)
    np.testing.assert_array_equal(fit.coefs_[1], start.coefs_[1])
    assert not np.array_equal(fit.coefs_[0], start.coefs_[0]) and fit.coefs_[0].dtype == np.float32


def test_limits_are_told_of():
    from sklearn.exceptions import ConvergenceWarning

    with pytest.warns(ConvergenceWarning, match=r"after 3 iteration\(s\): max_iter=3 was reached"):
        assert model(max_iter=3).fit(X, Y).n_iter_ == 3
    with pytest.warns(ConvergenceWarning, match="max_fun=4 was reached"):
        model(max_fun=4).fit(X, Y)


def test_a_callback_ends_it():
    assert model(callbacks=lambda est: est.n_iter_ == 4).fit(X, Y).n_iter_ == 4


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (dict(loss="huber"), "needs loss='squared_error', got 'huber'"),
        (dict(dropout=0.5), "need another solver than 'lm'"),
        (dict(activation=nnx.Chain(nnx.BatchNorm(), nnx.Tanh())), "batch normalisation needs another solver than 'lm'"),
        (dict(early_stopping=True), "early_stopping needs another solver than 'lm'"),
        (dict(micro_batches=2), "micro_batches needs another solver than 'lm'"),
        (dict(hidden_layer_sizes=(4000,)), "at most 10,000 of them, the network has 24,002; use 'lbfgs'"),
    ],
)
def test_what_it_cannot_do_is_refused(settings, line):
    with pytest.raises(ValueError, match=line):
        model(**settings).fit(X, Y)
    assert not hasattr(model(), "partial_fit")
    with pytest.raises(ValueError, match="'solver' parameter of MLPClassifier"):
        nnx.MLPClassifier(solver="lm").fit(X, Y[:, 0] > 0)
