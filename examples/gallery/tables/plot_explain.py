"""
Which columns matter, and why this row?
=======================================

Permutation importance says which columns a model relies on as a whole. ``explain`` says what each column adds to the
prediction of one row.
"""

# %%
# A table
# -------
# Progress of diabetes after a year, from ten columns. ``nnx.TabularRegressor`` takes the columns by name.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import nnx
from nnx.evaluation import permutation_importance

data = load_diabetes(scaled=False)
table = dict(zip(data.feature_names, data.data.T, strict=True))
train = {name: column[:342] for name, column in table.items()}
test = {name: column[342:] for name, column in table.items()}
model = nnx.TabularRegressor("fast", random_state=0).fit(train, data.target[:342])
print(f"R² on rows that it has not seen: {model.score(test, data.target[342:]):.2f}")

# %%
# The whole model
# ---------------
# Each column is shuffled in turn; by how much does R² fall? ``bmi`` and ``s5``, a blood value, matter most.

columns = {name: [i] for i, name in enumerate(table)}
rows = np.stack(list(test.values()), axis=1)


def predict(rows):
    return model.predict(dict(zip(table, rows.T, strict=True)))


def score(predicted):
    return float(nnx.r2(predicted[:, None], data.target[342:, None]))


found = permutation_importance(predict, rows, columns, score, repeats=10)
best = [found.names[i] for i in np.argsort(-found.mean)]
print("the most important:", best[:3])
assert set(best[:2]) == {"bmi", "s5"}
nnx.plots.importance(found.names, found.mean, found.std, score="R²")

# %%
# One row
# -------
# Integrated gradients: the values of a row add up to what the prediction differs from that of an average row.

explained = model.explain(test)
row = int(np.argmax(explained.output))
gap = explained.output - explained.base - explained.values.sum(axis=1)
print(
    f"prediction {explained.output[row]:.0f}, of the average row {explained.base[row]:.0f}, gap {gap[row]:.2f}"
)
assert np.abs(gap).max() < 2e-3 * np.abs(explained.output - explained.base).max()

order = np.argsort(np.abs(explained.values[row]))
values = explained.values[row][order]
left = explained.base[row] + np.concatenate([[0], np.cumsum(values)[:-1]])
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
axes.barh(
    range(10), values, left=left, color=np.where(values > 0, "tab:red", "tab:blue")
)
axes.set_yticks(
    range(10),
    [f"{explained.columns[i]} = {test[explained.columns[i]][row]:.3g}" for i in order],
)
axes.axvline(explained.base[row], color="k", linewidth=0.8, linestyle=":")
axes.set(
    xlabel="prediction, from that of the average row to that of this one",
    xlim=(left.min() - 10, None),
)
