"""
An ensemble knows where it knows nothing
========================================

Ten networks agree where there is data and disagree where there is none. Their spread is drawn here, over a gap in the
data and beyond its ends.
"""

# %%
# ``EnsembleRegressor`` trains its members together, as one population, each with its own first weights and, with
# ``bootstrap=True``, its own rows.

import matplotlib.pyplot as plt
import numpy as np

import nnx

rng = np.random.default_rng(0)
x = np.concatenate([rng.uniform(-3, -1, 100), rng.uniform(0.5, 3, 100)])[:, None]
y = np.sin(2 * x[:, 0]) + rng.normal(scale=0.1, size=200)

settings = dict(
    learning_rate_init=0.01,
    learning_rate=nnx.Cosine(),
    max_iter=200,
    n_iter_no_change=200,
    batch_size=50,
)
network = nnx.MLPRegressor(hidden_layer_sizes=(64, 64), **settings)
model = nnx.EnsembleRegressor(network, 10, bootstrap=True, random_state=0).fit(x, y)

# %%
# ``return_std=True`` gives the deviation of the members beside their mean, from one batched pass.

grid = np.linspace(-5, 5, 300)[:, None]
mean, std = model.predict(grid, return_std=True)
data = (grid[:, 0] > -3) & (grid[:, 0] < -1) | (grid[:, 0] > 0.5) & (grid[:, 0] < 3)
gap, far = (grid[:, 0] > -0.7) & (grid[:, 0] < 0.2), np.abs(grid[:, 0]) > 4
print(
    f"spread among the data {std[data].mean():.3f}, in the gap {std[gap].mean():.3f}, far away {std[far].mean():.3f}"
)
assert std[gap].mean() > 2 * std[data].mean() and std[far].mean() > 4 * std[data].mean()

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.fill_between(
    grid[:, 0],
    mean - 2 * std,
    mean + 2 * std,
    color="tab:blue",
    alpha=0.2,
    label="mean ± 2 deviations",
)
for member in model.estimators_:
    axes.plot(grid, member.predict(grid), color="tab:blue", linewidth=0.6, alpha=0.6)
axes.plot(grid, mean, color="tab:blue", label="mean of ten networks")
axes.plot(grid, np.sin(2 * grid), "k:", label="truth")
axes.plot(x, y, ".", color="0.4", markersize=4, label="rows")
axes.set(xlabel="x", ylabel="y", ylim=(-3, 3))
axes.legend(loc="upper center", ncols=2, fontsize=8)

# %%
# Among the data the mean is better than its members: what each has wrong by chance averages out.

new, truth = grid[data], np.sin(2 * grid[data, 0])
errors = [np.mean((member.predict(new) - truth) ** 2) for member in model.estimators_]
together = np.mean((model.predict(new) - truth) ** 2)
print(
    f"squared error of the mean {together:.5f}, of the members {np.mean(errors):.5f} in the mean"
)
assert together < np.mean(errors)
