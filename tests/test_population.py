"""A population is its members trained alone: layers, losses, optimizers, rows, stopping, widths, memory."""

from dataclasses import replace
from itertools import cycle, islice

import numpy as np
import pytest
from conftest import make
from tables import (
    LAYER_MEMBERS,
    LAYERS,
    LOSS_MEMBERS,
    LOSSES,
    MEMBERS,
    OPTIMIZERS,
    SCHEDULES,
    around,
    generator,
    network_of,
)

import nnx
from nnx.training.population import fitting, lanes, members as engine
from nnx.training.population.fit import Population
from nnx.training.population.joining import joined, kind_of, spread
from nnx.training.population.member import Member

RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 3))
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
NET = nnx.mlp((4,), 2, activation="tanh")
SOFTMAX = nnx.SoftmaxCrossEntropy()
EXACT = dict(rtol=1e-10, atol=1e-12)
COMMON = dict(epochs=3, batch_size=8, dtype="float64")


def alone(member, x=X, y=Y, **settings):
    """The member trained by `nnx.fit` on its rows."""
    if member.rows is not None:
        held = {} if member.held is None else {"validation": (x[member.held], y[member.held])}
        x, y, settings = x[member.rows], y[member.rows], settings | held
    try:
        return nnx.fit(
            member.net,
            x,
            y,
            loss=member.loss,
            optimizer=member.optimizer,
            seed=member.seed,
            params=member.params,
            **settings,
        )
    except nnx.TrainingError as error:
        return error.fit


def numbers(backend, params):
    return {name: backend.to_numpy(p) for name, p in params.items()}


def assert_same(fit, expected, exact=False, **tolerance):
    """The weights, the optimizer's state and the history of a member, and of the network trained alone."""
    assert (fit.stopped, fit.best_epoch) == (expected.stopped, expected.best_epoch)
    close = (
        np.testing.assert_array_equal if exact else lambda a, b: np.testing.assert_allclose(a, b, **tolerance or EXACT)
    )
    got, wanted = numbers(fit.backend, fit.params), numbers(expected.backend, expected.params)
    assert list(got) == list(wanted) or set(got) == set(wanted)
    for name in wanted:
        close(got[name], wanted[name])
    for name in set(expected.history) - {"seconds", "samples_per_second"}:
        close(fit.history[name], expected.history[name])
    for slot, value in expected.state.items():
        mine, theirs = fit.state[slot], value
        mine, theirs = (v if isinstance(v, dict) else {"": v} for v in (mine, theirs))
        for name in theirs:
            close(fit.backend.to_numpy(mine[name]), expected.backend.to_numpy(theirs[name]))


def compare(members, x=X, y=Y, exact=False, tolerance=None, **settings):
    """Train the members together and each alone."""
    together = Population(members).fit(x, y, **COMMON | settings)
    for fit, member in zip(together, members, strict=True):
        assert_same(fit, alone(member, x, y, **COMMON | settings), exact, **tolerance or {})
    return together


@pytest.mark.parametrize("name", LAYERS)
def test_members_with_every_layer_are_those_trained_alone(name):
    layer, features = LAYERS[name]
    net = around(layer, features)
    loss = SOFTMAX if net.copies == 1 else nnx.EnsembleLoss(SOFTMAX, net.copies)
    compare([Member(net, loss, nnx.Adam(rate), seed=k) for k, rate in enumerate((1e-3, 1e-2, 0.1))])


@pytest.mark.parametrize("name", LOSSES)
def test_members_with_every_loss_are_those_trained_alone(name):
    loss, outputs, make = LOSSES[name]
    y = make(generator(name), len(X), outputs)
    net = network_of(loss, outputs)
    compare([Member(net, loss, seed=k) for k in range(3)], y=y, validation=0.2)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_members_with_every_optimizer_are_those_trained_alone(name):
    compare([Member(NET, SOFTMAX, OPTIMIZERS[name], seed=k) for k in range(3)])


