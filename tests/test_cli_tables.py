"""The command on real tables: every kind of column, settings from a file, blocks and cache, report, export."""

import csv
import json
import os
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import make

pytest.importorskip("click", reason="click is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")

from pyarrow import parquet  # noqa: E402

from nnx import load, tables  # noqa: E402
from nnx.cli.config import resolve  # noqa: E402
from nnx.errors import SettingError  # noqa: E402
from nnx.tabular.blocks import Blocks, Part  # noqa: E402
from nnx.tabular.settings import Config, Encoder, amount, plain, seconds  # noqa: E402

QUICK = ["--epochs", "3", "--hidden", "8"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    return tmp_path


def houses(path, rows=1500):
    """Prices that depend on size, town, street (of many), garden, season of the sale and whether rooms are known."""
    rng = np.random.default_rng(0)
    size, rooms = rng.gamma(9, 12, rows).round(1), rng.integers(1, 8, rows)
    town, street = rng.choice(["Oslo", "Rome", "Lima"], rows, p=[0.5, 0.3, 0.2]), rng.integers(0, 45, rows)
    garden, day = rng.random(rows) < 0.4, rng.integers(0, 1000, rows)
    gap = rng.random(rows) < 0.1
    price = 2.0 * size + 40 * (town == "Oslo") + 60 * garden + 8 * np.where(gap, 2, rooms) + (street % 5) * 6
    price = price + 25 * np.sin(2 * np.pi * day / 365.2425) + rng.normal(size=rows)
    dates = (np.datetime64("2019-01-01") + day).astype(str)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "size", "rooms", "town", "street", "garden", "sold", "price"])
        for i in range(rows):
            known = "" if gap[i] else rooms[i]
            yes = "yes" if garden[i] else "no"
            writer.writerow([f"h{i}", size[i], known, town[i], f"St {street[i]}", yes, dates[i], round(price[i], 2)])
    return path


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_penguins_are_told_apart_from_the_raw_file(nnx, folder):
    code, out, _ = nnx("train", "penguins", "--json", "--out", "run")
    assert code == 0 and json.loads(out.splitlines()[-1])["test_accuracy"] >= 0.97
    path = os.path.join(os.path.dirname(tables.__file__), "sets", "penguins.csv")
    assert nnx("predict", "run", path, "-o", "out.csv")[0] == 0
    right = [a["species"] == b["species"] for a, b in zip(read("out.csv"), read(path), strict=True)]
    assert np.mean(right) >= 0.97


def test_a_regression_on_text_dates_and_gaps(nnx, folder):
    data = houses(folder / "houses.csv")
    code, out, err = nnx("train", data, "--target", "price", "--out", "run", "--epochs", 25, "--json", "-v")
    assert code == 0 and json.loads(out.splitlines()[-1])["test_r2"] > 0.97, err
    assert "column 'id' looks like an id" in err and "street" in err and "hashed into 128" in err
    schema = json.loads((folder / "run/data.json").read_text())
    assert {c["name"]: c["holds"] for c in schema["columns"]} == {
        "id": "text", "size": "number", "rooms": "number", "town": "text", "street": "text", "garden": "boolean",
        "sold": "date",
    }  # fmt: skip
    assert len(schema["sha256"]) == 64 and sum(schema["rows"].values()) == 1500
    code, out, _ = nnx("predict", "run", data, "--keep", "id,town", "-o", "-")
    lines = out.splitlines()
    assert lines[0] == "id,town,price" and lines[1].startswith("h0,") and len(lines) == 1501
    own = np.asarray([float(row["price"]) for row in csv.DictReader(lines)])
    table = {k: [row[k] for row in read(data)] for k in ("size", "rooms", "town", "street", "garden", "sold")}
    model = load("run/best.safetensors")
    assert model.predict_table(table) == pytest.approx(own, rel=1e-6)  # text cells are read by the encoder's kinds


