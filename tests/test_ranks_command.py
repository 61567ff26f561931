"""The command on ranks: started by a launcher or by --workers, and what goes wrong on one of them."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytest.importorskip("mpi4py", reason="mpi4py is not installed")

ROOT = Path(__file__).parents[1]
BESIDE = Path(sys.executable).with_name("mpiexec")
MPIEXEC = BESIDE if BESIDE.exists() else Path(shutil.which("mpiexec") or BESIDE)
pytestmark = [
    pytest.mark.skipif(not MPIEXEC.exists(), reason="mpiexec is not installed"),
    pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="finds ranks in /proc"),
]
PROGRAM = """
import os
from nnx.training.alone import Alone
epoch, fault = Alone.epoch, os.environ.get("FAULT", "")
def faulty(self, number, *given):
    if fault and number == 4 and self.ranks.number == int(fault[-1]):
        raise {"memory": MemoryError, "bug": ZeroDivisionError}[fault[:-1]]("no more")
    return epoch(self, number, *given)
Alone.epoch = faulty
from nnx.cli import main
main()
"""
TRAIN = ["train", "data.csv", "--target", "y", "--members", "1", "--hidden", "8", "--no-early-stopping"]
TRAIN += ["--checkpoint-every", "1", "--micro-batches", "8"]
ENDLESS = [*TRAIN, "--epochs", "100000", "--out", "run"]
NNX = [sys.executable, "-c", PROGRAM]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in {"OMP_NUM_THREADS": "1", "NNX_COMPILE": "never", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "without"), str(ROOT)]))
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "matplotlib.py").write_text("raise ImportError('pictures take time')")
    rng = np.random.default_rng(0)
    rows = [[f"{a:.4f}", "uvw"[i % 3], "yes" if a + (i % 3) > 1 else "no"] for i, a in enumerate(rng.normal(size=200))]
    with open("data.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", "b", "y"], *rows])
    return tmp_path


def launched(count, *words):
    """The command in so many ranks of mpiexec: exit code, output, errors."""
    done = subprocess.run(
        [MPIEXEC, "-n", str(count), *NNX, *words], capture_output=True, text=True, timeout=100, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def ranks_of(process):
    """The processes of the ranks that a process has started, by number."""
    found, waiting = {}, [process]
    while waiting:
        parent = waiting.pop()
        try:
            waiting += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
            words = Path(f"/proc/{parent}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for name in (b"PMI_RANK=", b"OMPI_COMM_WORLD_RANK="):
            found |= {int(word.removeprefix(name)): parent for word in words if word.startswith(name)}
    return found


def epochs(run="run"):
    """How many are written down."""
    file = Path(run, "metrics.csv")
    return max(len(file.read_text().splitlines()) - 1, 0) if file.exists() else 0


@contextmanager
def begun(*words):
    """A command that trains in `run`, after some epochs, by `python -m nnx`."""
    with subprocess.Popen(
        [sys.executable, "-m", "nnx", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        began, end = epochs(), time.monotonic() + 60
        while process.poll() is None and time.monotonic() < end and epochs() < began + 3:
            time.sleep(0.01)
        try:
            yield process
        finally:
            for rank in ranks_of(process.pid).values() if process.poll() is None else ():
                os.kill(rank, signal.SIGKILL)
            process.kill()


def ended(process, began):
    """Exit code, output, errors, and the seconds that it took."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err, time.monotonic() - began


def model(run):
    return Path(run, "best.safetensors").read_bytes()


def test_the_first_of_the_ranks_that_a_launcher_has_started_speaks_and_writes(nnx):
    words = [*TRAIN, "--epochs", "12"]
    code, out, err = launched(3, *words, "--out", "run", "-v")
    assert (code, err) == (0, "")
    assert "note: 3 ranks share the 8 micro-batches of each batch\n" in out
    assert out.count("epoch 12/12") == 1 and out.count("saved in run") == 1
    assert nnx(*words, "--out", "alone", "-q")[0] == 0
    assert model("run") == model("alone") and sorted(os.listdir("run")) == sorted(os.listdir("alone"))


