"""Time tables: reading and encoding, predicting, a long cell: ci/bench tables [--only TEXT] [--rounds N] [--out FILE].

The table has 1 million rows and 20 columns: numbers, some with gaps, small whole numbers, categories of few and of many
values, dates, times and truths. Every rival runs in a fresh process, so that its peak memory is its own; they take
turns, and what is reported are medians: of the seconds, of the processor's seconds (user and system, which other
processes disturb less), and of the memory. The time begins when the libraries are imported.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROWS = 1_000_000
TRAIN = 100_000  # rows that the model learns from which predicts
LONG = 3 << 20  # bytes of a long cell
NUMBERS = [f"n{i}" for i in range(7)]
WHOLE = ["hour", "rooms", "year"]
FEW = ["colour", "size", "state", "kind"]
MANY = ["shop", "street"]
DATES = ["day", "at"]
TRUTHS = ["open", "paid"]


def make(path: Path, rows: int = ROWS) -> None:
    """Write the table, and a column y to predict."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(0)
    words = {"colour": ["red", "green", "blue", ""], "size": ["S", "M", "L", "XL", "XXL", "42", "44", "46"]}
    words |= {"state": [f"state {chr(97 + i)}" for i in range(25)], "kind": ["house", "flat", "room", "ship", "tent"]}
    words |= {"shop": [f"shop {i}" for i in range(2_000)], "street": [f"{i} Main Road" for i in range(50_000)]}
    words |= {"open": ["true", "false"], "paid": ["yes", "no", ""]}
    spans = {"hour": (0, 24), "rooms": (1, 8), "year": (1950, 2026)}
    with open(path, "wb") as file:
        writer = None
        for start in range(0, rows, 100_000):
            n = min(100_000, rows - start)
            table = {name: np.round(rng.normal(size=n) * 10 ** (i - 3), 5) for i, name in enumerate(NUMBERS)}
            y = sum(v / 10.0 ** (i - 3) for i, v in enumerate(table.values()))
            for name in NUMBERS[4:]:
                gaps = rng.random(n) < 0.05
                table[name] = [None if gap else v for gap, v in zip(gaps, table[name].tolist(), strict=True)]
            table |= {name: rng.integers(*spans[name], n) for name in WHOLE}
            drawn = {name: rng.integers(0, len(words[name]), n) for name in [*FEW, *MANY, *TRUTHS]}
            table |= {name: np.array(words[name], dtype=object)[i] for name, i in drawn.items()}
            days = np.datetime64("2015-01-01") + rng.integers(0, 4000, n)
            table["day"] = days.astype("datetime64[D]").astype(str)
            seconds = np.datetime64("2015-01-01T00:00:00") + rng.integers(0, 4000 * 86_400, n)
            table["at"] = np.char.replace(seconds.astype(str), "T", " ")
            table["y"] = np.round(y + drawn["colour"] + drawn["shop"] % 2, 5)
            arrow = pa.table(table)
            writer = writer or csv.CSVWriter(file, arrow.schema, write_options=csv.WriteOptions(quoting_style="needed"))
            writer.write(arrow)


def make_long(path: Path) -> None:
    """Write 200 rows whose first has a cell of LONG bytes."""
    lines = ["text,x,y\n"] + [
        f"{'word ' * (LONG // 5) if i == 0 else f'some words {i % 40}'},{i % 7},{i % 2}\n" for i in range(200)
    ]
    path.write_text("".join(lines))


def nnx_compact(path: str) -> str:
    """nnx, into the form that a training keeps of a row: few numbers, spread as they are trained on."""
    from nnx.tables import TableEncoder, open_table

    source = open_table(path)
    encoder = TableEncoder()
    encoder.learn(source, source.scan({"y": "drop"}).kinds)
    rows = sum(len(x) for _, x in encoder.blocks(source, compact=True))
    return f"{rows} x {encoder.compact_width}"


