"""Layers, losses and initializers of one's own in model files: `nnx.register`."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from model_files import packed

import nnx
from nnx.files import data


@nnx.register
@dataclass(frozen=True)
class Ramp(nnx.Initializer):
    step: float = 0.25

    def init(self, shape, draw):
        return draw.constant(shape, 0.0) + self.step * np.arange(shape[-1])


RAMP = Ramp(1.5)


@nnx.register
@dataclass(frozen=True)
class Gains(nnx.Layer):
    """y = x g^power, with parameters, running ones and settings of every type."""

    power: int = 1
    start: nnx.Initializer = RAMP
    counts: tuple[int, ...] = (1, 2)
    offset: "float | None" = None
    exact: bool = True
    after: nnx.Layer = field(default_factory=nnx.Tanh)

    names, running = ("g",), ("seen",)

    def shapes(self, row):
        return {"g": row[-1:], "seen": (1,)}, row

    def init(self, features, draw):
        g = self.start.init((1, features), draw.fold("g"))
        return {"g": g[..., 0, :], "seen": draw.constant((1,), 2.0)}, features

    def evaluate(self, params, x, *, train=False, key=None):
        return x * params["g"][..., None, :] ** self.power + params["seen"][..., None, :], x


@nnx.register
@dataclass(frozen=True)
class Sine(nnx.Layer):
    frequency: float = 1.0

    def evaluate(self, params, x, *, train=False, key=None):
        return np.sin(self.frequency * x), x


@nnx.register
@dataclass(frozen=True)
class Both(nnx.Layer):
    """A container of one's own: y = f(x) + g(x)."""

    parts: tuple[nnx.Layer, ...]

    @property
    def names(self):
        return tuple(f"{i}.{name}" for i, part in enumerate(self.parts) for name in part.names)

    def shapes(self, row):
        shapes, _ = nnx.Concat(*self.parts).shapes(row)
        return shapes, self.parts[0].shapes(row)[1]

    def init(self, features, draw):
        params, width = nnx.Concat(*self.parts).init(features, draw)
        return params, width // len(self.parts)

    def evaluate(self, params, x, *, train=False, key=None):
        y, _ = nnx.Concat(*self.parts).evaluate(params, x)
        width = y.shape[-1] // 2
        return y[..., :width] + y[..., width:], None


@nnx.register
@dataclass(frozen=True)
class Fourth(nnx.Loss):
    scale: float

    def evaluate(self, z, target, weight=None):
        return self.scale * ((z - target) ** 4).mean(), z - target

    def predict(self, z):
        return z + self.scale


NETS = {
    "parameters": (Gains(2, Ramp(0.5), (3,), 1.5, False, Sine(2.0)), None),
    "an activation": (nnx.Chain(nnx.Concat(nnx.Identity(), Sine(3.0)), nnx.Residual(Gains()), nnx.Dense(2)), None),
    "an initializer": (nnx.Dense(3, weight=Ramp(), bias=Ramp(2.0)), None),
    "a loss": (nnx.Dense(2), Fourth(0.5)),
    "a loss in an ensemble": (nnx.tabm((3,), 2, members=2), nnx.EnsembleLoss(Fourth(0.5), 2)),
    "a container": (nnx.Chain(Sine(), Both((nnx.Dense(2), nnx.Chain(Sine(), nnx.Dense(2))))), None),
}


@pytest.mark.parametrize("seed", [1, (1, 2)], ids=["one", "population"])
@pytest.mark.parametrize("name", NETS)
def test_what_is_registered_survives_a_model_file(tmp_path, name, seed):
    (net, loss), x = NETS[name], np.random.default_rng(0).normal(size=(5, 4))
    params = nnx.init(net, 4, seed=seed, dtype="float64")
    nnx.save(tmp_path / "m", net, params, loss=loss)
    model = nnx.load(tmp_path / "m")
    assert (model.net, model.loss, model.row) == (net, loss, (4,))
    np.testing.assert_array_equal(model.output(x), nnx.predict(net, params, x))


