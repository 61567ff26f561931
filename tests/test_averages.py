"""Averages of the weights, and parameters that are frozen or follow their gradients by another rate."""

import numpy as np
import pytest

import nnx

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
Y = rng.integers(0, 3, 60)
NET = nnx.mlp((6,), 3)
NORMED = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense(3))
BACKENDS = ["numpy", "torch", "jax"]


def fit(net=NET, **settings):
    base = dict(loss="softmax_cross_entropy", optimizer=nnx.Adam(0.02), epochs=4, batch_size=16, dtype="float64")
    return nnx.fit(net, X, Y, **(base | {"backend": "numpy"} | settings))


def snapshots(**settings):
    """The weights after each step, from fits without an average: batches are given as a stream of one step an epoch."""
    found = []
    order = [X[i : i + 15] for i in range(0, 60, 15)]
    for steps in range(1, 5):
        batches = [(x, y) for x, y in zip(order[:steps], np.split(Y, 4)[:steps], strict=True)]
        found.append(
            nnx.fit(NET, batches, loss="softmax_cross_entropy", optimizer=nnx.Adam(0.02), epochs=1, dtype="float64")
        )
    return [f.params for f in found]


@pytest.mark.parametrize("decay", [0.0, 0.2, 0.999])
def test_ema_is_the_average_written_out(decay):
    steps = snapshots()
    average = nnx.init(NET, 4, seed=0, dtype="float64")
    for t, params in enumerate(steps, 1):
        d = min(decay, (1 + t) / (10 + t))
        average = {name: d * a + (1 - d) * params[name] for name, a in average.items()}
    batches = [(x, y) for x, y in zip(np.split(X, 4), np.split(Y, 4), strict=True)]
    found = nnx.fit(
        NET, batches, loss="softmax_cross_entropy", optimizer=nnx.Adam(0.02), epochs=1, dtype="float64",
        average=nnx.EMA(decay),
    )  # fmt: skip
    for name, a in average.items():
        np.testing.assert_allclose(found.params[name], a, rtol=1e-12, err_msg=name)


def test_swa_is_the_mean_of_the_last_epochs():
    reports = []
    fit(callbacks=[lambda report: reports.append(report.params) and None], epochs=8)
    found = fit(average=nnx.SWA(0.75), epochs=8)
    for name, p in found.params.items():
        np.testing.assert_allclose(p, (reports[6][name] + reports[7][name]) / 2, rtol=1e-12, err_msg=name)
    assert found.history["loss"] == fit(epochs=8).history["loss"]  # the training itself is the same


@pytest.mark.parametrize("average", [nnx.EMA(0.9), nnx.SWA(0.5)])
def test_statistics_of_batch_norm_are_those_of_the_averaged_weights(average):
    """Their mean over the batches of what the first layer, with the averaged weights, gives to the norm."""
    found = fit(NORMED, average=average, shuffle=False)
    h = X @ found.params["0.W"] + found.params["0.b"]
    parts = [h[i : i + 16] for i in range(0, 60, 16)]
    np.testing.assert_allclose(found.params["1.mean"], np.mean([p.mean(axis=0) for p in parts], axis=0), rtol=1e-10)
    np.testing.assert_allclose(
        found.params["1.variance"], np.mean([p.var(axis=0, ddof=1) for p in parts], axis=0), rtol=1e-10
    )


@pytest.mark.parametrize("average", [nnx.EMA(0.9), nnx.SWA(0.5)])
def test_the_average_is_what_is_validated_and_kept(average):
    held = X[:20], Y[:20]
    found = fit(NORMED, average=average, validation=held, early_stopping=nnx.EarlyStopping(50))
    z = found.output(X[:20])
    value, _ = nnx.SoftmaxCrossEntropy().evaluate(z, Y[:20])
    assert float(value) == pytest.approx(found.history["validation_loss"][found.best_epoch - 1], rel=1e-10)


