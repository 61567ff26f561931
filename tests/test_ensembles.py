"""Networks of members: the authors' TabM, values by hand, members that are networks of their own, and what is refused.

The laws of layers and losses are held by `test_laws.py`.
"""

import numpy as np
import pytest

import nnx

KINDS = ["tabm", "mini", "packed"]
EXACT = dict(rtol=1e-10, atol=1e-12)  # float64


def data(n=12, features=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)), rng.integers(0, 3, n)


def moved(net, features, seed=1):
    """Parameters away from their beginning: no factor of 1, no equal biases."""
    rng = np.random.default_rng(seed)
    return {k: p + 0.3 * rng.normal(size=p.shape) for k, p in nnx.init(net, features, dtype="float64").items()}


def gradients(net, loss, params, x, target):
    z, values = net.evaluate(params, x, train=True, key=nnx.key(0))
    value, saved = loss.evaluate(z, target)
    return z, value, net.backprop(params, values, loss.backprop(saved), need_dx=False)[1]


# ---- by hand


def test_a_view_repeats_each_row_and_adds_up_the_gradients():
    y, saved = nnx.EnsembleView(2).evaluate({}, np.array([[1.0], [5.0]]))
    np.testing.assert_array_equal(y, [[1], [1], [5], [5]])
    dx, grads = nnx.EnsembleView(2).backprop({}, saved, np.array([[1.0], [2.0], [10.0], [20.0]]))
    np.testing.assert_array_equal(dx, [[3], [30]])
    assert grads == {}


