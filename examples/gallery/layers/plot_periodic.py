"""
Periodic features for rough functions
=====================================

A network of ReLUs on a plain number learns slow changes first and fast ones hardly at all. With the number given as
waves, it learns both.
"""

# %%
# A slow and a fast wave
# ----------------------
# The target has both. The plain network has more parameters than the other one, and does not find the fast wave.

import matplotlib.pyplot as plt
import numpy as np

import nnx

x = np.random.default_rng(0).uniform(-1, 1, (1000, 1))
grid = np.linspace(-1, 1, 600)[:, None]


def target(x):
    return np.sin(2 * np.pi * x) + 0.3 * np.sin(24 * np.pi * x)


nets = {
    "Dense first": nnx.mlp((128, 128), 1),
    "PBLDEmbedding first": nnx.Chain(
        nnx.PBLDEmbedding(units=16, frequencies=32, deviation=4.0), nnx.mlp((64, 64), 1)
    ),
}
fits, error = {}, {}
for name, net in nets.items():
    fits[name] = nnx.fit(
        net,
        x,
        target(x),
        loss="squared_error",
        optimizer=nnx.Adam(0.003),
        epochs=80,
        batch_size=100,
    )
    error[name] = float(np.mean((fits[name].predict(grid) - target(grid)) ** 2))
    print(
        f"{name:20s} {sum(p.size for p in fits[name].params.values()):6d} parameters, error {error[name]:.5f}"
    )
assert error["PBLDEmbedding first"] < error["Dense first"] / 10

figure, axes = plt.subplots(
    2, 1, figsize=(7, 4.5), layout="constrained", sharex=True, sharey=True
)
axes[0].set_ylim(-1.5, 2.2)
for panel, (name, fit) in zip(axes, fits.items(), strict=True):
    panel.plot(grid, target(grid), color="0.7", linewidth=3, label="target")
    panel.plot(grid, fit.predict(grid), label=f"{name}: error {error[name]:.4f}")
    panel.legend(loc="upper right")

# %%
# What the layer makes of a number
# --------------------------------
# ``PBLDEmbedding`` puts cos(2 pi w x + p) behind the number, for frequencies w that are drawn at first and
# learned then, and mixes them. ``deviation`` says how fast the fastest are: it is the one setting that matters.

figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
params = fits["PBLDEmbedding first"].params
e, _ = (
    nets["PBLDEmbedding first"]
    .layers[0]
    .evaluate({n: params[f"0.{n}"] for n in "wpWb"}, grid.astype("float32"))
)
axes[0].plot(grid, e[:, 1:5], linewidth=1)
axes[0].set(title="four of its sixteen outputs", xlabel="x")
axes[1].hist(np.abs(params["0.w"]).ravel(), 20)
axes[1].axvline(1, color="k", linestyle=":")
axes[1].axvline(12, color="k", linestyle=":")
axes[1].set(title="frequencies; the target's are dotted", xlabel="waves per unit of x")
