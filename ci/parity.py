"""The same trainings on several backends, as a table and as JSON: seed figures, digits, time of a step.

    python ci/parity.py [--out FILE] numpy torch jax cupy

The exit code is 1 if a backend cannot run or its figures are not those of NumPy.
"""

import argparse
import importlib.util
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

import nnx

EXAMPLES = Path(__file__).parent.parent / "examples"
MEAN_ERROR_AT_3000, COST_AT_1500 = 0.022887465702205727, 0.020901834378408524  # checked by hand, plain NumPy


def example(name):
    """A module of examples/."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def clusters(rows=4096, features=64, classes=10):
    """Ten overlapping clusters, made here so that no package is needed."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, rows)
    return (rng.normal(size=(classes, features))[y] + 2 * rng.normal(size=(rows, features))), y


def measure(name):
    """The figures of one backend."""
    x, y = clusters()
    net = nnx.Chain(*nnx.mlp((256, 256), 10, dropout=0.1).layers)
    settings = dict(loss="softmax_cross_entropy", epochs=8, batch_size=128, validation=0.2, metrics=["accuracy"])
    double = nnx.fit(net, x, y, backend=nnx.backend(name, dtype="float64"), **settings)
    single = nnx.fit(net, x, y, backend=nnx.backend(name), **settings)
    return {
        "backend": str(single.backend),
        "facts": single.backend.describe(),
        "xor_mean_squared_error": example("xor_mean_squared_error").train(name, 3000)[-1][1],
        "xor_log_loss": example("xor_log_loss").train(name)[0][-1],
        "loss_float64": double.history["loss"][-1],
        "loss_float32": single.history["loss"][-1],
        "accuracy": single.history["validation_accuracy"][-1],
        "microseconds_per_step": 1e6 * statistics.median(single.history["seconds"][2:]) / 26,
    }


def main():
    """Print the table, write the JSON, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out")
    parser.add_argument("backends", nargs="+")
    args = parser.parse_args()
    report = {
        "when": time.strftime("%Y-%m-%d"),
        "nnx": nnx.__version__,
        "python": platform.python_version(),
        "results": {},
    }
    failures = []
    for name in dict.fromkeys(["numpy", *args.backends]):
        try:
            report["results"][name] = measure(name)
        except Exception as error:  # whatever it is, the others go on
            report["results"][name] = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
            failures.append(f"{name}: {error}")
    base = report["results"]["numpy"]
    lines = ["| backend | XOR error at 3000 | XOR cost at 1500 | loss float64 | loss float32 | accuracy | us / step |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, r in report["results"].items():
        if "error" in r:
            lines.append(f"| {name} | {r['error']} | | | | | |")
            continue
        lines.append(
            f"| {name} | {r['xor_mean_squared_error']:.16f} | {r['xor_log_loss']:.16f} | {r['loss_float64']:.12f} | "
            f"{r['loss_float32']:.7f} | {r['accuracy']:.4f} | {r['microseconds_per_step']:.0f} |"
        )
        checks = {
            "XOR error": (r["xor_mean_squared_error"], MEAN_ERROR_AT_3000, 1e-6),
            "XOR cost": (r["xor_log_loss"], COST_AT_1500, 1e-6),
            "loss float64": (r["loss_float64"], base["loss_float64"], 1e-7),
            "loss float32": (r["loss_float32"], base["loss_float32"], 1e-3),
        }
        failures += [f"{name}: {k} {a!r} is not {b!r}" for k, (a, b, tol) in checks.items() if not abs(a - b) <= tol]
    print("\n".join(lines))
    if args.out:
        Path(args.out).with_suffix(".json").write_text(json.dumps(report | {"failures": failures}, indent=1) + "\n")
        Path(args.out).with_suffix(".md").write_text("\n".join(lines) + "\n")
    for failure in failures:
        print("FAILED", failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