@pytest.mark.parametrize("backend", ["torch", "jax", pytest.param("cupy", marks=pytest.mark.gpu)])
def test_a_run_is_the_same_on_every_backend(request, nnx, backend):
    make(request, backend)
    both = ("numpy", backend)
    for name in both:
        assert nnx("train", "penguins", "--backend", name, "--out", name, *QUICK)[0] == 0
    a, b = ([[float(v) for k, v in row.items() if "loss" in k] for row in read(f"{n}/metrics.csv")] for n in both)
    assert np.asarray(a) == pytest.approx(np.asarray(b), rel=1e-4)
    texts = (nnx("predict", "numpy", "penguins", "--proba", "--backend", n)[1] for n in both)
    first, second = ([[float(v) for v in line.split(",")] for line in text.splitlines()[1:]] for text in texts)
    assert np.abs(np.asarray(first) - np.asarray(second)).max() < 1e-5


def test_probabilities_are_a_column_each(nnx):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    code, out, _ = nnx("predict", "run", "iris", "--proba")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0 and list(rows[0]) == ["setosa", "versicolor", "virginica"]
    assert [sum(map(float, row.values())) for row in rows] == pytest.approx([1.0] * 150, abs=1e-6)
    assert nnx("train", "diabetes", "--out", "r2", *QUICK)[0] == 0
    code, _, err = nnx("predict", "r2", "diabetes", "--proba")
    assert code == 2 and "have no probabilities" in err


def test_the_configuration_of_a_run_does_it_again(nnx, folder):
    assert nnx("train", "penguins", "--out", "a", "--seed", 3, "--set", "encoder.scale=standard", *QUICK)[0] == 0
    assert nnx("train", "-c", "a/config.toml", "--out", "b")[0] == 0
    a, b = (tomllib.loads((folder / name / "config.toml").read_text()) for name in "ab")
    assert a == b and a["encoder"]["scale"] == "standard" and a["training"]["batch_size"] > 0
    losses = [[row["loss"] for row in read(f"{name}/metrics.csv")] for name in "ab"]
    assert losses[0] == losses[1]


def test_options_come_after_set_and_set_after_the_file(folder):
    (folder / "c.toml").write_text('[training]\nepochs = 3\nseed = 4\n[data]\nkinds = { zip = "text" }\n')
    texts = ("training.seed=5", "network.hidden=64,32", "data.drop=['a']", "data.kinds.day=date:%d.%m.%Y")
    found = resolve("c.toml", texts, {"training.seed": 6, "data.target": None, "data.kinds": {"b": "drop"}})
    assert (found.training.epochs, found.training.seed, found.network.hidden) == (3, 6, (64, 32))
    assert found.data.drop == ("a",) and found.data.kinds == {"zip": "text", "day": "date:%d.%m.%Y", "b": "drop"}
    assert plain(resolve(None, (), {})) == plain(Config())


@pytest.mark.parametrize(("text", "value"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("45", 45), ("1.5s", 1.5)])
def test_durations(text, value):
    assert seconds(text) == value


@pytest.mark.parametrize(("text", "value"), [("400MB", 400 * 2**20), ("1.5 GiB", 1.5 * 2**30), ("2g", 2**31), ("9", 9)])
def test_amounts_of_memory(text, value):
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "0", "-3s", "1x"])
def test_what_is_no_duration_or_amount_is_refused(text):
    for read_ in (seconds, amount):
        with pytest.raises(SettingError):
            read_(text)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(nnx, folder):
    code, out, _ = nnx("train", "penguins", "--dry-run")
    assert code == 0 and "5 networks 42-" in out and "parameters" in out and "an epoch" in out and "[optimizer]" in out
    assert "bill_length_mm" in out and "with gaps" in out
    code, out, _ = nnx("train", "penguins", "--dry-run", "--json")
    found = json.loads(out)
    assert code == 0 and (found["features"], found["networks"]) == (42, 5) and os.listdir(folder) == []


def test_force_replaces_a_run_only_when_the_new_one_is_complete(nnx, folder):
    assert nnx("train", "iris", "--out", "run", "--seed", 1, *QUICK)[0] == 0
    before = (folder / "run/best.safetensors").read_bytes()
    assert nnx("train", "iris", "--out", "run", "--activation", "rellu", "--force")[0] == 2
    assert nnx("train", "iris", "--out", "run", "--target", "colour", "--force")[0] == 2
    assert (folder / "run/best.safetensors").read_bytes() == before and os.listdir(folder) == ["run"]
    assert nnx("train", "iris", "--out", "run", "--seed", 2, "--force", *QUICK)[0] == 0
    assert (folder / "run/best.safetensors").read_bytes() != before and os.listdir(folder) == ["run"]
    (folder / "other").mkdir()
    (folder / "other/thesis.txt").write_text("years of work")
    code, _, err = nnx("train", "iris", "--out", "other", "--force", *QUICK)
    assert code == 2 and "is not the folder of a run" in err and (folder / "other/thesis.txt").exists()