def nnx_dense(path: str) -> str:
    """nnx, into the matrix of float32 that a network sees, block by block."""
    from nnx.tables import TableEncoder, open_table

    source = open_table(path)
    encoder = TableEncoder()
    encoder.learn(source, source.scan({"y": "drop"}).kinds)
    rows = sum(len(x) for _, x in encoder.blocks(source))
    return f"{rows} x {encoder.width}"


def transformer(moments: list[str]):
    """scikit-learn's way: medians and standard scores, one column for each value (sparse)."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=3, dtype="float32")
    truths = OneHotEncoder(drop="if_binary", dtype="float32")
    return ColumnTransformer(
        [
            ("numbers", numbers, NUMBERS + WHOLE + moments),
            ("categories", one_hot, FEW + MANY),
            ("truths", truths, TRUTHS),
        ]
    )


def pandas_sklearn(path: str) -> str:
    """pandas.read_csv, and scikit-learn's ColumnTransformer: SimpleImputer, StandardScaler, OneHotEncoder."""
    import pandas as pd

    frame = pd.read_csv(path, parse_dates=DATES)
    for name in DATES:
        frame[name] = frame[name].astype("int64").astype("float64")
    x = transformer(DATES).fit_transform(frame)
    return f"{x.shape[0]} x {x.shape[1]} {type(x).__name__}"


def polars_sklearn(path: str) -> str:
    """polars.read_csv, and the same ColumnTransformer."""
    import polars as pl

    frame = pl.read_csv(path, try_parse_dates=True, infer_schema_length=10_000)
    frame = frame.with_columns(pl.col(name).cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) for name in DATES)
    x = transformer(DATES).fit_transform(frame.to_pandas())
    return f"{x.shape[0]} x {x.shape[1]} {type(x).__name__}"


def pyarrow_alone(path: str) -> str:
    """pyarrow.csv.read_csv alone, nothing encoded."""
    from pyarrow import csv

    table = csv.read_csv(path, csv.ReadOptions(block_size=2 * LONG) if path.endswith("long.csv") else None)
    return f"{table.num_rows} x {table.num_columns}"


def nnx_predict(path: str) -> str:
    """nnx predict RUN FILE -o OUT, of a model trained before."""
    folder = Path(path).parent
    command(["predict", str(folder / "run"), path, "-o", str(folder / "predicted.csv")])
    with open(folder / "predicted.csv") as file:
        return f"{sum(1 for _ in file) - 1} rows"


def command(words: list[str]) -> None:
    """Run nnx in this process."""
    from nnx import cli

    try:
        cli.main(words)
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"nnx {words[0]} ended with {end.code}") from None


ENCODE = {
    "nnx": nnx_compact,
    "nnx, spread": nnx_dense,
    "pandas": pandas_sklearn,
    "polars": polars_sklearn,
    "pyarrow": pyarrow_alone,
}
TASKS = {  # the file, and what is done with it
    "read and encode": ("table.csv", ENCODE),
    "predict": ("table.csv", {"nnx": nnx_predict}),
    "long cell": ("long.csv", {name: ENCODE[name] for name in ("nnx", "pyarrow")}),
}
IMPORTS = {"nnx": "nnx.cli", "pandas": "pandas", "polars": "polars", "pyarrow": "pyarrow.csv"}


def one(task: str, name: str, path: str) -> None:
    """Do it once in this process, and print what it took."""
    for module in (IMPORTS[name.partition(",")[0]], "pyarrow.compute", "sklearn.compose", "sklearn.preprocessing"):
        __import__(module)
    wall, processor = time.perf_counter(), time.process_time()
    result = TASKS[task][1][name](path)
    figures = {"seconds": time.perf_counter() - wall, "processor": time.process_time() - processor}
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(json.dumps(figures | {"MB": int(line.split()[1]) / 1024, "result": result}))


