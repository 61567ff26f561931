"""The command, run as a person runs it: each command, each exit code, each fault as one line."""

import csv
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")


QUICK = ["--epochs", "3", "--hidden", "8"]
ALONE = ["--set", "training.members=1"]
RUN = """best.safetensors config.toml data.json environment.json events.jsonl metrics.csv report.html
README.md""".split()  # noqa: SIM905


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_csv(path, names, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def read_csv(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def wine(path, text=True):
    bunch = datasets.load_wine()
    names = [f.replace("/", "_") for f in bunch.feature_names]
    targets = bunch.target_names[bunch.target] if text else bunch.target
    return write_csv(path, [*names, "cultivar"], [[*row, t] for row, t in zip(bunch.data, targets, strict=True)])


def installed(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True


def test_a_csv_through_train_evaluate_and_predict_on_another_backend(nnx, folder, pictures):
    data = wine(folder / "wine.csv")
    code, out, err = nnx("train", data, "--target", "cultivar", "--epochs", 30, "--no-early-stopping", "--out", "run")
    assert code == 0 and err == "" and "classification into 3 classes" in out and "test accuracy" in out
    assert sorted(os.listdir("run")) == sorted(RUN)
    config = tomllib.loads((folder / "run/config.toml").read_text())
    assert config["training"]["epochs"] == 30 and config["data"]["target"] == "cultivar"
    rows = read_csv("run/metrics.csv")
    assert len(rows) == 30 and float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert len((folder / "run/events.jsonl").read_text().splitlines()) == 30
    assert "<svg" in (folder / "run/report.html").read_text()

    other = next((name for name in ("torch", "jax") if installed(name)), "array_api_strict")
    code, out, _ = nnx("evaluate", "run", data, "--json", "--backend", other)
    assert code == 0 and json.loads(out)["accuracy"] > 0.95
    table = read_csv(data)
    unseen = write_csv(folder / "new.csv", [*table[0]][:-1], [[*row.values()][:-1] for row in table])
    assert nnx("predict", "run", unseen, "-o", "out.csv", "--backend", other)[0] == 0
    code, out, _ = nnx("predict", "run", unseen)
    assert (folder / "out.csv").read_text() == out
    right = [a["cultivar"] == b["cultivar"] for a, b in zip(read_csv("out.csv"), table, strict=True)]
    assert np.mean(right) > 0.95


def test_columns_may_come_in_another_order(nnx, folder):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    data = write_csv(folder / "a.csv", ["a", "b", "y"], zip(a, b, 2 * a - b, strict=True))
    assert nnx("train", data, "--target", "y", "--out", "run", *QUICK)[0] == 0
    swapped = write_csv(folder / "b.csv", ["b", "extra", "a"], zip(b, b, a, strict=True))
    assert nnx("predict", "run", swapped)[1] == nnx("predict", "run", data)[1]


def test_regression_predicts_in_the_targets_units(nnx, folder, pictures):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 2))
    y = 1000 + 50 * x[:, 0] - 20 * x[:, 1]
    data = write_csv(folder / "price.csv", ["a", "b", "price"], np.column_stack([x, y]))
    code, out, _ = nnx("train", data, "--target", "price", "--json", "--epochs", 60, "--out", "run")
    last = json.loads(out.splitlines()[-1])
    assert code == 0 and last["test_r2"] > 0.98 and last["test_mean_absolute_error"] < 10
    _, out, _ = nnx("predict", "run", data)
    predicted = np.asarray([float(v) for v in out.splitlines()[1:]])
    assert np.mean(np.abs(predicted - y)) < 10


def test_an_npz_of_integer_labels_is_classification(nnx, folder):
    x, y = datasets.load_iris(return_X_y=True)
    np.savez(folder / "iris.npz", x=x, y=y * 5)
    code, out, _ = nnx("train", "iris.npz", "--out", "run", "--epochs", 30)
    assert code == 0 and "into 3 classes" in out
    np.savez(folder / "new.npz", x=x)
    _, out, _ = nnx("predict", "run", "new.npz")
    assert set(out.split()) == {"y", "0", "5", "10"}


def test_numbers_as_classes_where_asked(nnx, folder):
    data = wine(folder / "wine.csv", text=False)
    code, out, _ = nnx("train", data, "--target", "cultivar", "--out", "r1", "--task", "regression", *QUICK)
    assert code == 0 and "regression" in out
    code, out, _ = nnx("train", data, "--target", "cultivar", "--out", "r2", *QUICK)
    assert code == 0 and "into 3 classes" in out and "--task regression" in out
    assert nnx("evaluate", "r2", data)[0] == 0


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_every_built_in_set_trains(nnx, name):
    code, out, _ = nnx("train", name, *QUICK)
    assert code == 0 and out.splitlines()[-1].startswith("saved in runs/")


def accuracy(nnx, backend, *more):
    code, out, _ = nnx("train", "digits", "--json", "--backend", backend, "--out", backend, *more)
    assert code == 0
    return json.loads(out.splitlines()[-1])["test_accuracy"]


def test_digits_reach_the_accuracy_promised(nnx):
    assert accuracy(nnx, "numpy") >= 0.96


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_digits_are_learned_alike_elsewhere(nnx, backend):
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    found, expected = (accuracy(nnx, name, "--epochs", 8) for name in (backend, "numpy"))
    assert found > 0.9 and abs(found - expected) <= 1 / 359 + 1e-9  # one sample of 359


def test_json_is_alone_on_standard_output(nnx):
    code, out, err = nnx("train", "iris", "--json", *QUICK)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["epoch"] for line in lines[:-1]] == [1, 2, 3]
    assert "test_accuracy" in lines[-1] and "epoch 3/3" in err