def test_a_time_limit_stops(nnx, monkeypatch):
    monkeypatch.setenv("NNX_COMPILE", "never")  # the end would wait for numba
    code, out, _ = nnx("train", "iris", "--max-time", "1s", "--epochs", 100_000, "--no-early-stopping", "--json")
    last = json.loads(out.splitlines()[-1])
    assert code == 0 and last["stopped"] == "time" and 0 < last["epochs"] < 100_000


def test_balanced_classes_weigh_the_same(nnx, folder):
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.05).astype(int)
    x = rng.normal(size=2000) + y
    with open("a.csv", "w") as file:
        file.write("x,y\n" + "".join(f"{a},{'rare' if b else 'usual'}\n" for a, b in zip(x, y, strict=True)))
    scores = {}
    for weight in ("none", "balanced"):
        out = nnx("train", "a.csv", "--target", "y", "--class-weight", weight, "--epochs", 6, "--json")[1]
        scores[weight] = json.loads(out.splitlines()[-1])
    assert scores["balanced"]["test_balanced_accuracy"] > scores["none"]["test_balanced_accuracy"] + 0.05


def test_a_table_in_blocks_learns_as_one_in_memory(nnx, folder):
    data = houses(folder / "houses.csv", rows=4000)
    scores = {}
    for memory in ("1GB", "100KB", "100KB"):
        _, out, err = nnx(
            "train", data, "--target", "price", "--memory", memory, "--epochs", 6, "--json", "--batch-size", 32
        )
        scores[memory] = json.loads(out.splitlines()[-1])["test_r2"]
        assert ("in the cache" in err) == (memory == "100KB" and len(scores) == 2 and "taken" not in err)
    assert "taken from the cache" in err
    assert scores["100KB"] == pytest.approx(scores["1GB"], abs=0.03) and scores["1GB"] > 0.95
    assert len(os.listdir(folder / "cache")) == 1


def test_blocks_give_every_row_once_in_a_new_order_each_epoch(tmp_path):
    rows, width = 1000, 300
    x = np.arange(rows * width, dtype="<f4").reshape(rows, width)
    y = np.arange(rows, dtype="<i8")
    np.save(tmp_path / "train.x.npy", x)
    np.save(tmp_path / "train.y.npy", y)
    blocks = Blocks(Part(tmp_path, "train", rows, width, True), lambda x: x, seed=1, memory=600_000, batch_size=64)
    epochs = []
    for epoch in (0, 1):
        blocks.set_epoch(epoch)
        batches = list(blocks())
        assert [len(b) for b, _ in batches] == [64] * 15 + [40] and blocks.steps == 16
        got, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        assert np.array_equal(got, x[labels]) and np.array_equal(np.sort(labels), y)
        epochs.append(labels)
    assert not np.array_equal(*epochs)
    again = Blocks(Part(tmp_path, "train", rows, width, True), lambda x: x, seed=1, memory=600_000, batch_size=64)
    assert np.array_equal(np.concatenate([labels for _, labels in again()]), epochs[0])


def test_a_column_that_numbers_the_rows_is_left_out_though_only_some_are_trained_on(nnx, folder):
    rng = np.random.default_rng(0)
    with open("a.csv", "w") as file:
        file.write(",a,y\n" + "".join(f"{i + 1},{a},{y}\n" for i, (a, y) in enumerate(rng.normal(size=(60, 2)))))
    _, out, _ = nnx("train", "a.csv", "--target", "y", *QUICK)
    assert "note: column 'column 1' numbers the rows" in out and "1 columns as 5 features" in out


def test_a_column_that_gives_the_target_away_is_named(nnx, folder):
    rng = np.random.default_rng(0)
    with open("a.csv", "w") as file:
        file.write("a,cents,y\n" + "".join(f"{a},{y * 100},{y}\n" for a, y in rng.normal(size=(60, 2)).tolist()))
    _, out, _ = nnx("train", "a.csv", "--target", "y", *QUICK)
    assert "note: column 'cents' gives the target away" in out and "'a'" not in out