@pytest.mark.parametrize("name", MEMBERS)
def test_members_with_their_own_settings_are_those_trained_alone(name):
    together, apart = MEMBERS[name]
    assert joined(apart) == together and [spread(together, 3, k) for k in range(3)] == list(apart)
    fit = compare([Member(NET, SOFTMAX, optimizer, seed=4) for optimizer in apart])
    assert len(fit.runs) == 1


@pytest.mark.parametrize("name", LAYER_MEMBERS)
def test_members_with_their_own_layers_are_those_trained_alone(name):
    together, apart, features = LAYER_MEMBERS[name]
    assert joined(apart) == together and [spread(together, 3, k) for k in range(3)] == list(apart)
    nets = [nnx.Chain(nnx.Dense(features), layer, nnx.Dense(2)) for layer in apart]
    assert len(compare([Member(net, SOFTMAX, seed=k) for k, net in enumerate(nets)]).runs) == 1


@pytest.mark.parametrize("name", LOSS_MEMBERS)
def test_members_with_their_own_losses_are_those_trained_alone(name):
    together, apart, outputs, make = LOSS_MEMBERS[name]
    assert joined(apart) == together and [spread(together, 3, k) for k in range(3)] == list(apart)
    y = make(generator(name), len(X), outputs)
    members = [Member(nnx.mlp((4,), outputs), loss, seed=k) for k, loss in enumerate(apart)]
    assert len(compare(members, y=y, validation=0.2).runs) == 1


@pytest.mark.parametrize("name", SCHEDULES)
def test_members_with_every_schedule_are_those_trained_alone(name):
    schedule = replace(SCHEDULES[name], **({"steps": None} if hasattr(SCHEDULES[name], "steps") else {}))
    compare([Member(NET, SOFTMAX, nnx.Adam(rate, schedule=schedule), seed=1) for rate in (1e-3, 1e-2)])


def varied(k):
    """A member all of whose settings are its own."""
    net = nnx.mlp((5,), 2, dropout=(0.1, 0.3, 0.5, 0.2, 0.6)[k % 5])
    loss = nnx.SoftmaxCrossEntropy(label_smoothing=0.05 * k, class_weight=(1.0, 1.0 + k))
    optimizer = nnx.ClipNorm(nnx.AdamW(0.01 * (k + 1), beta1=0.8 + 0.01 * k, weight_decay=0.1 * k), norm=0.5 + k)
    return Member(net, loss, optimizer, seed=k)


def test_every_setting_may_be_a_members_own(library):
    members = [varied(k) for k in range(3)]
    settings = COMMON | dict(validation=0.25, metrics=["accuracy"])
    fit = Population(members).fit(X, Y, backend=library.backend, **settings)
    assert len(fit.runs) == 1
    for own, member in zip(fit, members, strict=True):  # on NumPy: JAX would compile each of them anew
        assert_same(own, alone(member, **settings))


@pytest.mark.parametrize("mode", [False, "auto"])
def test_on_numpy_the_same_arithmetic_gives_the_same_bits(mode):
    members = [Member(NET, SOFTMAX, nnx.Adam(rate), seed=k) for k, rate in enumerate((1e-3, 1e-2, 0.1, 0.2))]
    compare(members, exact=True, compile=mode)


GPU = [pytest.param(*case, marks=pytest.mark.gpu) for case in (("cupy", False), ("cupy", True), ("torch_cuda", False))]


