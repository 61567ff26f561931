"""Thresholds: the best of all by trying them, 1/2 where nothing is gained, and better scores on rows not seen."""

import numpy as np
import pytest
from sklearn import metrics

import nnx
from nnx.tabular import thresholds
from nnx.tabular.thresholds import threshold

SCORES = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1": lambda t, g, **weight: metrics.f1_score(t, g, average="macro", zero_division=0, **weight),
}


def case(n, seed, positive=0.15):
    """Rows of a rare class, and probabilities that are right about it."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n) * 1.5 + np.log(positive / (1 - positive))
    p = 1 / (1 + np.exp(-z))
    return p, (rng.random(n) < p).astype(int)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize("metric", SCORES)
def test_without_a_prior_it_is_the_best_of_all_thresholds(metric, decimals, weighted, monkeypatch):
    monkeypatch.setattr(thresholds, "PRIOR", 0.0)
    for seed in range(5):
        p, label = case(80, seed)
        p = p.round(decimals)
        weight = {"sample_weight": np.random.default_rng(seed).random(80)} if weighted else {}
        t = threshold(p, label, metric, weight.get("sample_weight"))
        tried = [SCORES[metric](label, p > cut, **weight) for cut in (-1.0, *p)]
        assert SCORES[metric](label, p > t, **weight) == pytest.approx(max(tried), rel=1e-9)


def test_it_is_a_half_where_nothing_is_gained():
    p = np.array([0.1, 0.2, 0.8, 0.9])
    for metric in SCORES:
        assert threshold(p, np.array([0, 0, 1, 1]), metric) == 0.5
    assert threshold(np.array([0.3]), np.array([0]), "accuracy") == 0.5
    assert threshold(np.array([0.0, 1.0]), np.array([0, 1]), "f1") == 0.5


def test_many_rows_move_it_and_few_do_not():
    p = np.array([0.4] * 3 + [0.2] * 3)
    label = np.array([1, 1, 1, 0, 0, 0])
    assert threshold(p, label, "accuracy") == 0.5
    assert threshold(np.tile(p, 100), np.tile(label, 100), "accuracy") == pytest.approx(0.3)


@pytest.mark.parametrize("metric", ["balanced_accuracy", "f1"])
@pytest.mark.parametrize("n", [40, 2000])
def test_scores_of_a_rare_class_get_better_on_rows_not_seen(metric, n):
    gains = []
    for seed in range(20):
        t = threshold(*case(n, seed), metric)
        p, label = case(4000, 100 + seed)
        gains.append(SCORES[metric](label, p > t) - SCORES[metric](label, p > 0.5))
    assert np.mean(gains) > (0.06 if metric == "balanced_accuracy" else 0.02) and np.mean(np.array(gains) < 0) <= 0.1


def test_accuracy_is_not_made_worse_by_few_rows():
    losses = []
    for seed in range(40):
        t = threshold(*case(40, seed), "accuracy")
        p, label = case(4000, 100 + seed)
        losses.append(SCORES["accuracy"](label, p > 0.5) - SCORES["accuracy"](label, p > t))
    assert np.mean(losses) < 0.005


@pytest.mark.parametrize(
    ("p", "label", "metric", "weight", "text"),
    [
        ([0.5], [1], "roc_auc", None, "unknown metric 'roc_auc'"),
        ([0.5, 0.5], [1], "f1", None, r"expected p, labels and weight \(rows,\), got \(2,\), \(1,\)"),
        ([], [], "f1", None, "expected p, labels and weight"),
        ([1.5], [1], "f1", None, "probabilities from 0 to 1"),
        ([np.nan], [1], "f1", None, "probabilities from 0 to 1"),
        ([0.5], [2], "f1", None, "labels of 0 and 1"),
        ([0.5], [1], "f1", [-1.0], "weights that are not negative"),
        ([0.5], [1], "f1", [0.0], "weights that are not negative"),
    ],
)
def test_what_gives_no_threshold_is_one_line(p, label, metric, weight, text):
    with pytest.raises((nnx.DataError, nnx.SettingError), match=text):
        threshold(np.array(p), np.array(label), metric, None if weight is None else np.array(weight))
