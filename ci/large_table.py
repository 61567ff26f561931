"""A CSV larger than the memory it is trained in: written, trained, and the peak memory of the training measured.

    python ci/large_table.py [--gigabytes 2] [--limit 600] [--folder FOLDER]

The target depends on numbers, a category with gaps, a text of many values and the season of a date. Exits with 1 where
the training took more than --limit MB, or explains less than it should.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

ROWS = 250_000  # written at once


def block(rng: np.random.Generator) -> pa.Table:
    """Rows of the table."""
    numbers = {f"n{i}": np.round(rng.normal(size=ROWS), 5) for i in range(10)}
    colour = rng.integers(0, 4, ROWS)
    shop = rng.integers(0, 400, ROWS)
    day = rng.integers(0, 3 * 365, ROWS)
    y = 3 * numbers["n0"] + np.sin(2 * numbers["n1"]) * 2 + numbers["n2"] * numbers["n3"] + colour + 2 * (shop % 2)
    y += 2 * np.sin(2 * np.pi * day / 365.2425) + 0.1 * rng.normal(size=ROWS)
    words = np.array(["red", "green", "blue", ""], dtype=object)
    dates = (np.datetime64("2021-01-01") + day).astype("datetime64[D]").astype(str)
    gaps = rng.random(ROWS) < 0.05
    numbers["n9"] = [None if gap else v for gap, v in zip(gaps, numbers["n9"].tolist(), strict=True)]
    names = np.array([f"shop {i}" for i in range(400)], dtype=object)
    return pa.table(
        numbers | {"colour": words[colour], "shop": names[shop], "day": dates, "price": np.round(1000 + 50 * y, 3)}
    )


def write(path: Path, size: float) -> int:
    """Write about so many bytes. Returns the number of rows."""
    rng, rows, writer = np.random.default_rng(0), 0, None
    with open(path, "wb") as file:
        while file.tell() < size:
            table = block(rng)
            writer = writer or csv.CSVWriter(file, table.schema)
            writer.write(table)
            rows += len(table)
            file.flush()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--limit", type=float, default=600.0, help="MB")
    parser.add_argument("--folder", default=None)
    parser.add_argument("--epochs", default="1")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        path = Path(folder) / "large.csv"
        rows = write(path, given.gigabytes * 1e9)
        print(f"{path.stat().st_size / 1e9:.2f} GB, {rows:,} rows", flush=True)
        command = [sys.executable, "-m", "nnx", "train", str(path), "--target", "price", "--epochs", given.epochs]
        command += ["--memory", "256MB", "--out", f"{folder}/run", "--json"]
        environment = os.environ | {"NNX_CACHE": f"{folder}/cache"}
        for attempt in ("first", "second, from the cache"):
            done = subprocess.run([*command, "--force"], env=environment, stdout=subprocess.PIPE, text=True, check=True)
            last = json.loads(done.stdout.splitlines()[-1])
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
            print(f"{attempt}: R^2 {last['test_r2']:.4f}, at most {peak:.0f} MB of memory so far", flush=True)
    return int(peak > given.limit or last["test_r2"] < 0.98)


if __name__ == "__main__":
    sys.exit(main())
