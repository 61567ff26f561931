"""Derivatives along a direction: of the output, and of the gradients."""

import numpy as np
import pytest
from tables import LAYERS, LOSSES, generator, network_of
from test_laws import layer_case

import nnx
from nnx.random import key as make_key

CLOSE = dict(rtol=1e-9, atol=1e-11)  # sums of some hundred products in float64
N = 7


def direction(layer, params, x):
    rng = generator("direction")
    return {name: rng.normal(size=params[name].shape) for name in layer.names}, rng.normal(size=x.shape)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_the_jvp_is_the_transpose_of_backprop(name, train, library):
    layer, params, x, u = layer_case(name)
    v, vx = direction(layer, params, x)
    y, saved = layer.evaluate(params, x, train=train, key=make_key(5, 1))
    dx, grads = layer.backprop(params, saved, u)

    def along(params, x, v, vx, key):
        return nnx.jvp(layer, params, x, dparams=v, dx=vx, train=train, key=key)

    with library.scope():
        key = make_key(5, 1, backend=library.backend)
        found, dy = library.host(library.run(along, *library.arrays((params, x, v, vx)), key))
    np.testing.assert_allclose(found, y, **CLOSE)
    np.testing.assert_allclose(np.sum(dy * u), np.sum(dx * vx) + sum(np.sum(grads[n] * v[n]) for n in v), **CLOSE)


@pytest.mark.parametrize("name", LAYERS)
def test_at_a_bend_the_jvp_takes_the_side_that_backprop_takes(name):
    layer, params, x, u = layer_case(name)
    params = {n: p * (not n.endswith("b")) for n, p in params.items()}
    x = np.zeros_like(x)
    v, vx = direction(layer, params, x)
    _, saved = layer.evaluate(params, x, train=True, key=make_key(5, 1))
    dx, grads = layer.backprop(params, saved, u)
    dy = nnx.jvp(layer, params, x, dparams=v, dx=vx, train=True, key=make_key(5, 1))[1]
    np.testing.assert_allclose(np.sum(dy * u), np.sum(dx * vx) + sum(np.sum(grads[n] * v[n]) for n in v), **CLOSE)


@pytest.mark.parametrize("loss", [nnx.BinaryCrossEntropy(), nnx.SoftmaxCrossEntropy()])
def test_the_curvature_is_that_of_the_formula_where_the_output_is_0(loss):
    net, x, t = nnx.Dense(2, weight=nnx.Zeros()), np.ones((1, 1)), np.asarray([[0.0, 1.0]])
    found = nnx.hvp(net, nnx.init(net, x), x, t, {"b": np.asarray([1.0, 0.0], "float32")}, loss=loss)
    across = -0.25 if isinstance(loss, nnx.SoftmaxCrossEntropy) else 0.0
    np.testing.assert_allclose(found["b"], [0.25, across], rtol=1e-6)


def jaxs(net, params, x, target, v, loss):
    """J v, H v and J^T H J v by the automatic differentiation of JAX."""
    import jax

    backend = nnx.backend("jax", dtype="float64")

    @jax.jit
    def all_three(params, x, v, target):
        key, still = make_key(5, 1, backend=backend), {n: p for n, p in params.items() if n not in v}
        params = {n: params[n] for n in v}

        def z(p):
            return net.evaluate({**p, **still}, x, train=True, key=key)[0]

        def of(z):
            return loss.evaluate(z, target)[0]

        out, dz = jax.jvp(z, (params,), (v,))
        bent = jax.jvp(jax.grad(of), (out,), (dz,))[1]
        return dz, jax.jvp(jax.grad(lambda p: of(z(p))), (params,), (v,))[1], jax.vjp(z, params)[1](bent)[0]

    with backend.scope():
        whole = backend.integers if target.dtype.kind == "i" else backend.floats
        floats = [{n: backend.floats(p) for n, p in tree.items()} for tree in (params, v)]
        return jax.device_get(all_three(floats[0], backend.floats(x), floats[1], whole(target)))


def assert_jaxs(net, params, x, target, loss):
    v, _ = direction(net, params, x)
    jv, hv, gv = jaxs(net, params, x, target, v, loss)
    key = make_key(5, 1)
    np.testing.assert_allclose(nnx.jvp(net, params, x, dparams=v, train=True, key=key)[1], jv, **CLOSE)
    for function, expected in ((nnx.hvp, hv), (nnx.gnvp, gv)):
        found = function(net, params, x, target, v, loss=loss, train=True, key=key)
        assert set(found) == set(net.names)
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], **CLOSE)


@pytest.mark.parametrize("name", [name for name, (layer, _) in LAYERS.items() if layer.names])
def test_products_are_those_of_jax_for_every_layer(name):
    layer, params, x, dy = layer_case(name)
    if dy.ndim > 2:  # a loss takes lines
        layer, params = nnx.Chain(layer, nnx.Flatten(dy.ndim - 1)), {f"0.{n}": p for n, p in params.items()}
        dy = dy.reshape(len(dy), -1)
    assert_jaxs(layer, params, x, generator(name).normal(size=dy.shape), nnx.SquaredError())


