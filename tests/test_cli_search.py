"""`nnx search`: candidates on folds are the networks `nnx.fit` would train, in order; the best becomes a run folder."""

import csv
import json
import os
import signal
import tomllib

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("sklearn", reason="scikit-learn is not installed")

import nnx as library
from nnx.cli.candidates import kinds
from nnx.cli.config import resolve
from nnx.cli.grid import candidates, parameters, shown
from nnx.cli.ranking import Candidate
from nnx.tabular.folds import folds_of
from nnx.tabular.prepare import prepare
from nnx.tabular.recipe import settled

QUICK = ["--hidden", "8", "--epochs", 4]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    return tmp_path


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def prepared(*texts, data="penguins"):
    return prepare(resolve(None, texts, {"data.path": data}), lambda text: None)


def values(*texts, count=None, seed=0):
    return candidates(parameters(texts, drawn=count is not None), count, seed)


def test_a_search_ranks_as_fits_one_by_one_and_trains_the_best(nnx, folder):
    grid = ["--grid", "rate=0.0001,0.01,0.1", "--grid", "hidden=8,8x4"]
    plain = ["--set", "encoder.bins=0", "--set", "training.average=0", "--schedule", "cosine", "--batch-size", 32]
    plain += ["--epochs", 6, "--patience", 2]
    code, out, err = nnx("search", "penguins", *grid, "--cv", 3, *plain, "--out", "run")
    assert code == 0 and err == "" and "6 candidates, 3 folds" in out and "18 networks in 2 runs" in out
    assert "epoch 6/6  members" in out and "test accuracy" in out and out.endswith("saved in run\n")
    rows = read("run/search.csv")
    assert [int(row["rank"]) for row in rows] == list(range(1, 7))
    table = [line.split() for line in out.splitlines()]
    shown_rows = [line[1:3] for line in table if line and line[0].isdigit()]
    assert shown_rows[:6] == [[row["param_rate"], row["param_hidden"]] for row in rows]

    data = prepared("encoder.bins=0")
    x, y = data.train
    found = {}
    for values in candidates(parameters(grid[1::2], drawn=False), None, 0):
        trials = []
        for fold in folds_of(y, len(y), 3, 0):
            fit = library.fit(
                library.mlp(values["network.hidden"], 3, dropout=0.1),
                x[fold.rows],
                y[fold.rows],
                loss="softmax_cross_entropy",
                optimizer=library.AdamW(values["optimizer.rate"], schedule=library.Cosine()),
                epochs=6,
                batch_size=32,
                validation=(x[fold.held], y[fold.held]),
                metrics=["accuracy"],
                early_stopping=library.EarlyStopping(2, min_delta=1e-4),
            )
            trials.append([fit.history[f"validation_{name}"][fit.best_epoch - 1] for name in ("loss", "accuracy")])
        found[shown(values["optimizer.rate"]), shown(values["network.hidden"])] = np.asarray(trials)
    means = {name: trials[:, 0].mean() for name, trials in found.items()}
    assert [(row["param_rate"], row["param_hidden"]) for row in rows] == sorted(means, key=means.get)
    for row in rows:
        trials = found[row["param_rate"], row["param_hidden"]]
        for k, (loss, accuracy) in enumerate(trials, 1):
            assert float(row[f"fold_{k}_validation_loss"]) == pytest.approx(loss, rel=1e-4)
            assert float(row[f"fold_{k}_accuracy"]) == pytest.approx(accuracy, abs=1e-6)
        assert float(row["mean_validation_loss"]) == pytest.approx(trials[:, 0].mean(), rel=1e-4)
        assert float(row["sd_validation_loss"]) == pytest.approx(trials[:, 0].std(), rel=1e-3, abs=1e-6)
        assert row["optimizer.rate"] == row["param_rate"] and row["network.activation"] == "relu"

    best = rows[0]
    config = tomllib.loads((folder / "run/config.toml").read_text())
    assert str(config["optimizer"]["rate"]) == best["param_rate"]
    assert "x".join(map(str, config["network"]["hidden"])) == best["param_hidden"]
    assert nnx("predict", "run", "penguins")[1].count("\n") == 345
    again = ["--rate", best["param_rate"], "--hidden", best["param_hidden"].replace("x", ",")]
    assert nnx("train", "penguins", *again, *plain, "--out", "alone")[0] == 0
    with open("run/best.safetensors", "rb") as one, open("alone/best.safetensors", "rb") as other:
        assert len(one.read()) == len(other.read())
    losses = [[row["loss"] for row in read(f"{name}/metrics.csv")] for name in ("run", "alone")]
    assert losses[0] == losses[1]


