"""RealMLP: layers by hand, parameters from data, schedules of any setting, clamped predictions, the whole recipe."""

import numpy as np
import pytest

import nnx

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 4)) * (1.0, 10.0, 0.1, 1.0) + (0.0, 5.0, 0.0, -1.0)
Y = (X[:, 0] + X[:, 3] > -1.0).astype("int64")


def test_a_network_of_its_layers_by_hand():
    """Forward and backward of y = (h W1) / sqrt(3) + b1, h = z + a (selu(z) - z), z = ((x s) W0) / sqrt(4) + b0."""
    net = nnx.Chain(nnx.Scale(), nnx.NTPDense(3), nnx.ParametricActivation(nnx.SELU()), nnx.NTPDense(2))
    p = nnx.init(net, 4, dtype="float64")
    p = {name: v + 0.1 * RNG.normal(size=v.shape) for name, v in p.items()}
    x, dy = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 2))
    scale, alpha = 1.0507009873554805, 1.6732632423543772

    z = (x * p["0.gain"]) @ p["1.W"] / 2 + p["1.b"]
    f = np.where(z > 0, scale * z, scale * alpha * (np.exp(z) - 1))
    h = z + p["2.a"] * (f - z)
    y, saved = net.evaluate(p, x)
    np.testing.assert_allclose(y, h @ p["3.W"] / np.sqrt(3) + p["3.b"], rtol=1e-12)

    dh = dy @ p["3.W"].T / np.sqrt(3)
    slope = np.where(z > 0, scale, scale * alpha * np.exp(z))
    dz = dh * (1 + p["2.a"] * (slope - 1))
    expected = {
        "3.W": h.T @ dy / np.sqrt(3),
        "3.b": dy.sum(axis=0),
        "2.a": (dh * (f - z)).sum(axis=0),
        "1.W": (x * p["0.gain"]).T @ dz / 2,
        "1.b": dz.sum(axis=0),
        "0.gain": (dz @ p["1.W"].T / 2 * x).sum(axis=0),
    }
    dx, grads = net.backprop(p, saved, dy)
    np.testing.assert_allclose(dx, dz @ p["1.W"].T / 2 * p["0.gain"], rtol=1e-12)
    assert grads.keys() == expected.keys()
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-11, atol=1e-14)


def test_sparse_rows_are_taken_by_ntp_dense_as_they_are():
    sparse = pytest.importorskip("scipy.sparse")
    x = np.eye(3)
    params = nnx.init(nnx.NTPDense(2), x)
    np.testing.assert_allclose(
        nnx.NTPDense(2).evaluate(params, sparse.csr_array(x))[0], nnx.NTPDense(2).evaluate(params, x)[0]
    )


def test_what_is_no_activation_is_refused():
    with pytest.raises(nnx.SettingError, match=r"activation must be one such as nnx.SELU\(\), got Dense"):
        nnx.ParametricActivation(nnx.Dense(2))


def test_flat_cosine_by_hand():
    schedule = nnx.FlatCosine(8)
    values = [float(schedule.evaluate(np.asarray(float(step)))) for step in (0, 4, 5, 6, 8, 9)]
    np.testing.assert_allclose(values, [1, 1, (1 + np.cos(np.pi / 4)) / 2, 0.5, 0, 0], atol=1e-15)


def test_the_decay_of_adamw_follows_its_schedule():
    """p *= 1 - rate decay factor(step), the gradient being 0: factors 1, 1, 1/2 and 0 of four steps."""
    optimizer = nnx.AdamW(0.5, weight_decay=0.2, decay_schedule=nnx.FlatCosine(4, flat=1 / 3 - 1e-9)).over(9)
    params, state = {"W": np.ones((1, 1))}, optimizer.init({"W": np.ones((1, 1))})
    factors = [optimizer.decay_schedule.evaluate(np.asarray(float(t))) for t in range(4)]
    assert factors[0] == 1.0 and 0 < factors[3] < factors[2] < 1
    for t in range(4):
        before = float(params["W"][0, 0])
        params, state = optimizer.update(params, {"W": np.zeros((1, 1))}, state)
        np.testing.assert_allclose(params["W"][0, 0], before * (1 - 0.5 * 0.2 * factors[t]), rtol=1e-14)


