"""MLX, where it is installed: chosen by name and by arrays, training as NumPy does, and what it cannot do."""

import numpy as np
import pytest

import nnx
from nnx.backends import backend_of
from nnx.cli.info import facts
from nnx.cli.verify import lines, verify

mx = pytest.importorskip("mlx.core", reason="mlx is not installed")
rng = np.random.default_rng(0)
X = rng.normal(size=(200, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)
FIT = dict(loss="softmax_cross_entropy", epochs=6, batch_size=32, seed=3)


def net():
    return nnx.Chain(nnx.Dense(16), nnx.BatchNorm(), nnx.Tanh(), nnx.Dropout(0.2), nnx.Dense(2))


@pytest.mark.parametrize("members", [None, 3])
def test_it_trains_as_numpy_does(members):
    settings = FIT if members is None else FIT | {"members": members}
    fits = [nnx.fit(net(), X, Y, backend=name, **settings) for name in ("numpy", "mlx")]
    for own, other in zip(*([fit] if members is None else list(fit) for fit in fits), strict=True):
        np.testing.assert_allclose(other.history["loss"], own.history["loss"], rtol=1e-4)
        assert other.backend.name == "mlx" and isinstance(other.params["0.W"], mx.array)


def test_it_is_chosen_by_the_arrays_given():
    x, y = mx.array(X), mx.array(Y)
    fit = nnx.fit(net(), x, y, **FIT)
    named = nnx.fit(net(), X, Y, backend="mlx", **FIT)
    assert fit.backend.name == "mlx" and fit.history["loss"] == named.history["loss"]
    assert isinstance(fit.predict(x), mx.array) and backend_of(x).name == "mlx"
    with pytest.raises(nnx.BackendError, match="mixed array libraries: x is mlx, y is numpy"):
        nnx.fit(net(), x, Y, **FIT)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_take_and_give_its_arrays():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    settings = dict(hidden_layer_sizes=(8,), max_iter=5, random_state=0)
    on_numpy = nnx.MLPClassifier(**settings).fit(X, Y)
    model = nnx.MLPClassifier(**settings).fit(mx.array(X), mx.array(Y))
    np.testing.assert_allclose(model.loss_curve_, on_numpy.loss_curve_, rtol=1e-4)
    assert isinstance(model.predict(mx.array(X)), mx.array)
    np.testing.assert_allclose(np.asarray(model.predict_proba(mx.array(X))), on_numpy.predict_proba(X), atol=1e-4)


def test_a_model_of_it_loads_on_numpy_and_back(tmp_path):
    fit = nnx.fit(net(), X, Y, backend="mlx", **FIT)
    nnx.save(tmp_path / "m.safetensors", fit)
    for name in ("numpy", "mlx"):
        model = nnx.load(tmp_path / "m.safetensors", backend=name)
        np.testing.assert_allclose(np.asarray(model.predict(X)), np.asarray(fit.predict(mx.array(X))), atol=1e-5)


def test_what_it_cannot_do_is_one_line():
    with pytest.raises(nnx.BackendError, match=r"'float64' is not supported on mlx: .*; use 'float32'"):
        nnx.backend("mlx", "float64")
    with pytest.raises(nnx.BackendError, match="backend 'mlx' cannot compile a step"):
        nnx.fit(net(), X, Y, backend="mlx", compile=True, **FIT)
    with pytest.raises(nnx.BackendError, match=r"no device 'nonsense'; this MLX has: .*mlx:cpu"):
        nnx.backend("mlx:nonsense")
    with pytest.raises(nnx.BackendError, match="integers are of int32 there, which cannot hold 1099511627776"):
        nnx.backend("mlx").integers(np.array([2**40]))


def test_its_sums_in_float64_are_why_that_is_refused():
    """Where exp of float64 has become exact, float64 can be allowed on the CPU."""
    x = np.linspace(-3.0, 3.0, 1000)
    with mx.stream(mx.cpu):
        far = abs(np.asarray(mx.exp(mx.array(x, dtype=mx.float64))) - np.exp(x)).max()
    assert far > 1e-9


def test_arrays_come_and_go_with_their_types():
    backend = nnx.backend("mlx:cpu")
    for dtype in ("float32", "int32", "uint8", "bool", "int64", "float16"):
        x = np.array([[0, 1], [2, 3]]).astype(dtype)
        back = backend.to_numpy(backend.asarray(x))
        assert back.dtype == x.dtype and np.array_equal(back, x)
    assert backend.to_numpy(mx.array([1.5], dtype=mx.bfloat16)).tolist() == [1.5]
    x = mx.array([[1.0, 2.0]])
    copy = backend.floats(x)
    copy += 1.0
    assert x.tolist() == [[1.0, 2.0]] and backend.as_floats(x) is x


def test_a_step_is_computed_before_the_next():
    """Else what waits grows from step to step, until memory is full."""
    from nnx.backends import mlx as library

    depth = []

    def step(carry, x, target, weight, rows):
        depth.append(mx.get_active_memory())
        return carry @ carry * 1e-3

    run = library.loop(step, "auto", 1, "")
    carry = run(mx.ones((256, 256)), None, None, None, mx.zeros((40, 1), dtype=mx.int32), 0, 40)
    assert max(depth) - depth[0] < 8 * 256 * 256 * 4 and carry.shape == (256, 256)


def test_info_and_verify_know_it():
    assert facts()["mlx"]["works"]
    (found,) = verify(["mlx"])
    assert found.kept and found.double is None and found.single <= 1e-4
    assert "none" in lines([found])[1]
