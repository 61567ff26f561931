"""Several networks trained by the command: one model, whose networks each hold out rows of their own."""

import csv
import json
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

import nnx as library
from nnx.cli.config import resolve
from nnx.tabular.model import trained
from nnx.tabular.prepare import fold, prepare
from nnx.tabular.recipe import settled
from nnx.tabular.training import train
from nnx.training.population.members import Members

TRAIN = ["train", "data.csv", "--target", "y", "--hidden", "8", "--epochs", "6", "--no-early-stopping"]
TRAIN += ["--checkpoint-every", "1", "--members", "3", "--validation", "0.1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    table(80)
    return tmp_path


def table(rows, words=("yes", "no")):
    """data.csv: two numbers, and a class of the words, which take turns where they are more than two."""
    x = np.random.default_rng(0).normal(size=(rows, 2))
    kinds = [words[int(a > b)] if len(words) == 2 else words[i % len(words)] for i, (a, b) in enumerate(x)]
    with open("data.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "y"], *((*row, kind) for row, kind in zip(x, kinds, strict=True))])


def metrics(run="run"):
    with open(f"{run}/metrics.csv", newline="") as file:
        times = ("seconds", "samples_per_second")
        return [{name: v for name, v in row.items() if name not in times} for row in csv.DictReader(file)]


def during(monkeypatch, number, act):
    """Members.epoch, with `act` called before the epoch of this number, and its figures given to what it returns."""
    real = Members.epoch

    def epoch(self, at, live, interrupt):
        after = act() if at == number else None
        figures, ruined = real(self, at, live, interrupt)
        return after(figures, ruined) if after else (figures, ruined)

    monkeypatch.setattr(Members, "epoch", epoch)


def losing(*members):
    """The loss of these networks becomes infinite."""

    def after(figures, ruined):
        return {k: own | ({"loss": np.inf} if k in members else {}) for k, own in figures.items()}, ruined

    return lambda: after


def interrupting():
    signal.raise_signal(signal.SIGINT)


def test_the_model_and_its_figures_are_the_means_of_networks_that_hold_out_rows_of_their_own(nnx):
    code, out, err = nnx(*TRAIN, "--set", "training.calibrate=false", "--out", "run")
    assert code == 0 and err == "" and "3 networks 8-8-2 relu, adamw at" in out and "58 train, 6 validation" in out
    config = tomllib.loads(Path("run/config.toml").read_text())
    assert config["training"]["members"] == 3 and config["data"]["validation"] == 0.1
    assert "8 - 8 - 2, 3 of them: the mean of what they predict" in Path("run/README.md").read_text()

    config = resolve("run/config.toml", (), {})
    prepared = prepare(config, lambda text: None)
    config = settled(config, prepared)
    fold(prepared, config)
    fits = train(config, prepared, library.backend("numpy", "float32"))
    x, _ = prepared.test
    model = library.load("run/best.safetensors")
    assert model.net == library.Ensemble(fits[0].net, 3) and model.loss == library.EnsembleLoss(fits[0].loss, 3)
    np.testing.assert_allclose(model.predict(x), np.mean([fit.predict(x) for fit in fits], axis=0), atol=1e-6)
    for name in ("loss", "validation_loss", "validation_accuracy"):
        means = np.mean([fit.history[name] for fit in fits], axis=0)
        assert [float(row[name]) for row in metrics()] == pytest.approx(means.tolist())
    held = [own.held for own in prepared.folds]
    assert len(set(np.concatenate(held))) == sum(map(len, held)) == 18
    assert len(trained(config, prepared, fits).held.rows) == 18


def test_every_command_takes_such_a_run(nnx, pictures):
    pytest.importorskip("onnx", reason="onnx is not installed")
    assert nnx(*TRAIN, "--out", "run", "-q")[0] == 0
    words, truth = nnx("predict", "run", "data.csv")[1].split()[1:], Path("data.csv").read_text().split()[1:]
    right = [word == row.rpartition(",")[2] for word, row in zip(words, truth, strict=True)]
    assert json.loads(nnx("evaluate", "run", "data.csv", "--json")[1])["accuracy"] == pytest.approx(np.mean(right))
    rows = list(csv.DictReader(nnx("predict", "run", "data.csv", "--proba")[1].splitlines()))
    assert [sum(map(float, row.values())) for row in rows] == pytest.approx([1.0] * 80, abs=1e-6)
    code, out, _ = nnx("inspect", "run")
    assert code == 0 and "Ensemble(Chain(Dense(8)" in out and ", 3)" in out and "EnsembleLoss" in out
    assert nnx("export", "run", "run.onnx")[0] == 0
    code, out, _ = nnx("plot", "run", "--data", "data.csv")
    assert code == 0 and len(out.split()) == 3
    page = Path("run/report.html").read_text()
    assert (
        "8 - 8 - 2, 3 of them" in page and "in the mean over 3 networks" in page and "middle one of the epochs" in page
    )


def test_a_dry_run_tells_of_all_networks(nnx):
    _, out, _ = nnx(*TRAIN, "--dry-run")
    assert "58 train, 6 validation, 16 test" in out
    assert "3 networks 8-8-2" in out and "parameters  90 in each of 3 networks" in out
    one, three = (json.loads(nnx(*TRAIN, "--dry-run", "--json", "--members", k)[1]) for k in (1, 3))
    assert (one["networks"], three["networks"]) == (1, 3) and three["memory_bytes"] > one["memory_bytes"]


@pytest.mark.parametrize("at", [1, 3])
def test_ctrl_c_leaves_a_model_and_is_gone_on_with_to_the_same_bits(nnx, monkeypatch, at):
    assert nnx(*TRAIN, "--out", "whole", "-q")[0] == 0
    with monkeypatch.context() as patched:
        during(patched, at, interrupting)
        code, out, _ = nnx(*TRAIN, "--out", "run")
    assert code == 130 and "go on with: nnx resume run" in out and len(metrics()) == at
    assert nnx("predict", "run", "data.csv")[0] == 0
    code, out, err = nnx("resume", "run")
    assert code == 0 and err == "" and "test accuracy" in out
    assert metrics() == metrics("whole")
    a, b = (library.load(f"{name}/best.safetensors").params for name in ("run", "whole"))
    assert all(p.tobytes() == b[name].tobytes() for name, p in a.items())


def test_time_that_is_over_before_the_first_batch_leaves_a_model(nnx):
    code, _, err = nnx(*TRAIN, "--max-time", "0.001s", "--out", "run", "-q")
    result = tomllib.loads(Path("run/config.toml").read_text())["result"]
    assert code == 0 and err == "" and result["stopped"] == "time" and len(metrics()) == 1
    assert library.load("run/best.safetensors").net.members == 3
    assert nnx("predict", "run", "data.csv")[0] == 0


def test_a_network_that_is_lost_is_left_out_of_model_and_figures(nnx, monkeypatch):
    during(monkeypatch, 3, losing(1))
    code, out, err = nnx(*TRAIN, "--out", "whole")
    assert code == 0 and err.count("\n") == 1 and "test accuracy" in out
    assert "the loss is not finite in epoch 3 of 1 of 3 networks: the others are the model; lower the rate" in err
    assert library.load("whole/best.safetensors").net.members == 2
    assert len(metrics("whole")) == 6 and all(float(row["loss"]) < 9 for row in metrics("whole"))
    assert "2 of them" in Path("whole/README.md").read_text()
    with monkeypatch.context() as patched:
        during(patched, 5, interrupting)
        assert nnx(*TRAIN, "--out", "run", "-q")[0] == 130
    code, _, err = nnx("resume", "run", "-q")
    assert code == 0 and "of 1 of 3 networks" in err and metrics() == metrics("whole")


def test_where_all_networks_are_lost_the_last_good_weights_are_kept_or_nothing(nnx, monkeypatch):
    for epoch in (3, 1):
        with monkeypatch.context() as patched:
            during(patched, epoch, losing(0, 1, 2))
            code, _, err = nnx(*TRAIN, "--out", f"run{epoch}", "-q")
        assert code == 1 and err.count("\n") == 1 and "not finite" in err
    assert nnx("predict", "run3", "data.csv")[0] == 0
    assert nnx("predict", "run1", "data.csv")[0] == 3


def test_without_test_rows_the_rows_that_each_network_held_out_are_scored(nnx):
    code, out, _ = nnx(*TRAIN, "--test", 0, "--out", "run")
    assert code == 0 and out.splitlines()[-2].startswith("validation accuracy")
    _, out, _ = nnx(*TRAIN, "--test", 0, "--validation", 0, "--out", "none", "--json")
    assert not [name for name in json.loads(out.splitlines()[-1]) if "accuracy" in name]
    assert "validation_loss" not in metrics("none")[0] and "validation_loss" in metrics()[0]


@pytest.mark.parametrize("rows", [3, 9])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_tables_of_few_rows(nnx, rows, task):
    table(rows, words=[str(n) for n in range(rows)] if task == "regression" else ["a"] * (rows - 1) + ["b"])
    for more in ([], ["--test", "0"], ["--test", "0", "--validation", "0"]):
        words = [w for w in TRAIN if w != "--no-early-stopping"]
        code, _, err = nnx(*words, "--task", task, "--out", "run", "--force", "-q", *more)
        assert code == 0 and err == "", (rows, task, more, err)
        assert nnx("predict", "run", "data.csv")[1].count("\n") == rows + 1


def test_a_table_in_blocks_trains_one(nnx):
    blocks = [*TRAIN[:-4], "--memory", "1KB", "--out", "run", "-q"]
    assert nnx(*blocks)[0] == 0 and isinstance(library.load("run/best.safetensors").net, library.Chain)
    assert tomllib.loads(Path("run/config.toml").read_text())["training"]["members"] == 1
    code, _, err = nnx(*blocks, "--force", "--members", 3)
    assert code == 2 and "members = 3: a table read in blocks trains one" in err
    code, _, err = nnx(*TRAIN, "--members", 1001)
    assert code == 2 and "members must be at most 1000" in err


def test_the_best_of_a_search_is_trained_as_several_networks(nnx):
    search = ["search", *TRAIN[1:-4], "--grid", "preset=fast,default", "--cv", 2]
    assert nnx(*search, "--out", "run", "-q")[0] == 0
    config = tomllib.loads(Path("run/config.toml").read_text())["training"]
    net = library.load("run/best.safetensors").net
    assert getattr(net, "members", 1) == config["members"] == (2 if config["preset"] == "fast" else 5)
