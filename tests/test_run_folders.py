"""Run folders: one process at a time, whole whatever ends it, and nothing believed of what is found in one."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nnx as library

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from nnx import system
from nnx.cli import claim
from nnx.files import locked
from nnx.training.alone import Alone
from nnx.training.interrupt import Termination
from nnx.training.population.members import Members

posix = pytest.mark.skipif(os.name != "posix", reason="signals and processes of POSIX")
USUAL = ["--target", "y", "--hidden", "4", "--epochs", "8", "--no-early-stopping", "--checkpoint-every", "1", "-q"]
USUAL += ["--set", "training.members=1"]
TRAIN = ["train", "data.csv", *USUAL]
SEARCH = ["search", "data.csv", *USUAL, "--grid", "rate=0.001,0.01", "--grid", "batch_size=16,32", "--cv", "2"]
PROGRAM = "import sys; sys.modules['matplotlib'] = None; import nnx.cli; nnx.cli.main(sys.argv[1:])"


def interrupted(nnx, engine, at, *words):
    """The command with Ctrl-C in this epoch of all."""
    epochs, real = [], engine.epoch

    def epoch(self, *arguments):
        epochs.append(1)
        if len(epochs) == at:
            signal.raise_signal(signal.SIGINT)
        return real(self, *arguments)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(engine, "epoch", epoch)
        assert nnx(*words)[0] == 130


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a table."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(80, 2))
    rows = [f"{a:.3f},{b:.3f},{'yes' if a > b else 'no'}" for a, b in x]
    Path("data.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    return tmp_path


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A place for runs that are made once."""
    return tmp_path_factory.mktemp("runs") / "made"


@pytest.fixture
def runs(folder, nnx, made):
    """Runs in it: one that is finished, one in training, a search, and the training of a search's best."""
    if not made.exists():
        assert nnx(*TRAIN, "--out", "finished")[0] == 0
        interrupted(nnx, Alone, 5, *TRAIN, "--out", "run")
        interrupted(nnx, Members, 10, *SEARCH, "--out", "searching")
        interrupted(nnx, Alone, 5, *SEARCH, "--out", "searched")
        shutil.copytree(folder, made)
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder


def one_line(err, code, found, expected):
    assert found == expected, (code, err)
    assert err.startswith("nnx: ") and err.count("\n") == 1 and len(err) <= 206, err


def content(path):
    return {name: (Path(path) / name).read_bytes() for name in os.listdir(path)}


# One process at a time --------------------------------------------------------------------------


