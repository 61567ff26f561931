"""A population's step, as it is made for its members: replayed to the bit, compiled or captured to rounding.

The modes are those of test_native.py. What is compiled takes seconds; therefore every table is recorded and planned,
and what has all kinds of settings is run.
"""

from functools import partial

import numpy as np
import pytest
from tables import LAYER_MEMBERS, LAYERS, LOSS_MEMBERS, LOSSES, MEMBERS, OPTIMIZERS, around, generator, network_of
from test_native import BITS, COMPILED, CUPY, DEVICE, HOW, auto_means_replayed, moved, native  # noqa: F401

import nnx
from nnx.backends import Plain
from nnx.backends.native.loop import arrays_in
from nnx.backends.native.record import mapped
from nnx.training.population.fit import Data, Population
from nnx.training.population.member import Member
from nnx.training.population.members import Members
from nnx.training.settings import Settings

RNG = np.random.default_rng(0)
X = RNG.normal(size=(37, 3))
Y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
WEIGHT = np.linspace(0.1, 2.0, len(X))
BATCH, BATCHES = 7, 9
SOFTMAX = nnx.SoftmaxCrossEntropy()
NET = nnx.mlp((4,), 2, activation="tanh")
SGD = [nnx.SGD(rate) for rate in (0.01, 0.1, 0.5)]  # Adam makes noise of a gradient that is 0, as before BatchNorm


def of_layers(layers, features):
    nets = [around(layer, features) for layer in layers]
    losses = [SOFTMAX if net.copies == 1 else nnx.EnsembleLoss(SOFTMAX, net.copies) for net in nets]
    return [Member(*parts, seed=k) for k, parts in enumerate(zip(nets, losses, SGD, strict=True))], Y


def of_losses(losses, outputs, make, name):
    net = network_of(losses[0], outputs)
    members = [Member(net, loss, seed=k) for k, loss in enumerate(losses)]
    return members, make(generator(name), len(X), outputs)


TABLES = {f"layer {name}": partial(of_layers, [layer] * 3, n) for name, (layer, n) in LAYERS.items()}
TABLES |= {f"layers {name}": partial(of_layers, layers, n) for name, (_, layers, n) in LAYER_MEMBERS.items()}
TABLES |= {f"loss {name}": partial(of_losses, [loss] * 3, n, make, name) for name, (loss, n, make) in LOSSES.items()}
TABLES |= {
    f"losses {name}": partial(of_losses, losses, n, make, name) for name, (_, losses, n, make) in LOSS_MEMBERS.items()
}
for name, rules in {name: [rule] * 3 for name, rule in OPTIMIZERS.items()}.items():
    TABLES[f"optimizer {name}"] = partial(
        lambda rules: ([Member(NET, SOFTMAX, rule, seed=k) for k, rule in enumerate(rules)], Y), rules
    )
for name, (_, rules) in MEMBERS.items():
    TABLES[f"optimizers {name}"] = partial(
        lambda rules: ([Member(NET, SOFTMAX, rule, seed=4) for rule in rules], Y), rules
    )


def varied(k):
    """A member all of whose settings are its own."""
    loss = nnx.SoftmaxCrossEntropy(label_smoothing=0.05 * k, class_weight=(1.0, 1.0 + k))
    rule = nnx.AdamW(0.01 * (k + 1), beta1=0.8 + 0.01 * k, beta2=0.9 + 0.01 * k, weight_decay=0.1 * k)
    return Member(nnx.mlp((5,), 2, dropout=0.1 + 0.2 * k), loss, nnx.ClipNorm(rule, norm=0.5 + k), seed=k)


def yes_or_no(k):
    loss = nnx.BinaryCrossEntropy(label_smoothing=0.1 * k, class_weight=(1.0, 0.5 + k))
    rule = nnx.WeightDecay(nnx.Momentum(0.1, momentum=0.3 * k), decay=0.1 * k)
    return Member(nnx.mlp((5,), 1, activation="tanh"), loss, rule, seed=k)


def padded(k):
    layers = nnx.Dense((5, 6, 4)[k]), nnx.BatchNorm(), nnx.ReLU(), nnx.Dense((4, 4, 6)[k]), nnx.Tanh(), nnx.Dense(2)
    return Member(nnx.Chain(*layers), SOFTMAX, nnx.Nesterov(0.05 * (k + 1)), seed=k)


