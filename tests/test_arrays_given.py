"""What a user gives, crossed: every type of array, in every place, at every door, ends in the right value or one line.

All that is given holds the same 0s and 1s, which every type of numbers can hold, so that the right value is that of
plain float64 and int64 arrays. What is no array of numbers is refused, in a line that says what was found.
"""

import datetime
import os
import subprocess
import sys
import warnings
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

import nnx
from nnx.evaluation import scores
from nnx.inputs import as_numbers
from nnx.training.data import make_data

N = 12
X = np.random.default_rng(0).integers(0, 2, (N, 2))
Y = np.arange(N) // 3 % 2
W = (np.arange(N) % 5 > 0).astype(int)
NET, ONE = nnx.mlp((2,), 2), nnx.mlp((2,), 1)


class Subclass(np.ndarray):
    """An array of a user's."""


class Container:
    """A user's class that NumPy makes an array of."""

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    @property
    def shape(self):
        return self.values.shape

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


def objects(kind, gaps=()):
    def make(a):
        found = np.empty(a.shape, dtype=object)
        for i in np.ndindex(a.shape):
            found[i] = kind(a[i])
        for gap in gaps:
            found.reshape(-1)[0] = gap
        return found

    return make


def dates(a):
    return np.datetime64("2020-01-01") + a.astype("m8[D]")


def table(one, whole):
    """One column by `one`, of arrays with two axes `whole` of them by name."""
    return lambda a: one(a) if a.ndim == 1 else whole({f"c{i}": one(a[:, i]) for i in range(a.shape[1])})


def pandas(dtype):
    def make(a):
        import pandas as pd

        return table(lambda c: pd.Series(c).astype(dtype), pd.DataFrame)(a)

    return make


def dummies(a):
    import pandas as pd

    return pd.Series(a) if a.ndim == 1 else pd.DataFrame({"c0": a[:, 0], "c1": a[:, 1] == 1})


def polars(dtype):
    def make(a):
        import polars as pl

        return table(lambda c: pl.Series(c.tolist()).cast(getattr(pl, dtype)), pl.DataFrame)(a)

    return make


def arrow(dtype, chunked=True):
    def make(a):
        import pyarrow as pa

        def one(c):
            c = pa.array(c.tolist()).cast(pa.type_for_alias(dtype) if isinstance(dtype, str) else dtype(pa))
            return pa.chunked_array([c]) if chunked else c

        return table(one, pa.table)(a)

    return make


def dictionary(a):
    import pyarrow as pa

    return table(lambda c: pa.chunked_array([pa.array(c).dictionary_encode()]), pa.table)(a)


def torch(dtype, change=lambda t: t):
    def make(a):
        import torch as library

        return change(library.tensor(a).to(getattr(library, dtype)))

    return make


def inference(a):
    import torch as library

    with library.inference_mode():
        return library.tensor(a).to(library.int64)


def tensor_subclass(t):
    import torch as library

    return t.as_subclass(type("Mine", (library.Tensor,), {}))


def typed(make, names, prefix=""):
    return {f"{prefix}{name}": make(name) for name in names.split()}


def numpy(dtype):
    return lambda a: a.astype(dtype)


