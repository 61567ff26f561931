"""
A surrogate and its derivative
==============================

A network learns a function that is known at some points only. ``nnx.gradient`` is the derivative of what it has
learned, dy / dx, on every library.
"""

# %%
# The function
# ------------
# Himmelblau's function has four minima of height 0. Think of it as a simulation: 1500 results are all there is. They go
# up to 890, so the network is trained on (y - mean) / deviation: ``scale_target=True``.

import matplotlib.pyplot as plt
import numpy as np

import nnx


def simulation(x):
    a, b = x[..., 0], x[..., 1]
    return (a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2


minima = np.array(
    [[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]]
)
x = np.random.default_rng(0).uniform(-5, 5, (1500, 2))
net = nnx.mlp((64, 64), 1, activation="gelu")
optimizer = nnx.Adam(0.01, schedule=nnx.Cosine())
fit = nnx.fit(
    net,
    x,
    simulation(x),
    loss="squared_error",
    optimizer=optimizer,
    scale_target=True,
    dtype="float64",
)

# %%
# The derivative
# --------------
# It is one ``net.evaluate`` and one ``net.backprop`` with dy = 1. The network was trained on scaled values, so its
# slope is multiplied by ``fit.loss.scale``.


def slope(x):
    return nnx.gradient(net, fit.params, x) * fit.loss.scale


def true_slope(x):
    a, b = x[..., 0], x[..., 1]
    u, v = a**2 + b - 11, a + b**2 - 7
    return np.stack([4 * a * u + 2 * v, 2 * u + 4 * b * v], axis=-1)


new = np.random.default_rng(1).uniform(-4.5, 4.5, (1000, 2))
r2 = nnx.r2(slope(new), true_slope(new))
print(f"R² of the derivative, which it was never shown: {r2:.4f}")
assert r2 > 0.98

# %%
# Downhill
# --------
# Walking against the derivative of the network from 40 places finds the four minima of the function.

place = np.random.default_rng(2).uniform(-4.5, 4.5, (40, 2))
path = [place]
for _ in range(300):
    path.append(path[-1] - 0.004 * slope(path[-1]))
path = np.stack(path)
near = np.linalg.norm(path[-1][:, None] - minima, axis=-1)
print("distance from the nearest minimum: largest", near.min(axis=1).max().round(3))
assert near.min(axis=1).max() < 0.5 and set(near.argmin(axis=1)) == {0, 1, 2, 3}

grid = np.stack(np.meshgrid(*2 * [np.linspace(-5, 5, 100)]), axis=-1)
figure, axes = plt.subplots(figsize=(6, 5), layout="constrained")
axes.contourf(
    *np.moveaxis(grid, -1, 0),
    np.log1p(fit.predict(grid.reshape(-1, 2)).clip(0)).reshape(100, 100),
    20,
)
axes.plot(path[..., 0], path[..., 1], color="w", linewidth=0.8)
axes.plot(*minima.T, "r*", markersize=12, label="minima of the function")
axes.set(title="log(1 + y) of the network, and walks down its slope")
axes.legend()
