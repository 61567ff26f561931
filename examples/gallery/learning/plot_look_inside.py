"""
Looking into a network
======================

What its layers cost, what each of them gives for a row, its weights as a picture, and its training as a film.
"""

# %%
# Shapes, parameters, cost
# ------------------------
# ``nnx.summary`` follows the shapes through the layers. Nothing is computed, so it is instant for any size.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_circles

import nnx

x, y = make_circles(300, noise=0.1, factor=0.4, random_state=0)
net = nnx.Chain(nnx.Dense(5), nnx.Tanh(), nnx.Dense(4), nnx.Tanh(), nnx.Dense(2))
assert nnx.summary(net, 2).parameters == 2 * 5 + 5 + 5 * 4 + 4 + 4 * 2 + 2
nnx.summary(net, 2)

# %%
# Train, and keep the report of each epoch
# ----------------------------------------
# A callback is any function of a report; a list's ``append`` will do.

reports = []
settings = dict(
    loss="softmax_cross_entropy",
    optimizer=nnx.Adam(0.05),
    epochs=15,
    batch_size=20,
    seed=3,
)
fit = nnx.fit(net, x, y, callbacks=[reports.append], **settings)
print(f"right: {nnx.accuracy(fit.predict(x), y):.3f}")
assert nnx.accuracy(fit.predict(x), y) > 0.95

# %%
# Units are circles, weights are lines: blue above 0, orange below, and the wider, the larger.

nnx.plots.network(fit, names=("x₀", "x₁"), outputs=("outer", "inner"))

# %%
# What each layer gives
# ---------------------
# ``nnx.trace`` gives every layer's output by name. Here are the four units of the second tanh over the plane: each
# has found a border of its own, and the last layer puts them together.

grid = np.stack(
    np.meshgrid(*2 * [np.linspace(-1.5, 1.5, 80, dtype="float32")]), axis=-1
).reshape(-1, 2)
given = nnx.trace(net, fit.params, grid)
for name, output in given.items():
    print(name, output.shape)
figure, axes = plt.subplots(1, 4, figsize=(9, 2.5), layout="constrained", sharey=True)
for number, panel in enumerate(axes):
    unit = given["3 Tanh"][:, number].reshape(80, 80)
    panel.imshow(
        unit, origin="lower", extent=2 * (-1.5, 1.5), cmap="RdBu", vmin=-1, vmax=1
    )
    panel.scatter(*x.T, c=y, s=3, cmap="gray")
    panel.set_title(f"unit {number} of 3 Tanh")

# %%
# Weights, gradients and outputs of each layer, as distributions: a layer whose outputs are all at the ends of tanh
# would learn no more, and gradients that shrink from layer to layer would say why.

nnx.plots.histograms(net, fit.params, x, y, "softmax_cross_entropy")

# %%
# The training as a film
# ----------------------
# The reports have the weights of each epoch. With a path, ``animate`` writes a GIF or a page with buttons.

nnx.plots.animate(fit, reports=reports, x=x, y=y)
