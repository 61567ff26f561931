"""Training: the same losses on every library, stopping rules, data of every kind, and nothing changed behind a back."""

import os
import signal
import threading
import tracemalloc
import warnings
from dataclasses import dataclass

import numpy as np
import pytest

import nnx
from nnx.training import split


def spirals(n=120, seed=0):
    """Two spirals: rows (n, 2) and labels."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    t = rng.uniform(0.5, 3.0, n)
    angle = t * 2.5 + np.pi * label
    return np.stack([t * np.cos(angle), t * np.sin(angle)], axis=1) + 0.05 * rng.normal(size=(n, 2)), label


NET = nnx.Chain(nnx.Dense(16), nnx.Tanh(), nnx.Dropout(0.1), nnx.BatchNorm(), nnx.Dense(2))
SETTINGS = dict(loss="softmax_cross_entropy", epochs=12, batch_size=32, validation=0.25, seed=3, metrics=["accuracy"])


def test_every_library_trains_to_the_same_losses(library):
    x, y = spirals()
    expected = nnx.fit(NET, x, y, dtype="float64", **SETTINGS)
    got = nnx.fit(NET, x, y, backend=library.backend, **SETTINGS)
    for name in ("loss", "validation_loss", "validation_accuracy", "rate"):
        np.testing.assert_allclose(got.history[name], expected.history[name], rtol=1e-9)
    assert got.history["loss"][-1] < got.history["loss"][0]
    np.testing.assert_allclose(library.host(got.predict(x)), expected.predict(x), rtol=1e-7, atol=1e-9)


def test_arrays_of_a_library_choose_the_backend(library):
    x, y = spirals()
    with library.scope():
        fit = nnx.fit(nnx.Dense(2), library.array(x), library.array(y), loss="softmax_cross_entropy", epochs=1)
        assert fit.backend.name == library.backend.name and fit.backend.dtype == "float32"


def test_float32_losses_of_libraries_agree_to_rounding(library):
    x, y = spirals()
    settings = SETTINGS | {"epochs": 5}
    backend = nnx.Backend(library.backend.library, library.backend.xp, library.backend.device, "float32")
    expected, got = nnx.fit(NET, x, y, **settings), nnx.fit(NET, x, y, backend=backend, **settings)
    np.testing.assert_allclose(got.history["loss"], expected.history["loss"], rtol=1e-4)


def test_the_loop_is_the_six_lines_by_hand():
    x, y = spirals()
    net, loss, optimizer = nnx.mlp((8,), 2), nnx.SoftmaxCrossEntropy(), nnx.Adam(0.01)
    fit = nnx.fit(net, x, y, loss=loss, optimizer=optimizer, epochs=20, batch_size=1000, dtype="float64", shuffle=False)
    params = nnx.init(net, 2, dtype="float64")
    state = optimizer.init(params)
    for _ in range(20):
        z, values = net.evaluate(params, x, train=True)
        value, saved = loss.evaluate(z, y)
        _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
        params, state = optimizer.update(params, grads, state)
    assert fit.history["loss"][-1] == pytest.approx(float(value), rel=1e-12)
    for name, p in params.items():
        np.testing.assert_allclose(fit.params[name], p, rtol=1e-9)


def test_shuffles_and_dropout_are_those_of_the_seed_epoch_and_step():
    from nnx.random import permutation

    x, y = spirals()
    net, loss, optimizer = nnx.mlp((8,), 2, dropout=0.5), nnx.SoftmaxCrossEntropy(), nnx.Adam(0.01)
    fit = nnx.fit(net, x, y, loss=loss, optimizer=optimizer, epochs=3, batch_size=50, dtype="float64", seed=7)
    params = nnx.init(net, 2, dtype="float64", seed=7)
    state, step = optimizer.init(params), 0
    for epoch in (1, 2, 3):
        order, total = permutation(7, "shuffle", 120, epoch), 0.0
        for rows in (order[:50], order[50:100], order[100:]):
            z, values = net.evaluate(params, x[rows], train=True, key=nnx.key(7, step))
            value, saved = loss.evaluate(z, y[rows])
            _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
            params, state = optimizer.update(params, grads, state)
            total, step = total + float(value) * len(rows), step + 1
        assert fit.history["loss"][epoch - 1] == pytest.approx(total / 120, rel=1e-10)


def test_the_state_of_a_fit_can_be_used_to_go_on():
    x, y = spirals()
    optimizer = nnx.Adam()
    fit = nnx.fit(NET, x, y, optimizer=optimizer, dtype="float64", **SETTINGS)
    grads = {name: np.ones_like(fit.params[name]) for name in NET.names}
    params, state = optimizer.update(dict(fit.params), grads, fit.state)
    assert set(state["m"]) == set(NET.names) and np.all(np.isfinite(params["0.W"]))


def test_the_same_seed_gives_the_same_bits():
    x, y = spirals()
    runs = [nnx.fit(NET, x, y, **(SETTINGS | {"seed": seed})) for seed in (3, 3, 4)]
    assert runs[0].history["loss"] == runs[1].history["loss"] != runs[2].history["loss"]
    np.testing.assert_array_equal(runs[0].params["0.W"], runs[1].params["0.W"])


def test_what_is_given_is_not_changed():
    x, y = spirals()
    x0, y0 = x.copy(), y.copy()
    params = nnx.init(NET, 2, dtype="float64")
    before = {name: p.copy() for name, p in params.items()}
    nnx.fit(NET, x, y, params=params, dtype="float64", **SETTINGS)
    np.testing.assert_array_equal(x, x0)
    np.testing.assert_array_equal(y, y0)
    for name, p in params.items():
        np.testing.assert_array_equal(p, before[name])


def test_the_last_partial_batch_is_used():
    x = np.asarray([[1.0], [1.0], [1.0]])
    fit = nnx.fit(
        nnx.Dense(1, weight=nnx.Zeros()), x, x, loss="squared_error", optimizer=nnx.SGD(0.5), epochs=1, batch_size=2,
        dtype="float64",
    )  # fmt: skip
    # batch of two: dz = -1 / 2 each, W = b = 0.5; then z = 1 already, so the last row changes nothing
    assert fit.params["W"][0, 0] == 0.5 and fit.history["loss"] == [pytest.approx((2 * 0.5 + 0.0) / 3)]


def test_early_stopping_restores_the_best_weights():
    x, y = spirals(60)
    noise = np.random.default_rng(0).integers(0, 2, 60)  # nothing to learn: the validation loss must rise
    seen = []
    fit = nnx.fit(
        nnx.mlp((64,), 2), x, noise, loss="softmax_cross_entropy", optimizer=nnx.Adam(0.02), epochs=300,
        validation=(x + 0.3, y), early_stopping=nnx.EarlyStopping(patience=5),
        callbacks=[lambda r: seen.append({k: p.copy() for k, p in r.params.items()}) and None],
    )  # fmt: skip
    losses = fit.history["validation_loss"]
    assert fit.stopped == "early stopping" and len(losses) < 300
    assert fit.best_epoch == int(np.argmin(losses)) + 1 == len(losses) - 5
    np.testing.assert_array_equal(fit.params["0.W"], seen[fit.best_epoch - 1]["0.W"])
    assert not np.array_equal(fit.params["0.W"], seen[-1]["0.W"])


def test_early_stopping_on_a_metric_looks_for_the_largest():
    x, y = spirals()
    rule = nnx.EarlyStopping(patience=3, monitor="validation_accuracy")
    fit = nnx.fit(NET, x, y, early_stopping=rule, **(SETTINGS | {"epochs": 100}))
    assert fit.best_epoch == int(np.argmax(fit.history["validation_accuracy"])) + 1


def test_an_unknown_monitor_is_refused_with_the_nearest():
    x, y = spirals()
    with pytest.raises(nnx.SettingError, match="did you mean 'validation_accuracy'"):
        nnx.fit(NET, x, y, early_stopping=nnx.EarlyStopping(monitor="validation_acuracy"), **SETTINGS)


def test_a_callback_can_stop():
    x, y = spirals()
    fit = nnx.fit(NET, x, y, callbacks=[lambda report: report.epoch == 4], **SETTINGS)
    assert fit.stopped == "callback" and fit.history["epoch"] == [1, 2, 3, 4]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights(library):
    x, _ = spirals()
    with np.errstate(all="ignore"), pytest.raises(nnx.TrainingError, match=r"not finite in epoch \d+; lower") as error:
        nnx.fit(
            nnx.mlp((8,), 1), x, x[:, :1], loss="squared_error", optimizer=nnx.SGD(5.0), epochs=200, batch_size=200,
            backend=library.backend,
        )  # fmt: skip
    kept = error.value.fit
    assert kept.best_epoch == len(kept.history["loss"]) > 0
    assert all(np.all(np.isfinite(library.host(p))) for p in kept.params.values())


def test_ctrl_c_finishes_the_batch_and_leaves_a_model():
    x, y = spirals()

    def interrupt(report):
        if report.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    fit = nnx.fit(NET, x, y, callbacks=[interrupt], **(SETTINGS | {"epochs": 1000}))
    assert fit.stopped == "interrupted" and len(fit.history["loss"]) in (3, 4)
    assert fit.predict(x).shape == (120, 2)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_stops_at_once():
    x, y = spirals()

    def interrupt(report):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        nnx.fit(NET, x, y, callbacks=[interrupt], **SETTINGS)


def test_fit_runs_in_a_thread():
    x, y = spirals()
    result = []
    thread = threading.Thread(target=lambda: result.append(nnx.fit(NET, x, y, **SETTINGS)))
    thread.start()
    thread.join()
    assert result[0].stopped == "epochs"


def test_sample_weights_reach_the_loss():
    x, y = spirals()
    weight = np.where(y == 0, 1.0, 0.0)
    fit = nnx.fit(nnx.mlp((8,), 2), x, y, sample_weight=weight, loss="softmax_cross_entropy", batch_size=32)
    assert np.all(np.argmax(fit.predict(x), axis=1) == 0)


def test_validation_weights_count():
    x, y = spirals()
    zero = np.zeros(120)
    zero[0] = 1.0
    settings = SETTINGS | {"epochs": 1, "metrics": []}
    fit = nnx.fit(NET, x, y, **(settings | {"validation": (x, y, zero)}))
    one = nnx.fit(NET, x, y, **(settings | {"validation": (x[:1], y[:1])}))
    assert fit.history["validation_loss"] == pytest.approx(one.history["validation_loss"])


class Frozen(nnx.Dense):
    """A layer that gives no gradient for its parameters."""

    def backprop(self, params, saved, dy, *, need_dx=True):
        return super().backprop(params, saved, dy, need_dx=need_dx)[0], {}


def test_freezing_needs_no_flag(library):
    x, y = spirals()
    net = nnx.Chain(Frozen(8), nnx.Tanh(), nnx.Dense(2))
    start = nnx.init(net, 2, seed=3, dtype="float64")
    fit = nnx.fit(net, x, y, backend=library.backend, **SETTINGS)
    np.testing.assert_array_equal(library.host(fit.params["0.W"]), start["0.W"])
    assert not np.array_equal(library.host(fit.params["2.W"]), start["2.W"])


def test_a_fit_can_be_pickled(library):
    import pickle

    x, y = spirals()
    fit = nnx.fit(NET, x, y, backend=library.backend, **(SETTINGS | {"epochs": 2}))
    with library.scope():
        again = pickle.loads(pickle.dumps(fit))
    assert (str(again.backend), again.history, again.net) == (str(fit.backend), fit.history, fit.net)
    np.testing.assert_array_equal(library.host(again.predict(x)), library.host(fit.predict(x)))


def test_min_delta_counts():
    x, y = spirals()
    rule = nnx.EarlyStopping(patience=2, min_delta=10.0)
    fit = nnx.fit(NET, x, y, early_stopping=rule, **(SETTINGS | {"epochs": 50}))
    assert fit.best_epoch == 1 and len(fit.history["loss"]) == 3


def test_a_metric_of_ones_own_says_what_is_better():
    x, y = spirals()

    def mistakes(p, target):
        return 1.0 - nnx.accuracy(p, target)

    settings = SETTINGS | {"metrics": [mistakes], "epochs": 30}
    with pytest.raises(nnx.SettingError, match="say whether validation_mistakes is better="):
        nnx.fit(NET, x, y, early_stopping=nnx.EarlyStopping(monitor="validation_mistakes"), **settings)
    rule = nnx.EarlyStopping(monitor="validation_mistakes", better="smaller")
    fit = nnx.fit(NET, x, y, early_stopping=rule, **settings)
    assert fit.best_epoch == int(np.argmin(fit.history["validation_mistakes"])) + 1


def test_metrics_see_predictions_in_the_targets_terms():
    counts = np.full((64, 1), 100.0)
    fit = nnx.fit(
        nnx.Dense(1), np.ones((64, 1)), counts, loss="poisson", optimizer=nnx.Adam(0.1), epochs=300, validation=0.25,
        metrics=["mean_absolute_error"],
    )  # fmt: skip
    assert fit.history["validation_mean_absolute_error"][-1] < 1.0


def test_ctrl_c_stops_inside_an_epoch():
    x, y = spirals()
    taken = []

    def batches():
        for i in range(10_000):
            if i == 5 and taken:
                signal.raise_signal(signal.SIGINT)
            taken.append(i)
            yield x, y

    fit = nnx.fit(nnx.Dense(2), batches, loss="softmax_cross_entropy", epochs=3)
    assert fit.stopped == "interrupted" and len(taken) < 5_000  # the block of rows that was being read


def test_weights_of_streams_and_memmaps_count(tmp_path):
    x, y = spirals()
    weight = np.random.default_rng(0).random(120)
    settings = dict(loss="softmax_cross_entropy", epochs=3, dtype="float64")
    expected = nnx.fit(NET, x, y, sample_weight=weight, batch_size=60, shuffle=False, **settings).history["loss"]
    stream = [(x[i : i + 60], y[i : i + 60], weight[i : i + 60]) for i in (0, 60)]
    np.testing.assert_allclose(nnx.fit(NET, stream, **settings).history["loss"], expected, rtol=1e-10)
    mapped = nnx.fit(NET, memmap(tmp_path, x), y, sample_weight=weight, batch_size=60, shuffle=False, **settings)
    np.testing.assert_allclose(mapped.history["loss"], expected, rtol=1e-10)


def test_every_row_is_validated_and_predicted():
    x = np.zeros((20_000, 1))
    y = np.arange(20_000.0)[:, None]
    fit = nnx.fit(nnx.Dense(1), x, y, loss="squared_error", optimizer=nnx.SGD(0.0), epochs=1, validation=(x, y))
    assert fit.history["validation_loss"][0] == pytest.approx(0.5 * np.mean(y**2), rel=1e-5)
    assert fit.predict(x).shape == (20_000, 1)
    np.testing.assert_array_equal(fit.predict(y)[:, 0], fit.predict(y[::-1])[::-1, 0])


def test_jax_compiles_a_prediction_for_few_numbers_of_rows_and_each_row_is_its_own(caplog):
    import jax

    x, y = spirals()
    fit = nnx.fit(nnx.mlp((8,), 2), x, y, loss="softmax_cross_entropy", epochs=1, backend="jax")
    p, z = np.asarray(fit.predict(x)), np.asarray(fit.output(x))
    for rows in (1, 3, 5):
        np.testing.assert_allclose(fit.predict(x[:rows]), p[:rows], rtol=1e-5, atol=1e-6)
        assert fit.predict(jax.numpy.asarray(x[:rows])).shape == (rows, 2)
    np.testing.assert_allclose(jax.nn.softmax(z), p, rtol=1e-5, atol=1e-6)
    with jax.log_compiles(), caplog.at_level("WARNING"):
        for rows in (4, 6, 7, 8):
            fit.predict(x[:rows])
    assert not [record.getMessage() for record in caplog.records]


def test_a_layer_of_ones_own_predicts_from_the_rows_that_are_there_on_jax():
    @dataclass(frozen=True)
    class Centred(nnx.Layer):
        def evaluate(self, params, x, *, train=False, key=None):
            return x - x.mean(axis=-2, keepdims=True), None

        def backprop(self, params, saved, dy, *, need_dx=True):
            return dy - dy.mean(axis=-2, keepdims=True), {}

    x, y = spirals()
    fit = nnx.fit(nnx.Chain(nnx.Dense(2), Centred()), x, y, loss="softmax_cross_entropy", epochs=1, backend="jax")
    np.testing.assert_allclose(np.asarray(fit.output(x[:3])).mean(axis=0), 0.0, atol=1e-6)


def test_a_stream_of_a_librarys_arrays_trains_on_it(library):
    x, y = spirals()
    with library.scope():
        stream = [(library.array(x), library.array(y))]
        fit = nnx.fit(NET, stream, loss="softmax_cross_entropy", epochs=1)
    assert fit.backend.name == library.backend.name


def test_arrays_of_another_library_are_copied_where_asked(library):
    x, y = spirals()
    with library.scope():
        fit = nnx.fit(NET, library.array(x), library.array(y), backend="numpy", **SETTINGS)
        np.testing.assert_array_equal(fit.predict(library.array(x)), fit.predict(x))


def test_data_frames_are_data():
    import pandas

    x, y = spirals()
    frame = pandas.DataFrame(x, columns=["a", "b"])
    fit = nnx.fit(NET, frame, pandas.Series(y), **SETTINGS)
    assert fit.history["loss"] == nnx.fit(NET, x, y, **SETTINGS).history["loss"]
    fit.predict(frame)


def test_numpy_scalars_are_settings():
    x, y = spirals()
    settings = SETTINGS | {"epochs": np.int64(2), "batch_size": np.int32(16), "seed": np.int64(3)}
    fit = nnx.fit(
        nnx.mlp((np.int64(4),), 2, dropout=np.float32(0.5)), x, y, optimizer=nnx.Adam(np.float32(0.1)), **settings
    )
    assert fit.params["0.W"].dtype == np.float32


def test_one_hot_integers_and_columns_of_labels_are_targets():
    x, y = spirals()
    expected = nnx.fit(NET, x, y, **SETTINGS).history["loss"]
    for target in (np.eye(2, dtype=int)[y], np.eye(2)[y], y[:, None], y.astype(bool), y.astype(">i4")):
        np.testing.assert_allclose(nnx.fit(NET, x, target, **SETTINGS).history["loss"], expected, rtol=1e-5)


def memmap(tmp_path, x):
    path = tmp_path / "x.npy"
    np.save(path, x)
    return np.load(path, mmap_mode="r")


def test_a_memmap_trains_as_the_array_does(tmp_path, library):
    x, y = spirals()
    settings = SETTINGS | {"epochs": 3}
    expected = nnx.fit(NET, x, y, dtype="float64", **settings)
    got = nnx.fit(NET, memmap(tmp_path, x), y, backend=library.backend, **settings)
    np.testing.assert_allclose(got.history["loss"], expected.history["loss"], rtol=1e-9)
    np.testing.assert_allclose(got.history["validation_loss"], expected.history["validation_loss"], rtol=1e-9)


def test_a_memmap_trains_in_bounded_memory(tmp_path):
    x = memmap(tmp_path, np.zeros((40_000, 100)))  # 32 MB in the file
    y = np.zeros((40_000, 1))
    tracemalloc.start()
    nnx.fit(nnx.Dense(1), x, y, loss="squared_error", epochs=1, batch_size=256)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1e7  # row numbers, the target and a block; not the 32 MB of x


def test_a_value_missing_in_a_memmap_is_named_by_its_row(tmp_path):
    x, y = spirals()
    x[77, 1] = np.nan
    with pytest.raises(nnx.DataError, match=r"x has 1 values that are not finite, the first in row 77, column 1"):
        nnx.fit(NET, memmap(tmp_path, x), y, loss="softmax_cross_entropy")


def test_an_iterable_of_batches_trains_as_the_array_does(library):
    x, y = spirals()
    batches = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 120, 32)]
    settings = dict(loss="softmax_cross_entropy", epochs=4)
    expected = nnx.fit(NET, x, y, batch_size=32, shuffle=False, dtype="float64", **settings)
    for source in (batches, lambda: iter(batches)):
        got = nnx.fit(NET, source, backend=library.backend, **settings)
        np.testing.assert_allclose(got.history["loss"], expected.history["loss"], rtol=1e-9)


def test_lists_are_data():
    fit = nnx.fit(nnx.Dense(1), [[0.0], [1.0]], [[0], [2]], loss="squared_error", epochs=2)
    assert fit.backend.name == "numpy"


def test_integer_features_are_converted():
    x, y = spirals()
    nnx.fit(NET, (x * 10).astype(np.uint8), y, **SETTINGS)


def test_population_seeds_are_refused():
    x, y = spirals()
    with pytest.raises(nnx.SettingError, match="seed must be one integer"):
        nnx.fit(NET, x, y, **(SETTINGS | {"seed": (1, 2)}))


def test_a_schedule_learns_how_many_steps_there_are():
    x, y = spirals()
    optimizer = nnx.ClipNorm(nnx.SGD(1.0, schedule=nnx.Cosine()))
    fit = nnx.fit(NET, x, y, optimizer=optimizer, **(SETTINGS | {"epochs": 4}))
    np.testing.assert_allclose(
        fit.history["rate"], [0.5 * (1 + np.cos(np.pi * k / 4)) for k in (1, 2, 3, 4)], atol=1e-6
    )


def test_verbose_prints_plain_lines(capsys):
    x, y = spirals()
    nnx.fit(NET, x, y, verbose=True, **(SETTINGS | {"epochs": 2}))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  loss ") and "samples/s" in lines[1]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("rows", [2, 3, 10, 97])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.9])
def test_a_split_has_every_row_once(rows, fraction):
    labels = np.arange(rows) % 3
    for given in (None, labels):
        a, b = split(rows, fraction, 1, given)
        assert sorted([*a, *b]) == list(range(rows))
        assert len(b) == min(max(round(rows * fraction), 1), rows - 1)


def test_a_split_by_labels_keeps_their_proportions():
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    _, b = split(1000, 0.2, 1, labels)
    np.testing.assert_allclose(np.bincount(labels[b]), [100, 60, 40], atol=1)


GOOD = dict(loss="softmax_cross_entropy", epochs=1)
X, Y = spirals(20)
NAN = X.copy()
NAN[3, 1] = np.nan
BAD = {
    "wrong_features": (
        lambda: nnx.fit(NET, X, Y, params=nnx.init(NET, 5), **GOOD),
        r"params\['0.W'\] has shape \(5, 16\), the network needs \(2, 16\)",
    ),
    "nan": (lambda: nnx.fit(NET, NAN, Y, **GOOD), "x has 1 values that are not finite, the first in row 3, column 1"),
    "nan_validation": (lambda: nnx.fit(NET, X, Y, validation=(NAN, Y), **GOOD), "validation: x has 1 values"),
    "inf_target": (lambda: nnx.fit(nnx.Dense(1), X, X[:, 0] / 0, loss="squared_error"), "y has 20 values that are not"),
    "labels": (lambda: nnx.fit(NET, X, Y + 1, **GOOD), "labels must lie in 0 to 1 for 2 outputs, got 2"),
    "negative_labels": (lambda: nnx.fit(NET, X, Y - 1, **GOOD), "labels must lie in 0 to 1 for 2 outputs, got -1"),
    "validation_labels": (lambda: nnx.fit(NET, X, Y, validation=(X, Y + 5), **GOOD), "labels must lie in 0 to 1"),
    "float_labels": (lambda: nnx.fit(NET, X, Y * 1.0, **GOOD), "expects integer labels or one row per sample"),
    "empty": (lambda: nnx.fit(NET, X[:0], Y[:0], **GOOD), r"x is empty: shape \(0, 2\)"),
    "one_axis": (
        lambda: nnx.fit(NET, X[:, 0], Y, **GOOD),
        r"expected two axes \(rows, features\) or more, got shape \(20,\)",
    ),
    "short_target": (lambda: nnx.fit(NET, X, Y[:19], **GOOD), "y has 19 rows, x has 20"),
    "scalar_target": (lambda: nnx.fit(NET, X, np.asarray(1), **GOOD), "y has 0 rows, x has 20"),
    "short_weight": (lambda: nnx.fit(NET, X, Y, sample_weight=[1.0], **GOOD), "must have shape"),
    "negative_weight": (lambda: nnx.fit(NET, X, Y, sample_weight=[-1.0] * 20, **GOOD), "sample_weight must not be neg"),
    "wide_target": (lambda: nnx.fit(nnx.Dense(2), X, X[:, :1], loss="squared_error"), "target has shape"),
    "unknown_loss": (
        lambda: nnx.fit(NET, X, Y, loss="softmax"),
        "unknown loss 'softmax': did you mean 'softmax_cross_",
    ),
    "unknown_optimizer": (lambda: nnx.fit(NET, X, Y, optimizer="adan", **GOOD), "unknown optimizer 'adan': did you me"),
    "unknown_metric": (lambda: nnx.fit(NET, X, Y, validation=0.5, metrics=["acc"], **GOOD), "unknown metric 'acc'"),
    "metric_alone": (lambda: nnx.fit(NET, X, Y, metrics=["accuracy"], **GOOD), "metrics are computed on validation"),
    "unknown_activation": (
        lambda: nnx.mlp((3,), 1, activation="rellu"),
        "unknown activation 'rellu': did you mean",
    ),
    "unknown_backend": (
        lambda: nnx.fit(NET, X, Y, backend="numpi", **GOOD),
        "unknown backend 'numpi': did you mean 'num",
    ),
    "float16": (lambda: nnx.fit(NET, X, Y, dtype="float16", **GOOD), "dtype 'float16' is not supported on numpy"),
    "float16_init": (lambda: nnx.init(NET, np.ones((2, 2), np.float16)), "dtype 'float16' is not supported on numpy"),
    "negative_rate": (lambda: nnx.Adam(rate=-0.1), "Adam: rate must not be negative, got -0.1"),
    "negative_member_rate": (lambda: nnx.SGD(rate=(0.1, -0.2)), "SGD: rate must not be negative, got -0.2"),
    "momentum": (lambda: nnx.Momentum(momentum=1.0), "Momentum: momentum must be at least 0 and below 1, got 1.0"),
    "units": (lambda: nnx.Dense(0), "Dense: units must be at least 1, got 0"),
    "dropout": (lambda: nnx.Dropout(1.0), "Dropout: rate must be at least 0 and below 1, got 1.0"),
    "dropout_key": (lambda: nnx.Dropout(0.5).evaluate({}, X, train=True), "Dropout: training needs a key"),
    "class_for_layer": (lambda: nnx.Chain(nnx.Dense), "must be a layer such as nnx.Dense"),
    "empty_chain": (lambda: nnx.Chain(), "expected at least one layer"),
    "epochs": (
        lambda: nnx.fit(NET, X, Y, loss="softmax_cross_entropy", epochs=0),
        "epochs must be at least 1, got 0",
    ),
    "batch_size": (
        lambda: nnx.fit(NET, X, Y, batch_size=-1, **GOOD),
        "batch_size must be at least 1, got -1",
    ),
    "fraction": (lambda: nnx.fit(NET, X, Y, validation=1.5, **GOOD), "must lie between 0 and 1, got 1.5"),
    "bad_validation": (lambda: nnx.fit(NET, X, Y, validation=[1], **GOOD), "validation must be a fraction"),
    "one_row": (lambda: nnx.fit(NET, X[:1], Y[:1], validation=0.5, **GOOD), "1 row cannot be split in two"),
    "seed": (lambda: nnx.fit(NET, X, Y, seed=-1, **GOOD), "seed must be an integer from 0"),
    "float_seed": (lambda: nnx.init(NET, 2, seed=0.5), "seed must be an integer from 0"),
    "features": (lambda: nnx.init(NET, 0), "features must be at least 1, got 0"),
    "lacking_params": (lambda: nnx.fit(NET, X, Y, params={"0.W": X}, **GOOD), "params lacks '0.b'"),
    "generator": (lambda: nnx.fit(NET, iter([(X, Y)]), **GOOD), "an iterator can be read only once"),
    "no_batches": (lambda: nnx.fit(NET, [], **GOOD), "the iterable gave no batch"),
    "not_batches": (lambda: nnx.fit(NET, [X], **GOOD), r"batch 0: expected \(x, y\) or \(x, y, weight\), got ndarray"),
    "not_iterable": (lambda: nnx.fit(NET, 3.0, **GOOD), "expected an iterable of batches"),
    "stream_split": (lambda: nnx.fit(NET, [(X, Y)], validation=0.5, **GOOD), "cannot be set aside from an iterable"),
    "stream_labels": (lambda: nnx.fit(NET, [(X, Y + 5)], **GOOD), "batch 0: y: labels must lie in 0 to 1"),
    "stream_weight": (
        lambda: nnx.fit(NET, [(X, Y, -np.ones(20))], **GOOD),
        "batch 0: sample_weight must not be",
    ),
    "stream_sample_weight": (lambda: nnx.fit(NET, [(X, Y)], sample_weight=[1], **GOOD), "goes into the batches"),
    "stream_schedule": (
        lambda: nnx.fit(NET, [(X, Y)], optimizer=nnx.SGD(schedule=nnx.Cosine()), **GOOD),
        "steps is not known",
    ),
    "signs_for_bits": (lambda: nnx.fit(nnx.Dense(1), X, 2 * Y - 1, loss="binary_cross_entropy"), "from 0 to 1, got -1"),
    "negative_counts": (lambda: nnx.fit(nnx.Dense(1), X, Y - 1, loss="poisson"), "values from 0 to inf, got -1"),
    "not_probabilities": (lambda: nnx.fit(NET, X, np.ones((20, 2)), **GOOD), "must add up to 1"),
    "wide_weight": (lambda: nnx.fit(NET, X, Y, sample_weight=np.ones((20, 1)), **GOOD), "must have shape"),
    "validation_width": (lambda: nnx.fit(NET, X, Y, validation=(X[:, :1], Y), **GOOD), "validation: Dense"),
    "no_validation": (lambda: nnx.fit(NET, X, Y, early_stopping=nnx.EarlyStopping(), **GOOD), "needs validation=0.1"),
    "class_for_loss": (lambda: nnx.fit(NET, X, Y, loss=nnx.SquaredError), "loss must be a loss such as"),
    "number_for_optimizer": (
        lambda: nnx.fit(NET, X, Y, optimizer=0.1, **GOOD),
        "optimizer must be an optimizer such",
    ),
    "list_for_net": (lambda: nnx.fit([nnx.Dense(2)], X, Y, **GOOD), "net must be a layer such as"),
    "true_for_rule": (lambda: nnx.fit(NET, X, Y, early_stopping=True, **GOOD), "must be nnx.EarlyStopping"),
    "text_for_metrics": (lambda: nnx.fit(NET, X, Y, metrics="accuracy", **GOOD), "metrics must be a list"),
    "no_parameters": (lambda: nnx.fit(nnx.ReLU(), X, Y, **GOOD), "no parameters to train"),
    "member_rates": (
        lambda: nnx.fit(NET, X, Y, optimizer=nnx.SGD((0.1, 0.2)), **GOOD),
        "give the optimizer single",
    ),
    "population": (lambda: nnx.fit(NET, X, Y, params=nnx.init(NET, 2, seed=(1, 2)), **GOOD), "fit trains one network"),
    "ragged": (lambda: nnx.fit(NET, [[1.0], [1.0, 2.0]], [0, 1], **GOOD), "the rows have different lengths"),
    "module_backend": (lambda: nnx.fit(NET, X, Y, backend=np, **GOOD), "expected a name such as 'numpy'"),
    "key_seed": (lambda: nnx.key(-1), "seed must be an integer from 0"),
    "key_step": (lambda: nnx.key(0, 2**31), "step must be at most 2147483647"),
    "hidden": (lambda: nnx.mlp(5, 1), r"hidden must be widths such as \(128, 64\)"),
    "class_in_residual": (lambda: nnx.Residual(nnx.Dense), "must be a layer such as nnx.Dense"),
    "class_weights": (lambda: nnx.SoftmaxCrossEntropy(class_weight={"a": 1}), "must name the classes 0, 1"),
    "norm_width": (lambda: nnx.BatchNorm().evaluate(nnx.init(nnx.BatchNorm(), 3), X), r"expected \(rows, 3\)"),
    "mixed": (
        lambda: nnx.fit(NET, __import__("array_api_strict").asarray(X), Y, **GOOD),
        "mixed array libraries: x is",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(name):
    call, message = BAD[name]
    x, y = X.copy(), Y.copy()
    with np.errstate(all="ignore"), pytest.raises(nnx.NNXError, match=message) as error:
        call()
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200
    np.testing.assert_array_equal(X, x)
    np.testing.assert_array_equal(Y, y)


PARAMS = nnx.init(nnx.mlp((8,), 2), 2)
BAD_PARAMS = {
    "of another width": (nnx.mlp((16,), 2), PARAMS, r"params\['0.W'\] has shape \(2, 8\), the network needs \(2, 16\)"),
    "of more outputs": (nnx.mlp((8,), 3), PARAMS, r"params\['2.W'\] has shape \(8, 2\), the network needs \(8, 3\)"),
    "more than there are": (nnx.mlp((8,), 2), PARAMS | {"7.W": PARAMS["0.W"]}, "params has '7.W', which the network"),
    "one too few": (nnx.mlp((8,), 2), {"0.W": PARAMS["0.W"]}, "params lacks '0.b'; make them with nnx.init"),
    "a number": (nnx.mlp((8,), 2), 5, "params must be a dict of arrays such as fit.params, got int"),
}


@pytest.mark.parametrize("case", BAD_PARAMS)
def test_parameters_to_begin_with_are_those_of_the_network(case):
    net, params, text = BAD_PARAMS[case]
    x, y = spirals()
    with pytest.raises((nnx.ShapeError, nnx.SettingError), match=text):
        nnx.fit(net, x, y, params=params, **SETTINGS)


NOTHING_SILENT = {
    "params of text": (dict(params={"W": np.full((3, 2), "1"), "b": np.zeros(2)}), "expected real numbers, got text"),
    "params not finite": (
        dict(params={"W": np.full((3, 2), np.nan), "b": np.zeros(2)}),
        "6 values that are not finite",
    ),
    "a stream without weights": (dict(x=[(np.ones((4, 3)), [0, 1, 0, 1], np.zeros(4))], y=None), "0 in every batch"),
    "classes without weight": (
        dict(loss=nnx.SoftmaxCrossEntropy(class_weight=(0, 1)), y=[0, 0, 0, 0]),
        "together 0 in every",
    ),
    "a stream beyond float32": (
        dict(x=[(np.full((4, 3), 1e39), [0, 1, 0, 1])], y=None),
        "12 values that are not finite",
    ),
    "x and y swapped": (dict(x=[0.0, 1.0, 0.0, 1.0], y=np.ones((4, 3)), loss="squared_error"), "are they swapped?"),
    "a function without batches": (dict(x=lambda: None, y=None), "must return an iterator over batches"),
    "a metric of text": (dict(metrics=[lambda y, t: "a"], validation=0.5), "must return one number, got 'a'"),
    "a metric of several": (
        dict(metrics=[lambda y, t: y], validation=0.5),
        "must return one number, got an array of shape",
    ),
    "a metric beyond all": (dict(metrics=[lambda y, t: 10**400], validation=0.5), "must return one number"),
}


@pytest.mark.parametrize("name", NOTHING_SILENT)
def test_what_would_be_taken_silently_is_one_line(name):
    given, message = NOTHING_SILENT[name]
    settings = dict(x=np.ones((4, 3)), y=[0, 1, 0, 1], loss="softmax_cross_entropy", epochs=2) | given
    with pytest.raises(nnx.NNXError, match=message) as caught:
        nnx.fit(nnx.Dense(2), settings.pop("x"), settings.pop("y"), **settings)
    assert "\n" not in str(caught.value) and len(str(caught.value)) <= 200


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_numbers_beyond_float32_in_a_stream_are_named_and_nothing_else_is_said(name):
    pytest.importorskip(name)
    with pytest.raises(nnx.DataError, match="batch 0: x has 12 values that are not finite"), warnings.catch_warnings():
        warnings.simplefilter("error")
        nnx.fit(nnx.Dense(2), [(np.full((4, 3), 1e39), [0, 1, 0, 1])], loss="softmax_cross_entropy", backend=name)


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_a_stream_is_looked_at_in_every_epoch(name):
    pytest.importorskip(name)
    asked = []

    def source():
        asked.append(1)
        return [(np.ones((4, 3)), np.array([0, 1, 0, 1]) + (7 if len(asked) > 2 else 0))]

    with pytest.raises(nnx.DataError, match="batch 0: y: labels must lie in 0 to 1 for 2 outputs, got 8"):
        nnx.fit(nnx.Dense(2), source, loss="softmax_cross_entropy", epochs=4, backend=name)


@pytest.mark.parametrize("answer", [True, np.True_, np.asarray(True)])
def test_a_callback_that_is_true_in_any_library_stops(answer):
    fit = nnx.fit(
        nnx.Dense(2), np.ones((4, 3)), [0, 1, 0, 1], loss="softmax_cross_entropy", callbacks=[lambda r: answer]
    )
    assert fit.stopped == "callback" and len(fit.history["loss"]) == 1


def test_predict_asks_what_its_rows_are():
    params = nnx.init(nnx.Dense(2), 3)
    for x, message in ((np.ones((2, 3)) * 1j, "complex"), (np.ones((2, 3), "M8[s]"), "dates"), (None, "shape")):
        with pytest.raises(nnx.NNXError, match=message):
            nnx.predict(nnx.Dense(2), params, x)
    assert nnx.predict(nnx.Dense(2), params, [[1.0, 2.0, 3.0]]).shape == (1, 2)


def test_parameters_are_not_written_out_where_they_are_right():
    """Their text, of use to an error alone, takes longer than a small network takes to predict or to train."""
    written = []

    class Params(dict):
        def __repr__(self):
            written.append(True)
            return "parameters"

    x, y = spirals()
    params = Params(nnx.init(NET, x.astype("float32")))
    nnx.predict(NET, params, x.astype("float32"))
    nnx.fit(NET, x, y, loss="softmax_cross_entropy", epochs=1, params=params)
    nnx.Population([nnx.Member(NET, "softmax_cross_entropy", params=params)]).fit(x, y, epochs=1)
    assert not written
