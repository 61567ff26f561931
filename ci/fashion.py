"""Fashion-MNIST: test accuracy of a convolutional network, and the time of its training; figures in ci/results/.

    python ci/fashion.py FOLDER [--backend numpy] [--epochs 8]

FOLDER has the four files of Fashion-MNIST (train-images-idx3-ubyte.gz, ...), as Debian's package
dataset-fashion-mnist brings them to /usr/share/datasets/fashion-mnist.
"""

import argparse
import gzip
import json
import os
import time
from pathlib import Path

import numpy as np

import nnx

RESULT = Path(__file__).parent / "results" / "fashion.json"


def idx(path):
    """The array in a file of the IDX format."""
    with gzip.open(path) as file:
        _, kind, axes = file.read(2), file.read(1), file.read(1)[0]
        assert kind == b"\x08"  # uint8
        shape = np.frombuffer(file.read(4 * axes), ">i4")
        return np.frombuffer(file.read(), "uint8").reshape(shape)


def network():
    stages = [
        layer
        for units in (16, 32, 64)
        for layer in (nnx.Conv2D(units, 3, padding="same"), nnx.BatchNorm(), nnx.ReLU(), nnx.MaxPool(2))
    ]
    head = [nnx.Flatten(), nnx.Dense(128), nnx.ReLU(), nnx.Dropout(0.3), nnx.Dense(10)]
    front = [nnx.Reshape((28, 28, 1), axes=2), nnx.Rescale(), nnx.RandomFlip(), nnx.RandomShift(1)]
    return nnx.Chain(*front, *stages[:-1], *head)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="add the figures to ci/results/fashion.json")
    asked = parser.parse_args()
    x, y, tx, ty = (
        idx(asked.folder / f"{part}-{what}.gz")
        for part in ("train", "t10k")
        for what in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    began, cpu = time.perf_counter(), time.process_time()
    fit = nnx.fit(
        network(),
        x,
        y.astype(int),
        loss="softmax_cross_entropy",
        optimizer=nnx.AdamW(6e-3, nnx.OneCycle(), weight_decay=0.01),
        epochs=asked.epochs,
        batch_size=128,
        backend=asked.backend,
        callbacks=[lambda report: print(report.epoch, report.figures, flush=True)],
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    found = {
        "backend": str(fit.backend),
        "steps": fit.execution,
        "epochs": asked.epochs,
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[1], 1),
        "test_accuracy": round(float(nnx.accuracy(fit.predict(tx), ty)), 4),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
    }
    print(json.dumps(found))
    if asked.write:
        known = json.loads(RESULT.read_text()) if RESULT.exists() else []
        RESULT.write_text(json.dumps([*known, found], indent=1) + "\n")


if __name__ == "__main__":
    main()
