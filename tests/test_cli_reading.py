"""How the command reads tables and targets, what it notes of them, and what it writes: tables of cases."""

import csv
import datetime as dt
import gzip
import html
import io
import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("click", reason="click is not installed")
pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import feather, parquet  # noqa: E402

from nnx.cli.options import READING  # noqa: E402
from nnx.cli.predictions import format_of  # noqa: E402
from nnx.errors import DataError, SettingError  # noqa: E402
from nnx.tables import Reading, Target  # noqa: E402
from nnx.tabular.table import columns_of, name_of  # noqa: E402

QUICK = ["--epochs", "2", "--hidden", "4", "-q"]
Y = ["--target", "y"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NNX_PROGRAMS", "never")
    return tmp_path


def table(path, names, rows, mark=","):
    with open(path, "w", newline="") as file:
        csv.writer(file, delimiter=mark).writerows([names, *rows])
    return str(path)


def mixed(n=60, seed=0):
    """Rows of a number, a town, and a target of two classes that depends on both."""
    rng = np.random.default_rng(seed)
    a, town = rng.normal(size=n).round(3), rng.choice(["Bern", "Oslo", "Rome"], n)
    return [
        [x, t, "high" if x + (t == "Oslo") > 0.3 else "low"] for x, t in zip(a.tolist(), town.tolist(), strict=True)
    ]


def text(path):
    return Path(path).read_text(encoding="utf-8")


def trained(nnx, *words):
    code, _, err = nnx("train", *words, "--out", "run", *QUICK)
    assert code == 0, err
    return json.loads(text("run/data.json"))


# ---- options


def test_the_options_of_reading_are_the_fields_of_reading_and_settings_of_data():
    names = [setting.removeprefix("data.") for _, setting, *_ in READING]
    assert sorted(names) == sorted(Reading.__dataclass_fields__)
    assert [option[2:].replace("-", "_") for option, *_ in READING] == names


@pytest.mark.parametrize("command", ["train", "search", "predict", "evaluate", "inspect", "plot"])
def test_commands_that_read_a_table_have_the_options_of_reading_in_a_section_of_their_help(nnx, command):
    _, out, _ = nnx(command, "--help")
    section = out[out.index("How the table is read") :]
    assert all(f"{option} " in section for option, *_ in READING)
    assert "--help" in out[: out.index("How the table is read")]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["a,b"], ("a", "b")),
        (["a, b", "c"], ("a", "b", "c")),
        (["x,y"], ("x,y",)),
        (["x,y", "a"], ("x,y", "a")),
        (["a", "a,a"], ("a",)),
        ([""], ()),
        (["d"], "--drop: unknown column 'd'"),
        (["town"], "did you mean 'Town'?"),
    ],
)
def test_options_name_columns_with_commas_in_them_or_between_them(values, found):
    columns = ["a", "b", "c", "x,y", "Town"]
    if isinstance(found, tuple):
        assert columns_of(values, columns, "--drop") == found
    else:
        with pytest.raises(DataError, match=found.replace("?", r"\?")):
            columns_of(values, columns, "--drop")


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/b.csv.gz", "b"), ("-", "stdin"), ("data/*.csv", "table"), ("data/x*.csv", "x"), (("a.csv", "b.csv"), "a")],
)
def test_a_run_is_named_after_its_first_file(path, name):
    assert name_of(path) == name


def test_columns_with_marks_in_their_names_are_dropped_kept_and_given_a_kind(nnx):
    data = table("a.csv", ["p=q", "x,y", "town", "y"], [[a, i % 3, t, y] for i, (a, t, y) in enumerate(mixed())])
    found = trained(nnx, data, *Y, "--drop", "x,y", "--drop", "town", "--kind", "p=q=number")
    assert {c["name"]: c["becomes"] for c in found["columns"] if c["becomes"] != "left out"} == {
        "p=q": "pieces, 5 wide"
    }
    assert tomllib.loads(text("run/config.toml"))["data"]["drop"] == ["x,y", "town"]
    out = nnx("predict", "run", data, "--keep", "x,y", "--keep", "town,p=q")[1]
    assert next(csv.reader(out.splitlines())) == ["x,y", "town", "p=q", "y"]


def test_options_and_settings_say_the_same(nnx):
    data = table("a.csv", ["a", "town", "y"], mixed(), ";")
    trained(nnx, data, *Y, "--delimiter", ";", "--missing", "Oslo,Bern", "--missing", "nil")
    config = tomllib.loads(text("run/config.toml"))["data"]
    assert (config["delimiter"], config["missing"]) == (";", ["Oslo", "Bern", "nil"])
    assert (config["encoding"], config["thousands"]) == ("", "") and "skip_rows" not in config
    Path("c.toml").write_text('[data]\ntarget = "y"\ndelimiter = ";"\nmissing = ["Oslo", "Bern", "nil"]\n')
    losses = [text("run/metrics.csv").splitlines()[1].split(",")[1]]
    assert nnx("train", data, "-c", "c.toml", "--out", "other", *QUICK)[0] == 0
    losses.append(text("other/metrics.csv").splitlines()[1].split(",")[1])
    assert losses[0] == losses[1]


# ---- as the training


def test_predict_reads_as_the_training_did_and_what_is_given_overrules(nnx):
    rows = mixed()
    data = table("a.csv", ["a", "town", "y"], rows, ";")
    found = trained(nnx, data, *Y, "--delimiter", ";", "--missing", "nil")
    assert found["reading"]["delimiter"] == ";" and found["reading"]["missing"] == ["nil"]
    expected = nnx("predict", "run", data)[1]
    table("tabs.txt", ["a", "town"], [row[:2] for row in rows], "\t")
    assert nnx("predict", "run", "tabs.txt", "--delimiter", "\\t")[1] == expected  # a guess is overruled
    assert nnx("predict", "run", "tabs.txt")[0] == 2  # what was asked for at the training binds
    parquet.write_table(pa.table({"a": [r[0] for r in rows], "town": [r[1] for r in rows]}), "a.parquet")
    assert nnx("predict", "run", "a.parquet")[1] == expected  # and is nothing to a file that is no text
    gaps = table("gaps.csv", ["a", "town"], [["nil", "unknown"], ["n/k", "Bern"]], ";")
    code, _, err = nnx("predict", "run", gaps)
    assert code == 2 and "n/k" in err
    assert nnx("predict", "run", gaps, "--missing", "n/k")[0] == 0


def test_numbers_of_another_decimal_mark_are_read_where_the_table_to_predict_has_that_mark(nnx):
    rng = np.random.default_rng(0)
    rows = [
        [f"{a:.2f}", f"{b:,.1f}", round(a + b / 1000, 2)]
        for a, b in zip(rng.normal(size=80), rng.normal(size=80) * 5e3, strict=True)
    ]
    swap = str.maketrans(",.", ".,")
    table("de.csv", ["a", "b", "y"], [[str(cell).translate(swap) for cell in row] for row in rows], ";")
    found = trained(nnx, "de.csv", *Y)
    assert {c["name"]: c["holds"] for c in found["columns"]} == {"a": "number:,", "b": "number:,."}
    expected = nnx("predict", "run", "de.csv")[1]
    assert nnx("predict", "run", table("us.csv", ["a", "b"], [row[:2] for row in rows], "\t"))[1] == expected
    assert nnx("evaluate", "run", table("us.csv", ["a", "b", "y"], rows, "|"))[1] == nnx("evaluate", "run", "de.csv")[1]


SALES = [
    [dt.date(2024, 1, 1) + dt.timedelta(days=4 * i), round(17.25 + 37.31 * i, 2), ["red", "blue"][i % 3 > 0], i * 1.5]
    for i in range(80)
]


def written(path):
    """The same sales in some format, as such a file has them."""
    names, swap = ["day", "amount", "colour", "y"], str.maketrans(",.", ".,")
    if path == "de.csv":
        rows = [[f"{d:%d.%m.%Y}", f"{x:,.2f} €".translate(swap), c, f"{y}".replace(".", ",")] for d, x, c, y in SALES]
        return table(path, names, rows, ";")
    if path == "us.csv":
        return table(path, names, [[f"{d:%d.%m.%Y}", f"${x:,.2f}", c, y] for d, x, c, y in SALES])
    if path == "plain.tsv":
        return table(path, names, SALES, "\t")
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pd.DataFrame(SALES, columns=names).astype({"day": "datetime64[ns]"})
    if path == "a.jsonl":
        frame.assign(day=[str(row[0]) for row in SALES]).to_json(path, orient="records", lines=True)
    else:
        getattr(frame, {"a.parquet": "to_parquet", "a.xlsx": "to_excel"}[path])(path, index=False)
    return path


@pytest.mark.parametrize("path", ["de.csv", "us.csv", "plain.tsv", "a.jsonl", "a.parquet", "a.xlsx"])
def test_the_same_rows_are_predicted_alike_from_typed_files_and_where_numbers_are_plain(nnx, path):
    pytest.importorskip("openpyxl", reason="openpyxl is not installed")
    trained(nnx, written(path), *Y)
    expected = nnx("predict", "run", path)[1]
    assert len(set(expected.splitlines())) > 70
    others = ["plain.tsv", "a.jsonl", "a.parquet", "a.xlsx"]
    found = {other: nnx("predict", "run", written(other))[1] == expected for other in others}
    assert all(found.values()), found


def test_what_a_file_has_no_use_for_is_said_in_one_line(nnx):
    rows = mixed()
    parquet.write_table(pa.table({"a": [r[0] for r in rows], "y": [r[2] for r in rows]}), "a.parquet")
    words = ["--delimiter", ";", "--skip-rows", "2"]
    line = "note: a.parquet says itself how it is read: --delimiter, --skip-rows not used\n"
    assert line in nnx("train", "a.parquet", *Y, *words, "--epochs", "1", "--hidden", "4", "--out", "run")[1]
    assert nnx("predict", "run", "a.parquet")[2] == "" and nnx("predict", "run", "a.parquet", *words)[2] == line
    assert line in nnx("inspect", "a.parquet", *words)[1]


def test_inspect_reads_columns_as_kinds_that_are_given(nnx):
    table("a.csv", ["a", "b"], [[i, f"{i % 28 + 1:02}.{i % 12 + 1:02}.2024"] for i in range(50)])
    out = nnx("inspect", "a.csv", "--kind", "a=text", "--kind", "b=date:%m.%d.%Y|*")[1]
    assert "a  text" in out and "b  date, month.day.year" in out
    assert "expected COLUMN=KIND" in nnx("inspect", "a.csv", "--kind", "a")[2]


# ---- the target


def test_rows_without_a_target_are_left_out_of_everything(nnx):
    rows = mixed(80)
    holes = {3, 10, 41}
    whole = table("whole.csv", ["a", "town", "y"], [row for i, row in enumerate(rows) if i not in holes])
    found = [trained(nnx, whole, *Y), text("run/metrics.csv").splitlines()[-1].split(",")[:3]]
    shutil.rmtree("run")
    gaps = table("gaps.csv", ["a", "town", "y"], [[*r[:2], "" if i in holes else r[2]] for i, r in enumerate(rows)])
    again = [trained(nnx, gaps, *Y), text("run/metrics.csv").splitlines()[-1].split(",")[:3]]
    assert found[0]["rows"] == again[0]["rows"] and sum(again[0]["rows"].values()) == 77
    assert found[0]["target"] == again[0]["target"]
    assert "3 rows have no target 'y' (first gaps.csv, line 5): left out" in again[0]["notes"]
    for memory in (["--memory", "3KB"], ["--dry-run"], ["--test", "0"]):
        code, out, err = nnx("train", gaps, *Y, *memory, "--epochs", "1", "--hidden", "4")
        assert code == 0 and "note: 3 rows have no target" in out and "77 rows" in out, err
    scores = [nnx("evaluate", "run", file, "--json") for file in (whole, gaps)]
    assert scores[0][1] == scores[1][1] and scores[0][2] == ""
    assert scores[1][2] == "note: 3 rows have no target 'y' (first gaps.csv, line 5): left out\n"


TARGETS = {  # the cells of a target, its classes or the mean of its values
    "text": (["u", "v"] * 30, ("u", "v")),
    "spaces around": ([" u", "v "] * 30, ("u", "v")),
    "truths": (["yes", "no"] * 30, ("no", "yes")),
    "few whole numbers": ([1, 2, 10] * 20, ("1", "2", "10")),
    "numbers": ([i * 1.5 for i in range(60)], 44.25),
    "prices": ([f"${i},000.50" for i in range(1, 61)], 30_500.5),
    "euros": ([f"{i}.000,50 €" for i in range(1, 61)], 30_500.5),
    "percents": ([f"{i}%" for i in range(60)], 0.295),
    "numbers and gaps": ([i * 1.5 if i % 10 else "unknown" for i in range(60)], 45.0),
    "spans of time": ([f"{30 + i}:30:00" for i in range(60)], 216_000.0),
}


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_becomes(nnx, name):
    cells, right = TARGETS[name]
    data = table("a.csv", ["a", "y"], [[i % 7, cell] for i, cell in enumerate(cells)])
    target = trained(nnx, data, *Y, "--test", "0", "--validation", "0")["target"]
    if isinstance(right, tuple):
        assert tuple(target["classes"]) == right
    else:
        assert target["classes"] == [] and target["mean"] == pytest.approx(right)
        predicted = [float(line) for line in nnx("predict", "run", data)[1].splitlines()[1:]]
        assert abs(np.mean(predicted) - right) < 3 * target["scale"]
    assert nnx("evaluate", "run", data, "--json")[0] == 0


def test_a_target_keeps_the_kind_of_its_cells_and_an_older_file_has_none():
    new = Target("y", (), 1.0, 2.0, "number:.,$")
    assert Target.from_data(new.to_data()) == new
    old = {"name": "y", "classes": [], "mean": 0.5, "scale": 2.0}
    assert Target.from_data(old).kind == "number" and Target.from_data(old | {"classes": ["a", "b"]}).kind == "text"


# ---- notes


def test_notes_are_said_once_and_are_in_every_file(nnx, pictures):
    rows = [[*row[:2], f"id{i}", row[2]] for i, row in enumerate(mixed())]
    data = table("a.csv", ["a", "town", "code", "y"], [*rows, [1, "Bern", "id", ""]])
    code, out, _ = nnx("train", data, *Y, "--out", "run", "--epochs", "1", "--hidden", "4")
    notes = json.loads(text("run/data.json"))["notes"]
    assert code == 0 and len(notes) >= 2
    for note in notes:
        assert out.count(f"note: {note}\n") == 1
    page, card = html.unescape(text("run/report.html")), text("run/README.md")
    assert "<h2>Notes</h2>" in page and "## Notes" in card
    assert all(note in page and note in card for note in notes)


N = 200


def halves(i):
    return i % 7 * 0.5


ODD = {  # name: (column a, target, part of the note, or none)
    "imbalance": (halves, lambda i: "rare" if i % 20 == 0 else "usual", "class 'usual' has 95% of the rows"),
    "fair": (halves, lambda i: "ab"[i % 2], None),
    "one row of a class": (halves, lambda i: "once" if i == 9 else "ab"[i % 2], "fewer than 2 rows to train on"),
    "worse than the mean": (lambda i: i * 37 % 101, lambda i: i * 7919 % 101 + 0.5, "worse than its mean would"),
    "capitals": (halves, lambda i: ["low", "LOW", "high"][i % 3], "differ in capitals only"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_what_a_person_should_know_is_noted(nnx, name):
    column, target, note = ODD[name]
    data = table("a.csv", ["a", "b", "y"], [[column(i), i * 31 % 17, target(i)] for i in range(N)])
    out = nnx("train", data, *Y, "--epochs", "30" if "worse" in name else "5", "--hidden", "16", "--rate", "0.05")[1]
    assert out.count(note or "note: class") == (1 if note else 0), out
    if name == "imbalance":
        assert "--class-weight balanced" in out
        assert "note: class" not in nnx("train", data, *Y, "--class-weight", "balanced", "--epochs", "1")[1]


LEAKS = {  # name: (column a, target, what it is said to be, or none)
    "a copy of another scale": (lambda i: 100 * TWICE[i] + 3, lambda i: TWICE[i], "it is the target on another scale"),
    "a code for each class": (lambda i: "XY"[i % 2], lambda i: "ab"[i % 2], "one value for each of its values"),
    "codes of which each has a class": (lambda i: f"code {i % 6}", lambda i: "ab"[i % 2], "each of its values has one"),
    "codes of which each has a number": (
        lambda i: f"code {i % 6}",
        lambda i: i % 6 * 1.5,
        "each of its values has one",
    ),
    "a code that has two": (lambda i: f"code {i % 6 if i else 1}", lambda i: "ab"[i % 2], None),
    "few rows for a value": (lambda i: f"code {i % 50}", lambda i: "ab"[i % 2], None),
}
TWICE = np.random.default_rng(0).normal(size=N).tolist()


@pytest.mark.parametrize("name", LEAKS)
def test_a_column_that_gives_the_target_away_is_noted(nnx, name):
    column, target, why = LEAKS[name]
    data = table("a.csv", ["a", "b", "y"], [[column(i), i * 31 % 17, target(i)] for i in range(N)])
    notes = [n for n in trained(nnx, data, *Y, "--task", "auto")["notes"] if "gives the target away" in n]
    assert len(notes) == (why is not None)
    assert why is None or (notes[0].startswith("column 'a' gives the target away (" + why) and "--drop a?" in notes[0])


def test_case_is_folded_where_asked_in_columns_and_target(nnx):
    rows = [
        [a, (town.upper(), town, town.lower())[i % 3], y.upper() if i % 4 == 0 else y]
        for i, (a, town, y) in enumerate(mixed(90))
    ]
    data = table("a.csv", ["a", "town", "y"], rows)
    found = trained(nnx, data, *Y)
    assert len(found["target"]["classes"]) == 4 and any("--fold-case makes them one" in n for n in found["notes"])
    code, out, err = nnx("train", data, *Y, "--fold-case", "--epochs", "1", "--hidden", "4", "--out", "folded")
    assert code == 0 and "into 2 classes" in out and "--fold-case" not in out, err
    folded = json.loads(text("folded/data.json"))
    assert folded["target"]["classes"] == ["high", "low"]
    assert [c["becomes"] for c in folded["columns"]][1] == "category, 3 wide"
    assert nnx("evaluate", "folded", data)[0] == 0
    assert nnx("train", "-c", "folded/config.toml", "--out", "again", "-q")[0] == 0
    shouted = table("b.csv", ["a", "town"], [[a, town.upper()] for a, town, _ in rows])
    assert nnx("predict", "folded", shouted)[1] == nnx("predict", "again", data)[1]


def test_without_test_rows_the_scores_are_of_the_validation(nnx):
    data = table("a.csv", ["a", "town", "y"], mixed())
    words = ["train", data, *Y, "--test", "0", "--epochs", "2", "--hidden", "4"]
    out = nnx(*words)[1]
    assert "validation accuracy" in out and "test " not in out.splitlines()[-2]
    assert "validation_accuracy" in json.loads(nnx(*words, "--json")[1].splitlines()[-1])


# ---- predictions


def read_back(path):
    if path.endswith(".gz"):
        with gzip.open(path, "rt", newline="") as file:
            return list(csv.DictReader(file))
    if path.lower().endswith((".csv", ".tsv", ".txt")):
        with open(path, newline="") as file:
            return list(csv.DictReader(file, delimiter="\t" if path.endswith(".tsv") else ","))
    if path.endswith(("jsonl", ".ndjson")):
        return [json.loads(line) for line in text(path).splitlines()]
    return (parquet.read_table(path) if path.endswith((".parquet", ".pq")) else feather.read_table(path)).to_pylist()


@pytest.fixture
def scored(nnx):
    rows = [[a, f'{t}, "{t}"' if i % 3 else None, y] for i, (a, t, y) in enumerate(mixed())]
    columns = dict(zip(("a", "town", "y"), map(list, zip(*rows, strict=True)), strict=True))
    parquet.write_table(pa.table(columns), "a.parquet")
    trained(nnx, "a.parquet", *Y)
    return columns


FILES = [
    "p.csv",
    "p.CSV",
    "p.csv.gz",
    "p.tsv",
    "p.txt",
    "p.jsonl",
    "p.ndjson",
    "p.parquet",
    "p.pq",
    "p.feather",
    "p.arrow",
]


@pytest.mark.parametrize("file", FILES)
def test_predictions_are_written_as_the_suffix_says(nnx, scored, file):
    code, _, err = nnx("predict", "run", "a.parquet", "--keep", "a,town", "-o", file, "--proba")
    assert code == 0, err
    rows = read_back(file)
    assert list(rows[0]) == ["a", "town", "high", "low"] and len(rows) == 60
    assert [row["town"] or None for row in rows] == scored["town"]
    assert [float(row["a"]) for row in rows] == scored["a"]
    assert [float(row["high"]) + float(row["low"]) for row in rows] == pytest.approx([1.0] * 60, abs=1e-6)
    if not file.lower().endswith(("csv", "gz", "tsv", "txt")):
        assert all(type(row["a"]) is float and type(row["high"]) is float for row in rows)


def test_a_format_is_asked_for_where_no_suffix_says_it(nnx, scored):
    lines = nnx("predict", "run", "a.parquet", "--format", "jsonl", "--keep", "y")[1].splitlines()
    assert len(lines) == 60 and list(json.loads(lines[0])) == ["y", "y (predicted)"]
    assert nnx("predict", "run", "a.parquet", "--format", "parquet", "-o", "odd.bin")[0] == 0
    assert parquet.read_table("odd.bin").column_names == ["y"]


@pytest.mark.parametrize(
    ("output", "asked", "form"),
    [(None, None, "csv"), ("-", "tsv", "tsv"), ("pipe", None, "csv"), ("a.dat", None, ""), ("a.gz", None, "csv"),
     ("a.dat", "jsonl", "jsonl"), ("a.json", None, "")],
)  # fmt: skip
def test_the_format_of_an_output(output, asked, form):
    if form:
        assert format_of(output, asked, [], safe=False) == form
    else:
        with pytest.raises(SettingError, match="are not written"):
            format_of(output, asked, [], safe=False)


CELLS = ["plain", 'a "quote"', "a,comma", "a\nline", "", "=1+1", "-3", "+x", "ü", " blank "]


@pytest.mark.parametrize("safe", [False, True])
def test_csv_is_what_the_standard_library_writes(nnx, safe):
    parquet.write_table(pa.table({"a": range(60), "t": CELLS * 6, "y": ["u", "v"] * 30}), "a.parquet")
    trained(nnx, "a.parquet", *Y, "--kind", "a=number", "--drop", "t")
    out = nnx("predict", "run", "a.parquet", "--keep", "t,a", *(["--safe-csv"] if safe else []))[1]
    rows = list(csv.reader(out.splitlines(keepends=True)))
    expected = [f"'{c}" if safe and c in ("=1+1", "+x") else c for c in CELLS] * 6
    assert [row[0] for row in rows[1:]] == expected and [row[1] for row in rows[1:]] == [str(i) for i in range(60)]
    again = io.StringIO()
    csv.writer(again, lineterminator="\n").writerows(rows)
    assert again.getvalue() == out


DIALECTS = {  # a file to predict: how it is written, and whether a note is due. The training's has ; and cp1252
    "the same": (";", "cp1252", [], False),
    "commas": (",", "cp1252", [], True),
    "tabs": ("\t", "utf-8", [], True),
    "utf-8": (";", "utf-8", [], False),
    "utf-16": (";", "utf-16", [], False),
    "asked for": (",", "utf-8", ["--delimiter", ","], False),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_what_was_found_out_at_the_training_is_a_guess_that_another_table_may_belie(nnx, name):
    rows = [[a, town.replace("Bern", "Zürich"), y] for a, town, y in mixed()]

    def written(file, mark, encoding, width):
        lines = [["a", "town", "y"], *rows]
        Path(file).write_text("".join(mark.join(map(str, row[:width])) + "\n" for row in lines), encoding=encoding)

    written("a.csv", ";", "cp1252", 3)
    found = trained(nnx, "a.csv", *Y)
    assert found["reading"]["delimiter"] == ";" and found["target"]["classes"] == ["high", "low"]
    expected = nnx("predict", "run", "a.csv", "--keep", "town")
    assert expected[0] == 0 and expected[2] == "" and "Zürich" in expected[1]
    mark, encoding, words, note = DIALECTS[name]
    written("b.csv", mark, encoding, 2)
    code, out, err = nnx("predict", "run", "b.csv", "--keep", "town", *words)
    assert (code, out) == (0, expected[1]), err
    assert (err != "") == note and err.count("\n") <= 1


# ---- tables of several files


@pytest.fixture
def parts(folder):
    """A table in one file, and in three in a folder, of which the last has its columns in another order."""
    rows = mixed(90)
    whole = table("whole.csv", ["a", "town", "y"], rows)
    (folder / "parts").mkdir()
    for i in range(2):
        table(f"parts/{i}.csv", ["a", "town", "y"], rows[30 * i : 30 * i + 30])
    table("parts/2.csv", ["y", "town", "a"], [row[::-1] for row in rows[60:]])
    return whole


SEVERAL = {"files": ["parts/0.csv", "parts/1.csv", "parts/2.csv"], "a folder": ["parts"], "a pattern": ["parts/*"]}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_files_are_one_table(nnx, parts, name):
    words = SEVERAL[name]
    found = trained(nnx, *words, *Y)
    assert sum(found["rows"].values()) == 90
    assert tomllib.loads(text("run/config.toml"))["data"]["path"] == (words if len(words) > 1 else words[0])
    losses = [text("run/metrics.csv").splitlines()[1].split(",")[1]]
    assert nnx("train", "-c", "run/config.toml", "--out", "again", "-q")[0] == 0
    losses.append(text("again/metrics.csv").splitlines()[1].split(",")[1])
    assert losses[0] == losses[1]
    assert nnx("train", parts, *Y, "--out", "one", *QUICK)[0] == 0
    assert losses[0] == text("one/metrics.csv").splitlines()[1].split(",")[1]
    assert nnx("predict", "run", *words, "--keep", "a")[1] == nnx("predict", "one", parts, "--keep", "a")[1]
    assert nnx("evaluate", "run", *words)[1] == nnx("evaluate", "one", parts)[1]
    assert "90 rows, 3 columns" in nnx("inspect", *words)[1]


def test_a_run_on_several_files_is_gone_on_with_unless_one_has_changed(nnx, parts):
    words = ["train", *SEVERAL["files"], *Y, "--hidden", "4", "--out", "run", "-q"]
    assert nnx(*words, "--epochs", "1", "--memory", "3KB")[0] == 0  # in blocks
    config = Path("run/config.toml")
    config.write_text(config.read_text().partition("[result]")[0])
    Path("run/best.safetensors").unlink()
    table("parts/1.csv", ["a", "town", "y"], [[1, "Bern", "low"]])
    code, _, err = nnx("resume", "run")
    assert code == 2 and "has changed since the run began" in err and err.count("\n") == 1, err


def stdin(command, content):
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-m", "nnx", *command], input=content, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_standard_input_is_a_table(nnx):
    data = table("a.csv", ["a", "town", "y"], mixed())
    content = Path(data).read_bytes()
    code, out, err = stdin(["train", "-", *Y, "--out", "run", "--epochs", "1", "--hidden", "4"], content)
    assert code == 0 and "60 rows" in out, err
    assert tomllib.loads(text("run/config.toml"))["data"]["path"] == "-"
    code, out, err = stdin(["predict", "run", "-", "--keep", "town"], content)
    assert (code, out) == (0, nnx("predict", "run", data, "--keep", "town")[1]), err
    Path("run/best.safetensors").unlink()
    config = Path("run/config.toml")
    config.write_text(config.read_text().partition("[result]")[0])
    code, _, err = nnx("resume", "run")
    assert code == 2 and "the table came from standard input, which is gone" in err and err.count("\n") == 1, err
    code, _, err = nnx("train", "-", *Y, "--restarts", "1")
    assert code == 2 and "--restarts needs a table that can be read again" in err


def test_inspect_shows_every_small_table_and_never_fails_otherwise_than_in_one_line(nnx, folder):
    from table_corpus import CASES, write

    for name, case in CASES.items():
        write(case, folder)
        code, _, err = nnx("inspect", case.given)
        assert (code, err) == (0, "") or (code == 2 and err.count("\n") == 1 and len(err) <= 206), (name, err)