@pytest.mark.parametrize(("name", "compile"), GPU)
@pytest.mark.parametrize("kind", ["settings", "widths", "stopping", "not finite", "few"])
def test_on_a_gpu_members_are_those_trained_alone_on_the_host(kind, name, compile, request):
    members, settings = [varied(k) for k in range(3)], {"validation": 0.25, "metrics": ["accuracy"]}
    if kind == "widths":
        nets = [nnx.Chain(nnx.Dense(n), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense(2)) for n in (5, 6, 5)]
        members = [Member(net, SOFTMAX, nnx.SGD(0.1), seed=k) for k, net in enumerate(nets)]
    elif kind == "stopping":
        members = [Member(NET, SOFTMAX, nnx.SGD(rate), seed=1) for rate in (0.0, 0.0, 0.05)]
        settings |= {"epochs": 5, "early_stopping": nnx.EarlyStopping(2, "loss")}
    elif kind == "not finite":
        members = [Member(nnx.mlp((4,), 2), SOFTMAX, nnx.SGD(rate), seed=1) for rate in (0.1, 1e300, 0.05)]
    elif kind == "few":
        settings["n_members_per_run"] = 2
    with np.errstate(all="ignore"):  # the stand-in for CuPy is NumPy, which warns
        fit = Population(members).fit(X, Y, backend=make(request, name).backend, compile=compile, **COMMON | settings)
    assert {how for _, how in fit.runs} == {"captured as a CUDA graph" if compile else "step by step"}
    assert fit.dropped == ([1] if kind == "not finite" else [])
    settings.pop("n_members_per_run", None)
    for own, member in zip(fit, members, strict=True):
        assert_same(own, alone(member, compile=False, **COMMON | settings), rtol=1e-9, atol=1e-10)


def test_float32_members_agree_to_rounding():
    compare([varied(k) for k in range(4)], dtype="float32", tolerance=dict(rtol=1e-4, atol=2e-6))


def test_lanes_of_every_size_give_the_same_bits(monkeypatch):
    members = [varied(k) for k in range(7)]
    whole = Population(members).fit(X, Y, **COMMON)
    for workers, enough in ((1, 1), (2, 1), (2, 2**30), (3, 1)):
        monkeypatch.setattr(nnx.Backend, "lanes", workers)
        monkeypatch.setattr(lanes, "ENOUGH", enough)
        other = Population(members).fit(X, Y, **COMMON)
        for a, b in zip(other, whole, strict=True):
            assert_same(a, b, exact=True)


def test_members_that_share_rows_and_order_are_run_on_the_same_rows(monkeypatch):
    monkeypatch.setattr(nnx.Backend, "lanes", 2)
    monkeypatch.setattr(lanes, "ENOUGH", 1)
    fold = np.arange(30)
    members = [Member(NET, SOFTMAX, nnx.SGD(0.1 * (k + 1)), seed=3, rows=fold) for k in range(9)]
    compare(members, exact=True)


def test_rows_are_numbers_or_masks_and_those_held_out_are_validated_on():
    mask = np.zeros(len(X), dtype=bool)
    mask[5:30] = True
    numbers = np.array([3, 3, 3, 8, 20])  # a bootstrap has rows twice
    members = [
        Member(NET, SOFTMAX, seed=1, rows=mask, held=~mask),
        Member(NET, SOFTMAX, seed=1, rows=np.arange(25), held=np.arange(25, 37)),
        Member(NET, SOFTMAX, seed=2, rows=numbers, held=np.r_[9:20, 21:37]),
    ]
    fit = compare(members, metrics=["accuracy"], early_stopping=nnx.EarlyStopping(1))
    assert [sorted(part) for part, _ in fit.runs] == [[0, 1], [2]]  # as many rows, and fewer


def test_members_of_which_some_are_validated_are_scored_by_what_all_have():
    rows = np.arange(5, len(X))
    fit = compare([Member(NET, SOFTMAX, rows=rows, held=np.arange(5)), Member(NET, SOFTMAX, seed=1, rows=rows)])
    assert fit.scores() == [f.history["loss"][-1] for f in fit] and fit.monitored() == "loss"
    with pytest.raises(nnx.SettingError, match="unknown monitor 'validation_loss'"):
        fit.best("validation_loss")


def test_rows_held_out_are_not_trained_on():
    members = [Member(NET, SOFTMAX, seed=1, held=np.arange(9)), Member(NET, SOFTMAX, seed=1, rows=np.arange(9, 37))]
    one, other = Population(members).fit(X, Y, **COMMON)
    np.testing.assert_array_equal(one.params["0.W"], other.params["0.W"])