HOST = {
    **typed(numpy, "bool int8 int16 int32 uint8 uint16 uint32 uint64 float16 float32 longdouble >f4 >i8 >u2"),
    "list": lambda a: a.tolist(),
    "floats in a list": lambda a: (a * 1.0).tolist(),
    "Fortran order": lambda a: np.asfortranarray(a),
    "a view": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read only": lambda a: np.frombuffer(a.astype("i8").tobytes(), "i8").reshape(a.shape),
    "subclass": lambda a: a.view(Subclass),
    "container": Container,
    "masked without a mask": lambda a: np.ma.array(a, mask=False),
    "objects: int": objects(int),
    "objects: bool": objects(bool),
    "objects: float": objects(float),
    "objects: decimal": objects(lambda v: Decimal(int(v))),
}
FRAMES = {
    **typed(pandas, "int64 uint8 bool float32 Int64 UInt8 Float64 boolean category object", "pandas "),
    **typed(pandas, "int64[pyarrow] bool[pyarrow] double[pyarrow]", "pandas "),
    "pandas with a column of bool": dummies,
    **typed(polars, "Int64 UInt8 Boolean Float32", "polars "),
    **typed(arrow, "int64 uint8 bool float double", "pyarrow "),
    "pyarrow array": arrow("int64", chunked=False),
    "pyarrow dictionary": dictionary,
    "pyarrow decimal": arrow(lambda pa: pa.decimal128(25, 2)),
}
TENSORS = {
    **typed(torch, "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64", "torch "),
    **typed(torch, "float16 bfloat16 float32 float64 float8_e4m3fn", "torch "),
    "torch of inference mode": inference,
    "torch with gradient": torch("float64", lambda t: t.requires_grad_()),
    "torch not contiguous": torch("float64", lambda t: t.repeat_interleave(2, 0)[::2]),
    "torch transposed": torch("float32", lambda t: t.T.contiguous().T if t.ndim == 2 else t),
    "torch subclass": torch("int64", tensor_subclass),
}
NUMBERS = HOST | FRAMES | TENSORS
FLOATS = ("float", "longdouble", ">f4", "Float", "double", "decimal", "gradient", "contiguous", "transposed")


def has_labels(name):
    """Whether the type is one of integers, which class numbers must be."""
    return not any(word in name for word in FLOATS) or name.startswith("Fortran")


def sparse(name):
    def make(a):
        import scipy.sparse

        return getattr(scipy.sparse, name)(a.reshape(len(a), -1))

    return make


def lazy(a):
    import polars as pl

    return pl.LazyFrame({"a": a.reshape(len(a), -1)[:, 0]})


def foreign(package, name):
    """An object of a class of another package, as far as it can be seen: such packages are not installed here."""
    kind = type(name, (Container,), {"__module__": f"{package}.core", "__array_namespace__": lambda self: None})
    return kind


REFUSED = {
    "dates": (dates, "dates"),
    "durations": (lambda a: a.astype("m8[s]"), "durations"),
    "text": (lambda a: a.astype(str), "text"),
    "text in a list": (lambda a: a.astype(str).tolist(), "text"),
    "StringDType": (lambda a: a.astype(np.dtypes.StringDType()), "text"),
    "bytes": (lambda a: a.astype("S"), "bytes"),
    "complex": (lambda a: a + 0j, "complex"),
    "complex64": (lambda a: a.astype("c8"), "complex"),
    "structured": (lambda a: np.zeros(a.shape, [("a", "f8")]), "structured"),
    "objects: text": (objects(str), "text"),
    "objects: bytes": (objects(lambda v: bytes([v])), "bytes"),
    "objects: date": (objects(lambda v: datetime.date(2020, 1, 1 + int(v))), "dates"),
    "objects: datetime": (objects(lambda v: datetime.datetime(2020, 1, 1 + int(v))), "dates"),
    "objects: timedelta": (objects(lambda v: datetime.timedelta(int(v))), "durations"),
    "objects: complex": (objects(complex), "complex"),
    "masked": (lambda a: np.ma.array(a, mask=a == 1), "masked"),
    "pandas datetime64[ns]": (lambda a: pandas("datetime64[ns]")(a), "dates"),
    "pandas timedelta64[ns]": (lambda a: pandas("timedelta64[ns]")(a), "durations"),
    "pandas string": (lambda a: pandas("string")(a.astype(str)), "text"),
    "pandas category of text": (lambda a: pandas("category")(a.astype(str)), "text"),
    "pandas complex": (lambda a: pandas("complex128")(a), "complex"),
    "polars String": (polars("String"), "text"),
    "polars Date": (lambda a: polars("Date")(a), "dates"),
    "polars LazyFrame": (lazy, "collect"),
    "pyarrow string": (arrow("string"), "text"),
    "pyarrow timestamp": (arrow("timestamp[s]"), "dates"),
    "dask": (foreign("dask", "Array"), "dask arrays"),
    "tensorflow": (foreign("tensorflow", "EagerTensor"), "tensorflow arrays"),
    "torch complex64": (torch("complex64"), "complex"),
    "torch sparse": (torch("float32", lambda t: t.to_sparse()), "sparse"),
    "torch CSR": (torch("float32", lambda t: (t if t.ndim == 2 else t[:, None]).to_sparse_csr()), "sparse"),
    "torch meta": (torch("float32", lambda t: t.to("meta")), "meta"),
    **{name: (sparse(name), "parse") for name in ("csr_matrix", "csc_array", "coo_array", "dok_matrix", "lil_array")},
}
NAMES = ("dates", "durations", "text", "StringDType", "objects: text", "pandas", "polars", "pyarrow")  # of classes
MATRICES = ("csr_matrix", "csc_array", "coo_array", "dok_matrix", "lil_array")

