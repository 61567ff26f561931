"""Targets with axes: a prediction for each position of a row, and its loss."""

import numpy as np
import pytest

import nnx

rng = np.random.default_rng(0)
N, T = 22, 5
X = rng.normal(size=(N, T, 3))
Y = (X.sum(axis=-1) > 0).astype(int) + (X[..., 0] > 1)
VALUES = np.tanh(X[..., :2])
PADDED = np.array([[1.0] * 4 + [0.0]] * (N - 2) + [[0.5, 2.0, 0.0, 0.0, 0.0]] * 2)
NET = nnx.Chain(nnx.Conv1D(6, 3, padding="same"), nnx.Tanh(), nnx.Dense(3))
LOSSES = {
    "softmax": (nnx.SoftmaxCrossEntropy(), Y, 3),
    "softmax by class": (nnx.SoftmaxCrossEntropy(0.1, class_weight=(1.0, 2.0, 0.3)), Y, 3),
    "probabilities": (nnx.SoftmaxCrossEntropy(class_weight=(1.0, 2.0, 0.3)), np.eye(3)[Y], 3),
    "squared": (nnx.SquaredError(), VALUES, 2),
    "binary": (nnx.BinaryCrossEntropy(class_weight=(0.3, 2.0)), Y > 0, 1),
    "quantile": (nnx.Quantile((0.1, 0.5, 0.9)), VALUES[..., 0], 3),
}


def net_for(outputs):
    return nnx.Chain(nnx.Dense(4), nnx.Tanh(), nnx.Dense(outputs))  # each position by itself


def fit(net, x, y, **settings):
    usual = dict(loss="softmax_cross_entropy", epochs=3, batch_size=8, dtype="float64", backend="numpy")
    return nnx.fit(net, x, y, **(usual | dict(optimizer=nnx.SGD(0.1)) | settings))


def same(a, b, rtol=1e-10):
    for name, p in a.params.items():
        q = np.asarray(b.params[name])
        np.testing.assert_allclose(np.reshape(np.asarray(p), q.shape), q, rtol=rtol, atol=1e-12, err_msg=name)
    for name in set(a.history) - {"samples_per_second", "seconds"}:
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=rtol, err_msg=name)


@pytest.mark.parametrize("weighted", ["alike", "rows", "positions"])
@pytest.mark.parametrize("name", LOSSES)
def test_positions_are_trained_on_as_rows_are(name, weighted):
    loss, y, outputs = LOSSES[name]
    row = np.linspace(0.1, 2.0, N)
    weight = {"alike": None, "rows": row, "positions": PADDED * row[:, None]}[weighted]
    each = None if weight is None else np.broadcast_to(weight.reshape(N, -1), (N, T)).reshape(-1)
    held = (X[:5], y[:5])
    settings = dict(loss=loss, shuffle=False, validation=held)
    found = fit(net_for(outputs), X, y, sample_weight=weight, **settings)
    assert found.loss == nnx.PositionLoss(loss) and found.predict(X).shape == (N, T, outputs)
    lines = {"batch_size": 8 * T, "validation": tuple(a.reshape(5 * T, *a.shape[2:]) for a in held)}
    expected = fit(
        net_for(outputs), X.reshape(N * T, 3), y.reshape(N * T, *y.shape[2:]), sample_weight=each, **settings | lines
    )
    same(found, expected)
    in_parts = fit(net_for(outputs), X, y, sample_weight=weight, micro_batches=3, **settings)
    same(in_parts, found)


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("compile", [False, True])
def test_a_fit_is_the_same_on_every_library(backend, compile):
    settings = dict(sample_weight=PADDED, validation=0.2, metrics=["accuracy", "f1"], micro_batches=2)
    found = fit(NET, X, Y, backend=backend, compile=compile, **settings)
    same(found, fit(NET, X, Y, compile=False, **settings), rtol=1e-9)