def test_quiet_says_nothing(nnx):
    assert nnx("train", "iris", "--quiet", *QUICK) == (0, "", "")


def test_early_stopping_stops(nnx):
    code, out, _ = nnx(
        "train", "iris", "--json", "--early-stopping", "--rate", 0.05, "--epochs", 500, "--patience", 3, *ALONE
    )
    last = json.loads(out.splitlines()[-1])
    assert code == 0 and last["stopped"] == "early stopping" and last["best_epoch"] == last["epochs"] - 3


def test_the_same_seed_gives_the_same_run(nnx):
    runs = [nnx("train", "iris", "--json", "--seed", seed, *QUICK)[1].splitlines()[:3] for seed in (1, 1, 2)]
    losses = [[json.loads(line)["loss"] for line in run] for run in runs]
    assert losses[0] == losses[1] != losses[2]


SEVERAL = "cupy:97,array_api_strict"


@pytest.mark.parametrize("flag", [True, False])
def test_a_run_says_which_backend_was_used_and_which_were_asked_for(nnx, monkeypatch, flag):
    if not flag:
        monkeypatch.setenv("NNX_BACKEND", SEVERAL)
    code, out, _ = nnx("train", "iris", *QUICK, "--out", "run", *(["--backend", SEVERAL] if flag else []))
    assert code == 0 and f"{SEVERAL}: array_api_strict works (cupy:97: " in out
    place = tomllib.loads(Path("run/config.toml").read_text())["place"]
    assert (place["backend"], place["asked"]) == ("array_api_strict", SEVERAL)
    assert "array_api_strict" in json.loads(Path("run/environment.json").read_text())["backend"]["name"]
    code, out, _ = nnx("train", "iris", "-c", "run/config.toml", "--backend", "numpy", "--out", "next")
    place = tomllib.loads(Path("next/config.toml").read_text())["place"]
    assert code == 0 and (place["backend"], place["asked"]) == ("numpy", "")


def test_the_environment_decides_for_other_commands_and_the_flag_before_it(nnx, monkeypatch):
    nnx("train", "iris", *QUICK, "--out", "run")
    assert tomllib.loads(Path("run/config.toml").read_text())["place"]["backend"] == "numpy"
    monkeypatch.setenv("NNX_BACKEND", "nonsense")
    search = ["search", "iris", "--grid", "rate=1,2", *QUICK, "--cv", 2]
    for command in (["train", "iris", *QUICK], ["evaluate", "run", "iris"], search):
        code, out, err = nnx(*command)
        assert (code, out) == (4, "") and "unknown backend 'nonsense'" in err
        assert nnx(*command, "--backend", "numpy", "--dtype", "float64")[0] == 0
    assert nnx("verify", "--backends", "array_api_strict")[0] == 0  # it says itself what it tries
    assert "NNX_BACKEND=nonsense" in nnx("info")[1]


