"""`nnx.check`: nothing to say of nnx's own layers and losses, and a line for each law that another one breaks."""

import doctest
import re

import copying
import numpy as np
import pytest
from tables import LAYERS, LOSSES, generator, rows_of

import nnx
from nnx.backends import namespace

X = np.random.default_rng(0).normal(size=(7, 4))
NUMBER = r"-?[\d.]+(e[-+]\d+)?"
SLOPES = rf"{NUMBER} along a random direction, central difference {NUMBER}"


@pytest.mark.parametrize("name", LAYERS)
def test_the_layers_keep_the_laws(name):
    layer, features = LAYERS[name]
    assert not nnx.check(layer, rows_of(generator(name), 7, features))


@pytest.mark.parametrize("name", LOSSES)
def test_the_losses_keep_the_laws(name):
    loss, outputs, make = LOSSES[name]
    rng = generator(name)
    assert not nnx.check(loss, rows_of(rng, 7 * loss.copies, outputs), make(rng, 7, outputs))


@pytest.mark.parametrize("name", ["torch", "jax", "array_api_strict", "copying"])
def test_a_layer_is_checked_on_the_library_of_x(name):
    x = copying.asarray(X) if name == "copying" else nnx.backend(name).floats(X)
    good = nnx.Chain(nnx.Dense(3), nnx.BatchNorm(), nnx.Dropout(0.3))  # JAX compiles each operation
    assert not nnx.check(good, x)
    (line,) = nnx.check(NoFactor(), x)
    assert line.startswith("gradient of W: ")


class Linear(nnx.Layer):
    """y = x W + b, which every broken layer changes in one place."""

    names = ("W", "b")

    def init(self, features, draw):
        return {"W": draw.normal((features, 3)), "b": draw.normal((3,))}, 3

    def evaluate(self, params, x, *, train=False, key=None):
        return namespace(x).matmul(x, params["W"]) + params["b"][..., None, :], x

    def backprop(self, params, saved, dy, *, need_dx=True):
        xp = namespace(dy)
        grads = {"W": xp.matmul(xp.matrix_transpose(saved), dy), "b": xp.sum(dy, axis=-2)}
        return (xp.matmul(dy, xp.matrix_transpose(params["W"])) if need_dx else None), grads