def test_the_run_folder_shows_the_search_and_is_replaced_whole(nnx, folder, pictures):
    grid = ["--grid", "rate=0.001,0.01"]
    assert nnx("search", "iris", *grid, *QUICK, "--cv", 2, "--out", "run")[0] == 0
    assert (folder / "run/search.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "run/report.html").read_text()
    assert "<h2>Search</h2>" in page and "of 2 candidates" in page
    assert "the best of 2 candidates by validation loss" in (folder / "run/README.md").read_text()
    assert nnx("train", "iris", *QUICK, "--out", "run", "--force")[0] == 0
    assert not (folder / "run/search.csv").exists() and "Search" not in (folder / "run/report.html").read_text()


def test_the_same_seed_gives_the_same_table(nnx):
    tables = []
    for seed, out in ((3, "a"), (3, "b"), (4, "c")):
        grid = ["--grid", "rate=1e-4:1e-1:log", "--grid", "dropout=0:0.5:lin", "--random", 3]
        code, text, _ = nnx("search", "iris", *grid, "--cv", 2, "--seed", seed, *QUICK, "--out", out)
        assert code == 0 and "3 candidates" in text
        tables.append(read(f"{out}/search.csv"))
    assert tables[0] == tables[1] != tables[2]


def test_one_fold_is_the_validation_split_of_a_training(nnx):
    one = ["--cv", 1, "--out", "one", "--json"]
    code, out, err = nnx("search", "iris", "--grid", "rate=0.01,0.03", *QUICK, *one)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["rank"] for line in lines[:2]] == [1, 2] and "members" in err
    assert lines[0]["sd_validation_loss"] is None and "test_accuracy" in lines[-1]
    for line in lines[:2]:
        out = f"at {line['param_rate']}"
        one = ["--rate", line["param_rate"], "--set", "training.members=1", "--out", out]
        assert nnx("train", "iris", *QUICK, *one)[0] == 0
        losses = [float(row["validation_loss"]) for row in read(f"{out}/metrics.csv")]
        assert line["fold_1_validation_loss"] == pytest.approx(min(losses), rel=1e-4)


def test_halving_stops_two_thirds_after_a_part_of_the_epochs(nnx):
    grid = ["--grid", "rate=1e-4:1e-1:log:9", "--halving", "--hidden", 8, "--epochs", 9, "--no-early-stopping"]
    code, out, _ = nnx("search", "iris", *grid, "--cv", 2, "--out", "run")
    assert code == 0 and "9 candidates for 1/9 of the epochs" in out and "1 candidate for all epochs" in out
    rows = read("run/search.csv")
    assert [float(row["epochs"]) for row in rows] == [9] + [3] * 2 + [1] * 6
    assert [row["stopped"] for row in rows] == ["epochs"] + ["halving"] * 8
    for part in (rows[1:3], rows[3:]):
        losses = [float(row["mean_validation_loss"]) for row in part]
        assert losses == sorted(losses)
    code, out, _ = nnx("search", "iris", *grid[:2], *grid[3:], "--cv", 2, "--out", "whole")
    same = next(row for row in read("whole/search.csv") if row["param_rate"] == rows[0]["param_rate"])
    assert float(same["mean_validation_loss"]) == pytest.approx(float(rows[0]["mean_validation_loss"]), rel=1e-5)


def test_a_regression_is_ranked_by_r2_where_asked(nnx):
    grid = ["--grid", "rate=0.0001,0.03", "--grid", "batch-size=32,64", "--by", "r2"]
    code, out, _ = nnx("search", "diabetes", *grid, *QUICK, "--cv", 2, "--out", "run")
    rows = read("run/search.csv")
    assert code == 0 and "ranked by r2" in out and "8 networks in 2 runs" in out
    scores = [float(row["mean_r2"]) for row in rows]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.2
    assert list(rows[0]).index("mean_r2") < list(rows[0]).index("mean_validation_loss")
    code, _, err = nnx("search", "diabetes", *grid[:4], "--by", "accuracy")
    assert code == 2 and "a regression is ranked by loss or r2" in err


