"""The command under other conditions: every subcommand under each, in one line or with the right output."""

import csv
import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")
pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

from conditions import ENCODINGS, STREAMS, Server  # noqa: E402

from nnx.cli.options import FLAGS, PLACES, READING  # noqa: E402

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


# ---- words that are too long, too large, or no text


def train(**options):
    """The words of a training, some of them others."""
    known = {"--target": "y", "--epochs": "1", "--hidden": "2", "--early-stopping": None} | options
    return ["train", "data.csv", *(word for pair in known.items() for word in pair if word is not None)]


@pytest.fixture
def small(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    rows = "".join(f"{i * 7 % 11},{i % 5},{'rst'[i % 3]}\n" for i in range(60))
    (tmp_path / "data.csv").write_text(f"a,b,y\n{rows}")
    return tmp_path


VALUES = {
    "long": "x" * 250,
    "a long number": "1" * 250,
    "20 digits": "1" * 20,
    "20 digits, negative": "-" + "9" * 20,
    "beyond floats": "1e99999",
    "nan": "nan",
    "inf": "inf",
    "a list": ",".join(f"c{i}" for i in range(100)),
    "what a terminal obeys": "a\x1b[31m\nb\u202e",
    "quotes": "it's 'q' " + "w " * 120,
}
OPTIONS = [option for option, *_ in (*FLAGS, *READING, *PLACES)] + ["-c", "--set", "--out", "--restarts", "--nonsense"]


@pytest.mark.parametrize("value", VALUES)
def test_every_option_answers_a_strange_value_in_one_line(nnx, small, value):
    for option in OPTIONS:
        words = train(**{option: VALUES[value]})
        code, out, err = nnx(*words, "--dry-run")
        assert code in (0, 1, 2, 3, 4), (option, err)
        if code:
            assert err.startswith("nnx: ") and err.count("\n") == 1 and len(err) <= 206, (option, err)
            assert not err.endswith(("...\n",)) or "known: " in err, (option, err)
        assert "\x1b" not in out + err and "\u202e" not in out + err


def test_words_that_are_no_text_are_refused_in_one_line(nnx, small):
    for words in (["train", "\udcff.csv"], ["predict", "run\udc80", "data.csv"], ["inspect", "x\udcfe"], ["\udcff"]):
        code, out, err = nnx(*words)
        assert code == 2 and out == "" and "is not utf-8 text: rename the file" in err and err.count("\n") == 1


# ---- words in another order


SWAPPED = {
    "predict data.csv run": (2, "run is a run, not a table: first the run, then the table: nnx predict RUN DATA"),
    "evaluate data.csv run": (2, "first the run, then the table: nnx evaluate RUN DATA"),
    "predict data.csv data.csv": (3, "data.csv: a table, not a run"),
    "evaluate data.csv": (2, "Missing argument 'DATA'. Usage: nnx evaluate RUN DATA"),
    "predict run data.csv more": (2, "Usage: nnx predict RUN DATA"),
    "export data.csv m.onnx": (3, "data.csv: a table, not a run"),
    "plot data.csv": (3, "data.csv: a table, not a run"),
    "train run": (2, "run is a run, not a table: nnx train DATA; to go on with it: nnx resume run"),
    "search run --grid rate=1": (2, "run is a run, not a table"),
    "train run/best.safetensors": (2, "is a run, not a table"),
    "predict run data.csv -o p.parquet": (2, "predictions are written as CSV: name the file .csv"),
    "predict run data.csv -o p.csv.gz": (2, "predictions are written as CSV"),
    "verify --backends numpy,,nump": (4, "unknown backend 'nump'"),
    "bench --backend numpy,nump": (4, "unknown backend 'nump'"),
}


def test_words_in_another_order_are_told_the_right_one(nnx, small):
    assert nnx(*train(**{"--out": "run"}))[0] == 0
    for words, (expected, text) in SWAPPED.items():
        code, out, err = nnx(*words.split())
        assert (code, out) == (expected, "") and text in err and err.count("\n") == 1, (words, err)


# ---- names that come with the data


HOSTILE = {
    "a link": "[k](javascript:alert(1))",
    "an image": "![i](http://example.org/i.png)",
    "HTML": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "code and a table": "`x` | y",
    "mathematics": "$\\frac{x$",
    "a line": "---\nname: x",
    "an escape": "a\x1b]0;title\x07",
    "another direction": "\u202egnp.exe\u200b",
    "an address": "http://example.org",
    "a formula": "=HYPERLINK(1)",
    "another formula": "@SUM(1)",
    "a tab": "\t=1",
}


def test_what_comes_with_the_data_is_text_wherever_it_is_shown(nnx, small, pictures):
    names = list(HOSTILE.values())
    with open("data.csv", "w", newline="", encoding="utf-8") as file:
        numbers = np.random.default_rng(0).normal(size=(120, len(names) - 1)).round(3)
        rows = [[*row, names[i % len(names)]] for i, row in enumerate(numbers)]
        csv.writer(file).writerows([names, *rows])
    target, shown = names[-1], names[:-1]
    words = ["train", "data.csv", "--target", target, "--epochs", "1", "--hidden", "2", "--out", "run", "-v"]
    code, out, err = nnx(*words)
    assert code == 0, err
    card, page = (Path("run", name).read_text(encoding="utf-8") for name in ("README.md", "report.html"))
    inspected = nnx("inspect", "data.csv")[1] + nnx("inspect", "run")[1]
    for text in (out, card, page, inspected):
        assert not {c for c in text if not c.isprintable()} - {"\n"}
    assert "<script" not in page and "<img" not in page and 'href="javascript' not in page
    outside = re.sub(r"`[^`\n]*`", "", card)  # of code
    assert not [name for name in shown if name in outside] and "<" not in outside and "](" not in outside
    assert card.split("---")[1].split() == (
        "library_name: nnx pipeline_tag: tabular-classification tags: [tabular, nnx]".split()  # noqa: SIM905
    )
    kept = ("predict", "run", "data.csv", "--keep", f"{shown[0]},{shown[9]}", "--proba")
    exact, safe = (list(csv.reader(io.StringIO(nnx(*kept, *more)[1]))) for more in ([], ["--safe-csv"]))
    assert set(names) <= set(exact[0])
    assert [c.removeprefix("'") for c in safe[0]] == exact[0] and safe[1:] == exact[1:]  # numbers stay numbers
    assert not [c for c in safe[0] if c.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    plain = nnx("predict", "run", "data.csv", "--safe-csv")[1]
    assert {c for row in csv.reader(io.StringIO(plain)) for c in row} <= {
        f"'{n}" if n[0] in "=@\t-" else n for n in names
    }
