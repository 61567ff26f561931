"""
A price that rises with the size
================================

Few and noisy rows teach a network that a larger house may cost less. With ``monotone`` it cannot: that a price rises
with the size and falls with the age is then a property of the model, for every row.
"""

# %%
# A table
# -------
# 120 houses. The truth rises with the size, steeply at first, and falls with the age; the noise is large.

import matplotlib.pyplot as plt
import numpy as np

import nnx


def houses(rows, seed):
    rng = np.random.default_rng(seed)
    table = {
        "size": rng.uniform(30, 250, rows),
        "age": rng.uniform(0, 80, rows),
        "town": rng.choice(["Oslo", "Rome"], rows),
    }
    truth = (
        300 * np.sqrt(table["size"] / 100)
        - 1.5 * table["age"]
        + 60 * (table["town"] == "Oslo")
    )
    return table, truth


table, truth = houses(120, 0)
price = truth + 80 * np.random.default_rng(1).normal(size=120)
settings = dict(validation=0.0, epochs=200, members=2, random_state=0)
models = {
    "free": nnx.TabularRegressor(**settings).fit(table, price),
    "monotone": nnx.TabularRegressor(monotone={"size": 1, "age": -1}, **settings).fit(
        table, price
    ),
}

# %%
# Along one column
# ----------------
# Both are asked for houses of every size, all else the same. No larger one is cheaper for the monotone model, also
# beyond the sizes that it has seen.

size = np.linspace(20, 300, 200)
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
falls = {}
for panel, (name, model) in zip(axes, models.items(), strict=True):
    paths = [
        model.predict({"size": size, "age": np.full(200, age), "town": ["Rome"] * 200})
        for age in (5.0, 40.0, 75.0)
    ]
    falls[name] = sum(int((np.diff(path) < 0).sum()) for path in paths)
    panel.plot(table["size"], price, ".", color="0.7")
    for path, age in zip(paths, (5, 40, 75), strict=True):
        panel.plot(size, path, label=f"{age} years")
    panel.set(title=f"{name}: falls at {falls[name]} of 597 steps", xlabel="size")
axes[0].set_ylabel("price")
axes[0].legend()
assert falls["monotone"] == 0 < falls["free"]

# %%
# What is known helps
# -------------------
# The error against the truth on new houses: the model that may not follow the noise down is nearer to it.

new, expected = houses(2000, 2)
errors = {
    name: float(np.sqrt(np.mean((model.predict(new) - expected) ** 2)))
    for name, model in models.items()
}
print({name: round(error, 1) for name, error in errors.items()})
assert errors["monotone"] < errors["free"]
