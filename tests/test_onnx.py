"""ONNX models: what onnxruntime computes is what nnx computes, and what has no ONNX form says so in one line."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from tables import LAYERS, LOSSES, generator, network_of, rows_of

import nnx
from nnx.onnx import graph as graphs, layers as exporters, register_sklearn

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

ROWS = (1, 7, 1000)


def run(made, x, name="x"):
    """The outputs of a model by name."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {name: x}), strict=True))


def close(found, wanted, absolute=1e-6, relative=1e-5):
    np.testing.assert_allclose(found, wanted, atol=absolute, rtol=relative)


def same_labels(label, p):
    """The label of each row is that of the largest p, where the two largest are not within a rounding of each other."""
    best = np.sort(p, axis=-1)
    sure = best[..., -1] - best[..., -2] > 1e-6
    np.testing.assert_array_equal(label[sure], p.argmax(axis=-1)[sure])


def moved(net, params, rng):
    """Parameters as training leaves them: no gain of 1, no mean of 0."""
    step = {name: rng.uniform(0.5, 1.5, p.shape).astype(p.dtype) for name, p in params.items()}
    return {name: p * step[name] if name.endswith("W") else step[name] for name, p in params.items()}


@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_what_it_gives_in_nnx(name, dtype, opset):
    (net, features), rng = LAYERS[name], generator(name)
    params = moved(net, nnx.init(net, features, dtype=dtype), rng)
    made = nnx.to_onnx(net, params=params, opset=opset, row=None if isinstance(features, int) else features)
    for rows in ROWS:
        x = (3 * rows_of(rng, rows, features)).astype(np.float32)
        found = run(made, x)["prediction"]
        assert found.dtype == np.float32
        wanted = nnx.predict(net, params, x.astype(dtype))
        close(found, wanted, absolute=1e-6 * max(1.0, abs(wanted).max()))  # sums of large numbers may cancel


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_means_what_it_means_in_nnx(name):
    (loss, outputs, _), rng = LOSSES[name], generator(name)
    k, one = loss.copies, getattr(loss, "loss", loss)
    view = [nnx.EnsembleView(k), nnx.ScaleEnsemble(k)]
    net = network_of(loss, outputs) if k == 1 else nnx.Chain(*view, nnx.mlp((16,), outputs, activation="tanh"))
    params = moved(net, nnx.init(net, 5), rng)
    made = nnx.to_onnx(net, params=params, loss=loss)
    for rows in ROWS:
        x = rng.normal(size=(rows, 5)).astype(np.float32)
        wanted, found = nnx.predict(net, params, x, loss=loss), run(made, x)
        p = found.pop("probabilities" if "probabilities" in found else "prediction")
        assert p.shape == wanted.shape
        if isinstance(one, nnx.SoftmaxCrossEntropy):
            close(p, wanted, relative=0)
            same_labels(found.pop("label"), wanted)
        elif isinstance(one, nnx.BinaryCrossEntropy):
            close(p, wanted, relative=0)
            sure = abs(wanted - 0.5) > 1e-6
            np.testing.assert_array_equal(found.pop("label")[sure], (wanted > 0.5)[sure])
        else:
            close(p, wanted)
        assert not found


def kinds(net):
    """The classes of a network's layers."""
    parts = [*getattr(net, "layers", ()), *(getattr(net, own) for own in ("layer", "net") if hasattr(net, own))]
    return {type(net)}.union(*map(kinds, parts))


