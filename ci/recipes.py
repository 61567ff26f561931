"""What `nnx train` chooses from the size of a table, beside other choices and scikit-learn, on the same test rows.

    python ci/recipes.py [--archive resources.tar.gz] [--tables NAME ...] [--candidates NAME ...] [--out FILE]

Every table is parted anew for each seed. A candidate is the defaults with one thing changed, or several. The rivals
see the rows that nnx trains and validates on: HistGradientBoosting (text as categories), and MLPClassifier or
MLPRegressor (gaps filled by the median, StandardScaler, one-hot text, a standardised target), all with scikit-learn's
defaults. The score of a table is its skill, 1 - loss / loss of a constant: R^2, or the same of the log loss; and the
accuracy. The error of a gain is that of the seeds alone, left empty where a table had one seed. The defaults were
chosen by these test rows, the rivals were not: a difference of a few thousandths says nothing.

Runs that FILE.json has are not made again; FILE.md is written from it. The archive is the one in the source of
pydataset 0.2.0; without it R's tables are left out.
"""

import argparse
import dataclasses
import io
import json
import math
import statistics
import sys
import tarfile
import tempfile
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from msgspec.structs import replace
from nnx.cli.prepare import prepare
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import nnx
from nnx.cli import config as configuration, settle
from nnx.cli.run import evaluation
from nnx.cli.train import Voice, run
from nnx.evaluation import scores
from nnx.optimizers import OPTIMIZERS
from nnx.training import split

SEEDS = ((1_000, 3), (10_000, 2), (1_000_000, 1))  # so many for tables up to so many rows
LARGE = 10_000  # rows
RIVALS = ("HistGradientBoosting", "scikit-learn's MLP")


def friedman1():
    x, y = datasets.make_friedman1(5_000, n_features=10, noise=1.0, random_state=0)
    return pd.DataFrame(x).assign(y=y)


def clusters():
    x, y = datasets.make_classification(
        20_000, 30, n_informative=12, n_classes=4, n_clusters_per_class=3, random_state=0
    )
    return pd.DataFrame(x).assign(y=y)


def moons():
    x, y = datasets.make_moons(500, noise=0.25, random_state=0)
    return pd.DataFrame(x).assign(y=y)


# name: rows, and target of a table of `nnx train`, or function, or file of the archive, target and columns to leave out
TABLES = {
    "iris": (150, "target"),
    "wine": (178, "target"),
    "birthwt": (189, "MASS/birthwt", "low", "bwt"),
    "fgl": (214, "MASS/fgl", "type"),
    "pima": (300, "MASS/Pima.tr2", "type"),
    "baseball": (322, "vcd/Baseball", "sal87", "name1", "name2"),
    "penguins": (344, "species", "year"),
    "salaries": (397, "car/Salaries", "salary"),
    "diabetes": (442, "target"),
    "moons": (500, moons),
    "houses": (546, "Ecdat/Housing", "price"),
    "breast_cancer": (569, "target"),
    "mroz": (753, "Ecdat/Mroz", "work", "hoursw", "wagew", "hearnw"),
    "digits": (1_797, "target"),
    "nlschools": (2_287, "MASS/nlschools", "lang"),
    "hdma": (2_381, "Ecdat/Hdma", "deny"),
    "chile": (2_700, "car/Chile", "vote"),
    "friedman1": (5_000, friedman1),
    "computers": (6_259, "Ecdat/Computers", "price"),
    "flchain": (7_874, "survival/flchain", "death", "futime", "chapter"),
    "clusters": (20_000, clusters),
    "hours": (22_272, "Ecdat/HI", "whrswk", "wght"),
    "diamonds": (53_940, "ggplot2/diamonds", "price"),
}


def times(factor):
    return lambda old: max(round(old * factor), 1)


def wide(width):
    return lambda old: (width,) * len(old)


def deep(depth):
    return lambda old: (old[0],) * depth


def epochs(factor):
    return {"training.epochs": times(factor), "training.patience": times(factor)}


def former(rows):
    """The recipe that the search began with."""
    return dataclasses.replace(
        settle.recipe(rows),
        hidden=(128 if rows <= 5_000 else 256,) * (2 if rows <= 30_000 else 3),
        dropout=0.1,
        rate=2e-3,
    )


