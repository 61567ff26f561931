"""The command given words that are too long, too large, no text, or in another order, and data with hostile names."""

import csv
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from nnx.cli.options import FLAGS, PLACES, READING

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
            assert not err.endswith("...\n") or "known: " in err or "got " in err, (option, err)
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
    "evaluate data.csv": (2, "Missing argument 'DATA...'. Usage: nnx evaluate RUN DATA..."),
    "predict run data.csv run": (2, "run is a run, not a table: first the run, then the table"),
    "train data.csv run": (2, "run is a run, not a table: nnx train DATA"),
    "export data.csv m.onnx": (3, "data.csv: a table, not a run"),
    "plot data.csv": (3, "data.csv: a table, not a run"),
    "train run": (2, "run is a run, not a table: nnx train DATA; to go on with it: nnx resume run"),
    "search run --grid rate=1": (2, "run is a run, not a table"),
    "train run/best.safetensors": (2, "is a run, not a table"),
    "predict run data.csv -o p.xlsx": (
        2,
        "--output p.xlsx: files .xlsx are not written: .csv, .tsv, .jsonl (also .gz)",
    ),
    "predict run data.csv -o p.parquet.gz": (2, "--output p.parquet.gz: files .parquet are not written"),
    "predict run data.csv -o data.csv": (2, "--output data.csv is DATA itself"),
    "predict run data.csv -o p.parquet --safe-csv": (2, "--safe-csv is for CSV and TSV, not for parquet"),
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
    "a third formula": "-1+1",
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


# ---- what would be lost, or waited for


def test_the_files_of_a_run_are_no_place_for_output(nnx, small):
    assert nnx(*train(), "--out", "kept", "-q")[0] == 0
    before = {name: Path("kept", name).read_bytes() for name in os.listdir("kept") if Path("kept", name).is_file()}
    os.symlink("kept/config.toml", "link")
    for words in (
        *(["predict", "kept", "data.csv", "-o", f"kept/{name}"] for name in ("best.safetensors", "data.json", ".lock")),
        ["export", "kept", "kept/best.safetensors"],
        ["predict", "kept", "data.csv", "-o", "link"],
    ):
        code, _, err = nnx(*words)
        assert code == 2 and "a file of the run in that folder, which would be lost" in err, words
    assert before == {name: Path("kept", name).read_bytes() for name in before}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_what_would_be_waited_for_or_is_no_place_is_refused_in_one_line(nnx, small):
    assert nnx(*train(), "--out", "kept", "-q")[0] == 0
    os.mkfifo("pipe")
    os.symlink("loop", "loop")
    for words, message in (
        (["train", "-c", "pipe"], "-c takes a TOML file"),
        (["train", "-c", "/dev/zero"], "-c takes a TOML file"),
        (["predict", "kept", "data.csv", "-o", "loop"], "Too many levels of symbolic links"),
        (["predict", "kept", "data.csv", "-o", "nowhere/"], "Is a directory"),
        (["predict", "kept", "data.csv", "-o", ""], "expected the name of a file"),
        (["export", "kept", ""], "expected the name of a file"),
        ([*train(), "--out", ""], "expected the name of a folder"),
    ):
        code, _, err = nnx(*words)
        assert code == 2 and message in err and err.count("\n") == 1, (words, err)


def test_a_dry_run_shows_settings_that_can_be_given_back(nnx, small):
    _, out, _ = nnx(*train(), "--dry-run")
    Path("again.toml").write_text(out[out.index("[data]") :])
    assert nnx("train", "-c", "again.toml", "--dry-run")[0] == 0
