"""Losses against values by hand and against scikit-learn and PyTorch; the laws do the rest."""

import numpy as np
import pytest

import nnx


def both(loss, z, target, weight=None):
    value, saved = loss.evaluate(z, target, weight)
    return value, loss.backprop(saved)


def test_squared_error_by_hand():
    value, dz = both(nnx.SquaredError(), np.asarray([[1.0], [4.0]]), np.asarray([[0.0], [2.0]]))
    assert value == (0.5 + 2.0) / 2
    np.testing.assert_array_equal(dz, [[0.5], [1.0]])


@pytest.mark.parametrize(("d", "e", "slope"), [(0.5, 0.125, 0.5), (-3.0, 2.5, -1.0), (1.0, 0.5, 1.0)])
def test_huber_by_hand(d, e, slope):
    value, dz = both(nnx.Huber(1.0), np.asarray([[d]]), np.zeros((1, 1)))
    assert (value, float(dz[0, 0])) == (e, slope)


def test_a_constant_minimises_the_quantile_loss_at_the_quantile():
    t = np.random.default_rng(0).normal(size=(1001, 1))
    loss, levels = nnx.Quantile((0.1, 0.9)), (0.1, 0.9)
    at = np.quantile(t, levels)
    best = loss.evaluate(np.broadcast_to(at, (1001, 2)), t)[0]
    for shift in ((0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05)):
        assert loss.evaluate(np.broadcast_to(at + shift, (1001, 2)), t)[0] > best