def test_a_callback_may_answer_in_numpys_types():
    for answer, stopped in ((np.bool_(True), ["callback"] * 2), (np.array([1]), ["epochs", "callback"])):
        members = [Member(NET, SOFTMAX, seed=k) for k in range(2)]
        fit = Population(members).fit(X, Y, callbacks=[lambda report, answer=answer: answer], **COMMON)
        assert [f.stopped for f in fit] == stopped


def test_other_depths_activations_and_losses_are_runs_of_their_own():
    nets = [nnx.mlp((4,), 2), nnx.mlp((4, 4), 2), nnx.mlp((4,), 2, activation="sigmoid"), nnx.mlp((4,), 2)]
    members = [Member(net, SOFTMAX, seed=k) for k, net in enumerate(nets)]
    fit = compare([*members, Member(NET, SOFTMAX, "sgd"), Member(NET, SOFTMAX, nnx.SGD(0.3))])
    assert [part for part, _ in fit.runs] == [[0, 3], [1], [2], [4, 5]]
    assert fit.predict(X).shape == (6, len(X), 2)
    for k in range(6):
        np.testing.assert_allclose(fit.predict(X)[k], fit[k].predict(X), **EXACT)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", "lion"])
@pytest.mark.parametrize(
    "activation", ["relu", "tanh", "gelu", "silu", "elu", "selu", "leaky_relu", "mish", "identity"]
)
def test_different_widths_are_trained_together_with_zeros_between(activation, optimizer):
    nets = [nnx.mlp((n, n), 2, activation=activation) for n in (7, 8, 6)]
    fit = compare([Member(net, SOFTMAX, optimizer, seed=k) for k, net in enumerate(nets)])
    assert len(fit.runs) == 1
    assert [fit[k].params["2.W"].shape for k in range(3)] == [(7, 7), (8, 8), (6, 6)]


def test_widths_with_batch_normalisation_are_trained_together():
    nets = [nnx.Chain(nnx.Dense(n), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense(2)) for n in (5, 6)]
    assert len(compare([Member(net, SOFTMAX, seed=k) for k, net in enumerate(nets)], validation=0.2).runs) == 1


@pytest.mark.parametrize(
    "nets",
    [
        [nnx.mlp((n,), 2, activation="sigmoid") for n in (7, 8)],  # sigmoid(0) is 1/2: the zeros would not stay
        [nnx.mlp((n,), 2, dropout=0.2) for n in (7, 8)],  # the random bits depend on the width
        [nnx.Chain(nnx.Dense(n), nnx.LayerNorm(), nnx.Dense(2)) for n in (7, 8)],
        [nnx.mlp((n,), 2) for n in (2, 64)],  # most of the work would be on zeros
    ],
    ids=["sigmoid", "dropout", "layer_norm", "far apart"],
)
def test_widths_that_cannot_share_a_shape_are_runs_of_their_own(nets):
    assert len(compare([Member(net, SOFTMAX, seed=3) for net in nets]).runs) == 2


def test_members_stop_on_their_own_and_the_others_go_on_in_smaller_arrays(monkeypatch):
    sizes = []
    keep = lanes.Lanes.keep
    monkeypatch.setattr(lanes, "LAYING", 1)
    monkeypatch.setattr(
        lanes.Lanes, "keep", lambda self, members, orders: sizes.append(len(members)) or keep(self, members, orders)
    )
    members = [Member(NET, SOFTMAX, nnx.SGD(rate), seed=1) for rate in (0.0, 0.0, 0.0, 0.0, 0.05, 0.02)]
    fit = compare(members, epochs=12, validation=0.3, early_stopping=nnx.EarlyStopping(3, "loss"), exact=True)
    assert [f.stopped for f in fit[:4]] == ["early stopping"] * 4 and fit[4].stopped == "epochs"
    assert sizes == [2]