def apart(task: str, name: str, path: Path) -> dict:
    """The same in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--one", task, name, str(path)], capture_output=True, text=True)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:160]}
    return json.loads(done.stdout.splitlines()[-1])


def compare(task: str, folder: Path, rounds: int) -> dict:
    """For each rival the medians over the rounds, in which they take turns."""
    file, rivals = TASKS[task]
    found = {name: [] for name in rivals}
    for _ in range(rounds):
        for name in rivals:
            found[name].append(apart(task, name, folder / file))
            print(f"{task}, {name}: {json.dumps(found[name][-1])}", file=sys.stderr, flush=True)
    return {name: medians(runs) for name, runs in found.items()}


def medians(runs: list[dict]) -> dict:
    failed = [run for run in runs if "error" in run]
    if failed:
        return failed[0]
    return {key: statistics.median(run[key] for run in runs) for key in ("seconds", "processor", "MB")} | {
        "least": min(run["seconds"] for run in runs),
        "result": runs[0]["result"],
    }


def report(results: dict, facts: str) -> str:
    """The figures as Markdown; in brackets over the first rival of the task."""
    lines = ["# Tables: time and memory", "", " ".join(__doc__.splitlines()[2:]).strip(), "", facts, ""]
    head = "| | seconds | least | processor's seconds | MB | what came of it |"
    for task, rivals in results.items():
        lines += [f"## {task}", "", head, "|---|---|---|---|---|---|"]
        base = next(iter(rivals.values()))
        for name, r in rivals.items():
            what = TASKS[task][1][name].__doc__.strip().rstrip(".")
            if "error" in r:
                lines.append(f"| {what} | failed: {r['error']} | | | | |")
                continue
            times = [
                f"{r[key]:.2f}" + (f" ({r[key] / base[key]:.2f})" if r is not base and key in base else "")
                for key in ("seconds", "least", "processor")
            ]
            lines.append(f"| {what} | {' | '.join(times)} | {r['MB']:,.0f} | {r['result']} |")
        if task == "long cell" and "seconds" in base:
            lines += ["", f"nnx takes {1e9 * base['seconds'] / LONG:.1f} ns a byte of the cell."]
        lines.append("")
    return "\n".join(lines)


def facts(path: Path) -> str:
    from importlib.metadata import version

    packages = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "pandas", "polars", "scikit-learn", "numpy"))
    size = path.stat().st_size / 1e6 if path.exists() else 0
    names = [
        line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "name" in line
    ]
    processor = names[0] if names else platform.machine()
    return (
        f"{time.strftime('%Y-%m-%d')}, {processor}, {os.cpu_count()} cores; {packages}; the table has {size:,.0f} MB."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", nargs=3, metavar=("TASK", "RIVAL", "FILE"), help=argparse.SUPPRESS)
    parser.add_argument("--only", default="", help="tasks whose name contains one of these, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--folder", help="where the table is written, and kept")
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    given = parser.parse_args()
    if given.one:
        return one(*given.one)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["NNX_CACHE"] = str(folder / "cache")
        if not (folder / "table.csv").exists():
            make(folder / "table.csv", given.rows)
        make_long(folder / "long.csv")
        tasks = [task for task in TASKS if any(part in task for part in given.only.split(","))]
        if "predict" in tasks:
            make(folder / "train.csv", TRAIN)
            words = ["train", str(folder / "train.csv"), "--target", "y", "--epochs", "1", "--force", "-q"]
            words += ["--out", str(folder / "run")]
            subprocess.run([sys.executable, "-m", "nnx", *words], check=True)
        results = {task: compare(task, folder, given.rounds) for task in tasks}
        about = facts(folder / "table.csv")
    text = report(results, about)
    print(text)
    if given.out:
        Path(given.out).with_suffix(".json").write_text(json.dumps({"facts": about, "tasks": results}, indent=1) + "\n")
        Path(given.out).with_suffix(".md").write_text(text + "\n")


if __name__ == "__main__":
    main()