@posix
def test_while_a_process_has_a_folder_no_other_writes_there(runs, nnx):
    """Folder x command: refused in one line that names the process, or read whole."""
    os.mkdir("empty")
    program = """
import sys
from contextlib import ExitStack
from pathlib import Path
from nnx.cli.claim import owned
with ExitStack() as stack:
    for name in sys.argv[1:]:
        stack.enter_context(owned(Path(name)))
    print("held", flush=True)
    sys.stdin.read()
"""
    names = ["empty", "finished", "run", "searching"]
    other = subprocess.Popen(
        [sys.executable, "-c", program, *names], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "held\n"
    before = {name: content(name) for name in names}
    for name in names:
        writing = [[*TRAIN, "--out", name], [*TRAIN, "--out", name, "--force"], [*SEARCH, "--out", name]]
        for words in [*writing, ["resume", name, "-q"]]:
            code, _, err = nnx(*words)
            one_line(err, words, code, 2)
            assert f"{name} is being written by process {other.pid}: wait for it" in err
        for words in (["predict", name, "data.csv"], ["evaluate", name, "data.csv"], ["inspect", name]):
            code, _, err = nnx(*words)
            if (Path(name) / "best.safetensors").exists():
                assert code == 0
            else:
                one_line(err, words, code, 3)
                assert f"{name}: being trained by process {other.pid}" in err
        assert content(name) == before[name]
    other.communicate("")
    assert nnx("resume", "run", "-q")[0] == 0 and nnx(*TRAIN, "--out", "empty")[0] == 0
    assert ".lock" not in os.listdir("run")


def test_two_fits_with_one_checkpoint_are_one_too_many(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    to = library.Checkpoint(tmp_path / "c.safetensors")

    def train(callbacks=(), **more):
        return library.fit(
            library.mlp((4,), 2),
            x,
            y,
            loss="softmax_cross_entropy",
            epochs=2,
            checkpoint=to,
            callbacks=callbacks,
            **more,
        )

    def again(report):
        for more in ({}, {"members": 2}):
            with pytest.raises(
                library.DataError, match="is being written by this process: wait for it, or give another"
            ):
                train(**more)

    train([again])
    assert sorted(os.listdir(tmp_path)) == ["c.safetensors", "c.safetensors.previous"]
    train()  # the lock is free again


def test_folders_of_one_second_are_not_the_same(folder):
    with claim.new_folder(None, "x") as first, claim.new_folder(None, "x") as second:
        assert first != second and first.is_dir() and second.name.startswith(first.name[:10])


def test_where_there_are_no_locks_a_warning_says_so(tmp_path, monkeypatch):
    def none(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(system, "lock", none)
    told = pytest.warns(UserWarning, match="no locks here .No locks available.: let no other process write")
    with told, locked(tmp_path / "x.lock", tmp_path, ""):
        pass


@posix
def test_a_lock_does_not_outlive_its_process_nor_go_to_a_child(tmp_path):
    program = """
import os, signal, sys
from pathlib import Path
from nnx.files import locked
with locked(Path(sys.argv[1]), "it", ""):
    child = os.fork()
    if child == 0:
        os.close(1)
        signal.pause()
    print(child, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    file = tmp_path / "x.lock"
    done = subprocess.run([sys.executable, "-c", program, file], stdout=subprocess.PIPE, text=True, check=False)
    assert file.exists()
    with locked(file, "it", ""):
        os.kill(int(done.stdout), signal.SIGKILL)
    assert not file.exists()


@posix
def test_a_training_ends_with_its_supervisor(folder):
    words = [*TRAIN, "--epochs", "1000000", "--restarts", "1", "--out", "run"]
    process = subprocess.Popen([sys.executable, "-m", "nnx", *words], start_new_session=True)
    end, lock = time.monotonic() + 240, Path("run/.lock")
    while time.monotonic() < end and not (Path("run/metrics.csv").is_file() and Path("run/metrics.csv").stat().st_size):
        time.sleep(0.02)
    child = int(lock.read_text().split()[0])
    assert child != process.pid
    process.send_signal(signal.SIGKILL)
    process.wait()
    while time.monotonic() < end and system.is_alive(child):
        time.sleep(0.02)
    assert not system.is_alive(child) and Path("run/best.safetensors").exists() and not lock.exists()


@posix
def test_a_signal_that_is_ignored_stays_so_and_sigterm_still_ends_after_a_batch(monkeypatch):
    x, y = np.zeros((40, 2)), np.zeros(40, int)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:

        def ended(report):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            signal.raise_signal(signal.SIGINT)
            if report.epoch == 2:
                signal.raise_signal(signal.SIGTERM)

        with Termination() as termination:
            fit = library.fit(library.mlp((2,), 2), x, y, loss="softmax_cross_entropy", epochs=9, callbacks=[ended])
        assert termination.seen and fit.stopped == "interrupted" and len(fit.history["loss"]) == 2
    finally:
        signal.signal(signal.SIGINT, before)


def test_after_ctrl_c_the_other_runs_of_a_population_begin_no_batch():
    x, y, seen = np.random.default_rng(0).normal(size=(64, 3)), np.arange(64) % 2, []

    def stop(report):
        seen.append(report.members)
        signal.raise_signal(signal.SIGINT)

    nets = [library.mlp((4,) * depth, 2) for depth in (1, 2, 3)]
    members = [library.Member(net, library.SoftmaxCrossEntropy(), library.Adam()) for net in nets]
    fits = library.Population(members).fit(x, y, epochs=5, callbacks=[stop])
    assert seen == [(0,)] and [fit.stopped for fit in fits] == ["interrupted"] * 3
    assert [fit.best_epoch for fit in fits] == [1, 0, 0] and not fits[1].history
    start = library.init(nets[1], 3, seed=members[1].seed)
    assert all(np.array_equal(fits[1].params[name], p) for name, p in start.items())


# Whole whatever ends it -------------------------------------------------------------------------


@posix
def test_pairs_of_commands_and_kills_leave_no_mixed_run():
    """Six pairs, and a kill at every 51st operation on files; `ci/soak runs` makes it a thousand, and each."""
    script = Path(__file__).parents[1] / "ci" / "run_soak.py"
    environment = os.environ | {"PYTHONPATH": str(Path(library.__file__).parents[1])}
    for words in (["pairs", "6", "4"], ["points", "51"]):
        done = subprocess.run(
            [sys.executable, script, *words], capture_output=True, text=True, env=environment, timeout=300, check=False
        )
        print(done.stdout[-300:])
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_a_disk_that_fills_up_names_the_file_and_leaves_a_folder_that_can_be_used(folder, nnx):
    """No room for the n-th file, for every third n: the run is gone on with, replaced, or nothing of it is left."""
    real, counted, number = os.write, [], 0
    while True:
        number += 3
        counted.clear()

        def write(file, piece, number=number):
            counted.append(file)
            if len(counted) >= number:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(file, piece)

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(os, "write", write)
            code, _, err = nnx(*TRAIN, "--epochs", "1", "--out", "run")
        if code == 0:
            break
        one_line(err, number, code, 2 if "metrics.csv" in err else 3)  # a logger's own error
        assert f"run{os.sep}" in err and "No space left on device" in err and "the output" not in err
        if not os.path.exists("run"):
            continue
        assert not [name for name in os.listdir("run") if ".tmp-" in name or name.endswith(".lock")]
        shutil.copytree("run", "copy")
        assert nnx("resume", "copy", "-q")[0] == 0
        assert nnx(*TRAIN, "--out", "run", "--force")[0] == 0
        shutil.rmtree("run")
        shutil.rmtree("copy")
    assert number > 20


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_that_writes_there(runs, nnx, monkeypatch):
    """Left x command; what a process that lives is writing stays."""
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True)
    ending = f".tmp-{system.machine()}-{int(dead.stdout)}-0123abcd"
    living = f".tmp-{system.machine()}-{os.getppid()}-0123abcd"
    monkeypatch.setenv("NNX_CACHE", "cache")
    os.mkdir("cache")
    assert nnx(*TRAIN, "--memory", "1KB", "--out", "blocks")[0] == 0
    (entry,) = os.listdir("cache")
    commands = {
        f"p.csv{ending}": ["predict", "finished", "data.csv", "-o", "p.csv"],
        f"run/best.safetensors{ending}": ["resume", "run", "-q"],
        f"finished/metrics.csv{ending}": [*TRAIN, "--out", "finished", "--force"],
        f"made/config.toml{ending}": [*TRAIN, "--out", "made"],
        f"searching/search.csv{ending}": ["resume", "searching", "-q"],
    }
    for left, words in commands.items():
        alive = left.replace(ending, living)
        for file in (left, *([alive] if not alive.startswith("made") else [])):
            Path(file).parent.mkdir(exist_ok=True)
            Path(file).write_bytes(b"half")
        assert nnx(*words)[0] == 0, left
        assert not os.path.exists(left) and (os.path.exists(alive) or alive.startswith("made"))
    shutil.copytree("finished", "finished.new")  # of a --force that was killed
    Path("finished.new/.lock").write_text(f"{int(dead.stdout)} {system.machine()} begun")
    os.mkdir(f"cache/{entry}{ending}")
    Path(f"cache/{entry}{ending}/train.x.npy").write_bytes(b"half")
    os.truncate(f"cache/{entry}/train.x.npy", 200)  # of a disk that was full
    assert nnx(*TRAIN, "--memory", "1KB", "--out", "finished", "--force")[0] == 0
    assert not [name for name in os.listdir() if ".new" in name] and os.listdir("cache") == [entry]
    assert (Path("blocks") / "best.safetensors").stat().st_size == Path("finished/best.safetensors").stat().st_size


def test_a_new_run_that_was_put_half_in_the_place_of_another_is_put_there_whole(runs, nnx):
    new = content("run")
    os.rename("run", "finished.new")
    note = {"by": "finished.new", "files": sorted(new)}
    Path("finished/.replacing").write_text(json.dumps(note))
    os.replace("finished.new/best.safetensors", "finished/best.safetensors")
    assert nnx("inspect", "finished")[0] == 0
    assert content("finished") == new and not os.path.exists("finished.new")
    for wrong in ({"by": "../finished.new", "files": []}, {"by": "finished.new", "files": ["../../x"]}, [], {"by": 1}):
        Path("finished/.replacing").write_text(json.dumps(wrong))
        code, _, err = nnx("inspect", "finished")
        one_line(err, wrong, code, 3)


def test_where_a_system_has_nothing_of_posix_all_trains(folder):
    """Without locks, process numbers, links, folders that are synced, and most signals."""
    program = """
import os, signal, sys
import numpy, pyarrow.csv  # which ask for some themselves
try:
    import pandas
except ImportError:
    pass
for name in ("fcntl", "msvcrt", "resource", "termios", "pwd", "grp", "matplotlib"):
    sys.modules[name] = None
gone = "fork kill uname sched_getaffinity sysconf link fchmod O_DIRECTORY O_NONBLOCK O_NOFOLLOW O_CLOEXEC getuid umask"
for name in gone.split():
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGQUIT", "SIGUSR1", "pthread_sigmask", "setitimer"):
    delattr(signal, name)
import warnings
warnings.simplefilter("ignore")
import nnx
x = [[0.0], [1.0], [2.0], [3.0]]
nnx.fit(nnx.Dense(1), x, x, loss="squared_error", epochs=2, checkpoint=nnx.Checkpoint("c.safetensors"))
nnx.fit(nnx.Dense(1), x, x, loss="squared_error", epochs=2, resume="c.safetensors")
from nnx import cli
cli.main(sys.argv[1:])
"""
    for words, code, text in (
        ([*TRAIN, "--epochs", "2", "--out", "run"], 0, "no locks here"),
        ([*TRAIN, "--restarts", "1"], 2, "--restarts needs the signals of POSIX"),
    ):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
        assert done.returncode == code and text in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert os.listdir("run") and not os.path.exists("run/.lock")