def test_every_layer_and_every_loss_has_its_form():
    assert set(exporters.LAYERS) == set(nnx.layers.LAYERS.values())
    assert set().union(*(kinds(net) for net, _ in LAYERS.values())) == set(exporters.LAYERS)
    for kind in nnx.losses.LOSSES.values():
        net = nnx.Dense(3)
        assert nnx.to_onnx(net, params=nnx.init(net, 2), loss=kind()).graph.output, kind


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("opset", [13, 17, 21])
@pytest.mark.parametrize("kind", ["tabm", "mini", "packed"])
def test_a_network_of_members_gives_their_mean(kind, opset, dtype):
    rng, loss = np.random.default_rng(0), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4)
    net = nnx.tabm((8, 5), 3, members=4, kind=kind)
    params = moved(net, nnx.init(net, 6, dtype=dtype), rng)
    made, alone = (nnx.to_onnx(net, params=params, loss=given, opset=opset, dtype=dtype) for given in (loss, None))
    for rows in (0, *ROWS):
        x = rng.normal(size=(rows, 6)).astype(dtype)
        close(run(made, x)["probabilities"], nnx.predict(net, params, x, loss=loss))
        close(run(alone, x)["prediction"], nnx.predict(net, params, x))
    with pytest.raises(nnx.SettingError, match="the loss is for 1 members, the network has 4"):
        nnx.to_onnx(net, params=params, loss=nnx.SoftmaxCrossEntropy())


ACTIVATIONS = [layer() for layer in nnx.layers.ACTIVATIONS.values()]
PARTS = st.one_of(
    st.sampled_from([*ACTIVATIONS, nnx.LayerNorm(), nnx.BatchNorm(), nnx.Dropout(0.3)]),
    st.builds(nnx.Dense, st.integers(1, 9)),
)


def residual(part):
    return part if isinstance(part, nnx.Dense) else nnx.Residual(part)


CONCATS = st.recursive(PARTS, lambda parts: st.lists(parts, min_size=1, max_size=3).map(lambda p: nnx.Concat(*p)))
CHAINS = st.lists(CONCATS | PARTS.map(residual), min_size=1, max_size=5).map(lambda layers: nnx.Chain(*layers))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(CHAINS, st.integers(1, 6), st.integers(0, 5), st.sampled_from([13, 17, 21]))
def test_any_chain_gives_what_it_gives_in_nnx(net, features, rows, opset):
    rng = np.random.default_rng(features)
    params = moved(net, nnx.init(net, features, dtype="float64"), rng)
    x = rng.normal(size=(rows, features))
    made = nnx.to_onnx(net, params=params, opset=opset, dtype="float64")
    wanted = nnx.predict(net, params, x)
    close(run(made, x)["prediction"], wanted, absolute=1e-6 * max(1.0, abs(wanted).max(initial=0)))


X = np.random.default_rng(0).normal(size=(60, 4))
CLASSES = np.array(["low", "middle", "high"])
LABELS = {
    "binary": X[:, 0] > 0,
    "numbers": (X[:, 0] > 0) * 2.0 + 3,
    "text": CLASSES[np.digitize(X[:, 1], [-0.5, 0.5])],
    "objects": CLASSES[np.digitize(X[:, 1], [-0.5, 0.5])].astype(object),
    "several labels": (X[:, :3] > 0).astype(int),
    "several targets": np.stack([np.digitize(X[:, 0], [-0.5, 0.5]) + 3, X[:, 1] > 0], axis=1),
    "several texts": np.stack([CLASSES[np.digitize(X[:, i], [-0.5, 0.5])] for i in (0, 1)], axis=1).astype(object),
    "one class": np.full(60, "all"),
}


SHORT = pytest.mark.filterwarnings("ignore:lbfgs failed:sklearn.exceptions.ConvergenceWarning")  # a few steps will do


def classifier(**settings):
    return nnx.MLPClassifier((8,), random_state=0, solver="lbfgs", max_iter=5, **settings)


def regressor(**settings):
    return nnx.MLPRegressor(hidden_layer_sizes=(8,), random_state=0, solver="lbfgs", max_iter=5, **settings)


@SHORT
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("task", LABELS)
def test_a_classifier_predicts_as_in_scikit_learn(task, dtype):
    est = classifier(activation="gelu").fit(X.astype(dtype), LABELS[task])
    x = X.astype(np.float32)
    found, wanted = run(nnx.to_onnx(est), x), est.predict_proba(x)
    for i, p in enumerate(wanted if isinstance(wanted, list) else [wanted]):
        close(found.pop(f"probabilities_{i}" if isinstance(wanted, list) else "probabilities"), p, relative=0)
    np.testing.assert_array_equal(found.pop("label"), est.predict(x))
    assert not found


