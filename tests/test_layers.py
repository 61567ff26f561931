"""One published or hand-worked value per layer; the laws do the rest."""

import math

import numpy as np
import pytest

import nnx
from nnx.backends.arrays import erf_plain


def value(layer, x):
    y, _ = layer.evaluate({}, np.asarray([[x]], dtype=float))
    return float(y[0, 0])


# Worked out with mpmath at 30 digits from the formulas of the papers; SELU's constants from Klambauer et al. 2017.
@pytest.mark.parametrize(
    ("layer", "at_minus_one", "at_two"),
    [
        (nnx.Identity(), -1.0, 2.0),
        (nnx.Sigmoid(), 0.26894142136999512, 0.88079707797788244),
        (nnx.Tanh(), -0.76159415595576489, 0.96402758007581688),
        (nnx.ReLU(), 0.0, 2.0),
        (nnx.LeakyReLU(0.01), -0.01, 2.0),
        (nnx.ELU(1.0), -0.63212055882855768, 2.0),
        (nnx.SELU(), -1.1113307378125628, 2.101401974710961),
        (nnx.GELU(), -0.15865525393145705, 1.9544997361036416),
        (nnx.SiLU(), -0.26894142136999512, 1.7615941559557649),
        (nnx.Mish(), -0.30340146137410892, 1.9439589595339945),
        (nnx.Softplus(), 0.31326168751822283, 2.1269280110429725),
    ],
)
def test_activation_has_its_published_value(layer, at_minus_one, at_two):
    assert value(layer, -1.0) == pytest.approx(at_minus_one, rel=1e-13, abs=1e-14)
    assert value(layer, 2.0) == pytest.approx(at_two, rel=1e-13)


def test_gelu_tanh_is_close_to_gelu():
    x = np.linspace(-6, 6, 200)[:, None]
    exact, near = nnx.GELU().evaluate({}, x)[0], nnx.GELUTanh().evaluate({}, x)[0]
    assert 1e-5 < np.max(np.abs(exact - near)) < 1e-3  # Hendrycks & Gimpel: an approximation, not the same


def test_erf_is_the_error_function():
    x = np.linspace(-7, 7, 5001)
    exact = np.asarray([math.erf(v) for v in x])
    np.testing.assert_allclose(erf_plain(x), exact, rtol=0, atol=3e-16)  # two units in the last place of 1


def test_own_erf_and_the_librarys_agree(library):
    x = np.linspace(-5, 5, 101)
    with library.scope():
        got = library.host(nnx.backends.erf(library.array(x)))
    np.testing.assert_allclose(got, erf_plain(x), rtol=0, atol=5e-16)


@pytest.mark.parametrize("layer", [nnx.Sigmoid(), nnx.Softplus(), nnx.SiLU(), nnx.Mish(), nnx.ELU(), nnx.GELU()])
def test_activation_is_finite_far_from_zero(layer):
    x = np.asarray([[-1e4, 1e4]], dtype=np.float32)
    y, saved = layer.evaluate({}, x)
    dx, _ = layer.backprop({}, saved, np.ones_like(x))
    assert np.all(np.isfinite(y)) and np.all(np.isfinite(dx))
    np.testing.assert_allclose(dx[0, 1], 0.0 if isinstance(layer, nnx.Sigmoid) else 1.0, atol=1e-6)


def test_relu_gradient_is_zero_at_zero():
    _, saved = nnx.ReLU().evaluate({}, np.zeros((1, 1)))
    assert nnx.ReLU().backprop({}, saved, np.ones((1, 1)))[0] == 0.0


def test_dense_by_hand():
    params = {"W": np.asarray([[1.0, 2.0], [3.0, 4.0]]), "b": np.asarray([10.0, 20.0])}
    y, saved = nnx.Dense(2).evaluate(params, np.asarray([[1.0, -1.0]]))
    np.testing.assert_array_equal(y, [[8.0, 18.0]])
    dx, grads = nnx.Dense(2).backprop(params, saved, np.asarray([[1.0, 1.0]]))
    np.testing.assert_array_equal(dx, [[3.0, 7.0]])
    np.testing.assert_array_equal(grads["W"], [[1.0, 1.0], [-1.0, -1.0]])
    np.testing.assert_array_equal(grads["b"], [1.0, 1.0])


