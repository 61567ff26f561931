"""`nnx.check_backend`: what holds on each library, what is said of one that fails, and the names that nnx needs."""

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import copying
import numpy as np
import pytest

import nnx
from nnx import backend_check, losses
from nnx.backends import arrays, needed
from nnx.laws import examples
from nnx.layers import LAYERS


@pytest.mark.parametrize("name", ["numpy", "copying", "array_api_strict", "torch", "mlx.core"])
def test_all_holds_on(name):
    """In `copying` parts of an array are copies: an estimator that trains on views does not learn there."""
    xp = importlib.import_module(name)
    found = nnx.check_backend(xp)
    assert found.faults == [] and found.lacking == ()
    assert found.dtype == ("float32" if name == "mlx.core" else "float64")
    assert str(found).splitlines()[0] == f"{found.place}, {found.dtype}: {len(found.rows)} of {len(found.rows)} hold"


def test_all_holds_on_the_strictest_namespace_and_another_device_of_it():
    import array_api_strict as strict

    from nnx.backends.other import Other

    library = Other(strict)
    with strict.ArrayAPIStrictFlags(boolean_indexing=False, data_dependent_shapes=False, enabled_extensions=()):
        found = nnx.check_backend(nnx.Backend(library, strict, library.find_device("device1")))
    # Classes have to be found in the labels: nothing else has a shape that depends on values.
    assert [line for line in found.faults if not line.startswith("estimator: ")] == []
    assert "unique_values requires data-dependent shapes" in "".join(found.faults)


def test_training_and_copies_hold_on_jax():
    """The parts do too, and the laws of the tests hold them there: JAX compiles each operation of each shape."""
    pytest.importorskip("jax", reason="jax is not installed")
    chosen = nnx.backend("jax", "float64")
    assert {
        name: backend_check._first_of(trial, chosen) for name, trial in backend_check.WHOLE.items()
    } == dict.fromkeys(backend_check.WHOLE, "")


class Changed(ModuleType):
    """The namespace of tests/copying.py with one name left out, or another function under it."""

    def __init__(self, name, function=None):
        super().__init__("copying")
        self.name, self.function = name, function

    def __getattr__(self, name):
        if name == self.__dict__.get("name"):
            if self.function is None:
                raise AttributeError(name)
            return self.function
        return getattr(copying, name)


def changed(monkeypatch, name, function=None):
    monkeypatch.setitem(arrays._namespaces, copying.Array, xp := Changed(name, function))
    return nnx.check_backend(xp)


def test_a_name_that_is_lacking_is_said_and_so_are_the_parts_that_need_it(monkeypatch):
    found = changed(monkeypatch, "tanh")
    assert found.lacking == ("tanh",) and "it lacks tanh" in str(found).splitlines()[0]
    failed = {row.part for row in found.rows if row.fault}
    assert {"names", "layer tanh", "layer gelu_tanh", "layer residual"} <= failed
    assert not {"layer dense", "layer relu", "loss huber", "fit"} & failed


def test_wrong_values_and_wrong_copies_are_found(monkeypatch):
    found = changed(monkeypatch, "exp", lambda x: copying.exp(x) * 1.001)
    faults = "\n".join(found.faults)
    assert "layer gelu: gradient of" in faults and "loss poisson: the result is not that on numpy" in faults
    rounded = changed(monkeypatch, "cos", lambda x: copying.asarray(copying.cos(x), dtype=np.float32) * 1.0)
    assert any(fault.startswith("layer plr: ") for fault in rounded.faults)
    found = changed(monkeypatch, "asarray", lambda x, **settings: copying.asarray(x, **settings | {"copy": None}))
    assert "copies: a copy changes with what it was made of" in found.faults


def test_the_table_is_html_too():
    found = backend_check.BackendCheck("<place>", "float32", (backend_check.Row("fit", "a < b"),), ())
    assert "&lt;place&gt;" in found._repr_html_() and "a &lt; b" in found._repr_html_()
    assert str(found).splitlines()[1] == "fit  a < b" and found.faults == ["fit: a < b"]


@pytest.mark.parametrize("xp", [None, 3, sys, {1, 2}, np.ones(2), "nonsense"])
def test_what_is_no_namespace_is_one_line(xp):
    with pytest.raises(nnx.BackendError) as error:
        nnx.check_backend(xp)
    assert "\n" not in str(error.value)


def parts_of(tree):
    """The classes of a layer, loss or rule, and of what it holds."""
    yield type(tree)
    for value in vars(tree).values():
        for item in value if isinstance(value, tuple) else (value,):
            if {nnx.Layer, nnx.Loss, nnx.Optimizer} & {*type(item).__mro__}:
                yield from parts_of(item)


def test_every_part_of_nnx_has_an_example():
    tried = {kind for layer, _ in examples.LAYERS.values() for kind in parts_of(layer)}
    tried |= {kind for loss, *_ in examples.LOSSES.values() for kind in parts_of(loss)}
    tried |= {kind for rule in examples.OPTIMIZERS.values() for kind in parts_of(rule)}
    tried |= {type(schedule) for schedule in examples.SCHEDULES.values()}
    others = {getattr(nnx, name) for name in nnx.__all__ if isinstance(getattr(nnx, name), type)}
    others = {kind for kind in others if {nnx.Optimizer, nnx.Schedule} & {*kind.__mro__[1:]}}
    assert len(others) == len(examples.OPTIMIZERS) + len(examples.SCHEDULES)
    assert {*LAYERS.values(), *losses.KINDS, *others} - tried == set()


def test_the_documentation_lists_the_names_that_nnx_needs():
    text = (Path(nnx.__file__).parents[1] / "docs" / "backends.md").read_text()
    listed = text.partition("These names are all that nnx needs")[2].partition("## ")[0].split("\n\n")[1]
    assert re.findall("`(.*?)`", listed) == list(needed.NEEDED)


class Recording(ModuleType):
    """array_api_strict, with the names that are asked for."""

    def __init__(self):
        super().__init__("array_api_strict")
        self.asked = set()

    def __getattr__(self, name):
        import array_api_strict

        value = getattr(array_api_strict, name)
        self.asked.add(name)
        return value


def test_the_names_that_nnx_needs_are_those_that_its_parts_ask_for(monkeypatch):
    """Where this fails, nnx/backends/needed.py is to be what it says."""
    import array_api_strict as strict

    pytest.importorskip("sklearn", reason="scikit-learn is not installed")  # one part is an estimator
    xp = Recording()
    monkeypatch.setitem(arrays._namespaces, type(strict.asarray(1.0)), xp)
    monkeypatch.setattr(backend_check, "NEEDED", ())
    assert nnx.check_backend(xp).faults == []
    assert sorted(xp.asked - {"Array", "float64"}) == list(needed.NEEDED)
