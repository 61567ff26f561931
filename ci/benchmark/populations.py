"""Populations beside runs one after another, and a search beside scikit-learn's. Rounds are interleaved in one run.

python ci/benchmark/populations.py [--rounds 3] [--only members,search] [--out ci/results/population]
"""

import argparse
import json
import statistics
import time
import warnings

import numpy as np
from run import head

import nnx

LOSS = "softmax_cross_entropy"


def digits(dtype):
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype(dtype), y


def medians(functions, rounds):
    """For each function its median seconds, after one call that is not counted; they take turns."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(0.2)  # let the threads of the one before go to sleep
            began = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def members(rounds, epochs=40, batch=128):
    """Milliseconds a member: populations of 64-64-10 on digits, beside 64 calls of nnx.fit."""
    x, y = digits(np.float32)
    net = nnx.mlp((64,), 10)
    rates = np.geomspace(1e-4, 1e-2, 64).tolist()
    settings = dict(loss=LOSS, epochs=epochs, batch_size=batch, backend="numpy")

    def together(count):
        return lambda: nnx.fit(net, x, y, members=count, optimizer=nnx.Adam(tuple(rates[:count])), **settings)

    def apart():
        for k, rate in enumerate(rates):
            nnx.fit(net, x, y, seed=k, optimizer=nnx.Adam(rate), **settings)

    counts = (1, 2, 4, 8, 16, 32, 64)
    found = medians({f"{n} together": together(n) for n in counts} | {"64 one after another": apart}, rounds)
    each = {name: 1e3 * seconds / int(name.split()[0]) for name, seconds in found.items()}
    ratio = found["64 one after another"] / found["64 together"]
    return {"epochs": epochs, "milliseconds a member": each, "64 one after another / 64 together": ratio}


def search(rounds, epochs=30):
    """Seconds of a search of 64 candidates on 5 folds of digits, beside scikit-learn's own with two processes."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore")
    x, y = digits(np.float64)
    grid = {"learning_rate_init": np.geomspace(1e-4, 1e-1, 16).tolist(), "alpha": np.geomspace(1e-6, 1e-1, 4).tolist()}
    settings = dict(max_iter=epochs, random_state=0)
    scores = {}

    def ours():
        scores["nnx"] = nnx.PopulationSearchCV(nnx.MLPClassifier(**settings), grid, cv=5, refit=False).fit(x, y)

    def alone():
        scores["nnx alone"] = GridSearchCV(nnx.MLPClassifier(**settings), grid, cv=5, refit=False).fit(x, y)

    def theirs():
        scores["scikit-learn"] = GridSearchCV(MLPClassifier(**settings), grid, cv=5, refit=False, n_jobs=2).fit(x, y)

    found = medians(
        {"PopulationSearchCV": ours, "GridSearchCV of nnx": alone, "scikit-learn, n_jobs=2": theirs}, rounds
    )
    first, *others = (search.cv_results_["mean_test_score"] for search in scores.values())
    apart = max(float(np.max(np.abs(first - other))) for other in others)
    ratios = {name: seconds / found["PopulationSearchCV"] for name, seconds in found.items()}
    return {
        "epochs": epochs,
        "seconds": found,
        "over PopulationSearchCV": ratios,
        "largest difference of a score": apart,
    }


PARTS = {"members": members, "search": search}


def table(report):
    """The results as Markdown."""
    lines = ["# Populations", ""]
    machine = report["head"]["machine"]
    lines += [
        f"{report['head']['when']}, {machine['processor']}, {machine['cores']} cores. Medians of interleaved rounds.",
        "",
    ]
    if "members" in report:
        part = report["members"]
        lines += [
            f"Milliseconds a member, 64-64-10 on digits (1,797 rows), batch 128, {part['epochs']} epochs, float32.",
            "",
        ]
        lines += ["| | ms a member |", "|---|---|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in part["milliseconds a member"].items()]
        lines += ["", f"64 one after another / 64 together: {part['64 one after another / 64 together']:.2f}", ""]
    if "search" in report:
        part = report["search"]
        lines += [
            f"Seconds of a search, 64 candidates x 5 folds of digits, 64-100-10, {part['epochs']} epochs, float64.",
            "",
        ]
        lines += ["| | seconds | over the first |", "|---|---|---|"]
        ratios = part["over PopulationSearchCV"]
        lines += [f"| {name} | {value:.1f} | {ratios[name]:.2f} |" for name, value in part["seconds"].items()]
        lines += ["", f"Largest difference of a mean score: {part['largest difference of a score']:.1e}", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--out", help="write FILE.json and FILE.md")
    args = parser.parse_args()
    report = {"head": head()}
    for name in args.only.split(","):
        report[name] = PARTS[name](args.rounds)
    print(table(report))
    if args.out:
        with open(args.out + ".json", "w") as file:
            json.dump(report, file, indent=1)
        with open(args.out + ".md", "w") as file:
            file.write(table(report))


if __name__ == "__main__":
    main()
