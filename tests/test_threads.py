"""Several threads train at the same time: each has the bits of its training alone."""

import sys
import sysconfig
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nnx

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 5))
Y = np.digitize(X[:, 0] * X[:, 1], [-0.3, 0.3])
THREADS = 4
FIT = dict(loss="softmax_cross_entropy", epochs=6, batch_size=32)


def one(seed):
    net = nnx.Chain(nnx.Dense(8 + seed % 2), nnx.BatchNorm(), nnx.GELU(), nnx.Dropout(0.2), nnx.Dense(3))
    return nnx.fit(net, X, Y, seed=seed, **FIT).params


def tensors(seed):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    found = nnx.fit(nnx.mlp((8,), 3, dropout=0.2), torch.from_numpy(X), torch.from_numpy(Y), seed=seed, **FIT)
    return {name: p.numpy() for name, p in found.params.items()}


def population(seed):
    found = nnx.fit(nnx.mlp((8,), 3, dropout=0.2), X, Y, members=3, seed=seed, **FIT)
    return {f"{k}.{name}": p for k, fit in enumerate(found) for name, p in fit.params.items()}


def estimator(seed):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    model = nnx.MLPClassifier((8,), max_iter=6, random_state=seed, dropout=0.2, batch_size=32).fit(X, Y)
    return dict(enumerate([*model.coefs_, *model.intercepts_, model.predict_proba(X)]))


def ensemble(seed):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    model = nnx.EnsembleClassifier(nnx.MLPClassifier((6,), max_iter=4), 3, random_state=seed).fit(X, Y)
    return {"probabilities": model.predict_proba(X)}


@pytest.fixture
def often():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("train", [one, population, estimator, ensemble, tensors])
def test_each_thread_has_the_bits_of_its_training_alone(train, often):
    train(0)  # or a part that is not installed is a failure in a thread
    together = threading.Barrier(THREADS)

    def begun_together(seed):
        together.wait()
        return train(seed)

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(begun_together, range(THREADS)))
    for seed, params in enumerate(found):
        alone = train(seed)
        assert params.keys() == alone.keys()
        for name, p in alone.items():
            np.testing.assert_array_equal(np.asarray(params[name]), np.asarray(p), err_msg=f"{seed}: {name}")


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python is not free-threaded")
def test_importing_nnx_leaves_the_threads_free():
    assert not sys._is_gil_enabled()