@SHORT
@pytest.mark.parametrize("task", ["binary", "several labels", "several targets"])
def test_an_estimator_fitted_on_another_library_is_exported(task):
    import torch

    est = classifier().fit(torch.asarray(X, dtype=torch.float32), torch.asarray(LABELS[task]))
    x = X.astype(np.float32)
    np.testing.assert_array_equal(run(nnx.to_onnx(est), x)["label"], est.predict(x))


@SHORT
def test_one_class_has_one_column_where_that_is_fixed():
    est = classifier(fixes="one_class").fit(X, LABELS["one class"])
    assert (run(nnx.to_onnx(est), X.astype(np.float32))["probabilities"] == np.ones((60, 1))).all()


@SHORT
@pytest.mark.parametrize(
    ("options", "targets"),
    [
        ({}, 1),
        ({"norm": "layer", "dropout": 0.0, "activation": "mish"}, 3),
        ({"loss": "poisson"}, 1),
        ({"loss": "quantile", "quantile": (0.1, 0.5, 0.9)}, 1),
        ({"out_activation": "sigmoid", "loss": "huber"}, 2),
    ],
)
def test_a_regressor_predicts_as_in_scikit_learn(options, targets):
    y = abs(X[:, :targets]) if targets > 1 else abs(X[:, 0])
    est = regressor(**options).fit(X, y)
    x = X.astype(np.float32)
    found, wanted = run(nnx.to_onnx(est), x)["prediction"], est.predict(x.astype(np.float64))
    assert found.shape == wanted.shape
    close(found, wanted)
    close(run(nnx.to_onnx(est, dtype="float64"), X)["prediction"], est.predict(X), absolute=0, relative=1e-12)


def test_a_fit_and_a_model_loaded_elsewhere_are_exported(tmp_path):
    x, y = X.astype(np.float32), np.digitize(X[:, 1], [-0.5, 0.5])
    net = nnx.Chain(nnx.Dense(8), nnx.BatchNorm(), nnx.GELU(), nnx.Dropout(0.2), nnx.Dense(3))
    fit = nnx.fit(net, x, y, loss="softmax_cross_entropy", epochs=3)
    nnx.save(tmp_path / "model.safetensors", fit.net, fit.params, loss=fit.loss)
    path = tmp_path / "model.onnx"
    nnx.to_onnx(fit, path, classes=CLASSES)
    found = run(onnx.load(path), x)
    close(found["probabilities"], fit.predict(x), relative=0)
    np.testing.assert_array_equal(found["label"], CLASSES[fit.predict(x).argmax(axis=1)])
    assert sorted(os.listdir(tmp_path)) == ["model.onnx", "model.safetensors"]
    pytest.importorskip("torch", reason="torch is not installed")
    model = nnx.load(tmp_path / "model.safetensors", backend="torch")
    close(run(nnx.to_onnx(model), x)["probabilities"], found["probabilities"], absolute=0, relative=0)


IMAGES = nnx.Chain(nnx.Conv2D(4, 3), nnx.ReLU(), nnx.MaxPool(2), nnx.Flatten(), nnx.Dense(3))


def test_a_fit_on_images_and_its_file_know_the_shape_of_a_row(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 8, 6, 1)).astype(np.float32)
    y = np.digitize(x.mean(axis=(1, 2, 3)), [-0.1, 0.1])
    fit = nnx.fit(IMAGES, x, y, loss="softmax_cross_entropy", epochs=3)
    nnx.save(tmp_path / "model.safetensors", fit)
    found = run(nnx.to_onnx(fit, classes=CLASSES), x)
    close(found["probabilities"], fit.predict(x), relative=0)
    np.testing.assert_array_equal(found["label"], CLASSES[fit.predict(x).argmax(axis=1)])
    model = nnx.load(tmp_path / "model.safetensors")
    assert run(nnx.to_onnx(model), x[:0])["probabilities"].shape == (0, 3)
    close(run(nnx.to_onnx(model), x)["probabilities"], found["probabilities"], absolute=0, relative=0)