PLACES = ("x", "y", "sample_weight", "x to validate on", "y to validate on")


def data(place, given, others):
    """x, y, weights, and x and y to validate on, of which one is given."""
    plain = dict(zip(PLACES, (others(X), others(Y), others(W), others(X), others(Y)), strict=True))
    return (plain | {place: given}).values()


def figures(fit):
    return [fit.history[name][0] for name in ("loss", "validation_loss") if name in fit.history]


def fit(net, loss):
    def door(x, y, w, xv, yv):
        return figures(
            nnx.fit(net, x, y, loss=loss, sample_weight=w, validation=(xv, yv), epochs=1, batch_size=5, compile=False)
        )

    return door


def stream(x, y, w, xv, yv):
    how = {"loss": "squared_error", "epochs": 1, "compile": False}
    return figures(nnx.fit(ONE, [(x, y, w), (x, y)][:1], validation=(xv, yv), **how))


def population(x, y, w, xv, yv):
    members = [nnx.Member(ONE, "squared_error", seed=k) for k in range(2)]
    how = {"sample_weight": w, "validation": (xv, yv), "epochs": 1, "compile": False}
    return [v for f in nnx.Population(members).fit(x, y, **how) for v in figures(f)]


def estimator(kind, **settings):
    def door(x, y, w, xv, yv):
        est = kind(hidden_layer_sizes=(2,), max_iter=1, random_state=0, **settings)
        est.fit(x, y, sample_weight=w, X_val=xv, y_val=yv)
        return [est.loss_, est.validation_loss_curve_[0]]

    return door


def partial_fit(x, y, w, xv, yv):
    est = nnx.MLPRegressor(hidden_layer_sizes=(2,), random_state=0)
    return [est.partial_fit(x, y, sample_weight=w).partial_fit(x, y, w).loss_]


@cache
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classes = nnx.MLPClassifier((2,), max_iter=1, random_state=0).fit(X, Y)
        return nnx.MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0).fit(X, Y), classes


def score(number):
    return lambda x, y, w, xv, yv: [fitted()[number].score(x, y, w)]


@cache
def trained():
    return nnx.fit(ONE, X, Y, loss="squared_error", epochs=1, compile=False)


def predicted(x, y, w, xv, yv):
    return np.concat([np.asarray(trained().predict(x)).reshape(-1), np.asarray(fitted()[0].predict(x)).reshape(-1)])


DOORS = {  # what is done, and the places that it has
    "fit": (fit(ONE, "squared_error"), PLACES),
    "fit of labels": (fit(NET, "softmax_cross_entropy"), ("y", "y to validate on")),
    "stream": (stream, PLACES[:3]),
    "population": (population, ("x", "y", "y to validate on")),
    "regressor": (estimator(nnx.MLPRegressor), PLACES),
    "classifier": (estimator(nnx.MLPClassifier), ("y", "y to validate on")),
    "partial_fit": (partial_fit, ("y", "sample_weight")),
    "score": (score(0), PLACES[:3]),
    "accuracy": (score(1), ("y",)),
    "predict": (predicted, PLACES[:1]),
    "scores": (lambda x, y, w, xv, yv: list(scores("regression", y, X[:, 0] * 0.5).values()), ("y",)),
}
OF_LABELS = ("fit of labels",)
ESTIMATORS = ("regressor", "classifier", "partial_fit", "score", "accuracy", "predict")


