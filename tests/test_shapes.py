"""Shapes of every kind, sizes 0 and 1 included: outputs, gradients and losses have the shapes they must."""

import numpy as np
from hypothesis import given, settings, strategies as st

import nnx

SIZES = st.integers(1, 5)
ROWS = st.integers(0, 5)
POPULATION = st.lists(st.integers(1, 3), max_size=2).map(tuple)
FEW = settings(max_examples=60, deadline=None)  # no deadline: speed is not a claim of these tests


def normal(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape)


@FEW
@given(rows=ROWS, features=SIZES, units=SIZES, population=POPULATION, shared=st.booleans())
def test_dense_with_any_shape(rows, features, units, population, shared):
    layer = nnx.Dense(units)
    params = {"W": normal(*population, features, units), "b": normal(*population, units)}
    x = normal(*(() if shared else population), rows, features)
    y, saved = layer.evaluate(params, x)
    assert y.shape == (*population, rows, units)
    dx, grads = layer.backprop(params, saved, y)
    assert dx.shape == (*population, rows, features)
    assert {k: g.shape for k, g in grads.items()} == {k: p.shape for k, p in params.items()}


@FEW
@given(rows=ROWS, features=SIZES, units=SIZES, members=SIZES, population=POPULATION, shared=st.booleans())
def test_members_with_any_shape(rows, features, units, members, population, shared):
    k, x = members, normal(*(() if shared else population), rows, features)
    x, _ = nnx.EnsembleView(k).evaluate({}, x)
    shapes = {"W": (features, units), "R": (k, features), "S": (k, units), "b": (k, units)}
    own = {"W": (k, features, units), "b": (k, units)}
    for layer, wanted in (
        (nnx.ScaleEnsemble(k), {"R": (k, features)}),
        (nnx.BatchEnsemble(units, k), shapes),
        (nnx.DenseEnsemble(units, k), own),
    ):
        params = {name: normal(*population, *shape) for name, shape in wanted.items()}
        y, saved = layer.evaluate(params, x)
        assert y.shape == (*population, rows * k, features if layer.names == ("R",) else units)
        dx, grads = layer.backprop(params, saved, y)
        assert dx.shape == (*population, rows * k, features)
        assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in params.items()}
    dx, _ = nnx.EnsembleView(k).backprop({}, None, dx)
    assert dx.shape == (*population, rows, features)


@FEW
@given(rows=ROWS, features=SIZES, units=SIZES, members=SIZES, copies=SIZES, population=POPULATION, shared=st.booleans())
def test_ensembles_with_any_shape(rows, features, units, members, copies, population, shared):
    net = nnx.Ensemble(nnx.Chain(nnx.Dense(units), nnx.EnsembleView(copies), nnx.Tanh()), members)
    params = {"0.W": normal(*population, members, features, units), "0.b": normal(*population, members, units)}
    x = normal(*(() if shared else population), rows, features)
    y, saved = net.evaluate(params, x)
    assert y.shape == (*population, rows * members * copies, units)
    dx, grads = net.backprop(params, saved, y)
    assert dx.shape == (*population, rows, features)
    assert {name: g.shape for name, g in grads.items()} == {name: p.shape for name, p in params.items()}


@FEW
@given(rows=st.integers(1, 5), features=SIZES, population=POPULATION, which=st.sampled_from(["layer", "batch"]))
def test_norms_with_any_shape(rows, features, population, which):
    layer = nnx.LayerNorm() if which == "layer" else nnx.BatchNorm()
    params = {k: np.broadcast_to(p, (*population, features)).copy() for k, p in nnx.init(layer, features).items()}
    x = normal(*population, rows, features)
    y, saved = layer.evaluate(params, x, train=True)
    dx, grads = layer.backprop(params, saved, y)
    assert y.shape == dx.shape == x.shape and np.all(np.isfinite(dx))
    assert all(grads[k].shape == params[k].shape for k in layer.names)


@FEW
@given(rows=ROWS, features=SIZES, members=st.integers(0, 3))
def test_dropout_with_any_shape(rows, features, members):
    seed = tuple(range(members)) if members else 0
    x = np.ones((rows, features))
    y, mask = nnx.Dropout(0.5).evaluate({}, x, train=True, key=nnx.key(seed))
    assert y.shape == mask.shape == ((members,) if members else ()) + x.shape


@FEW
@given(rows=st.integers(1, 5), outputs=SIZES, population=POPULATION, weighted=st.booleans())
def test_losses_with_any_shape(rows, outputs, population, weighted):
    z, weight = normal(*population, rows, outputs), np.ones(rows) if weighted else None
    cases = [
        (nnx.SquaredError(), normal(rows, outputs)),
        (nnx.AbsoluteError(), normal(rows, outputs)),
        (nnx.Huber(), normal(rows, outputs)),
        (nnx.Poisson(), np.ones((rows, outputs))),
        (nnx.BinaryCrossEntropy(), np.ones((rows, outputs))),
        (nnx.SoftmaxCrossEntropy(), np.zeros(rows, dtype=np.int64)),
        (nnx.Quantile(tuple(np.linspace(0.1, 0.9, outputs))), normal(rows, 1)),
    ]
    members = normal(*population, 3 * rows, outputs)
    for loss, target in cases:
        value, saved = nnx.EnsembleLoss(loss, 3).evaluate(members, target, weight)
        assert value.shape == population
        assert nnx.EnsembleLoss(loss, 3).backprop(saved).shape == members.shape
        value, saved = loss.evaluate(z, target, weight)
        assert value.shape == population
        assert loss.backprop(saved).shape == z.shape


@FEW
@given(rows=st.integers(1, 40), batch=st.integers(1, 50), features=SIZES)
def test_fit_with_any_number_of_rows_and_any_batch(rows, batch, features):
    x, y = normal(rows, features), normal(rows, 1)
    fit = nnx.fit(nnx.Dense(1), x, y, loss="squared_error", epochs=2, batch_size=batch, dtype="float64")
    assert len(fit.history["loss"]) == 2 and fit.predict(x).shape == (rows, 1)