def test_members_that_share_weights_add_up_their_gradients():
    rng = np.random.default_rng(0)
    layer, params = nnx.Dense(2), nnx.init(nnx.Dense(2), 3, dtype="float64")
    x, dy = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    _, grads = layer.backprop(params, x, dy)
    np.testing.assert_allclose(grads["W"], sum(x[k].T @ dy[k] for k in range(4)), rtol=1e-12)


def test_layer_norm_rows_have_mean_zero_and_variance_one():
    params = nnx.init(nnx.LayerNorm(), 50, dtype="float64")
    y, _ = nnx.LayerNorm().evaluate(params, np.random.default_rng(0).normal(3, 5, (4, 50)))
    np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=1), 1, rtol=1e-5)


def test_embedding_is_that_of_torch_with_code_0_for_what_is_no_code():
    import torch

    rng = np.random.default_rng(0)
    layer = nnx.Embedding((5, 3000), (2, 0), 4)
    x, dy = np.zeros((400, 3)), rng.normal(size=(400, 9))
    x[:, 2], x[:, 0], x[:, 1] = rng.integers(0, 5, 400), rng.integers(0, 3000, 400), rng.normal(size=400)
    params = nnx.init(layer, 3, dtype="float64")
    tables = [torch.nn.Embedding.from_pretrained(torch.from_numpy(E), False) for E in np.split(params["E"], [5])]
    own = [table(torch.from_numpy(x[:, c].astype(int))) for table, c in zip(tables, (2, 0), strict=True)]
    y, saved = layer.evaluate(params, x)
    np.testing.assert_array_equal(y, np.hstack([x[:, 1:2], *(a.detach().numpy() for a in own)]))
    dx, grads = layer.backprop(params, saved, dy)
    torch.cat(own, dim=1).backward(torch.from_numpy(dy[:, 1:]))
    expected = np.vstack([table.weight.grad.numpy() for table in tables])
    np.testing.assert_allclose(grads["E"], expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(grads["E"] == 0, expected == 0)  # of codes that no row has, to the bit
    np.testing.assert_array_equal(dx, np.stack([np.zeros(400), dy[:, 0], np.zeros(400)], axis=1))
    strange = np.asarray([[-1.0, 7.0, 5.0], [3000.0, 7.0, np.nan], [np.inf, 7.0, -np.inf], [1e30, 7.0, 0.4]])
    y, _ = layer.evaluate(params, strange)
    np.testing.assert_array_equal(y, np.tile(np.hstack([[7.0], params["E"][0], params["E"][5]]), (4, 1)))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (dict(sizes=(3,), columns=(0, 1)), "a size for each"),
        (dict(sizes=(3, 3), columns=(1, 1)), "different columns"),
        (dict(sizes=(), columns=()), "a size for each"),
        (dict(sizes=3, columns=(0,)), "sizes must be a tuple"),
        (dict(sizes=(2**24,), columns=(0,)), "less than 16,777,216"),
        (dict(sizes=(3,), columns=(-1,)), "columns must not be negative"),
        (dict(sizes=(3,), columns=(0,), units=0), "units must be at least 1"),
    ],
)
def test_an_embedding_refuses_columns_and_sizes_that_do_not_fit(given, text):
    with pytest.raises(nnx.SettingError, match=text):
        nnx.Embedding(**given)
    with pytest.raises(nnx.ShapeError, match="column 3 holds codes, x has 3 columns"):
        nnx.init(nnx.Embedding((4,), (3,)), 3)


def test_squeeze_and_excitation_is_that_of_torch():
    import torch

    net, x = nnx.SqueezeExcite(2), np.random.default_rng(0).normal(size=(3, 5, 4, 6))
    params = nnx.init(net, x, dtype="float64")
    params = {name: np.random.default_rng(1).normal(size=p.shape) for name, p in params.items()}
    given = {name: torch.tensor(p, requires_grad=True) for name, p in {"x": x, **params}.items()}
    images, linear = given["x"].permute(0, 3, 1, 2), torch.nn.functional.linear
    m = torch.nn.AdaptiveAvgPool2d(1)(images).flatten(1)
    s = torch.sigmoid(linear(torch.relu(linear(m, given["0.W"].T, given["0.b"])), given["2.W"].T, given["2.b"]))
    theirs = (images * s[:, :, None, None]).permute(0, 2, 3, 1)
    y, saved = net.evaluate(params, x)
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=1e-12)
    dy = np.random.default_rng(2).normal(size=y.shape)
    theirs.backward(torch.from_numpy(dy))
    dx, grads = net.backprop(params, saved, dy)
    for name, gradient in {"x": dx, **grads}.items():
        np.testing.assert_allclose(gradient, given[name].grad.numpy(), rtol=1e-9, atol=1e-12)


