"""The reference: each public name says what it is, what it takes and returns, and shows an example that runs."""

import doctest
import inspect
import re
from importlib import import_module

import numpy as np
import pytest

import nnx
from nnx.backends import LIBRARIES
from nnx.contract import Initializer, Layer, Loss, Optimizer, Schedule
from nnx.losses import LOSSES
from nnx.metrics import METRICS
from nnx.optimizers import OPTIMIZERS

validate = pytest.importorskip("numpydoc.validate", reason="numpydoc is not installed").validate

MODULES = ("evaluation", "onnx", "plots", "training")  # whose `__all__` is public too
LEFT_OUT = {
    *("GL01", "GL02", "SS05", "SS06", "ES01", "SA01", "RT03", "PR06"),  # matters of taste: where a text begins
    *("SA04", "GL03", "RT02"),
}
CONTRACT = {name for kind in (Layer, Loss, Optimizer) for name in vars(kind)} | {
    "over",
    "value",
    "slope",
    "formula",
    "scalars",
    "shrinkage",
}
SCIKIT_LEARN = ("set_", "get_metadata_routing")


def public():
    names = [name for name in nnx.__all__ if not name.startswith("_") and not inspect.ismodule(getattr(nnx, name))]
    found = {f"nnx.{name}": getattr(nnx, name) for name in names}
    for part in MODULES:
        module = import_module(f"nnx.{part}")
        found |= {f"nnx.{part}.{name}": getattr(module, name) for name in module.__all__ if name not in names}
    return found


PUBLIC = public()


def members(kind):
    """The public methods and properties that a class of nnx has besides those of the contract."""
    known = CONTRACT if {Layer, Loss, Optimizer, Schedule, Initializer} & set(kind.__mro__) else set()
    for name, value in inspect.getmembers(kind):
        where = getattr(getattr(value, "fget", value), "__module__", "") or ""
        own = where.startswith("nnx") and name not in known and not name.startswith(("_", *SCIKIT_LEARN))
        if own and (callable(value) or isinstance(value, property)) and not inspect.isclass(value):
            yield name, value


def faults(path, example):
    return [
        f"{path}: {text}"
        for code, text in validate(path)["errors"]
        if code not in LEFT_OUT and (example or code != "EX01")
    ]


def home(value, name):
    """The path by which numpydoc finds an object whose module is not nnx itself."""
    return f"{value.__module__}.{value.__qualname__}" if hasattr(value, "__qualname__") else name


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_explains_itself(name):
    value = PUBLIC[name]
    path = home(value, name)
    found = faults(path, example=True)
    if inspect.isclass(value):
        for method, member in members(value):
            said = inspect.getdoc(getattr(member, "fget", member)) or ""
            if isinstance(member, property) or len(inspect.signature(member).parameters) < 2:
                found += [] if said else [f"{path}.{method}: no docstring"]
            else:
                found += faults(f"{path}.{method}", example=False)
    found += [f"{path}: {text}" for text in undocumented_defaults(value)]
    assert not found, "\n" + "\n".join(found)


def undocumented_defaults(value):
    """The parameters whose line does not name the default: "rate : float, default 0.001"."""
    from numpydoc.docscrape import FunctionDoc

    if not callable(value) or issubclass(value if inspect.isclass(value) else object, Exception):
        return
    types = {n: p.type for p in FunctionDoc(value)["Parameters"] for n in p.name.replace("*", "").split(", ")}
    for name, parameter in inspect.signature(value).parameters.items():
        default = parameter.default
        if default is inspect.Parameter.empty or name not in types:
            continue
        plain = isinstance(default, (bool, int, float, str)) and default != ""
        wanted = f"default {default!r}" if plain else "default"
        if wanted.replace("'", '"') not in types[name].replace("'", '"') and not (
            not plain and "optional" in types[name]
        ):
            yield f"{name}: say {wanted!r} in its line, not {types[name]!r}"


FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", PUBLIC)
def test_the_examples_of_the_reference_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = PUBLIC[name]
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        value = type(value)
    runner, said = doctest.DocTestRunner(optionflags=FLAGS), []
    for example in doctest.DocTestFinder().find(value, name, globs={"nnx": nnx, "np": np}):
        if example.examples:
            runner.run(example, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def listed(function, parameter):
    """The names that the documentation of a parameter lists, "- "name": ..." each, and what follows them."""
    from numpydoc.docscrape import FunctionDoc

    text = "\n".join(next(p.desc for p in FunctionDoc(function)["Parameters"] if p.name == parameter))
    return dict(re.findall(r'^ *- "(\w+)"(.*)', text, flags=re.M))


@pytest.mark.parametrize(
    ("parameter", "known"),
    [("loss", LOSSES), ("optimizer", OPTIMIZERS), ("metrics", METRICS)],
    ids=lambda v: str(v)[:9],
)
def test_fit_lists_every_name_that_a_setting_may_be(parameter, known):
    assert set(listed(nnx.fit, parameter)) == set(known)


def test_fit_names_the_usual_rate_of_every_optimizer():
    for name, text in listed(nnx.fit, "optimizer").items():
        assert float(re.search(r"\(rate ([\d.]+)\)", text)[1]) == OPTIMIZERS[name]().rate


def test_the_documentation_of_backends_lists_every_library():
    assert set(LIBRARIES) <= set(listed(nnx.backend, "name"))
