"""The command under other conditions: every subcommand under each, in one line or with the right output."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

from conditions import ENCODINGS, STREAMS, Server  # noqa: E402

ALL = os.environ.get("NNX_CONDITIONS") == "all"
QUICK = ("--epochs", "2", "--hidden", "2")
CLASSES = ("größe", "日本", "a\x1b[31mred", "\u202eevil", "tab\there")
COMMANDS = {  # what each is run with, its exit code, and whether it writes to standard output
    "train": (["train", "data.csv", "--target", "日本 y", *QUICK, "--out", "new"], 0, True),
    "train --json": (["train", "data.csv", "--target", "日本 y", *QUICK, "--out", "new", "--json"], 0, True),
    "train -q": (["train", "data.csv", "--target", "日本 y", *QUICK, "--out", "new", "-q"], 0, False),
    "train --dry-run": (["train", "data.csv", "--target", "日本 y", "--dry-run", "-v"], 0, True),
    "search": (["search", "data.csv", "--target", "日本 y", *QUICK, "--grid", "rate=0.1,1", "--cv", "2"], 0, True),
    "resume": (["resume", "begun"], 0, True),
    "resume of a finished run": (["resume", "run"], 2, False),
    "predict": (["predict", "run", "data.csv"], 0, True),
    "predict -o": (["predict", "run", "data.csv", "-o", "out.csv"], 0, False),
    "predict of no run": (["predict", "nowhere", "data.csv"], 3, False),
    "evaluate": (["evaluate", "run", "data.csv"], 0, True),
    "evaluate --json": (["evaluate", "run", "data.csv", "--json"], 0, True),
    "export": (["export", "run", "model.bin", "--opset", "1"], 2, False),
    "plot": (["plot", "run"], 2, False),
    "inspect of a table": (["inspect", "data.csv", "--target", "日本 y"], 0, True),
    "inspect of a run": (["inspect", "run"], 0, True),
    "bench": (["bench", "--backend", "numpy"], 0, True),
    "info": (["info"], 0, True),
    "verify": (["verify", "--backends", "numpy"], 0, True),
    "verify of a backend that is none": (["verify", "--backends", "nump"], 4, False),
    "help": (["--help"], 0, True),
    "help of a command": (["train", "--help"], 0, True),
    "version": (["--version"], 0, True),
    "no words": ([], 0, True),
    "an option that is none": (["train", "data.csv", "--größe", "3"], 2, False),
    "a command that is none": (["größe"], 2, False),
    "a table that is not there": (["train", "größe.csv"], 2, False),
}
LOST = {  # what is lost of standard output, and the exit code of a command that writes there
    **dict.fromkeys(("stdout closed", "both closed", "all closed", "stdout read only"), (2, "is closed")),
    **dict.fromkeys(("stdout full", "both full"), (2, "No space left")),
    **dict.fromkeys(("pipe broken", "both broken pipes"), (141, "")),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions")
    rng = np.random.default_rng(0)
    with open(folder / "data.csv", "w", newline="", encoding="utf-8") as file:
        rows = [[*rng.normal(size=2).round(3), CLASSES[i % 5]] for i in range(60)]
        csv.writer(file).writerows([["größe", "\u202eb\u200b", "日本 y"], *rows])
    with Server(folder) as server:
        kept = {"NNX_CACHE": str(folder / "cache")}
        for name, interrupted, code in (("run", False, 0), ("begun", True, 130)):
            words = ["train", "data.csv", "--target", "日本 y", *QUICK, "--out", name, "--checkpoint-every", "1"]
            found = server.run(*words, interrupted=interrupted, environment=kept)
            assert found[0] == code, found
        shutil.copytree(folder / "begun", folder / "begun.as it was")
        yield server


@pytest.fixture(autouse=True)
def as_it_was(server):
    yield
    for name in ("new", "runs", "out.csv", "begun"):
        path = server.folder / name
        path.unlink() if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    shutil.copytree(server.folder / "begun.as it was", server.folder / "begun")


def one_line(err, code, json=False):
    """Standard error is the one line of a fault, or empty where there is none to tell of."""
    text = err.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    assert "Traceback" not in text and "Error in" not in text and "Exception ignored" not in text, text
    if code in (1, 2, 3, 4):
        assert [line for line in lines if line.startswith("nnx: ")] == lines[-1:] and len(lines[-1]) <= 205, text
        assert json or len(lines) == 1, text
    assert "\x1b" not in text and "\u202e" not in text


def crossed(rows, columns):
    """Every pair, by `ci/soak conditions`; else a sixth of them, in which each row and each column is."""
    pairs = [(a, b) for i, a in enumerate(rows) for j, b in enumerate(columns) if ALL or (i + j) % 6 == 0]
    return pytest.mark.parametrize("condition, command", pairs, ids=[f"{a}-{b}" for a, b in pairs])


@crossed(STREAMS, COMMANDS)
def test_a_command_ends_well_whatever_its_streams_are(server, condition, command):
    words, code, writes = COMMANDS[command]
    expected, text = LOST[condition] if condition in LOST and writes else (code, "")
    found, out, err = server.run(*words, streams=condition)
    assert found == expected, (out, err)
    assert b"nnx: " not in out and (condition in LOST or bool(out) == writes)
    if "stderr" in condition or condition.startswith(("both", "all")):
        assert err == b""
    else:
        one_line(err, expected, "--json" in words)
        assert text in err.decode()


@crossed(ENCODINGS, [name for name, (_, code, writes) in COMMANDS.items() if writes and not code])
def test_a_command_writes_in_any_encoding(server, condition, command):
    words, code, _ = COMMANDS[command]
    found, out, err = server.run(*words, encoding=condition)
    assert found == code, err
    one_line(err, code)
    if words[:1] == ["predict"]:
        assert out == server.run(*words)[1] and out.decode("utf-8").splitlines()[0] == "日本 y"
    text = out.decode(condition)
    assert ("\x1b" not in text and "\u202e" not in text) or words[0] == "predict"


# ---- processes of their own: what only the start of Python, a terminal or a signal can be tried with


def started(*words, folder, code="from nnx.cli import main; main()", **more):
    """The command as the script that pip writes starts it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "NNX_COMPILE": "never"} | more.pop("environment", {})
    command = [sys.executable, "-c", f"import sys; sys.modules['matplotlib'] = None; {code}", *words]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.Popen(command, cwd=folder, env=environment, **streams)


LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "C without UTF-8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "PYTHONIOENCODING=ascii": {"PYTHONIOENCODING": "ascii"},
    "PYTHONIOENCODING=latin-1": {"PYTHONIOENCODING": "latin-1"},
    "no HOME": {"HOME": "/nonexistent", "XDG_CACHE_HOME": "", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "1"},
}


@pytest.mark.parametrize("locale", LOCALES if ALL else ["C without UTF-8", "no HOME"])
def test_a_training_and_its_predictions_in_a_locale(server, locale):
    words = ["train", "data.csv", "--epochs", "1", "--hidden", "2", "--out", "new", "--set", "data.path=data.csv"]
    (server.folder / "target.toml").write_text('[data]\ntarget = "日本 y"\n', encoding="utf-8")
    trained = started(*words, "-c", "target.toml", folder=server.folder, environment=LOCALES[locale])
    out, err = trained.communicate(timeout=120)
    assert (trained.returncode, err) == (0, b"") and b"saved in new" in out
    predicted = started("predict", "new", "data.csv", folder=server.folder, environment=LOCALES[locale])
    out, err = predicted.communicate(timeout=120)
    assert (predicted.returncode, err) == (0, b"") and out.decode("utf-8").startswith("日本 y\n")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_bytes_that_are_no_text_are_one_line(server, encoding):
    utf8 = {"PYTHONUTF8": "1" if encoding == "utf-8" else "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    run = started("inspect", b"\xff.csv", folder=server.folder, environment=utf8)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (2, b"")
    assert f"is not {encoding} text: {'rename the file' if encoding == 'utf-8' else 'set PYTHONUTF8=1'}" in err.decode()


BEGUN = "import os, nnx.cli; os.write(1, b'.'); nnx.cli.main()"


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0])
def test_ctrl_c_while_a_command_begins_is_its_exit_code(server, after):
    words = ["train", "data.csv", "--target", "日本 y", "--epochs", "100000", "--no-early-stopping", "--out", "new"]
    run = started(*words, folder=server.folder, code=BEGUN)
    assert run.stdout.read(1) == b"."  # before that it is Python that begins
    time.sleep(after)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode in (130, -signal.SIGINT) and b"Traceback" not in err and b"rror" not in err, err


def test_a_terminal_is_told_nothing_it_obeys(server):
    pty = pytest.importorskip("pty", reason="there are no terminals")
    ours, theirs = pty.openpty()
    run = started(
        "predict", "run", "data.csv", "--proba", folder=server.folder, stdout=theirs, stderr=subprocess.DEVNULL
    )
    os.close(theirs)
    read = b""
    with suppress(OSError):
        while part := os.read(ours, 1 << 16):
            read += part
    os.close(ours)
    assert run.wait(60) == 0 and b"a\\x1b[31mred" in read and b"\x1b" not in read and b"\\u202eevil" in read