def test_a_batch_ensemble_by_hand():
    layer = nnx.BatchEnsemble(1, 2)
    params = {"W": [[2.0], [3.0]], "R": [[1.0, 1.0], [1.0, -1.0]], "S": [[1.0], [10.0]], "b": [[0.0], [0.5]]}
    params = {name: np.array(p) for name, p in params.items()}
    y, saved = layer.evaluate(params, np.array([[1.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(y, [[5], [-9.5]])  # 2 + 3; 10 (2 - 3) + 0.5
    dx, grads = layer.backprop(params, saved, np.array([[1.0], [1.0]]))
    np.testing.assert_array_equal(dx, [[2, 3], [20, -30]])
    np.testing.assert_array_equal(grads["W"], [[11], [-9]])  # 1 + 10, 1 - 10
    np.testing.assert_array_equal(grads["R"], [[2, 3], [20, 30]])
    np.testing.assert_array_equal(grads["S"], [[5], [-1]])
    np.testing.assert_array_equal(grads["b"], [[1], [1]])


def test_scales_and_heads_by_hand():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    y, saved = nnx.ScaleEnsemble(2).evaluate({"R": np.array([[1.0, 1.0], [-1.0, 2.0]])}, x)
    np.testing.assert_array_equal(y, [[1, 2], [-3, 8]])
    heads = {"W": np.array([[[1.0], [1.0]], [[0.0], [2.0]]]), "b": np.array([[0.5], [0.0]])}
    y, saved = nnx.DenseEnsemble(1, 2).evaluate(heads, x)
    np.testing.assert_array_equal(y, [[3.5], [8]])
    _, grads = nnx.DenseEnsemble(1, 2).backprop(heads, saved, np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(grads["W"], [[[1], [2]], [[6], [8]]])


def test_the_loss_is_the_mean_of_the_members_and_not_that_of_their_mean():
    loss = nnx.EnsembleLoss(nnx.SquaredError(), 2)
    z, target = np.array([[1.0], [-1.0], [4.0], [0.0]]), np.array([[0.0], [2.0]])
    value, saved = loss.evaluate(z, target)
    assert value == pytest.approx((1 + 1 + 4 + 4) / 2 / 4)  # though the members' mean is exact
    np.testing.assert_allclose(loss.backprop(saved), [[0.25], [-0.25], [0.5], [-0.5]])
    np.testing.assert_allclose(loss.predict(z), target)
    value, _ = loss.evaluate(z, target, np.array([1.0, 3.0]))
    assert value == pytest.approx((1 + 1 + 3 * (4 + 4)) / 2 / 8)


def test_probabilities_are_averaged_and_not_logits():
    loss = nnx.EnsembleLoss(nnx.BinaryCrossEntropy(), 2)
    p = loss.predict(np.array([[0.0], [np.log(9.0)]]))  # 0.5 and 0.9
    np.testing.assert_allclose(p, [[0.7]])


def test_the_beginning_is_the_authors():
    params = nnx.init(nnx.tabm((50, 40), 3, members=8), 30, seed=1, dtype="float64")
    assert set(np.unique(params["1.R"])) == {-1.0, 1.0} and abs(params["1.R"].mean()) < 0.25
    for name in ("1.S", "3.R", "3.S"):
        assert np.all(params[name] == 1)
    for layer, inputs in (("1", 30), ("3", 50), ("5", 40)):
        for name in ("W", "b"):
            assert 0.8 / np.sqrt(inputs) < np.abs(params[f"{layer}.{name}"]).max() <= 1 / np.sqrt(inputs)
    assert np.all(params["1.b"] == params["1.b"][0]) and np.unique(params["1.b"][0]).size == 50
    assert np.unique(params["5.b"]).size == 24  # the heads' are their own
    normal = nnx.init(nnx.ScaleEnsemble(40, nnx.Normal(0.5)), 50, dtype="float64")["R"]
    assert abs(normal.std() - 0.5) < 0.03


# ---- against others


def torch_tabm(torch, kind, params, x):
    """The formulas of the paper on (n, k, features), for autograd."""
    k = params["1.W" if kind == "packed" else "1.R"].shape[0]
    h = x[:, None, :].expand(-1, k, -1)
    if kind == "mini":
        h = h * params["1.R"]
        blocks = ("2", "4")
        head = "6"
    else:
        blocks = ("1", "3")
        head = "5"
    for i in blocks:
        W = params[f"{i}.W"]
        if kind == "tabm":
            h = torch.einsum("nki,iu->nku", h * params[f"{i}.R"], W) * params[f"{i}.S"] + params[f"{i}.b"]
        else:
            h = torch.einsum("nki,kiu->nku" if kind == "packed" else "nki,iu->nku", h, W) + params[f"{i}.b"]
        h = torch.relu(h)
    return torch.einsum("nki,kiu->nku", h, params[f"{head}.W"]) + params[f"{head}.b"]


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_paper_in_torch(kind):
    import torch

    net, loss, (x, y) = nnx.tabm((6, 5), 3, members=4, kind=kind), nnx.SoftmaxCrossEntropy(), data()
    params = moved(net, 4)
    z, value, grads = gradients(net, nnx.EnsembleLoss(loss, 4), params, x, y)
    theirs = {name: torch.tensor(p, requires_grad=True) for name, p in params.items()}
    output = torch_tabm(torch, kind, theirs, torch.tensor(x))
    error = torch.nn.functional.cross_entropy(output.flatten(0, 1), torch.tensor(y).repeat_interleave(4))
    error.backward()
    np.testing.assert_allclose(z.reshape(12, 4, 3), output.detach().numpy(), **EXACT)
    np.testing.assert_allclose(value, error.item(), **EXACT)
    for name, g in grads.items():
        np.testing.assert_allclose(g, theirs[name].grad.numpy(), **EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_gradients_are_those_of_the_authors_package(kind):
    """Their package `tabm`, with our parameters in its modules."""
    pytest.importorskip("torch", reason="torch is not installed")
    import tabm
    import torch

    (x, y), start = data(), None if kind == "packed" else "random-signs"
    shape = dict(n_blocks=2, d_block=6, dropout=0.0, activation="ReLU", k=4, start_scaling_init=start)
    arch = kind if kind == "tabm" else f"tabm-{kind}"
    theirs = tabm.TabM(n_num_features=4, d_out=3, arch_type=arch, **shape).double()
    net = nnx.tabm((6, 6), 3, members=4, kind=kind)
    params, names = moved(net, 4), {"weight": "W", "bias": "b", "r": "R", "s": "S"}
    ours = {}
    for full, p in theirs.named_parameters():
        place, _, name = full.rpartition(".")
        first = 2 if kind == "mini" else 1
        layer = 1 if "affine" in place else 5 + (kind == "mini") if place == "output" else None
        layer = first + 2 * int(place.split(".")[2]) if layer is None else layer
        own = params[f"{layer}.{'R' if 'affine' in place else names[name]}"]
        transposed = name == "weight" and own.ndim == 2 and "affine" not in place
        ours[full] = (f"{layer}.{'R' if 'affine' in place else names[name]}", transposed)
        p.data = torch.tensor(own.T.copy() if transposed else own)
    assert {name for name, _ in ours.values()} == set(params)
    output = theirs(torch.tensor(x))
    error = torch.nn.functional.cross_entropy(output.flatten(0, 1), torch.tensor(y).repeat_interleave(4))
    error.backward()
    z, value, grads = gradients(net, nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 4), params, x, y)
    np.testing.assert_allclose(z.reshape(12, 4, 3), output.detach().numpy(), **EXACT)
    np.testing.assert_allclose(value, error.item(), **EXACT)
    for full, p in theirs.named_parameters():
        name, transposed = ours[full]
        np.testing.assert_allclose(grads[name].T if transposed else grads[name], p.grad.numpy(), **EXACT)


def test_members_with_factors_of_one_are_one_network_over_and_over():
    (x, _), plain = data(), nnx.mlp((6,), 5)
    net = nnx.Chain(nnx.EnsembleView(3), nnx.BatchEnsemble(6, 3), nnx.ReLU(), nnx.BatchEnsemble(5, 3))
    own = moved(plain, 4)
    params = nnx.init(net, 4, dtype="float64")
    for layer, of_plain in (("1", "0"), ("3", "2")):
        params[f"{layer}.W"] = own[f"{of_plain}.W"]
        params[f"{layer}.b"] = np.tile(own[f"{of_plain}.b"], (3, 1))
    y, _ = net.evaluate(params, x)
    np.testing.assert_allclose(y, np.repeat(plain.evaluate(own, x)[0], 3, axis=0), **EXACT)


def test_packed_members_are_networks_trained_alone():
    """The mean over k members divides the gradient of each by k: a rate k times as large undoes it."""
    (x, y), k = data(40), 3
    net, alone = nnx.tabm((6, 5), 3, members=k, kind="packed"), nnx.mlp((6, 5), 3)
    params = nnx.init(net, 4, seed=5, dtype="float64")
    settings = dict(epochs=3, batch_size=8, dtype="float64", seed=2)
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), k)
    together = nnx.fit(net, x, y, loss=loss, optimizer=nnx.SGD(0.3 * k), params=params, **settings)
    predicted = []
    for m in range(k):
        own = {f"{int(name[0]) - 1}{name[1:]}": p[m] for name, p in params.items()}
        fit = nnx.fit(
            alone, x, y, loss="softmax_cross_entropy", optimizer=nnx.SGD(0.3), params=own, compile=False, **settings
        )
        for name, p in fit.params.items():
            np.testing.assert_allclose(together.params[f"{int(name[0]) + 1}{name[1:]}"][m], p, **EXACT)
        predicted.append(fit.predict(x))
    np.testing.assert_allclose(together.predict(x), np.mean(predicted, axis=0), **EXACT)


def test_a_trained_population_is_an_ensemble_as_it_stands(tmp_path):
    """Its parameters are the ensemble's own, with the running statistics of each member."""
    (x, y), k = data(40), 3
    net = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.Tanh(), nnx.Dropout(0.2), nnx.Dense(3))
    trained = nnx.fit(net, x, y, members=k, epochs=3, batch_size=8, loss="softmax_cross_entropy", dtype="float64")
    params = {name: np.stack([f.params[name] for f in trained]) for name in (*net.names, *net.running)}
    ensemble, loss = nnx.Ensemble(net, k), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), k)
    z = nnx.predict(ensemble, params, x)
    np.testing.assert_allclose(z.reshape(40, k, 3), np.stack([f.output(x) for f in trained], axis=1), **EXACT)
    mean = np.mean([f.predict(x) for f in trained], axis=0)
    nnx.save(tmp_path / "model.safetensors", ensemble, params, loss=loss)
    np.testing.assert_allclose(nnx.load(tmp_path / "model.safetensors").predict(x), mean, **EXACT)