def test_info_names_every_backend(nnx):
    code, out, _ = nnx("info")
    assert code == 0
    for name in ("numpy", "cupy", "torch", "jax"):
        assert any(line.startswith(name) for line in out.splitlines())
    assert "BLAS" in out and "threads" in out


OPTIONS = """target hidden activation optimizer rate epochs batch-size validation test early-stopping seed backend
device dtype out json quiet""".split()  # noqa: SIM905


def test_help_names_every_option(nnx):
    _, out, _ = nnx("train", "--help")
    for option in OPTIONS:
        assert f"--{option}" in out


def test_classes_are_kept_as_they_are_spelled(nnx, folder):
    rng = np.random.default_rng(0)
    for names in (["true", "false", "maybe"], ["1", "2.5", "7"], ["9007199254740992", "9007199254740993", "3"]):
        x = rng.normal(size=90)
        kinds = [names[i % 3] for i in range(90)]
        data = write_csv(folder / "all.csv", ["x", "y"], [[v + i % 3 * 5, k] for i, (v, k) in enumerate(zip(x, kinds))])  # noqa: B905
        two = write_csv(folder / "two.csv", ["x", "y"], [r.values() for r in read_csv(data) if r["y"] in names[:2]])
        out = f"run{names[0]}"
        code, text, err = nnx("train", data, "--target", "y", "--task", "classification", "--out", out, "--epochs", 60)
        assert code == 0 and "into 3 classes" in text, err
        assert json.loads(nnx("evaluate", out, two, "--json")[1])["accuracy"] > 0.7
        assert set(nnx("predict", out, data)[1].split()[1:]) <= set(names)


def test_predict_does_not_need_the_target(nnx, folder):
    data = write_csv(folder / "a.csv", ["a", "y"], np.random.default_rng(0).normal(size=(30, 2)))
    assert nnx("train", data, "--target", "y", "--out", "run", *QUICK)[0] == 0
    blank = write_csv(folder / "b.csv", ["a", "y"], [[1, ""], [2, ""]])
    code, out, _ = nnx("predict", "run", blank, "-o", "-")
    assert code == 0 and len(out.split()) == 3
    code, _, err = nnx("predict", "run", blank, "-o", blank)
    assert code == 2 and "is DATA itself" in err and blank.read_text().startswith("a,y")


def test_scaling_sees_only_training_rows(nnx, folder):
    rows = [[v, i % 2] for i, v in enumerate(np.random.default_rng(0).normal(size=100))]
    write_csv(folder / "a.csv", ["a", "y"], rows)
    assert nnx("train", "a.csv", "--target", "y", "--out", "run", "--test", "0.5", *QUICK)[0] == 0
    from nnx import load

    (column,) = load("run/best.safetensors").encoder.columns_
    assert column.number.center != np.median([r[0] for r in rows])


def test_out_of_memory_is_one_line_and_leaves_nothing(nnx, folder):
    code, _, err = nnx("train", "iris", "--hidden", "2000000000", "--out", "deep/run", "-q")
    assert code == 1 and err.startswith("nnx: out of memory") and err.count("\n") == 1
    assert os.listdir(folder) == []


def test_a_run_is_never_overwritten(nnx):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    code, _, err = nnx("train", "iris", "--out", "run", *QUICK)
    assert code == 2 and "run exists; a run is never overwritten" in err


def test_predict_needs_the_columns_of_the_model(nnx, folder):
    data = write_csv(folder / "a.csv", ["width", "b", "y"], np.random.default_rng(0).normal(size=(20, 3)))
    assert nnx("train", data, "--target", "y", "--out", "run", *QUICK)[0] == 0
    other = write_csv(folder / "b.csv", ["widht", "b"], [[1, 2]])
    code, _, err = nnx("predict", "run", other)
    assert code == 2 and "no column 'width', which the model needs; did you mean 'widht'?" in err
    code, _, err = nnx("predict", "run", "iris")
    assert code == 2 and "iris: no column 'width', which the model needs" in err
    code, _, err = nnx("evaluate", "run", write_csv(folder / "c.csv", ["width", "b"], [[1, 2]]))
    assert code == 2 and "unknown column 'y'" in err
    code, _, err = nnx("predict", "run", data, "-o", "no/such/folder.csv")
    assert code == 2 and err.count("\n") == 1


