"""What nnx, pandas and polars read, by default, in the small files of tests/table_corpus.py.

    ci/tables [--out ci/results/tables.md]

right: every cell of every column has the value, of the kind, that a careful person reads. text: some column of numbers,
dates or truths is left as text, and all others are right or so as well. wrong: other rows, columns or values.
refused: an error. Where a file is no table, an error is right.
"""

import argparse
import contextlib
import datetime
import json
import tempfile
import warnings
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

from table_corpus import CASES, TEXT, Case, Found, by_nnx, grade, plain, write

from nnx.errors import DataError

KINDS = {bool: "boolean", int: "number", float: "number", str: TEXT}
KINDS |= {datetime.datetime: "date", datetime.date: "date", datetime.time: "time", datetime.timedelta: "duration"}
MIDNIGHT = datetime.time()


def value(cell: Any) -> Any:
    """A cell as table_corpus.py writes it: numbers, truths and seconds as float."""
    if isinstance(cell, datetime.datetime):
        return (cell if cell.tzinfo else cell.replace(tzinfo=datetime.UTC)).timestamp()
    if isinstance(cell, datetime.date):
        return value(datetime.datetime.combine(cell, MIDNIGHT))
    if isinstance(cell, datetime.time):
        return cell.hour * 3600.0 + cell.minute * 60 + cell.second + cell.microsecond / 1e6
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    return float(cell) if isinstance(cell, bool | int) else cell


def column(cells: list[Any]) -> tuple[str, list[Any]]:
    """The kind that a column of Python's values is of, and its cells."""
    cells = plain(cells)
    kinds = {KINDS.get(type(c), type(c).__name__) for c in cells if c is not None}
    return kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "number", [value(c) for c in cells]


def by_pandas(path: Path) -> Found:
    """What pandas reads."""
    import pandas as pd

    suffixes = path.suffixes
    if {".jsonl", ".ndjson"} & set(suffixes):
        frame = pd.read_json(path, lines=True)
    elif suffixes[-1:] == [".json"]:
        frame = pd.read_json(path)
    elif suffixes[-1:] == [".xlsx"]:
        frame = pd.read_excel(path)
    elif suffixes[-1:] in ([".parquet"], [".pq"]) or (path.is_dir() and not list(path.glob("*.csv*"))):
        frame = pd.read_parquet(path)
    elif suffixes[-1:] in ([".feather"], [".arrow"], [".ipc"]):
        frame = pd.read_feather(path)
    else:
        frame = pd.read_csv(path, sep="\t") if ".tsv" in suffixes else pd.read_csv(path)
    if frame.index.name or not (isinstance(frame.index, pd.RangeIndex) or ".parquet" in suffixes):
        frame = frame.reset_index()
    cells = {str(name): frame.iloc[:, i].astype(object) for i, name in enumerate(frame.columns)}
    return {name: column([None if pd.isna(c) else python(c) for c in v]) for name, v in cells.items()}


def python(cell: Any) -> Any:
    """A cell of pandas as Python's own."""
    if hasattr(cell, "to_pydatetime"):
        return cell.to_pydatetime(warn=False)
    if hasattr(cell, "to_pytimedelta"):
        return cell.to_pytimedelta()
    return cell.item() if hasattr(cell, "item") else cell


def by_polars(path: Path) -> Found:
    """What polars reads."""
    import polars as pl

    suffixes = path.suffixes
    if {".jsonl", ".ndjson"} & set(suffixes):
        frame = pl.read_ndjson(path)
    elif suffixes[-1:] == [".json"]:
        frame = pl.read_json(path)
    elif suffixes[-1:] == [".xlsx"]:
        frame = pl.read_excel(path)
    elif suffixes[-1:] in ([".parquet"], [".pq"]) or (path.is_dir() and not list(path.glob("*.csv*"))):
        frame = pl.read_parquet(path)
    elif suffixes[-1:] in ([".feather"], [".arrow"], [".ipc"]):
        frame = pl.read_ipc(path)
    else:
        frame = pl.read_csv(path, separator="\t" if ".tsv" in suffixes else ",")
    return {name: column(frame[name].to_list()) for name in frame.columns}


READERS = {"pandas": by_pandas, "polars": by_polars}


def judged(case: Case, path: Path, reader: str) -> tuple[str, str]:
    """The grade of a reader, and what is to say of it."""
    said = ""
    try:
        if reader == "nnx":
            found, notes = by_nnx(case.given, case.reading)
            said = "; ".join(notes)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = READERS[reader](path)
    except Exception as error:
        known = reader != "nnx" or isinstance(error, DataError)
        line = (str(error) or type(error).__name__).splitlines()[0]
        return ("right" if case.refused is not None else "refused") if known else "crashed", line
    if case.refused is not None:
        return "wrong", "read, though it is no table"
    word, why = grade(case, found)
    return word, "; ".join(filter(None, (why, said)))


def cut(text: str, n: int) -> str:
    """A text for a cell of Markdown."""
    text = text.replace("|", "\\|").replace("\n", " ").replace("\r", " ")
    return text if len(text) <= n else text[: n - 3] + "..."


def shown(content: Any) -> str:
    """The first bytes of a file."""
    if not isinstance(content, bytes):
        return "(written by a library)"
    return "`" + cut(repr(content[:60])[2:-1].replace("`", "'"), 60) + "`"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="ci/results/tables.md")
    given = parser.parse_args()
    counts: dict[str, Counter[str]] = {reader: Counter() for reader in ("nnx", *READERS)}
    lines, out = [], Path(given.out).resolve()
    readers = [reader for reader in counts if reader == "nnx" or has(reader)]
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            path = write(case, Path(folder))
            own = readers if not case.reading else ["nnx"]  # what is asked for has other names elsewhere
            found = {reader: judged(case, path, reader) for reader in own}
        for reader in own if not case.reading else ():
            counts[reader][found[reader][0]] += 1
        grades = [found[r][0] if r in found else "" for r in readers]
        kinds = ", ".join(f"{n}: {c.kind}" for n, c in case.columns.items()) or "no table"
        lines.append(
            f"| {cut(name, 60)} | {shown(next(iter(case.files.values())))} | {cut(kinds, 60)} | {' | '.join(grades)} "
            f"| {cut(found['nnx'][1], 160)} |"
        )
    text = report(counts, readers, lines)
    out.write_text(text)
    print(json.dumps({reader: counts[reader] for reader in readers}))


def has(package: str) -> bool:
    with contextlib.suppress(ImportError):
        return bool(__import__(package))
    return False


def report(counts: dict[str, Counter[str]], readers: list[str], lines: list[str]) -> str:
    n = sum(counts["nnx"].values())
    words = ("right", "text", "wrong", "refused", "crashed")
    head = ["# Small tables: what is read in them", "", " ".join(__doc__.split("\n\n")[0].split())]
    head += [" ".join(__doc__.split("\n\n")[2].split()), ""]
    head += [f"{n} files, read without options; {len(lines) - n} more, in the table alone, with an option.", ""]
    head += [f"| | {' | '.join(words)} |", "|---" * 6 + "|"]
    names = {r: r if r == "nnx" else f"{r} {version(r)}" for r in readers}
    head += [f"| {names[r]} | " + " | ".join(str(counts[r][word]) for word in words) + " |" for r in readers]
    head += ["", f"| file | begins | right | {' | '.join(readers)} | nnx says |", "|---" * (4 + len(readers)) + "|"]
    return "\n".join(head + lines) + "\n"


if __name__ == "__main__":
    main()
