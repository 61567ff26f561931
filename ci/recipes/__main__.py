"""nnx's estimators for tables beside their rivals, on the same rows of 46 tables.

    python ci/recipes [WHO ...] [--choose] [--again] [--candidate "NAME: members=5, preset='fast'"] [--tables NAME ...]
                      [--seeds N] [--packages FOLDER] [--merge FILE.json] [--out ci/results/recipes]

WHO: default, fast and best (the presets of nnx.TabularClassifier and nnx.TabularRegressor), a --candidate (other
settings of theirs), "nnx train" (the command in a process of its own, start-up included), a rival, or "rivals" for all.

Everyone has its own defaults, one thread and the same rows: four fifths to fit on, from which whoever wants validation
takes it, one fifth to test on, drawn anew for each seed (nnx.training.split, by class). Five seeds on tables of up to
10,000 rows, two above; one for RealMLP-TD and TabM, above 10,000 rows none, and none where a fit goes beyond 300 CPU
seconds. skill = 1 - loss / loss of the training rows' mean or shares: squared error, or log loss, probabilities no less
than 1e-7. AUC is one class against the rest, the mean over the classes. CPU seconds are those of all threads and
children; everyone has fitted a small table before the clock starts, and those asked for together run in turn, table by
table. What is left out of a table, and what gaps and categories are for a rival: tables.py and rivals.py.

--choose: nothing that is chosen sees the rows that are reported. The training rows alone are parted again, three
quarters to fit on, one quarter to score on, and the results kept apart ("choice").

Runs that FILE.json has are not made again, --again forgets those of WHO on the tables first, --merge adds those of
another file, and the report FILE.md is written from all. Needs pip install 'nnx-array[bench]', and fetches the packages
that ship the tables.
"""

import ast
import fcntl
import json
import os
import signal
import subprocess
import sys
import tempfile
import warnings
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import process_time

import numpy as np
import pandas as pd
from report import FIGURES, report
from rivals import NETWORKS, PACKAGES, RIVALS
from sklearn.metrics import roc_auc_score
from tables import TABLES, load

import nnx
from nnx.training import split

LARGE = 10_000  # rows
LIMIT = 300  # CPU seconds of a fit of pytabkit
OURS = {"default": {}, "fast": {"preset": "fast"}, "best": {"preset": "best"}}
COMMAND = "nnx train"
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")}


class TooLong(Exception):
    """A fit beyond the limit."""


@contextmanager
def limited(seconds):
    """At most so many CPU seconds."""

    def stop(*_):
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def cpu():
    """CPU seconds of this process and its children."""
    children = getrusage(RUSAGE_CHILDREN)
    return process_time() + children.ru_utime + children.ru_stime


class Command:
    """`nnx train` and `nnx predict` on CSV files."""

    def __init__(self, classes, seed):
        self.classes, self.seed, self.folder = classes, seed, tempfile.TemporaryDirectory()

    def fit(self, x, y):
        x.assign(**{"the target": y}).to_csv(f"{self.folder.name}/train.csv", index=False)
        task = "classification" if self.classes else "regression"
        self.run(
            *("train", "train.csv", "--target", "the target", "--task", task),
            *("--test", "0", "--seed", str(self.seed), "--out", "run"),
        )

    def predict(self, x, *options):
        x.to_csv(f"{self.folder.name}/test.csv", index=False)
        self.run("predict", "run", "test.csv", "--output", "out.csv", *options)
        return pd.read_csv(f"{self.folder.name}/out.csv").iloc[:, -max(self.classes, 1) :].to_numpy().squeeze()

    def predict_proba(self, x):
        return self.predict(x, "--proba")

    def run(self, *arguments):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-m", "nnx", *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder.name, env=environment)