def test_an_ensemble_is_networks_trained_alone():
    """As for packed members, the rate is k times as large, since the loss is the mean of the members'."""
    (x, y), k = data(40), 3
    net = nnx.Chain(nnx.Dense(6), nnx.BatchNorm(), nnx.Tanh(), nnx.Dense(3))
    ensemble, settings = nnx.Ensemble(net, k), dict(epochs=3, batch_size=8, dtype="float64", seed=2)
    params = nnx.init(ensemble, 4, seed=5, dtype="float64")
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), k)
    together = nnx.fit(ensemble, x, y, loss=loss, optimizer=nnx.SGD(0.3 * k), params=params, **settings)
    for m in range(k):
        own = {name: p[m] for name, p in params.items()}
        fit = nnx.fit(
            net, x, y, loss="softmax_cross_entropy", optimizer=nnx.SGD(0.3), params=own, compile=False, **settings
        )
        for name, p in fit.params.items():
            np.testing.assert_allclose(together.params[name][m], p, **EXACT)


def test_members_of_an_ensemble_begin_apart_and_drop_other_units():
    net = nnx.Ensemble(nnx.Chain(nnx.Dense(50), nnx.Dropout(0.5)), 3)
    one, several = nnx.init(net, 4, seed=1), nnx.init(net, 4, seed=(1, 2))
    assert several["0.W"].shape == (2, 3, 4, 50) and np.array_equal(several["0.W"][0], one["0.W"])
    assert np.unique(one["0.W"]).size == one["0.W"].size
    y, _ = net.evaluate(one, np.ones((1, 4), "float32"), train=True, key=nnx.key(0, 1))
    masks = {tuple(row) for row in y != 0}
    assert len(masks) == 3
    again, _ = net.evaluate(one, np.ones((1, 4), "float32"), train=True, key=nnx.key(0, 2))
    assert not masks & {tuple(row) for row in again != 0}


