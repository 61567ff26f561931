"""Prediction intervals: three quantiles of the target learned at once, where the noise depends on x.

    python examples/prediction_intervals.py [--backend numpy] [--picture prediction_intervals.png]

The band between the 5 % and the 95 % quantile should hold nine of ten new points, where there is little noise and
where there is much.
"""

import argparse
from typing import TYPE_CHECKING

import numpy as np

from nnx import Cosine, MLPRegressor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def noise(x: np.ndarray) -> np.ndarray:
    """The standard deviation of y at x."""
    return 0.1 + 0.4 * np.abs(np.sin(1.5 * x))


def data(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x (rows, 1) between -3 and 3, and y = sin(2 x) with noise that depends on x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (rows, 1))
    return x, np.sin(2 * x[:, 0]) + noise(x[:, 0]) * rng.normal(size=rows)


def train(backend: str) -> MLPRegressor:
    """A network with three outputs: the quantiles 0.05, 0.5 and 0.95 of y given x."""
    settings = dict(learning_rate=Cosine(), learning_rate_init=0.01, max_iter=100, n_iter_no_change=100, random_state=0)
    model = MLPRegressor("quantile", (64, 64), "tanh", quantile=(0.05, 0.5, 0.95), backend=backend, **settings)
    return model.fit(*data(4000, seed=0))


def inside(model: MLPRegressor, where: object = slice(None)) -> float:
    """The share of new points within the band."""
    x, y = data(4000, seed=1)
    low, _, high = model.predict(x[where]).T
    return float(np.mean((low < y[where]) & (y[where] < high)))


def picture(model: MLPRegressor) -> "Figure":
    """The points, the band, the median, and the true quantiles."""
    from matplotlib.figure import Figure

    x, y = data(1000, seed=1)
    grid = np.linspace(-3, 3, 400)[:, None]
    low, middle, high = model.predict(grid).T
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(x[:, 0], y, ".", color="0.7", markersize=4, label="new points")
    axes.fill_between(grid[:, 0], low, high, color="tab:blue", alpha=0.25, label="5 % to 95 %, learned")
    axes.plot(grid[:, 0], middle, color="tab:blue", label="median, learned")
    for sign in (-1.645, 1.645):
        true = np.sin(2 * grid[:, 0]) + sign * noise(grid[:, 0])
        axes.plot(
            grid[:, 0], true, "--", color="tab:red", linewidth=1, label="5 % and 95 %, true" if sign > 0 else None
        )
    axes.set(xlabel="x", ylabel="y", title=f"{100 * inside(model):.1f} % of new points lie within the band")
    axes.legend(loc="upper left", fontsize=8)
    return figure


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--picture", help="a file to draw into, such as prediction_intervals.png")
    args = parser.parse_args()
    fitted = train(args.backend)
    print(f"within the band: {inside(fitted):.3f} of 4000 new points")
    if args.picture:
        picture(fitted).savefig(args.picture, dpi=110)
        print(f"drawn in {args.picture}")
