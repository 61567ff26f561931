"""
Stopped and gone on with: the same bits
=======================================

A training that is killed and resumed ends with the weights of one that was never interrupted. Not nearly the same: the
same bits.
"""

# %%
# A training that writes checkpoints
# ----------------------------------
# It has all that makes this hard: dropout, an optimizer with moments, a schedule, shuffled rows, an average of weights.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import nnx

x, y = load_digits(return_X_y=True)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "digits.safetensors"


def train(**settings):
    return nnx.fit(
        nnx.mlp((32,), 10, dropout=0.2),
        x / 16,
        y,
        loss="softmax_cross_entropy",
        optimizer=nnx.AdamW(0.003, schedule=nnx.OneCycle()),
        average=nnx.EMA(0.99),
        epochs=20,
        validation=0.2,
        **settings,
    )


whole = train()

# %%
# Killed in epoch 8
# -----------------
# A callback that fails stands for a power cut. The checkpoint on the disk is of epoch 6, the last multiple of three.


class PowerCut(Exception):
    pass


def cut(report):
    if report.epoch == 8:
        raise PowerCut


try:
    train(checkpoint=nnx.Checkpoint(path, every=3), callbacks=[cut])
except PowerCut:
    print("killed;", path.name, f"has {path.stat().st_size:,} bytes")

resumed = train(resume=path)

# %%
# The same bits
# -------------

same = {
    name: np.array_equal(p, resumed.params[name]) for name, p in whole.params.items()
}
print("equal to the last bit:", same)
assert all(same.values()) and whole.history["loss"] == resumed.history["loss"]

figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes.semilogy(
    range(1, 21),
    whole.history["validation_loss"],
    linewidth=5,
    alpha=0.3,
    label="never interrupted",
)
axes.semilogy(
    range(1, 9),
    resumed.history["validation_loss"][:8],
    "--",
    label="until the power cut",
)
axes.semilogy(
    range(7, 21),
    resumed.history["validation_loss"][6:],
    ".-",
    label="resumed from epoch 6",
)
axes.set(xlabel="epoch", ylabel="validation loss", xticks=range(0, 21, 4))
axes.legend()
folder.cleanup()