def test_parameters_alone_do_not_tell_the_shape_of_an_image(tmp_path):
    params = nnx.init(IMAGES, (8, 6, 1))
    for call in (
        lambda: nnx.to_onnx(IMAGES, params=params),
        lambda: nnx.save(tmp_path / "model.safetensors", IMAGES, params),
    ):
        with pytest.raises(nnx.NNXError, match=r"give its shape, such as row=\(28, 28, 1\)$"):
            call()
    with pytest.raises(nnx.SettingError, match=r"a population \(1,\).* or row=, if a row of x has several axes"):
        nnx.to_onnx(DENSE, params=nnx.init(DENSE, (4, 2)))
    shape = nnx.to_onnx(IMAGES, params=params, row=[8, 6, 1]).graph.input[0].type.tensor_type.shape
    assert [dim.dim_param or dim.dim_value for dim in shape.dim] == ["rows", 8, 6, 1]


def test_the_model_says_where_it_is_from():
    net = nnx.Chain(nnx.Dense(2), nnx.ReLU())
    made = nnx.to_onnx(net, params=nnx.init(net, 3), loss=nnx.Huber(0.5))
    assert (made.producer_name, made.producer_version, made.ir_version) == ("nnx", nnx.__version__, 8)
    assert [(entry.domain, entry.version) for entry in made.opset_import] == [("", 17)]
    assert "Dense(2)" in made.doc_string and "Huber(delta=0.5)" in made.doc_string
    assert {c.name for c in made.graph.initializer} == {"0.W", "0.b"}


def test_a_loss_of_ones_own_that_predicts_as_one_of_the_librarys_is_taken():
    class Sharper(nnx.SoftmaxCrossEntropy):
        def evaluate(self, z, target, weight=None):
            return super().evaluate(2.0 * z, target, weight)

    x = np.ones((2, 2), dtype=np.float32)
    wanted = nnx.predict(DENSE, PARAMS, x, loss=Sharper())
    close(run(nnx.to_onnx(DENSE, params=PARAMS, loss=Sharper()), x)["probabilities"], wanted, relative=0)


def test_features_are_found_behind_layers_without_parameters():
    net = nnx.Chain(nnx.Concat(nnx.Identity(), nnx.Residual(nnx.Tanh())), nnx.Dropout(), nnx.Dense(2))
    made = nnx.to_onnx(net, params=nnx.init(net, 3))
    assert made.graph.input[0].type.tensor_type.shape.dim[1].dim_value == 3


class Mine(nnx.Tanh):
    """A layer of one's own."""


class MyLoss(nnx.SquaredError):
    """A loss of one's own that means something of its own."""

    def predict(self, z):
        return 2 * z


@pytest.fixture
def skl2onnx():
    """skl2onnx, told of nnx's estimators."""
    import skl2onnx as module

    register_sklearn()
    return module


def pipeline(est):
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), est)


@SHORT
@pytest.mark.parametrize("opset", [13, 17, None])
@pytest.mark.parametrize("task", ["binary", "numbers", "text", "several labels", "one class"])
def test_a_pipeline_that_ends_in_a_classifier_is_exported_by_skl2onnx(skl2onnx, task, opset):
    model, x = pipeline(classifier(activation="silu", norm="layer")).fit(X, LABELS[task]), X.astype(np.float32)
    made = skl2onnx.to_onnx(model, x[:1], options={"zipmap": False}, target_opset=opset)
    found = run(made, x, "X")
    close(found["probabilities"], model.predict_proba(x), relative=0)
    np.testing.assert_array_equal(found["label"], model.predict(x))