def others_for(name):
    return torch("int64") if name.startswith("torch") else lambda a: a


@cache
def right(door):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(DOORS[door][0](*data("x", X, lambda a: a)), dtype=float)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("door", DOORS)
def test_numbers_of_any_type_give_the_right_value(door, name):
    call, places = DOORS[door]
    for place in places:
        given = NUMBERS[name](X if place.startswith("x") else W if place == "sample_weight" else Y)
        arguments = list(data(place, given, others_for(name)))
        if door in OF_LABELS and not has_labels(name):
            with pytest.raises(nnx.DataError, match="expects integer labels"):
                call(*arguments)
            continue
        np.testing.assert_allclose(np.asarray(call(*arguments), dtype=float), right(door), rtol=2e-6, err_msg=place)


def is_taken(door, name, place):
    """Whether a type that is none of numbers is right there: names of classes, and sparse rows of an estimator."""
    if door in ("classifier", "accuracy") and place.startswith("y"):
        return name.startswith(NAMES) and "complex" not in name and "Lazy" not in name
    doors = (*ESTIMATORS, "fit", "fit of labels", "stream", "predict")
    return name in MATRICES and door in doors and place.startswith("x")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("door", DOORS)
def test_what_is_no_number_is_one_line_that_says_what_it_is(door, name):
    (call, places), (make, word) = DOORS[door], REFUSED[name]
    for place in places:
        if is_taken(door, name, place):
            continue
        given = make(X if place.startswith("x") else W if place == "sample_weight" else Y)
        with pytest.raises((ValueError, TypeError)) as error:
            call(*data(place, given, others_for(name)))
        text = str(error.value)
        assert word in text and "\n" not in text and len(text) <= 200, (place, text)


NAMED = [name for name in REFUSED if is_taken("classifier", name, "y")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NAMED)
def test_names_of_classes_of_any_type_are_classes(name):
    y = REFUSED[name][0](Y)
    model = nnx.MLPClassifier((4,), solver="lbfgs", random_state=0).fit(np.column_stack([X, Y]), y)
    assert len(model.classes_) == 2 and model.score(np.column_stack([X, Y]), y) == 1.0
    assert model.predict(np.column_stack([X, Y]))[0] == (y[0] if isinstance(y, list) else np.asarray(y)[0])


JAX = "bool int8 int16 int32 uint8 uint16 uint32 float16 bfloat16 float32 float8_e4m3fn int4"


@pytest.mark.parametrize("name", JAX.split())
def test_arrays_of_jax_of_any_type_become_numbers_that_a_network_takes(name):
    jax = pytest.importorskip("jax")
    backend = nnx.backend("jax")
    for place, a in (("x", X), ("y", Y), ("sample_weight", W)):
        found = backend.floats(as_numbers(place, jax.numpy.asarray(a).astype(name)))
        np.testing.assert_array_equal(backend.to_numpy(found), a)


SHARDED = """
import jax, jax.numpy as jnp, numpy as np, nnx
from nnx.inputs import as_numbers
from nnx.training.check import choose_backend
from jax.sharding import Mesh, NamedSharding, PartitionSpec
for count in (1, 2):
    mesh = Mesh(np.array(jax.devices()[:count]), ("rows",))
    x = jax.device_put(jnp.ones((4, 2)), NamedSharding(mesh, PartitionSpec("rows")))
    try:
        print(nnx.backend("jax").floats(as_numbers("x", x)).sum())
        choose_backend(x, x, None, None, "float32")
    except nnx.DataError as error:
        print(error)
"""


def test_an_array_of_jax_on_one_device_of_a_mesh_is_taken_and_on_two_refused():
    pytest.importorskip("jax")
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SHARDED], env=os.environ | flags, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert float(first) == 8 and second.startswith("x: an array on 2 devices is not taken: give jax.device_put"), done


