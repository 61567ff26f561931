"""Five problems whose truth is monotone in three of six columns: the error with and without the constraint.

    python ci/benchmark/monotone.py [rows ...]

Each is learned from noisy rows (deviation of the noise: half of the truth's), and the mean squared error against the
truth on 3,000 new rows, over its variance, is the figure: the geometric mean over the five and two draws of the rows.
Beside nnx stand scikit-learn's gradient boosting with and without the same constraint.
"""

import sys
import warnings
from functools import partial

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning

import nnx

NAMES = "abcdef"
SIGNS = {"a": 1, "b": 1, "c": -1}
LISTED = [SIGNS.get(name, 0) for name in NAMES]


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


TRUTHS = {
    "step": lambda a, b, c, d, e, f: np.tanh(6 * a),
    "sum": lambda a, b, c, d, e, f: a + 2 * np.maximum(b - 0.3, 0) - np.exp(c) + np.sin(4 * e),
    "interaction": lambda a, b, c, d, e, f: sigmoid(8 * a) * (1.5 + np.sin(4 * e)) * sigmoid(4 * b) - c**3,
    "stairs": lambda a, b, c, d, e, f: np.floor(3 * a) + np.maximum(b, -c) + 0.5 * e * f,
    "product": lambda a, b, c, d, e, f: np.exp(1.2 * a + 0.8 * b - c) * np.cos(3 * f) ** 2 + np.abs(d),
}
BOOSTING = partial(HistGradientBoostingRegressor, early_stopping=True, random_state=0)
MLP = partial(nnx.MLPRegressor, hidden_layer_sizes=(64, 64), scale_target=True, early_stopping=True, random_state=0)
MODELS = {
    "nnx table": nnx.TabularRegressor,
    "nnx table, monotone": partial(nnx.TabularRegressor, monotone=SIGNS),
    "nnx MLP 64-64": MLP,
    "nnx MLP 64-64, monotone": partial(MLP, monotonic_cst=LISTED),
    "boosting": BOOSTING,
    "boosting, monotone": partial(BOOSTING, monotonic_cst=LISTED),
}


def error(make, truth, rows, seed):
    """The error of a model, over the variance of the truth."""
    rng = np.random.default_rng(seed)
    x, new = rng.uniform(-1, 1, (rows, 6)), rng.uniform(-1, 1, (3000, 6))
    y, t = truth(*x.T), truth(*new.T)
    y = y + 0.5 * y.std() * rng.normal(size=rows)
    model = make()
    if isinstance(model, nnx.TabularRegressor):
        x, new = dict(zip(NAMES, x.T, strict=True)), dict(zip(NAMES, new.T, strict=True))
    return np.mean((model.fit(x, y).predict(new) - t) ** 2) / t.var()


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for rows in map(int, sys.argv[1:] or ("300", "1000", "3000")):
        print(f"{rows} rows".ljust(26), *(f"{name:>12s}" for name in TRUTHS), "        mean")
        for name, make in MODELS.items():
            found = [
                [error(make, truth, rows, 10 * draw + i) for draw in (1, 2)] for i, truth in enumerate(TRUTHS.values())
            ]
            means = np.exp(np.log(found).mean(axis=1))
            print(name.ljust(26), *(f"{v:12.4f}" for v in (*means, np.exp(np.log(means).mean()))), flush=True)


if __name__ == "__main__":
    main()