def test_lanes_are_not_laid_anew_for_little(monkeypatch):
    monkeypatch.setattr(lanes.Lanes, "keep", lambda *_: pytest.fail("laid anew"))
    members = [Member(NET, SOFTMAX, nnx.SGD(rate), seed=1) for rate in (0.0, 0.0, 0.05)]
    fit = compare(members, epochs=12, validation=0.3, early_stopping=nnx.EarlyStopping(3, "loss"), exact=True)
    assert [f.stopped for f in fit] == ["early stopping"] * 2 + ["epochs"]


def test_a_member_that_is_not_finite_is_dropped_and_the_others_go_on():
    members = [Member(NET, SOFTMAX, nnx.SGD(0.1)), Member(nnx.mlp((4,), 1), nnx.SquaredError(), nnx.SGD(1e30))]
    members += [Member(nnx.mlp((4,), 1), nnx.SquaredError(), nnx.SGD(1e-2))]
    fit = compare(members[1:], y=X[:, :1] * 100, epochs=5)
    assert fit.dropped == [0] and fit[1].stopped == "epochs"
    assert fit[0].best_epoch == 0 and np.isnan(fit.scores()[0]) and fit.best() == 1


def test_no_member_that_is_finite_is_an_error():
    with pytest.raises(nnx.TrainingError, match="the loss of every member"):
        Population([Member(nnx.mlp((4,), 1), nnx.SquaredError(), nnx.SGD(1e30))] * 2).fit(X, X[:, :1], **COMMON)


def test_callbacks_see_members_by_their_numbers_and_may_stop_them():
    seen = []

    def callback(report):
        seen.append((report.epoch, report.members, len(report.figures["loss"])))
        return [2] if report.epoch == 1 else None

    members = [Member(nnx.mlp((4,) * (1 + k % 2), 2), SOFTMAX, seed=k) for k in range(4)]
    fit = Population(members).fit(X, Y, callbacks=[callback], **COMMON)
    assert seen == [(1, (0, 2), 2), (2, (0,), 1), (3, (0,), 1), (1, (1, 3), 2), (2, (1, 3), 2), (3, (1, 3), 2)]
    assert [f.stopped for f in fit] == ["epochs", "epochs", "callback", "epochs"] and fit[2].best_epoch == 1


def test_a_callback_that_returns_true_stops_the_run():
    fit = Population([Member(NET, SOFTMAX, seed=k) for k in range(2)]).fit(X, Y, callbacks=[lambda r: True], **COMMON)
    assert [f.stopped for f in fit] == ["callback"] * 2 and [len(f.history["loss"]) for f in fit] == [1, 1]


def test_members_begin_with_parameters_of_their_own():
    start = nnx.init(NET, 3, seed=9, dtype="float64")
    members = [Member(NET, SOFTMAX, seed=k, params={n: p * (k + 1) for n, p in start.items()}) for k in range(2)]
    compare(members, exact=True)
    np.testing.assert_array_equal(start["0.W"], nnx.init(NET, 3, seed=9, dtype="float64")["0.W"])


def test_one_member_is_the_network_alone():
    compare([varied(1)], exact=True)


def test_settings_are_joined_once_and_not_in_every_epoch(monkeypatch):
    calls = []
    monkeypatch.setattr(engine, "joined", lambda parts: calls.append(1) or joined(parts))
    counts = []
    for epochs in (2, 9):
        calls.clear()
        Population([varied(k) for k in range(3)]).fit(X, Y, **COMMON | {"epochs": epochs})
        counts.append(len(calls))
    assert counts[0] == counts[1]


def test_runs_of_a_few_members_give_the_same(monkeypatch):
    members = [varied(k) for k in range(5)]
    whole = Population(members).fit(X, Y, **COMMON)
    few = Population(members).fit(X, Y, n_members_per_run=2, **COMMON)
    assert [part for part, _ in few.runs] == [[0], [1, 2], [3, 4]]
    for a, b in zip(few, whole, strict=True):
        assert_same(a, b, exact=True)