def test_losses_of_different_meaning_are_not_compared(nnx):
    grid = ["--grid", "label-smoothing=0,0.2", *QUICK]
    code, out, _ = nnx("search", "iris", *grid, "--cv", 2)
    assert code == 0 and "ranked by accuracy" in out and "losses of different meaning" in out
    assert "no search.png: pictures need matplotlib" in out
    code, _, err = nnx("search", "iris", *grid, "--by", "loss")
    assert code == 2 and "rank by accuracy, not by loss" in err
    code, _, err = nnx("search", "diabetes", *grid)
    assert code == 2 and "label_smoothing: it changes nothing in a regression" in err


def test_a_candidate_that_diverges_is_last_and_the_table_says_so(nnx):
    grid = ["--grid", "rate=1e30,0.01", "--optimizer", "sgd", "--out", "run"]
    code, out, err = nnx("search", "diabetes", *grid, *QUICK, "--cv", 2)
    assert code == 0 and err == "" and "1 of 2 candidates stopped with a loss that is not finite" in out
    rows = read("run/search.csv")
    assert [row["param_rate"] for row in rows] == ["0.01", "1e+30"]
    assert rows[1]["mean_validation_loss"] == "" and rows[1]["stopped"] == "not finite"
    code, _, err = nnx("search", "diabetes", "--grid", "rate=1e30,2e30", *grid[2:4], *QUICK, "--cv", 2, "--out", "no")
    assert code == 1 and "the loss of every candidate is not finite" in err and not os.path.exists("no")


def test_seeds_vary_while_the_test_rows_stay(nnx, folder):
    code, _, _ = nnx("search", "iris", "--grid", "seed=1,2,3", "--seed", 7, *QUICK, "--cv", 2)
    assert code == 2
    code, _, _ = nnx("search", "iris", "--grid", "seed=1,2,3", *QUICK, "--cv", 2, "--out", "run")
    config = tomllib.loads((folder / "run/config.toml").read_text())
    assert code == 0 and config["data"]["seed"] == 0
    assert str(config["training"]["seed"]) == read("run/search.csv")[0]["param_seed"]
    assert nnx("train", "-c", "run/config.toml", "--out", "again")[0] == 0
    losses = [[row["loss"] for row in read(f"{name}/metrics.csv")] for name in ("run", "again")]
    assert losses[0] == losses[1]


def test_a_dry_run_counts_networks_and_writes_nothing(nnx, folder):
    grid = ["--grid", "hidden=8,64,16x8", "--grid", "rate=0.1,0.01", "--dry-run"]
    code, out, _ = nnx("search", "penguins", *grid)
    assert code == 0 and "networks 30: 6 candidates in 5 folds" in out and "MiB" in out
    code, out, _ = nnx("search", "penguins", *grid, "--json")
    found = json.loads(out)
    assert (found["candidates"], found["networks"]) == (6, 30) and found["runs"] >= 2 and os.listdir(folder) == []


SEARCH = [
    "search",
    "iris",
    "--cv",
    2,
    "--grid",
    "rate=0.1,0.01",
    "--grid",
    "batch_size=32,64",
    "--epochs",
    9,
    "--hidden",
    8,
    "--halving",
]


def same(run, whole):
    """Whether two searches ended with the same table and the same network."""
    assert sorted(os.listdir(run)) == sorted(os.listdir(whole))
    for name in ("search.csv", "config.toml"):
        assert (run / name).read_text() == (whole / name).read_text(), name
    a, b = library.load(run / "best.safetensors"), library.load(whole / "best.safetensors")
    assert all(p.tobytes() == b.params[name].tobytes() for name, p in a.params.items())


@pytest.mark.parametrize("report", [1, 7, 13])
def test_a_search_that_ctrl_c_ends_is_gone_on_with_to_the_same_files(nnx, folder, monkeypatch, report):
    """In the first round, in the second population of it, and in the last round."""
    from nnx.cli import candidates

    shown, seen = candidates.best_shown, []

    def pressed(report_):
        seen.append(report_.epoch)
        if len(seen) == report:
            signal.raise_signal(signal.SIGINT)

    assert nnx(*SEARCH, "--out", "whole")[0] == 0
    monkeypatch.setattr(candidates, "best_shown", lambda show, verbose: pressed)
    code, out, _ = nnx(*SEARCH, "--out", "run", "--checkpoint-every", 1)
    assert code == 130 and "go on with: nnx resume run" in out and "rank" in out.split()
    assert not (folder / "run" / "best.safetensors").exists()
    monkeypatch.setattr(candidates, "best_shown", shown)
    code, out, err = nnx("resume", "run")
    assert code == 0 and err == "" and "goes on after" in out
    config = folder / "run" / "config.toml"
    config.write_text(config.read_text().replace("checkpoint_every = 1\n", ""))
    same(folder / "run", folder / "whole")


