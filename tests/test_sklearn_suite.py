"""scikit-learn's own tests of its MLP, every one, with the import swapped for nnx's."""

import inspect

import pytest

tests = pytest.importorskip("sklearn.neural_network.tests.test_mlp", reason="scikit-learn is not installed")
LINE = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
source = inspect.getsource(tests)
assert LINE in source
exec(compile(source.replace(LINE, "from nnx.estimators import MLPClassifier, MLPRegressor"), tests.__file__, "exec"))


@pytest.fixture
def global_random_seed():
    """scikit-learn's own value where no other is asked for."""
    return 42


def test_all_of_them_are_here():
    own = {name for name in vars(tests) if name.startswith("test_")}
    assert own <= set(globals()) and len(own) == 43
    assert globals()["MLPClassifier"].__module__ == "nnx.estimators.classifier"