def test_a_committee_is_the_rows_of_its_parts_next_to_each_other():
    parts = nnx.Ensemble(nnx.mlp((5,), 3), 2), nnx.mlp((), 3), nnx.tabm((4,), 3, members=2)
    net, x = nnx.Committee(*parts), np.random.default_rng(0).normal(size=(6, 4))
    params = nnx.init(net, 4, seed=1, dtype="float64")
    z = nnx.predict(net, params, x).reshape(6, 5, 3)
    start = 0
    for i, part in enumerate(parts):
        own = {name.removeprefix(f"{i}."): p for name, p in params.items() if name.startswith(f"{i}.")}
        found = nnx.predict(part, own, x).reshape(6, part.copies, 3)
        np.testing.assert_allclose(z[:, start : start + part.copies], found, **EXACT)
        start += part.copies
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 5)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(loss.predict(z.reshape(30, 3)), p.mean(axis=1), **EXACT)
    with pytest.raises(nnx.ShapeError, match=r"Committee: its parts give rows of the shapes \[\(2,\), \(3,\)\]"):
        nnx.init(nnx.Committee(nnx.Dense(2), nnx.Dense(3)), 4)
    images = nnx.Committee(nnx.Conv2D(2, 1), nnx.Conv2D(2, 1)), nnx.Ensemble(nnx.Reshape((3, 3, 2)), 2)
    for net, row in zip(images, ((3, 3, 1), 18), strict=True):
        with pytest.raises(nnx.ShapeError, match=r"rows of shape \(3, 3, 2\); put Flatten\(3\) at their ends"):
            nnx.init(net, row)


def test_a_committee_is_trained_saved_and_loaded(tmp_path):
    x, y = data(40)
    net, loss = nnx.Committee(nnx.mlp((5,), 3), nnx.mlp((), 3)), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2)
    fit = nnx.fit(net, x, y, loss=loss, epochs=5, batch_size=10)
    assert fit.history["loss"][-1] < fit.history["loss"][0]
    nnx.save(tmp_path / "model.safetensors", fit.net, fit.params, loss=fit.loss)
    np.testing.assert_array_equal(nnx.load(tmp_path / "model.safetensors").predict(x), fit.predict(x))


def test_a_setting_for_each_member_of_an_ensemble_is_its_own():
    net = nnx.Ensemble(nnx.Dropout((0.0, 0.5)), 2)
    y, _ = net.evaluate({}, np.ones((1000, 1)), train=True, key=nnx.key(0, 1))
    assert np.all(y[0::2] == 1) and 0.4 < np.mean(y[1::2] == 0) < 0.6


# ---- in use


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_trained_validated_saved_and_loaded(kind, tmp_path):
    (x, y), k = data(60), 5
    net, loss = nnx.tabm((8,), 3, members=k, kind=kind, dropout=0.1), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), k)
    fit = nnx.fit(net, x[:40], y[:40], loss=loss, epochs=4, validation=(x[40:], y[40:]), metrics=["accuracy"])
    p = fit.predict(x[40:])
    assert p.shape == (20, 3) and fit.output(x).shape == (60 * k, 3)
    assert fit.history["loss"][-1] < fit.history["loss"][0]
    assert fit.history["validation_accuracy"][-1] == pytest.approx(np.mean(p.argmax(axis=1) == y[40:]))
    likelihood = np.take_along_axis(np.log(probabilities(fit.output(x[40:]), k)), y[40:, None, None], axis=-1)
    assert fit.history["validation_loss"][-1] == pytest.approx(-likelihood.mean(), rel=1e-5)
    nnx.save(tmp_path / "model.safetensors", net, fit.params, loss=loss)
    model = nnx.load(tmp_path / "model.safetensors")
    assert (model.net, model.loss) == (net, loss)
    np.testing.assert_array_equal(model.predict(x[40:].astype("float32")), p)


