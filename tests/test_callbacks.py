"""What callbacks write, and what a person sees, while a network trains."""

import csv
import io
import json
import math
import sys
import types

import numpy as np
import pytest

import nnx
from nnx.training import Report
from nnx.training.callbacks import tags

X = np.random.default_rng(0).normal(size=(60, 3))
Y = (X[:, 0] > 0).astype(int)


def report(epoch, **figures):
    return Report(epoch, 3, figures, {})


def train(*callbacks, epochs=3):
    net = nnx.mlp((4,), 2)
    return nnx.fit(
        net,
        X,
        Y,
        loss="softmax_cross_entropy",
        epochs=epochs,
        validation=0.2,
        metrics=["accuracy"],
        callbacks=callbacks,
    )


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_csv_file_holds_the_history(tmp_path):
    fit = train(nnx.CSVLogger(tmp_path / "m.csv"))
    found = rows(tmp_path / "m.csv")
    assert list(found[0]) == list(fit.history)
    assert {k: [float(r[k]) for r in found] for k in fit.history} == fit.history


def test_json_lines_hold_the_history(tmp_path):
    fit = train(nnx.JSONLinesLogger(tmp_path / "m.jsonl"))
    found = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert {k: [r[k] for r in found] for k in fit.history} == fit.history


@pytest.mark.parametrize("logger", [nnx.CSVLogger, nnx.JSONLinesLogger])
def test_each_row_is_whole_in_the_file_when_the_callback_returns(tmp_path, logger):
    path = tmp_path / "log"
    callback = logger(path)
    for epoch in (1, 2):
        callback(report(epoch, loss=0.5))
        text = path.read_text()
        assert text.endswith("\n") and len(text.splitlines()) == epoch + (logger is nnx.CSVLogger)


@pytest.mark.parametrize("logger", [nnx.CSVLogger, nnx.JSONLinesLogger])
def test_a_file_is_overwritten_unless_it_is_to_be_continued(tmp_path, logger):
    path, head = tmp_path / "log", logger is nnx.CSVLogger
    for append, lines in ((False, 1), (True, 2), (False, 1)):
        logger(path, append=append)(report(1, loss=0.5))
        assert len(path.read_text().splitlines()) == lines + head


@pytest.mark.parametrize("logger", [nnx.CSVLogger, nnx.JSONLinesLogger])
def test_a_row_that_was_cut_off_does_not_spoil_the_next(tmp_path, logger):
    path = tmp_path / "log"
    logger(path)(report(1, loss=0.5))
    path.write_text(path.read_text() + ("2" if logger is nnx.CSVLogger else '{"epo'))
    logger(path, append=True)(report(2, loss=0.25))
    assert "0.25" in path.read_text().splitlines()[-1]
    if logger is nnx.CSVLogger:
        assert rows(path)[-1] == {"epoch": "2", "loss": "0.25"}


def test_a_figure_that_appears_later_gets_a_column_of_its_own(tmp_path):
    path = tmp_path / "m.csv"
    callback = nnx.CSVLogger(path)
    callback(report(1, loss=1.0))
    callback(report(2, loss=0.5, extra=7.0))
    callback(report(3, loss=0.25))
    assert [r["extra"] for r in rows(path)] == ["", "7.0", ""] and [r["loss"] for r in rows(path)] == [
        "1.0",
        "0.5",
        "0.25",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["m.csv"]
    nnx.CSVLogger(path, append=True)(report(4, other=1.0))
    assert rows(path)[-1] == {"epoch": "4", "loss": "", "extra": "", "other": "1.0"}


def test_what_is_not_finite_is_null_in_json_and_nan_in_csv(tmp_path):
    for logger, name in ((nnx.CSVLogger, "m.csv"), (nnx.JSONLinesLogger, "m.jsonl")):
        logger(tmp_path / name)(report(1, loss=math.nan, rate=math.inf))
    assert json.loads((tmp_path / "m.jsonl").read_text()) == {"epoch": 1, "loss": None, "rate": None}
    assert rows(tmp_path / "m.csv") == [{"epoch": "1", "loss": "nan", "rate": "inf"}]


@pytest.mark.parametrize("logger", [nnx.CSVLogger, nnx.JSONLinesLogger])
def test_a_path_that_cannot_be_written_is_one_line_before_training(tmp_path, logger):
    with pytest.raises(nnx.DataError, match="cannot be written"):
        logger(tmp_path / "nowhere" / "m")


def test_a_csv_of_something_else_is_not_continued(tmp_path):
    (tmp_path / "m.csv").write_text("a,b\n1,2\n")
    with pytest.raises(nnx.DataError, match="column 'epoch'"):
        nnx.CSVLogger(tmp_path / "m.csv", append=True)


def test_training_and_validation_share_a_chart():
    found = tags({"loss": 1.0, "validation_loss": 2.0, "validation_accuracy": 0.5, "rate": 0.1})
    names = ["loss/training", "loss/validation", "accuracy/validation", "progress/rate"]
    assert found == dict(zip(names, (1.0, 2.0, 0.5, 0.1), strict=True))


def test_tensorboard_files_hold_the_history(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    from tensorboardX.proto.event_pb2 import Event

    with nnx.TensorBoardLogger(tmp_path) as callback:
        fit = train(callback)
        (file,) = tmp_path.iterdir()
        data, found = file.read_bytes(), {}  # before it is closed
    while data:  # a record: its length in 8 bytes, 4 of a checksum, the event, 4 of a checksum
        size = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + size])
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
        data = data[16 + size :]
    assert [step for step, _ in found["loss/training"]] == [1, 2, 3]
    assert [v for _, v in found["loss/training"]] == pytest.approx(fit.history["loss"], rel=1e-6)
    assert [v for _, v in found["accuracy/validation"]] == pytest.approx(fit.history["validation_accuracy"], rel=1e-6)