@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 2.0, N), PADDED], ids=["alike", "rows", "positions"])
def test_members_are_those_trained_alone(weight):
    settings = dict(
        sample_weight=weight, validation=0.3, metrics=["accuracy", "roc_auc"], loss=nnx.SoftmaxCrossEntropy()
    )
    together = fit(NET, X, Y, members=3, **settings)
    assert together.predict(X).shape == (3, N, T, 3)
    for k in range(3):
        same(together[k], fit(NET, X, Y, seed=k, **settings), rtol=1e-9)


def test_a_population_as_large_as_the_batch_takes_weights_of_rows():
    settings = dict(sample_weight=np.linspace(0.1, 2.0, N), batch_size=T)
    together = fit(NET, X, Y, members=T, **settings)
    for k in (0, T - 1):
        same(together[k], fit(NET, X, Y, seed=k, **settings), rtol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_is_torchs(weighted):
    import torch

    z, y = rng.normal(size=(N, 3, 4, 5)), rng.integers(0, 5, (N, 3, 4))
    weight = (rng.random((N, 3, 4)) > 0.4).astype(float)
    loss = nnx.PositionLoss(nnx.SoftmaxCrossEntropy(), axes=2)
    value, saved = loss.evaluate(z, y, weight if weighted else None)
    t = torch.tensor(np.moveaxis(z, -1, 1), requires_grad=True)
    kept = torch.tensor(np.where(weight > 0, y, -100) if weighted else y)
    expected = torch.nn.functional.cross_entropy(t, kept, ignore_index=-100)
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-12)
    np.testing.assert_allclose(loss.backprop(saved), np.moveaxis(t.grad.numpy(), 1, -1), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(loss.predict(z), np.moveaxis(torch.softmax(t, 1).detach().numpy(), 1, -1), rtol=1e-10)


def test_padding_changes_nothing():
    """Whatever stands where the weight is 0, in the target, is neither learned nor measured."""
    other = np.where(PADDED > 0, Y, 2 - Y)
    settings = dict(metrics=["accuracy", "log_loss"], sample_weight=PADDED)
    found = fit(net_for(3), X, Y, validation=(X, Y, PADDED), **settings)
    same(fit(net_for(3), X, other, validation=(X, other, PADDED), **settings), found)
    p = found.predict(X)
    known = PADDED > 0
    assert found.history["validation_accuracy"][-1] == pytest.approx(nnx.accuracy(p[known], Y[known]), rel=1e-12)
    assert found.history["validation_log_loss"][-1] == pytest.approx(nnx.log_loss(p[known], Y[known]), rel=1e-12)


def test_a_metric_of_ones_own_sees_the_positions():
    def whole_rows(y, target):
        seen.append((y.shape, target.shape))
        return np.mean(np.all(np.argmax(y, axis=-1) == target, axis=-1))

    seen = []
    found = fit(NET, X, Y, validation=(X, Y), metrics=[whole_rows, "accuracy"])
    assert seen == [((N, T, 3), (N, T))] * 3
    assert found.history["validation_whole_rows"][-1] == np.mean(np.all(np.argmax(found.predict(X), -1) == Y, axis=-1))
    together = fit(NET, X, Y, validation=(X, Y), metrics=[whole_rows], members=2, sample_weight=PADDED)
    assert seen[3:] == [((N, T, 3), (N, T))] * 6 and len(together[0].history["validation_whole_rows"]) == 3


def test_streams_and_files_are_as_arrays(tmp_path):
    opened = []

    def batches():
        opened.append(True)
        return ((X[i : i + 8], Y[i : i + 8], PADDED[i : i + 8]) for i in range(0, N, 8))

    expected = fit(NET, X, Y, sample_weight=PADDED, shuffle=False)
    found = fit(NET, batches, None, validation=(X, Y, PADDED))
    assert len(opened) == 1 + 3  # a trial, and each epoch
    np.testing.assert_allclose(found.history["loss"], expected.history["loss"], rtol=1e-12)
    file = np.memmap(tmp_path / "x", "float64", "w+", shape=X.shape)
    file[...] = X
    same(fit(NET, file, Y, sample_weight=PADDED), fit(NET, X, Y, sample_weight=PADDED))
    same(fit(NET, X.tolist(), Y.tolist()), fit(NET, X, Y))


def test_a_fit_goes_on_from_a_checkpoint_to_the_bit(tmp_path):
    settings = dict(validation=0.2, sample_weight=PADDED, metrics=["accuracy"], optimizer=nnx.Adam(0.01))
    whole = fit(NET, X, Y, epochs=4, **settings)
    path = tmp_path / "run.safetensors"
    stopped = dict(checkpoint=nnx.Checkpoint(path), callbacks=[lambda report: report.epoch == 2])
    fit(NET, X, Y, epochs=4, **settings, **stopped)
    found = fit(NET, X, Y, epochs=4, resume=path, **settings)
    for name, p in whole.params.items():
        np.testing.assert_array_equal(found.params[name], p)
    assert found.history["validation_accuracy"] == whole.history["validation_accuracy"]


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_a_saved_model_predicts_each_position(tmp_path, backend):
    found = fit(NET, X, Y)
    nnx.save(tmp_path / "m.safetensors", found)
    model = nnx.load(tmp_path / "m.safetensors", backend=backend)
    assert model.loss == nnx.PositionLoss(nnx.SoftmaxCrossEntropy()) and model.row == (T, 3)
    np.testing.assert_allclose(np.asarray(model.predict(X)), found.predict(X), rtol=1e-5)
    one = nnx.predict(NET, found.params, X, loss=found.loss, batch_size=4)
    np.testing.assert_allclose(one, found.predict(X), rtol=1e-12)


def test_images_are_targets_of_an_autoencoder():
    images = np.stack([np.outer(np.sin(k + np.arange(6)), np.cos(k * np.arange(5))) for k in range(40)])[..., None]
    net = nnx.Chain(nnx.Flatten(), nnx.Dense(8), nnx.Tanh(), nnx.Dense(30), nnx.Reshape((6, 5, 1)))
    settings = dict(optimizer=nnx.Adam(0.02), epochs=60, validation=0.2, metrics=["r2"], scale_target=True)
    found = fit(net, images, 100 + 5 * images, loss="squared_error", **settings)
    assert isinstance(found.loss, nnx.PositionLoss) and found.loss.axes == 2
    (mean,), (scale,) = found.loss.loss.mean, found.loss.loss.scale
    assert mean == pytest.approx(np.mean(100 + 5 * images)) and scale == pytest.approx(np.std(5 * images))
    assert found.history["validation_r2"][-1] > 0.5 and found.predict(images).shape == images.shape
    together = fit(net, images, 100 + 5 * images, loss="squared_error", members=2, **settings)
    same(together[0], found, rtol=1e-6)


def test_one_column_may_be_left_out():
    for y in (Y[..., None], Y):
        assert fit(NET, X, y).loss == nnx.PositionLoss(nnx.SoftmaxCrossEntropy())
    same(fit(net_for(1), X, X[..., 0], loss="huber"), fit(net_for(1), X, X[..., :1], loss="huber"))


def test_rate_range_takes_positions():
    assert nnx.training.rate_range(NET, X, Y, loss="softmax_cross_entropy", steps=12).suggestion > 0


def test_values_of_layers_are_those_of_the_loss_of_positions():
    params = nnx.init(NET, X, seed=1, dtype="float64")
    found = nnx.plots.layer_values(NET, params, X, Y, "softmax_cross_entropy")
    z, values = NET.evaluate(params, X)
    _, saved = POSITIONS.evaluate(z, Y)
    _, grads = NET.backprop(params, values, POSITIONS.backprop(saved))
    np.testing.assert_allclose(found[2].gradients["W"], grads["2.W"], rtol=1e-12)


def test_tokens_have_a_target_each():
    """Rows of token numbers have one axis, and those of the output two."""
    tokens = rng.integers(0, 4, (N, 7))
    net = nnx.Chain(nnx.TokenEmbedding(4, 5), nnx.GRU(6), nnx.Dense(4))
    settings = dict(optimizer=nnx.Adam(0.05), epochs=30, validation=0.2, metrics=["accuracy"])
    found = fit(net, tokens, tokens, **settings)
    assert found.history["validation_accuracy"][-1] > 0.9 and found.predict(tokens).shape == (N, 7, 4)
    batches = [(tokens[i : i + 8], tokens[i : i + 8]) for i in range(0, N, 8)]
    assert isinstance(fit(net, batches, None).loss, nnx.PositionLoss)


POSITIONS = nnx.PositionLoss(nnx.SoftmaxCrossEntropy())
MISTAKES = [
    (lambda: nnx.PositionLoss(nnx.EnsembleLoss(nnx.SquaredError(), 2)), "expected the loss of one position"),
    (lambda: nnx.PositionLoss(POSITIONS), "expected the loss of one position"),
    (lambda: nnx.PositionLoss(nnx.SquaredError(), 0), "PositionLoss: axes must be at least 1, got 0"),
    (lambda: nnx.ClampedLoss(POSITIONS, 0.0, 1.0), r"nnx\.PositionLoss\(nnx\.ClampedLoss\(\.\.\.\)\)"),
    (lambda: nnx.ScaledLoss(nnx.PositionLoss(nnx.SquaredError())), r"nnx\.PositionLoss\(nnx\.ScaledLoss\(\.\.\.\)\)"),
    (lambda: nnx.EnsembleLoss(POSITIONS, 2), "expected the loss of one member"),
    (lambda: POSITIONS.evaluate(X[0], Y[0]), r"PositionLoss: expected the output \(..., rows, positions, columns\)"),
    (lambda: POSITIONS.evaluate(X, Y[:, :4]), r"target has shape \(22, 4\), expected \(22, 5\) for labels"),
    (lambda: POSITIONS.evaluate(X, Y, PADDED[:, :2]), r"weight has shape \(22, 2\), expected \(22,\) or \(22, 5\)"),
    (lambda: fit(NET, X, Y[:, :4]), r"target has shape \(1, 4\), expected \(1, 5\) for labels"),
    (lambda: fit(NET, X, Y[:, 0]), r"y has shape \(22,\), expected 2 axes .* nnx\.GlobalPool, nnx\.Flatten or a GRU"),
    (lambda: fit(NET, X, Y[:5]), "y has 5 rows, x has 22"),
    (lambda: fit(NET, X, Y + 0.5), "SoftmaxCrossEntropy expects integer labels or one row per position"),
    (lambda: fit(NET, X, Y + 1), "labels must lie in 0 to 2 for 3 outputs, got 3"),
    (lambda: fit(NET, X, X - 9.0), "SoftmaxCrossEntropy expects values from 0 to inf"),
    (lambda: fit(net_for(1), X, np.where(Y == 2, np.nan, X[..., 0]), loss="huber"), "y has .* not finite"),
    (lambda: fit(NET, X, Y, sample_weight=PADDED[:, :3]), r"must have shape \(22,\) or \(22, 5\), got \(22, 3\)"),
    (lambda: fit(NET, X, Y, sample_weight=0 * PADDED), "sample_weight is 0 in all of the 22 rows"),
    (lambda: fit(NET, X, Y, loss=nnx.PositionLoss(nnx.SoftmaxCrossEntropy(), 2)), r"give PositionLoss\(loss, axes=1\)"),
    (lambda: fit(nnx.Dense(3), X[:, 0], Y[:, 0], loss=POSITIONS), "leave PositionLoss out"),
    (lambda: fit(NET, [(X, Y[:, :2])], None), r"target has shape \(1, 2\), expected \(1, 5\)"),
    (lambda: fit(NET, X, Y, validation=(X, Y[:, :2])), r"validation: .*target has shape \(1, 2\)"),
]


@pytest.mark.parametrize(("call", "line"), MISTAKES, ids=[line for _, line in MISTAKES])
def test_mistakes_are_one_line(call, line):
    with pytest.raises(nnx.NNXError, match=line) as caught:
        call()
    assert "\n" not in str(caught.value)
