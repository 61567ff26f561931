"""Layers for numeric columns: the authors' values, values by hand, edges from data, populations, files, and refusals.

The laws of layers are held by `test_laws.py`.
"""

import numpy as np
import pytest

import nnx
from nnx.training.population.joining import is_single, joined, kind_of, spread

EDGES = ((-1.0, -0.5, 0.0, 0.7), (0.0, 1.0), (-2.0, 0.2, 1.0))
X = np.array([[-1.4, 0.25, 0.6], [0.3, 2.0, -3.0], [-0.5, -1.0, 1.9]])

# What rtdl_num_embeddings 0.0.12 gives for X and EDGES (PiecewiseLinearEncoding), and for the parameters below.
ENCODED = [
    [-0.8, 0.0, 0.0, 0.25, 1.0, 0.5],
    [1.0, 1.0, 3 / 7, 2.0, -5 / 11, 0.0],
    [1.0, 0.0, 0.0, -1.0, 1.0, 2.125],
]
OF_VERSION_B = [
    [1.07, 1.11, -0.707272727, -0.023636364],
    [-0.65, 1.3, 3.26, 4.92],
    [1.725, 0.05, -0.09, 1.545],
]
OF_PLR = [[0.538741054, 0.0, 0.484712626, 1.669275045], [0.0, 0.0, 0.463342744, 2.316780519]]


def test_the_encoding_is_the_authors():
    y, _ = nnx.PiecewiseLinear(EDGES).evaluate({}, X)
    np.testing.assert_allclose(y, np.concatenate((X, ENCODED), axis=1), rtol=1e-14, atol=1e-15)


def test_columns_that_are_not_named_pass_through():
    x = np.insert(X, [1, 3], 9.0, axis=1)  # columns 1 and 4
    y, _ = nnx.PiecewiseLinear(EDGES, (0, 2, 3)).evaluate({}, x)
    np.testing.assert_allclose(y, np.concatenate((x, ENCODED), axis=1), rtol=1e-14, atol=1e-15)


def test_the_embedding_is_the_authors_version_b():
    layer = nnx.PiecewiseLinearEmbedding((EDGES[0], (-2.0, 0.2, 1.0, 1.5)), 2)
    params = {
        "W": np.array([[[1.0, -1.0], [0.5, 2.0], [-1.0, 0.25]], [[0.2, 0.1], [-0.4, 1.0], [1.0, 1.0]]]),
        "w": np.array([[0.1, -0.2], [0.4, 0.3]]),
        "b": np.array([[0.5, 0.0], [-0.3, 0.3]]),
    }
    y, _ = layer.evaluate(params, np.array([[0.7, -1.2], [-1.5, 2.4], [-0.25, 0.9]]))
    np.testing.assert_allclose(y[:, 2:], OF_VERSION_B, atol=1e-9)


def test_the_periodic_embedding_is_the_authors():
    params = {
        "w": np.array([[0.1, -0.25], [0.5, 0.03]]),
        "W": np.array(
            [
                [[1.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.3, 0.0]],
                [[0.2, 0.1], [-0.4, 1.0], [1.0, 1.0], [-2.0, 0.5]],
            ]
        ),
        "b": np.array([[0.1, -0.2], [0.0, 0.3]]),
    }
    x = np.array([[0.7, -1.2], [2.0, 0.4]])
    y, _ = nnx.PLREmbedding(2, 2).evaluate(params, x)
    np.testing.assert_allclose(y, np.concatenate((x, OF_PLR), axis=1), atol=1e-9)