# The layer, the shape of a row, and what it is in torch.nn.functional, f, with the channels behind the batch.
OF_WINDOWS = {
    "conv1d": (
        nnx.Conv1D(6, 3, 2, padding=1, dilation=2, groups=2),
        (9, 4),
        lambda f, x, W, b: f.conv1d(x, W, b, 2, 1, 2, 2),
    ),
    "conv1d_same": (nnx.Conv1D(3, 5, padding="same"), (7, 2), lambda f, x, W, b: f.conv1d(x, W, b, padding="same")),
    "conv2d": (nnx.Conv2D(5, 3), (6, 7, 2), lambda f, x, W, b: f.conv2d(x, W, b)),
    "conv2d_strided": (
        nnx.Conv2D(4, (3, 2), (2, 1), padding=(1, 0), groups=2),
        (8, 5, 6),
        lambda f, x, W, b: f.conv2d(x, W, b, (2, 1), (1, 0), 1, 2),
    ),
    "conv2d_dilated": (nnx.Conv2D(4, 3, 3, 2, 2), (9, 10, 3), lambda f, x, W, b: f.conv2d(x, W, b, 3, 2, 2)),
    "max_pool": (nnx.MaxPool(3, 2, padding=1), (7, 8, 3), lambda f, x: f.max_pool2d(x, 3, 2, 1)),
    "avg_pool": (nnx.AvgPool((3, 2), (2, 1), padding=1), (7, 8, 3), lambda f, x: f.avg_pool2d(x, (3, 2), (2, 1), 1)),
    "global_pool": (nnx.GlobalPool(), (4, 5, 3), lambda f, x: f.adaptive_avg_pool2d(x, 1).flatten(1)),
    "group_norm": (nnx.GroupNorm(2), (3, 4, 6), lambda f, x, gain, shift: f.group_norm(x, 2, gain, shift)),
}


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_layers_of_images_and_sequences_are_those_of_torch(name):
    import torch

    net, row, function = OF_WINDOWS[name]
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, size=(3, *row)) / 2.0 if name == "max_pool" else rng.normal(size=(3, *row))  # with ties
    params = {n: rng.normal(size=p.shape) for n, p in nnx.init(net, x, dtype="float64").items()}
    given = {n: torch.tensor(p, requires_grad=True) for n, p in {"x": x, **params}.items()}
    theirs = [p.reshape(-1) if n != "W" else p.permute(-1, -2, *range(p.ndim - 2)) for n, p in list(given.items())[1:]]
    z = function(torch.nn.functional, given["x"].permute(0, -1, *range(1, x.ndim - 1)), *theirs)
    z = z.permute(0, *range(2, z.ndim), 1)
    y, saved = net.evaluate(params, x, train=True)
    np.testing.assert_allclose(y, z.detach().numpy(), rtol=1e-10, atol=1e-12)
    dy = rng.normal(size=y.shape)
    z.backward(torch.from_numpy(dy))
    dx, grads = net.backprop(params, saved, dy)
    for n, gradient in {"x": dx, **grads}.items():
        np.testing.assert_allclose(gradient, given[n].grad.numpy(), rtol=1e-9, atol=1e-12)


def test_a_convolution_takes_an_initializer_that_has_no_hash():
    class Small(nnx.Initializer):
        __hash__ = None

        def init(self, shape, draw):
            return 0.1 * draw.normal(shape)

    net = nnx.Conv2D(3, 2, weight=Small())
    assert nnx.predict(net, nnx.init(net, (4, 4, 1)), np.ones((2, 4, 4, 1), "float32")).shape == (2, 3, 3, 3)


NORMS = {  # ours, and the class of torch.nn that it is
    "layer": (nnx.LayerNorm(), "LayerNorm"),
    "batch": (nnx.BatchNorm(), "BatchNorm1d"),
    "rms": (nnx.RMSNorm(), "RMSNorm"),
}


