"""Metrics against scikit-learn's, for every form a target may have."""

import numpy as np
import pytest

import nnx

Y = np.asarray([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
LABELS = np.asarray([0, 1, 1, 1])
OF_CLASSES = (nnx.accuracy, nnx.balanced_accuracy, nnx.f1, nnx.log_loss, nnx.roc_auc)
OF_VALUES = (nnx.r2, nnx.mean_absolute_error, nnx.mean_squared_error, nnx.root_mean_squared_error)
METRICS = OF_CLASSES + OF_VALUES


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
    assert nnx.root_mean_squared_error(y, t) == pytest.approx(theirs.root_mean_squared_error(t, y))
    constant = np.ones((5, 1))
    assert nnx.r2(constant, constant) == 1.0 and nnx.r2(constant * 2, constant) == 0.0


def predictions(classes, decimals, seed, n=150):
    """Probabilities that know something of the labels, and are often equal where they have few decimals."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, n)
    p = (rng.random((n, classes)) + 0.4 * np.eye(classes)[label]).round(decimals) + 0.01
    return p / p.sum(axis=1, keepdims=True), label


def of_scikit_learn(p, label):
    """The metrics of classes by name."""
    import sklearn.metrics as theirs

    guess, two = p.argmax(axis=1), p.shape[1] == 2
    return {
        "accuracy": theirs.accuracy_score(label, guess),
        "balanced_accuracy": theirs.balanced_accuracy_score(label, guess),
        "f1": theirs.f1_score(label, guess, average="macro"),
        "log_loss": theirs.log_loss(label, p),
        "roc_auc": theirs.roc_auc_score(label, p[:, 1] if two else p, multi_class="ovr"),
    }


@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_metrics_of_classes_are_those_of_scikit_learn_for_each_member(classes, decimals, library):
    several, (_, label) = [predictions(classes, decimals, seed)[0] for seed in (1, 2)], predictions(classes, 1, 1)
    wanted = [of_scikit_learn(p, label) for p in several]
    for metric in OF_CLASSES:
        own = [w[metric.__name__] for w in wanted]
        for target in (label, np.eye(classes)[label]):
            with library.scope():
                y, t = library.array(np.stack(several)), library.backend.asarray(target)
                found = library.host(library.run(metric, y, t))
            np.testing.assert_allclose(found, own, rtol=1e-12)
        with library.scope():
            one = library.run(metric, library.array(several[1]), library.backend.asarray(label))
            assert one.shape == () and float(one) == pytest.approx(own[1], rel=1e-12)


@pytest.mark.parametrize("metric", OF_CLASSES)
def test_one_column_is_the_probability_of_class_1(metric, library):
    p, label = predictions(2, 2, 3)
    wanted = of_scikit_learn(p, label)[metric.__name__]
    for target in (label, label[:, None], label.astype(bool), label * 1.0):
        with library.scope():
            found = library.run(metric, library.array(p[:, 1:]), library.backend.asarray(target))
        assert float(found) == pytest.approx(wanted, rel=1e-12)


def test_targets_of_each_member_are_its_own(library):
    (p, a), (q, b) = predictions(3, 1, 1), predictions(3, 1, 2)
    for metric in OF_CLASSES:
        with library.scope():
            both = library.array(np.stack([p, q])), library.backend.asarray(np.stack([a, b]))
            found = library.host(library.run(metric, *both))
        np.testing.assert_allclose(found, [metric(p, a), metric(q, b)], rtol=1e-12)


def test_metrics_of_classes_by_hand():
    p = np.array([[0.75, 0.25], [0.75, 0.25], [0.25, 0.75], [0.25, 0.75]])
    assert nnx.balanced_accuracy(p, LABELS) == pytest.approx((1 + 2 / 3) / 2)
    assert nnx.f1(p, LABELS) == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert nnx.log_loss(p, LABELS) == pytest.approx(-(3 * np.log(0.75) + np.log(0.25)) / 4)
    assert nnx.roc_auc(p, LABELS) == pytest.approx(5 / 6)  # one pair of three is a tie


def test_a_class_that_does_not_occur_is_left_out_of_the_mean():
    p, label = predictions(4, 3, 5)
    seen = label != 3
    p, label = p[seen], label[seen]
    one_against_rest = [nnx.roc_auc(p[:, c : c + 1], label == c) for c in range(3)]
    assert nnx.roc_auc(p, label) == pytest.approx(np.mean(one_against_rest))
    guess = p.argmax(axis=1)
    assert nnx.balanced_accuracy(p, label) == pytest.approx(
        np.mean([np.mean(guess[label == c] == c) for c in range(3)])
    )
    with np.errstate(all="raise"):
        assert np.isnan(nnx.roc_auc(p[:, :2], np.zeros(len(p), int)))  # one class has no pairs
        assert nnx.balanced_accuracy(p[:, :2], np.zeros(len(p), int)) > 0


def test_a_label_that_is_no_class_and_what_is_no_number_count_as_wrong():
    p, label = np.array([[0.9, 0.1], [0.1, 0.9], [np.nan, np.nan]]), np.array([0, 1, 1])
    assert nnx.balanced_accuracy(p, label) == 0.75 and nnx.f1(p, label) == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(nnx.log_loss(p, label)) and np.isnan(nnx.roc_auc(p, label))
    assert nnx.f1(p[:2], np.array([0, 7])) == 0.5  # class 1 is predicted and never right


def test_probabilities_of_0_and_1_have_a_finite_log_loss(library):
    import sklearn.metrics as theirs

    p = np.array([[1.0, 0.0], [1.0, 0.0]])
    with library.scope():
        found = library.run(nnx.log_loss, library.array(p), library.backend.asarray(np.array([0, 1])))
    assert float(found) == pytest.approx(theirs.log_loss([0, 1], p), rel=1e-12)


@pytest.mark.parametrize("n", [2**10, 2**17])
def test_the_area_keeps_its_digits_in_float32(n):
    rng = np.random.default_rng(0)
    label = (np.arange(n) % 64 == 0).astype(int)
    p = (rng.random(n) + 0.3 * label).astype("float32")[:, None]
    assert nnx.roc_auc(p, label) == pytest.approx(float(nnx.roc_auc(p.astype("float64"), label)), rel=1e-6)


@pytest.mark.parametrize("name", ["balanced_accuracy", "f1", "log_loss", "roc_auc"])
def test_early_stopping_knows_what_is_better(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3))
    y = (x[:, 0] > 0).astype(int)
    rule = nnx.EarlyStopping(2, f"validation_{name}")
    assert rule.knows_what_is_better and rule.improves(0.4, 0.5) == (name == "log_loss")
    settings = dict(loss="softmax_cross_entropy", metrics=[name], early_stopping=rule, validation=0.3, epochs=8)
    fits = nnx.fit(nnx.mlp((4,), 2), x, y, members=2, **settings)
    alone = nnx.fit(nnx.mlp((4,), 2), x, y, **settings)
    for fit in (fits[0], alone):
        figures = fit.history[f"validation_{name}"]
        best = min(figures) if name == "log_loss" else max(figures)
        assert figures[fit.best_epoch - 1] == best


@pytest.mark.parametrize("metric", METRICS)
def test_shapes_that_do_not_fit_are_refused(metric):
    with pytest.raises(nnx.ShapeError, match="metric: target has shape"):
        metric(Y, np.ones((4, 3)))


COLUMN = np.array([[1.0], [0.0]])
MISTAKES = {
    "text": (COLUMN, COLUMN.astype(str), "got text"),
    "dates": (COLUMN, COLUMN.astype("int64").astype("M8[D]"), "got dates"),
    "complex": (COLUMN + 1j, COLUMN, "y: expected real numbers, got complex"),
    "complex target": (COLUMN, COLUMN + 1j, "target: expected real numbers, got complex"),
    "masked": (COLUMN, np.ma.masked_array(COLUMN, COLUMN > 0), "masked values, here 1"),
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
def test_one_number_a_row_is_a_column_of_values_and_no_probability(metric):
    y, target = np.array([0.1, 0.7, 0.4, 0.9]), np.array([0.0, 1.0, 1.0, 1.0])
    if metric not in OF_VALUES:  # it could be meant as classes
        with pytest.raises(nnx.ShapeError, match=r"must have shape \(..., rows, outputs\), got \(4,\)"):
            metric(y, target)
        return
    expected = metric(y[:, None], target[:, None])
    for given in ((y, target), (y[:, None], target), (y, target[:, None])):
        assert metric(*given) == expected
    with pytest.raises(nnx.ShapeError, match="target has shape"):
        metric(np.ones((4, 2)), np.ones(4))


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
    for metric in OF_VALUES:
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
