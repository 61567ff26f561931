"""Evaluate, compute the gradient, update: a network of dense layers, taken apart.

Plain gradient descent on the loss 1/(2m) sum((A - Y)^2). The usual notation keeps samples in columns, X (features, m)
and Z = W A + b; nnx keeps them in rows, so X and Y are transposed once, on the way in.

    python examples/gradient_descent.py [--backend numpy|torch|jax|cupy]
"""

import argparse

import numpy as np

import nnx


def train(backend_name: str = "numpy", epochs: int = 2000) -> list[tuple[int, float]]:
    """Fit y = sin(x1) + x2^2 with three layers; the loss every 200 epochs."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (2, 100))  # (features, m)
    Y = np.sin(X[:1]) + X[1:] ** 2

    net = nnx.Chain(nnx.Dense(16), nnx.Tanh(), nnx.Dense(8), nnx.Sigmoid(), nnx.Dense(1), nnx.Identity())
    loss, optimizer = nnx.SquaredError(), nnx.SGD(rate=0.1)

    curve = []
    backend = nnx.backend(backend_name, dtype="float64")
    with backend.scope():
        x, y = backend.floats(X.T), backend.floats(Y.T)
        params = nnx.init(net, x, seed=1)
        state = optimizer.init(params)
        for epoch in range(epochs + 1):
            z, values = net.evaluate(params, x, train=True)  # every layer's activation is in `values`
            value, saved = loss.evaluate(z, y)
            _, grads = net.backprop(params, values, loss.backprop(saved), need_dx=False)
            params, state = optimizer.update(params, grads, state)
            if epoch % 200 == 0:
                curve.append((epoch, float(value)))
    return curve


def gradient_error(seed: int = 0) -> float:
    """How far the gradient along a random direction is from a central difference, relative, in float64."""
    rng = np.random.default_rng(seed)
    net = nnx.Chain(nnx.Dense(5), nnx.Tanh(), nnx.Dense(4), nnx.Sigmoid(), nnx.Dense(2))
    loss = nnx.SquaredError()
    x, y = rng.normal(size=(10, 3)), rng.normal(size=(10, 2))
    params = nnx.init(net, x, seed=seed)
    direction = {name: rng.normal(size=p.shape) for name, p in params.items()}

    def value(t: float) -> float:
        moved = {name: p + t * direction[name] for name, p in params.items()}
        return loss.evaluate(net.evaluate(moved, x)[0], y)[0]

    z, values = net.evaluate(params, x)
    _, grads = net.backprop(params, values, loss.backprop(loss.evaluate(z, y)[1]))
    slope = sum(np.sum(g * direction[name]) for name, g in grads.items())
    h = 1e-5
    return abs((value(h) - value(-h)) / (2 * h) - slope) / abs(slope)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", default="numpy")
    for epoch, value in train(parser.parse_args().backend):
        print(f"{epoch:5d} {value:.16f}")
    print(f"gradient against central difference: {gradient_error():.1e}")