@pytest.mark.parametrize("average", [nnx.EMA(0.9), nnx.SWA(0.5)])
@pytest.mark.parametrize("backend", BACKENDS)
def test_members_and_libraries_agree_on_averages(average, backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    settings = dict(average=average, optimizer=nnx.Momentum(0.05))  # Adam would make much of the noise in 0.b
    expected = [fit(NORMED, seed=k, **settings) for k in (0, 1)]
    own, together = (fit(NORMED, backend=backend, members=members, **settings) for members in (None, 2))
    for name, p in expected[0].params.items():
        np.testing.assert_allclose(np.asarray(own.params[name]), p, rtol=1e-8, atol=1e-12, err_msg=name)
        for k in (0, 1):
            there = np.asarray(together[k].params[name])
            np.testing.assert_allclose(there, expected[k].params[name], rtol=1e-8, atol=1e-12, err_msg=name)


def test_frozen_parameters_keep_their_bits():
    start = nnx.init(NORMED, 4, seed=0, dtype="float64")
    start["1.mean"] = start["1.mean"] + 0.5
    for frozen, still in (
        ("0.*", {"0.W", "0.b"}),
        (("*.b", "1.*"), {"0.b", "3.b", *(n for n in start if n[0] == "1")}),
    ):
        found = fit(NORMED, frozen=frozen, params=start)
        same = {name for name, p in found.params.items() if np.array_equal(p, start[name])}
        assert same == still
        member = fit(NORMED, frozen=frozen, members=2, params={n: np.stack([p, p]) for n, p in start.items()}, seed=0)
        for name, p in found.params.items():
            np.testing.assert_array_equal(member[0].params[name], p, err_msg=name)


OPTIMIZERS = {
    "sgd": lambda rate: nnx.SGD(rate),
    "adam": lambda rate: nnx.Adam(rate),
    "adamw": lambda rate: nnx.AdamW(rate, weight_decay=0.1),
    "lion": lambda rate: nnx.Lion(rate, weight_decay=0.1),
    "clipped value": lambda rate: nnx.ClipValue(nnx.Momentum(rate), 0.01),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_factor_of_the_rate_is_another_rate_for_these_parameters(name):
    """One step of two fits: the parameters with the factor move as with the other rate, the others as without."""
    make = OPTIMIZERS[name]
    settings = dict(epochs=1, batch_size=60)
    with_factor = fit(optimizer=make(0.02), rate_factors={"0.*": 0.1}, **settings)
    slow, plain = fit(optimizer=make(0.002), **settings), fit(optimizer=make(0.02), **settings)
    for parameter, p in with_factor.params.items():
        like = slow if parameter.startswith("0.") else plain
        np.testing.assert_allclose(p, like.params[parameter], rtol=1e-12, err_msg=parameter)


def test_a_factor_of_the_decay_reaches_biases_and_spares_weights():
    def moved(**settings):
        start = {name: p + 1.0 for name, p in nnx.init(NET, 4, seed=0, dtype="float64").items()}
        found = fit(params=start, epochs=1, batch_size=60, **settings)
        return {name: start[name] - p for name, p in found.params.items()}, start

    for make, size in (
        (lambda decay: nnx.AdamW(0.01, weight_decay=decay), 0.01 * 0.5),
        (lambda decay: nnx.WeightDecay(nnx.SGD(0.01), decay), 0.01 * 0.5),
    ):
        without, start = moved(optimizer=make(0.0))
        usual, _ = moved(optimizer=make(0.5))
        turned, _ = moved(optimizer=make(0.5), decay_factors={"*.W": 0.0, "*.b": 2.0})
        for name in start:
            weight = name.endswith("W")
            np.testing.assert_allclose(usual[name] - without[name], size * start[name] * weight, atol=1e-9)
            np.testing.assert_allclose(turned[name] - without[name], 2 * size * start[name] * (not weight), atol=1e-9)


def test_factors_of_members_are_those_of_each_alone():
    settings = dict(rate_factors={"0.*": 0.3, "0.b": 2.0}, decay_factors={"*.b": 1.0})
    together = fit(optimizer=nnx.AdamW((0.02, 0.001)), members=2, **settings)
    for k, rate in enumerate((0.02, 0.001)):
        alone = fit(optimizer=nnx.AdamW(rate), seed=k, **settings)
        for name, p in alone.params.items():
            np.testing.assert_allclose(together[k].params[name], p, rtol=1e-10, atol=1e-14, err_msg=name)


class OwnOptimizer(nnx.SGD):
    def update(self, params, grads, state):
        return super().update(params, grads, state)


BAD = {
    "a pattern that fits nothing": (dict(frozen="7.*"), r"frozen: '7\.\*' fits no parameter; there are 0\.W, 0\.b"),
    "a factor of nothing": (dict(rate_factors={"x": 0.1}), "rate_factors: 'x' fits no parameter"),
    "a negative factor": (dict(decay_factors={"*.W": -1}), r"decay_factors\['\*\.W'\] must not be negative"),
    "no patterns": (dict(frozen=0), "frozen must be patterns of names such as '0.\\*', got 0"),
    "a dict of what is frozen": (dict(frozen={"0.*": False}), "frozen must be patterns of names"),
    "one factor": (dict(decay_factors=0.0), "decay_factors must be a dict of patterns"),
    "an optimizer of one's own within another": (
        dict(optimizer=nnx.ClipNorm(OwnOptimizer(0.1)), rate_factors={"0.*": 0.1}),
        "OwnOptimizer.update takes no factors=",
    ),
    "all frozen": (dict(frozen="*"), "leaves no parameter to train"),
    "no average": (dict(average=0.9), "average must be nnx.EMA"),
    "an optimizer of one's own": (
        dict(optimizer=OwnOptimizer(0.1), rate_factors={"0.*": 0.1}),
        "OwnOptimizer.update takes no factors=",
    ),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("members", [None, 2])
def test_what_is_wrong_is_one_line(case, members):
    settings, text = BAD[case]
    with pytest.raises(nnx.SettingError, match=text) as error:
        fit(members=members, **settings)
    assert "\n" not in str(error.value)


class KerasNorm(nnx.Layer):
    """Running statistics in a way of its own."""

    names, running = (), ("mean",)

    def init(self, features, draw):
        return {"mean": draw.constant((features,), 0.0)}, features

    def evaluate(self, params, x, *, train=False, key=None):
        mean = x.mean(axis=-2, keepdims=True) if train else params["mean"][..., None, :]
        return x - mean, mean

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy - dy.mean(axis=-2, keepdims=True), {}

    def update(self, params, saved):
        return params | {"mean": 0.9 * params["mean"] + 0.1 * saved[..., 0, :]}


def test_statistics_that_cannot_be_computed_anew_are_refused_with_an_average():
    net = nnx.Chain(nnx.Dense(4), nnx.Residual(nnx.Chain(KerasNorm())), nnx.Dense(3))
    fit(net)
    with pytest.raises(nnx.SettingError, match=r"of nnx\.BatchNorm; KerasNorm has others"):
        fit(net, average=nnx.EMA())
    batches = [(X[:30], Y[:30]), (X[30:], Y[30:])]
    with pytest.raises(nnx.SettingError, match="its statistics ask for batches once more"):
        nnx.fit(NORMED, lambda: iter(batches), loss="softmax_cross_entropy", average=nnx.SWA())


def test_averages_are_settings():
    for wrong in (lambda: nnx.EMA(1.0), lambda: nnx.EMA(-0.1), lambda: nnx.SWA(1.0), lambda: nnx.SWA(-0.1)):
        with pytest.raises(nnx.SettingError):
            wrong()