def all_kinds(k):
    net = around(LAYERS["nested"][0], 3)
    return Member(net, SOFTMAX, nnx.Lion(0.001, beta1=0.5 + 0.1 * k, weight_decay=0.1 * k), seed=k)


COMBINED = {
    "every setting": lambda: ([varied(k) for k in range(3)], Y),
    "every setting of a binary loss": lambda: ([yes_or_no(k) for k in range(3)], Y),
    "padded widths and batch norm": lambda: ([padded(k) for k in range(3)], Y),
    "many layers": lambda: ([all_kinds(k) for k in range(3)], Y),
}


def made(members, y, weight, own):
    """The step of these members, what it begins with, and the data: x, target, weight, and the rows of each batch."""
    data = Data(nnx.backend("numpy", "float64"), X, y, weight, None)
    rows, sources = data.rows(members), data.of(members[0].loss)
    group = Members(Settings(epochs=1, batch_size=BATCH, compile=False), data.backend, sources, members, rows)
    with np.errstate(all="ignore"):
        group.begin()
    chosen = np.random.default_rng(1).integers(0, len(X), (BATCHES, 3 * BATCH if own else BATCH))
    arrays = sources.train.x, sources.train.target, sources.train.weight, chosen
    return group.step([0, 1, 2], 3 if own else 0), group.beginning[0], arrays


def after(loop, carry, data):
    """What the steps leave in the carry."""
    with np.errstate(all="ignore"):
        for start, stop in ((0, 1), (1, 4), (4, BATCHES)):
            carry = loop(carry, *data, start, stop)
    return carry


def compared(step, carry, data, mode):
    loop = native(step, mode, 1)
    own, given = mapped(np.array, carry), data
    if mode == "cupy":
        own, given = mapped(moved, own), [moved(a) for a in data]
    fast = after(loop, own, given)
    assert loop.how == HOW[mode]
    fast = mapped(nnx.backend("cupy").to_numpy, fast) if mode == "cupy" else fast
    plain = after(Plain(step), mapped(np.array, carry), data)
    agree(plain, fast, mode)


def agree(plain, fast, mode):
    """Equal bits where the operations are NumPy's; else rounding, also where the gradient is 0 but for rounding."""
    for a, b in zip(arrays_in(plain), arrays_in(fast), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=0 if mode in BITS else 1e-11, atol=0 if mode in BITS else 1e-11)


OWN = pytest.mark.parametrize("own", [True, False], ids=["own_rows", "shared_rows"])


@OWN
@pytest.mark.parametrize("name", TABLES)
def test_every_step_of_a_population_is_replayed_to_the_bit(name, own):
    members, y = TABLES[name]()
    step, carry, data = made(members, y, None if own else WEIGHT, own)
    compared(step, carry, data, "auto")


@OWN
@pytest.mark.parametrize("mode", [DEVICE, CUPY])
@pytest.mark.parametrize("name", COMBINED)
def test_captured_steps_of_a_population_are_the_plain_ones(name, mode, own):
    members, y = COMBINED[name]()
    compared(*made(members, y, WEIGHT if own else None, own), mode)


@pytest.mark.parametrize("mode", [COMPILED])
@pytest.mark.parametrize("name", ["every setting", "many layers"])
def test_compiled_steps_of_a_population_are_the_plain_ones(name, mode):
    compared(*made(*COMBINED[name](), WEIGHT, True), mode)


@pytest.mark.parametrize("mode", ["auto", COMPILED])
def test_a_population_says_how_it_was_run(mode):
    members = [Member(nnx.Dense(2), SOFTMAX, sgd, seed=4) for sgd in SGD]
    settings = dict(epochs=9, batch_size=len(X), dtype="float64")
    plain, fast = (Population(members).fit(X, Y, compile=c, **settings) for c in (False, mode))
    assert [how for _, how in fast.runs] == [HOW[mode]] == [fit.execution for fit in fast[:1]]
    agree([fit.params for fit in plain], [fit.params for fit in fast], mode)