def test_a_search_without_checkpoints_leaves_nothing_after_ctrl_c(nnx, folder, monkeypatch):
    from nnx.cli import candidates

    monkeypatch.setattr(
        candidates, "best_shown", lambda show, verbose: lambda report: signal.raise_signal(signal.SIGINT)
    )
    grid = ["--grid", "rate=0.1,0.01", "--epochs", 1000, "--cv", 2, "--checkpoint-every", 0]
    code, out, _ = nnx("search", "iris", *grid, "--out", "run")
    assert code == 130 and "go on" not in out and os.listdir(folder) == []


def test_quiet_says_nothing(nnx):
    assert nnx("search", "iris", "--grid", "rate=0.1,0.01", *QUICK, "--cv", 2, "-q") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["rat=1,2"], "--grid: unknown setting 'rat': did you mean 'rate'?"),
        (["optimizer.rat=1,2"], "--grid: unknown setting 'optimizer.rat'"),
        (["rate"], "--grid rate: expected NAME=VALUES such as rate=0.001,0.01"),
        (["rate="], "--grid rate=: no values"),
        (["rate= , "], "no values"),
        (["rate=slow,0.1"], "Expected a number, got text in optimizer.rate"),
        (["epochs=1.5"], "Expected a whole number, got a number in training.epochs"),
        (["early-stopping=yes"], "Expected true or false, got text"),
        (["rate=0.1:0.01:log:3"], "FROM must be below TO"),
        (["rate=0:1:log:3"], "FROM must be above 0"),
        (["rate=0.1:1:3"], "expected a,b,c or FROM:TO:log:COUNT"),
        (["rate=0.1:1:log"], "or draw with --random N"),
        (["rate=0.1:1:log:many"], "of numbers"),
        (["rate=0.1:1:log:1"], "COUNT must be from 2 to 10,000, got 1"),
        (["rate=0.1:1:log:3:4"], "expected a,b,c or FROM:TO:log:COUNT"),
        (["rate=nan:1:lin:3"], "FROM must be below TO"),
        (["activation=1:2:lin:2"], "activation has no range; give a list"),
        (["activation=relu,rellu"], "activation=rellu: unknown activation 'rellu': did you mean 'relu'?"),
        (["hidden=12y"], "expected widths such as 64 or 128x64, or none, got '12y'"),
        (["rate=-1,1"], "rate must not be negative"),
        (["target=a,b"], "--grid target: cannot vary in a search; settings of network, optimizer and training can"),
        (["backend=numpy,jax"], "--grid backend: cannot vary"),
        (["out=a,b"], "--grid out: cannot vary"),
        (["cv=2,3"], "--grid cv: cannot vary"),
        (["max-time=1s"], "--grid max_time: cannot vary"),
        (["members=1,3"], "--grid members: cannot vary"),
        (["encoder.scale=robust"], "--grid encoder.scale: cannot vary"),
        (["rate=1,2", "--grid", "optimizer.rate=3"], "given twice"),
        (["rate=1,2", "--rate", "3"], "--grid rate beside a value for optimizer.rate: give one of them"),
        (["rate=1,2", "--set", "optimizer.rate=3"], "give one of them"),
        (
            ["optimizer=adamw,sgd", "--set", "optimizer.weight_decay=0.1"],
            "optimizer=sgd: optimizer.weight_decay is for",
        ),
        (["seed=0:9999:lin:5000", "--grid", "rate=1,2,3"], "the grid has 15,000 candidates"),
        (["rate=0.1,1", "--cv", "0"], "0 is not in the range"),
        (
            ["rate=0.1,1", "--cv", "60"],
            "class 'Chinstrap' has 54 rows to train on, fewer than folds; give --cv 54 or less",
        ),
        (
            ["rate=0.1,1", "--cv", "1", "--validation", "0"],
            "--cv 1 measures on the validation rows, and there are none",
        ),
        (["rate=0.1,1", "--random", "0"], "0 is not in the range"),
        (["rate=0.1,1", "--memory", "1KB"], "penguins is larger than data.memory = 1KB: a search needs it in memory"),
        (
            ["rate=0.1,1", "--memory", "40KB"],
            "features, is larger than data.memory = 40KB: a search needs it in memory",
        ),
        (["loss=huber,squared_error"], "does not fit a classification"),
    ],
)
def test_what_cannot_be_searched_is_one_line_and_leaves_nothing(nnx, folder, arguments, text):
    code, out, err = nnx("search", "penguins", "--grid", *arguments, "-q")
    assert code == 2 and out == "" and err.count("\n") == 1 and len(err) <= 210
    assert text in err
    assert os.listdir(folder) == []


