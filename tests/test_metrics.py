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