def probabilities(z, k):
    e = np.exp(z)
    return (e / e.sum(axis=-1, keepdims=True)).reshape(-1, k, z.shape[-1])


def test_members_count_as_rows_when_a_prediction_is_cut_in_batches():
    seen = []

    class Look(nnx.Layer):
        def evaluate(self, params, x, *, train=False, key=None):
            seen.append(len(x))
            return x, None

    net, (x, _) = nnx.Chain(nnx.EnsembleView(4), Look(), nnx.ScaleEnsemble(4)), data(25)
    params = nnx.init(net, 4, dtype="float64")
    whole = nnx.predict(net, params, x)
    assert whole.shape == (100, 4)
    np.testing.assert_array_equal(nnx.predict(net, params, x, batch_size=40), whole)
    np.testing.assert_array_equal(nnx.predict(net, params, x, batch_size=2), whole)
    assert max(seen[1:4]) == 40 and seen[4:] == [4] * 25


@pytest.mark.parametrize("kind", KINDS)
def test_a_population_of_networks_of_members(kind):
    net, loss, (x, y) = nnx.tabm((6,), 3, members=2, kind=kind), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2), data()
    together = nnx.init(net, 4, seed=(1, 2), dtype="float64")
    z, value, grads = gradients(net, loss, together, x, y)
    labels = np.stack([y, y])
    np.testing.assert_array_equal(loss.evaluate(z, labels)[0], value)  # a target for each
    assert loss.predict(z).shape == (2, 12, 3)
    for i, seed in enumerate((1, 2)):
        alone = nnx.init(net, 4, seed=seed, dtype="float64")
        _, one, g = gradients(net, loss, alone, x, y)
        np.testing.assert_allclose(value[i], one, **EXACT)
        for name in g:
            np.testing.assert_allclose(grads[name][i], g[name], **EXACT)


def test_as_many_population_members_as_rows_are_no_columns():
    z, y = np.random.default_rng(0).normal(size=(3, 6, 3)), np.array([[0, 1, 2], [2, 2, 1], [0, 0, 0]])
    loss = nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2)
    value, _ = loss.evaluate(z, y)
    np.testing.assert_allclose(value, [loss.evaluate(z[i], y[i])[0] for i in range(3)])


def test_weight_decay_takes_the_weights_and_not_the_factors():
    net, rule = nnx.tabm((6,), 3, members=2), nnx.WeightDecay(nnx.SGD(0.1), 0.5)
    params = nnx.init(net, 4, dtype="float64")
    still = {name: np.zeros_like(p) for name, p in params.items()}
    after, _ = rule.update({name: p.copy() for name, p in params.items()}, still, rule.init(params))
    assert {name for name in params if not np.array_equal(after[name], params[name])} == {"1.W", "3.W"}


def test_a_look_into_the_layers_and_a_range_of_rates():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    net, loss, (x, y) = nnx.tabm((6,), 3, members=2), nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 2), data(60)
    fit = nnx.fit(net, x, y, loss=loss, epochs=1)
    assert nnx.plots.histograms(net, fit.params, x, y, loss) is not None
    from nnx.training.rate_range import rate_range

    assert len(rate_range(net, x, y, loss=loss, steps=20).losses) >= 3


# ---- what is refused


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: nnx.EnsembleView(0), "EnsembleView: members must be at least 1, got 0"),
        (lambda: nnx.BatchEnsemble(0, 2), "BatchEnsemble: units must be at least 1, got 0"),
        (lambda: nnx.DenseEnsemble(2, -1), "DenseEnsemble: members must be at least 1, got -1"),
        (lambda: nnx.EnsembleLoss(nnx.SquaredError(), 0), "EnsembleLoss: members must be at least 1, got 0"),
        (lambda: nnx.EnsembleLoss(nnx.SquaredError, 2), "loss must be a loss such as"),
        (lambda: nnx.EnsembleLoss("huber", 2), "loss must be a loss such as"),
        (lambda: nnx.EnsembleLoss(nnx.EnsembleLoss(nnx.Huber(), 2), 2), "expected the loss of one member"),
        (lambda: nnx.tabm((8,), 2, kind="pack"), "unknown kind of tabm 'pack': did you mean 'packed'"),
        (lambda: nnx.tabm(8, 2), r"tabm: hidden must be widths such as \(128, 64\), got 8"),
        (lambda: nnx.Ensemble(nnx.Tanh(), 0), "Ensemble: members must be from 1 to 1048576, got 0"),
        (lambda: nnx.Ensemble(nnx.Dense, 2), "net must be a layer such as"),
        (lambda: nnx.Residual(nnx.Ensemble(nnx.Tanh(), 3)), "makes 3 rows of each"),
        (lambda: nnx.Residual(nnx.EnsembleView(3)), r"EnsembleView\(3\) makes 3 rows of each"),
        (lambda: nnx.Concat(nnx.Identity(), nnx.EnsembleView(3)), "its parts make 1 and 3 rows of each"),
    ],
)
def test_settings_that_are_refused(make, text):
    with pytest.raises(nnx.SettingError, match=text) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("layer", [nnx.ScaleEnsemble(3), nnx.BatchEnsemble(2, 3), nnx.DenseEnsemble(2, 3)])
