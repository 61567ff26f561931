"""Settings at the ends of the types' ranges, figures that are no numbers, and batches of one row."""

from dataclasses import fields

import numpy as np
import pytest

import nnx
from nnx.settings import check_range
from nnx.training.judge import Judge

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = X @ RNG.normal(size=(3, 2)).astype(np.float32)
KINDS = [
    *(nnx.SGD, nnx.Momentum, nnx.Nesterov, nnx.RMSProp, nnx.Adagrad, nnx.Adam, nnx.AdamW, nnx.Lion),
    *(lambda **given: nnx.ClipNorm(nnx.SGD(), **given), lambda **given: nnx.ClipValue(nnx.SGD(), **given)),
    *(lambda **given: nnx.WeightDecay(nnx.SGD(), **given), nnx.Huber, nnx.BinaryCrossEntropy, nnx.SoftmaxCrossEntropy),
    *(nnx.LeakyReLU, nnx.ELU, nnx.Dropout, nnx.LayerNorm, nnx.BatchNorm, nnx.RMSNorm, nnx.EMA, nnx.SWA),
    *(nnx.Cosine, nnx.OneCycle, lambda **given: nnx.StepDecay(5, **given), nnx.EarlyStopping),
    *(nnx.Normal, nnx.Orthogonal),
]
FREE = {("ClipNorm", "norm"), ("ClipValue", "value"), ("Huber", "delta")}  # infinite: there is no bound


def floats(part):
    """The settings of a part that are numbers with a fraction."""
    return [f.name for f in fields(part) if isinstance(getattr(part, f.name), float)]


SETTINGS = [(kind, name) for kind in KINDS for name in floats(kind())]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 10**400], ids=["inf", "-inf", "nan", "int"])
def test_a_setting_that_is_no_finite_number_is_refused_in_one_line(value):
    for kind, name in SETTINGS:
        part = type(kind()).__name__
        if value == np.inf and (part, name) in FREE:
            assert getattr(kind(**{name: value}), name) == np.inf
            continue
        for given in (value, (0.5, value)) if part in ("SGD", "Adam", "ClipNorm", "Dropout") else (value,):
            with pytest.raises(nnx.SettingError) as error:
                kind(**{name: given})
            text = str(error.value)
            assert text.startswith(f"{part}: {name} must be") and len(text) <= 200, text


@pytest.mark.parametrize("value", [1e39, 1e-46, 1e-300, 1e300])
def test_a_setting_that_float32_does_not_have_is_refused_where_float32_computes(value):
    refused = 0
    for kind, name in SETTINGS:
        try:
            part = kind(**{name: value})
        except nnx.SettingError as error:  # it is beyond what the setting may be
            assert len(str(error)) <= 200
            continue
        check_range("float64", part)
        for whole in (part, nnx.Chain(nnx.Residual(part)) if nnx.Layer in type(part).__mro__ else part):
            with pytest.raises(
                nnx.SettingError, match=rf"{name} must be 0 or of a size from .* or give dtype='float64'"
            ):
                check_range("float32", whole)
        refused += 1
    assert refused > 8


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_training_looks_at_the_range_of_its_settings():
    def fit(dtype, **settings):
        return nnx.fit(
            nnx.Dense(2), X, Y, loss="squared_error", optimizer=nnx.SGD(1e-300), epochs=1, dtype=dtype, **settings
        )

    def estimator(dtype):
        return nnx.MLPRegressor(learning_rate_init=1e-300, max_iter=1).fit(X.astype(dtype), Y)

    for train in (fit, lambda dtype: fit(dtype, members=2), estimator):
        train("float64")
        with pytest.raises(nnx.SettingError, match="rate must be 0 or of a size"):
            train("float32")
    for weights in ((1.0, 1e39), (1.0, 1e-46)):
        with pytest.raises(nnx.SettingError, match="class_weight must be 0 or of a size"):
            check_range("float32", nnx.SoftmaxCrossEntropy(class_weight=weights))


def test_there_are_many_settings():
    assert len(SETTINGS) > 40


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bounds_that_are_infinite_bound_nothing(dtype):
    def history(optimizer, loss="squared_error", **settings):
        fit = nnx.fit(nnx.Dense(2), X, Y, loss=loss, optimizer=optimizer, epochs=3, seed=1, dtype=dtype, **settings)
        return (fit[1] if settings else fit).history["loss"]

    plain = history(nnx.SGD(0.1))
    assert history(nnx.ClipNorm(nnx.SGD(0.1), np.inf)) == plain == history(nnx.ClipValue(nnx.SGD(0.1), np.inf))
    assert history(nnx.SGD(0.1), nnx.Huber(np.inf)) == pytest.approx(plain, rel=1e-6)
    assert history(nnx.ClipNorm(nnx.SGD(0.1), 3e38)) == plain
    both = history(nnx.ClipNorm(nnx.SGD(0.1), (0.01, np.inf)), members=2)
    assert both == history(nnx.SGD(0.1), members=2)