@pytest.mark.parametrize("name", NORMS)
def test_norms_are_those_of_torch(name):
    import torch

    ours, kind = NORMS[name]
    theirs = getattr(torch.nn, kind)(4, eps=ours.epsilon).double()
    x = np.random.default_rng(0).normal(size=(6, 4))
    params = nnx.init(ours, 4, dtype="float64")
    y, saved = ours.evaluate(params, x, train=True)
    params = ours.update(params, saved)
    np.testing.assert_allclose(y, theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-10)
    if ours.running:
        np.testing.assert_allclose(params["mean"], theirs.running_mean.numpy(), rtol=1e-10)
        np.testing.assert_allclose(params["variance"], theirs.running_var.numpy(), rtol=1e-10)
    theirs.eval()
    y, _ = ours.evaluate(params, x)
    np.testing.assert_allclose(y, theirs(torch.from_numpy(x)).detach().numpy(), rtol=1e-10)


def test_dropout_keeps_the_mean_and_its_share():
    x = np.ones((500, 400))
    y, _ = nnx.Dropout(0.3).evaluate({}, x, train=True, key=nnx.key(1))
    assert set(np.unique(y)) == {0.0, 1 / (1 - 0.3)}
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.005)  # ten standard deviations of 200,000 draws
    again, _ = nnx.Dropout(0.3).evaluate({}, x, train=True, key=nnx.key(1))
    np.testing.assert_array_equal(y, again)
    other, _ = nnx.Dropout(0.3).evaluate({}, x, train=True, key=nnx.key(1, 1))
    assert np.mean(y == other) < 0.6


def test_dropout_with_a_rate_for_each_member():
    layer = nnx.Dropout((0.0, 0.5, 0.9))
    y, _ = layer.evaluate({}, np.ones((3, 200, 50)), train=True, key=nnx.key((1, 2, 3)))
    np.testing.assert_allclose([np.mean(m == 0) for m in y], [0.0, 0.5, 0.9], atol=0.03)


def test_dropout_does_nothing_outside_training():
    x = np.ones((3, 2))
    assert nnx.Dropout(0.5).evaluate({}, x)[0] is x


@pytest.mark.parametrize("container", [nnx.Chain, nnx.Concat])
def test_two_dropouts_of_a_container_draw_different_masks(container):
    x = np.ones((100, 100))
    y, _ = container(nnx.Dropout(0.5), nnx.Dropout(0.5)).evaluate({}, x, train=True, key=nnx.key(1))
    kept = np.mean(y > 0) if container is nnx.Chain else np.mean(y[:, :100] == y[:, 100:])
    assert kept == pytest.approx(0.25 if container is nnx.Chain else 0.5, abs=0.03)  # 10,000 draws: 6 deviations


def test_the_key_of_a_part_can_be_an_argument_of_a_compiled_function():
    import jax

    x, key = jax.numpy.ones((5, 4)), nnx.key(1, backend="jax").fold(3)

    def drop(x, key):
        return nnx.Dropout(0.5).evaluate({}, x, train=True, key=key)[0]

    np.testing.assert_array_equal(jax.jit(drop)(x, key), drop(x, key))


def test_sigmoid_is_accurate_relative_to_its_size():
    x = np.linspace(-80, 80, 401).astype(np.float32)[:, None]
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(nnx.Sigmoid().evaluate({}, x)[0], exact, rtol=1e-6)


def test_a_batch_of_one_row_leaves_running_statistics_alone():
    layer = nnx.BatchNorm()
    params = nnx.init(layer, 3)
    _, saved = layer.evaluate(params, np.ones((1, 3), dtype=np.float32), train=True)
    assert np.all(layer.update(params, saved)["variance"] == 1)


def test_names_of_nested_layers():
    net = nnx.Chain(nnx.Dense(2), nnx.Residual(nnx.Chain(nnx.Tanh(), nnx.Dense(2), nnx.BatchNorm())), nnx.Dense(1))
    assert net.names == ("0.W", "0.b", "1.1.W", "1.1.b", "1.2.gain", "1.2.shift", "2.W", "2.b")
    assert net.running == ("1.2.mean", "1.2.variance")


def test_residual_refuses_another_width():
    with pytest.raises(nnx.ShapeError, match="turns 4 features into 3"):
        nnx.init(nnx.Residual(nnx.Dense(3)), 4)


