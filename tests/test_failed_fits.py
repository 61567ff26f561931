"""A fit, partial_fit or load that fails leaves the object as it was, to the bit."""

import copy
import pickle
import warnings
from contextlib import suppress

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import nnx
from nnx.errors import NNXError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = {"classifier": (X[:, 0] > 0).astype(int), "regressor": X @ [1.0, 2.0, 3.0, 4.0]}
KINDS = {"classifier": nnx.MLPClassifier, "regressor": nnx.MLPRegressor}


def with_gap(x):
    x = x.copy()
    x[3, 1] = np.nan
    return x


BAD = {
    "nan": lambda x, y: (with_gap(x), y),
    "infinite": lambda x, y: (np.where(x == x[0, 0], np.inf, x), y),
    "one axis": lambda x, y: (x[:, 0], y),
    "three axes": lambda x, y: (x[None], y),
    "no rows": lambda x, y: (x[:0], y[:0]),
    "no columns": lambda x, y: (x[:, :0], y),
    "fewer targets": lambda x, y: (x, y[:-1]),
    "complex": lambda x, y: (x + 1j, y),
    "text": lambda x, y: (np.full(x.shape, "a"), y),
    "objects": lambda x, y: (np.full(x.shape, None), y),
    "a string": lambda x, y: ("x", y),
    "target not finite": lambda x, y: (x, np.where(y == y[0], np.nan, y.astype(float))),
    "target of lists": lambda x, y: (x, [[1], [2, 3]] * 30),
    "no target": lambda x, y: (x, None),
}
SETTINGS = {
    "hidden": dict(hidden_layer_sizes=(0,)),
    "activation": dict(activation="rellu"),
    "solver": dict(solver="adamm"),
    "alpha": dict(alpha=-1.0),
    "batch": dict(batch_size=0),
    "iterations": dict(max_iter=0),
    "rate": dict(learning_rate_init=-1.0),
    "share": dict(early_stopping=True, validation_fraction=1.5),
    "dropout": dict(dropout=1.5),
    "beta": dict(beta_1=1.0),
}


def fitted(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KINDS[kind](hidden_layer_sizes=(8,), max_iter=3, random_state=0).fit(X, Y[kind])


def bits(model):
    """Every attribute as bytes: arrays, the optimizer, the random state and all."""
    return {name: pickle.dumps(value) for name, value in copy.deepcopy(vars(model)).items()}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("kind", KINDS)
def test_bad_data_change_nothing(kind, method, bad):
    model = fitted(kind)
    before, answer = bits(model), model.predict(X)
    with warnings.catch_warnings(), pytest.raises((ValueError, TypeError)):
        warnings.simplefilter("ignore")
        getattr(model, method)(*BAD[bad](X, Y[kind]))
    assert bits(model) == before and np.array_equal(model.predict(X), answer)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_change_nothing(kind, name):
    model = fitted(kind).set_params(**SETTINGS[name])
    before = bits(model)
    with warnings.catch_warnings(), pytest.raises(ValueError) as error:
        warnings.simplefilter("ignore")
        model.fit(X, Y[kind])
    assert bits(model) == before and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_in_a_fit_leaves_one_whole_state(kind):
    def stop(*_):
        raise KeyboardInterrupt

    model = fitted(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(KeyboardInterrupt):
            model.set_params(max_iter=50, callbacks=[stop]).fit(X, Y[kind])
    assert model.n_iter_ == len(model.loss_curve_) and np.isfinite(model.predict(X).astype(float)).all()
    assert [w.shape for w in model.coefs_] == [(4, 8), (8, 1)]


def test_a_failed_fit_of_an_encoder_changes_nothing():
    encoder = nnx.TableEncoder().fit({"a": [1.0, 2.0, 4.0], "b": ["u", "v", "u"]})
    before = bits(encoder)
    for table in ({"a": [[1], [2]]}, {"a": [1.0, float("inf")]}, {"a": [1.0, 1.0]}, np.ones(3), 3):
        with pytest.raises((NNXError, TypeError)):
            encoder.fit(table)
        assert bits(encoder) == before