# ---- figures that are not numbers


class Figures:
    """An engine whose monitored figure is what it is told."""

    whole = True

    def __init__(self, values):
        self.values, self.kept = values, 0

    def epoch(self, number, live, interrupt):
        self.number = number
        return {0: {"loss": 1.0, "validation_m": self.values[number - 1]}}, set()

    def keep(self, better):
        self.kept = self.number if better else self.kept


NAN = float("nan")
MONITORED = {  # figures, which epoch is the best, and after how many the training stops with a patience of 2
    "nan first": ([NAN, 0.5, 0.4, 0.3, 0.2], 5, 5),
    "nan between": ([0.5, NAN, 0.4, NAN, NAN], 3, 5),
    "nan first, then worse": ([NAN, 0.5, 0.6, 0.7, 0.1], 2, 4),
    "always nan": ([NAN] * 5, 2, 2),
    "infinite first": ([np.inf, 0.5, 0.4, 0.3, 0.2], 5, 5),
}


@pytest.mark.parametrize("sign", ["smaller", "larger"])
@pytest.mark.parametrize("name", MONITORED)
def test_a_figure_that_is_not_a_number_is_never_the_best(name, sign):
    values, best, epochs = MONITORED[name]
    values = [v if sign == "smaller" else -v for v in values]
    engine, judge = Figures(values), Judge(5, nnx.EarlyStopping(2, "validation_m", better=sign), 1)
    judge.train(engine, lambda number, figures: (), type("", (), {"seen": False})())
    assert (judge.best, judge.done, engine.kept) == ([best], epochs, best)


@pytest.mark.parametrize("members", [None, 2])
def test_early_stopping_on_a_metric_that_begins_as_nan(members):
    seen = []

    def strange(y, target):
        seen.append(1)
        return np.float32(NAN if len(seen) <= (members or 1) else 1 / len(seen))

    rule = nnx.EarlyStopping(3, "validation_strange", better="smaller")
    settings = {} if members is None else {"members": members}
    fit = nnx.fit(
        nnx.Dense(2),
        X,
        Y,
        loss="squared_error",
        epochs=6,
        validation=0.25,
        metrics=[strange],
        early_stopping=rule,
        **settings,
    )
    assert (fit if members is None else fit[0]).best_epoch == 6


# ---- batches of one row


def normed(**settings):
    net = nnx.Chain(nnx.Dense(4), nnx.Residual(nnx.Chain(nnx.BatchNorm(), nnx.Tanh())), nnx.Dense(2))
    data = settings.pop("data", (X, Y))
    return nnx.fit(net, *data, loss="squared_error", epochs=1, **settings)


SINGLE = {
    "batch_size=1": {"batch_size": 1},
    "parts of one row": {"batch_size": 4, "micro_batches": 4},
    "one row": {"data": (X[:1], Y[:1])},
    "a stream of rows": {"data": ([(X[:1], Y[:1]), (X[1:2], Y[1:2])],)},
    "members": {"batch_size": 1, "members": 2},
    "one row for each of the members": {"data": (X[:1], Y[:1]), "members": 2},
    "one row left to train on": {"data": (X[:2], Y[:2]), "validation": 0.5},
}


@pytest.mark.parametrize("name", SINGLE)
def test_batch_norm_refuses_to_learn_from_one_row_at_a_time(name):
    with pytest.raises(nnx.SettingError, match="BatchNorm learns nothing from"):
        normed(**SINGLE[name])


def test_batch_norm_takes_a_last_batch_of_one_row():
    fit = normed(batch_size=13)  # 40 rows: 13, 13, 13, 1
    assert np.isfinite(fit.history["loss"][0])


def test_batch_norm_of_an_estimator_refuses_one_row_at_a_time():
    for settings, rows in (({"batch_size": 1}, 40), ({}, 1)):
        net = nnx.MLPRegressor(hidden_layer_sizes=(4,), norm="batch", **settings)
        with pytest.raises(ValueError, match="two rows at once"):
            net.partial_fit(X[:rows], Y[:rows])


# ---- sums


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize("members", [None, 2])
def test_the_loss_of_an_epoch_is_summed_to_the_last_place(backend, members):
    x, y = np.zeros((30_000, 1), np.float32), np.full((30_000, 1), np.sqrt(0.2), np.float32)
    net, settings = nnx.Dense(1), {} if members is None else {"members": members}
    fit = nnx.fit(
        net, x, y, loss="squared_error", optimizer=nnx.SGD(0.0), epochs=1, batch_size=1, backend=backend, **settings
    )
    assert (fit if members is None else fit[1]).history["loss"][0] == pytest.approx(0.1, rel=1e-6)


def test_the_sum_of_the_weights_of_a_large_batch_is_right():
    z, weight = np.zeros((1_000_000, 1), np.float32), np.full(1_000_000, 0.1, np.float32)
    value, _ = nnx.SquaredError().evaluate(z, z + 1, weight)
    assert value == pytest.approx(0.5, rel=1e-6)
