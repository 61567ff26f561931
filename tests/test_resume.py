"""Resuming: a training that was interrupted, however, goes on to the same bits as one that was not."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import nnx
from nnx.training.population.lanes import Lanes


class Crash(Exception):
    pass


def data(rows=200, features=5):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features))
    return x, (x[:, 0] + 0.3 * rng.normal(size=rows) > 0).astype(int)


NETS = {
    "dense": nnx.mlp((8,), 2),
    "dropout and normalisation": nnx.Chain(nnx.Dense(8), nnx.ReLU(), nnx.Dropout(0.2), nnx.BatchNorm(), nnx.Dense(2)),
    "residual": nnx.Chain(nnx.Dense(6), nnx.Residual(nnx.Chain(nnx.Dense(6), nnx.Tanh())), nnx.Dense(2)),
}
OPTIMIZERS = {
    "momentum": nnx.Momentum(0.05),
    "adam": nnx.Adam(0.01),
    "adamw with cosine": nnx.AdamW(0.02, schedule=nnx.Cosine()),
    "clipped": nnx.ClipNorm(nnx.Adam(0.01), norm=0.5),
}
BASE = dict(loss="softmax_cross_entropy", optimizer=nnx.Adam(0.01), epochs=6, batch_size=32, seed=3)


def fit(net=NETS["dense"], xy=None, **settings):
    x, y = xy or data()
    return nnx.fit(net, x, y, **(BASE | settings))


def crash_in(epoch, path, *args, **settings):
    """A fit that writes a checkpoint after each epoch and crashes in this one, before it is written."""

    def callback(report):
        if report.epoch == epoch:
            raise Crash

    with pytest.raises(Crash):
        fit(*args, checkpoint=nnx.Checkpoint(path), callbacks=[callback], **settings)


def bits(tree):
    if isinstance(tree, dict):
        return {name: bits(part) for name, part in tree.items()}
    array = np.asarray(tree)
    return str(array.dtype), array.shape, array.tobytes()


def everything(fit):
    """All that two fits must share."""
    history = {k: v for k, v in fit.history.items() if k not in ("seconds", "samples_per_second")}
    return list(fit.params), bits(fit.params), bits(fit.state), history, fit.best_epoch, fit.stopped


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.safetensors"


BACKENDS = ["numpy", "torch", "jax"]


def need(backend):
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    return backend


ALL = [(net, optimizer) for net in NETS for optimizer in OPTIMIZERS]
SOME = [("dense", "clipped"), ("dropout and normalisation", "adamw with cosine"), ("residual", "momentum")]
TABLE = (
    [("numpy", *names) for names in ALL]
    + [("torch", *names) for names in SOME]
    + [("jax", *SOME[1])]  # it compiles each fit anew, for seconds
)


@pytest.mark.parametrize(("backend", "net", "optimizer"), TABLE)
def test_a_resumed_fit_ends_with_the_same_bits(backend, net, optimizer, path):
    settings = dict(backend=need(backend), optimizer=OPTIMIZERS[optimizer], validation=0.2, metrics=["accuracy"])
    settings |= dict(early_stopping=nnx.EarlyStopping(3), sample_weight=np.linspace(0.5, 2, 200))
    whole = fit(NETS[net], **settings)
    for epoch in (4,) if backend == "jax" else (1, 2, 5):  # JAX compiles each fit anew
        crash_in(epoch, path, NETS[net], **settings)
        assert nnx.load(path).about["checkpoint"]["epoch"] == epoch - 1
        assert everything(fit(NETS[net], resume=path, **settings)) == everything(whole)
    assert sorted(os.listdir(path.parent)) == [path.name, path.name + ".previous"]


def test_ctrl_c_in_the_epoch_in_which_early_stopping_ends_it(path):
    """What ends it is the rule: it is not gone on with."""
    settings = dict(epochs=60, optimizer=nnx.Adam(0.3), early_stopping=nnx.EarlyStopping(2, monitor="loss"))
    whole = fit(**settings)
    last = len(whole.history["epoch"])

    def press(report):
        if report.epoch == last:
            signal.raise_signal(signal.SIGINT)

    ended = fit(checkpoint=nnx.Checkpoint(path), callbacks=[press], **settings)
    assert whole.stopped == ended.stopped == "early stopping"
    assert everything(fit(resume=path, **settings)) == everything(whole)


def test_factors_in_another_order_are_other_settings(path):
    fit(rate_factors={"*.W": 0.1, "0.*": 1.0}, checkpoint=nnx.Checkpoint(path))
    with pytest.raises(nnx.SettingError, match="rate_factors is "):
        fit(rate_factors={"0.*": 1.0, "*.W": 0.1}, resume=path)


@nnx.register
@dataclass(frozen=True)
class Halves(nnx.Layer):
    """y = the first half of the features times the second."""

    def shapes(self, row):
        return {}, (row[0] // 2,)

    def init(self, features, draw):
        return {}, features // 2

    def evaluate(self, params, x, *, train=False, key=None):
        h = x.shape[-1] // 2
        return x[..., :h] * x[..., h : 2 * h], x

    def backprop(self, params, x, dy, *, need_dx=True):
        h = x.shape[-1] // 2
        rest = np.zeros_like(x[..., 2 * h :])
        return np.concatenate([dy * x[..., h : 2 * h], dy * x[..., :h], rest], axis=-1), {}


def test_a_checkpoint_knows_the_row_whatever_a_layer_makes_of_it(path):
    net = nnx.Chain(Halves(), nnx.Dense(2))
    whole = fit(net)
    crash_in(3, path, net)
    assert everything(fit(net, resume=path)) == everything(whole) and nnx.load(path).row == (5,)


def members_of(*names):
    """Two members for each network: two kinds of steps, or one."""
    return [
        nnx.Member(NETS[name], "softmax_cross_entropy", nnx.ClipNorm(nnx.Adam(0.01 * (k + 1)), 0.5), seed=k)
        for k in range(2)
        for name in names
    ]


TOGETHER = {
    "one run": (members_of("dense"), {}),
    "two runs": (members_of("dense", "dropout and normalisation"), {}),
    "two of one kind": (members_of("residual"), {"n_members_per_run": 1}),
    "an average that moves": (members_of("dropout and normalisation"), {"average": nnx.EMA(0.9)}),
    "a mean of epochs": (members_of("dense"), {"average": nnx.SWA(0.3)}),
    "parts and factors": (members_of("dense"), {"micro_batches": 3, "frozen": "0.b", "rate_factors": {"2.*": 0.5}}),
}
TABLE_TOGETHER = [("numpy", case) for case in TOGETHER]
TABLE_TOGETHER += [("torch", "two runs"), ("torch", "a mean of epochs"), ("jax", "a mean of epochs")]


@pytest.mark.parametrize(("backend", "case"), TABLE_TOGETHER)
def test_a_resumed_population_ends_with_the_same_bits(backend, case, path):
    """Whichever epoch of whichever run it crashed in; members that had stopped keep what they had."""
    members, more = TOGETHER[case]
    settings = dict(epochs=6, batch_size=32, validation=0.2, metrics=["accuracy"], backend=need(backend), **more)
    settings |= dict(early_stopping=nnx.EarlyStopping(2), sample_weight=np.linspace(0.5, 2, 200))
    whole = nnx.Population(members).fit(*data(), **settings)
    epochs = sum(max(len(whole[k].history["epoch"]) for k in numbers) for numbers, _ in whole.runs)
    for crash in sorted({1, 3, epochs - 1} if backend != "jax" else {3}):
        seen = []

        def callback(report, crash=crash, seen=seen):
            seen.append(report)
            if len(seen) == crash:
                raise Crash

        with pytest.raises(Crash):
            nnx.Population(members).fit(*data(), checkpoint=nnx.Checkpoint(path), callbacks=[callback], **settings)
        assert nnx.load(path).net in [member.net for member in members]
        resumed = nnx.Population(members).fit(*data(), resume=path, **settings)
        assert [everything(fit) for fit in resumed] == [everything(fit) for fit in whole]
        assert resumed.runs == whole.runs


def test_a_resumed_population_knows_what_members_that_stopped_have_cost(path, monkeypatch):
    members = [nnx.Member(NETS["dense"], "softmax_cross_entropy", nnx.SGD(rate)) for rate in (0.0, 0.05)]
    settings = dict(epochs=8, batch_size=32, early_stopping=nnx.EarlyStopping(2, "loss"))
    spare, idle = Lanes.spare, []
    monkeypatch.setattr(Lanes, "spare", lambda self, *given: spare(self, *given) or idle.append(self.idle))

    def callback(report):
        if report.epoch == 6:
            raise Crash

    with pytest.raises(Crash):
        nnx.Population(members).fit(*data(), checkpoint=nnx.Checkpoint(path), callbacks=[callback], **settings)
    nnx.Population(members).fit(*data(), resume=path, **settings)
    nnx.Population(members).fit(*data(), **settings)
    whole = idle[-8:]
    assert idle[:-8] == [*whole[:6], *whole[5:]] and 0 == whole[1] < whole[5] < whole[7]


def test_a_population_that_ctrl_c_ended_is_gone_on_with(path):
    members, _ = TOGETHER["two runs"]
    settings = dict(epochs=6, batch_size=32)
    whole = nnx.Population(members).fit(*data(), **settings)
    pressed = []

    def press(report):
        if report.epoch == 3 and not pressed:
            pressed.append(1)
            signal.raise_signal(signal.SIGINT)

    ended = nnx.Population(members).fit(*data(), checkpoint=nnx.Checkpoint(path), callbacks=[press], **settings)
    assert {fit.stopped for fit in ended} == {"interrupted"} and len(ended) == 4
    resumed = nnx.Population(members).fit(*data(), resume=path, checkpoint=nnx.Checkpoint(path), **settings)
    assert [everything(fit) for fit in resumed] == [everything(fit) for fit in whole]
    again = nnx.Population(members).fit(*data(), resume=path, **settings)  # of a finished one: nothing is left to do
    assert [everything(fit) for fit in again] == [everything(fit) for fit in whole]


OTHERS = {
    "another member": (lambda: members_of("residual"), {}, "member 0 is Chain"),
    "more members": (lambda: members_of("dense") * 2, {}, "members is 4, in the checkpoint it is 2"),
    "more epochs": (lambda: members_of("dense"), {"epochs": 9}, "epochs is 9, in the checkpoint it is 3"),
    "an average": (lambda: members_of("dense"), {"average": nnx.EMA()}, "average is EMA, in the checkpoint it is none"),
    "parts": (lambda: members_of("dense"), {"micro_batches": 2}, "micro_batches is 2, in the checkpoint it is none"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_population_with_other_settings_is_refused(case, path):
    settings = dict(epochs=3, batch_size=32)
    nnx.Population(members_of("dense")).fit(*data(), checkpoint=nnx.Checkpoint(path), **settings)
    members, more, text = OTHERS[case]
    with pytest.raises(nnx.SettingError, match=text):
        nnx.Population(members()).fit(*data(), resume=path, **(settings | more))


def test_one_network_and_a_population_do_not_go_on_from_each_other(path):
    nnx.Population(members_of("dense")).fit(*data(), epochs=2, checkpoint=nnx.Checkpoint(path))
    with pytest.raises(nnx.SettingError, match="safetensors: a checkpoint of a population, from which"):
        fit(resume=path)
    fit(checkpoint=nnx.Checkpoint(path))
    with pytest.raises(nnx.SettingError, match="safetensors: a checkpoint of one network, from which"):
        nnx.Population(members_of("dense")).fit(*data(), epochs=2, resume=path)


@pytest.mark.parametrize("average", [nnx.EMA(0.9), nnx.SWA(0.3)])
def test_averages_are_gone_on_with(average, path):
    settings = dict(net=NETS["dropout and normalisation"], average=average, validation=0.2)
    whole = fit(**settings)
    for epoch in (1, 3, 5):
        crash_in(epoch, path, **settings)
        assert everything(fit(resume=path, **settings)) == everything(whole)


def test_early_stopping_counts_the_epochs_before(path):
    settings = dict(
        net=nnx.mlp((64,), 2), xy=(data()[0], np.random.default_rng(0).integers(0, 2, 200)), epochs=60,
        optimizer=nnx.Adam(0.02), validation=data(), early_stopping=nnx.EarlyStopping(4), dtype="float64",
    )  # fmt: skip
    whole = fit(**settings)
    assert whole.stopped == "early stopping"
    last = len(whole.history["loss"])
    for epoch in (last - 1, last):
        crash_in(epoch, path, **settings)
        assert everything(fit(resume=path, **settings)) == everything(whole)
    fit(checkpoint=nnx.Checkpoint(path), **settings)
    again = fit(resume=path, **settings)  # of a finished one: nothing is left to do
    assert everything(again) == everything(whole) and again.execution == whole.execution


@pytest.mark.parametrize("mode", ["always", "never", "auto"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_steps_are_compiled_again_if_they_were(backend, mode, path, monkeypatch):
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    from nnx.backends.native import loop

    monkeypatch.setenv("NNX_COMPILE", mode)
    monkeypatch.setattr(loop, "COMPILING", 5e-6)  # 36 steps are then worth compiling; those left, and last ones, not
    settings = dict(backend=need(backend), net=NETS["dropout and normalisation"])
    whole = fit(**settings)
    crash_in(5, path, **settings)
    resumed = fit(resume=path, **settings)
    assert everything(resumed) == everything(whole) and resumed.execution == whole.execution
    assert ("compiled" in whole.execution) == (mode != "never")


def test_a_choice_that_was_made_is_kept(path, monkeypatch):
    """Which steps are compiled may depend on how fast a stream was: the checkpoint decides."""
    pytest.importorskip("llvmlite", reason="llvmlite is not installed")
    from nnx.backends.native import loop

    monkeypatch.setattr(loop, "is_worth_it", lambda *_: True)
    whole = fit()
    crash_in(3, path)
    monkeypatch.setattr(loop, "is_worth_it", lambda *_: False)
    resumed = fit(resume=path)
    assert everything(resumed) == everything(whole) and resumed.execution == "recorded and compiled"


class Stream:
    """Batches in another order each epoch; it counts what it is asked for."""

    def __init__(self):
        self.epoch, self.calls = 0, 0

    def set_epoch(self, number):
        self.epoch = number

    def __call__(self):
        self.calls += 1
        x, y = data()
        order = np.random.default_rng(self.epoch).permutation(200)
        yield from ((x[rows], y[rows]) for rows in np.split(order, [32, 64, 96, 128, 160, 192]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stream_is_told_the_epoch(backend, path):
    settings = dict(net=NETS["dense"], backend=need(backend))
    whole = fit(xy=(Stream(), None), **settings)
    crash_in(4, path, xy=(Stream(), None), **settings)
    stream = Stream()
    assert everything(fit(xy=(stream, None), resume=path, **settings)) == everything(whole)
    assert stream.calls == 1 + 3 and stream.epoch == 6  # a trial, and epochs 4 to 6


def test_a_memory_mapped_file_is_read_on(path, tmp_path):
    x, y = data()
    np.save(tmp_path / "x.npy", x)
    xy = np.load(tmp_path / "x.npy", mmap_mode="r"), y
    whole = fit(xy=xy, validation=0.2)
    crash_in(3, path, xy=xy, validation=0.2)
    assert everything(fit(xy=xy, validation=0.2, resume=path)) == everything(whole)


def test_own_starting_weights_keep_their_order(path):
    settings = dict(optimizer=OPTIMIZERS["clipped"])
    start = dict(reversed(nnx.init(NETS["dense"], 5, seed=1).items()))
    whole = fit(params=start, **settings)
    crash_in(3, path, params=start, **settings)
    assert everything(fit(resume=path, **settings)) == everything(whole)


def test_ctrl_c_leaves_the_last_whole_epoch(path):
    whole, seen = fit(epochs=8), []

    def metric(y, target):
        seen.append(1)
        if len(seen) == 4:
            signal.raise_signal(signal.SIGINT)  # in the validation of epoch 4: noticed after a batch of epoch 5
        return 0.0

    settings = dict(epochs=8, validation=data(50), metrics=[metric], checkpoint=nnx.Checkpoint(path, every=100))
    stopped = fit(**settings)
    assert stopped.stopped == "interrupted" and stopped.history["epoch"] == [1, 2, 3, 4]
    assert nnx.load(path).about["checkpoint"]["epoch"] == 4
    resumed = fit(**settings | {"checkpoint": None, "resume": path})
    assert bits(resumed.params) == bits(whole.params) and resumed.history["loss"] == whole.history["loss"]


def test_ctrl_c_in_an_epoch_goes_back_to_the_one_before(path):
    class Slow(Stream):
        def __call__(self):
            for number, batch in enumerate(super().__call__()):
                if self.epoch == 3 and number == 4 and armed:
                    armed.clear()
                    signal.raise_signal(signal.SIGINT)
                yield batch

    armed = [1]
    stopped = fit(xy=(Slow(), None), checkpoint=nnx.Checkpoint(path, every=100))
    assert stopped.stopped == "interrupted" and stopped.history["epoch"] == [1, 2, 3]
    assert nnx.load(path).about["checkpoint"]["epoch"] == 2
    assert everything(fit(xy=(Stream(), None), resume=path)) == everything(fit(xy=(Stream(), None)))


def test_checkpoints_come_after_so_many_epochs(path):
    found = []
    fit(epochs=7, checkpoint=nnx.Checkpoint(path, every=3), callbacks=[lambda r: found.append(epoch_of(path)) and None])
    assert found == [0, 0, 0, 3, 3, 3, 6] and epoch_of(path) == 6
    assert epoch_of(f"{path}.previous") == 3
    fit(epochs=3, checkpoint=nnx.Checkpoint(path, seconds=100.0))
    assert epoch_of(path) == 0 and not os.path.exists(f"{path}.previous")


def epoch_of(path):
    return nnx.load(path).about["checkpoint"]["epoch"]


@pytest.mark.parametrize("damage", ["cut", "garbage", "gone"])
def test_a_broken_checkpoint_falls_back_on_the_one_before(damage, path):
    whole = fit()
    crash_in(5, path)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-9] if damage == "cut" else b"garbage garbage garbage")
    with pytest.warns(UserWarning, match=r"going on from .*previous, epoch 3$"):
        resumed = fit(resume=path, checkpoint=nnx.Checkpoint(path))
    assert everything(resumed) == everything(whole)
    assert epoch_of(path) == 6 and epoch_of(f"{path}.previous") == 5


def test_without_any_checkpoint_it_is_an_error(path):
    with pytest.raises(nnx.ModelFileError, match="cannot be read"):
        fit(resume=path)
    nnx.save(path, nnx.Dense(2), nnx.init(nnx.Dense(2), 3))
    with pytest.raises(nnx.ModelFileError, match="a model, but not a checkpoint"):
        fit(resume=path)


def test_a_checkpoint_is_a_model(path):
    x, _ = data()
    early = dict(validation=0.2, early_stopping=nnx.EarlyStopping(50))
    whole = fit(checkpoint=nnx.Checkpoint(path), **early)
    np.testing.assert_array_equal(nnx.load(path).predict(x), whole.predict(x))


OTHER = {
    "epochs": dict(epochs=7), "batch_size": dict(batch_size=16), "seed": dict(seed=4), "shuffle": dict(shuffle=False),
    "dtype": dict(dtype="float64"), "rows": dict(xy=data(199)), "net.layers.0.units": dict(net=nnx.mlp((9,), 2)),
    "net.layers": dict(net=nnx.mlp((8, 8), 2)),
    "loss.label_smoothing": dict(loss=nnx.SoftmaxCrossEntropy(label_smoothing=0.1)),
    "optimizer": dict(optimizer=nnx.AdamW(0.01)), "optimizer.rate": dict(optimizer=nnx.Adam(0.011)),
    "validation": dict(validation=data(10)), "early_stopping": dict(early_stopping=nnx.EarlyStopping(monitor="loss")),
    "columns of x": dict(xy=data(200, 6)), "sample_weight": dict(sample_weight=np.ones(200)),
    r"data \(first row\)": dict(xy=(data()[0] + 1.0, data()[1])),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_other_settings_are_refused(name, path):
    crash_in(2, path)
    with pytest.raises(nnx.SettingError, match=f"^resume: {name} is .*, in the checkpoint it is .*") as error:
        fit(resume=path, **OTHER[name])
    assert "\n" not in str(error.value) and len(str(error.value)) <= 200


def test_other_libraries_and_threads_go_on_with_a_warning(path, monkeypatch):
    from nnx.backends import numpy as host

    whole = fit()
    crash_in(3, path)
    with pytest.warns(UserWarning, match="^resume is not bit-exact: backend is torch.*in the checkpoint it is numpy$"):
        other = fit(resume=path, backend=need("torch"))
    np.testing.assert_allclose(other.history["loss"], whole.history["loss"], rtol=1e-4)
    monkeypatch.setattr(host, "threads", lambda: 99)
    with pytest.warns(UserWarning, match="^resume is not bit-exact: threads is 99, in the checkpoint it is"):
        fit(resume=path)


def test_a_layer_of_ones_own_is_refused_before_anything_is_trained(path):
    class Own(nnx.Dense):
        pass

    with pytest.raises(nnx.ModelFileError, match="Own is not one of nnx's own"):
        fit(Own(2), checkpoint=nnx.Checkpoint(path))


def test_settings_of_a_checkpoint_are_checked(path):
    with pytest.raises(nnx.SettingError, match="every must be at least 1, got 0"):
        nnx.Checkpoint(path, every=0)
    with pytest.raises(nnx.SettingError, match="checkpoint must be nnx"):
        fit(checkpoint=path)


def kills(*arguments):
    """What `kills.py` prints: NumPy with one thread, a process that may fork."""
    folder = Path(__file__).parent
    environment = os.environ | {
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(folder.parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, folder / "kills.py", *map(str, arguments)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return list(map(int, done.stdout.split()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by fork")
def test_killed_at_any_point_of_writing_a_checkpoint_it_goes_on_to_the_same_bits(tmp_path):
    runs, faults = kills("points", tmp_path, os.environ.get("NNX_KILLS", ""))
    assert faults == 0 and runs >= 25


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills by fork")
def test_killed_at_any_time_it_goes_on_to_the_same_bits(tmp_path):
    runs, killed, faults = kills("random", tmp_path, int(os.environ.get("NNX_KILLS", "20")))
    assert faults == 0 and killed >= runs // 2
