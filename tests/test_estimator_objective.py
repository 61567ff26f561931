"""The objective and the step of the estimators: a population gives what each of its members gives alone."""

import numpy as np
import pytest
from conftest import make

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import nnx
from nnx.estimators.labels import SOFTMAX, SeveralSoftmax
from nnx.estimators.network import Blueprint, objective_of
from nnx.random import seed_words
from nnx.training.flat import Named
from nnx.training.step import Carry, gather, make_step

K, N, FEATURES = 3, 7, 4
ALPHA = (0.0, 0.01, 2.0)
EXACT = dict(rtol=1e-12, atol=1e-12)
rng = np.random.default_rng(0)
NUMBERS = rng.normal(size=(K, N, 2))
COUNTS = rng.poisson(2.0, size=(K, N, 2)).astype(float)
CLASSES = rng.integers(0, 3, (K, N, 2))
CASES = {  # the loss, its outputs, and the target (K, N, ...)
    "softmax": (SOFTMAX, 3, CLASSES[..., 0]),
    "binary": (nnx.BinaryCrossEntropy(), 1, CLASSES[..., :1] // 2),
    "several": (SeveralSoftmax((3, 3)), 6, CLASSES),
    "squared": (nnx.SquaredError(), 1, NUMBERS[..., :1]),
    "squared2": (nnx.SquaredError(), 2, NUMBERS),
    "poisson": (nnx.Poisson(), 2, COUNTS),
    "huber": (nnx.Huber(), 2, NUMBERS),
    "quantile": (nnx.Quantile((0.1, 0.5, 0.9)), 3, NUMBERS[..., :1]),
}
X = rng.normal(size=(K, N, FEATURES))
WEIGHT = rng.uniform(0.5, 2.0, (K, N))


def plan_of(loss, outputs, alpha, *, norm=None, dropout=0.0, exact=False):
    return Blueprint((5, outputs), ("tanh",), norm, dropout, None, loss, alpha, exact)


def params_of(plan):
    """Parameters (K, ...) of a plan's network."""
    net = objective_of(plan).net
    return {k: np.asarray(p) + 0.1 for k, p in nnx.init(net, FEATURES, seed=list(range(K)), dtype="float64").items()}


def member(tree, k):
    return {name: p[k] for name, p in tree.items()}


def penalised(plan):
    """The whole of what is minimised, and its gradient, as the step computes it."""
    objective = objective_of(plan)

    def evaluate(params, x, target, weight):
        value, grads, _ = objective.evaluate(params, x, target, weight)
        return objective.whole(value, grads, params, target, weight, x.shape[-2])

    return evaluate


@pytest.fixture(params=["numpy_readonly", "strict", "torch", "jax_jit"])
def library(request):
    """One of each kind: what the parts do on the others, test_laws.py tells."""
    chosen = request.config.getoption("--library")
    if chosen and request.param not in chosen:
        pytest.skip("not asked for by --library")
    return make(request, request.param)


@pytest.mark.parametrize(
    ("rows", "weighted"), [("shared", ""), ("shared", "shared"), ("own", "shared"), ("own", "own")]
)
@pytest.mark.parametrize("name", CASES)
def test_a_population_has_the_losses_and_gradients_of_its_members(library, name, rows, weighted):
    loss, outputs, target = CASES[name]
    exact = name == "squared2" and rows == "own"
    plan = plan_of(loss, outputs, ALPHA, norm="layer" if rows == "own" else None, exact=exact)
    params, weight = params_of(plan), {"": None, "shared": WEIGHT[0], "own": WEIGHT}[weighted]
    x, target = (X, target) if rows == "own" else (X[0], target[0])
    own = weighted == "own"
    with library.scope():
        given = library.arrays((params, x, target, weight))
        together, grads = library.host(library.run(penalised(plan), *given))
        assert together.shape == (K,)
        for k in range(K):
            data = (x[k], target[k]) if rows == "own" else (x, target)
            given = library.arrays((member(params, k), *data, weight[k] if own else weight))
            value, expected = library.host(library.run(penalised(plan._replace(alpha=ALPHA[k])), *given))
            np.testing.assert_allclose(together[k], value, **EXACT)
            for part, g in expected.items():
                np.testing.assert_allclose(grads[part][k], g, **EXACT, err_msg=part)


def test_one_alpha_is_for_every_member():
    one, several = (plan_of(nnx.SquaredError(), 2, alpha) for alpha in (0.3, (0.3,) * K))
    params = params_of(one)
    for weight in (None, WEIGHT):
        a, b = (penalised(plan)(params, X, NUMBERS, weight) for plan in (one, several))
        np.testing.assert_allclose(a[0], b[0], **EXACT)
        np.testing.assert_allclose(a[1]["0.W"], b[1]["0.W"], **EXACT)


def test_the_penalty_of_packed_weights_is_that_of_each():
    objective = objective_of(plan_of(nnx.SquaredError(), 2, ALPHA))
    W = rng.normal(size=(K, 6, 5))
    for weight in (None, WEIGHT[0], WEIGHT):
        apart, by_name = objective.penalty({"W": W}, {"W": np.zeros_like(W)}, N, weight, population=1)
        flat = W.reshape(K, -1)
        packed, grads = objective.penalty({"W": flat}, {"W": np.zeros_like(flat)}, N, weight, population=1)
        np.testing.assert_allclose(packed, apart, **EXACT)
        np.testing.assert_allclose(grads["W"], by_name["W"].reshape(K, -1), **EXACT)


def test_each_member_gathers_its_own_rows(library):
    rows = rng.integers(0, N, (K, 5))
    with library.scope():
        for x in (X[0], CLASSES[0, :, 0]):
            found = library.host(library.run(gather, library.array(x), library.array(rows)))
            np.testing.assert_array_equal(found, x[rows])
        assert gather(None, library.array(rows)) is None


@pytest.mark.parametrize("name", ["softmax", "squared2", "poisson"])
def test_a_step_of_a_population_is_the_step_of_each_member(library, name):
    """Each with its own rows of one x, its own alpha, rate of learning and of dropout, and random numbers."""
    loss, outputs, target = CASES[name]
    dropout, rates, seeds = (0.1, 0.3, 0.6), (0.1, 0.01, 0.05), [5, 6, 7]
    rows = np.stack([rng.permutation(N)[:5] for _ in range(K)])

    def stepped(dropout, rate, alpha, params, seed, rows, population):
        plan = plan_of(loss, outputs, alpha, norm="batch", dropout=dropout)
        net, rule = objective_of(plan).net, nnx.Momentum(rate)
        moving = {k: library.array(p) for k, p in params.items() if k not in net.running}
        running = {k: library.array(params[k]) for k in net.running}
        start = library.backend.floats(np.zeros(population))
        state = rule.init(moving, population=population)
        carry = Carry(moving, running, state, seed_words(seed, library.backend), start, start * 1.0)
        step = make_step(objective_of(plan), rule, Named(moving, tuple(moving)))
        data = library.arrays((X[0], target[0], WEIGHT[0], rows))
        carry = library.run(step, carry, *data, writes=(0,))
        return library.host(carry.vectors | carry.running | {"total": carry.total})

    with library.scope():
        params = params_of(plan_of(loss, outputs, ALPHA, norm="batch", dropout=dropout))
        together = stepped(dropout, rates, ALPHA, params, seeds, rows, (K,))
        assert together["total"].shape == (K,)
        for k in range(K):
            alone = stepped(dropout[k], rates[k], ALPHA[k], member(params, k), seeds[k], rows[k], ())
            for part, p in alone.items():
                np.testing.assert_allclose(together[part][k], p, **EXACT, err_msg=part)