CANDIDATES = {
    "default": {},
    **{f"width {n}": {"network.hidden": wide(n)} for n in (64, 128, 256, 512)},
    **{f"depth {n}": {"network.hidden": deep(n)} for n in (1, 2, 3)},
    **{f"dropout {p}": {"network.dropout": p} for p in (0.0, 0.1, 0.2, 0.3, 0.5)},
    **{f"rate {r:g}": {"optimizer.rate": r} for r in (5e-4, 1e-3, 2e-3, 5e-3, 1e-2)},
    **{f"weight decay {d:g}": {"adamw.weight_decay": d} for d in (0.0, 1e-4, 1e-1, 1.0)},
    **{f"batch x {f}": {"training.batch_size": times(f)} for f in (0.5, 2, 4)},
    **{f"epochs x {f}": epochs(f) for f in (0.1, 0.25, 0.5, 2)},
    **{f"patience x {f}": {"training.patience": times(f)} for f in (0.5, 2, 5)},
    "last weights": {"training.early_stopping": False},
    "no validation": {"data.validation": 0.0},
    "validation 0.1": {"data.validation": 0.1},
    "validation 0.15": {"data.validation": 0.15},
    "validation 0.2": {"data.validation": 0.2},
    "standard scale": {"encoder.scale": "standard"},
    **{f"min_count {n}": {"encoder.min_count": n} for n in (1, 10)},
    **{f"max_categories {n}": {"encoder.max_categories": n} for n in (10, 100)},
    **{name: {"network.activation": name} for name in ("relu", "silu", "mish", "selu", "gelu", "tanh")},
    "label smoothing": {"training.label_smoothing": 0.1},
    "one_cycle": {"optimizer.schedule": "one_cycle"},
    "constant rate": {"optimizer.schedule": "none"},
    "clip 1": {"optimizer.clip": 1.0},
}


def combined(name):
    """The changes of a candidate; several are joined by " + "."""
    changes = {}
    for part in name.split(" + "):
        changes |= CANDIDATES[part]
    return changes


def path_of(name, folder, archive):
    """The table as `nnx train` is given it, or None where there is no archive."""
    _, origin, *more = TABLES[name]
    if callable(origin):
        frame = origin()
    elif "/" not in origin:
        return name, more
    elif archive is None:
        return None, more
    else:
        with tarfile.open(archive) as files:
            text = files.extractfile(f"resources/rdata/csv/{origin}.csv").read()
        frame = pd.read_csv(io.BytesIO(text), index_col=0).dropna(subset=more[0])
    path = Path(folder) / f"{name}.csv"
    frame.to_csv(path, index=False)
    return str(path), more[1:]


def changed(config, changes):
    """Settings with some of them another value, or what a function makes of the value."""
    for name, value in changes.items():
        section, _, field = name.partition(".")
        part = getattr(config, section)
        value = value(getattr(part, field)) if callable(value) else value
        config = replace(config, **{section: replace(part, **{field: value})})
    return config


def settings(name, path, dropped, seed, changes):
    """The settings of a run, those of the data and the encoder changed."""
    origin, *more = TABLES[name][1:]
    target = "y" if callable(origin) else more[0] if "/" in origin else origin
    values = {"data.path": path, "data.target": target, "data.drop": list(dropped), "training.seed": seed}
    config = configuration.resolve(None, (), values)
    return changed(config, {k: v for k, v in changes.items() if k.startswith(("data.", "encoder."))})


def ours(prepared, config, changes, folder):
    """Scores of a run of nnx."""
    later = {k: v for k, v in changes.items() if k.startswith(("network.", "optimizer.", "training."))}
    decay = changes.get("adamw.weight_decay")
    original = OPTIMIZERS["adamw"]
    OPTIMIZERS["adamw"] = original if decay is None else partial(original, weight_decay=decay)
    try:
        config = settle.settled(config, prepared, validated=prepared.validation is not None)
        config, start = changed(config, later), perf_counter()
        voice = Voice(json=False, quiet=True)
        result, _ = run(config, prepared, nnx.backend("numpy", "float32"), Path(folder), voice, 0.0)
        seconds = perf_counter() - start
    finally:
        OPTIMIZERS["adamw"] = original
    x, y = prepared.test
    found = evaluation(prepared.target, y, result.predict(x)).scores
    return figures(prepared, found) | {
        "seconds": seconds,
        "epochs": len(result.history["epoch"]),
        "best": result.best_epoch,
    }