def test_a_folder_that_is_no_run_has_its_own_exit_code(nnx, folder):
    code, _, err = nnx("predict", "nowhere", "iris")
    assert code == 3 and "nowhere: not a run folder" in err
    (folder / "run").mkdir()
    (folder / "run/best.safetensors").write_bytes(b"garbage garbage")
    code, _, err = nnx("predict", "run", "iris")
    assert code == 3 and err.count("\n") == 1


def test_a_training_that_fails_keeps_the_last_good_weights_and_exits_1(nnx, folder):
    rng = np.random.default_rng(0)
    data = write_csv(folder / "a.csv", ["a", "y"], rng.normal(size=(40, 2)))
    with np.errstate(all="ignore"):
        code, _, err = nnx(
            "train", data, "--target", "y", "--optimizer", "sgd", "--rate", 3, "--epochs", 500, "--out", "r"
        )
    assert code == 1 and "the loss is not finite in epoch" in err and err.count("\n") == 1
    assert nnx("predict", "r", data)[0] == 0


def test_ctrl_c_saves_and_exits_130(folder, monkeypatch):
    monkeypatch.setenv("NNX_COMPILE", "never")  # the end would wait for numba
    program = "import sys; sys.modules['matplotlib'] = None; import nnx.cli; nnx.cli.main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "train", "iris", "--epochs", "100000", "--out", "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "saved in run (interrupted)" in out
    assert (folder / "run/best.safetensors").exists()


def test_the_version_is_told_without_the_modules_that_a_command_needs():
    code = "import sys, nnx.cli\ntry: nnx.cli.main(['--version'])\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nnx, version ")
    own = {name for name in done.stderr.split() if name.partition(".")[0] == "nnx"}
    modules = ("_version", "errors", "cli", "cli.process", "cli.streams", "cli.commands", "cli.options")
    assert own == {"nnx", *(f"nnx.{name}" for name in modules)}
    assert not {"numpy", "pyarrow", "rich", "torch", "jax"} & set(done.stderr.split())


def test_a_prediction_imports_nothing_of_training(folder):
    code = "import sys, nnx.cli\ntry: nnx.cli.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    for words in (["train", "iris", "--backend", "numpy", *QUICK, "-q", "--out", "run"], ["predict", "run", "iris"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    modules = done.stderr.split()
    assert "nnx.tabular.use" in modules and not {"pandas", "matplotlib", "rich", "nnx.training"} & set(modules)


def test_a_training_imports_neither_pandas_nor_scikit_learn(folder):
    code = "import sys, nnx.cli\ntry: nnx.cli.main()\nfinally: print(*(m for m in sys.modules if sys.modules[m]))"
    words = ["train", "iris", "--backend", "numpy", *QUICK, "-q"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert "pyarrow" in done.stdout.split() and not {"pandas", "sklearn"} & set(done.stdout.split())


def test_bench_measures_every_backend_asked_for(nnx, monkeypatch):
    from nnx.cli import bench

    monkeypatch.setattr(bench, "NETWORKS", {"4-3-2": ((4, 3, 2), 8, 10)})
    monkeypatch.setattr(bench, "SECONDS", 0.0)
    monkeypatch.setenv("NNX_COMPILE", "never")
    code, out, _ = nnx("bench", "--backend", "numpy", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["backend"] for line in lines] == ["numpy", "numpy"]
    assert all(line["microseconds"] > 0 and line["execution"] == "step by step" for line in lines)
    code, out, _ = nnx("bench", "--backend", "numpy")
    assert code == 0 and len(out.splitlines()) == 3
    code, out, err = nnx("bench", "--backend", "nump")
    assert code == 4 and not out and "did you mean 'numpy'" in err
