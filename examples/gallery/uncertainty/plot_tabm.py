"""
TabM: sixteen networks that share their weights
===============================================

The members of a TabM have the same weight matrices and differ in a few factors each. They are trained as one network,
and their mean is better than each of them.
"""

# %%
# A table with noise
# ------------------
# Friedman's function of five columns; five more have nothing to do with the target.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1

import nnx

x, y = make_friedman1(800, noise=1.0, random_state=0)
x_new, y_new = make_friedman1(2000, noise=0.0, random_state=1)
x, x_new = (x - 0.5) / 0.29, (x_new - 0.5) / 0.29

# %%
# Two networks
# ------------
# ``nnx.tabm`` is a chain of layers; ``EnsembleLoss`` is the mean of the members' own losses, never that of their mean.

k = 16
nets = {"mlp": nnx.mlp((64, 64), 1), "tabm": nnx.tabm((64, 64), 1, members=k)}
losses = {"mlp": nnx.SquaredError(), "tabm": nnx.EnsembleLoss(nnx.SquaredError(), k)}
fits = {}
for name, net in nets.items():
    settings = dict(
        validation=0.2,
        early_stopping=nnx.EarlyStopping(12, "validation_mean_squared_error"),
    )
    optimizer = nnx.AdamW(0.003, weight_decay=3e-4)
    settings |= dict(
        metrics=["mean_squared_error"], epochs=100, batch_size=64, scale_target=True
    )
    fits[name] = nnx.fit(net, x, y, loss=losses[name], optimizer=optimizer, **settings)
    count = sum(p.size for p in fits[name].params.values())
    print(
        f"{name:5s} {count:6,d} parameters, {len(fits[name].history['epoch'])} epochs"
    )

# %%
# The members and their mean
# --------------------------
# ``fit.predict`` is the mean. ``fit.output`` has a row for each member of each row, in the units it was trained on.

scale, mean = fits["tabm"].loss.scale, fits["tabm"].loss.mean
members = (fits["tabm"].output(x_new) * scale + mean).reshape(-1, k)
own = np.sqrt(np.mean((members - y_new[:, None]) ** 2, axis=0))
error = {
    name: float(nnx.root_mean_squared_error(fit.predict(x_new), y_new[:, None]))
    for name, fit in fits.items()
}
print("error of", ", of ".join(f"{name} {e:.3f}" for name, e in error.items()))
print(f"errors of its members: {own.min():.3f} to {own.max():.3f}")
assert error["tabm"] < own.min() < error["mlp"]

figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
axes.bar(range(k), np.sort(own), color="0.75", label="members of the TabM, each alone")
axes.axhline(error["tabm"], color="tab:blue", label="their mean")
axes.axhline(
    error["mlp"], color="tab:red", linestyle="--", label="one mlp of the same width"
)
axes.set(xticks=[], ylabel="error of new points", ylim=(0, 1.5 * max(error.values())))
axes.legend(loc="upper left", fontsize=8)
