"""Temperatures: the minimum, what few rows may do, and parameters that divide the output by one."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import nnx
from nnx.tabular import calibration
from nnx.tabular.calibration import fold_temperature, temperature


def case(n, k=3, factor=1.0, seed=0):
    """Logits that are `factor` times those that the labels are drawn by."""
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.normal(size=(n, k))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    labels = (rng.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1)
    return factor * z, np.minimum(labels, k - 1)


def loss(T, z, labels, weight=None):
    z = z / T
    e = np.logaddexp.reduce(z, axis=1) - z[np.arange(len(z)), labels]
    return np.average(e, weights=weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("factor", [0.3, 1.0, 4.0])
def test_without_a_prior_it_is_the_minimum_of_the_log_loss(factor, weighted, monkeypatch):
    monkeypatch.setattr(calibration, "PRIOR", 0.0)
    z, labels = case(200, factor=factor)
    weight = np.random.default_rng(1).random(200) if weighted else None
    wanted = minimize_scalar(lambda s: loss(np.exp(s), z, labels, weight), bounds=(-2.9, 2.9), options={"xatol": 1e-10})
    assert temperature(z, labels, weight) == pytest.approx(np.exp(wanted.x), rel=1e-4)


@pytest.mark.parametrize("factor", [0.3, 4.0])
def test_many_rows_tell_it_and_few_are_drawn_to_1(factor):
    many, few = (temperature(*case(n, factor=factor)) for n in (20000, 20))
    assert many == pytest.approx(factor, rel=0.05)
    assert abs(np.log(few)) < abs(np.log(many))


def test_rows_that_are_all_right_or_all_wrong_do_not_take_it_to_the_end():
    z = np.array([[4.0, 0.0]] * 30)
    assert 0.5 < temperature(z, np.zeros(30, int)) < 1
    assert 1 < temperature(z, np.ones(30, int)) <= 20
    assert temperature(np.zeros((5, 3)), np.arange(5) % 3) == pytest.approx(1)  # no temperature changes it


def test_one_column_is_the_logit_of_class_1():
    z, labels = case(300, k=2, factor=2.0)
    assert temperature(z[:, 1:] - z[:, :1], labels) == pytest.approx(temperature(z, labels), rel=1e-9)


def test_a_weight_of_two_is_a_row_twice():
    z, labels = case(100, factor=2.0)
    twice = np.r_[np.arange(100), np.arange(50)]
    weight = np.where(np.arange(100) < 50, 2.0, 1.0)
    calibrated = temperature(z, labels, weight * 1.5)  # only ratios count
    assert calibrated == pytest.approx(temperature(z, labels, weight), rel=1e-9)
    assert calibrated == pytest.approx(temperature(z[twice], labels[twice]), rel=0.1)  # fewer rows, nearer to 1


def test_large_logits_are_no_trouble():
    z, labels = case(100, factor=1e4)
    assert temperature(z, labels) == pytest.approx(20, rel=1e-6)


@pytest.mark.parametrize("rows", [30, 60, 300])
@pytest.mark.parametrize("factor", [0.7, 1.0, 2.0])
def test_log_loss_gets_better_on_rows_not_seen_and_never_much_worse(rows, factor):
    change = []
    for seed in range(30):
        T = temperature(*case(rows, factor=factor, seed=seed))
        z, labels = case(4000, factor=factor, seed=1000 + seed)
        change.append(loss(T, z, labels) - loss(1.0, z, labels))
    assert np.mean(change) < (0.002 if factor == 1.0 else 0.0)


NETS = {
    "mlp": (nnx.mlp((4,), 3), ()),
    "dense": (nnx.Dense(3), ()),
    "identity_behind": (nnx.Chain(nnx.Tanh(), nnx.Chain(nnx.Dense(3), nnx.Identity())), ()),
    "population": (nnx.mlp((4,), 3), (1, 2, 3)),
    "ensemble": (nnx.Ensemble(nnx.mlp((4,), 3), 3), ()),
    "tabm": (nnx.tabm((4,), 3, members=3), ()),
}


@pytest.mark.parametrize("name", NETS)
def test_folded_parameters_divide_the_output(name, library):
    net, seeds = NETS[name]
    x = np.random.default_rng(0).normal(size=(6, 5))
    params = {k: p + 0.1 for k, p in nnx.init(net, 5, seed=seeds or 1, dtype="float64").items()}
    several = (0.5, 2.0, 3.0) if seeds or net.copies > 1 else 2.0
    z = nnx.predict(net, params, x)
    T = np.reshape(several, (3, 1, 1)) if seeds else np.tile(several, len(z) // np.size(several))[:, None]
    with library.scope():
        inputs = library.arrays(params)
        for given, wanted in ((2.0, z / 2.0), (several, z / T)):
            folded = fold_temperature(net, inputs, given)
            np.testing.assert_allclose(library.host(net.evaluate(folded, library.array(x))[0]), wanted, rtol=1e-10)
        assert set(folded) == set(inputs)
        for key in inputs:
            np.testing.assert_array_equal(library.host(inputs[key]), params[key])


@pytest.mark.parametrize(
    ("z", "labels", "weight", "text"),
    [
        ([[1.0, 2.0]], [2], None, "labels from 0 to 1"),
        ([[1.0, 2.0]], [-1], None, "labels from 0 to 1"),
        ([[1.0, np.inf]], [1], None, "finite logits"),
        ([[1.0, 2.0]], [0, 1], None, r"expected logits \(rows, classes\) and labels \(rows,\), got \(1, 2\), \(2,\)"),
        (np.zeros((0, 2)), [], None, "expected logits"),
        ([[1.0, 2.0]], [0], [-1.0], "a weight for each of 1 rows"),
        ([[1.0, 2.0]], [0], [np.nan], "a weight for each of 1 rows"),
    ],
)
def test_what_has_no_temperature_is_one_line(z, labels, weight, text):
    with pytest.raises(nnx.DataError, match=text):
        temperature(np.asarray(z), np.asarray(labels, int), weight)


def test_a_network_that_ends_in_no_dense_layer_is_refused():
    net = nnx.Chain(nnx.Dense(3), nnx.Tanh())
    with pytest.raises(nnx.SettingError, match="the last layer must be Dense, not Tanh"):
        fold_temperature(net, nnx.init(net, 2), 2.0)