def test_a_periodic_embedding_with_phases_by_hand():
    params = {"w": [[0.25, 0.5]], "p": [[0.0, np.pi]], "W": [[[2.0], [3.0]]], "b": [[0.5]]}
    params = {name: np.array(p) for name, p in params.items()}
    y, saved = nnx.PBLDEmbedding(1, 2).evaluate(params, np.array([[1.0]]))
    np.testing.assert_allclose(y, [[1.0, 3.5]])  # 2 cos(pi / 2) + 3 cos(2 pi) + 0.5
    dx, grads = nnx.PBLDEmbedding(1, 2).backprop(params, saved, np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(grads["W"], [[[0.0], [1.0]]], atol=1e-15)
    np.testing.assert_allclose(grads["p"], [[-2.0, 0.0]], atol=1e-15)  # -2 sin(pi / 2)
    np.testing.assert_allclose(grads["w"], [[-4 * np.pi, 0.0]], atol=1e-14)
    np.testing.assert_allclose(dx, [[-np.pi]])


def test_an_embedding_begins_as_a_line_and_the_weights_of_absent_bins_stay_0():
    layer = nnx.PiecewiseLinearEmbedding(EDGES, 4)
    params = nnx.init(layer, 3, dtype="float64")
    y, saved = layer.evaluate(params, X)
    line = X[:, :, None] * params["w"] + params["b"]
    np.testing.assert_allclose(y[:, 3:], line.reshape(3, 12))
    assert np.abs(np.concatenate((params["w"], params["b"]))).max() <= 0.5  # 1 / sqrt(4)
    _, grads = layer.backprop(params, saved, np.ones_like(y), need_dx=False)
    assert not grads["W"][1, 1:].any() and not grads["W"][2, 2:].any() and grads["W"][1, 0].any()


def test_at_an_edge_the_slope_is_that_of_the_bin_below():
    layer = nnx.PiecewiseLinear(((0.0, 0.5, 2.5),))
    _, saved = layer.evaluate({}, np.array([[0.5]]))
    dx, _ = layer.backprop({}, saved, np.array([[0.0, 1.0, 1.0]]))
    assert dx == 2.0


def test_bits_far_from_zero_are_kept():
    x = np.array([[1e6 + 0.25], [1e6 + 0.75]], "float32")
    y, _ = nnx.PiecewiseLinear(((1e6, 1e6 + 0.5, 1e6 + 1.0),)).evaluate({}, x)
    np.testing.assert_array_equal(y[:, 1:], [[0.5, 0.0], [1.0, 0.5]])


def test_frequencies_begin_normal_and_cut_at_three_deviations():
    w = nnx.init(nnx.PLREmbedding(1, 2000, deviation=0.5), 3, dtype="float64")["w"]
    assert abs(w).max() == 1.5 and abs(w.std() - 0.5) < 0.02
    params = nnx.init(nnx.PBLDEmbedding(frequencies=2000), 3, dtype="float64")
    assert abs(params["w"].std() - 0.1) < 0.01 and 3.1 < abs(params["p"]).max() < np.pi


# ---- edges from data


def test_edges_are_quantiles_and_columns_without_bends_are_left_out():
    rng = np.random.default_rng(0)
    x = np.stack((rng.normal(size=500), np.full(500, 3.0), rng.integers(0, 2, 500), np.arange(500) % 7), axis=1)
    x[::5, 0] = np.nan
    edges, columns = nnx.bin_edges(x, 8)
    assert columns == (0, 3)
    np.testing.assert_allclose(edges[0], np.nanquantile(x[:, 0], np.linspace(0, 1, 9)), rtol=1e-6)
    assert edges[1] == (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    y, _ = nnx.PiecewiseLinear(edges, columns).evaluate({}, x[1:5])
    assert y.shape == (4, 4 + 8 + 6) and np.isfinite(y).all()


def test_many_equal_numbers_make_one_edge():
    x = np.concatenate((np.zeros(900), np.linspace(1.0, 2.0, 100)))[:, None]
    ((edges,), columns) = nnx.bin_edges(x, 50)
    assert columns == (0,) and edges[0] == 0.0 and len(edges) == 7 and edges[-1] == 2.0


def test_outer_bins_are_not_so_narrow_that_numbers_beyond_them_explode():
    x = np.concatenate((np.full(50, -1e-9), np.linspace(0.0, 1.0, 900), np.full(50, 1.0 + 1e-6)))[:, None]
    layer = nnx.PiecewiseLinear(*nnx.bin_edges(x, 48))
    y, _ = layer.evaluate({}, np.array([[-1.0], [2.0]]))
    assert abs(y).max() < 100


@pytest.mark.parametrize("x", [np.zeros((3, 2)), np.zeros((0, 2)), np.full((3, 2), np.inf), np.full((4, 1), 1e-320)])
def test_data_without_bins_gives_none(x):
    assert nnx.bin_edges(x, 4) == ((), ())


def test_edges_of_tiny_and_huge_numbers_are_ones_that_float32_has():
    x = np.linspace(0.0, 1.0, 99)[:, None] * np.array([[1e-37, 1e-29, 1e38]])
    edges, columns = nnx.bin_edges(x, 48)
    assert columns == (1, 2)
    y, _ = nnx.PiecewiseLinear(edges, columns).evaluate({}, x.astype("float32"))
    assert np.isfinite(y).all() and abs(y[:, 3:]).max() < 1.001


# ---- as settings


def networks(rate=0.1):
    hidden = (nnx.Dense(4), nnx.ReLU(), nnx.Dropout(rate), nnx.Dense(1))
    return nnx.Chain(nnx.PiecewiseLinearEmbedding(EDGES, 2), nnx.PBLDEmbedding(2, 3), *hidden)


def test_edges_are_no_settings_of_members():
    first, second = networks(0.1), networks(0.3)
    assert is_single(first) and kind_of(first) == kind_of(second)
    both = joined([first, second])
    assert both.layers[0] == first.layers[0] and both.layers[4].rate == (0.1, 0.3)
    assert spread(both, 2, 1) == second
    other = nnx.Chain(nnx.PiecewiseLinearEmbedding((*EDGES[:2], (-2.0, 0.1, 1.0)), 2), *first.layers[1:])
    assert kind_of(other) != kind_of(first)


@pytest.mark.parametrize("members", [None, 3])
def test_a_network_with_embeddings_trains_and_survives_a_file(members, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = np.abs(x[:, :1]) + np.sin(3 * x[:, 1:2])
    edges, columns = nnx.bin_edges(x, 8)
    net = nnx.Chain(nnx.PiecewiseLinearEmbedding(edges, 4, columns), nnx.Dense(16), nnx.ReLU(), nnx.Dense(1))
    rest = {} if members is None else {"members": members}
    fit = nnx.fit(net, x, y, loss="squared_error", optimizer=nnx.Adam(0.01), epochs=30, batch_size=50, **rest)
    one = fit if members is None else fit[0]
    error = np.mean((one.predict(x) - y) ** 2)
    assert error < 0.2 * y.var()  # a line explains none of it
    nnx.save(tmp_path / "model.safetensors", one)
    model = nnx.load(tmp_path / "model.safetensors")
    assert model.net == net and model.net.layers[0].columns == (0, 1, 2)
    np.testing.assert_array_equal(model.predict(x), one.predict(x))


def test_embeddings_of_a_tabm_are_computed_once_for_all_members():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), np.arange(60) % 3
    net = nnx.Chain(nnx.PLREmbedding(2, 3), nnx.tabm((8,), 3, members=4))
    assert net.copies == 4
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4)
    assert nnx.fit(net, x, y, loss=loss, epochs=1).predict(x).shape == (60, 3)


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: nnx.PiecewiseLinear(()), "edges are for 0 columns"),
        (lambda: nnx.PiecewiseLinear((0.0, 1.0)), "ascending numbers for each column"),
        (lambda: nnx.PiecewiseLinear(((0.0,),)), "at least two ascending numbers"),
        (lambda: nnx.PiecewiseLinear(((0.0, 1.0, 1.0),)), "at least two ascending numbers"),
        (lambda: nnx.PiecewiseLinear(((0.0, np.nan),)), "edges must be a finite number"),
        (lambda: nnx.PiecewiseLinear(((0.0, 1e-39),)), "at least two ascending numbers"),
        (lambda: nnx.PiecewiseLinear(EDGES, (0, 1)), "edges are for 3 columns, columns names 2"),
        (lambda: nnx.PiecewiseLinear(EDGES, (0, 2, 1)), "columns must ascend"),
        (lambda: nnx.PiecewiseLinearEmbedding(EDGES, 0), "units must be at least 1"),
        (lambda: nnx.PLREmbedding(columns=()), "columns must ascend and be at least one"),
        (lambda: nnx.PBLDEmbedding(columns=3), "columns must be numbers of columns"),
        (lambda: nnx.bin_edges(np.zeros((3, 2)), 1), "bins must be at least 2"),
        (lambda: nnx.bin_edges(np.zeros(3)), "expected \\(rows, columns\\)"),
        (lambda: nnx.init(nnx.PiecewiseLinear(EDGES), 4), "x has 4 features, 3 are embedded"),
        (lambda: nnx.init(nnx.PiecewiseLinear(EDGES, (0, 1, 5)), 4), "columns go up to 5"),
        (lambda: nnx.PiecewiseLinear(EDGES).evaluate({}, X[:, :2]), "x has 2 features, 3 are embedded"),
        (lambda: nnx.PLREmbedding().evaluate(nnx.init(nnx.PLREmbedding(), 3), X[:, :2]), "x has 2 features"),
        (lambda: nnx.PLREmbedding().evaluate(nnx.init(nnx.PLREmbedding(), 3), X[0]), "expected \\(rows, features\\)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(make, text):
    with pytest.raises(nnx.NNXError, match=text) as error:
        make()
    assert len(str(error.value)) <= 200
