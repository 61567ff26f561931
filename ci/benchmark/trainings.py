"""Time `nnx train TABLE`, whole processes, on ten small tables: ci/bench train [--against FOLDER] [--only TEXT,TEXT]
[--rounds N] [--out FILE].

FOLDER is another checkout of nnx, of before a change, say: both take turns, and it is said whether they leave the same
model to the bit. What is reported are medians of the seconds, and of the processor's seconds, which other processes
disturb less. BLAS has one thread, and modules are compiled in a run before, as those of an installed package are.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parents[2]
BUILT_IN = ("iris", "wine", "penguins", "diabetes", "breast_cancer", "digits")
DRAWN = {"moons": (300, 0), "visits": (500, 3), "prices": (1_000, 0), "waves": (2_000, 0)}  # rows, classes


def make(name: str, folder: Path) -> str:
    """Write a drawn table with a column y to predict. Returns its path."""
    rows, classes = DRAWN[name]
    rng = np.random.default_rng(rows)
    if name == "waves":  # numbers alone, as Friedman's first
        x = rng.random((rows, 10))
        columns = {f"x{i}": v.round(5) for i, v in enumerate(x.T)}
        y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
        y = (y + rng.normal(size=rows)).round(4)
    elif name == "moons":
        t, y = rng.random(rows) * np.pi, rng.integers(0, 2, rows)
        x = np.stack([np.cos(t), np.sin(t)], axis=1) * (1 - 2 * y)[:, None] + np.outer(y, (1.0, 0.5))
        columns = {f"x{i}": v.round(4) for i, v in enumerate((x + rng.normal(scale=0.25, size=x.shape)).T)}
    else:  # what tables of people hold: numbers with gaps, words, truths and days
        number = rng.normal(size=(6, rows))
        town, colour, flag = rng.integers(0, 25, rows), rng.integers(0, 4, rows), rng.integers(0, 2, rows)
        day = np.datetime64("2020-01-01") + rng.integers(0, 1_500, rows)
        columns = {f"n{i}": np.where(rng.random(rows) < 0.04, "", v.round(3).astype(str)) for i, v in enumerate(number)}
        columns |= {"town": np.char.add("town ", town.astype(str)), "day": day.astype(str)}
        columns |= {"colour": np.array(["red", "green", "blue", "grey"])[colour], "open": np.array(["no", "yes"])[flag]}
        y = number[0] * (1 + flag) + np.tanh(number[1]) * colour + town % 3 + rng.normal(scale=0.3, size=rows)
        y = np.searchsorted(np.quantile(y, (0.4, 0.7)), y) if classes else y.round(3)
    path = folder / f"{name}.csv"
    lines = [
        ",".join([*columns, "y"]),
        *map(",".join, zip(*(v.astype(str) for v in (*columns.values(), y)), strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def once(checkout: Path, words: list[str], out: Path) -> dict[str, float]:
    """Train in a process of its own: its seconds, and the processor's."""
    env = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    env |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{out}.modules"}
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "nnx", "train", *words, "--out", str(out), "--force", "-q"]
    subprocess.run(command, env=env, check=True, cwd=out.parent, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": seconds,
        "processor": sum(getattr(after, n) - getattr(before, n) for n in ("ru_utime", "ru_stime")),
    }


def compare(words: list[str], checkouts: list[Path], folder: Path, rounds: int) -> dict[str, object]:
    """The medians of each checkout, which take turns; and whether they leave the same model."""
    found: list[list[dict[str, float]]] = [[] for _ in checkouts]
    outs = [folder / f"run{i}" for i in range(len(checkouts))]
    for checkout, out in zip(checkouts, outs, strict=True):
        if not Path(f"{out}.modules").exists():
            once(checkout, words, out)
    for turn in range(rounds):
        order = range(len(checkouts))
        for i in order if turn % 2 == 0 else reversed(order):
            found[i].append(once(checkouts[i], words, outs[i]))
            print(f"{words[0]}, {checkouts[i]}: {json.dumps(found[i][-1])}", file=sys.stderr, flush=True)
    models = {(out / "best.safetensors").read_bytes() for out in outs}
    medians = [{key: statistics.median(run[key] for run in runs) for key in runs[0]} for runs in found]
    return {"medians": medians, "same": len(models) == 1}


def report(results: dict[str, dict], about: str) -> str:
    """The figures as Markdown; of two checkouts the ratios too."""
    two = any(len(r["medians"]) == 2 for r in results.values())
    heads = (
        ["seconds", "before", "ratio", "processor", "before", "ratio", "same model"]
        if two
        else ["seconds", "processor"]
    )
    lines = [
        "# Whole trainings on small tables",
        "",
        about,
        "",
        f"| | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for name, r in results.items():
        cells = []
        for key in ("seconds", "processor"):
            own = [m[key] for m in r["medians"]]
            cells += [f"{v:.2f}" for v in own] + ([f"{own[1] / own[0]:.2f}"] if two else [])
        lines.append(f"| {name} | {' | '.join(cells + ['yes' if r['same'] else 'NO'] * two)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", help="another checkout, to compare with")
    parser.add_argument("--only", default="", help="tables whose name contains one of these, by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    given = parser.parse_args()
    checkouts = [HERE, *([Path(given.against).resolve()] if given.against else [])]
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (*BUILT_IN, *DRAWN):
            if any(part in name for part in given.only.split(",")):
                words = [name] if name in BUILT_IN else [make(name, folder), "--target", "y"]
                results[name] = compare(words, checkouts, folder, given.rounds)
    about = f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, medians of {given.rounds} runs."
    text = report(results, about)
    print(text)
    if given.out:
        Path(given.out).with_suffix(".json").write_text(json.dumps(results, indent=1) + "\n")
        Path(given.out).with_suffix(".md").write_text(text + "\n")


if __name__ == "__main__":
    main()