def test_dropout_follows_its_schedule():
    layer, x = nnx.Dropout(0.4, nnx.FlatCosine(100)), np.ones((200, 200))
    shares, means = [], []
    for step in (0, 75, 100):
        y, _ = layer.evaluate({}, x, train=True, key=nnx.key(1, step))
        shares.append((y == 0).mean())
        means.append(y.mean())
    np.testing.assert_allclose(shares, [0.4, 0.2, 0.0], atol=0.01)  # four standard deviations
    np.testing.assert_allclose(means, 1.0, atol=0.02)


def test_a_schedule_that_is_1_changes_no_bit_of_dropout():
    x, key = RNG.normal(size=(7, 5)), nnx.key(3, 2)
    plain, _ = nnx.Dropout(0.3).evaluate({}, x, train=True, key=key)
    same, _ = nnx.Dropout(0.3, nnx.FlatCosine(10)).evaluate({}, x, train=True, key=key)
    np.testing.assert_array_equal(plain, same)


def recipe(**settings):
    """A small RealMLP-TD."""
    net = nnx.realmlp((8, 8), 2, kind="td")
    optimizer = nnx.AdamW(
        0.04, nnx.PeriodicCosine(), beta2=0.95, weight_decay=0.02, decay_schedule=nnx.FlatCosine(flat=0.25)
    )
    given = dict(loss="softmax_cross_entropy", optimizer=optimizer, epochs=6, batch_size=32)
    given |= dict(rate_factors={"*.gain": 6.0, "*.[ba]": 0.1}, decay_factors={"*.gain": 6.0, "*.a": 0.1})
    return net, given | settings


def test_fit_tells_every_schedule_how_many_steps_there_are_and_keeps_the_network():
    net, settings = recipe()
    by_hand = nnx.realmlp((8, 8), 2, kind="td")
    steps = nnx.Dropout(0.15, nnx.FlatCosine(18))
    layers = [steps if isinstance(layer, nnx.Dropout) else layer for layer in by_hand.layers]
    x = X.astype("float32")
    fit = nnx.fit(net, x, Y, **settings)
    other = nnx.fit(nnx.Chain(*layers), x, Y, **settings)
    assert fit.net == net
    for name, p in fit.params.items():
        np.testing.assert_array_equal(p, other.params[name])
    without = nnx.fit(nnx.realmlp((8, 8), 2, kind="td", dropout=0.0), x, Y, **settings)
    assert not np.array_equal(without.params["1.W"], fit.params["1.W"])


def test_a_stream_of_batches_must_be_told_the_steps_of_dropout():
    net, settings = recipe(optimizer=nnx.Adam())
    batches = [(X.astype("float32"), Y)]
    with pytest.raises(nnx.SettingError, match="FlatCosine: steps is not known"):
        nnx.fit(net, batches, **settings | {"decay_factors": None})


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_compiled_steps_train_as_plain_ones(backend):
    net, settings = recipe(dtype="float64", backend=backend)
    plain, fast = (nnx.fit(net, X, Y, **settings, compile=compile) for compile in (False, True))
    assert plain.execution == "step by step" != fast.execution
    for name, p in plain.params.items():
        np.testing.assert_allclose(np.asarray(p), np.asarray(fast.params[name]), rtol=1e-7, atol=1e-9)