def test_as_many_members_as_fit_in_the_free_memory_are_run_at_once(monkeypatch):
    one = engine.Members.needs
    monkeypatch.setattr(engine.Members, "needs", lambda self, rows: one(self, rows) * 0 + 1_000_000)
    monkeypatch.setattr(nnx.Backend, "free_memory", lambda self: 2_600_000)
    monkeypatch.setattr(fitting, "SMALL", 0.0)
    fit = Population([Member(NET, SOFTMAX, seed=k) for k in range(5)]).fit(X, Y, **COMMON)
    assert [len(part) for part, _ in fit.runs] == [1, 2, 2]
    monkeypatch.setattr(nnx.Backend, "free_memory", lambda self: 900_000)
    with pytest.raises(nnx.OutOfMemoryError, match=r"a step of one member on 8 rows needs .*; a smaller network"):
        Population([Member(NET, SOFTMAX, seed=k) for k in range(5)]).fit(X, Y, **COMMON)


def test_weights_of_samples_are_for_all_members():
    weight = np.linspace(0, 2, len(X))
    compare([varied(k) for k in range(3)], sample_weight=weight, validation=0.2)


def test_a_users_own_metric_and_loss_know_nothing_of_members():
    def wrong(y, target):
        return np.mean(np.argmax(y, axis=-1) != target)

    members = [varied(k) for k in range(3)]
    rule = nnx.EarlyStopping(2, monitor="validation_wrong", better="smaller")
    fit = compare(members, validation=0.3, metrics=[wrong, "accuracy"], early_stopping=rule)
    assert fit.best("validation_wrong", "smaller") in range(3)


def test_fit_with_members_spreads_settings_and_seeds():
    settings = dict(loss="softmax_cross_entropy", optimizer=nnx.AdamW((0.1, 0.01, 0.001)), **COMMON)
    fit = nnx.fit(NET, X, Y, members=3, seed=5, **settings)
    for k, rate in enumerate((0.1, 0.01, 0.001)):
        assert_same(fit[k], alone(Member(NET, SOFTMAX, nnx.AdamW(rate), seed=5 + k), **COMMON), exact=True)
    again = nnx.fit(NET, X, Y, members=3, seed=(5, 6, 7), **settings)
    assert_same(again[2], fit[2], exact=True)


def test_verbose_says_how_many_train(capsys):
    nnx.fit(NET, X, Y, loss="softmax_cross_entropy", members=2, verbose=True, epochs=1)
    assert capsys.readouterr().out.startswith("epoch 1/1  members 2  loss ")


def test_verbose_shows_the_best_of_the_members_that_are_finite(capsys):
    members = [Member(nnx.mlp((4,), 1), "squared_error", nnx.SGD(rate)) for rate in (1e30, 0.01)]
    Population(members).fit(X, X[:, 0], epochs=2, verbose=True, batch_size=8)
    assert "members 2" in (out := capsys.readouterr().out) and "loss nan" not in out


def test_kinds_tell_what_can_be_joined():
    assert kind_of(nnx.Dropout(0.1)) == kind_of(nnx.Dropout(0.9))
    assert kind_of(nnx.SGD(0.1)) != kind_of(nnx.SGD(0.1, schedule=nnx.Cosine()))
    assert kind_of(nnx.Huber(1.0)) != kind_of(nnx.Huber(2.0))  # no setting of a population
    assert kind_of(nnx.mlp((3,), 2)) != kind_of(nnx.mlp((4,), 2))
    assert kind_of(nnx.mlp((3,), 2), widths=True) == kind_of(nnx.mlp((4,), 2), widths=True)
    assert kind_of(nnx.mlp((3,), 2), widths=True) != kind_of(nnx.mlp((3,), 3), widths=True)