class NoFactor(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads | {"W": grads["W"] * 0.5}


class WrongInput(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return (None if dx is None else -dx), grads


class WrongWhenNotTraining(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, saved = super().evaluate(params, x)
        return (y if train else y * 2.0), saved


class NoGradient(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, {"W": grads["W"]}


class ExtraGradient(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads | {"c": grads["b"]}


class WrongShape(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads | {"b": namespace(dy).sum(dy, axis=-2, keepdims=True)}


class NoInputGradient(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        return None, super().backprop(params, saved, dy)[1]


class MissingParameter(Linear):
    def init(self, features, draw):
        return {"W": draw.normal((features, 3))}, 3


class UnnamedParameter(Linear):
    names = ("W",)


class WrongWidth(Linear):
    def init(self, features, draw):
        return super().init(features, draw)[0], 4


class OtherShapes(Linear):
    def shapes(self, row):
        return {"W": (row[-1], 3), "b": (1, 3)}, (3,)


class WritesOnInput(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        x *= 2.0
        return super().evaluate(params, x)

    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return (None if dx is None else dx * 2.0), grads


class WritesOnParameter(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        found = super().backprop(params, saved, dy, need_dx=need_dx)
        b = params["b"]
        b += 1.0
        return found


class WritesOnSlope(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        found = super().backprop(params, saved, dy, need_dx=need_dx)
        dy *= 0.0
        return found


class WritesTheSame(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        x *= 1.0
        return super().evaluate(params, x)


class SpendsWhatItSaved(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, _ = super().evaluate(params, x)
        return y, x + 0.0

    def backprop(self, params, saved, dy, *, need_dx=True):
        found = super().backprop(params, saved, dy, need_dx=need_dx)
        saved *= 0.0
        return found


class Random(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, saved = super().evaluate(params, x)
        return y + np.random.default_rng().random(3), saved


class NeedsInput(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads if need_dx else grads | {"b": grads["b"] * 0.0}


class OneNetworkOnly(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        return x @ params["W"] + params["b"], x


class SumsAll(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads | {"b": namespace(dy).sum(dy, axis=tuple(range(dy.ndim - 1)))}


class LearnsInUpdate(Linear):
    def update(self, params, saved):
        return params | {"b": params["b"] + 1.0}


class LosesInUpdate(Linear):
    running = ("mean",)

    def init(self, features, draw):
        made, outputs = super().init(features, draw)
        return made | {"mean": draw.normal((features,))}, outputs

    def update(self, params, saved):
        return {name: p for name, p in params.items() if name != "mean"}


class ReadsAValue(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, saved = super().evaluate(params, x)
        return (y if float(namespace(x).max(x)) > -1e9 else -y), saved


class Doubles(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, saved = super().evaluate(params, x)
        return y * np.ones(3), saved


class Raises(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        raise NotImplementedError("later\nor never")


class WithMean(nnx.Layer):
    """y = x, and a running mean of x."""

    running = ("mean",)

    def init(self, features, draw):
        return {"mean": draw.constant((features,), 0.0)}, features

    def evaluate(self, params, x, *, train=False, key=None):
        return x * 1.0, x * 1.0

    def backprop(self, params, saved, dy, *, need_dx=True):
        return dy, {}

    def update(self, params, saved):
        params["mean"] = 0.9 * params["mean"] + 0.1 * namespace(saved).mean(saved, axis=-2)
        return params


class WritesOnSaved(WithMean):
    def update(self, params, saved):
        saved *= 0.0
        return params


class AddsInUpdate(WithMean):
    def update(self, params, saved):
        return params | {"other": params["mean"]}


class NoUpdate(WithMean):
    update = nnx.Layer.update


class NamesAsText(Linear):
    names = "Wb"


class KeepsInput(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        self.x = x
        return super().evaluate(params, x)[0], None

    def backprop(self, params, saved, dy, *, need_dx=True):
        return super().backprop(params, self.x, dy, need_dx=need_dx)


class Counts(Linear):
    calls = 0

    def evaluate(self, params, x, *, train=False, key=None):
        self.calls += 1
        return super().evaluate(params, x)


class SqueezesOneRow(Linear):
    def evaluate(self, params, x, *, train=False, key=None):
        y, saved = super().evaluate(params, x)
        return (y[..., 0, :] if y.shape[-2] == 1 else y), saved


class TwiceForOneRow(Linear):
    def backprop(self, params, saved, dy, *, need_dx=True):
        dx, grads = super().backprop(params, saved, dy, need_dx=need_dx)
        return dx, grads | ({"b": 2.0 * grads["b"]} if dy.shape[-2] == 1 else {})


BROKEN = {
    WithMean: [],
    WritesOnSaved: ["update writes on what evaluate has saved, or on the input"],
    AddsInUpdate: ["update gives 'other', which is neither in names nor in running"],
    NoUpdate: ["running has 'mean', and there is no update, which would change it"],
    NamesAsText: ["names is the text 'Wb', expected a tuple of names"],
    KeepsInput: [r"self\.x is written: return what backprop needs"],
    Counts: [r"self\.calls is written: return what backprop needs"],
    SqueezesOneRow: [r"evaluate gives the shape \(3,\), expected \(1, 3\), with one row"],
    TwiceForOneRow: [f"gradient of b: {SLOPES}, with one row"],
    NoFactor: [f"gradient of W: {SLOPES}"],
    WrongInput: [f"gradient of the input: {SLOPES}"],
    WrongWhenNotTraining: [
        f"gradient of the input: {SLOPES}, with train=False",
        f"gradient of W: {SLOPES}, with train=False",
        f"gradient of b: {SLOPES}, with train=False",
    ],
    NoGradient: ["backprop gives no gradient of b"],
    ExtraGradient: ["backprop gives a gradient of 'c', which is not in names"],
    WrongShape: [r"backprop gives a gradient of b of shape \(1, 3\), expected \(3,\)"],
    NoInputGradient: ["backprop gives no gradient of the input"],
    MissingParameter: ["init makes no 'b', which is in names or running"],
    UnnamedParameter: ["init makes 'b', which is neither in names nor in running"],
    WrongWidth: [r"evaluate gives the shape \(7, 3\), expected \(7, 4\)"],
    OtherShapes: [r"shapes says \(1, 3\) for 'b', init makes \(3,\)"],
    WritesOnInput: ["evaluate writes on the input"],
    WritesOnParameter: ["backprop writes on b"],
    WritesOnSlope: ["backprop writes on dy"],
    WritesTheSame: ["the inputs are left alone: ValueError: output array is read-only"],
    SpendsWhatItSaved: ["backprop gives another gradient of W when called again"],
    Random: ["evaluate gives another result for the same inputs and key"],
    NeedsInput: ["need_dx=False changes the gradient of b"],
    OneNetworkOnly: ["a population of 2: ValueError: operands could not be broadcast"],
    SumsAll: ["a population of 2: the gradient of b is not that of each alone"],
    LearnsInUpdate: ["update changes b, which has a gradient"],
    LosesInUpdate: ["update gives no 'mean'"],
    ReadsAValue: ["a step cannot be recorded, and is run operation by operation: the step reads the value of an array"],
    Doubles: ["the result is float64 where all that is given is float32"],
    Raises: ["a step: NotImplementedError: later$"],
}


def test_a_layer_without_a_fault_says_so():
    found = nnx.check(Linear(), X)
    assert found == [] and str(found) == repr(found) == "no faults"


@pytest.mark.parametrize("kind", BROKEN, ids=lambda kind: kind.__name__)
def test_a_broken_layer_gives_its_lines(kind):
    found = nnx.check(kind(), X)
    assert str(found) == ("\n".join(found) or "no faults")
    lines = BROKEN[kind]
    assert len(found) == len(lines), found
    for line, expected in zip(found, lines, strict=True):
        assert re.search(expected, line)


class Squared(nnx.Loss):
    """The mean over the rows of the sum of squares, with all that training asks of a loss."""

    def evaluate(self, z, target, weight=None, total=None):
        xp, d = namespace(z), z - target
        share = 1.0 if weight is None else weight[..., None]
        if total is None:
            total = z.shape[-2] if weight is None else xp.sum(share, axis=-2, keepdims=True)
        share = share / total
        return xp.sum(d * d * share, axis=(-2, -1)), (d, share)

    def backprop(self, saved):
        d, share = saved
        return 2.0 * d * share


class SquaredOfAll(Squared):
    def evaluate(self, z, target, weight=None):
        difference = z - target
        return namespace(z).mean(difference * difference), (difference, 1 / difference.size)


class SquaredWithoutTwo(Squared):
    def backprop(self, saved):
        return saved[0] * saved[1]


class SquaredWithoutWeight(Squared):
    def evaluate(self, z, target, weight=None, total=None):
        return super().evaluate(z, target)


class SquaredWithoutTotal(Squared):
    def evaluate(self, z, target, weight=None, total=None):
        return super().evaluate(z, target, weight)


class SquaredAlone(Squared):
    def evaluate(self, z, target):
        return super().evaluate(z, target)


class SquaredKeyword(Squared):
    def evaluate(self, z, target, weight=None, *, total=None):
        return super().evaluate(z, target, weight, total)


class SquaredOld(Squared):
    def evaluate(self, z, target, weight=None):
        return super().evaluate(z, target, weight)


BROKEN_LOSSES = {
    Squared: "",
    SquaredKeyword: "",
    SquaredOld: "",  # without parts of a batch, which fit says when it is asked for them
    SquaredOfAll: "a population of 2: the result is not that of each alone",
    SquaredWithoutTwo: "gradient of the input: ",
    SquaredWithoutWeight: "evaluate: a row of weight 2 does not count as two rows",
    SquaredWithoutTotal: "evaluate: the losses of two halves with the batch's total do not add up to the batch's",
    SquaredAlone: "evaluate takes no weight as its third argument",
}


@pytest.mark.parametrize("kind", BROKEN_LOSSES, ids=lambda kind: kind.__name__)
def test_a_loss_is_checked_with_a_target(kind):
    target, line = np.random.default_rng(1).normal(size=X.shape), BROKEN_LOSSES[kind]
    found = nnx.check(kind(), X, target)
    assert bool(found) == bool(line) and (not line or found[0].startswith(line)), found


NO_PARTS = {
    "a class": (lambda: nnx.check(nnx.Dense, X), "check: part must be an object of a class under nnx.Layer"),
    "a loss alone": (lambda: nnx.check(nnx.SquaredError(), X), r"give nnx.check\(loss, z, target\)"),
    "a layer with a target": (lambda: nnx.check(nnx.Dense(3), X, X), r"give nnx.check\(layer, x\)"),
    "a name": (lambda: nnx.check("squared_error", X, X), "under nnx.Loss, got 'squared_error'"),
}


@pytest.mark.parametrize("case", NO_PARTS)
def test_what_is_no_layer_and_no_loss_is_said(case):
    call, text = NO_PARTS[case]
    with pytest.raises(nnx.SettingError, match=text):
        call()


def test_parameters_of_ones_own_are_taken_and_left_alone():
    params = nnx.init(nnx.Dense(3), 4, seed=1, dtype="float64")
    before = {name: p.copy() for name, p in params.items()}
    assert not nnx.check(nnx.Dense(3), X, params=params, seed=5)
    for name, p in params.items():
        np.testing.assert_array_equal(p, before[name])


NO_INPUTS = {
    "a row": (X[0], r"check: expected an array x \(rows, features\), got \(4,\)"),
    "a list": ([[1.0]], r"expected an array x \(rows, features\), got \[\[1.0\]\]"),
    "no rows": (X[:0], r"x is empty: shape \(0, 4\)"),
    "no columns": (X[:, :0], r"x is empty: shape \(7, 0\)"),
    "nan": (np.where(X > 1, np.nan, X), "x has values that are not finite"),
    "complex": (X * 1j, "expected real numbers in x, got an array of complex128"),
    "text": (np.array([["a"]]), "expected real numbers in x, got an array of <U1"),
}


@pytest.mark.parametrize("name", NO_INPUTS)
def test_what_is_no_input_is_said_and_not_blamed_on_the_layer(name):
    x, text = NO_INPUTS[name]
    with pytest.raises((nnx.ShapeError, nnx.DataError), match=text):
        nnx.check(nnx.Dense(3), x)


def test_the_example_is_what_it_says():
    runner = doctest.DocTestRunner()
    for example in doctest.DocTestFinder().find(nnx.check, globs={"nnx": nnx, "np": np}):
        runner.run(example)
    assert runner.tries == 2 and runner.failures == 0