def test_inspect_says_what_is_in_tables_and_runs(nnx, folder):
    code, out, _ = nnx("inspect", "penguins")
    assert code == 0 and "344 rows, 8 columns" in out and "11 missing" in out and "(target)" in out
    assert nnx("train", "penguins", "--out", "run", *QUICK)[0] == 0
    for file in ("run", "run/best.safetensors"):
        code, out, _ = nnx("inspect", file)
        assert code == 0 and "Chain(Dense(8)" in out and "bill_length_mm" in out and "Gentoo" in out
    data = houses(folder / "houses.csv", rows=60)
    out = nnx("inspect", data)[1]
    assert "2019-" in out and "% true" in out and "3 values: Oslo" in out
    (folder / "x.safetensors").write_bytes(b"garbage garbage")
    code, _, err = nnx("inspect", "x.safetensors")
    assert code == 3 and err.count("\n") == 1


def test_plot_draws_files(nnx, folder, pictures):
    for data, names in (
        ("iris", ["calibration", "confusion", "curves"]),
        ("diabetes", ["curves", "predicted", "residuals"]),
    ):
        assert nnx("train", data, "--out", data, *QUICK)[0] == 0
        code, out, _ = nnx("plot", data, "--data", data, "--format", "svg")
        assert code == 0 and len(out.split()) == 3
        assert sorted(os.listdir(folder / data / "plots")) == [f"{name}.svg" for name in names]
    code, _, err = nnx("plot", "iris", "--format", "gif")
    assert code == 2 and "--format must be one of png, svg, pdf" in err


def test_the_model_card_has_scores_and_columns(nnx, folder):
    assert nnx("train", "penguins", "--out", "run", *QUICK)[0] == 0
    card = (folder / "run/README.md").read_text()
    assert card.startswith("---\nlibrary_name: nnx\npipeline_tag: tabular-classification")
    assert "| accuracy |" in card and "| `bill_length_mm` | number |" in card


def test_predictions_replace_a_file_whole_or_not_at_all(nnx, folder):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    (folder / "out.csv").write_text("old")
    (folder / "bad.csv").write_text("a,b\n1,2\n")
    assert nnx("predict", "run", "bad.csv", "-o", "out.csv")[0] == 2
    assert (folder / "out.csv").read_text() == "old" and sorted(os.listdir(folder)) == ["bad.csv", "out.csv", "run"]


def test_force_keeps_what_is_not_its_own(nnx, folder):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    data = houses(folder / "run/houses.csv", rows=60)
    assert nnx("train", data, "--target", "price", "--out", "run", "--force", *QUICK)[0] == 0
    assert data.exists() and "price" in (folder / "run/config.toml").read_text()
    os.symlink("run", "link")
    assert nnx("train", "iris", "--out", "link", "--force", *QUICK)[0] == 0
    assert os.path.islink("link") and "iris" in (folder / "run/config.toml").read_text()
    assert sorted(os.listdir(folder)) == ["link", "run"]


def test_predictions_go_through_pipes_and_links(nnx, folder):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    os.mkfifo("pipe")
    reader = subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True)
    assert nnx("predict", "run", "iris", "-o", "pipe")[0] == 0
    assert len(reader.communicate(timeout=30)[0].splitlines()) == 151
    (folder / "file.csv").write_text("old")
    os.symlink("file.csv", "link.csv")
    assert nnx("predict", "run", "iris", "-o", "link.csv")[0] == 0
    assert os.path.islink("link.csv") and (folder / "file.csv").read_text().startswith("target\n")


def test_a_full_device_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    command = f"{sys.executable} -m nnx inspect penguins > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("nnx: ") and done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_closed_pipe_is_quiet_and_ends_with_141(nnx, folder, monkeypatch, buffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", buffered)
    houses(folder / "houses.csv", rows=20_000)  # more than a pipe holds
    assert nnx("train", "houses.csv", "--target", "price", "--epochs", 1, "--hidden", 4, "--out", "run", "-q")[0] == 0
    command = f"{sys.executable} -m nnx predict run houses.csv | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "price\n141\n" and done.stderr == ""