@pytest.mark.parametrize("name", LOSSES)
def test_products_are_those_of_jax_for_every_loss(name):
    loss, k, target = LOSSES[name]
    rng = generator(name)
    net = network_of(loss, k)
    x = rng.normal(size=(N, 3))
    assert_jaxs(net, nnx.init(net, x, seed=2), x, np.asarray(target(rng, N, k)), loss)


def test_the_products_are_the_same_on_every_library(library):
    net, rng = nnx.mlp((5,), 3, activation="gelu"), generator("libraries")
    x, y = rng.normal(size=(N, 4)), rng.normal(size=(N, 3))
    params = nnx.init(net, x, seed=1)
    v, _ = direction(net, params, x)
    for function in (nnx.hvp, nnx.gnvp):
        with library.scope():
            found = library.run(
                lambda p, x, y, v, f=function: f(net, p, x, y, v, loss="squared_error"),
                *library.arrays((params, x, y, v)),
            )
            found = library.host(found)
        for name, expected in function(net, params, x, y, v, loss="squared_error").items():
            np.testing.assert_allclose(found[name], expected, **CLOSE)


def test_a_population_is_its_members_alone():
    net, rng = nnx.mlp((5,), 2, activation="tanh"), generator("members")
    x, y = rng.normal(size=(N, 4)), rng.normal(size=(N, 2))
    params = nnx.init(net, x, seed=(0, 1, 2))
    v, _ = direction(net, params, x)
    found = nnx.hvp(net, params, x, y, v, loss="squared_error")
    for k in range(3):
        own = ({n: p[k] for n, p in tree.items()} for tree in (params, v))
        p, d = own
        for name, alone in nnx.hvp(net, p, x, y, d, loss="squared_error").items():
            np.testing.assert_allclose(found[name][k], alone, **CLOSE)


class Numpys(nnx.Layer):
    """A layer written with NumPy's own functions."""

    def evaluate(self, params, x, *, train=False, key=None):
        e = np.exp(x - np.max(x, axis=-1, keepdims=True))
        e /= np.sum(e, axis=-1, keepdims=True)
        return e, e

    def backprop(self, params, saved, dy, *, need_dx=True):
        return saved * (dy - np.sum(saved * dy, axis=-1, keepdims=True)), {}


def test_a_layer_of_ones_own_is_followed_where_it_is_written_with_numpy():
    net, x = nnx.Chain(nnx.Dense(3), Numpys()), generator("own").normal(size=(N, 4))
    params = nnx.init(net, x)
    v, vx = direction(net, params, x)
    h = 1e-6
    ends = [net.evaluate({n: p + t * v[n] for n, p in params.items()}, x + t * vx)[0] for t in (h, -h)]
    dy = nnx.jvp(net, params, x, dparams=v, dx=vx)[1]
    np.testing.assert_allclose(dy, (ends[0] - ends[1]) / (2 * h), atol=1e-9)


class Rounded(Numpys):
    """A layer that leaves NumPy's functions for one of its own making."""

    def evaluate(self, params, x, *, train=False, key=None):
        return np.prod(x, axis=-1, keepdims=True), x


def test_what_cannot_be_followed_is_named():
    x = np.ones((2, 3))
    with pytest.raises(nnx.SettingError, match=r"derivative: prod has none here"):
        nnx.jvp(Rounded(), {}, x, dx=x)


def test_directions_are_looked_at():
    net, x = nnx.Dense(2), np.ones((3, 4))
    params = nnx.init(net, x)
    for wrong, line in (
        ({}, "give a direction"),
        ({"dx": np.ones((3, 5))}, r"dx has shape \(3, 5\), expected \(3, 4\)"),
        ({"dparams": {"V": x}}, "has 'V', which is no parameter"),
    ):
        with pytest.raises(nnx.NNXError, match=line):
            nnx.jvp(net, params, x, **wrong)


class Nearly(nnx.Layer):
    """A layer whose backprop is off by a millionth."""

    def evaluate(self, params, x, *, train=False, key=None):
        return x * x, x

    def backprop(self, params, saved, dy, *, need_dx=True):
        return 2.000001 * saved * dy, {}


def test_check_sees_a_gradient_that_is_off_by_less_than_a_difference_shows():
    assert "the derivative along a random direction" in str(nnx.check(Nearly(), np.ones((2, 3))))


def test_a_loss_of_positions_is_made_as_in_fit():
    net, rng = nnx.Chain(nnx.Conv1D(4, 3, padding="same"), nnx.Tanh(), nnx.Dense(3)), generator("positions")
    x, y = rng.normal(size=(N, 5, 2)), rng.integers(0, 3, (N, 5))
    params = nnx.init(net, x)
    v, _ = direction(net, params, x)
    for function in (nnx.hvp, nnx.gnvp):
        found = function(net, params, x, y, v, loss="softmax_cross_entropy")
        whole = function(net, params, x, y, v, loss=nnx.PositionLoss(nnx.SoftmaxCrossEntropy()))
        for name in found:
            np.testing.assert_array_equal(found[name], whole[name])
