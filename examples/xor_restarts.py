"""XOR with three tanh units from sixteen beginnings, trained at once, the best kept.

One network of this size in six or so ends in a local minimum, where two of the four outputs are wrong; sixteen of them
do not all end there. Each draws its own weights, W standard normal and b zero; the last sigmoid is part of the loss.

    python examples/xor_restarts.py [--backend numpy|torch|jax|cupy] [--seed 9] [--picture xor_restarts.png]
"""

import argparse
from dataclasses import dataclass

import numpy as np

import nnx

x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])


@dataclass(frozen=True)
class StandardNormal(nnx.Initializer):
    """Every weight from the standard normal distribution."""

    def init(self, shape, draw):
        return draw.normal(shape)


W = StandardNormal()
net = nnx.Chain(nnx.Dense(3, weight=W), nnx.Tanh(), nnx.Dense(1, weight=W))


def train(backend_name: str = "numpy", seed: int = 9, members: int = 16, epochs: int = 1500) -> nnx.PopulationFit:
    """All members after the last epoch; member k begins with the weights of seed 16 seed + k."""
    return nnx.fit(
        net,
        x,
        y,
        loss="binary_cross_entropy",
        optimizer=nnx.SGD(rate=0.1),
        members=members,
        seed=16 * seed,
        epochs=epochs,
        shuffle=False,  # four rows are one batch
        backend=backend_name,
        dtype="float64",
    )


def solved(fit: nnx.PopulationFit) -> np.ndarray:
    """Whether each member's four outputs, rounded, are XOR."""
    return np.all(np.round(fit.backend.to_numpy(fit.predict(x))[:, :, 0]) == y, axis=1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--picture")
    args = parser.parse_args()
    fit = train(args.backend, args.seed)
    best, good = fit.best(), solved(fit)
    for k, loss in enumerate(fit.scores()):
        print(f"{k:5d} {loss:.16f} {'solved' if good[k] else 'stuck'}{', the best' * (k == best)}")
    print("outputs", np.round(fit.backend.to_numpy(fit[best].predict(x))[:, 0], 3))
    if args.picture:
        nnx.plots.decision_boundaries(fit, x, y, args.picture)
        print("decision boundaries in", args.picture)