@SHORT
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"loss": "quantile", "quantile": (0.1, 0.5, 0.9)}])
def test_a_pipeline_that_ends_in_a_regressor_is_exported_by_skl2onnx(skl2onnx, options, dtype):
    model, x = pipeline(regressor(activation="elu", **options)).fit(X, X[:, 0] ** 2), X.astype(dtype)
    found = run(skl2onnx.to_onnx(model, x[:1]), x, "X")["variable"]
    assert found.dtype == dtype
    close(found.reshape(model.predict(x).shape), model.predict(x))


@SHORT
def test_skl2onnx_gives_a_dictionary_for_each_row_where_it_is_not_told_otherwise(skl2onnx):
    model = pipeline(classifier()).fit(X, LABELS["text"])
    x = X.astype(np.float32)
    rows = run(skl2onnx.to_onnx(model, x[:1]), x, "X")["output_probability"]
    close([[row[name] for name in model.classes_] for row in rows], model.predict_proba(x), relative=0)


@SHORT
def test_several_targets_have_no_place_in_a_pipeline(skl2onnx):
    model = pipeline(classifier()).fit(X, LABELS["several targets"])
    with pytest.raises(nnx.SettingError, match="several targets"):
        skl2onnx.to_onnx(model, X[:1].astype(np.float32), options={"zipmap": False})


def test_without_skl2onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(nnx.BackendError, match="pip install skl2onnx"):
        register_sklearn()


DENSE = nnx.Dense(3)
PARAMS = nnx.init(DENSE, 2)
REFUSED = {
    "an own layer": (lambda: nnx.to_onnx(nnx.Chain(Mine()), params={}), "Mine is not one of nnx's layers"),
    "an own loss": (lambda: nnx.to_onnx(DENSE, params=PARAMS, loss=MyLoss()), "MyLoss is not one of nnx's losses"),
    "an opset": (lambda: nnx.to_onnx(DENSE, params=PARAMS, opset=22), "opset must be from 13 to 21, got 22"),
    "a type": (lambda: nnx.to_onnx(DENSE, params=PARAMS, dtype="float16"), "unknown dtype .float16."),
    "half precision": (
        lambda: nnx.onnx.network(graphs.Graph(), DENSE, {k: p.astype("float16") for k, p in PARAMS.items()}, "x", 2),
        "parameters must be float32 or float64",
    ),
    "a population": (lambda: nnx.to_onnx(DENSE, params=nnx.init(DENSE, 2, seed=(1, 2))), r"a population \(2,\)"),
    "a loss of sequences": (
        lambda: nnx.to_onnx(DENSE, params=nnx.init(DENSE, (4, 2)), row=(4, 2), loss=nnx.Huber()),
        r"0 axes of positions, the network gives rows of shape \(4, 3\): give nnx.PositionLoss\(loss, axes=1\)",
    ),
    "a row of no length": (lambda: nnx.to_onnx(DENSE, params=PARAMS, row=(0,)), "row must be at least 1"),
    "no parameters": (lambda: nnx.to_onnx(DENSE), "a network needs its parameters"),
    "other parameters": (
        lambda: nnx.to_onnx(nnx.Chain(DENSE), params=PARAMS),
        "params lacks '0.W', which the network has",
    ),
    "too few classes": (
        lambda: nnx.to_onnx(DENSE, params=PARAMS, loss=nnx.SoftmaxCrossEntropy(), classes=["a"]),
        "1 classes for 3 outputs",
    ),
    "strange classes": (
        lambda: nnx.to_onnx(DENSE, params=PARAMS, loss=nnx.SoftmaxCrossEntropy(), classes=[0.5, 1, 2]),
        "whole numbers or text",
    ),
    "objects": (
        lambda: nnx.to_onnx(DENSE, params=PARAMS, loss=nnx.SoftmaxCrossEntropy(), classes=[None, 1, 2]),
        "expected numbers or text",
    ),
    "classes beyond int64": (
        lambda: nnx.to_onnx(DENSE, params=PARAMS, loss=nnx.SoftmaxCrossEntropy(), classes=[0, 1, 2**63]),
        "classes must be below",
    ),
    "classes of a quantity": (lambda: nnx.to_onnx(DENSE, params=PARAMS, classes="abc"), "for SoftmaxCrossEntropy"),
    "no model": (lambda: nnx.to_onnx(3), "must be a Fit"),
    "a class": (lambda: nnx.to_onnx(nnx.Dense), "must be a Fit"),
    "scikit-learn's": (lambda: nnx.to_onnx(theirs("MLPRegressor")), "MLPRegressor.from_sklearn"),
    "loss beside an estimator": (lambda: nnx.to_onnx(nnx.MLPClassifier(), loss=nnx.Huber()), "leave loss= out"),
    "two inputs of a name": (lambda: twice(), "two inputs or outputs are called 'x'"),
}


