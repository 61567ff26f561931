"""How sure of itself nnx is on tables: probabilities, intervals, explanations, and what its presets take.

    python ci/calibration.py [fit] [presets] [--tables NAME ...] [--seeds N] [--packages FOLDER]
                             [--out ci/results/calibration]

fit: the default preset on the tables of ci/recipes, four fifths of the rows to fit on, one fifth to test on, drawn anew
for each seed. Of classes: log loss (probabilities no less than 1e-7) and expected calibration error on the test rows,
with the temperatures and with the same networks without them. Of numbers: the share of test rows within
predict_interval, and its mean width in standard deviations of the target, beside split conformal prediction by the
first of the networks alone. On three tables: integrated gradients, their sums against the differences of the outputs.
presets: peak memory of a fit of one epoch in a process of its own, size of the model file, and CPU time to predict.

One thread, float32, NumPy. Runs that FILE.json has are not made again; the page FILE.md is written from all.
"""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import replace
from math import sqrt
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "recipes"))
from tables import TABLES, load

import nnx
from nnx.tabular.calibration import fold_temperature
from nnx.tabular.intervals import Residuals
from nnx.training import split

COVERAGES = (0.8, 0.9, 0.95)
EXPLAINED = ("penguins", "computers", "diamonds")
SIZED = ("salaries", "friedman1", "diamonds")
PRESETS = ("fast", "default", "best")
BINS = 15  # of the calibration error
ROWS = 50  # explained
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")}


def log_loss(p, y):
    """Of rows of probabilities, none less than 1e-7."""
    return float(-np.mean(np.log(np.maximum(p[np.arange(len(y)), y], 1e-7))))


def calibration_error(p, y):
    """The mean over the rows of |accuracy - mean confidence| of their bin, of 15 of the highest probability.

    Source: Guo, Pleiss, Sun & Weinberger 2017, eq. 3.
    """
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, right - sure, BINS)).sum() / len(y))


def classes(fitted, x, y):
    """Log loss and calibration error of an estimator with its temperatures, and without them."""
    T = fitted.model_.about["temperatures"]
    found = {"rows": len(y), "temperatures": T}
    model = fitted.model_
    for name, factor in (("with", np.ones(len(T))), ("without", 1 / np.array(T))):
        fitted.model_ = replace(model, params=fold_temperature(model.net, model.params, factor.astype("float32")))
        p = fitted.predict_proba(x)
        found[name] = [log_loss(p, y), calibration_error(p, y)]
    fitted.model_ = model
    return found


def intervals(fitted, x, y, deviation):
    """Coverage and mean width of the intervals of an estimator, and of those of its first network alone."""
    model = fitted.model_
    z = model.output(fitted._encoded(x)).reshape(-1, model.net.copies)[:, 0]
    alone = Residuals.from_data(model.about["residuals"]).members[0]
    first, residuals = z * model.target.scale + model.target.mean, Residuals((alone,), len(alone))
    found = {"rows": len(y), "all": [], "one": []}
    for coverage in COVERAGES:
        for name, ends in (
            ("all", fitted.predict_interval(x, coverage)),
            ("one", residuals.interval(first[None], coverage)),
        ):
            within = (ends[:, 0] <= y) & (y <= ends[:, 1])
            width = float(np.mean(ends[:, 1] - ends[:, 0]) / deviation)
            found[name].append([float(within.mean()), width])
    return found


def explained(fitted, x):
    """The largest gap of integrated gradients, by the largest difference of outputs, and CPU seconds for a row."""
    start = process_time()
    e = fitted.explain(x)
    seconds = process_time() - start
    gap, largest = np.abs(e.output - e.base - e.values.sum(axis=1)).max(), np.abs(e.output - e.base).max()
    return {"rows": len(x), "columns": len(e.columns), "gap": float(gap / largest), "seconds": seconds / len(x)}


def fit(table, seed, folder):
    """What is found of one table."""
    frame, y, count = load(table, folder)
    train, test = (np.sort(rows) for rows in split(len(y), 0.2, seed, y if count else None, "test"))
    x = frame.iloc[test]
    estimator = nnx.TabularClassifier if count else nnx.TabularRegressor
    fitted = estimator(random_state=seed).fit(frame.iloc[train], y[train])
    found = classes(fitted, x, y[test]) if count else intervals(fitted, x, y[test], y[train].std())
    return found | ({"explained": explained(fitted, x.head(ROWS))} if table in EXPLAINED else {})


