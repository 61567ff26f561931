"""
Rare classes
============

One row in twenty is of the class that matters. With weights for the classes the network finds most of them, and pays
with false alarms: which is better is a question to you, not to the network.
"""

# %%
# A rare class inside a common one
# --------------------------------
# Nothing tells them apart for sure. The network that minimises its mean loss seldom says "rare".

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import balanced_accuracy_score, precision_score, recall_score

import nnx


def data(rows, seed):
    rng = np.random.default_rng(seed)
    rare = rng.uniform(size=rows) < 0.05
    x = (
        rng.normal(size=(rows, 2)) * np.where(rare, 0.4, 1.5)[:, None]
        + np.where(rare, 1.5, 0.0)[:, None]
    )
    return x, rare.astype(int)


x, y = data(3000, 0)
x_new, y_new = data(6000, 1)
settings = dict(
    hidden_layer_sizes=(32,), activation="tanh", max_iter=60, n_iter_no_change=60
)
settings |= dict(learning_rate_init=0.01, learning_rate=nnx.Cosine(), random_state=0)
models = {
    "None": nnx.MLPClassifier(**settings).fit(x, y),
    "{0: 1, 1: 5}": nnx.MLPClassifier(class_weight={0: 1.0, 1: 5.0}, **settings).fit(
        x, y
    ),
    '"balanced"': nnx.MLPClassifier(class_weight="balanced", **settings).fit(x, y),
}

# %%
# What is found, and what it costs
# --------------------------------

found = {}
print("class_weight   accuracy  balanced  rare found  alarms right")
for name, model in models.items():
    guess = model.predict(x_new)
    found[name] = recall_score(y_new, guess)
    precision, fair = (
        precision_score(y_new, guess),
        balanced_accuracy_score(y_new, guess),
    )
    row = (model.score(x_new, y_new), fair, found[name], precision)
    print(f"{name:13s}", *(f"{value:10.2f}" for value in row))
assert (
    found["None"] < found["{0: 1, 1: 5}"] < found['"balanced"']
    and found['"balanced"'] > 0.8
)

# %%
# The weight moves the border. ``sample_weight`` does the same for single rows.

grid = np.stack(np.meshgrid(np.linspace(-4, 4, 120), np.linspace(-4, 4, 120)), axis=-1)
figure, axes = plt.subplots(
    1, 3, figsize=(10, 3.5), layout="constrained", sharex=True, sharey=True
)
for panel, (name, model) in zip(axes, models.items(), strict=True):
    p = model.predict_proba(grid.reshape(-1, 2))[:, 1].reshape(120, 120)
    shown = panel.contourf(
        grid[..., 0], grid[..., 1], p, np.linspace(0, 1, 21), cmap="Blues"
    )
    panel.contour(grid[..., 0], grid[..., 1], p, [0.5], colors="k", linewidths=1)
    panel.plot(*x[y == 0][:600].T, ".", color="0.6", markersize=2, label="common")
    panel.plot(*x[y == 1].T, ".", color="tab:red", markersize=4, label="rare")
    panel.set(
        title=f"class_weight={name}\n{100 * found[name]:.0f} % of the rare ones found",
        xlim=(-4, 4),
        ylim=(-4, 4),
    )
axes[0].legend(loc="lower left")
figure.colorbar(shown, label="probability of rare")
