"""
What an activation does
=======================

The same network with six activations learns two interleaved moons. A network with no activation can only draw a
straight line.
"""

# %%
# An activation is a layer like any other: it is one function on every number. Here are six of nnx's, and their slopes,
# which ``backprop`` of the layer gives for ``dy = 1``.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

import nnx

activations = [
    nnx.Identity(),
    nnx.Sigmoid(),
    nnx.Tanh(),
    nnx.ReLU(),
    nnx.GELU(),
    nnx.SiLU(),
]
line = np.linspace(-3, 3, 300)[:, None]
figure, axes = plt.subplots(
    2, 3, figsize=(8, 4), layout="constrained", sharex=True, sharey=True
)
for panel, f in zip(axes.flat, activations, strict=True):
    y, saved = f.evaluate({}, line)
    slope, _ = f.backprop({}, saved, np.ones_like(y))
    panel.plot(line, y, label="y")
    panel.plot(line, slope, "--", label="slope")
    panel.set(title=type(f).__name__, ylim=(-1.5, 3))
axes[0, 0].legend()

# %%
# Six networks
# ------------
# All have two hidden layers of 16 units, the same seed, and the same 60 epochs.

x, label = make_moons(400, noise=0.2, random_state=0)
x_new, label_new = make_moons(2000, noise=0.2, random_state=1)
fits = {}
for f in activations:
    net = nnx.Chain(nnx.Dense(16), f, nnx.Dense(16), f, nnx.Dense(2))
    fits[f] = nnx.fit(
        net,
        x,
        label,
        loss="softmax_cross_entropy",
        optimizer=nnx.Adam(0.01),
        epochs=60,
        batch_size=50,
    )

# %%
# The borders take the shape of their activation: ReLU draws corners, tanh and GELU draw curves, and the identity leaves
# the network linear, however many layers it has. The slope of the sigmoid is 1/4 at most: it learns most slowly.

grid = np.stack(
    np.meshgrid(np.linspace(-2, 3, 150), np.linspace(-1.5, 2, 150)), axis=-1
)
accuracy = {}
figure, axes = plt.subplots(
    2, 3, figsize=(9, 5.4), layout="constrained", sharex=True, sharey=True
)
for panel, (f, fit) in zip(axes.flat, fits.items(), strict=True):
    p = fit.predict(grid.reshape(-1, 2))[:, 1].reshape(150, 150)
    name = type(f).__name__
    accuracy[name] = float(nnx.accuracy(fit.predict(x_new), label_new))
    panel.contourf(
        grid[..., 0], grid[..., 1], p, 20, cmap="RdBu_r", alpha=0.6, vmin=0, vmax=1
    )
    panel.contour(grid[..., 0], grid[..., 1], p, [0.5], colors="k", linewidths=1)
    panel.scatter(*x.T, c=label, cmap="RdBu_r", s=9, edgecolors="w", linewidths=0.3)
    panel.set_title(f"{name}: {100 * accuracy[name]:.1f} % of new points")

for name, share in accuracy.items():
    print(f"{name:8s} {share:.3f}")
assert (
    accuracy["Identity"]
    < 0.9
    < 0.95
    < min(accuracy["Tanh"], accuracy["ReLU"], accuracy["GELU"])
)