def preset(table, name, folder):
    """The memory that a fit of one epoch takes, the size of the model, and CPU seconds to predict 1 and 10,000 rows."""
    frame, y, count = load(table, folder)
    before = peak()
    estimator = nnx.TabularClassifier if count else nnx.TabularRegressor
    fitted = estimator(name, epochs=1).fit(frame, y)
    memory = peak()
    with tempfile.TemporaryDirectory() as temporary:
        fitted.save(file := Path(temporary) / "model.nnx")
        size = file.stat().st_size
    seconds = []
    for rows in (1, 10_000):
        x = frame.iloc[np.arange(rows) % len(frame)].reset_index(drop=True)
        fitted.predict(x)
        start, times = process_time(), 20 if rows == 1 else 3
        for _ in range(times):
            fitted.predict(x)
        seconds.append((process_time() - start) / times)
    return {"rows": len(y), "before": before, "memory": memory, "size": size, "seconds": seconds}


def peak():
    """The largest memory of this process so far, in bytes; not that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def apart(table, name, folder):
    """`preset` in a process of its own."""
    command = [sys.executable, __file__, "--packages", str(folder), "--one", table, name]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def page(found):
    """The results as Markdown."""
    sections = (("classes", of_classes), ("intervals", of_intervals), ("presets", of_presets))
    parts = [text(found[name]) for name, text in sections if found[name]]
    explained = [(key, r["explained"]) for name in found for key, r in runs(found[name]) if "explained" in r]
    parts += [of_gradients(explained)] if explained else []
    about = "What is measured: " + __doc__.split("fit: ", 1)[1].strip()
    return "\n".join(["# How sure of itself nnx is on tables\n", about + "\n", short(found), *parts])


def short(found):
    """The page in a few lines."""
    rows = []
    if classes := [[*r["without"], *r["with"]] for _, r in runs(found["classes"])]:
        loss0, error0, loss, error = np.transpose(classes)
        change = loss - loss0
        rows += [
            ["log loss with temperatures, mean change", f"{change.mean():+.5f}", "below 0"],
            [f"its worst change in {len(change)} runs", f"{change.max():+.4f}", "at most 0.002"],
            ["calibration error without and with, means", f"{error0.mean():.4f}, {error.mean():.4f}", ""],
        ]
    if covered := [r["all"] + r["one"] for _, r in runs(found["intervals"])]:
        means = np.mean(covered, axis=0)
        for i, c in enumerate(COVERAGES):
            what = f"mean coverage of {100 * c:g} % intervals in {len(covered)} runs, of one network's"
            one = means[i + len(COVERAGES)]
            rows.append([what, f"{100 * means[i][0]:.1f} %, {100 * one[0]:.1f} %", "within 2 points"])
    return f"## In short\n\n{table_of(['what', 'measured', 'asked'], rows)}"


def runs(section):
    """Names and results of all runs."""
    return [(f"{table}, {seed}", run) for table, seeds in section.items() for seed, run in seeds.items()]


def table_of(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def of_classes(section):
    rows = []
    for key, r in runs(section):
        (loss, error), (loss0, error0) = r["with"], r["without"]
        T = f"{min(r['temperatures']):.2f} to {max(r['temperatures']):.2f}"
        rows.append(
            [key, r["rows"], T, f"{loss0:.4f}", f"{loss:.4f}", f"{loss - loss0:+.4f}", f"{error0:.3f}", f"{error:.3f}"]
        )
    figures = np.array([[*r["without"], *r["with"]] for _, r in runs(section)])
    loss0, error0, loss, error = figures.mean(axis=0)
    worst = (figures[:, 2] - figures[:, 0]).max()
    rows.append(
        ["**mean**", "", "", f"{loss0:.4f}", f"{loss:.4f}", f"{loss - loss0:+.4f}", f"{error0:.3f}", f"{error:.3f}"]
    )
    head = [
        "table, seed",
        "test rows",
        "temperatures",
        "log loss without",
        "with",
        "change",
        "calibration error without",
        "with",
    ]
    better = int((figures[:, 2] < figures[:, 0]).sum())
    text = f"Better in {better} of {len(figures)} runs; the worst change is {worst:+.4f}."
    return f"## Probabilities\n\n{text}\n\n{table_of(head, rows)}"


def of_intervals(section):
    head, rows = ["table, seed", "test rows"], []
    head += [f"{100 * c:g} %: covered, width" for c in COVERAGES] + [f"one network, {100 * c:g} %" for c in COVERAGES]
    figures = np.array([[*r["all"], *r["one"]] for _, r in runs(section)])  # (runs, 2 coverages, 2)
    far = 0
    for (key, r), own in zip(runs(section), figures, strict=True):
        cells = []
        for i, (covered, width) in enumerate(own):
            c = COVERAGES[i % len(COVERAGES)]
            off = i < len(COVERAGES) and abs(covered - c) > 3 * sqrt(c * (1 - c) / r["rows"])
            far += off
            cells.append(f"{100 * covered:.1f}{' !' if off else ''}, {width:.2f}")
        rows.append([key, r["rows"], *cells])
    rows.append(["**mean**", "", *(f"{100 * c:.1f}, {w:.2f}" for c, w in figures.mean(axis=0))])
    text = f"Beyond three standard errors of the test rows (!): {far} of {len(figures) * len(COVERAGES)}."
    return f"## Prediction intervals\n\n{text}\n\n{table_of(head, rows)}"


def of_presets(section):
    rows = []
    for table, presets in section.items():
        for name, r in presets.items():
            mb = [f"{r[k] / 1e6:.0f}" for k in ("before", "memory")]
            ms = [f"{1000 * s:.1f}" for s in r["seconds"]]
            rows.append([table, r["rows"], name, *mb, f"{r['size'] / 1e6:.2f}", *ms])
    head = ["table", "rows", "preset", "MB before", "peak MB of the fit", "MB of the model file"]
    head += ["CPU ms to predict 1 row", "10,000 rows"]
    return f"## What the presets take\n\n{table_of(head, rows)}"


def of_gradients(explained):
    rows = [[key, e["rows"], e["columns"], f"{e['gap']:.1e}", f"{1000 * e['seconds']:.1f}"] for key, e in explained]
    head = ["table, seed", "rows", "columns", "largest gap", "CPU ms for a row"]
    text = "The gap between the sum of a row's values and the difference of the outputs, by the largest difference."
    return f"## Integrated gradients\n\n{text}\n\n{table_of(head, rows)}"


def main():
    if ONE_THREAD.items() - os.environ.items():  # read when the libraries are loaded
        os.execve(sys.executable, sys.orig_argv, os.environ | ONE_THREAD)
    parser = ArgumentParser("ci/calibration.py", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["fit", "presets", []])
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--packages", help="a folder to keep the packages in")
    parser.add_argument("--out", default="ci/results/calibration")
    parser.add_argument("--one", nargs=2, help="print what one preset takes on one table")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.packages or temporary)
        if given.one:
            print(json.dumps(preset(*given.one, folder)))
            return
        measure(given, folder, Path(f"{given.out}.json"))


def measure(given, folder, file):
    """Make the runs that are not there, and write the page."""
    found = {"classes": {}, "intervals": {}, "presets": {}}
    found |= json.loads(file.read_text()) if file.exists() else {}
    asked = [(section_of(t), t, str(s)) for s in range(given.seeds) for t in given.tables if "fit" in given.what]
    asked += [("presets", t, p) for t in SIZED for p in PRESETS if "presets" in given.what and t in given.tables]
    for section, table, key in asked:
        if key in found[section].get(table, {}):
            continue
        run = apart(table, key, folder) if section == "presets" else fit(table, int(key), folder)
        print(section, table, key, run, flush=True)
        found[section].setdefault(table, {})[key] = run
        rounded = json.loads(json.dumps(found), parse_float=lambda text: float(f"{float(text):.6g}"))
        file.write_text(json.dumps(rounded).replace("}}, ", "}},\n ") + "\n")
        file.with_suffix(".md").write_text(page(found))
    file.with_suffix(".md").write_text(page(found))


def section_of(table):
    return "classes" if TABLES[table].classes else "intervals"


if __name__ == "__main__":
    main()
