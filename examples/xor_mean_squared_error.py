"""XOR with four sigmoid units and squared error: mean |output - Y| every 1000 iterations.

A known tutorial prints, for the same weights, 0.5013730688788007 at first and 0.0274 at the end of its run. Its update
has two slips (sigmoid' of values that are already activations; a mean for the biases, one of them along the wrong
axis); the correct gradient, used here, passes that final figure before iteration 3000.

    python examples/xor_mean_squared_error.py [--backend numpy|torch|jax|cupy]
"""

import argparse

import numpy as np

import nnx

X = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 1], [0, 0, 1]])  # the third input is always 1
Y = np.array([[1], [1], [0], [0]])  # XOR of the first two


def train(backend_name: str = "numpy", iterations: int = 10000) -> list[tuple[int, float]]:
    """The figures as (iteration, mean absolute error)."""
    np.random.seed(1)
    weights = {"0.W": np.random.randn(3, 4), "2.W": np.random.randn(4, 1)}
    weights |= {"0.b": np.random.randn(4), "2.b": np.random.randn(1)}

    net = nnx.Chain(nnx.Dense(4), nnx.Sigmoid(), nnx.Dense(1), nnx.Sigmoid())
    # rate 1 on the gradient of the sum over four samples is rate 4 on that of the mean
    loss, optimizer = nnx.SquaredError(), nnx.SGD(rate=4.0)

    figures = []
    backend = nnx.backend(backend_name, dtype="float64")
    with backend.scope():

        def step(params, state, x, y):
            output, values = net.evaluate(params, x, train=True)
            _, saved = loss.evaluate(output, y)
            _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
            return *optimizer.update(params, grads, state), nnx.mean_absolute_error(output, y)

        x, y = backend.floats(X), backend.floats(Y)
        params = {name: backend.floats(p) for name, p in weights.items()}
        state = optimizer.init(params)
        step = backend.compile(step)
        for iteration in range(iterations + 1):
            params, state, error = step(params, state, x, y)
            if iteration % 1000 == 0:
                figures.append((iteration, float(error)))
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    for iteration, error in train(parser.parse_args().backend):
        print(f"{iteration:5d} {error:.16f}")