def made(who, settings, classes, seed, frame, train):
    """The model, and the columns as it wants them."""
    if who in RIVALS:
        model, columns = RIVALS[who](classes, seed)
        return model, columns(frame, train)
    if who == COMMAND:
        return Command(classes, seed), frame
    return (nnx.TabularClassifier if classes else nnx.TabularRegressor)(**settings, random_state=seed), frame


def measure(model, x, y, classes, train, test, limit):
    """The figures of a fit, or why there are none."""
    start = cpu()
    try:
        with limited(limit):
            model.fit(x.iloc[train], y[train])
    except TooLong:
        return f"beyond {limit} s"
    fitted = cpu()
    out = np.asarray((model.predict_proba if classes else model.predict)(x.iloc[test]), dtype=float)
    seconds = [fitted - start, cpu() - fitted]
    if not classes:
        constant = np.mean((y[test] - y[train].mean()) ** 2)
        return [1 - np.mean((y[test] - out.ravel()) ** 2) / constant, None, None, *seconds]
    shares = np.bincount(y[train], minlength=classes) / len(train)
    skill = 1 - log_loss(y[test], out) / log_loss(y[test], np.tile(shares, (len(test), 1)))
    hits = np.eye(classes)[y[test]]
    areas = [roc_auc_score(hits[:, k], out[:, k]) for k in range(classes) if 0 < hits[:, k].sum() < len(test)]
    return [skill, np.mean(np.argmax(out, axis=-1) == y[test]), np.mean(areas), *seconds]


def log_loss(y, probabilities):
    """Of rows of probabilities, none less than 1e-7."""
    return -np.mean(np.log(np.maximum(probabilities[np.arange(len(y)), y], 1e-7)))


def parts(y, classes, seed, choose):
    """Row numbers to fit on and to score on."""
    train, test = split(len(y), 0.2, seed, y if classes else None, "test")
    if choose:
        inner, held = split(len(train), 0.25, seed, y[train] if classes else None, "choose")
        train, test = train[inner], train[held]
    return np.sort(train), np.sort(test)


def warm(who, settings):
    """Fit a small table, so that nothing is loaded or compiled while the clock runs."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(100, 4))).rename(columns=str).assign(word=["a", "b"] * 50)
    for classes, y in ((2, np.arange(100) % 2), (0, draw.normal(size=100))):
        model, x = made(who, settings, classes, 0, frame, np.arange(80))
        measure(model, x, y, classes, np.arange(80), np.arange(80, 100), LIMIT)


class Results:
    """The runs of a file: {part: {table: {who: {seed: figures}}}}. Several processes may add to one file."""

    def __init__(self, file):
        self.file = file

    def read(self):
        found = json.loads(self.file.read_text()) if self.file.exists() else {}
        return {"tables": {}, "settings": {}, "versions": {}, "test": {}, "choice": {}} | found

    def has(self, part, table, who, seed):
        return str(seed) in self.read()[part].get(table, {}).get(who, {})

    def add(self, more):
        """Join more of the same form."""
        self.change(lambda found: joined(found, more))

    def forget(self, part, tables, who):
        """Take out the runs of these on these tables."""

        def without(found):
            for runs in (found[part].get(table, {}) for table in tables):
                for name in who:
                    runs.pop(name, None)
            return found

        self.change(without)

    def change(self, how):
        with open(self.file.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            whole = self.file.with_suffix(".new")
            whole.write_text(dump(how(self.read())))
            whole.replace(self.file)  # at once, for whoever reads without the lock

    def report(self):
        """Write the page."""
        self.file.with_suffix(".md").write_text(report(self.read(), __doc__))


def joined(old, new):
    """Two mappings of mappings as one; what is in both is that of the second."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {k: joined(old[k], v) if k in old else v for k, v in new.items()}