GOOD = dict(loss="softmax_cross_entropy", epochs=1)
BAD = {
    "no member": (lambda: Population([]), "must be at least one nnx.Member"),
    "not a member": (lambda: Population([NET]), r"members must be nnx.Member\(net, loss, ...\), got Chain"),
    "a class": (lambda: Member(nnx.Dense, SOFTMAX), "net must be a layer such as"),
    "a loss nobody knows": (
        lambda: Member(NET, "softmax"),
        "unknown loss 'softmax': did you mean 'softmax_cross_entropy'",
    ),
    "settings of several": (lambda: Member(NET, SOFTMAX, nnx.SGD((0.1, 0.2))), "SGD has settings of several members"),
    "members in a network": (lambda: Member(nnx.tabm((4,), 2, members=3), SOFTMAX), r"nnx.EnsembleLoss\(loss, k\)"),
    "several seeds": (lambda: Member(NET, SOFTMAX, seed=(1, 2)), "seed must be one integer"),
    "members=0": (lambda: nnx.fit(NET, X, Y, members=0, **GOOD), "members must be from 1 to 1048576, got 0"),
    "too few rates": (
        lambda: nnx.fit(NET, X, Y, members=3, optimizer=nnx.SGD((0.1, 0.2)), **GOOD),
        "SGD: rate has 2 values for 3 members",
    ),
    "too few seeds": (lambda: nnx.fit(NET, X, Y, members=3, seed=(1, 2), **GOOD), "2 seeds for 3 members"),
    "n_members_per_run": (lambda: nnx.fit(NET, X, Y, n_members_per_run=2, **GOOD), "is for members=K"),
    "no checkpoint": (
        lambda: nnx.fit(NET, X, Y, members=2, checkpoint="a.safetensors", **GOOD),
        "must be nnx.Checkpoint",
    ),
    "no path": (
        lambda: nnx.fit(NET, X, Y, members=2, resume=3, **GOOD),
        "resume must be the path of a checkpoint, got 3",
    ),
    "no members_per_run": (lambda: nnx.fit(NET, X, Y, members=2, n_members_per_run=0, **GOOD), "at least 1, got 0"),
    "rows outside": (lambda: Population([Member(NET, SOFTMAX, rows=[99])]).fit(X, Y), "row numbers from 0 to 36"),
    "a short mask": (lambda: Population([Member(NET, SOFTMAX, rows=[True])]).fit(X, Y), "a mask of shape"),
    "no rows": (lambda: Population([Member(NET, SOFTMAX, rows=[])]).fit(X, Y), "rows: expected row numbers"),
    "held twice": (
        lambda: Population([Member(NET, SOFTMAX, held=[1])]).fit(X, Y, validation=0.2),
        "give validation, or each member's held, not both",
    ),
    "held by some": (
        lambda: Population([Member(NET, SOFTMAX, held=[1]), Member(NET, SOFTMAX)]).fit(X, Y, metrics=["accuracy"]),
        "need held for every member",
    ),
    "metrics of nothing": (lambda: Population([Member(NET, SOFTMAX)]).fit(X, Y, metrics=["r2"]), "give validation=0.1"),
    "labels outside": (lambda: Population([Member(NET, SOFTMAX)] * 2).fit(X, Y + 1), "labels must lie in 0 to 1"),
    "a stream": (lambda: Population([Member(NET, SOFTMAX)]).fit([(X, Y)], None), "a population needs y"),
    "shapes": (
        lambda: Population([Member(NET, nnx.SquaredError())] * 2).fit(X, X),
        r"SquaredError: target has shape \(1, 3\)",
    ),
    "other params": (
        lambda: Population([Member(NET, SOFTMAX, params=nnx.init(nnx.mlp((9,), 2), 3))] * 2).fit(X, Y),
        r"params\['0.W'\] has shape \(3, 9\), the network needs \(3, 4\)",
    ),
    "params of fewer": (
        lambda: nnx.fit(NET, X, Y, members=3, params=nnx.init(NET, 3, seed=(1, 2)), **GOOD),
        "expected 3 members on axis 0",
    ),
    "a list of members": (lambda: nnx.fit(NET, X, Y, members=[Member(NET, SOFTMAX)], **GOOD), "use nnx.Population"),
    "a member alone": (lambda: Population(Member(NET, SOFTMAX)), "members must be a list of nnx.Member"),
    "a metric alone": (lambda: nnx.fit(NET, X, Y, members=2, metrics="r2", validation=0.2, **GOOD), "must be a list"),
    "an answer": (lambda: nnx.fit(NET, X, Y, members=2, callbacks=[lambda r: 0.5], **GOOD), "a callback returns None"),
    "rows trained on and held out": (
        lambda: Population([Member(NET, SOFTMAX, rows=[1, 2, 3], held=[3, 4])]).fit(X, Y),
        "rows and held have 1 rows in common",
    ),
    "a bootstrap and a fraction": (
        lambda: Population([Member(NET, SOFTMAX, rows=[1, 1, 3])]).fit(X, Y, validation=0.3),
        "rows has a row twice",
    ),
    "losses of two kinds": (
        lambda: (
            Population([Member(nnx.mlp((4,), 1), loss) for loss in (nnx.SquaredError(), nnx.Huber())])
            .fit(X, X[:, 0], epochs=1)
            .best()
        ),
        "Huber and SquaredError cannot be compared",
    ),
    "params": (lambda: Population([Member(NET, SOFTMAX, params={})]).fit(X, Y), "params lacks '0.W'"),
    "monitor": (lambda: nnx.fit(NET, X, Y, members=2, **GOOD).scores("acuracy"), "unknown monitor 'acuracy'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_one_line(case):
    call, text = BAD[case]
    with pytest.raises((nnx.NNXError, ValueError), match=text) as error:
        call()
    assert "\n" not in str(error.value) and len(str(error.value)) < 200


def test_a_file_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(nnx.DataError, match="needs x in memory"):
        Population([Member(NET, SOFTMAX)]).fit(np.load(tmp_path / "x.npy", mmap_mode="r"), Y)


def test_ctrl_c_ends_all_members(monkeypatch):
    import signal

    def press(report):
        signal.raise_signal(signal.SIGINT)

    fit = Population([Member(NET, SOFTMAX, seed=k) for k in range(2)]).fit(
        X, Y, callbacks=[press], **COMMON | {"epochs": 50}
    )
    assert [f.stopped for f in fit] == ["interrupted"] * 2 and len(fit[0].history["loss"]) <= 2


def test_many_settings_at_random_are_those_trained_alone():
    rng = np.random.default_rng(5)
    nets = [nnx.mlp((5,), 2), nnx.mlp((6,), 2), nnx.mlp((6, 4), 2, activation="sigmoid")]
    folds = [np.arange(30), np.arange(7, 37), np.arange(20)]
    members = [
        Member(
            nets[rng.integers(3)], SOFTMAX, nnx.Adam(10 ** rng.uniform(-4, -1)), seed=int(rng.integers(2)), rows=rows
        )
        for rows in islice(cycle(folds), 20)
    ]
    compare(members)


class Scaled(nnx.Layer):
    """A layer that cannot be hashed."""

    __hash__ = None

    def __init__(self):
        self.factors = [2.0]

    def evaluate(self, params, x, *, train=False, key=None):
        return x * self.factors[0], None

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy * self.factors[0], {}


def test_members_of_layers_that_cannot_be_hashed_are_trained():
    nets = [nnx.Chain(nnx.Dense(4), Scaled(), nnx.Dense(2)) for _ in range(2)]
    compare([Member(net, SOFTMAX, seed=k) for k, net in enumerate(nets)])


def test_a_batch_larger_than_all_rows_needs_no_more_memory_than_they_do():
    fit = nnx.fit(NET, X, Y, members=2, loss="softmax_cross_entropy", epochs=1, batch_size=10**9)
    assert [f.stopped for f in fit] == ["epochs"] * 2