def test_members_are_trained_as_each_alone():
    net, settings = recipe()
    rates, x = (0.02, 0.04), X.astype("float64")
    members = []
    for seed, rate in enumerate(rates):
        own = nnx.AdamW(rate, nnx.PeriodicCosine(), beta2=0.95, weight_decay=rate, decay_schedule=nnx.FlatCosine())
        start = nnx.init_from_data(net, x, seed=seed)
        members.append(nnx.Member(net, settings["loss"], own, seed=seed, params=start))
    own = {name: value for name, value in settings.items() if name not in ("loss", "optimizer")}
    together = nnx.Population(members).fit(x, Y, **own, dtype="float64")
    for member, found in zip(members, together, strict=True):
        assert found.net == net
        alone = nnx.fit(
            net,
            x,
            Y,
            loss=member.loss,
            optimizer=member.optimizer,
            params=member.params,
            seed=member.seed,
            dtype="float64",
            **own,
        )
        for name, p in alone.params.items():
            np.testing.assert_allclose(p, found.params[name], rtol=1e-8, atol=1e-10)


def test_parameters_from_data_have_deviation_1_and_bend_among_the_rows():
    net = nnx.Chain(nnx.Scale(), nnx.NTPDense(50), nnx.ReLU(), nnx.Residual(nnx.Dense(50)), nnx.NTPDense(3))
    params = nnx.init_from_data(net, X, seed=4)
    x = X * params["0.gain"]
    after = {"1": lambda x, y: np.maximum(y, 0), "3": lambda x, y: x + y, "4": lambda x, y: y}
    for name, factor in (("1", 0.5), ("3", 1.0), ("4", 1 / np.sqrt(50))):
        z = factor * (x @ params[f"{name}.W"])
        np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-5)
        bend = -params[f"{name}.b"]
        assert (z.min(axis=0) <= bend + 1e-5).all() and (bend <= z.max(axis=0) + 1e-5).all()
        assert len(np.unique(np.round(bend, 6))) == bend.size
        y = z + params[f"{name}.b"]
        x = after[name](x, y)


def test_parameters_from_data_are_the_same_bits_on_every_backend(library):
    if library.backend.name == "array_api_strict":
        pytest.skip("no backend of its own")
    net = nnx.realmlp((8,), 2, kind="td")
    expected = nnx.init_from_data(net, X, seed=(1, 2))
    with library.scope():
        x = library.backend.floats(X)
        found = nnx.init_from_data(net, x, seed=(1, 2), dtype=library.backend.dtype)
        assert type(found["1.W"]) is type(x) and found["1.W"].shape == (2, 4, 8)
        for name, p in expected.items():
            np.testing.assert_array_equal(library.host(found[name]), p)


def test_members_from_data_are_those_of_each_seed():
    net = nnx.Chain(nnx.Concat(nnx.NTPDense(3), nnx.Identity()), nnx.NTPDense(2))
    both = nnx.init_from_data(net, X, seed=(5, 6))
    for k, seed in enumerate((5, 6)):
        for name, p in nnx.init_from_data(net, X, seed=seed).items():
            np.testing.assert_array_equal(both[name][k], p)


def test_columns_of_one_value_and_weights_of_zero_stay_finite():
    net = nnx.Chain(nnx.NTPDense(3, nnx.Zeros()), nnx.NTPDense(2))
    params = nnx.init_from_data(net, np.ones((5, 4)))
    assert all(np.isfinite(p).all() for p in params.values())
    assert (params["0.W"] == 0).all()


