"""scikit-learn's private names: one module takes them, and says in one line which is missing and what to do."""

import ast
import importlib
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from sklearn import __version__

from nnx.errors import BackendError
from nnx.estimators import private
from nnx.estimators.version import check_version

FILE = Path(private.__file__)
NAMES = [
    (node.module, alias.name)
    for node in ast.walk(ast.parse(FILE.read_text()))
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module.startswith("sklearn")
    for alias in node.names
    if alias.name != "__version__"
]
METHODS = [(kind, name) for kind, names in private.METHODS for name in names.split()]


def loaded():
    """The module anew, beside the one that is there."""
    spec = spec_from_file_location("nnx.estimators._private_anew", FILE)
    spec.loader.exec_module(module_from_spec(spec))


def said():
    """The error of the module where something is missing."""
    with pytest.raises(BackendError) as error:
        loaded()
    text = str(error.value)
    assert "\n" not in text and __version__ in text and f"pip install 'scikit-learn{private.TRIED}'" in text
    return text


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_missing_name_is_told(module, name, monkeypatch):
    monkeypatch.delattr(importlib.import_module(module), name)
    assert f"cannot import name {name!r} from {module!r}" in said()


@pytest.mark.parametrize(("kind", "name"), METHODS)
def test_a_missing_method_is_told(kind, name, monkeypatch):
    for own in kind.__mro__:
        if name in vars(own):
            monkeypatch.delattr(own, name)
    assert f"{kind.__name__} has no {name}" in said()


def test_a_missing_module_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    assert "sklearn.callback" in said()


def test_what_else_is_missing_is_not_blamed_on_scikit_learn(monkeypatch):
    monkeypatch.delitem(sys.modules, "sklearn.utils.optimize")
    monkeypatch.setitem(sys.modules, "scipy.optimize._linesearch", None)
    with pytest.raises(ModuleNotFoundError, match="scipy"):
        loaded()


def test_all_names_are_there():
    loaded()
    assert len(NAMES) > 20 and len(METHODS) > 5


def test_the_first_use_of_an_estimator_says_it():
    code = "import sklearn.neural_network, sklearn.base as b; del b._fit_context; import nnx; nnx.MLPClassifier"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1 and last.startswith("nnx.errors.BackendError") and "'_fit_context'" in last


def test_the_versions_tried_begin_where_pyproject_does():
    extras = tomllib.loads((FILE.parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    lowest, newest = private.TRIED.split(",")
    assert extras["sklearn"] == [f"scikit-learn{lowest}"] and newest.startswith("<")


@pytest.mark.parametrize(
    ("version", "fine"), [("1.9.0", True), ("1.10rc1", True), ("2.0", True), ("1.8.2", False), ("0.24", False)]
)
def test_a_scikit_learn_that_is_too_old_is_told_so(version, fine):
    if fine:
        check_version(version)
        return
    with pytest.raises(BackendError) as error:
        check_version(version)
    assert str(error.value) == (
        f"the estimators need scikit-learn 1.9 or newer, this is {version}: pip install 'scikit-learn>=1.9'"
    )
