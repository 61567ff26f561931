"""How the parameters lie in memory is found by writing on a part of a vector, and every library trains."""

import copying
import numpy as np
import pytest

import nnx
from nnx.backends import backend_of
from nnx.training.flat import Flat, Named, choose_layout, has_views

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = 2.0 * X[:, :1] - X[:, 1:2]


@pytest.mark.parametrize(
    ("name", "layout"), [("numpy", Flat), ("torch", Flat), ("array_api_strict", Flat), ("jax", Named)]
)
def test_the_layout_is_what_the_library_does_with_a_part_of_a_vector(name, layout):
    backend = nnx.backend(name)
    params = nnx.init(nnx.mlp((3,), 1), 4, backend=backend)
    assert type(choose_layout(backend, params, tuple(params), apart=True)) is layout


def test_a_part_that_is_a_copy_does_not_follow():
    x = copying.asarray(X)
    part = x[:2]
    x += 1.0
    assert not np.allclose(np.asarray(part), np.asarray(x[:2]))
    assert not has_views(backend_of(x))


def test_a_library_whose_slices_are_copies_trains():
    settings = dict(loss="squared_error", epochs=5, batch_size=16)
    plain = nnx.fit(nnx.mlp((8,), 1), X, Y, compile=False, **settings)
    found = nnx.fit(nnx.mlp((8,), 1), copying.asarray(X), copying.asarray(Y), **settings)
    assert isinstance(found.params["0.W"], copying.Array)
    np.testing.assert_array_equal(found.history["loss"], plain.history["loss"])
    for name, value in plain.params.items():
        np.testing.assert_array_equal(np.asarray(found.params[name]), value)
