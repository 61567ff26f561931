"""Weights count by their ratios alone, of whatever size and wherever they are given."""

import numpy as np
import pytest

import nnx
from nnx import MLPClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
RATIOS = RNG.uniform(0.5, 2.0, 64)
NET = nnx.Chain(nnx.Dense(4), nnx.Tanh(), nnx.Dense(2))
SETTINGS = {"loss": "softmax_cross_entropy", "epochs": 2, "batch_size": 24, "shuffle": False, "seed": 1}
SIZES = {
    "1e37": RATIOS * 1e37,
    "1e37 in float32": (RATIOS * 1e37).astype(np.float32),
    "1e-46": RATIOS * 1e-46,
    "1e300": RATIOS * 1e300,
    "1e-300": RATIOS * 1e-300,
    "2^61": (RATIOS * 2**61).astype(np.uint64),
    "a list": (RATIOS * 1e38).tolist(),
}


def fitted(weight, backend=None, **settings):
    return nnx.fit(NET, X, Y, sample_weight=weight, backend=backend, **(SETTINGS | settings))


def streamed(weight):
    weight = np.asarray(weight)
    parts = [slice(i, i + 24) for i in range(0, 64, 24)]
    return nnx.fit(NET, [(X[s], Y[s], weight[s]) for s in parts], **SETTINGS)


def mapped(weight, path):
    np.save(path / "x.npy", X)
    return nnx.fit(NET, np.load(path / "x.npy", mmap_mode="r"), Y, sample_weight=weight, **SETTINGS)


def own_loop(weight):
    value, saved = nnx.SoftmaxCrossEntropy().evaluate(X[:, :2], Y, np.asarray(weight))
    return [value, *nnx.SoftmaxCrossEntropy().backprop(saved).ravel()]


def estimator(weight):
    settings = {"max_iter": 2, "alpha": 0.0, "random_state": 0, "batch_size": 24}
    with pytest.warns(match="Maximum iterations"):
        return MLPClassifier((4,), **settings).fit(X, Y, sample_weight=weight).loss_curve_


DOORS = {
    "arrays": lambda weight, path: fitted(weight).history["loss"],
    "micro-batches": lambda weight, path: fitted(weight, micro_batches=3).history["loss"],
    "torch": lambda weight, path: fitted(weight, "torch").history["loss"],
    "jax": lambda weight, path: fitted(weight, "jax").history["loss"],
    "a population": lambda weight, path: fitted(weight, members=2)[0].history["loss"],
    "a stream": lambda weight, path: streamed(weight).history["loss"],
    "a file": lambda weight, path: mapped(weight, path).history["loss"],
    "validation": lambda weight, path: fitted(None, validation=(X, Y, weight)).history["validation_loss"],
    "an own loop": lambda weight, path: own_loop(weight),
    "an estimator": lambda weight, path: estimator(np.asarray(weight)),
}
TORCH = {door: [pytest.mark.torch] if door == "torch" else [] for door in DOORS}


@pytest.mark.parametrize("door", [pytest.param(door, marks=TORCH[door]) for door in DOORS])
def test_only_the_ratios_of_weights_count(door, tmp_path):
    expected = DOORS[door](RATIOS, tmp_path)
    assert DOORS[door](np.ones(64), tmp_path) != pytest.approx(expected, rel=1e-4)
    few = 2 if door in ("torch", "jax") else len(SIZES)  # each is compiled
    for name, weight in list(SIZES.items())[:few]:
        assert DOORS[door](weight, tmp_path) == pytest.approx(expected, rel=2e-6, abs=1e-8), name


WRONG = {
    "all 0": (np.zeros(64), "0"),
    "negative": (-RATIOS, "negative"),
    "not a number": (np.full(64, np.nan), "finite"),
    "infinite": (np.full(64, np.inf), "finite"),
}


@pytest.mark.parametrize("name", WRONG)
def test_weights_without_a_meaning_are_refused_in_one_line(name, tmp_path):
    weight, word = WRONG[name]
    for door in ("arrays", "a population", "a file", "validation", *([] if name == "all 0" else ["a stream"])):
        with pytest.raises(nnx.DataError, match=word) as error:
            DOORS[door](weight, tmp_path)
        assert len(str(error.value)) <= 200 and "\n" not in str(error.value), door


def test_a_part_of_the_rows_that_has_no_weight_is_refused():
    weight = np.ones(64)
    held = fitted(None, validation=0.25, shuffle=True)
    assert held.history["validation_loss"]
    weight[:] = 0
    weight[0] = 1  # of all rows one counts: it is trained on, or held out
    for settings in ({}, {"members": 2}):
        with pytest.raises(nnx.DataError, match="sample_weight is 0 in all of the"):
            fitted(weight, validation=0.25, **settings)