def test_two_loggers_in_one_folder_do_not_disturb_each_other(tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    for _ in range(2):
        with nnx.TensorBoardLogger(tmp_path) as callback:
            callback(report(1, loss=0.5))
    assert len(list(tmp_path.iterdir())) == 2


# ---- the live table


def shown(width, epochs=20, done=12, first=60.0):
    import rich.console as rich

    from nnx.training.progress import picture

    rows = [
        {"epoch": i, "loss": 1 / i, "validation_loss": 1 + (i - 5) ** 2, "validation_accuracy": 0.5, "rate": 1e-3,
         "samples_per_second": 12345.0, "seconds": 1.0}
        for i in range(1, done + 1)
    ]  # fmt: skip
    console = rich.Console(file=io.StringIO(), width=width)
    console.print(picture(rows, epochs, first + 60.0 * (done - 1), first, width))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_live_table_shows_the_last_ten_epochs_and_the_time_left():
    lines = shown(100)
    assert lines[0].split("  ")[0] == "epoch" and "val. accuracy" in lines[0] and "samples/s" in lines[0]
    assert [line.split()[0] for line in lines[1:11]] == [str(i) for i in range(3, 13)]
    assert lines[11].endswith("12/20  8:00 left  best val. loss: epoch 5")
    assert len({len(line) for line in lines[:11]}) == 1  # the columns end where their heads end
    assert shown(100, epochs=12)[-1].endswith("12/12  12:00 in all  best val. loss: epoch 5")


def test_the_time_left_is_that_of_the_epochs_after_the_first_which_compiled():
    assert "1/20" in shown(100, done=1, first=1000.0)[-1] and "left" not in shown(100, done=1, first=1000.0)[-1]
    assert "2/20  18:00 left" in shown(100, done=2, first=1000.0)[-1]


def test_that_a_step_is_compiled_is_told_before_the_first_epoch():
    from nnx.backends.base import compiling
    from nnx.training.progress import progress

    stream = io.StringIO()
    with progress(3, True, stream) as show:
        compiling(0.5)
        compiling(4.6)
        compiling(3.0)
        show(report(1, loss=0.5, rate=0.1, samples_per_second=10.0))
    compiling(4.6)
    assert stream.getvalue() == "compiling the step: about 5 s\nepoch 1/3  loss 0.5  rate 0.1  10 samples/s\n"


def test_a_notebook_gets_one_line_that_is_updated(monkeypatch, capsys):
    from nnx.training.progress import bar, progress

    shown = []

    class Handle:
        def update(self, data, *, raw):
            shown[-1].append(data["text/plain"])

    def display(data, *, raw, display_id):
        shown.append([data["text/plain"]])
        return Handle()

    shell = types.SimpleNamespace(kernel=None)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    with progress(3, True) as show:
        for epoch in (1, 2):
            show(report(epoch, loss=0.5, rate=0.1, samples_per_second=10.0))
    with bar(2, "networks", True) as more:
        more(1)
        more(1)
    assert [[line.split("  ")[0] for line in cell] for cell in shown] == [
        ["epoch 1/3", "epoch 2/3"],
        ["networks 1/2", "networks 2/2"],
    ]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("width", [100, 60, 40, 24])
def test_on_a_narrow_terminal_what_matters_least_is_left_out(width):
    lines = shown(width)
    assert all(len(line) <= width for line in lines) and len(lines) == 12
    assert "loss" in lines[0] and "12/20" in lines[-1]
    assert ("samples/s" in lines[0]) == (width >= 60)


@pytest.mark.parametrize("variable, value", [("TERM", "dumb"), ("CI", "1")])
def test_a_terminal_that_cannot_move_its_cursor_gets_plain_lines(monkeypatch, variable, value):
    from nnx.training.progress import progress

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv(variable, value)
    stream = Terminal()
    with progress(3, True, stream) as show:
        show(report(1, loss=0.5, rate=0.1, samples_per_second=10.0))
    assert stream.getvalue() == "epoch 1/3  loss 0.5  rate 0.1  10 samples/s\n"


# ---- examples


def test_the_examples_of_trackers_send_every_figure_of_every_epoch(monkeypatch):
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    import sys
    from types import SimpleNamespace

    from test_examples import example

    sent = []
    run = SimpleNamespace(log=lambda figures, step: sent.append((step, figures["loss"])))
    wandb = example("track_with_wandb")
    fit = wandb.train(2, wandb.wandb_callback(run))
    stand_in = SimpleNamespace(log_metrics=run.log, log_params=lambda settings: None)
    monkeypatch.setitem(sys.modules, "mlflow", stand_in)
    example("track_with_mlflow").train(2)
    assert sent == [(i + 1, loss) for i, loss in enumerate(fit.history["loss"])] * 2