@pytest.mark.parametrize("name", ["complex64", "key"])
def test_other_arrays_of_jax_are_one_line(name):
    jax = pytest.importorskip("jax")
    x = jax.random.split(jax.random.key(0), 3) if name == "key" else jax.numpy.ones((3, 2), name)
    with pytest.raises(nnx.DataError, match=r"x: expected real numbers, got (complex|random)"):
        as_numbers("x", x)


# ---- integers never wrap

LARGE = {
    "int64": np.array([5, 2**32 + 5]),
    "milliseconds": np.array([5, 1_700_000_000_000]),
    "uint32": np.array([5, 2**32 - 1], dtype=np.uint32),
    "uint64": np.array([2**63 + 5, 2**64 - 1], dtype=np.uint64),
    "beyond floats": np.array([2**53, 2**53 + 1]),
    "negative": np.array([-(2**63), 2**32]),
    "floats beyond float32": np.array([2.0**24, 2.0**24 + 1]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("where", ["numpy", "list", "pandas", "torch", "X of torch", "backend"])
def test_large_numbers_as_names_of_classes_stay_what_they_are(name, where):
    classes = LARGE[name]
    y, x, settings = classes[Y], X * 1.0, {"backend": "torch"} if where == "backend" else {}
    if "torch" in where:
        import torch as library

        x = library.tensor(x)
        y = library.tensor(y.astype("uint64" if y.dtype == "uint32" else y.dtype)) if where == "torch" else y
    if where == "pandas":
        import pandas as pd

        y = pd.Series(y).astype("Float64" if y.dtype.kind == "f" else str(y.dtype).replace("u", "U").replace("i", "I"))
    model = nnx.MLPClassifier((4,), solver="lbfgs", random_state=0, **settings)
    model.fit(x, y.tolist() if where == "list" else y)
    found = np.asarray(model.classes_)
    assert found.tolist() == classes.tolist()
    assert set(np.asarray(model.predict(x)).tolist()) <= set(classes.tolist())
    assert model.score(x, y) >= 0.5 and model.score(x, classes[1 - Y]) <= 0.5


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["X of jax", "backend"])
def test_large_numbers_do_not_wrap_on_jax(way):
    jax = pytest.importorskip("jax")
    x = jax.numpy.asarray(X * 1.0) if way == "X of jax" else X * 1.0
    settings = {"backend": "jax"} if way == "backend" else {}
    for name in ("int64", "milliseconds", "uint64", "floats beyond float32"):
        model = nnx.MLPClassifier((2,), random_state=0, **settings).initialize(x, LARGE[name][Y])
        assert model.classes_.tolist() == LARGE[name].tolist()
        assert set(np.asarray(model.predict(x)).tolist()) <= set(LARGE[name].tolist())
    large = Y * 3_000_000_000
    target = (
        model._validate(x, large, reset=True)[1]
        if way == "X of jax"
        else make_data(nnx.backend("jax"), X, large, None, nnx.SquaredError()).target
    )
    assert np.asarray(target).reshape(-1).tolist() == (Y * 3e9).tolist()


OUTSIDE = {
    "int64": np.int64(2**32 + 8),
    "uint64": np.uint64(2**63 + 8),
    "negative": np.int64(-(2**32) - 8),
    "uint8": np.uint8(200),
    "int8": np.int8(-100),
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("library", ["numpy", "torch", "backend torch", "backend jax"])
def test_a_label_that_is_no_class_is_named_as_it_is(library, name):
    value = OUTSIDE[name]
    y = np.where(Y == 1, value, value.dtype.type(0))
    x, settings = X * 1.0, {"loss": "softmax_cross_entropy", "epochs": 1}
    settings |= {"backend": library.split()[1]} if library.startswith("backend") else {}
    if library == "torch":
        import torch as library

        x, y = library.tensor(x), library.tensor(y)
    fine = y * 0
    for call in (
        lambda: nnx.fit(NET, x, y, **settings),
        lambda: nnx.fit(NET, x, fine, validation=(x, y), **settings),
        lambda: nnx.fit(NET, [(x, fine), (x, y)], **settings),
    ):
        with pytest.raises(nnx.DataError, match=rf"labels must lie in 0 to \d+.*, got {int(value)}$"):
            call()


SMALL = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64"


@pytest.mark.parametrize("name", SMALL.split())
@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_labels_of_any_integer_type_meet_300_classes_in_the_loss(library, name):
    backend = nnx.backend(library)
    z = np.random.default_rng(1).normal(size=(128, 300)).astype("float32")
    labels = (np.arange(128) * (1 if name != "bool" else 0) + 1).astype(name)
    given = labels if library == "jax" and "64" in name else backend.asarray(labels)
    for loss in (nnx.SoftmaxCrossEntropy(), nnx.SoftmaxCrossEntropy(class_weight=tuple(range(1, 301)))):
        value, saved = loss.evaluate(z, labels.astype(np.int64))
        found, kept = loss.evaluate(backend.floats(z), given)
        np.testing.assert_allclose(float(found), float(value), rtol=1e-5)
        np.testing.assert_allclose(backend.to_numpy(loss.backprop(kept)), loss.backprop(saved), atol=1e-6)
    share = nnx.metrics.accuracy(backend.floats(z), given)
    assert float(share) == pytest.approx(float(nnx.metrics.accuracy(z, labels.astype(np.int64))))


def test_integers_of_the_host_beside_arrays_of_jax_do_not_wrap():
    jax = pytest.importorskip("jax")
    z = jax.numpy.zeros((1, 3))
    value, _ = nnx.SquaredError().evaluate(z[:, :1], np.array([[3_000_000_000]]))
    assert float(value) == pytest.approx(4.5e18)
    assert float(nnx.SoftmaxCrossEntropy().evaluate(z, np.array([2**32 + 1]))[0]) == 0  # of no class
    assert float(nnx.metrics.accuracy(z, np.array([2**32]))) == 0


# ---- where it is not a type that tells


def test_a_file_is_read_whatever_its_numbers_are(tmp_path):
    plain = nnx.fit(ONE, X, Y, loss="squared_error", epochs=1, shuffle=False, sample_weight=W)
    for name in ("bool", "uint8", ">i4", "float16", "longdouble"):
        x, y, w = (np.memmap(tmp_path / f"{i}.bin", name, "w+", shape=a.shape) for i, a in enumerate((X, Y, W)))
        x[:], y[:], w[:] = X, Y, W
        found = nnx.fit(ONE, x, y, loss="squared_error", epochs=1, shuffle=False, sample_weight=w)
        np.testing.assert_allclose(found.history["loss"], plain.history["loss"], rtol=1e-6)
    for name, word in (("complex64", "complex"), ("M8[s]", "dates"), ("S1", "bytes")):
        with pytest.raises(nnx.DataError, match=f"x: expected real numbers, got {word}"):
            nnx.fit(ONE, np.memmap(tmp_path / "x.bin", name, "w+", shape=X.shape), Y, loss="squared_error")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_fit_in_inference_mode_can_be_gone_on_with():
    import torch as library

    x, y = library.tensor(X * 1.0), library.tensor(Y)
    with library.inference_mode():
        model = nnx.MLPClassifier((2,), max_iter=2, random_state=0).fit(x * 1.0, y * 1)
        fit = nnx.fit(NET, x * 1.0, y * 1, loss="softmax_cross_entropy", epochs=1)
    before = model.coefs_[0] * 1.0
    model.partial_fit(x, y)
    assert bool((model.coefs_[0] != before).any())
    params = nnx.fit(NET, x, y, loss="softmax_cross_entropy", epochs=1, params=fit.params).params
    assert not any(p.is_inference() for p in params.values())


def test_missing_values_of_frames_are_named_with_their_place():
    import pandas as pd

    x = pd.DataFrame({"a": pd.Series([1, 2, None], dtype="Int64"), "b": [True, False, True]})
    with pytest.raises(nnx.DataError, match="x has 1 values that are not finite, the first in row 2, column 0"):
        nnx.fit(NET, x, [0, 1, 0], loss="softmax_cross_entropy")
    with pytest.raises(nnx.DataError, match="y has 1 values that are not finite, the first in row 2"):
        nnx.fit(NET, np.ones((3, 2)), x["a"], loss="softmax_cross_entropy")


def test_columns_that_are_declared_categories_are_categories():
    import pandas as pd
    import pyarrow as pa

    codes = np.arange(30) % 3
    plain = pd.DataFrame({"k": codes})
    text = nnx.TableEncoder(kinds={"k": "text"}).fit_transform(plain)
    given = [plain.astype("category"), {"k": plain["k"].astype("category")}]
    given += [
        pa.table({"k": pa.array(codes).dictionary_encode()}),
        pd.DataFrame({"k": (codes * 1.0)}).astype("category"),
    ]
    for x in given:
        encoder = nnx.TableEncoder().fit(x)
        np.testing.assert_array_equal(encoder.transform(x), text)
        np.testing.assert_array_equal(encoder.transform(plain), text)
    assert nnx.TableEncoder(levels=False).fit(plain).columns_[0].kind == "number"
    cut = pd.DataFrame({"k": pd.cut(codes, 3)})
    np.testing.assert_array_equal(nnx.TableEncoder().fit_transform(cut), text)


def test_categories_of_polars_are_categories():
    import polars as pl

    words = np.array(["u", "v", "w"])[np.arange(30) % 3]
    for kind in (pl.Categorical, pl.Enum(["u", "v", "w"])):
        assert nnx.TableEncoder().fit_transform(pl.DataFrame({"k": pl.Series(words).cast(kind)})).shape == (30, 3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", HOST | FRAMES | TENSORS)
def test_tables_of_numbers_of_any_type_are_encoded_alike(name):
    rows = np.concat([X, 1 - X, X[::2]])
    kinds = {"x0": "boolean", "x1": "boolean"}
    expected = nnx.TableEncoder(kinds=kinds).fit_transform(rows)
    given = NUMBERS[name](rows)
    named = name in FRAMES and not isinstance(given, np.ndarray)
    kinds = dict.fromkeys(("c0", "c1"), "boolean") if named else kinds
    np.testing.assert_array_equal(nnx.TableEncoder(kinds=kinds).fit_transform(given), expected)


ROWS = np.random.default_rng(5).normal(size=(48, 5)).astype("float32")
LAID = {  # the same rows, as they may lie in memory
    "rows": ROWS,
    "columns": np.asfortranarray(ROWS),
    "every second": np.repeat(ROWS, 2, axis=0)[::2],
    "backwards": ROWS[::-1].copy()[::-1],
    "part of a table": np.concatenate([ROWS, ROWS], axis=1)[:, :5],
}


def doors(x, y):
    """What all doors to training make of these rows, as numbers."""
    net, settings = nnx.mlp((4,), 2), dict(loss="squared_error", epochs=30, batch_size=16)
    fit = nnx.fit(net, x, y, **settings)
    several = nnx.fit(net, x, y, members=2, **settings)
    yield from (fit.history["loss"], fit.predict(x), several[1].history["loss"], several.predict(x))
    for method in ("fit", "partial_fit"):
        est = nnx.MLPRegressor(hidden_layer_sizes=(4,), max_iter=30, batch_size=16, learning_rate=nnx.StepDecay(99))
        yield getattr(est, method)(x, y).predict(x)


@pytest.mark.parametrize("order", [1, -1], ids=["rows first", "rows last"])
def test_how_rows_lie_in_memory_changes_nothing(order):
    """Whatever was trained on before in the same process: recorded steps are remembered by shapes."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    np.random.seed(0)
    expected = None
    for name in list(LAID)[::order]:
        y = np.asarray(ROWS[:, :2], order="F" if name == "columns" else "C")
        np.random.seed(0)  # the estimators draw from it
        found = [np.asarray(v).tobytes() for v in doors(LAID[name], y)]
        expected = expected or found
        assert found == expected, name
