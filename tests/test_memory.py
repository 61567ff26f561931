"""Too little memory: one line with what was needed, what is free, and what would fit."""

import re
import resource
from dataclasses import dataclass

import numpy as np
import pytest

import nnx
from nnx.backends import numpy as numpy_backend
from nnx.backends.native.loop import step_bytes
from nnx.cli.process import in_options
from nnx.training.memory import GIB, is_out_of_memory, too_little


class Hungry(nnx.Layer):
    """Needs more memory than there is from so many rows on."""

    def __init__(self, rows, error):
        self.rows, self.error = rows, error

    def evaluate(self, params, x, *, train=False, key=None):
        if x.shape[0] >= self.rows and type(x) is np.ndarray:  # and not one that is recorded
            raise self.error
        return x, None

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy, {}


ERRORS = {
    "numpy": MemoryError("Unable to allocate 12.0 GiB for an array with shape (8192, 400)"),
    "torch": RuntimeError("CUDA out of memory. Tried to allocate 12.00 GiB."),
    "torch_cpu": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 12 bytes."),
    "jax": RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12 bytes."),
}


def train(error, monkeypatch, free, rows=64, **settings):
    monkeypatch.setattr(numpy_backend, "free_memory", lambda device: free)
    rng = np.random.default_rng(0)
    net = nnx.Chain(nnx.Dense(200), nnx.ReLU(), Hungry(rows, error), nnx.Dense(3))
    return nnx.fit(net, rng.normal(size=(256, 10)), rng.integers(0, 3, 256), loss="softmax_cross_entropy", **settings)


@pytest.mark.parametrize("name", ERRORS)
def test_the_line_says_what_was_needed_and_what_would_fit(name, monkeypatch):
    assert is_out_of_memory(ERRORS[name])
    free = 300_000
    with pytest.raises(nnx.OutOfMemoryError) as error:
        train(ERRORS[name], monkeypatch, free, batch_size=256, compile=False, epochs=1)
    text = str(error.value)
    found = re.fullmatch(
        r"out of memory on numpy, float32: a step on 256 rows needs (.*) GiB beside data and weights, "
        r"(.*) GiB are free; batch_size=(\d+) would fit, or micro_batches=(\d+)",
        text,
    )
    assert found, text
    assert float(found[1]) == pytest.approx(3 * 256 * 200 * 4 / GIB, abs=0.01)
    fits = int(found[3])
    assert fits & (fits - 1) == 0 and fits < 256 and int(found[4]) * fits == 256
    train(ERRORS[name], monkeypatch, free, rows=10**9, batch_size=fits, epochs=1)


@pytest.mark.parametrize("members", [1, 8])
def test_what_would_fit_does_and_twice_as_much_does_not(members):
    net, loss = nnx.mlp((64, 64), 10), nnx.SoftmaxCrossEntropy()
    if members > 1:
        net, loss = nnx.tabm((64, 64), 10, members=members), nnx.EnsembleLoss(loss, members)
    params = nnx.init(net, 30)

    def step(carry, x, target, weight, rows):
        z, values = net.evaluate(carry, x, train=True)
        _, grads = net.backprop(carry, values, loss.backprop(loss.evaluate(z, target)[1]))
        return {name: p - 0.1 * grads[name] for name, p in carry.items()}

    like = ((30,), "float32"), ((), "int64"), None
    few, many = (step_bytes(step, params, like, rows) for rows in (512, 1024))
    assert 1.9 < many / few < 2.1
    assert many > members * 1024 * 4 * (64 + 64 + 64)  # what is kept from evaluate to backprop, at least
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step_bytes(step, params, like, 2**18)  # hundreds of megabytes of which none is written on
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 100_000


def test_another_error_is_left_alone(monkeypatch):
    with pytest.raises(RuntimeError, match="nothing of the kind"):
        train(RuntimeError("nothing of the kind"), monkeypatch, 0, compile=False, epochs=1)


def test_a_network_that_never_fits_is_said_to_be_too_large(monkeypatch):
    with pytest.raises(nnx.OutOfMemoryError, match="a smaller network would fit"):
        train(MemoryError(), monkeypatch, 1, batch_size=256, compile=False, epochs=1)


def test_data_that_does_not_fit(monkeypatch):
    monkeypatch.setattr(numpy_backend, "put", lambda *args: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(
        nnx.OutOfMemoryError, match=r"the data and the weights do not fit .* x as a numpy.memmap, needs less"
    ):
        nnx.fit(nnx.Dense(3), np.ones((4, 2)), np.ones((4, 3)), loss="squared_error", backend="numpy")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_estimators_say_it_with_the_same_words(solver, monkeypatch):
    monkeypatch.setattr(numpy_backend, "free_memory", lambda device: 2**20)
    rng = np.random.default_rng(0)
    est = nnx.MLPClassifier((4,), solver=solver, activation=Frozen(), max_iter=2)
    with pytest.raises(nnx.OutOfMemoryError, match=r"out of memory on numpy, float64: .* GiB are free"):
        est.fit(rng.normal(size=(64, 3)), np.arange(64) % 2)
    assert not hasattr(est, "coefs_")


@dataclass(frozen=True)
class Frozen(nnx.Layer):
    """A layer for which there is never enough memory."""

    def evaluate(self, params, x, *, train=False, key=None):
        raise MemoryError

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy, {}


def test_a_population_is_told_how_many_members_to_train_at_once():
    text = str(too_little(nnx.backend("numpy"), 64, lambda rows: rows * 2**30, members=8))
    assert text.endswith("or n_members_per_run=4")


def test_the_shell_is_told_its_own_options():
    text = str(too_little(nnx.backend("numpy"), 64, lambda rows: rows * 2**24))
    assert "batch_size=" in text and "micro_batches=" in text
    assert (
        "--batch-size " in in_options(text) and "--micro-batches " in in_options(text) and "=" not in in_options(text)
    )


def test_initial_parameters_that_the_host_has_no_room_for():
    with pytest.raises(nnx.OutOfMemoryError, match=r"the initial parameters need .* GiB, .* GiB are free"):
        nnx.init(nnx.Dense(2**20), 2**20)