def test_a_batch_without_weight_changes_nothing_but_what_others_do():
    weight = np.ones(64)
    weight[:24] = 0  # the first batch
    some, rest = fitted(weight, optimizer="sgd"), nnx.fit(NET, X[24:], Y[24:], optimizer="sgd", **SETTINGS)
    for name, p in rest.params.items():
        np.testing.assert_allclose(some.params[name], p, rtol=1e-6)
    assert streamed(weight).history["loss"] == pytest.approx(fitted(weight).history["loss"])
    for alpha in (0.0, 1e-4):
        net = MLPClassifier((4,), batch_size=24, shuffle=False, random_state=0, alpha=alpha, max_iter=3)
        with pytest.warns(match="Maximum iterations"):
            assert np.isfinite(net.fit(X, Y, sample_weight=weight).loss_curve_).all()
    first = MLPClassifier((4,), class_weight={0: 0.0, 1: 1.0}).partial_fit(X[Y == 0], Y[Y == 0], classes=[0, 1])
    assert first.loss_curve_ == pytest.approx([0.0], abs=1e-3)  # the penalty alone


PAIRS = {"1e38": (1e38, 3e38), "1e-38": (2e-38, 6e-38), "large integers": (10**30, 3 * 10**30)}


@pytest.mark.parametrize("name", PAIRS)
def test_only_the_ratios_of_class_weights_count(name):
    for loss, y in ((nnx.SoftmaxCrossEntropy, Y), (nnx.BinaryCrossEntropy, np.stack([Y, 1 - Y], 1).astype(float))):
        expected = fitted(None, loss=loss(class_weight=(1.0, 3.0))) if loss is nnx.SoftmaxCrossEntropy else None
        z = X[:, :2]
        value = loss(class_weight=(1.0, 3.0)).evaluate(z, y)[0]
        assert loss(class_weight=PAIRS[name]).evaluate(z, y)[0] == pytest.approx(value, rel=1e-6)
        both = loss(class_weight=(PAIRS[name], (3.0, 1.0))).evaluate(np.stack([z, z]), y)[0]
        assert both[0] == pytest.approx(value, rel=1e-6) and both[1] != pytest.approx(value, rel=1e-3)
        if expected is not None:
            got = fitted(None, loss=loss(class_weight=PAIRS[name]))
            assert got.history["loss"] == pytest.approx(expected.history["loss"], rel=1e-6)


@pytest.mark.parametrize("weights", [(0, 0), (1, -1), (1, np.nan), (1, np.inf), ((0, 0), (1, 1))])
def test_class_weights_without_a_meaning_are_refused(weights):
    for loss in (nnx.SoftmaxCrossEntropy, nnx.BinaryCrossEntropy):
        with pytest.raises(nnx.SettingError, match="class_weight") as error:
            loss(class_weight=weights)
        assert len(str(error.value)) <= 200


def test_class_weights_of_an_estimator_are_refused_where_they_have_no_meaning():
    with pytest.raises(ValueError, match="0 for every class"):
        MLPClassifier(class_weight={0: 0, 1: 0}).fit(X, Y)
    for weight in (-1, np.nan, np.inf, 1j, 10**400, "a", None):
        for train in (lambda net: net.fit(X, Y), lambda net: net.partial_fit(X, Y, classes=[0, 1])):
            with pytest.raises(ValueError, match="class_weight: expected finite numbers of at least 0") as error:
                train(MLPClassifier(class_weight={0: 1, 1: weight}))
            assert len(str(error.value)) <= 200
    with pytest.raises(ValueError, match="0 for every class"):
        MLPClassifier(class_weight={0: 0, 1: 0}).partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="class_weight 'balanced' is not supported for partial_fit"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1])


SCORED = {
    "classifier": lambda: MLPClassifier((4,), max_iter=2, random_state=0),
    "regressor": lambda: nnx.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, random_state=0),
    "ensemble of classifiers": lambda: nnx.EnsembleClassifier(SCORED["classifier"](), 2, random_state=0),
    "ensemble of regressors": lambda: nnx.EnsembleRegressor(SCORED["regressor"](), 2, random_state=0),
    "search": lambda: nnx.PopulationSearchCV(SCORED["classifier"](), {"alpha": [1e-4]}, cv=2),
}


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", SCORED)
def test_weights_of_estimators_are_refused_or_counted_by_their_ratios(name):
    def score(weight):
        model = SCORED[name]().fit(X, Y, sample_weight=weight)
        return model.best_score_ if name == "search" else model.score(X, Y, sample_weight=weight)

    expected = score(RATIOS)
    for weight in (RATIOS / RATIOS.max() * 1e308, (RATIOS / RATIOS.max() * 1e37).astype(np.float32)):
        assert score(weight) == pytest.approx(expected, rel=1e-4)
    fitted = SCORED[name]().fit(X, Y)
    for weight, word in WRONG.values():
        word += "|non-zero|NaN|infinity"
        with pytest.raises(ValueError, match=word):
            SCORED[name]().fit(X, Y, sample_weight=weight)
        if name != "search":
            with pytest.raises(ValueError, match=word):
                fitted.score(X, Y, sample_weight=weight)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_regressor_whose_loss_is_not_finite_is_an_error(solver):
    x = np.asarray(X, np.float32)
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        nnx.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, solver=solver).fit(x, np.full(64, 1e39))
