"""Runs of the command that were interrupted: killed, asked to end, crashed under supervision; then gone on with."""

import csv
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors import safe_open

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from nnx import load

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
TRAIN = ["train", "data.csv", "--target", "y", "--hidden", "8", "--dropout", "0.2", "--no-early-stopping"]
TRAIN += ["--epochs", "60", "--checkpoint-every", "1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [[f"{a:.4f}", "uvw"[i % 3], "yes" if a + (i % 3) > 1 else "no"] for i, a in enumerate(rng.normal(size=400))]
    with open("data.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "y"], *rows])
    return tmp_path


def begun(*args, epochs):
    """The command in a process of its own, after so many epochs, without pictures."""
    program = "import sys; sys.modules['matplotlib'] = None; import nnx.cli; nnx.cli.main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", program, *args, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if f'"epoch":{epochs},' in line.replace(" ", ""):
            return process
    raise AssertionError(process.communicate()[1])


def metrics(run):
    with open(f"{run}/metrics.csv") as file:
        return [
            {k: v for k, v in r.items() if k not in ("seconds", "samples_per_second")} for r in csv.DictReader(file)
        ]


def content(path):
    """All that is in a model file; safetensors writes the two entries of its metadata in any order."""
    with safe_open(path, "np") as file:
        return file.metadata(), {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118


def same(run, other):
    """Whether two runs ended with the same files."""
    assert content(f"{run}/best.safetensors") == content(f"{other}/best.safetensors")
    assert metrics(run) == metrics(other)
    assert sorted(os.listdir(run)) == sorted(os.listdir(other))
    with open(f"{run}/events.jsonl") as file:
        assert len(file.readlines()) == len(metrics(run))


def test_a_killed_run_is_gone_on_with_to_the_same_files(nnx, monkeypatch):
    assert nnx(*TRAIN, "--out", "whole")[0] == 0
    process = begun(*TRAIN, "--out", "run", epochs=7)
    process.kill()
    process.communicate()
    assert load("run/checkpoint.safetensors").encoder is not None
    monkeypatch.setenv("NNX_BACKEND", "nonsense")  # the run says itself where it is trained
    code, out, err = nnx("resume", "run")
    assert code == 0 and err == "" and "run: goes on after epoch" in out and "saved in run" in out
    same("run", "whole")
    code, _, err = nnx("resume", "run")
    assert code == 2 and "the run is finished" in err and err.count("\n") == 1


@pytest.mark.parametrize("second", [False, True])
def test_a_killed_run_of_two_kinds_is_gone_on_with_to_the_same_files(nnx, second):
    settings = [*TRAIN, "--epochs", "25", "--preset", "best", "--members", "3"]
    assert nnx(*settings, "--out", "whole")[0] == 0
    process = begun(*settings, "--out", "run", epochs=25 if second else 7)
    for _ in range(5):  # of the second kind, where the first has had its 25
        process.stdout.readline()
    process.kill()
    process.communicate()
    code, out, err = nnx("resume", "run")
    assert code == 0 and err == "" and "run: goes on after epoch" in out
    same("run", "whole")
    assert len(metrics("run")) == 50


def test_a_run_that_is_asked_to_end_saves_and_says_how_to_go_on(nnx):
    settings = [*TRAIN, "--epochs", "200"]
    assert nnx(*settings, "--out", "whole", "-q")[0] == 0
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        run = f"run{code}"
        process = begun(*settings, "--out", run, epochs=3)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert f"saved in {run} (interrupted)" in err and f"go on with: nnx resume {run}" in err
        assert os.path.exists(f"{run}/best.safetensors")
        assert nnx("resume", run, "-q")[0] == 0
        same(run, "whole")


def test_asked_twice_it_stops_now_and_files_are_whole(nnx):
    program = """
import signal, sys, nnx.cli
from nnx.training import CSVLogger
log = CSVLogger.__call__
def twice(self, report):
    log(self, report)
    if report.epoch == 5:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
CSVLogger.__call__ = twice
nnx.cli.main(sys.argv[1:])
"""
    words = [sys.executable, "-c", program, *TRAIN, "--out", "run"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 143 and "go on with: nnx resume run" in done.stdout
    assert not os.path.exists("run/best.safetensors")
    assert load("run/checkpoint.safetensors").about["checkpoint"]["epoch"] == 4
    assert nnx("resume", "run", "-q")[0] == 0
    assert nnx(*TRAIN, "--out", "whole", "-q")[0] == 0
    same("run", "whole")


def test_a_table_in_blocks_is_gone_on_with(nnx, monkeypatch, folder):
    monkeypatch.setenv("NNX_CACHE", str(folder / "cache"))
    settings = [*TRAIN, "--memory", "4KB", "--batch-size", "16"]
    process = begun(*settings, "--out", "run", epochs=5)
    process.kill()
    process.communicate()
    assert nnx("resume", "run", "-q")[0] == 0
    assert nnx(*settings, "--out", "whole", "-q")[0] == 0
    same("run", "whole")


def test_what_cannot_be_gone_on_with_is_refused_in_one_line(nnx):
    code, _, err = nnx("resume", "nowhere")
    assert code == 3 and "not the folder of a run that can be gone on with" in err and err.count("\n") == 1
    process = begun(*TRAIN, "--out", "run", epochs=3)
    process.kill()
    process.communicate()
    with open("data.csv", "a") as file:
        file.write("1.0,u,yes\n")
    code, _, err = nnx("resume", "run")
    assert code == 2 and "data.csv has changed since the run began" in err and err.count("\n") == 1
    os.unlink("data.csv")
    code, _, err = nnx("resume", "run")
    assert code == 2 and "data.csv: not there" in err and err.count("\n") == 1
    assert nnx("train", "iris", "--checkpoint-every", -1)[0] == 2


def test_without_checkpoints_a_killed_run_begins_anew(nnx):
    settings = [*TRAIN, "--checkpoint-every", "0"]
    process = begun(*settings, "--out", "run", epochs=3)
    process.kill()
    process.communicate()
    code, out, _ = nnx("resume", "run")
    assert code == 0 and "no checkpoint: it begins anew" in out
    assert nnx(*settings, "--out", "whole", "-q")[0] == 0
    same("run", "whole")


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="finds children in /proc")
def test_under_supervision_a_run_survives_two_kills(nnx, pictures):
    settings = [*TRAIN, "--epochs", "200", "--out", "run"]
    words = [sys.executable, "-m", "nnx", *settings, "--restarts", "2", "-q"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    killed = set()
    while len(killed) < 2 and process.poll() is None:
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
            children = set(map(int, file.read().split())) - killed
        wanted = 3 + 40 * len(killed)
        if children and os.path.exists("run/metrics.csv") and len(metrics("run")) > wanted:
            child = children.pop()
            os.kill(child, signal.SIGKILL)
            killed.add(child)
            time.sleep(0.2)
        time.sleep(0.01)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0 and len(killed) == 2, err
    assert "killed by SIGKILL; restart 1 of 2" in err and "restart 2 of 2" in err
    assert nnx(*settings[:-1], "whole", "-q")[0] == 0
    same("run", "whole")


def test_a_killed_search_is_gone_on_with_to_the_same_files(nnx, folder):
    grid = ["search", "data.csv", "--target", "y", "--grid", "rate=0.001,0.01,0.1", "--grid", "optimizer=adamw,sgd"]
    grid += ["--cv", "3", "--hidden", "8", "--epochs", "40", "--no-early-stopping", "--checkpoint-every", "1"]
    assert nnx(*grid, "--out", "whole", "-q")[0] == 0
    process = subprocess.Popen([sys.executable, "-m", "nnx", *grid, "--out", "run", "-q"], stderr=subprocess.PIPE)
    files = folder / "run" / "search-1.safetensors", folder / "run" / "search-1.safetensors.previous"
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        if files[0].exists() and files[1].exists() and load(files[0]).about["checkpoint"]["epoch"] >= 5:
            break
        time.sleep(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
    process.stderr.close()
    code, out, err = nnx("resume", "run")
    assert code == 0 and err == "" and "run: goes on after" in out
    same("run", "whole")
    with open("run/search.csv") as a, open("whole/search.csv") as b:
        assert a.read() == b.read()