def test_shapes_that_are_refused(layer):
    params, kind = nnx.init(layer, 4), type(layer).__name__
    with pytest.raises(nnx.ShapeError, match=rf"{kind}: 7 rows are not those of 3 members: .* EnsembleView\(3\)"):
        layer.evaluate(params, np.ones((7, 4), "float32"))
    with pytest.raises(nnx.ShapeError, match=rf"{kind}: x has shape \(6, 5\), expected \(rows of 3 members, 4\)"):
        layer.evaluate(params, np.ones((6, 5), "float32"))
    other = nnx.init(type(layer)(**{**vars(layer), "members": 2}), 4)
    with pytest.raises(nnx.ShapeError, match=rf"{kind}: \w is for 2 members, not 3"):
        layer.evaluate(other, np.ones((6, 4), "float32"))


@pytest.mark.parametrize("members", [1, 2])
def test_an_ensemble_refuses_parameters_for_others(members):
    net = nnx.Chain(nnx.Ensemble(nnx.mlp((4,), 2), 3))
    params = nnx.init(nnx.Chain(nnx.Ensemble(nnx.mlp((4,), 2), members)), 4)
    with pytest.raises(nnx.ShapeError, match=f"Ensemble: parameters are for {members} members, not 3"):
        nnx.predict(net, params, np.ones((6, 4), "float32"))
    with pytest.raises(nnx.ShapeError, match=r"x has shape \(4,\), expected \(rows, features\)"):
        nnx.Ensemble(nnx.Dense(2), 3).evaluate({}, np.ones(4))


def test_a_target_of_other_rows_is_refused():
    loss = nnx.EnsembleLoss(nnx.SquaredError(), 3)
    with pytest.raises(nnx.ShapeError, match=r"target has shape \(6, 1\), expected 2 rows for 6 of output"):
        loss.evaluate(np.ones((6, 1)), np.ones((6, 1)))
    with pytest.raises(nnx.ShapeError, match="7 rows of output are not those of 3 members"):
        loss.predict(np.ones((7, 1)))


def test_a_loss_for_other_members_is_refused(tmp_path):
    (x, y), net = data(), nnx.tabm((4,), 3, members=4)
    for loss, takes in ((nnx.SoftmaxCrossEntropy(), 1), (nnx.EnsembleLoss(nnx.SoftmaxCrossEntropy(), 3), 3)):
        with pytest.raises(nnx.SettingError, match=rf"makes 4 rows of each and {type(loss).__name__} takes {takes}"):
            nnx.fit(net, x, y, loss=loss)
        with pytest.raises(nnx.ModelFileError, match=f"its loss is for {takes} members, its network has 4"):
            nnx.save(tmp_path / "model.safetensors", net, nnx.init(net, 4), loss=loss)


def test_an_estimator_refuses_the_loss_of_members():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    (x, y), loss = data(), nnx.EnsembleLoss(nnx.SquaredError(), 2)
    with pytest.raises(ValueError, match="EnsembleLoss"):
        nnx.MLPRegressor(loss=loss).fit(x, y)


def test_members_that_were_never_made_are_refused_by_fit():
    (x, y), net = data(), nnx.Chain(nnx.BatchEnsemble(4, 3), nnx.Dense(1))
    for given in ((x, y), ([(x, y)],)):  # twelve rows could be those of three members; one cannot
        with pytest.raises(nnx.ShapeError, match=r"1 rows are not those of 3 members: is there no EnsembleView\(3\)"):
            nnx.fit(net, *given, loss="squared_error")