def test_workers_are_killed_and_gone_on_with_in_other_numbers_to_the_same_bits(nnx):
    assert nnx(*TRAIN, "--epochs", "80", "--out", "whole", "-q")[0] == 0
    with begun(*TRAIN, "--epochs", "80", "--out", "run", "--workers", "4", "-q") as process:
        os.kill(ranks_of(process.pid)[2], signal.SIGKILL)
        code, out, err, seconds = ended(process, time.monotonic())
        assert (code, out) == (1, "") and seconds < 10  # 0.5 where nothing else runs
        assert err == "nnx: rank 2 of 4 was killed by SIGKILL; go on with: nnx resume run\n"
    with begun("resume", "run", "--workers", "2", "-q") as process:
        os.kill(ranks_of(process.pid)[0], signal.SIGKILL)
        assert ended(process, 0)[2] == "nnx: rank 0 of 2 was killed by SIGKILL; go on with: nnx resume run\n"
    assert not Path("run/best.safetensors").exists()
    assert nnx("resume", "run", "-q") == (0, "", "")
    assert model("run") == model("whole")


def test_ranks_are_started_again_after_one_was_killed(nnx):
    assert nnx(*TRAIN, "--epochs", "60", "--out", "whole", "-q")[0] == 0
    words = [*TRAIN, "--epochs", "60", "--out", "run", "--workers", "2", "--restarts", "1", "-q"]
    with begun(*words) as process:
        os.kill(ranks_of(process.pid)[1], signal.SIGKILL)
        code, _, err, _ = ended(process, 0)
        assert (code, err) == (0, "nnx: rank 1 of 2 was killed by SIGKILL; restart 1 of 1\n")
    assert model("run") == model("whole")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_all_ranks_with_a_checkpoint(number, code, nnx):
    with begun(*ENDLESS, "--workers", "2") as process:
        process.send_signal(number)
        found, out, err, _ = ended(process, 0)
    assert found == code and err == "\nstopping after this batch; again to stop now\n"
    assert out.endswith("saved in run (interrupted)\ngo on with: nnx resume run\n") and out.count("saved in") == 1
    assert Path("run/checkpoint.safetensors").exists() and Path("run/best.safetensors").exists()


def test_ranks_end_with_the_command_that_has_started_them():
    with begun(*ENDLESS, "--workers", "2", "-q") as process:
        ranks = ranks_of(process.pid)
        process.kill()
        process.communicate()
        end = time.monotonic() + 30
        while any(Path(f"/proc/{rank}").exists() for rank in ranks.values()) and time.monotonic() < end:
            time.sleep(0.05)
        assert time.monotonic() < end and Path("run/best.safetensors").exists()


def test_a_rank_that_stands_still_is_told_of_after_a_time_limit(monkeypatch):
    monkeypatch.setenv("NNX_RANKS_TIMEOUT", "2")
    with begun(*ENDLESS, "--workers", "2", "-q") as process:
        os.kill(ranks_of(process.pid)[0], signal.SIGSTOP)
        code, _, err, _ = ended(process, 0)
        text = "nothing from the others for 2 s: is one gone, or the network between them?"
        assert (code, err) == (1, f"nnx: rank 1 of 2: {text}\n")


@pytest.mark.parametrize("fault", ["memory1", "memory0", "bug1"])
def test_a_fault_of_one_rank_ends_all_in_a_line_that_names_it(fault, monkeypatch, nnx):
    monkeypatch.setenv("FAULT", fault)
    code, _, err = launched(2, *ENDLESS, "-q")
    last = err.splitlines()[-1]
    text = "ZeroDivisionError: no more" if fault == "bug1" else "out of memory"
    assert code == 1 and last.startswith(f"nnx: rank {fault[-1]} of 2: {text}")
    assert err.count("Traceback") == (fault == "bug1") and err.count("nnx: ") == 1
    assert Path("run/checkpoint.safetensors").exists()


