"""Networks of two kinds on a table: what the preset "best" trains, and what becomes of them."""

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9", reason="scikit-learn is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

import nnx
from nnx.tabular import training

rng = np.random.default_rng(0)
X = rng.normal(size=(160, 4))
X[:, 3] = rng.integers(0, 3, 160)
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
Z = X[:, 0] * 10 + 100
QUICK = dict(preset="best", epochs=3, members=5)
ESTIMATORS = {"classification": (nnx.TabularClassifier, Y), "regression": (nnx.TabularRegressor, Z)}


def made(task="regression", **settings):
    kind, y = ESTIMATORS[task]
    return kind(**QUICK | settings).fit(X, y)


def outputs(model, x):
    """Of each network: (rows, networks, outputs)."""
    return model.output(x).reshape(len(x), model.net.copies, -1)


@pytest.mark.parametrize("task", ESTIMATORS)
def test_half_of_the_networks_are_of_another_kind_and_the_mean_of_all_predicts(task):
    fitted = made(task)
    usual, tuned = fitted.model_.net.layers
    assert (usual.members, tuned.members) == (3, 2)
    assert usual.net == nnx.mlp((128, 128), 2 if task == "classification" else 1, dropout=0.1)
    assert any(isinstance(layer, nnx.ParametricActivation) for layer in tuned.net.layers)
    z = outputs(fitted.model_, fitted._encoded(X))
    if task == "classification":
        p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(fitted.predict_proba(X), p.mean(axis=1), atol=1e-6)
    else:
        target = fitted.model_.target
        np.testing.assert_allclose(fitted.predict(X), z.mean(axis=(1, 2)) * target.scale + target.mean, rtol=1e-5)


def test_each_network_holds_out_rows_of_its_own(monkeypatch):
    seen = []

    class Seen(nnx.Population):
        def __init__(self, members):
            seen.extend(members)
            super().__init__(members)

    monkeypatch.setattr(training, "Population", Seen)
    made()
    assert len(seen) == 5 and len({member.seed for member in seen}) == 5
    held = np.concatenate([member.held for member in seen])
    assert len(np.unique(held)) == len(held) == 5 * 20
    for member in seen:
        assert not np.intersect1d(member.rows, member.held).size


def test_pieces_of_numbers_are_left_out_of_the_other_kind():
    fitted = nnx.TabularRegressor(**QUICK).fit(np.repeat(X, 3, axis=0), np.repeat(Z, 3))
    pieces = fitted.model_.encoder.pieces()
    x = fitted._encoded(X)
    other = x.copy()
    other[:, pieces] += 1.0
    z, moved = outputs(fitted.model_, x), outputs(fitted.model_, other)
    assert len(pieces) > 0 and np.abs(z - moved)[:, :3].max() > 1e-4
    np.testing.assert_array_equal(z[:, 3:], moved[:, 3:])


def test_a_table_of_no_numbers_has_two_kinds_too():
    table = {"colour": np.where(Y, "red", "blue"), "size": np.where(X[:, 2] > 0, "s", "l")}
    fitted = nnx.TabularClassifier(**QUICK).fit(table, Y)
    assert fitted.model_.net.copies == 5 and fitted.score(table, Y) > 0.5


@pytest.mark.parametrize("settings", [dict(preset="default"), dict(members=1)])
def test_otherwise_all_networks_are_of_one_kind(settings):
    assert not isinstance(made(**settings).model_.net, nnx.Committee)


@pytest.mark.parametrize("task", ESTIMATORS)
def test_a_saved_one_predicts_the_same_and_so_does_onnx(task, tmp_path):
    fitted = made(task)
    fitted.save(tmp_path / "model.safetensors")
    model = nnx.load(tmp_path / "model.safetensors")
    x = fitted._encoded(X)
    np.testing.assert_array_equal(model.predict(x), fitted.model_.predict(x))
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    graph = nnx.to_onnx(model.net, params=model.params, loss=model.loss)
    session = runtime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: x.astype("float32")})[-1]
    np.testing.assert_allclose(found, model.predict(x), rtol=1e-3, atol=1e-4)


def test_intervals_and_explanations_are_those_of_all_networks():
    fitted = made()
    low, high = fitted.predict_interval(X, 0.9).T
    assert np.mean((low <= Z) & (high >= Z)) > 0.7
    explained = fitted.explain(X[:5])
    np.testing.assert_allclose(explained.base + explained.values.sum(axis=1), fitted.predict(X[:5]), rtol=1e-2)


def test_where_one_kind_is_lost_the_other_is_the_model(monkeypatch):
    kinds = training.kinds_of

    def ruined(config, prepared):
        usual, tuned = kinds(config, prepared)
        return [usual, tuned.__class__(tuned.members, tuned.net, nnx.AdamW(1e30), tuned.begin, tuned.given)]

    monkeypatch.setattr(training, "kinds_of", ruined)
    fitted = made()
    assert isinstance(fitted.model_.net, nnx.Ensemble) and fitted.model_.net.members == 3
    assert np.isfinite(fitted.predict(X)).all()


def test_a_time_limit_leaves_the_kinds_that_there_was_time_for():
    fitted = made(time_limit=1e-3, epochs=100)
    assert fitted.model_.net.copies == 3 and np.isfinite(fitted.predict(X)).all()