def test_a_grid_is_needed(nnx):
    assert "nothing to search: give --grid NAME=VALUES" in nnx("search", "iris")[2]
    assert "Missing argument 'DATA'" in nnx("search", "--grid", "rate=1,2")[2]


def test_the_values_of_a_grid():
    assert values("rate=1e-4:1e-1:log:4") == [{"optimizer.rate": r} for r in (1e-4, 1e-3, 1e-2, 1e-1)]
    assert values("dropout=0:0.5:lin:3") == [{"network.dropout": d} for d in (0, 0.25, 0.5)]
    assert values("hidden=64,none,128x64") == [{"network.hidden": h} for h in ((64,), (), (128, 64))]
    assert values("hidden=16:64:log:3") == [{"network.hidden": (h,)} for h in (16, 32, 64)]
    assert values("batch-size=1:3:lin:9") == [{"training.batch_size": n} for n in (1, 2, 3)]
    assert values("early_stopping=true,false") == [{"training.early_stopping": v} for v in (True, False)]
    assert values("weight-decay=0,0.1,0") == [{"optimizer.weight_decay": v} for v in (0.0, 0.1)]
    both = values("optimizer=adamw,sgd", "rate=1,2")
    assert [tuple(v.values()) for v in both] == [("adamw", 1), ("adamw", 2), ("sgd", 1), ("sgd", 2)]


def test_values_are_drawn_evenly_between_the_ends_and_differ():
    drawn = values("rate=1e-4:1e-1:log", "dropout=0:0.5:lin", "activation=relu,tanh", count=300)
    assert len({tuple(v.values()) for v in drawn}) == len(drawn) == 300
    exponents = np.log10([v["optimizer.rate"] for v in drawn])
    assert exponents.min() >= -4 and exponents.max() <= -1 and abs(exponents.mean() + 2.5) < 0.15
    dropouts = np.asarray([v["network.dropout"] for v in drawn])
    assert dropouts.min() >= 0 and dropouts.max() <= 0.5 and abs(dropouts.mean() - 0.25) < 0.03
    assert abs(np.mean([v["network.activation"] == "relu" for v in drawn]) - 0.5) < 0.1
    assert drawn == values("rate=1e-4:1e-1:log", "dropout=0:0.5:lin", "activation=relu,tanh", count=300)
    assert drawn != values("rate=1e-4:1e-1:log", "dropout=0:0.5:lin", "activation=relu,tanh", count=300, seed=1)
    few = values("activation=relu,tanh", "rate=1,2", count=3)
    assert len({tuple(v.values()) for v in few}) == 3
    assert len(values("activation=relu,tanh", "rate=1,2", count=30)) == 4


def test_folds_hold_every_row_once_and_each_class_evenly():
    data = prepared()
    _, y = data.train
    assert len(y) == sum(data.rows[:2])
    folds = folds_of(y, len(y), 4, 0)
    held = np.concatenate([fold.held for fold in folds])
    assert len(set(held)) == len(held) == len(y) // 4 * 4
    for fold in folds:
        assert not set(fold.rows) & set(fold.held) and len(fold.rows) + len(fold.held) == len(y)
        counts = np.bincount(y[fold.held], minlength=3)
        np.testing.assert_allclose(counts, np.bincount(y) / 4, atol=1.01 + 3 / 4)
    assert not np.array_equal(folds[0].held, folds_of(y, len(y), 4, 1)[0].held)


def test_candidates_stop_by_the_metric_that_is_followed():
    config = resolve(None, ("training.metric='accuracy'",), {"data.path": "iris"})
    data = prepare(config, lambda text: None)
    config = settled(config, data)
    (key,) = kinds([Candidate({}, config)])
    assert key[2] == library.EarlyStopping(config.training.patience, "validation_accuracy", ties="last")
