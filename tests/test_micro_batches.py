"""Batches in parts: their gradients add up to the batch's, in an order that the number of parts alone decides."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import nnx
from nnx.contract import Loss
from nnx.training.sums import added

rng = np.random.default_rng(0)
ROWS = 22  # with batches of 8: two whole ones and one of 6
X = rng.normal(size=(ROWS, 4))
VALUES = rng.normal(size=(ROWS, 2))
LABELS = rng.integers(0, 3, ROWS)
FLAGS = rng.integers(0, 2, (ROWS, 2)).astype(float)
WEIGHT = rng.uniform(0.1, 2.0, ROWS)

LOSSES = {
    "squared": (nnx.SquaredError(), VALUES),
    "absolute": (nnx.AbsoluteError(), VALUES),
    "huber": (nnx.Huber(0.5), VALUES),
    "quantile": (nnx.Quantile((0.1, 0.9)), VALUES[:, :1]),
    "poisson": (nnx.Poisson(), np.abs(VALUES)),
    "softmax": (nnx.SoftmaxCrossEntropy(0.1), LABELS),
    "softmax by class": (nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.3)), LABELS),
    "softmax of shares": (nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.3)), np.eye(3)[LABELS]),
    "binary": (nnx.BinaryCrossEntropy(), FLAGS),
    "binary by class": (nnx.BinaryCrossEntropy(class_weight=(0.3, 2.0)), FLAGS),
    "tabm": (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.3)), 2), LABELS),
    "tabm of values": (nnx.EnsembleLoss(nnx.SquaredError(), 2), VALUES),
}


def net_for(loss, y):
    outputs = loss.outputs(3 if loss.labels else y.shape[1])
    return nnx.tabm((5,), outputs, members=2) if loss.copies > 1 else nnx.mlp((5,), outputs, activation="tanh")


def fit(loss, y, parts, **settings):
    settings = dict(epochs=2, batch_size=8, optimizer=nnx.SGD(0.1), dtype="float64", backend="numpy") | settings
    return nnx.fit(net_for(loss, y), X, y, loss=loss, micro_batches=parts, **settings)


def assert_close(a, b, rtol=1e-10):
    for name, p in a.params.items():
        np.testing.assert_allclose(np.asarray(p), np.asarray(b.params[name]), rtol=rtol, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(a.history["loss"], b.history["loss"], rtol=rtol)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_the_parts_of_a_batch_add_up_to_it(name, weighted):
    """Whatever the loss divides by: rows, their weights, or those of their classes."""
    loss, y = LOSSES[name]
    weight = WEIGHT if weighted else None
    whole = fit(loss, y, 1, sample_weight=weight)
    for parts in (2, 3, 8, 50):
        assert_close(fit(loss, y, parts, sample_weight=weight), whole)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_parts_add_up_on_other_libraries(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    loss, y = LOSSES["softmax by class"]
    assert_close(fit(loss, y, 3, sample_weight=WEIGHT, backend=backend), fit(loss, y, 1, sample_weight=WEIGHT))


SETTINGS = {
    "parts": {"micro_batches": 3},
    "parts of members": {"micro_batches": 3, "members": 2},
    "an average that moves": {"average": nnx.EMA(0.9)},
    "a mean of epochs": {"average": nnx.SWA(0.5)},
    "frozen": {"frozen": ("0.*", "1.mean")},
    "factors": {"rate_factors": {"0.*": 0.3}, "decay_factors": {"*.b": 1.0}},
}


@pytest.mark.gpu
@pytest.mark.parametrize("name", SETTINGS)
def test_captured_steps_do_what_plain_ones_do(name):
    pytest.importorskip("cupy", reason="cupy is not installed")
    net = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.2), nnx.Dense(3))
    settings = dict(loss="softmax_cross_entropy", optimizer=nnx.WeightDecay(nnx.Momentum(0.05), 0.01), epochs=4)
    settings |= dict(batch_size=8, dtype="float64", validation=0.2, sample_weight=WEIGHT) | SETTINGS[name]
    plain = nnx.fit(net, X, LABELS, backend="numpy", compile=False, **settings)
    captured = nnx.fit(net, X, LABELS, backend="cupy", compile=True, **settings)
    for a, b in zip(plain, captured, strict=True) if "members" in settings else [(plain, captured)]:
        assert b.execution == "captured as a CUDA graph"
        for parameter, p in a.params.items():
            found = captured.backend.to_numpy(b.params[parameter])
            np.testing.assert_allclose(found, p, rtol=1e-9, atol=1e-13, err_msg=parameter)


def test_parts_are_compiled_and_a_stream_has_them_too(monkeypatch):
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    loss, y = LOSSES["softmax by class"]
    monkeypatch.setenv("NNX_COMPILE", "always")
    compiled = fit(loss, y, 3, sample_weight=WEIGHT)
    assert compiled.execution == "recorded and compiled"
    assert_close(compiled, fit(loss, y, 1, sample_weight=WEIGHT))
    stream = [(X[i : i + 8], y[i : i + 8], WEIGHT[i : i + 8]) for i in range(0, ROWS, 8)]
    streamed = nnx.fit(
        net_for(loss, y), stream, loss=loss, micro_batches=3, epochs=2, optimizer=nnx.SGD(0.1), dtype="float64"
    )
    assert_close(streamed, fit(loss, y, 1, sample_weight=WEIGHT, shuffle=False))


def test_a_member_in_parts_is_the_network_in_parts():
    net = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.3), nnx.Dense(3))
    settings = dict(loss="softmax_cross_entropy", epochs=3, batch_size=8, micro_batches=3, backend="numpy")
    together = nnx.fit(net, X, LABELS, members=3, seed=4, **settings)
    for k in range(3):
        alone = nnx.fit(net, X, LABELS, seed=4 + k, **settings)
        for name, p in alone.params.items():
            np.testing.assert_array_equal(together[k].params[name], p, err_msg=name)


def test_one_part_is_the_step_without_parts():
    net = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.ReLU(), nnx.Dropout(0.3), nnx.Dense(3))
    settings = dict(loss="softmax_cross_entropy", epochs=2, batch_size=8, backend="numpy")
    one, none = nnx.fit(net, X, LABELS, micro_batches=1, **settings), nnx.fit(net, X, LABELS, **settings)
    assert all(np.array_equal(one.params[name], p) for name, p in none.params.items())


def test_the_tree_of_sums_depends_on_the_number_of_parts_alone():
    class Sum(str):
        def __add__(self, other):
            return Sum(f"({self}+{other})")

    found = {n: added(lambda i: {"value": Sum(i), "g": Sum(i)}, 0, n) for n in (1, 2, 3, 4, 5, 7)}
    assert {n: str(sums["value"]) for n, sums in found.items()} == {
        1: "0",
        2: "(0+1)",
        3: "((0+1)+2)",
        4: "((0+1)+(2+3))",
        5: "(((0+1)+(2+3))+4)",
        7: "(((0+1)+(2+3))+((4+5)+6))",
    }
    assert all(sums["g"] == sums["value"] for sums in found.values())


def test_batch_norm_learns_the_mean_of_what_each_part_would_teach_it():
    net = nnx.Chain(nnx.BatchNorm(momentum=0.5), nnx.Dense(1))
    fit = nnx.fit(
        net, X[:8], VALUES[:8, :1], loss="squared_error", optimizer=nnx.SGD(0.0), epochs=1, batch_size=8, shuffle=False,
        micro_batches=2, dtype="float64",
    )  # fmt: skip
    mean = (0.5 * X[:4].mean(axis=0) + 0.5 * X[4:8].mean(axis=0)) / 2
    np.testing.assert_allclose(fit.params["0.mean"], mean, rtol=1e-12)


def test_each_part_has_random_bits_of_its_own():
    """Two parts of the same rows are dropped differently."""
    seen = []

    class Spy(nnx.Layer):
        def evaluate(self, params, x, *, train=False, key=None):
            if train and x.shape[-2] == 4:
                seen.append(np.array(x))
            return x, None

        def backprop(self, params, saved, dy, *, need_dx=True):
            return dy, {}

    net = nnx.Chain(nnx.Dropout(0.5), Spy(), nnx.Dense(1))
    x = np.tile(X[:4], (2, 1))
    nnx.fit(
        net, x, np.ones(8), loss="squared_error", epochs=1, batch_size=8, shuffle=False, micro_batches=2, compile=False
    )
    first, second = seen[-2:]
    assert not np.array_equal(first != 0, second != 0)


def test_a_loss_that_knows_of_no_whole_batch_is_refused():
    class Own(Loss):
        def evaluate(self, z, target, weight=None):
            return np.mean((z - target) ** 2, axis=(-2, -1)), z - target

        def backprop(self, saved):
            return 2 * saved / saved.size

    with pytest.raises(nnx.SettingError, match=r"Own does not: what the mean over the whole batch divides by"):
        nnx.fit(nnx.Dense(2), X, VALUES, loss=Own(), epochs=1, micro_batches=2)
    with pytest.raises(nnx.SettingError, match="micro_batches must be at least 1, got 0"):
        fit(*LOSSES["squared"], 0)


ESTIMATORS = {
    "classes": (nnx.MLPClassifier, LABELS, {}),
    "values": (nnx.MLPRegressor, VALUES, {"alpha": 0.3}),
    "counts": (nnx.MLPRegressor, np.abs(VALUES[:, 0]).round(), {"loss": "poisson"}),
    "two classes": (nnx.MLPClassifier, LABELS > 0, {"class_weight": "balanced"}),
    "several targets": (nnx.MLPClassifier, np.stack([LABELS, LABELS[::-1]], axis=1), {}),
}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_in_parts_is_the_estimator(name):
    scipy = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")
    kind, y, settings = ESTIMATORS[name]
    settings = settings | dict(hidden_layer_sizes=(5,), solver="sgd", batch_size=8, max_iter=5, tol=0, random_state=0)

    def trained(X, **more):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return kind(**settings, **more).fit(X, y, sample_weight=WEIGHT)

    for X_ in (X, scipy.csr_matrix(X)):
        whole, parts = trained(X_), trained(X_, micro_batches=3)
        for a, b in zip(whole.coefs_ + whole.intercepts_, parts.coefs_ + parts.intercepts_, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(parts.loss_curve_, whole.loss_curve_, rtol=1e-9)
    with pytest.raises(ValueError, match="micro_batches needs another solver than 'lbfgs'"):
        kind(solver="lbfgs", micro_batches=2).fit(X, y)


class OldLoss(nnx.SquaredError):
    """As a loss was written before batches had parts."""

    def evaluate(self, z, target, weight=None):
        return super().evaluate(z, target, weight)


def test_a_loss_within_another_needs_no_total_but_for_parts():
    settings = dict(loss=nnx.EnsembleLoss(OldLoss(), 2), epochs=1)
    nnx.fit(nnx.tabm((4,), 2, members=2), X, VALUES, **settings)
    with pytest.raises(nnx.SettingError, match="EnsembleLoss does not: what the mean over the whole batch divides by"):
        nnx.fit(nnx.tabm((4,), 2, members=2), X, VALUES, micro_batches=2, **settings)


def test_statistics_for_an_average_are_those_of_parts():
    seen = []

    class Spy(nnx.Layer):
        def evaluate(self, params, x, *, train=False, key=None):
            if train:
                seen.append(x.shape[-2])
            return x, None

        def backprop(self, params, saved, dy, *, need_dx=True):
            return dy, {}

    net = nnx.Chain(Spy(), nnx.Dense(4), nnx.BatchNorm(), nnx.Dense(3))
    settings = dict(loss="softmax_cross_entropy", epochs=2, compile=False, micro_batches=4, average=nnx.EMA(0.9))
    for members in (None, 2):
        seen.clear()
        nnx.fit(net, X, LABELS, batch_size=20, members=members, **settings)
        assert set(seen) <= {1, 2, 5}  # one row is tried first; the last batch has two


LIMITED = """
import resource, numpy as np, nnx
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8192, 8)).astype("float32"), rng.integers(0, 3, 8192)
net, settings = nnx.mlp((1500,), 3), dict(loss="softmax_cross_entropy", batch_size=8192, compile=False, backend="numpy")
nnx.fit(net, x[:64], y[:64], epochs=1, **settings)  # what is loaded when it is first needed
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 120 * 2**20,) * 2)  # a step makes three arrays of 47 MiB at least
try:
    nnx.fit(net, x, y, epochs=1, **settings)
except nnx.OutOfMemoryError as error:
    print(error)
print(nnx.fit(net, x, y, epochs=2, micro_batches=16, **settings).stopped)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_batch_that_does_not_fit_in_memory_trains_in_parts():
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    first, last = done.stdout.splitlines()
    assert first.startswith("out of memory on numpy") and "micro_batches=" in first and last == "epochs"