def figures(prepared, found):
    """What is kept of a run's scores."""
    if not prepared.target.classes:
        return {"skill": found["r2"]}
    share = np.asarray(prepared.counts) / sum(prepared.counts)
    constant = scores("classification", prepared.test[1], np.tile(share, (len(prepared.test[1]), 1)))
    return {
        "skill": 1 - found["log_loss"] / constant["log_loss"],
        "accuracy": found["accuracy"],
        "log_loss": found["log_loss"],
    }


def frames(prepared, seed):
    """The columns as scikit-learn is given them, with the target and the numbers of the rows to train and test on."""
    table, target = prepared.source.table.to_pandas(), prepared.target
    y = table[target.name]
    if target.classes:
        y = y.map(str if y.dtype.kind not in "f" else lambda v: f"{v:g}")
        y = y.map({c: i for i, c in enumerate(target.classes)}).to_numpy()
    else:
        y = y.astype(float).to_numpy()
    table = table[[c.name for c in prepared.encoder.columns_]].copy()
    for column in table.columns:
        if table[column].dtype.kind not in "fiub":
            table[column] = table[column].astype("category")
    kept, held = (np.sort(part) for part in split(len(table), 0.2, seed, y if target.classes else None, "test"))
    own = prepared.test[1] if target.classes else target.decode(prepared.test[1][:, None])
    assert np.allclose(y[held], own, rtol=1e-4, atol=1e-3), "the rivals' test rows are others"
    return table, y, kept, held


def rivals(prepared, seed):
    """Scores of scikit-learn on the same rows."""
    table, y, kept, held = frames(prepared, seed)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (texts, make_column_selector(dtype_exclude="number")),
    )
    if prepared.target.classes:
        boosting = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
        perceptron = make_pipeline(columns, MLPClassifier(random_state=seed))
    else:
        boosting = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=seed)
        network = TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler())
        perceptron = make_pipeline(columns, network)
    found = {}
    for name, model in zip(RIVALS, (boosting, perceptron), strict=True):
        start = perf_counter()
        model.fit(table.iloc[kept], y[kept])
        seconds = perf_counter() - start
        predict = model.predict_proba if prepared.target.classes else model.predict
        truth = y[held].astype(int) if prepared.target.classes else y[held]
        own = scores(prepared.target.task, truth, predict(table.iloc[held]))
        found[name] = figures(prepared, own) | {"seconds": seconds}
    return found