def test_the_truth_may_be_kept_beside_the_prediction(nnx, folder):
    assert nnx("train", "penguins", "--out", "run", *QUICK)[0] == 0
    out = nnx("predict", "run", "penguins", "--keep", "species, island")[1]
    assert out.splitlines()[0] == "species,island,species (predicted)"


def test_blank_cells_and_words_of_ones_own_are_missing(nnx, folder):
    rows = [["a", "b", "y"]] + [[f"{i}.5", ["n/k", " ", "-", f"{i}"][i % 4], i % 2] for i in range(80)]
    with open("a.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    code, _, err = nnx("train", "a.csv", "--target", "y", "--out", "run", *QUICK)
    assert code == 0 or "'n/k'" in err
    code, out, _ = nnx("train", "a.csv", "--target", "y", "--missing", "n/k", "--out", "run2", "-v", *QUICK)
    assert code == 0 and re.search(r"b  number   \d+ features", out)
    assert nnx("predict", "run2", "a.csv")[0] == 0  # the run remembers


def test_inspect_goes_on_after_a_fault(nnx, folder):
    with open("a.csv", "w") as file:
        file.write("a,b,c\n" + "".join(f"{i}.5,{'x' if i == 7 else i},{'1e150' if i == 9 else i}\n" for i in range(40)))
    code, out, _ = nnx("inspect", "a.csv")
    lines = {line.split()[0]: line for line in out.splitlines()[1:]}
    assert code == 0 and "median" in lines["a"] and "'x' in 1 cell (a.csv, line 9)" in out and "line 11" in lines["c"]
    code, _, err = nnx("inspect", "a.csv", "--target", "d")
    assert code == 2 and "unknown column 'd'" in err


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer", "diabetes"])
def test_a_built_in_set_is_that_of_scikit_learn_to_the_bit(name):
    shipped, table = getattr(datasets, f"load_{name}")(), tables.open_table(name).table
    assert table.column_names == [*map(str, shipped.feature_names), "target"]
    assert (np.stack([column.to_numpy() for column in table.columns[:-1]], axis=1) == shipped.data).all()
    names = shipped.target if name == "diabetes" else shipped.target_names[shipped.target]
    assert table["target"].to_pylist() == [y if name == "diabetes" else str(y) for y in names.tolist()]


def test_a_built_in_set_in_blocks(nnx):
    code, _, err = nnx("train", "penguins", "--memory", "1KB", *QUICK)
    assert code == 0, err


def test_a_boolean_target_is_the_same_in_text_and_parquet(nnx, folder):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=200), rng.random(200) > 0.5
    parquet.write_table(pa.table({"x": x, "y": y}), "b.parquet")
    with open("b.csv", "w") as file:
        file.write("x,y\n" + "".join(f"{a},{b}\n" for a, b in zip(x, y, strict=True)))
    assert nnx("train", "b.csv", "--target", "y", "--out", "run", *QUICK)[0] == 0
    scores = [nnx("evaluate", "run", file, "--json")[1] for file in ("b.csv", "b.parquet")]
    assert scores[0] == scores[1] != ""


def test_numbers_with_separators_are_numbers(nnx, folder):
    with open("a.csv", "w") as file:
        file.write("a,b,y\n" + "".join(f'{i % 9},"{i + 1},{i:03}",{i % 7}.5\n' for i in range(90)))
    out = nnx("train", "a.csv", "--target", "y", "-v", *QUICK)[1]
    assert re.search(r"b  number:., \d+ features", out)


def test_the_seed_of_the_data_leaves_the_parts_as_they_are_when_the_other_changes(nnx):
    from nnx.tabular.prepare import prepare

    def tested(*texts):
        return prepare(resolve(None, texts, {"data.path": "iris"}), lambda text: None).test[0]

    first, other = tested("training.seed=0"), tested("training.seed=1")
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(tested("training.seed=1", "data.seed=0"), first)
    assert nnx("train", "iris", "--set", "data.seed=-1", *QUICK)[2].startswith("nnx: seed must be an integer")


def test_the_settings_of_the_encoder_are_those_of_table_encoder():
    apart = {"kinds", "dtype", "seed", "fold_case", "embed"}  # of the column, the network, the run, the data
    own = {f: getattr(Encoder(), f) for f in Encoder.__struct_fields__} | {"bins": 0}  # of which the command has some
    assert own == {name: value for name, value in tables.TableEncoder().get_params().items() if name not in apart}
