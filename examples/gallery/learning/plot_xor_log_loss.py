"""
XOR with three tanh units and log loss
======================================

The cost curve of a 2-3-1 network over 1500 epochs, and what becomes of it from ten different beginnings.
"""

# %%
# The last sigmoid is part of the loss, which takes its logit: ``BinaryCrossEntropy`` is exact where a sigmoid followed
# by a logarithm would lose digits. The loop is ``examples/xor_log_loss.py``:

# sphinx_gallery_thumbnail_number = 2
import inspect
import sys

import matplotlib.pyplot as plt
import numpy as np

sys.path += [f"{sys.path[0]}/../..", "../.."]  # examples/, two folders up
from xor_log_loss import train, y

print(inspect.getsource(train))

# %%
# The cost curve
# --------------
# A network that answers 1/2 everywhere has a cost of log 2 = 0.693.

costs, outputs = train(seed=2)
print(f"cost {costs[-1]:.16f}")
print("outputs", np.round(outputs, 3), "targets", y[0])
assert abs(costs[-1] - 0.020901834378408524) < 1e-9

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.plot(costs)
axes.axhline(np.log(2), color="0.6", linestyle=":")
axes.text(
    1500,
    np.log(2),
    "log 2: no better than a guess",
    ha="right",
    va="bottom",
    color="0.4",
)
axes.set(
    xlabel="epoch",
    ylabel="log loss",
    title="XOR, 2-3-1, weights of seed 2",
    ylim=(0, None),
)

# %%
# Ten beginnings
# --------------
# Four of the seeds 0 to 9 end at a cost near 0.36 and stay there: a local minimum, where two of the four answers are
# wrong. That is a property of the problem. Sixteen restarts at once, on a page of their own, are the answer to it.

runs = [train(seed=seed) for seed in range(10)]
solved = [bool(np.all((out > 0.5) == y[0])) for _, out in runs]
print("not solved:", [seed for seed in range(10) if not solved[seed]])
assert sum(solved) == 6

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
for (cost, _), good in zip(runs, solved, strict=True):
    axes.plot(cost, color="tab:blue" if good else "tab:red", linewidth=1)
axes.plot([], color="tab:blue", label=f"{sum(solved)} solve XOR")
axes.plot([], color="tab:red", label=f"{10 - sum(solved)} are stuck near 0.36")
axes.set(xlabel="epoch", ylabel="log loss", ylim=(0, 1.2))
axes.legend()
