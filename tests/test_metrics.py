"""Metrics against scikit-learn's, for every form a target may have."""

import numpy as np
import pytest

import nnx

Y = np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
LABELS = np.asarray([0, 1, 1, 1])


@pytest.mark.parametrize("target", [LABELS, LABELS.astype(bool), np.eye(2)[LABELS], np.eye(2, dtype=int)[LABELS]])
def test_accuracy_takes_labels_and_one_hot_rows(target, library):
    with library.scope():
        target = library.backend.asarray(target)
        assert float(library.run(nnx.accuracy, library.array(Y), target)) == 0.75


@pytest.mark.parametrize("target", [LABELS, LABELS.astype(bool), LABELS[:, None], LABELS * 1.0])
def test_accuracy_of_one_probability(target):
    assert nnx.accuracy(Y[:, 1:], target) == 0.75


def test_accuracy_of_a_population():
    np.testing.assert_array_equal(nnx.accuracy(np.stack([Y, 1 - Y]), LABELS), [0.75, 0.25])


def test_metrics_are_those_of_scikit_learn():
    import sklearn.metrics as theirs

    rng = np.random.default_rng(0)
    t, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    assert nnx.r2(y, t) == pytest.approx(theirs.r2_score(t, y))
    assert nnx.mean_absolute_error(y, t) == pytest.approx(theirs.mean_absolute_error(t, y))
    assert nnx.mean_squared_error(y, t) == pytest.approx(theirs.mean_squared_error(t, y))
    constant = np.ones((5, 1))
    assert nnx.r2(constant, constant) == 1.0 and nnx.r2(constant * 2, constant) == 0.0


@pytest.mark.parametrize("metric", [nnx.r2, nnx.mean_absolute_error, nnx.mean_squared_error, nnx.accuracy])
def test_shapes_that_do_not_fit_are_refused(metric):
    with pytest.raises(nnx.ShapeError, match="metric: target has shape"):
        metric(Y, np.ones((4, 3)))


METRICS = (nnx.accuracy, nnx.r2, nnx.mean_absolute_error, nnx.mean_squared_error)
COLUMN = np.array([[1.0], [0.0]])
MISTAKES = {
    "text": (COLUMN, COLUMN.astype(str), "got text"),
    "dates": (COLUMN, COLUMN.astype("int64").astype("M8[D]"), "got dates"),
    "complex": (COLUMN + 1j, COLUMN, "y: expected real numbers, got complex"),
    "complex target": (COLUMN, COLUMN + 1j, "target: expected real numbers, got complex"),
    "masked": (COLUMN, np.ma.masked_array(COLUMN, COLUMN > 0), "masked values, here 1"),
    "one axis": (COLUMN[:, 0], COLUMN[:, 0], r"must have shape \(..., rows, outputs\), got \(2,\)"),
    "one row": (COLUMN, COLUMN[:1], "target has shape"),
    "one value": (COLUMN, COLUMN[:1, 0], "target has shape"),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_no_prediction_or_target_is_one_line(metric, name):
    y, target, text = MISTAKES[name]
    with pytest.raises((nnx.DataError, nnx.ShapeError), match=text):
        metric(y, target)


@pytest.mark.parametrize("metric", METRICS)
def test_arrays_of_two_libraries_are_one_line(metric):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for y, target in ((COLUMN, torch.tensor(COLUMN)), (torch.tensor(COLUMN), COLUMN)):
        with pytest.raises(nnx.BackendError, match="mixed array libraries: y is"):
            metric(y, target)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_the_type_of_a_prediction_does_not_change_a_metric(dtype, kind):
    y = np.array([[0], [1], [1]]) * (1 if dtype == "bool" else 120)
    target = np.array([[0], [9], [4]]) + (0.5 if kind == "float64" else 0)
    for metric in METRICS[1:]:
        assert metric(y.astype(dtype), target) == pytest.approx(metric(y * 1.0, target * 1.0), rel=1e-6)


def test_metrics_stay_in_the_range_of_numbers():
    y, target = np.array([[1000], [0]], "float16"), np.array([[0], [1]], "float16")
    assert nnx.mean_squared_error(y, target) == 500000.5 and np.isfinite(nnx.r2(y, target))
    assert nnx.mean_absolute_error(np.array([[200], [2]], "uint8"), np.array([[250], [1]], "uint8")) == 25.5
    jnp = pytest.importorskip("jax.numpy", reason="jax is not installed")
    assert float(nnx.mean_squared_error(jnp.array([[1.0]]), np.array([[2**40]]))) == pytest.approx(2.0**80)


@pytest.mark.parametrize("target", [LABELS * 0, np.eye(2)[LABELS * 0], LABELS[:, None] * 0])
def test_what_is_no_number_is_no_class(target, library):
    y = np.full((4, 1 if target.shape[-1] == 1 else 2), np.nan)
    y[0] = [0.9, 0.1][: y.shape[1]] if y.shape[1] > 1 else 0.1
    with library.scope():
        assert float(library.run(nnx.accuracy, library.array(y), library.backend.asarray(target))) == 0.25
