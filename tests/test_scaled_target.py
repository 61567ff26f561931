"""Targets far from zero: the scaled loss, nnx.fit, populations, estimators, searches and files of them."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import nnx
from nnx.training.scale import standardised

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
SIGNAL = X[:, 0] + X[:, 1] ** 2
Y = np.stack([1e6 + 1e4 * SIGNAL, 1e-3 * X[:, 2], np.full(300, 5.0)], axis=1)
LOSSES = {
    "squared": (nnx.SquaredError(), 3),
    "absolute": (nnx.AbsoluteError(), 3),
    "huber": (nnx.Huber(0.5), 3),
    "quantile": (nnx.Quantile((0.1, 0.9)), 1),
    "ensemble": (nnx.EnsembleLoss(nnx.SquaredError(), 3), 3),
}


def network(loss, columns):
    outputs = loss.outputs(columns)
    return nnx.mlp((8,), outputs) if loss.copies == 1 else nnx.tabm((8,), outputs, members=loss.copies)


@pytest.mark.parametrize("name", LOSSES)
def test_a_scaled_target_is_trained_as_one_scaled_by_hand(name, library):
    if library.name == "jax" and name != "squared":
        pytest.skip("one compiled loop shows it")
    loss, columns = LOSSES[name]
    y, settings = Y[:, :columns], dict(epochs=3, seed=1, validation=0.2, backend=library.backend, dtype="float64")
    by_hand = StandardScaler().fit(y)
    metrics = ["mean_absolute_error"] if name != "quantile" else []
    ours = nnx.fit(network(loss, columns), X, y, loss=loss, scale_target=True, metrics=metrics, **settings)
    theirs = nnx.fit(network(loss, columns), X, by_hand.transform(y), loss=loss, **settings)
    for curve in ("loss", "validation_loss"):
        np.testing.assert_allclose(ours.history[curve], theirs.history[curve], rtol=1e-9)
    expected = library.backend.to_numpy(theirs.predict(X)) * by_hand.scale_[:columns] + by_hand.mean_[:columns]
    np.testing.assert_allclose(library.backend.to_numpy(ours.predict(X)), expected, rtol=1e-9, atol=1e-12)
    if metrics:
        assert ours.history["validation_mean_absolute_error"][-1] > 1.0  # in y's units


def test_float32_learns_what_it_would_not_learn_of_large_targets():
    settings = dict(loss="squared_error", epochs=40, validation=0.2, metrics=["r2"], optimizer=nnx.Adam(0.01))
    plain, scaled = (
        nnx.fit(nnx.mlp((32,), 3), X, Y, scale_target=given, **settings).history["validation_r2"][-1]
        for given in (False, True)
    )
    assert plain < 0 and scaled > 0.6


def test_rows_of_weight_zero_have_no_part_in_the_scale():
    spoilt = np.where(np.arange(300)[:, None] < 50, -9999.0, Y)
    weight = (np.arange(300) >= 50) * 2.0
    loss = standardised(nnx.SquaredError(), spoilt, weight)
    np.testing.assert_allclose(loss.mean, Y[50:].mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(loss.scale, [*Y[50:, :2].std(axis=0), 1.0], rtol=1e-9)


@pytest.mark.parametrize("size", [1e300, 1e-300, 1.0])
def test_the_scale_of_any_size_is_finite_and_right(size):
    loss = standardised(nnx.SquaredError(), size * Y[:, :1])
    np.testing.assert_allclose(loss.mean[0] / size, Y[:, 0].mean(), rtol=1e-12)
    np.testing.assert_allclose(loss.scale[0] / size, Y[:, 0].std(), rtol=1e-9)


def test_members_share_the_scale_and_are_what_they_are_alone():
    settings = dict(loss="squared_error", epochs=2, validation=0.2, scale_target=True)
    together = nnx.fit(nnx.mlp((6,), 3), X, Y, members=2, seed=3, **settings)
    for k, fit in enumerate(together):
        alone = nnx.fit(nnx.mlp((6,), 3), X, Y, seed=3 + k, **settings)
        assert alone.loss == fit.loss
        np.testing.assert_array_equal(alone.predict(X), fit.predict(X))


def test_a_saved_and_an_exported_network_predict_in_the_units_of_y(tmp_path):
    fit = nnx.fit(nnx.mlp((8,), 3), X, Y, loss="squared_error", epochs=3, scale_target=True)
    nnx.save(tmp_path / "m", fit.net, fit.params, loss=fit.loss)
    np.testing.assert_array_equal(nnx.load(tmp_path / "m").predict(X), fit.predict(X))
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    nnx.to_onnx(fit, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    found = session.run(["prediction"], {session.get_inputs()[0].name: X.astype("float32")})[0]
    np.testing.assert_allclose(found, fit.predict(X), rtol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("columns", [1, 3])
def test_the_regressor_is_that_within_a_transformed_target_regressor(solver, columns):
    y = Y[:, 0] if columns == 1 else Y
    settings = dict(hidden_layer_sizes=(8,), solver=solver, max_iter=20, random_state=0)
    ours = nnx.MLPRegressor(scale_target=True, **settings).fit(X, y)
    theirs = TransformedTargetRegressor(nnx.MLPRegressor(**settings), transformer=StandardScaler()).fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=1e-6)
    np.testing.assert_allclose(ours.to_sklearn().predict(X), ours.predict(X), rtol=1e-9)


def test_quantiles_and_early_stopping_are_in_the_units_of_y():
    settings = dict(hidden_layer_sizes=(16,), max_iter=60, random_state=0, scale_target=True, learning_rate_init=0.01)
    low, high = nnx.MLPRegressor(loss="quantile", quantile=(0.1, 0.9), **settings).fit(X, Y[:, 0]).predict(X).T
    assert 0.7 < ((low < Y[:, 0]) & (Y[:, 0] < high)).mean() < 0.9
    stopped = nnx.MLPRegressor(early_stopping=True, **settings).fit(X, Y[:, 0])
    assert stopped.best_validation_score_ > 0.5


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_predictions_are_in_the_units_of_the_fit_whatever_scale_target_says_later():
    y, settings = Y[:, 0], dict(hidden_layer_sizes=(4,), max_iter=5, random_state=0)
    model = nnx.MLPRegressor(scale_target=True, **settings).fit(X, y)
    expected, theirs = model.predict(X), (nnx.MLPRegressor(scale_target=True, **settings).fit(X, y)).partial_fit(X, y)
    model.set_params(scale_target=False)
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.partial_fit(X, y).predict(X), theirs.predict(X))
    expected = model.fit(X, SIGNAL).predict(X)
    np.testing.assert_array_equal(model.set_params(scale_target=True).predict(X), expected)
    assert not hasattr(model, "target_mean_") and hasattr(model.fit(X, y), "target_scale_")


def test_a_regressor_whose_rows_cannot_tell_the_target_apart_says_what_to_do():
    with pytest.raises(ValueError, match="give X in float64"):
        nnx.MLPRegressor(scale_target=True).fit(np.asarray(X, np.float32), 1e9 + SIGNAL)


def test_a_search_finds_what_grid_search_finds():
    grid, y = {"scale_target": [True, False], "alpha": [1e-4, 1.0]}, Y[:, 0]
    est = nnx.MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    ours, theirs = nnx.PopulationSearchCV(est, grid, cv=3).fit(X, y), GridSearchCV(est, grid, cv=3).fit(X, y)
    np.testing.assert_allclose(ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"], rtol=1e-6)
    assert ours.best_params_["scale_target"]


@pytest.mark.parametrize(("y", "says"), [(1e6 * SIGNAL, True), (SIGNAL, False), (SIGNAL + 11, True)])
def test_verbose_says_once_that_a_target_is_far_from_zero(y, says, capsys):
    nnx.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, verbose=True).fit(X, y)
    assert capsys.readouterr().out.count("scale_target=True") == says
    nnx.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, scale_target=True, verbose=True).fit(X, y)
    assert "scale_target" not in capsys.readouterr().out


REFUSED = {
    "classes": (
        dict(loss="softmax_cross_entropy", y=np.arange(300) % 3),
        "SoftmaxCrossEntropy is of classes or counts",
    ),
    "counts": (dict(loss="poisson"), "Poisson is of classes or counts, which have no scale"),
    "batches": (dict(y=None, x=[(X, Y)]), "give loss=nnx.ScaledLoss"),
    "no switch": (dict(scale_target="mean"), "scale_target must be True or False, got 'mean'"),
    "nan": (dict(y=np.where(Y > 1e6, np.nan, Y)), "y has"),
    "too near for float32": (dict(y=1e9 + SIGNAL), "give dtype='float64'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_scaled_is_one_line(name):
    given, message = REFUSED[name]
    settings = {"loss": "squared_error", "scale_target": True, "epochs": 1, "x": X, "y": Y} | given
    with pytest.raises(ValueError, match=message) as caught:
        nnx.fit(nnx.mlp((4,), 3), **settings)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 200