FAULTS = {
    "no rows": (np.zeros((0, 3)), "expected x \\(rows, features\\), got shape \\(0, 3\\)"),
    "one axis": (np.zeros(3), "expected x"),
    "nan": (np.full((3, 2), np.nan), "not finite"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_rows_that_tell_nothing_are_refused(name):
    x, text = FAULTS[name]
    with pytest.raises(nnx.NNXError, match=text):
        nnx.init_from_data(nnx.NTPDense(2), x)


def test_predictions_are_clamped_in_the_units_of_the_target():
    x = X.astype("float32")
    y = (1000.0 + 50.0 * x[:, :1]).astype("float32")
    low, high = float(y.min()), float(y.max())
    loss = nnx.ClampedLoss(nnx.SquaredError(), low, high)
    settings = dict(scale_target=True, epochs=30, batch_size=32, optimizer=nnx.Adam(0.01))
    fit = nnx.fit(nnx.mlp((16,), 1), x, y, loss=loss, **settings)
    free = nnx.fit(nnx.mlp((16,), 1), x, y, loss="squared_error", **settings)
    far = np.concatenate([x, 100 * x])
    np.testing.assert_allclose(fit.predict(far), np.clip(free.predict(far), low, high), rtol=1e-6)
    assert free.predict(far).max() > high
    assert isinstance(fit.loss.loss, nnx.ScaledLoss) and fit.history["loss"] == free.history["loss"]
    members = [nnx.Member(nnx.mlp((16,), 1), nnx.ClampedLoss(nnx.SquaredError(), low, h)) for h in (high, high - 10)]
    found = nnx.Population(members).fit(x, y, scale_target=True, epochs=2)
    assert [f.loss.high for f in found] == [(high,), (high - 10,)]
    assert found[1].predict(far).max() <= np.float32(high - 10)


CLAMPS = {
    "crossed": (lambda: nnx.ClampedLoss(nnx.SquaredError(), 1.0, 0.0), "low must not be above high"),
    "other numbers": (lambda: nnx.ClampedLoss(nnx.SquaredError(), (1.0, 2.0), 3.0), "differ in their number"),
    "infinite": (lambda: nnx.ClampedLoss(nnx.SquaredError(), -np.inf, 3.0), "low must be finite numbers"),
    "columns": (lambda: nnx.ClampedLoss(nnx.SquaredError(), (0.0, 0.0), (1.0, 1.0)).outputs(3), "are for 2"),
    "inside out": (lambda: nnx.ScaledLoss(nnx.ClampedLoss(nnx.SquaredError(), 0.0, 1.0)), "give ClampedLoss"),
}


@pytest.mark.parametrize("name", CLAMPS)
def test_a_range_that_is_none_is_refused_in_one_line(name):
    make, text = CLAMPS[name]
    with pytest.raises(nnx.SettingError, match=text):
        make()


def test_the_last_of_equal_epochs_is_kept_where_that_is_asked_for():
    def constant(y, target):
        return 0.5

    settings = dict(loss="softmax_cross_entropy", epochs=4, validation=0.25, metrics=[constant])
    for ties, best in (("first", 1), ("last", 4)):
        rule = nnx.EarlyStopping(10, "validation_constant", better="larger", ties=ties)
        assert nnx.fit(nnx.mlp((4,), 2), X, Y, early_stopping=rule, **settings).best_epoch == best


def test_a_realmlp_is_saved_and_loaded_and_exported(tmp_path):
    pytest.importorskip("onnx")
    net, settings = recipe()
    x = X.astype("float32")
    fit = nnx.fit(net, x, Y, **settings, params=nnx.init_from_data(net, x))
    nnx.save(tmp_path / "m.safetensors", fit.net, fit.params, loss=fit.loss)
    loaded = nnx.load(tmp_path / "m.safetensors")
    assert loaded.net == net
    np.testing.assert_array_equal(loaded.predict(x), fit.predict(x))
    runtime = pytest.importorskip("onnxruntime")
    nnx.to_onnx(fit, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["probabilities"], {"x": x})[0], fit.predict(x), atol=1e-5)


def test_the_networks_are_those_of_the_paper():
    small, default = nnx.realmlp((4, 4), 3), nnx.realmlp((4, 4), 3, kind="td", embedding=nnx.Identity())
    kinds = [type(layer).__name__ for layer in small.layers]
    assert kinds == ["Scale", "NTPDense", "SELU", "NTPDense", "SELU", "NTPDense"]
    assert not nnx.init(small, 5)["5.W"].any() and not nnx.init(small, 5)["5.b"].any()
    kinds = [type(layer).__name__ for layer in default.layers]
    hidden = ["NTPDense", "ParametricActivation", "Dropout"]
    assert kinds == ["Identity", "Scale", *hidden, *hidden, "NTPDense"]