def measure(names, candidates, archive, done, seeds, save):
    """Make the runs that are not in done, {table: {candidate: [figures of each seed]}}."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path, dropped = path_of(name, folder, archive)
            if path is None:
                print(f"{name}: left out; it needs --archive")
                continue
            at = done.setdefault(name, {})
            for seed in range(seeds or next(n for rows, n in SEEDS if TABLES[name][0] <= rows)):
                ready = {}
                for candidate in candidates:
                    if len(at.get(RIVALS[0] if candidate == "rivals" else candidate, [])) > seed:
                        continue
                    changes = {} if candidate == "rivals" else combined(candidate)
                    config = settings(name, path, dropped, seed, changes)
                    key = repr((config.data, config.encoder))
                    if key not in ready:
                        ready[key] = prepare(config, lambda text: None)
                    if candidate == "rivals":
                        found = rivals(ready[key], seed)
                    else:
                        found = {candidate: ours(ready[key], config, changes, folder)}
                    for who, values in found.items():
                        at.setdefault(who, []).append(values)
            save()
            print(name, {c: round(mean(runs), 4) for c, runs in at.items()}, flush=True)


def mean(runs, figure="skill"):
    """Of the figure over the seeds."""
    return statistics.fmean(run[figure] for run in runs)


def beside(done):
    """The defaults beside the rivals, in Markdown."""
    who = ["default", *RIVALS]
    lines = ["| table | rows | " + " | ".join(f"{w} | accuracy" for w in who) + " | nnx, s |", "|---" * 9 + "|"]
    names = [name for name in TABLES if all(w in done.get(name, {}) for w in who)]
    for name in names:
        cells = []
        best = max(mean(done[name][w]) for w in who)
        for w in who:
            value = mean(done[name][w])
            right = f"{mean(done[name][w], 'accuracy'):.3f}" if "accuracy" in done[name][w][0] else ""
            cells.append(f"{'**' if value == best else ''}{value:.3f}{'**' if value == best else ''} | {right}")
        seconds = mean(done[name]["default"], "seconds")
        lines.append(f"| {name} | {TABLES[name][0]:,} | " + " | ".join(cells) + f" | {seconds:.1f} |")
    cells, ranks = [], {w: [] for w in who}
    for name in names:
        order = sorted(who, key=lambda w: -mean(done[name][w]))
        for w in who:
            ranks[w].append(order.index(w) + 1)
    for w in who:
        classified = [n for n in names if "accuracy" in done[n][w][0]]
        right = statistics.fmean(mean(done[n][w], "accuracy") for n in classified)
        cells.append(f"{statistics.fmean(mean(done[n][w]) for n in names):.3f} | {right:.3f}")
    lines.append("| mean | | " + " | ".join(cells) + " | |")
    lines.append("| mean rank | | " + " | ".join(f"{statistics.fmean(ranks[w]):.2f} | " for w in who) + " | |")
    return lines


def gains(done):
    """What each candidate gains over the default in the mean over tables, in Markdown, the best first."""
    found = []
    for candidate in dict.fromkeys(c for runs in done.values() for c in runs if c not in ("default", *RIVALS)):
        for group, low, high in (("to 1,000", 0, 1_000), ("to 10,000", 1_000, LARGE), ("above", LARGE, 10**9)):
            names = [n for n, runs in done.items() if low < TABLES[n][0] <= high and runs.get(candidate)]
            if names:
                found.append((low, *gain({n: done[n] for n in names}, candidate, group)))
    head = "| change | rows | skill | its error | better on | worst | accuracy |"
    return [head, "|---" * 7 + "|", *(line for *_, line in sorted(found))] if found else []


def gain(done, candidate, group):
    """Minus the mean gain over the tables, and its line of the table."""
    pairs = {n: list(zip(runs[candidate], runs["default"], strict=False)) for n, runs in done.items()}
    each = {n: [a["skill"] - b["skill"] for a, b in p] for n, p in pairs.items()}
    means = {n: statistics.fmean(values) for n, values in each.items()}
    errors = [statistics.stdev(values) / len(values) ** 0.5 for values in each.values() if len(values) > 1]
    error = f"{math.hypot(*errors) / len(errors):.4f}" if len(errors) == len(each) else ""
    right = [
        statistics.fmean(a["accuracy"] - b["accuracy"] for a, b in p) for p in pairs.values() if "accuracy" in p[0][0]
    ]
    accuracy = f"{statistics.fmean(right):+.4f}" if right else ""
    worst, found = min(means, key=means.get), statistics.fmean(means.values())
    cells = candidate, group, f"{found:+.4f}", error, f"{sum(m > 0 for m in means.values())} of {len(means)}"
    return -found, "| " + " | ".join((*cells, f"{worst} {means[worst]:+.3f}", accuracy)) + " |"


def report(done):
    """Both tables."""
    text = [
        "# What `nnx train` chooses",
        "",
        "Written by ci/recipes.py. " + " ".join(__doc__.split("\n\n")[2].split()),
        "",
    ]
    text += ["## The defaults beside scikit-learn: skill and accuracy", "", *beside(done["recipe"]), ""]
    for key, what in (("recipe", "the defaults"), ("former", "the recipe that the search began with (`--former`)")):
        if lines := gains(done[key]):
            text += [f"## Changes of {what}: gain over it with the same seeds", "", *lines, ""]
    return "\n".join(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--archive", default=None)
    parser.add_argument("--tables", nargs="*", default=list(TABLES))
    parser.add_argument("--candidates", nargs="*", default=["default", "rivals"], help="; ".join(CANDIDATES))
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--former", action="store_true", help="changes of the recipe that the search began with")
    parser.add_argument("--out", default="ci/results/recipes")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    file = Path(f"{given.out}.json")
    done = json.loads(file.read_text()) if file.exists() else {"recipe": {}, "former": {}}
    if given.former:
        settle.recipe = former
    part = done["former" if given.former else "recipe"]
    measure(given.tables, given.candidates, given.archive, part, given.seeds, lambda: file.write_text(dump(done)))
    file.write_text(dump(done))
    Path(f"{given.out}.md").write_text(report(done))
    return 0


def dump(done):
    """As JSON, a line for each candidate of a table."""
    rounded = json.loads(json.dumps(done), parse_float=lambda text: round(float(text), 5))
    parts = []
    for part, tables in rounded.items():
        rows = [
            f'  "{table}": {{\n' + ",\n".join(f"   {json.dumps(c)}: {json.dumps(r)}" for c, r in runs.items()) + "\n  }"
            for table, runs in tables.items()
        ]
        parts.append(f' "{part}": {{\n' + ",\n".join(rows) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