def theirs(name):
    import sklearn.neural_network

    return getattr(sklearn.neural_network, name)()


def twice():
    made = nnx.onnx.Graph()
    for _ in range(2):
        made.input("x", "float32", [1])


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_refused_in_one_line(name):
    call, words = REFUSED[name]
    with pytest.raises(nnx.SettingError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_weights_that_one_file_cannot_hold_are_refused(monkeypatch):
    monkeypatch.setattr(graphs, "LIMIT", 20)
    with pytest.raises(nnx.SettingError, match="do not fit in one ONNX file"):
        nnx.to_onnx(DENSE, params=PARAMS)


def test_numbers_and_text_together_are_refused():
    y = np.array([["a", 1], ["b", 2], ["a", 2], ["b", 1]] * 5, dtype=object)
    est = nnx.MLPClassifier((2,), random_state=0)
    est.partial_fit(X[:20], y, classes=[["a", "b"], [1, 2]])
    with pytest.raises(nnx.SettingError, match="some targets are numbers and some text"):
        nnx.to_onnx(est)


def test_an_estimator_must_be_fitted():
    with pytest.raises(ValueError, match="is not fitted yet"):
        nnx.to_onnx(nnx.MLPClassifier())


def test_a_network_for_other_features_is_refused():
    made = nnx.onnx.Graph()
    with pytest.raises(nnx.ShapeError, match="x has 5 features, W expects 2"):
        nnx.onnx.network(made, DENSE, PARAMS, made.input("x", "float32", ["rows", 5]), 5)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    nnx.to_onnx(DENSE, path, params=PARAMS)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(nnx.ModelFileError, match="cannot be written: No space left on device"):
        nnx.to_onnx(DENSE, path, params=PARAMS, opset=13)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.onnx"]


def test_importing_it_imports_neither_onnx_nor_scikit_learn():
    code = "import sys, nnx.onnx, nnx; nnx.to_onnx; assert not {'onnx', 'sklearn', 'skl2onnx'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_onnx_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(nnx.BackendError, match=r"pip install 'nnx-array\[onnx\]'"):
        nnx.to_onnx(DENSE, params=PARAMS)


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_something_may_come_before_the_network(opset):
    made = nnx.onnx.Graph(opset=opset)
    age, town = made.input("age", "float64", ["rows", 1]), made.input("town", "str", ["rows", 1])
    here = made.node(
        "LabelEncoder", town, domain="ai.onnx.ml", keys_strings=["Rome"], values_floats=[1.0], default_float=0.0
    )
    z = nnx.onnx.network(made, DENSE, PARAMS, made.node("Concat", made.cast(age, "float32"), here, axis=1), 2)
    nnx.onnx.head(made, nnx.Poisson(), z, 3)
    session = runtime.InferenceSession(made.model("two columns").SerializeToString())
    columns = {"age": np.array([[0.5], [1.0]]), "town": np.array([["Rome"], ["Bonn"]], dtype=object)}
    x = np.array([[0.5, 1], [1, 0]], dtype=np.float32)
    close(session.run(None, columns)[0], nnx.predict(DENSE, PARAMS, x, loss=nnx.Poisson()))