REFUSED = {
    "data.csv: unknown column 'nope'": [*TRAIN, "--target", "nope", "--out", "new"],
    "No such option '--nonsense'": [*TRAIN, "--nonsense"],
    "there exists; a run is never overwritten": [*TRAIN, "--out", "there"],
    "2 ranks share the micro-batches of each batch, and there are 1": [*TRAIN, "--micro-batches", "1", "--out", "new"],
    "--workers starts ranks, and this is one of 2 that mpiexec has started": [*TRAIN, "--workers", "2"],
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_all_ranks_find_wrong_is_said_once(text):
    os.mkdir("there")
    Path("there/file").touch()
    code, _, err = launched(2, *REFUSED[text], "-q")
    assert code == 2 and err.startswith(f"nnx: {text}") and err.count("\n") == 1, err
    assert not os.path.exists("new")


def test_ranks_with_another_table_or_other_settings_are_refused(folder):
    words = [*TRAIN, "--epochs", "3", "--out", "run", "-q"]
    (folder / "other").mkdir()
    (folder / "other" / "data.csv").write_text((folder / "data.csv").read_text() + "1,u,no\n")
    same = [MPIEXEC, "-n", "2", *NNX, *words]
    for other, text in (
        (["-n", "1", "-wdir", "other", *NNX, *words], "the hash of the table is"),
        (["-n", "1", *NNX, *words, "--rate", "0.1"], "optimizer.rate is 0.1 on rank 2, and 0.001 on rank 0"),
    ):
        done = subprocess.run([*same, ":", *other], capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith(f"nnx: {text}") and "all ranks must train the same" in done.stderr
        assert not os.path.exists("run")


def test_several_networks_and_those_of_a_search_are_dealt_out(nnx):
    words = ["search", "data.csv", "--target", "y", "--grid", "rate=0.001,0.03", "--cv", "2", "--hidden", "8"]
    words += ["--members", "2", "--epochs", "10", "--no-early-stopping"]
    done = subprocess.run(
        [sys.executable, "-m", "nnx", *words, "--out", "run", "--workers", "3"], capture_output=True, text=True,
        timeout=100, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and "note: 3 ranks share the networks" in done.stdout
    assert nnx(*words, "--out", "alone", "-q")[0] == 0
    assert Path("run/search.csv").read_text() == Path("alone/search.csv").read_text()
    assert model("run") == model("alone")


def test_a_table_in_blocks_is_encoded_once_for_all_ranks(nnx, monkeypatch, folder):
    monkeypatch.setenv("NNX_CACHE", str(folder / "cache"))
    words = ["train", "data.csv", "--target", "y", "--memory", "4KB", "--batch-size", "16", "--epochs", "3"]
    code, out, err = launched(3, *words, "--hidden", "8", "--out", "run")
    assert (code, err) == (0, "") and out.count("encoded rows in the cache") == 1
    assert "note: 3 ranks share the 8 micro-batches of each batch (--micro-batches)\n" in out
    assert nnx(*words, "--hidden", "8", "--micro-batches", "8", "--out", "alone", "-q")[0] == 0
    assert model("run") == model("alone")  # the last batch has one row, which two of the ranks have no part of


@pytest.mark.parametrize("limit", ["soon", "-1", "0"])
def test_a_time_limit_that_is_none_is_refused(limit, monkeypatch):
    from nnx import SettingError
    from nnx.training.parallel import limit as seconds

    monkeypatch.setenv("NNX_RANKS_TIMEOUT", limit)
    with pytest.raises(SettingError, match="NNX_RANKS_TIMEOUT, must be seconds above 0"):
        seconds(None)


def test_without_mpi_one_line_says_what_to_install(nnx, monkeypatch):
    monkeypatch.setattr("nnx.cli.workers.find_spec", lambda name: None)
    code, out, err = nnx(*TRAIN, "--out", "run", "--workers", "2")
    assert (code, out) == (4, "") and err == ("nnx: --workers needs mpiexec and mpi4py: pip install 'nnx-array[mpi]'\n")
    assert not os.path.exists("run")