def dump(found):
    """As JSON, a line for each candidate of a table."""
    found = json.loads(json.dumps(found), parse_float=lambda text: float(f"{float(text):.5g}"))
    lines = [f' "{key}": {json.dumps(found[key])},\n' for key in ("versions", "settings", "tables")]
    for part in ("test", "choice"):
        tables = [
            f'  "{table}": {{\n'
            + ",\n".join(f"   {json.dumps(who)}: {json.dumps(seeds)}" for who, seeds in runs.items())
            + "\n  }"
            for table, runs in found[part].items()
        ]
        lines.append(f' "{part}": {{\n' + ",\n".join(tables) + "\n }" + (",\n" if part == "test" else "\n"))
    return "{\n" + f' "figures": {json.dumps(FIGURES)},\n' + "".join(lines) + "}\n"


def seeds_of(who, rows, most):
    """How many splits a candidate is measured on."""
    count = 5 if rows <= LARGE else 2
    if who in NETWORKS:
        count = 1 if rows <= LARGE else 0
    return min(count, most)


def run(given, settings, results):
    """Make the runs that are not there: of the first split of every table, then the second, ..."""
    warmed = set()
    part = "choice" if given.choose else "test"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.packages or temporary)
        for seed in range(given.seeds):
            for table in given.tables:
                frame, y, classes = load(table, folder)
                results.add({"tables": {table: [*frame.shape, classes]}})
                train, test = parts(y, classes, seed, given.choose)
                for who in given.who:
                    if seed >= seeds_of(who, len(y), given.seeds) or results.has(part, table, who, seed):
                        continue
                    own = settings.get(who, {})
                    if who not in warmed:
                        warm(who, own)
                        warmed.add(who)
                    model, x = made(who, own, classes, seed, frame, train)
                    limit = LIMIT if who in NETWORKS else 24 * 3_600
                    found = measure(model, x, y, classes, train, test, limit)
                    told = found if isinstance(found, str) else [f and round(float(f), 4) for f in found]
                    print(f"{part} {seed} {table} {who}: {told}", flush=True)
                    results.add({part: {table: {who: {str(seed): found}}}})
                results.report()


def candidate(text):
    """Name and settings of "NAME: setting=value, ..."."""
    name, _, settings = text.partition(":")
    call = ast.parse(f"f({settings})", mode="eval").body
    return name.strip(), {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}


def main():
    if ONE_THREAD.items() - os.environ.items():  # read when the libraries are loaded
        os.execve(sys.executable, sys.orig_argv, os.environ | ONE_THREAD)
    parser = ArgumentParser("ci/recipes", description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("who", nargs="*")
    parser.add_argument("--choose", action="store_true", help="score on a part of the training rows")
    parser.add_argument("--again", action="store_true", help="forget the runs of WHO first")
    parser.add_argument("--candidate", action="append", type=candidate, default=[])
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--packages", help="a folder to keep the packages in")
    parser.add_argument("--merge", type=Path)
    parser.add_argument("--out", default="ci/results/recipes")
    given = parser.parse_args()
    settings = OURS | dict(given.candidate)
    asked = [name for who in given.who for name in (RIVALS if who == "rivals" else [who])]
    given.who = [*asked, *(name for name, _ in given.candidate)]
    unknown = set(given.who) - {COMMAND, *settings, *RIVALS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join([COMMAND, *settings, *RIVALS])}")
    warnings.filterwarnings("ignore")
    results = Results(Path(f"{given.out}.json"))
    results.add(json.loads(given.merge.read_text()) if given.merge else {})
    known = results.read()["settings"]
    changed = [name for name, own in given.candidate if known.get(name, own) != json.loads(json.dumps(own))]
    if changed:
        parser.error(f"{changed[0]!r} was measured with {known[changed[0]]}; give the new settings a name of their own")
    results.add({"settings": dict(given.candidate)})
    if "rivals" in given.who or set(given.who) & set(RIVALS):
        results.add({"versions": {name: version(name) for name in PACKAGES}})
    if given.again:
        results.forget("choice" if given.choose else "test", given.tables, given.who)
    if given.who:
        run(given, settings, results)
    results.report()
    return 0


if __name__ == "__main__":
    sys.exit(main())
