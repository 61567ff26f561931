"""scikit-learn's estimators and nnx's with the same data, seed and epochs: a whole `fit`, and `predict_proba`.

As in rivals.py, every rival is a function of a case and a function `tick`; a tick is a fit, or a number of predictions.
These fits are short, so nnx replays their steps; "compiled" is what a fit of some ten thousand steps does by itself.
"""

import os
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Case:
    """A network, its data, and so many epochs; rows: how many to predict at once, None to train."""

    name: str
    sizes: tuple[int, ...]
    batch: int
    samples: int
    epochs: int
    rows: int | None = None

    @property
    def batches(self):
        """Training steps of a tick, or calls of predict."""
        return self.epochs * -(-self.samples // self.batch) if self.rows is None else max(2000 // self.rows, 3)

    def data(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(self.samples, self.sizes[0])).astype(np.float32)
        return X, rng.integers(0, self.sizes[-1], self.samples)


SHAPES = {
    "64-100-10, batch 200": ((64, 100, 10), 200, 10_000, 200),
    "16-256-256-2, batch 256": ((16, 256, 256, 2), 256, 5_000, 100),
    "784-512-512-10, batch 128": ((784, 512, 512, 10), 128, 3_000, 30),
}
CASES = {f"fit {name}": Case(f"fit {name}", *shape) for name, shape in SHAPES.items()}
CASES |= {
    f"predict_proba {rows:,} rows, {name}": Case(name, *shape[:2], 1000, 1, rows)
    for rows in (1, 100_000)
    for name, shape in SHAPES.items()
    if rows == 1 or shape[0][0] < 100
}


def estimator(module, threads=None, **environment):
    def run(case, tick):
        os.environ.update({"NNX_FUSED": "auto"} | environment)  # nnx as it comes
        import importlib
        import warnings

        import threadpoolctl

        warnings.simplefilter("ignore")
        kind = importlib.import_module(module).MLPClassifier
        threadpoolctl.threadpool_limits(threads)  # of what is loaded by now
        X, y = case.data()
        settings = dict(batch_size=case.batch, max_iter=case.epochs, random_state=0, tol=0, n_iter_no_change=10**6)
        model = kind(case.sizes[1:-1], **settings)
        tick(None)
        if case.rows is None:
            while True:
                tick(model.fit(X, y).loss_)
        rows = np.resize(X, (case.rows, X.shape[1]))
        model.fit(X, y)
        while True:
            for _ in range(case.batches):
                p = model.predict_proba(rows)
            tick(float(p[:, 0].mean()))

    return run


RIVALS = {
    "nnx": estimator("nnx"),
    "scikit-learn": estimator("sklearn.neural_network"),
    "nnx, compiled": estimator("nnx", NNX_COMPILE="always"),
    "nnx, 1 thread": estimator("nnx", 1),
    "scikit-learn, 1 thread": estimator("sklearn.neural_network", 1),
}
