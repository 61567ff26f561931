"""XOR with three tanh units, a sigmoid and log loss: the cost of 1500 epochs, drawn as a curve.

The usual notation keeps samples in columns, x (2, 4) and W (neurons, inputs); nnx keeps them in rows, so data and
weights are transposed on the way in. The last sigmoid is part of the loss, which takes its logit.

    python examples/xor_log_loss.py [--backend numpy|torch|jax|cupy] [--seed 2] [--picture xor_cost.png]
"""

import argparse

import numpy as np

import nnx

x = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
y = np.array([[0, 1, 1, 0]])


def train(backend_name: str = "numpy", seed: int = 2, epochs: int = 1500) -> tuple[list[float], np.ndarray]:
    """The cost before each update, and the four outputs after the last."""
    np.random.seed(seed)
    weights = {"0.W": np.random.randn(3, 2).T, "2.W": np.random.randn(1, 3).T, "0.b": np.zeros(3), "2.b": np.zeros(1)}

    net = nnx.Chain(nnx.Dense(3), nnx.Tanh(), nnx.Dense(1))
    loss, optimizer = nnx.BinaryCrossEntropy(), nnx.SGD(rate=0.1)

    backend = nnx.backend(backend_name, dtype="float64")
    with backend.scope():

        def step(params, state, rows, target):
            z, values = net.evaluate(params, rows, train=True)
            cost, saved = loss.evaluate(z, target)
            _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
            return *optimizer.update(params, grads, state), cost

        rows, target = backend.floats(x.T), backend.floats(y.T)
        params = {name: backend.floats(p) for name, p in weights.items()}
        state = optimizer.init(params)
        step, costs = backend.compile(step), []
        for _ in range(epochs):
            params, state, cost = step(params, state, rows, target)
            costs.append(float(cost))
        outputs = backend.to_numpy(loss.predict(net.evaluate(params, rows)[0]))
    return costs, outputs[:, 0]


def draw(costs: list[float], path: str) -> None:
    """The cost curve as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    axes.plot(costs)
    axes.set(xlabel="epoch", ylabel="log loss", title="XOR, 2-3-1", ylim=(0, None))
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--picture")
    args = parser.parse_args()
    costs, outputs = train(args.backend, args.seed)
    for epoch in range(100, 1501, 100):
        print(f"{epoch:5d} {costs[epoch - 1]:.16f}")
    print("outputs", np.round(outputs, 3))
    if args.picture:
        draw(costs, args.picture)
        print("cost curve in", args.picture)
