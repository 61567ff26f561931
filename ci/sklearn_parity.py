"""How far nnx's estimators are from scikit-learn's, on several backends, as a table and as JSON.

    SCIPY_ARRAY_API=1 python ci/sklearn_parity.py [--out FILE] numpy torch jax cupy

Every task with every solver, 30 epochs in float64: the largest difference of a weight (of L-BFGS, of the final loss,
relative). Then a pipeline on arrays of the backend under scikit-learn's own dispatch: the largest difference of a
probability. The exit code is 1 if a backend cannot run or a figure is above its bound.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from sklearn import neural_network as original
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import nnx

rng = np.random.default_rng(0)
X = rng.normal(size=(230, 6))
W = rng.normal(size=(6, 3))
TASKS = {
    "multiclass": ("MLPClassifier", {}, np.argmax(X @ W + rng.normal(size=(230, 3)), axis=1)),
    "binary": ("MLPClassifier", {}, (X @ W[:, 0] > 0).astype(int)),
    "multilabel": ("MLPClassifier", {}, (X @ W > 0).astype(int)),
    "regression": ("MLPRegressor", {}, X @ W[:, 0]),
    "outputs": ("MLPRegressor", {}, X @ W),
    "counts": ("MLPRegressor", {"loss": "poisson"}, rng.poisson(np.exp(0.3 * X[:, 0])).astype(float)),
}
SOLVERS = {
    "adam": {},
    "adam, early stopping": {"early_stopping": True},
    "sgd": {"solver": "sgd"},
    "sgd, invscaling, tanh": {"solver": "sgd", "learning_rate": "invscaling", "activation": "tanh"},
    "sgd, adaptive, logistic": {"solver": "sgd", "learning_rate": "adaptive", "activation": "logistic", "tol": 0.05},
    "lbfgs": {"solver": "lbfgs"},
}
BOUND = {"numpy": 1e-10, "lbfgs": 1e-6}  # of others 1e-9


def difference(task, solver, backend):
    """Of the weights, or of the final loss of L-BFGS."""
    kind, more, y = TASKS[task]
    settings = {"hidden_layer_sizes": (20, 10), "max_iter": 30, "random_state": 3} | more | SOLVERS[solver]
    theirs = getattr(original, kind)(**settings).fit(X, y)
    if backend.name == "numpy":
        ours = getattr(nnx, kind)(**settings).fit(X, y)
    else:
        with backend.scope():
            x, target = backend.floats(X), backend.integers(y) if y.dtype.kind == "i" else backend.floats(y)
        ours = getattr(nnx, kind)(**settings).fit(x, target)
    if solver == "lbfgs":
        return abs(ours.loss_ - theirs.loss_) / max(abs(theirs.loss_), 1.0)
    pairs = zip([*theirs.coefs_, *theirs.intercepts_], [*ours.coefs_, *ours.intercepts_], strict=True)
    return max(float(np.max(np.abs(a - backend.to_numpy(b)))) for a, b in pairs)


def pipeline(backend):
    """Of the probabilities of a pipeline that scikit-learn runs on the backend's arrays."""
    y = TASKS["binary"][2]
    steps = make_pipeline(StandardScaler(), nnx.MLPClassifier(max_iter=10, random_state=0))
    expected = steps.fit(X, y).predict_proba(X)
    with sklearn.config_context(array_api_dispatch=True), backend.scope():
        x, target = backend.floats(X), backend.integers(y)
        found = steps.fit(x, target).predict_proba(x)
        assert type(found) is type(x), f"probabilities are {type(found)}"
        return float(np.max(np.abs(backend.to_numpy(found) - expected)))


def measure(name):
    """All differences of a backend by row of the table, and what is above its bound."""
    backend = nnx.backend(name, dtype="float64")
    found = {f"{task}, {solver}": difference(task, solver, backend) for solver in SOLVERS for task in TASKS}
    if backend.name != "jax":  # scikit-learn does not dispatch on JAX arrays
        found["pipeline"] = pipeline(backend)
    other = BOUND.get(backend.name, 1e-9)
    return found, [row for row, value in found.items() if not value <= BOUND.get(row.rpartition(", ")[2], other)]


def main():
    """Print the table, write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="+")
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    reports, failed = {}, []
    for name in args.backends:
        try:
            reports[name], above = measure(name)
            failed += [f"{name}: {row}" for row in above]
        except nnx.NNXError as error:
            failed.append(f"{name}: {error}")
    rows = list(dict.fromkeys(row for report in reports.values() for row in report))
    lines = ["| | " + " | ".join(reports) + " |", "|---" * (len(reports) + 1) + "|"]
    for row in rows:
        cells = [f"{report[row]:.1e}" if row in report else "" for report in reports.values()]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    print("\n".join(lines))
    if args.out:
        Path(f"{args.out}.md").write_text("\n".join(lines) + "\n")
        Path(f"{args.out}.json").write_text(json.dumps(reports, indent=1) + "\n")
    for line in failed:
        print("NOT AS EXPECTED", line, file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