def forget(monkeypatch, *kinds):
    """Leave classes out of the tables, as where they were never registered."""
    for kind in kinds:
        monkeypatch.delitem(data._KINDS, kind.__name__)
        for table in data._TABLES.values():
            monkeypatch.delitem(table, kind.__name__, raising=False)


@pytest.mark.parametrize(("kind", "what"), [(Sine, "a layer"), (Fourth, "a loss"), (Ramp, "an initializer")])
def test_a_file_and_a_save_say_which_register_is_missing(tmp_path, monkeypatch, kind, what):
    net, name = nnx.Chain(nnx.Dense(2, weight=Ramp()), Sine()), kind.__name__
    params = nnx.init(net, 4)
    nnx.save(tmp_path / "m", net, params, loss=Fourth(1.0))
    forget(monkeypatch, kind)
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.load(tmp_path / "m")
    text = f"the model has {what} {name!r} that is not known here: nnx.register({name}) before nnx.load"
    assert str(error.value).endswith(text)
    with pytest.raises(nnx.ModelFileError, match=rf"{name} is not one of nnx's own .*: nnx.register\({name}\) first"):
        nnx.save(tmp_path / "m", net, params, loss=Fourth(1.0))


SCALE = json.loads(json.dumps(data.to_data(Gains())))
G, SEEN = ("params.g", "F32", (3,), 12), ("params.seen", "F32", (1,), 4)


@pytest.mark.parametrize(
    ("net", "row", "tensors", "part"),
    [
        (SCALE, [3], [("params.g", "F32", (4,), 16), SEEN], "the shape of g"),
        (SCALE, None, [("params.g", "F32", (), 4), SEEN], "the shape of g"),
        (SCALE, [4], [G, SEEN], "the shape of g"),
        (SCALE, [3], [G, ("params.seen", "F32", (2,), 8)], "the shape of seen"),
        (SCALE, [3], [G], "parameters do not fit the network: seen"),
        (SCALE | {"power": 1.0}, [3], [G, SEEN], "power must be an integer"),
        (SCALE | {"power": True}, [3], [G, SEEN], "power must be an integer"),
        (SCALE | {"exact": 1}, [3], [G, SEEN], "exact must be true or false"),
        (SCALE | {"counts": [1.5]}, [3], [G, SEEN], "counts must be numbers"),
        (SCALE | {"offset": "1"}, [3], [G, SEEN], "offset must be numbers"),
        (SCALE | {"after": {"kind": "Fourth", "scale": 1.0}}, [3], [G, SEEN], "unknown kind 'Fourth'"),
        (SCALE | {"path": "/etc/passwd"}, [3], [G, SEEN], "has no setting 'path'"),
    ],
)
def test_a_forged_file_of_ones_own_layer_is_refused(tmp_path, net, row, tensors, part):
    description = {"version": 2, "net": net, "row": row, "loss": None, "about": {}, "encoder": None, "target": None}
    (tmp_path / "m").write_bytes(packed(json.dumps(description), tensors, bytes(sum(t[-1] for t in tensors))))
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.load(tmp_path / "m")
    assert part in str(error.value)


def test_a_layer_whose_shapes_say_nothing_of_its_parameters_is_not_waved_through(tmp_path):
    silent = nnx.register(named("Silent", names=("g",), evaluate=Gains.evaluate))
    for net, params in (
        (silent(), {"g": np.ones(3)}),
        (nnx.Chain(nnx.Dense(2), silent()), nnx.init(nnx.Chain(nnx.Dense(2)), 3) | {"1.g": np.ones(10**4)}),
    ):
        with pytest.raises(nnx.ModelFileError, match=r"parameters do not fit the network: (1\.)?g$"):
            nnx.save(tmp_path / "m", net, params)


def named(name, base=nnx.Layer, frozen=True, **body):
    """A dataclass made of these."""
    return dataclass(frozen=frozen)(type(name, (base,), {"__module__": __name__, "__qualname__": name, **body}))


def setting(expected, **more):
    return {"__annotations__": {"a": expected}, **more}


