"""Scores are scikit-learn's; permutation importance finds what a model uses."""

import math
import warnings

import numpy as np
import pytest

import nnx
from nnx.evaluation import Evaluation, permutation_importance, scores

RNG = np.random.default_rng(0)


def predictions(rows, k, seed):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, k, rows)
    z = rng.normal(size=(rows, k))
    z[np.arange(rows), target] += 1.0
    return target, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("seed", range(3))
def test_the_scores_of_a_classification_are_scikit_learns(k, seed):
    import sklearn.metrics as metrics

    target, p = predictions(200, k, seed)
    found, guess = scores("classification", target, p), p.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(target, guess), abs=1e-12)
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, guess), abs=1e-12)
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(target, guess, average="macro"), abs=1e-12)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(target, p, labels=range(k)), abs=1e-12)
    assert ("roc_auc" in found) == (k == 2)


def test_classes_that_do_not_occur_count_as_in_scikit_learn():
    import sklearn.metrics as metrics

    target, p = predictions(60, 5, 1)
    target = np.where(target == 4, 0, target)  # 4 is predicted and never true
    p[:, 3] = 0.0  # 3 is true and never predicted
    p /= p.sum(axis=1, keepdims=True)
    found, guess = scores("classification", target, p), p.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = metrics.balanced_accuracy_score(target, guess), metrics.f1_score(target, guess, average="macro")
    assert (found["balanced_accuracy"], found["macro_f1"]) == pytest.approx(expected, abs=1e-12)
    assert found["log_loss"] == pytest.approx(metrics.log_loss(target, p, labels=range(5)), abs=1e-12)


@pytest.mark.parametrize("decimals", [1, 8])
def test_the_area_under_the_curve_is_scikit_learns_with_ties_too(decimals):
    import sklearn.metrics as metrics

    target, p = predictions(300, 2, 5)
    p1 = p[:, 1].round(decimals)
    expected = metrics.roc_auc_score(target, p1)
    assert scores("classification", target, np.stack([1 - p1, p1], axis=1))["roc_auc"] == pytest.approx(expected, 1e-12)
    assert scores("classification", target, p1[:, None])["roc_auc"] == pytest.approx(expected, 1e-12)


def test_the_area_under_the_curve_is_no_number_where_a_class_is_missing():
    assert math.isnan(scores("classification", np.zeros(3, int), np.full((3, 2), 0.5))["roc_auc"])


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_scores_of_a_regression_are_scikit_learns(outputs):
    import sklearn.metrics as metrics

    target = 50 + RNG.normal(size=(90, outputs)).squeeze()
    y = target + RNG.normal(size=target.shape)
    found = scores("regression", target, y)
    assert found["r2"] == pytest.approx(metrics.r2_score(target, y), abs=1e-12)
    assert found["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(target, y), abs=1e-12)
    if outputs == 1:
        expected = metrics.root_mean_squared_error(target, y)
        assert found["root_mean_squared_error"] == pytest.approx(expected, abs=1e-12)


def test_scores_by_hand():
    p = np.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]])
    found = scores("classification", np.array([0, 1, 1, 1]), p)
    assert found["accuracy"] == 0.75
    assert found["balanced_accuracy"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["log_loss"] == pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4)
    assert found["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["roc_auc"] == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("task", "target", "predicted", "text"),
    [
        ("classification", [0, 1], [[1.0, 0.0]], "1 predictions for 2 rows"),
        ("classification", [0, 2], [[1.0, 0.0]] * 2, "class numbers from 0 to 1"),
        ("clustering", [0], [[1.0]], "unknown task 'clustering'"),
        ("regression", [], [], "0 predictions for 0 rows"),
    ],
)
def test_what_cannot_be_scored_is_one_line(task, target, predicted, text):
    with pytest.raises(nnx.DataError, match=text):
        scores(task, np.asarray(target), np.asarray(predicted))


def test_an_evaluation_holds_its_scores():
    target, p = predictions(20, 3, 0)
    e = Evaluation.of("classification", target, p, classes=["a", "b", "c"])
    assert e.scores == scores("classification", target, p) and e.classes == ("a", "b", "c") and e.importance is None
    with pytest.raises(nnx.DataError, match="2 names for 3 classes"):
        Evaluation.of("classification", target, p, classes=["a", "b"])


def test_permutation_importance_agrees_with_scikit_learns():
    import sklearn.inspection as inspection
    from sklearn.linear_model import LinearRegression

    x = RNG.normal(size=(400, 4))
    y = x @ [3.0, 1.0, 0.3, 0.0] + RNG.normal(size=400)
    model = LinearRegression().fit(x, y)
    theirs = inspection.permutation_importance(model, x, y, n_repeats=40, random_state=0)
    names = {f"c{i}": [i] for i in range(4)}
    ours = permutation_importance(model.predict, x, names, lambda p: scores("regression", y, p)["r2"], repeats=40)
    error = 5 * np.maximum(theirs.importances_std, 1e-4) / np.sqrt(40)
    assert ours.names == ("c0", "c1", "c2", "c3")
    assert np.all(abs(ours.mean - theirs.importances_mean) < error)
    assert np.all(abs(ours.std - theirs.importances_std) < 0.5 * theirs.importances_std + 1e-4)


def test_the_columns_of_a_group_are_shuffled_together():
    x = np.eye(3)[RNG.integers(0, 3, 90)]  # one-hot: shuffled one by one, rows would have two ones or none
    seen = []

    def predict(rows):
        seen.append(rows.copy())
        return rows[:, 0]

    permutation_importance(predict, x, {"category": [0, 1, 2]}, lambda p: float(p.mean()), repeats=3)
    assert len(seen) == 4 and all(np.all(rows.sum(axis=1) == 1) for rows in seen)
    assert any(np.any(rows != x) for rows in seen[1:])


def test_a_threshold_is_that_of_the_guess_and_leaves_probabilities_alone():
    p, target = np.array([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.2, 0.8]]), np.array([0, 1, 1, 1])
    usual, low = scores("classification", target, p), scores("classification", target, p, threshold=0.2)
    assert (usual["accuracy"], low["accuracy"], low["balanced_accuracy"], low["macro_f1"]) == (0.5, 1.0, 1.0, 1.0)
    assert [usual[name] for name in ("log_loss", "roc_auc")] == [low[name] for name in ("log_loss", "roc_auc")]
    found = Evaluation.of("classification", target, p, classes=["a", "b"], threshold=0.2)
    assert found.guess.tolist() == [0, 1, 1, 1] and found.scores == low


def test_importance_is_the_same_again_and_leaves_x_alone():
    x, before = RNG.normal(size=(50, 2)), None
    before = x.copy()

    def measured(columns):
        return permutation_importance(lambda r: r[:, 0], x, columns, lambda p: -float(((p - before[:, 0]) ** 2).mean()))

    both, alone = measured({"a": [0], "b": [1]}), measured({"b": [1]})
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(both.mean, measured({"a": [0], "b": [1]}).mean)
    assert both.mean[0] > 0.1 and both.mean[1] == 0.0 == alone.mean[0]
