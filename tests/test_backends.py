"""Choosing a backend, probing one, what a backend that cannot run says, and keeping what is the caller's."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import nnx
from nnx.backends import arrays, backend_of, cupy, device, is_host, namespace, probe


def test_probe_accepts_every_library(library):
    probe(library.backend)


def test_a_backend_is_found_from_an_array(library):
    with library.scope():
        x = library.array(np.ones((2, 2)))
        found = backend_of(x)
    assert (found.name, found.dtype) == (library.backend.name, "float64")
    assert found.xp.__name__ == library.backend.xp.__name__


def test_arrays_enter_by_copy(library):
    x = np.ones((2, 3))
    with library.scope():
        first = library.backend.floats(x)
        second = library.backend.floats(first)
        x[0, 0] = 7.0
        second *= 3.0
        assert float(first[0, 0]) == 1.0 and float(first[1, 1]) == 1.0


def test_arrays_come_back_as_they_went(library):
    x = np.random.default_rng(0).normal(size=(4, 3))
    with library.scope():
        np.testing.assert_array_equal(library.backend.to_numpy(library.backend.floats(x)), x)
        rows = library.backend.integers(np.arange(6).reshape(2, 3))
        assert [list(library.host(rows[i, :])) for i in range(2)] == [[0, 1, 2], [3, 4, 5]]


def test_creation_stays_on_the_device(library):
    net = nnx.Chain(nnx.Dense(3), nnx.Dropout(0.5), nnx.LayerNorm(), nnx.BatchNorm(), nnx.Dense(2))
    with library.scope():
        params = nnx.init(net, 4, backend=library.backend)
        x, y = library.array(np.ones((5, 4))), library.array(np.asarray([0, 1, 1, 0, 1]))
        z, values = net.evaluate(params, x, train=True, key=nnx.key(0, backend=library.backend))
        value, saved = nnx.SoftmaxCrossEntropy().evaluate(z, y)
        dx, grads = net.backprop(params, values, nnx.SoftmaxCrossEntropy().backprop(saved))
        state = nnx.Adam().init(params)
        where = {str(device(a)) for a in (z, value, dx, x, *grads.values(), state["step"], state["rate"])}
    assert len(where) == 1


def test_two_backends_live_in_one_process():
    import jax

    before = jax.config.jax_enable_x64
    wide, narrow = nnx.backend("jax", dtype="float64"), nnx.backend("numpy")
    with wide.scope():
        assert wide.floats([1.0]).dtype == np.float64
        with narrow.scope():
            assert narrow.floats([1.0]).dtype == np.float32
        with nnx.backend("jax").scope():
            assert nnx.backend("jax").floats([1.0]).dtype == np.float32
    assert jax.config.jax_enable_x64 == before
    with pytest.raises(nnx.BackendError, match=r"float64 is off here; compute inside backend.scope"):
        wide.floats([1.0])


def test_auto_says_what_it_chose():
    chosen = nnx.backend("auto")
    assert chosen.why.startswith("auto: ")
    probe(chosen)


# ---- the first that works, and the environment's default

X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
LIST, WHY = "cupy:97,array_api_strict", "cupy:97,array_api_strict: array_api_strict works (cupy:97: "


def model(folder):
    net = nnx.Dense(2)
    nnx.save(folder / "m.safetensors", net, nnx.init(net, 3))
    return nnx.load(folder / "m.safetensors").backend


def trained(x=X, y=Y, **settings):
    return nnx.fit(nnx.Dense(2), x, y, loss="softmax_cross_entropy", epochs=1, **settings).backend


def frame(folder):
    import pandas

    return trained(pandas.DataFrame(X), pandas.Series(Y))


def estimator(x=X, **settings):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return backend_of(nnx.MLPClassifier((3,), max_iter=1, solver="sgd", **settings).fit(x, Y).coefs_[0])


def members(folder):
    member = nnx.Member(nnx.Dense(2), nnx.SoftmaxCrossEntropy(), nnx.Adam())
    return nnx.Population([member]).fit(X, Y, epochs=1)[0].backend


def ensemble(folder):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    return backend_of(nnx.EnsembleClassifier(nnx.MLPClassifier((3,), max_iter=1), 2).fit(X, Y).estimators_[0].coefs_[0])


def search(folder):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    found = nnx.PopulationSearchCV(nnx.MLPClassifier((3,), max_iter=1), {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    return backend_of(found.best_estimator_.coefs_[0])


DOORS = {
    "backend": lambda folder: nnx.backend(),
    "load": model,
    "fit": lambda folder: trained(),
    "lists": lambda folder: trained(X.tolist(), Y.tolist()),
    "frame": frame,
    "batches": lambda folder: trained([(X, Y)], None),
    "population": members,
    "estimator": lambda folder: estimator(),
    "ensemble": ensemble,
    "search": search,
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("door", DOORS)
def test_the_environment_decides_where_nothing_else_does(door, monkeypatch, tmp_path):
    assert DOORS[door](tmp_path).name == "numpy"
    monkeypatch.setenv("NNX_BACKEND", LIST)
    assert DOORS[door](tmp_path).name == "array_api_strict"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_argument_or_an_array_decides_before_the_environment(monkeypatch):
    strict = nnx.backend("array_api_strict", "float64").floats(X)
    labels = nnx.backend("array_api_strict").integers(Y)
    monkeypatch.setenv("NNX_BACKEND", "array_api_strict")
    assert trained(backend="numpy").name == estimator(backend="numpy").name == "numpy"
    monkeypatch.setenv("NNX_BACKEND", "numpy")
    assert trained(strict, labels).name == estimator(strict).name == "array_api_strict"
    monkeypatch.setenv("NNX_BACKEND", "nonsense")
    with pytest.raises(nnx.BackendError, match="unknown backend 'nonsense'"):
        trained()
    net = nnx.Dense(2)  # a loop of one's own: where its arrays are
    params = nnx.init(net, X, seed=0)
    assert backend_of(net.evaluate(params, X)[0]).name == backend_of(params["W"]).name == "numpy"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_of_several_names_the_first_that_works_is_taken_and_said(capsys):
    assert nnx.backend(LIST).why.startswith(WHY) and nnx.backend("numpy, cupy").why == "numpy, cupy: numpy works"
    assert nnx.backend(" auto ").why.startswith(" auto : ") and nnx.backend("numpy,auto").name == "numpy"
    assert nnx.backend(LIST) == nnx.backend("array_api_strict")
    assert trained(backend=LIST, verbose=True).name == estimator(backend=LIST, verbose=True).name == "array_api_strict"
    assert [line.startswith(WHY) for line in capsys.readouterr().out.splitlines()].count(True) == 2
    assert pickle.loads(pickle.dumps(nnx.backend(LIST))).name == "array_api_strict"


@pytest.mark.parametrize("name", ["auto", "cupy:97,numpy", "torch:cpu"])
def test_a_device_is_said_once(name):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    with pytest.raises(ValueError, match="say the device once"):
        nnx.MLPClassifier(backend=name, device="cpu").fit(X, Y)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("cupi,numpy", {}, "unknown backend 'cupi': did you mean 'cupy'"),
        ("numpy,auto:cuda", {}, "unknown backend 'auto:cuda'"),
        ("auto", {"precision": "fp8"}, "precision must be 'tf32' or 'bf16', or left out; got 'fp8'"),
        ("cupy:97,cupy:98", {}, "none of cupy:97,cupy:98 works here: cupy:97: .*; cupy:98: "),
        ("cupy:97,numpy", {"precision": "tf32"}, "numpy: precision='tf32' is for float32 on a GPU"),
        ("cupy:97,numpy", {"dtype": "int8"}, "dtype 'int8' is not supported"),
    ],
)
def test_names_of_which_none_can_be_taken_are_one_line(name, settings, message):
    with pytest.raises(nnx.BackendError, match=message) as error:
        nnx.backend(name, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("numppy", "unknown backend 'numppy': did you mean 'numpy'?"),
        ("json", "unknown backend 'json'"),
        ("no such", "unknown backend"),
        ("numpy:cuda", "runs on the CPU only"),
    ],
)
def test_a_wrong_backend_name_is_one_line(name, message):
    with pytest.raises(nnx.BackendError, match=message) as error:
        nnx.backend(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["float16", "int32", "double"])
def test_a_wrong_float_type_is_one_line(dtype):
    with pytest.raises(nnx.BackendError, match=f"dtype '{dtype}' is not supported on numpy: choose one of float32"):
        nnx.backend("numpy", dtype=dtype)


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_a_device_that_is_not_there_is_one_line(library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    with pytest.raises(nnx.BackendError, match=r"no such device|no device"):
        nnx.backend(f"{library}:nonsense")


def fake_cupy(driver, runtime):
    calls = SimpleNamespace(driverGetVersion=lambda: driver, runtimeGetVersion=lambda: runtime)
    return SimpleNamespace(__version__="14.2.0", cuda=SimpleNamespace(runtime=calls))


class CudaError(RuntimeError):
    def __init__(self, status):
        super().__init__("cudaErrorSomething: some text\nmore text")
        self.status = status


@pytest.mark.parametrize(
    ("error", "driver", "runtime", "message"),
    [
        (CudaError(35), 0, 12090, "no CUDA driver was found; use backend 'numpy'"),
        (CudaError(35), 12040, 13000, "the driver knows CUDA 12.4 and CuPy wants 13: pip install 'nnx-array[cuda12]'"),
        (CudaError(35), 11080, 12090, "the driver knows CUDA 11.8 and CuPy wants 12: update the NVIDIA driver"),
        (CudaError(100), 12040, 12090, "the driver shows no GPU"),
        (RuntimeError("DynamicLibNotFoundError: libnvrtc.so.12"), 12040, 12090, "the CUDA library nvrtc was not found"),
        (ImportError("libcublas.so.12: cannot open"), 12040, 12090, "the CUDA library cublas was not found"),
        (RuntimeError("strange\nlines"), 12040, 12090, "it cannot compute: strange"),
    ],
)
def test_cupy_says_why_it_cannot_run(error, driver, runtime, message):
    text = cupy.explain(error, fake_cupy(driver, runtime))
    assert message in text and "\n" not in text and text.startswith("backend 'cupy': CuPy 14.2.0 is installed, but")


def test_mixed_libraries_are_refused(library):
    if library.backend.name == "numpy":
        pytest.skip("needs a second library")
    with library.scope():
        params = nnx.init(nnx.Dense(2), 3, backend=library.backend)
        with pytest.raises(nnx.BackendError, match="mixed array libraries: x is numpy, W is"):
            nnx.Dense(2).evaluate(params, np.ones((1, 3)))
        with pytest.raises(nnx.BackendError, match="mixed array libraries"):
            nnx.fit(nnx.Dense(2), library.array(np.ones((4, 3))), np.ones((4, 2)), loss="squared_error")


def test_not_an_array_is_one_line():
    with pytest.raises(nnx.BackendError, match="expected an array of an array API library, got set"):
        namespace({1, 2})


def test_lists_and_numpy_are_on_the_host():
    assert is_host([1, 2]) and is_host(np.ones(2)) and is_host(3.0)


def run_python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_nnx_loads_no_heavy_library():
    heavy = "{'numpy', 'sklearn', 'scipy', 'torch', 'jax', 'matplotlib', 'click', 'rich', 'pyarrow', 'pandas', 'cupy'}"
    assert run_python(f"import sys, nnx; print(sorted({heavy} & set(sys.modules)))").strip() == "[]"


def test_training_on_numpy_loads_no_other_library():
    code = """
import sys, nnx, numpy as np
nnx.fit(nnx.Dense(2), np.ones((4, 3)), [0, 1, 1, 0], loss="softmax_cross_entropy", epochs=1)
print(sorted({"sklearn", "scipy", "torch", "jax", "matplotlib", "click", "rich", "pyarrow", "cupy"} & set(sys.modules)))
"""
    assert run_python(code).strip() == "[]"


def test_constants_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(arrays, "MOST", 3)
    monkeypatch.setattr(arrays, "_constants", {})
    for k in range(9):
        assert float(arrays.constant((float(k),), np.zeros(1))[0]) == k
    assert len(arrays._constants) == 3