REFUSED = {
    "no class": (3, "expected a frozen dataclass, got 3"),
    "an instance": (Sine(), "expected a frozen dataclass, got Sine"),
    "no dataclass": (type("Plain", (nnx.Layer,), {}), "expected a frozen dataclass, got Plain"),
    "one that can be changed": (named("Loose", object, frozen=False), "Loose inherits none of nnx.Layer"),
    "not frozen": (named("Loose", frozen=False), r"Loose must be @dataclass\(frozen=True\)"),
    "an __init__ of its own": (dataclass(frozen=True, init=False)(type("Odd", (nnx.Layer,), {})), "with the __init__"),
    "a text": (named("Text", **setting(str)), "a file cannot hold Text.a"),
    "anything": (named("Any", **setting(object)), "a file cannot hold Any.a"),
    "a type that is not there": (named("Gone", **setting("Nowhere")), "Gone are of no known types"),
    "not in __init__": (named("Inner", **setting(int, a=field(default=1, init=False))), "a file cannot hold Inner.a"),
    "a setting named kind": (named("Kind", __annotations__={"kind": int}), "a file cannot hold Kind.kind"),
    "no shapes": (named("Drawn", init=Gains.init), r"Drawn has init and no shapes\(row\)"),
    "nnx's name": (named("Dense"), "the name Dense is taken by nnx.layers.dense.Dense"),
    "a loss of a layer's name": (named("Tanh", nnx.Loss), "the name Tanh is taken by nnx.layers.activation.Tanh"),
    "another's name": (named("Sine", __module__="elsewhere"), "the name Sine is taken by .*test_register.Sine"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_files_cannot_hold_is_refused(name):
    kind, message = REFUSED[name]
    before = dict(data._KINDS)
    with pytest.raises(nnx.SettingError, match=message):
        nnx.register(kind)
    assert before == data._KINDS


def test_a_class_that_is_defined_again_takes_the_place_of_the_first(tmp_path):
    first = nnx.register(named("Again", evaluate=lambda self, params, x, **more: (x, x)))
    assert nnx.register(first) is first
    second = nnx.register(named("Again", nnx.Loss, evaluate=lambda self, z, target, *more: (0.0, z)))
    nnx.save(tmp_path / "m", nnx.Tanh(), {}, loss=second())
    assert type(nnx.load(tmp_path / "m").loss) is second
    with pytest.raises(nnx.ModelFileError, match=r"nnx.register\(Again\) first"):
        nnx.save(tmp_path / "m", first(), {})


def test_the_code_of_the_page_on_layers_of_ones_own_runs(tmp_path, monkeypatch):
    page = (Path(nnx.__file__).parents[1] / "docs" / "own.md").read_text()
    names = {"__name__": "page"}
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], names)
    assert names["model"].net == names["net"] and names["fit"].history["loss"][-1] < names["fit"].history["loss"][0]
    Power = names["Power"]
    forget(monkeypatch, Power)
    with pytest.raises(nnx.ModelFileError) as error:
        nnx.load("power.safetensors")
    assert str(error.value) in page
    rng = np.random.default_rng(0)  # a central difference along a random direction
    params, (x, dy, v) = {"g": rng.normal(size=3)}, rng.normal(size=(3, 5, 3))
    dx, grads = Power(3).backprop(params, x, dy)
    up, down = (Power(3).evaluate({"g": params["g"] + h * v[0]}, x + h * v)[0] for h in (1e-6, -1e-6))
    np.testing.assert_allclose(np.sum(dy * (up - down)) / 2e-6, np.sum(dx * v) + np.sum(grads["g"] * v[0]), rtol=1e-7)


class Bare(nnx.Loss):
    """A loss that is no dataclass."""

    def evaluate(self, z, target, weight=None):
        return nnx.SquaredError().evaluate(z, target, weight)

    def backprop(self, saved):
        return nnx.SquaredError().backprop(saved)


def test_a_part_that_is_no_dataclass_is_told_how_to_be_one(tmp_path):
    net = nnx.Dense(1)
    text = r"Bare, a Loss, cannot be written to a file: @dataclass\(frozen=True\) above its class, and nnx.register"
    with pytest.raises(nnx.ModelFileError, match=text):
        nnx.save(tmp_path / "file", net, nnx.init(net, 2), loss=Bare())
