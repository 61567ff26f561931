"""Integrated gradients: values by hand, sums that are the difference of the outputs, and every kind of network."""

import numpy as np
import pytest

import nnx
from nnx.tabular.explain import integrated_gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))
NETS = {
    "smooth": nnx.mlp((16, 8), 3, activation="tanh"),
    "kinks": nnx.mlp((32, 16), 3, dropout=0.2),
    "norms": nnx.Chain(nnx.Dense(8), nnx.BatchNorm(), nnx.GELU(), nnx.LayerNorm(), nnx.Dense(3)),
    "tabm": nnx.tabm((8,), 3, members=4),
    "ensemble": nnx.Ensemble(nnx.mlp((8,), 3, activation="silu"), 4),
}


def made(name, seed=1):
    rng, net = np.random.default_rng(3), NETS[name]
    return net, {k: p + 0.3 * rng.random(p.shape) for k, p in nnx.init(net, 5, seed=seed, dtype="float64").items()}


def mean_output(net, params, x, output):
    z = nnx.predict(net, params, x)[..., output]
    return z.reshape(*z.shape[:-1], len(x), net.copies).mean(axis=-1)


def test_values_of_a_product_by_hand():
    """z = a b along the straight way from 0: each factor has half of it."""

    class Product(nnx.Layer):
        def evaluate(self, params, x, *, train=False, key=None):
            return x[:, :1] * x[:, 1:2], x

        def backprop(self, params, x, dy, *, need_dx=True):
            return np.concatenate((dy * x[:, 1:2], dy * x[:, :1]), axis=1), {}

    found = integrated_gradients(Product(), {}, np.array([[2.0, 3.0]]), np.zeros(2), points=2)
    np.testing.assert_allclose(found.values, [[3.0, 3.0]])
    np.testing.assert_allclose((found.base, found.output, found.gap), [[0.0], [6.0], [0.0]], atol=1e-15)


@pytest.mark.parametrize("name", NETS)
def test_the_values_add_up_to_the_difference_of_the_outputs(name):
    net, params = made(name)
    base = X.mean(axis=0)
    found = integrated_gradients(net, params, X, base, 1)
    difference = mean_output(net, params, X, 1) - mean_output(net, params, base[None], 1)
    assert found.values.shape == X.shape
    np.testing.assert_allclose(found.output - found.base, difference, rtol=1e-12, atol=1e-12)
    close = 1e-3 if name in ("kinks", "tabm") else 1e-6  # 32 points see a smooth way to six digits at least
    assert np.abs(found.values.sum(axis=1) - difference).max() <= close * np.abs(difference).max()
    np.testing.assert_allclose(found.values.sum(axis=1) + found.gap, difference, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETS)
def test_all_libraries_agree(name, library):
    net, params = made(name)
    wanted = integrated_gradients(net, params, X[:6], X[6:12], 2)
    with library.scope():
        arrays = library.arrays((params, X[:6], X[6:12]))
        found = integrated_gradients(net, *arrays, 2)
        values, gap = library.host((found.values, found.gap))
    np.testing.assert_allclose(values, wanted.values, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(gap, wanted.gap, rtol=1e-6, atol=1e-11)


def test_a_population_is_explained_member_by_member():
    net, params = made("smooth", seed=(1, 2, 3))
    found = integrated_gradients(net, params, X, X[0])
    assert found.values.shape == (3, 40, 5) and found.gap.shape == (3, 40)
    for m in range(3):
        alone = integrated_gradients(net, {k: p[m] for k, p in params.items()}, X, X[0])
        np.testing.assert_allclose(found.values[m], alone.values, rtol=1e-9, atol=1e-12)


def test_an_ensemble_is_the_mean_of_its_members():
    net, params = made("ensemble")
    alone = [integrated_gradients(net.net, {k: p[m] for k, p in params.items()}, X, X[0]).values for m in range(4)]
    np.testing.assert_allclose(integrated_gradients(net, params, X, X[0]).values, np.mean(alone, axis=0), rtol=1e-9)


def test_blocks_of_rows_are_as_all_together(monkeypatch):
    net, params = made("kinks")
    whole = integrated_gradients(net, params, X, X[0], tolerance=1.0)
    monkeypatch.setattr("nnx.tabular.explain.AT_ONCE", 100)
    np.testing.assert_allclose(
        integrated_gradients(net, params, X, X[0], tolerance=1.0).values, whole.values, rtol=1e-12
    )


def test_more_points_are_taken_where_the_sum_is_missed():
    net, params = made("kinks")
    coarse = integrated_gradients(net, params, X, X[0], points=2, tolerance=1.0)
    fine = integrated_gradients(net, params, X, X[0], points=2, tolerance=1e-3)
    assert np.abs(fine.gap).max() < 0.2 * np.abs(coarse.gap).max()


def test_values_are_summed_over_the_columns_of_a_table():
    table = {"a": [0.1, 0.5, 0.9, 0.3] * 5, "word": ["x", "y", "z", "x"] * 5}
    encoder = nnx.TableEncoder().fit(table)
    x = np.asarray(encoder.transform(table), "float64")
    net = nnx.mlp((6,), 1, activation="tanh")
    params = nnx.init(net, x.shape[1], dtype="float64")
    found = integrated_gradients(net, params, x, x.mean(axis=0))
    groups = encoder.groups()
    sums = found.by_column({**groups, "nothing": []})
    for at, own in enumerate(groups.values()):
        np.testing.assert_allclose(sums[:, at], found.values[:, own].sum(axis=1), atol=1e-14)
    np.testing.assert_allclose(sums.sum(axis=1), found.values.sum(axis=1), atol=1e-14)
    assert not sums[:, -1].any()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"output": 3}, nnx.SettingError, "output must be below 3, got 3"),
        ({"points": 0}, nnx.SettingError, "points must be at least 1"),
        ({"baseline": X[0, :4]}, nnx.ShapeError, r"baseline \(4,\), expected \(n, i\) and \(i,\)"),
        ({"x": X[0]}, nnx.ShapeError, r"x \(5,\) and baseline"),
        ({"x": X[:0]}, nnx.ShapeError, r"x \(0, 5\) and baseline"),
        ({"params": {}}, nnx.SettingError, "params lacks"),
    ],
)
def test_what_cannot_be_explained_is_one_line(change, error, text):
    net, params = made("smooth")
    given = {"net": net, "params": params, "x": X, "baseline": X[0]} | change
    with pytest.raises(error, match=text):
        integrated_gradients(**given)
