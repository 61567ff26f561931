"""The command, run as a person runs it: each command, each exit code, each fault as one line."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
import tomllib

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")

from nnx import cli  # noqa: E402

QUICK = ["--epochs", "3", "--hidden", "8"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def nnx(capsys):
    """Run the command in this process: its exit code, output and errors."""

    def run(*args):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(a) for a in args])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return run


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


def test_a_csv_through_train_evaluate_and_predict_on_another_backend(nnx, folder):
    data = wine(folder / "wine.csv")
    code, out, err = nnx("train", data, "--target", "cultivar", "--epochs", 30, "--out", "run")
    assert code == 0 and err == "" and "classification into 3 classes" in out and "test accuracy" in out
    assert sorted(os.listdir("run")) == ["config.toml", "loss.png", "metrics.csv", "model.safetensors"]
    config = tomllib.loads((folder / "run/config.toml").read_text())
    assert config["options"]["epochs"] == 30 and config["options"]["target"] == "cultivar"
    rows = read_csv("run/metrics.csv")
    assert len(rows) == 30 and float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert (folder / "run/loss.png").read_bytes().startswith(b"\x89PNG")

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


def test_regression_predicts_in_the_targets_units(nnx, folder):
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
    code, out, _ = nnx("train", data, "--target", "cultivar", "--out", "r1", *QUICK)
    assert code == 0 and "regression" in out and "--task classification" in out
    code, out, _ = nnx("train", data, "--target", "cultivar", "--task", "classification", "--out", "r2", *QUICK)
    assert code == 0 and "into 3 classes" in out
    assert nnx("evaluate", "r2", data)[0] == 0


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_every_built_in_set_trains(nnx, name):
    code, out, _ = nnx("train", name, *QUICK)
    assert code == 0 and out.splitlines()[-1].startswith("saved in runs/")


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_digits_reach_the_accuracy_promised(nnx, backend):
    if not installed(backend):
        pytest.skip(f"{backend} is not installed")
    code, out, _ = nnx("train", "digits", "--json", "--backend", backend)
    accuracy = json.loads(out.splitlines()[-1])["test_accuracy"]
    _, out, _ = nnx("train", "digits", "--json")
    assert code == 0 and accuracy >= 0.96
    assert abs(accuracy - json.loads(out.splitlines()[-1])["test_accuracy"]) <= 1 / 359 + 1e-9  # one sample of 359


def test_json_is_alone_on_standard_output(nnx):
    code, out, err = nnx("train", "iris", "--json", *QUICK)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [line["epoch"] for line in lines[:-1]] == [1, 2, 3]
    assert "test_accuracy" in lines[-1] and "epoch 3/3" in err


def test_quiet_says_nothing(nnx):
    assert nnx("train", "iris", "--quiet", *QUICK) == (0, "", "")


def test_early_stopping_stops(nnx):
    code, out, _ = nnx("train", "iris", "--json", "--early-stopping", "--rate", 0.05, "--epochs", 500, "--patience", 3)
    last = json.loads(out.splitlines()[-1])
    assert code == 0 and last["stopped"] == "early stopping" and last["best_epoch"] == last["epochs"] - 3


def test_the_same_seed_gives_the_same_run(nnx):
    runs = [nnx("train", "iris", "--json", "--seed", seed, *QUICK)[1].splitlines()[:3] for seed in (1, 1, 2)]
    losses = [[json.loads(line)["loss"] for line in run] for run in runs]
    assert losses[0] == losses[1] != losses[2]


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
    rows = [[0.0 if i % 5 else 1000.0 * i, i % 2] for i in range(100)]
    write_csv(folder / "a.csv", ["a", "y"], rows)
    assert nnx("train", "a.csv", "--target", "y", "--out", "run", "--test", "0.5", *QUICK)[0] == 0
    from nnx import load

    mean = load("run/model.safetensors").arrays["input.mean"][0]
    assert mean != pytest.approx(np.mean([r[0] for r in rows]))


def test_a_closed_pipe_is_quiet(folder):
    np.savez(folder / "iris.npz", x=np.random.default_rng(0).normal(size=(50_000, 2)), y=np.arange(50_000) % 2)
    train = [sys.executable, "-m", "nnx", "train", "iris.npz", "--epochs", "1", "--out", "run", "-q"]
    assert subprocess.run(train, check=False).returncode == 0
    command = f"{sys.executable} -m nnx predict run iris.npz | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout == "y\n" and done.stderr == ""


def test_out_of_memory_is_one_line_and_leaves_nothing(nnx, folder):
    code, _, err = nnx("train", "iris", "--hidden", "100000000000", "--out", "deep/run", "-q")
    assert code == 1 and err.startswith("nnx: out of memory") and err.count("\n") == 1
    assert os.listdir(folder) == []


A_CSV = "a,b,y\n1,2,3\n4,5,6\n7,8,9\n"
FAULTS = {
    "no file": (None, [], 2, "no such file"),
    "other format": (("x.parquet", ""), [], 2, "expected .csv or .npz"),
    "no target": (("x.csv", A_CSV), [], 2, "say which column to predict: --target y"),
    "unknown target": (("x.csv", A_CSV), ["--target", "yy"], 2, "unknown column 'yy': did you mean 'y'?"),
    "text feature": (("x.csv", "a,y\nred,1\nblue,2\n"), ["--target", "y"], 2, "column 'a' holds string, not numbers"),
    "missing value": (("x.csv", "a,y\n1,1\n,2\n"), ["--target", "y"], 2, "column 'a' has 1 missing values"),
    "missing target": (("x.csv", "a,y\n1,1\n2,\n"), ["--target", "y"], 2, "the target 'y' is missing in 1 rows"),
    "delimiter": (("x.csv", "a;y\n1;1\n"), ["--target", "y"], 2, "is the delimiter not a comma?"),
    "duplicate": (("x.csv", "a,a,y\n1,1,1\n"), ["--target", "y"], 2, "two columns are named 'a'"),
    "short row": (("x.csv", "a,y\n1,1\n2\n"), ["--target", "y"], 2, "Expected 2 columns, got 1"),
    "empty file": (("x.csv", ""), ["--target", "y"], 2, "Empty CSV file"),
    "header only": (("x.csv", "a,y\n"), ["--target", "y"], 2, "no rows below the header"),
    "only target": (("x.csv", "y\n1\n2\n"), ["--target", "y"], 2, "no column besides the target"),
    "infinite": (("x.csv", "a,y\n1,1\ninf,2\n"), ["--target", "y"], 2, "column 'a' is not finite in row 2"),
    "one class": (("x.csv", "a,y\n1,u\n2,u\n3,u\n"), ["--target", "y"], 2, "has one class, 'u'"),
    "text regression": (("x.csv", "a,y\n1,u\n2,v\n"), ["--target", "y", "--task", "regression"], 2, "needs numbers"),
    "not an npz": (("x.npz", "hello"), [], 2, "cannot be read as NPZ"),
    "bad hidden": (("x.csv", A_CSV), ["--target", "y", "--hidden", "a"], 2, "expected widths such as 128,64"),
    "zero hidden": (("x.csv", A_CSV), ["--target", "y", "--hidden", "0"], 2, "units must be at least 1"),
    "activation": (("x.csv", A_CSV), ["--target", "y", "--activation", "rellu"], 2, "did you mean 'relu'?"),
    "optimizer": (("x.csv", A_CSV), ["--target", "y", "--optimizer", "adan"], 2, "did you mean 'adam'?"),
    "rate": (("x.csv", A_CSV), ["--target", "y", "--rate", "-1"], 2, "rate must not be negative"),
    "epochs": (("x.csv", A_CSV), ["--target", "y", "--epochs", "0"], 2, "epochs must be at least 1"),
    "task": (("x.csv", A_CSV), ["--target", "y", "--task", "ranking"], 2, "unknown task 'ranking'"),
    "test share": (("x.csv", A_CSV), ["--target", "y", "--test", "1.5"], 2, "--test must be at least 0 and below 1"),
    "option": (("x.csv", A_CSV), ["--epoch", "3"], 2, "No such option '--epoch'. Did you mean '--epochs'?"),
    "not a number": (("x.csv", A_CSV), ["--epochs", "many"], 2, "'many' is not a valid integer"),
    "backend": (("x.csv", A_CSV), ["--target", "y", "--backend", "numpi"], 4, "unknown backend 'numpi': did you mean"),
    "device": (("x.csv", A_CSV), ["--target", "y", "--device", "cuda"], 4, "runs on the CPU only"),
    "dtype": (("x.csv", A_CSV), ["--target", "y", "--dtype", "float16"], 4, "dtype 'float16' is not supported"),
    "seed": (("x.csv", A_CSV), ["--target", "y", "--seed", "-1"], 2, "seed must be an integer from 0"),
    "device twice": (
        ("x.csv", A_CSV),
        ["--target", "y", "--backend", "auto", "--device", "cpu"],
        2,
        "say the device once",
    ),
    "blank class": (("x.csv", "a,y\n1,u\n2,\n3,v\n"), ["--target", "y"], 2, "the target 'y' is missing in 1 rows"),
    "module": (("x.csv", A_CSV), ["--target", "y", "--backend", "this"], 4, "unknown backend 'this'"),
    "early": (("x.csv", A_CSV), ["--target", "y", "--early-stopping", "--validation", "0"], 2, "needs validation rows"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_and_leaves_nothing(nnx, name, folder):
    file, options, expected, message = FAULTS[name]
    if file:
        (folder / file[0]).write_text(file[1])
    code, out, err = nnx("train", file[0] if file else "x.csv", *options)
    assert code == expected and out == "" and message in err.replace("  ", " "), err
    assert err.startswith("nnx: ") and err.count("\n") == 1 and len(err) <= 200
    assert sorted(os.listdir(folder)) == ([file[0]] if file else [])


def test_npz_faults_name_the_array(nnx, folder):
    np.savez(folder / "a.npz", z=np.ones(3))
    np.savez(folder / "b.npz", x=np.ones((3, 2)), y=np.ones(4))
    np.savez(folder / "c.npz", x=np.ones(3), y=np.ones(3))
    np.savez(folder / "d.npz", x=np.asarray([[object()]], dtype=object), y=np.ones(1))
    for file, message in {
        "a": "expected arrays 'x' and 'y', found z",
        "b": "y must have shape (3,), got (4,)",
        "c": "x must be numbers (rows, features)",
        "d": "cannot be read as NPZ: Object arrays cannot be loaded",
    }.items():
        code, _, err = nnx("train", f"{file}.npz")
        assert code == 2 and message in err and err.count("\n") == 1


def test_a_run_is_never_overwritten(nnx):
    assert nnx("train", "iris", "--out", "run", *QUICK)[0] == 0
    code, _, err = nnx("train", "iris", "--out", "run", *QUICK)
    assert code == 2 and "run exists; a run is never overwritten" in err


def test_predict_needs_the_columns_of_the_model(nnx, folder):
    data = write_csv(folder / "a.csv", ["width", "b", "y"], np.random.default_rng(0).normal(size=(20, 3)))
    assert nnx("train", data, "--target", "y", "--out", "run", *QUICK)[0] == 0
    other = write_csv(folder / "b.csv", ["widht", "b"], [[1, 2]])
    code, _, err = nnx("predict", "run", other)
    assert code == 2 and "unknown column 'width': did you mean 'widht'?: the model needs it" in err
    code, _, err = nnx("predict", "run", "iris")
    assert code == 2 and "4 feature columns, the model expects 2" in err
    code, _, err = nnx("evaluate", "run", write_csv(folder / "c.csv", ["width", "b"], [[1, 2]]))
    assert code == 2 and "unknown column 'y'" in err
    code, _, err = nnx("predict", "run", data, "-o", "no/such/folder.csv")
    assert code == 2 and err.count("\n") == 1


def test_a_folder_that_is_no_run_has_its_own_exit_code(nnx, folder):
    code, _, err = nnx("predict", "nowhere", "iris")
    assert code == 3 and "nowhere: not a run folder" in err
    (folder / "run").mkdir()
    (folder / "run/model.safetensors").write_bytes(b"garbage garbage")
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


def test_ctrl_c_saves_and_exits_130(folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "nnx", "train", "digits", "--epochs", "100000", "--out", "run"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "saved in run (interrupted)" in out
    assert (folder / "run/model.safetensors").exists()


def test_the_version_is_quick():
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "nnx", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("nnx, version ")
    assert time.perf_counter() - started < 5  # a tripwire for an import of everything, not a measurement


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