@pytest.mark.parametrize("z", [-1e4, -50.0, 0.0, 50.0, 1e4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cross_entropies_are_safe_at_large_logits(z, dtype, library):
    backend = nnx.Backend(library.backend.library, library.backend.xp, library.backend.device, dtype)
    with backend.scope():
        column, pair = backend.floats([[z], [z]]), backend.floats([[z, 0.0], [z, 0.0]])
        results = [
            both(nnx.BinaryCrossEntropy(), column, backend.floats([[0.0], [1.0]])),
            both(nnx.SoftmaxCrossEntropy(), pair, backend.integers([1, 0])),
        ]
        for value, dz in results:
            # the losses of the two rows are softplus(z) and softplus(-z): their mean is |z| / 2 + log1p(exp(-|z|))
            expected = abs(z) / 2 + np.log1p(np.exp(-abs(z)))
            np.testing.assert_allclose(float(backend.to_numpy(value)), expected, rtol=1e-6)
            assert np.all(np.isfinite(backend.to_numpy(dz)))


def test_softmax_cross_entropy_is_that_of_scikit_learn():
    import sklearn.metrics as metrics

    rng = np.random.default_rng(0)
    z, y, w = rng.normal(size=(30, 4)), rng.integers(0, 4, 30), rng.random(30)
    loss = nnx.SoftmaxCrossEntropy()
    expected = metrics.log_loss(y, loss.predict(z), sample_weight=w, labels=[0, 1, 2, 3])
    assert loss.evaluate(z, y, w)[0] == pytest.approx(expected, rel=1e-12)


def test_losses_are_those_of_torch():
    import torch

    rng = np.random.default_rng(1)
    z, y, t = rng.normal(size=(9, 3)), rng.integers(0, 3, 9), rng.normal(size=(9, 3))
    f, tz, ty, tt = torch.nn.functional, torch.from_numpy(z), torch.from_numpy(y), torch.from_numpy(t)
    bits, weights = (t > 0).astype(float), (1.0, 2.0, 0.5)
    pairs = [
        (nnx.SoftmaxCrossEntropy(label_smoothing=0.2), y, f.cross_entropy(tz, ty, label_smoothing=0.2)),
        (nnx.SoftmaxCrossEntropy(class_weight=weights), y, f.cross_entropy(tz, ty, torch.tensor(weights).double())),
        (nnx.BinaryCrossEntropy(), bits, 3 * f.binary_cross_entropy_with_logits(tz, torch.from_numpy(bits))),
        (nnx.SquaredError(), t, 1.5 * f.mse_loss(tz, tt)),
        (nnx.AbsoluteError(), t, 3 * f.l1_loss(tz, tt)),
        (nnx.Huber(0.7), t, 3 * f.huber_loss(tz, tt, delta=0.7)),
        (nnx.Poisson(), np.abs(t), 3 * f.poisson_nll_loss(tz, tt.abs())),
    ]
    for loss, target, expected in pairs:
        assert float(loss.evaluate(z, target)[0]) == pytest.approx(float(expected), rel=1e-10), loss


def test_rows_of_weight_zero_do_not_count():
    z, y = np.asarray([[1.0, 2.0], [3.0, -1.0]]), np.asarray([0, 1])
    value, dz = both(nnx.SoftmaxCrossEntropy(), z, y, np.asarray([1.0, 0.0]))
    assert value == pytest.approx(nnx.SoftmaxCrossEntropy().evaluate(z[:1], y[:1])[0])
    assert np.all(dz[1] == 0)
    value, dz = both(nnx.SoftmaxCrossEntropy(), z, y, np.zeros(2))
    assert value == 0 and np.all(dz == 0)


def test_predict_is_the_output_in_the_targets_terms():
    z = np.asarray([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(nnx.SoftmaxCrossEntropy().predict(z), [[0.25, 0.75]])
    np.testing.assert_allclose(nnx.BinaryCrossEntropy().predict(z), [[0.5, 0.75]])
    np.testing.assert_allclose(nnx.Poisson().predict(z), [[1.0, 3.0]])
    assert nnx.SquaredError().predict(z) is z


@pytest.mark.parametrize(
    ("loss", "z", "target"),
    [
        (nnx.SquaredError(), (4, 1), (4,)),
        (nnx.SquaredError(), (4, 1), (4, 2)),
        (nnx.Quantile(), (4, 2), (4, 1)),
        (nnx.SoftmaxCrossEntropy(), (4, 3), (4, 2)),
        (nnx.SoftmaxCrossEntropy(class_weight=(1.0, 1.0)), (4, 3), (4, 3)),
    ],
)
def test_shapes_that_do_not_fit_are_refused(loss, z, target):
    with pytest.raises(nnx.ShapeError):
        loss.evaluate(np.zeros(z), np.zeros(target))


def of_rows(change):
    """A mistake in the target."""
    return lambda z, t, w: (z, change(t), w)


def masked(a):
    return np.ma.masked_array(a, a == a)


def of_torch(a):
    return pytest.importorskip("torch", reason="torch is not installed").asarray(a)


MISTAKES = {
    "text": (of_rows(lambda t: t.astype(str)), "target: expected real numbers, got text"),
    "dates": (of_rows(lambda t: t.astype("int64").astype("M8[D]")), "target: expected real numbers, got dates"),
    "complex": (of_rows(lambda t: t + 1j), "target: expected real numbers, got complex"),
    "objects": (of_rows(lambda t: t.astype(object)), "target: expected real numbers, got other elements"),
    "masked": (of_rows(masked), "target: masked arrays are not supported"),
    "list": (of_rows(list), "expected an array"),
    "torch": (of_rows(of_torch), "output is numpy, target is torch"),
    "output of torch": (lambda z, t, w: (of_torch(z), t, w), "output is torch, target is numpy"),
    "integers": (lambda z, t, w: (z.astype("int64"), t, w), "output must be floats"),
    "one axis": (lambda z, t, w: (z[0], t, None), r"expected the output \(..., rows, columns\)"),
    "weights: column": (lambda z, t, w: (z, t, w[:, None]), r"weight has shape \(3, 1\)"),
    "weights: one": (lambda z, t, w: (z, t, w[:1]), r"weight has shape \(1,\), expected one for each of 3 rows"),
    "weights: two sets": (lambda z, t, w: (z, t, np.stack([w, w])), r"weight has shape \(2, 3\)"),
    "weights: masked": (lambda z, t, w: (z, t, masked(w)), "weight: masked arrays"),
    "weights: text": (lambda z, t, w: (z, t, w.astype(str)), "weight: expected real numbers, got text"),
    "weights: torch": (lambda z, t, w: (z, t, of_torch(w)), "output is numpy, weight is torch"),
}
GIVEN = {
    "squared": (nnx.SquaredError(), 2),
    "absolute": (nnx.AbsoluteError(), 2),
    "huber": (nnx.Huber(), 2),
    "poisson": (nnx.Poisson(), 2),
    "quantile": (nnx.Quantile((0.5,)), 1),
    "binary": (nnx.BinaryCrossEntropy(), 2),
    "softmax": (nnx.SoftmaxCrossEntropy(), 2),
    "labels": (nnx.SoftmaxCrossEntropy(), 0),
    "scaled": (nnx.ScaledLoss(nnx.SquaredError(), (0.0, 0.0), (2.0, 2.0)), 2),
    "ensemble": (nnx.EnsembleLoss(nnx.SquaredError(), 2), 2),
}


@pytest.mark.parametrize("loss", GIVEN)
@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_no_output_target_or_weight_is_one_line(loss, name):
    (own, columns), (change, text) = GIVEN[loss], MISTAKES[name]
    z = np.linspace(-1.0, 1.0, 3 * own.copies * max(columns, 1) * (1 if columns else 2))
    z = z.reshape(3 * own.copies, columns or 2)
    target = np.full((3, columns), 0.5) if columns else np.array([0, 1, 1])
    assert np.isfinite(own.evaluate(z, target, np.ones(3))[0])
    with pytest.raises(nnx.NNXError, match=text) as found:
        own.evaluate(*change(z, target, np.ones(3)))
    assert "\n" not in str(found.value)