def test_shapes_of_networks_that_fit_nothing_are_refused():
    wide = nnx.Chain(*[nnx.Concat(nnx.Identity(), nnx.Identity())] * 40)
    for net, part in (
        (nnx.Residual(nnx.Dense(3)), "turns 4 features into 3; x + f(x) needs them equal"),
        (nnx.Chain(nnx.Tanh(), nnx.Residual(Gain(3))), "turns 4 features into 3; x + f(x) needs them equal"),
        (wide, "Concat: it is too wide: 2097152 columns, 1048576 are allowed"),
    ):
        with pytest.raises(nnx.ShapeError) as error:
            net.shapes((4,))
        assert part in str(error.value)


class Gain(nnx.Layer):
    """A layer of one's own that has `init` and no `shapes`: y = x[..., :units] g."""

    names = ("g",)

    def __init__(self, units):
        self.units = units

    def init(self, features, draw):
        return {"g": 1 + 0.1 * draw.fold("g").normal((self.units,))}, self.units

    def evaluate(self, params, x, *, train=False, key=None):
        return x[..., : self.units] * params["g"][..., None, :], x

    def backprop(self, params, x, dy, *, need_dx=True):
        g = np.concatenate([params["g"], np.zeros((*params["g"].shape[:-1], x.shape[-1] - self.units))], axis=-1)
        dy = np.concatenate([dy, np.zeros((*dy.shape[:-1], x.shape[-1] - self.units))], axis=-1)
        return dy * g[..., None, :], {"g": (dy * x).sum(axis=-2)[..., : self.units]}


def test_a_layer_that_has_init_alone_has_its_shapes_and_trains_alone_and_in_a_population():
    net = nnx.Chain(nnx.Concat(nnx.Residual(Gain(4)), Gain(3)), nnx.Dense(2))
    shapes, row = net.shapes((4,))
    assert shapes == {"0.0.g": (4,), "0.1.g": (3,), "1.W": (7, 2), "1.b": (2,)} and row == (2,)
    x = np.random.default_rng(0).normal(size=(20, 4))
    fits = nnx.fit(net, x, x[:, :2], loss="squared_error", epochs=3, seed=5, members=2, dtype="float64")
    alone = nnx.fit(net, x, x[:, :2], loss="squared_error", epochs=3, seed=6, dtype="float64")
    for name, p in alone.params.items():
        assert fits[1].params[name].shape == p.shape and not np.array_equal(p, nnx.init(net, 4, dtype="float64")[name])
        np.testing.assert_allclose(fits[1].params[name], p, rtol=1e-10)


def test_chain_says_which_layer_failed():
    net = nnx.Chain(nnx.Dense(4), nnx.Tanh(), nnx.Dense(2))
    with pytest.raises(nnx.ShapeError, match=r"x has 5 features, W expects 3") as error:
        net.evaluate(nnx.init(net, 3), np.ones((1, 5), dtype=np.float32))
    assert error.value.__notes__ == ["in layer 0 of Chain: " + repr(net.layers[0])]


@pytest.mark.parametrize("rows", [0, 1])
def test_empty_and_single_row_batches(rows, library):
    net = nnx.Chain(nnx.Dense(4), nnx.ReLU(), nnx.Dropout(0.5), nnx.LayerNorm(), nnx.Dense(2))
    with library.scope():
        params = nnx.init(net, 3, backend=library.backend)
        x = library.array(np.ones((rows, 3)))
        y, saved = net.evaluate(params, x, train=True, key=nnx.key(0, backend=library.backend))
        _, grads = net.backprop(params, saved, y)
        assert y.shape == (rows, 2)
        assert {k: g.shape for k, g in grads.items()} == {k: p.shape for k, p in params.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bent_exponentials_keep_their_digits(dtype):
    """SELU, ELU and Mish in other forms than their formulas have, to a few units in the last place."""
    size = np.concatenate([np.logspace(-6, 1.9, 300), [20.0, 20.5, 30.0]])
    x = np.concatenate([-size, size]).astype(dtype)
    wide = x.astype("float64")
    below, t = np.expm1(np.minimum(wide, 0)), np.tanh(np.log1p(np.exp(wide)))
    expected = {
        nnx.ELU(0.7): (np.where(wide > 0, wide, 0.7 * below), np.where(wide > 0, 1.0, 0.7 * (below + 1))),
        nnx.Mish(): (wide * t, t + wide * (1 - t) * (1 + t) / (1 + np.exp(-wide))),
    }
    for layer, (value, slope) in expected.items():
        y, saved = layer.value(x)
        np.testing.assert_allclose(y, value, rtol=8 * np.finfo(dtype).eps)
        np.testing.assert_allclose(
            layer.slope(saved), slope, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps
        )
