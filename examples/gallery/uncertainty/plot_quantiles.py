"""
Quantiles of a skewed target
============================

Waiting times, prices and rainfall are skewed: a mean and a deviation describe them badly. Nine quantiles describe the
whole distribution, with one network and one loss.
"""

# %%
# Waiting times
# -------------
# A queue is longest at noon. Waiting times are exponentially distributed: mostly short, now and then very long.

import matplotlib.pyplot as plt
import numpy as np

import nnx


def wait(hour, rng):
    return rng.exponential(2 + 10 * np.exp(-((hour[:, 0] - 12) ** 2) / 8))


rng = np.random.default_rng(0)
hour = rng.uniform(6, 20, (4000, 1))
minutes = wait(hour, rng)

# %%
# A network with nine outputs. ``nnx.Quantile`` is the mean of the quantile losses, each smallest where the share q of
# the targets lies below the output. ``predict`` gives them in order.

q = np.arange(1, 10) / 10
net = nnx.mlp((32, 32), 9, activation="tanh")
loss = nnx.Quantile(tuple(q.tolist()))
optimizer = nnx.Adam(0.01, schedule=nnx.Cosine())
fit = nnx.fit(
    net,
    (hour - 13) / 4,
    minutes[:, None],
    loss=loss,
    optimizer=optimizer,
    epochs=60,
    scale_target=True,
)

grid = np.linspace(6, 20, 200)[:, None]
lines = fit.predict((grid - 13) / 4)
assert np.all(np.diff(lines, axis=1) >= 0)

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.plot(hour, minutes, ".", color="0.8", markersize=3, zorder=0)
for k in range(4):
    axes.fill_between(
        grid[:, 0],
        lines[:, k],
        lines[:, 8 - k],
        color="tab:blue",
        alpha=0.18,
        linewidth=0,
    )
axes.plot(grid, lines[:, 4], color="tab:blue", label="median")
axes.plot(
    [],
    color="tab:blue",
    alpha=0.3,
    linewidth=8,
    label="10 % to 90 %, 20 % to 80 %, ...",
)
axes.set(xlabel="hour of the day", ylabel="minutes", ylim=(0, 40))
axes.legend()

# %%
# Are they right?
# ---------------
# Of new waiting times the share below the quantile q should be q. The median is well below the mean, as it has to be
# for what is mostly short and sometimes long.

new = rng.uniform(6, 20, (10000, 1))
later = wait(new, rng)
below = np.mean(later[:, None] < fit.predict((new - 13) / 4), axis=0)
for share, found in zip(q, below, strict=True):
    print(f"quantile {share:.1f}: {found:.3f} of new points lie below")
assert np.max(np.abs(below - q)) < 0.03

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.plot([0, 1], [0, 1], "k:", linewidth=1)
axes.plot(q, below, "o-")
axes.set(
    xlabel="quantile asked for", ylabel="share of new points below", aspect="equal"
)
