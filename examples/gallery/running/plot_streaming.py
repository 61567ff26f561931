"""
Data that does not fit in memory
================================

``x`` may be a file on the disk, read batch by batch, or any iterable of batches. Training needs the memory of a few
batches, however many rows there are.
"""

# %%
# A file of numbers
# -----------------
# ``numpy.memmap`` looks like an array and stays in its file. This one is small, so that the page is quick: 64 MB.

import tempfile
import tracemalloc
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nnx

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "x.bin"
rows, columns = 100_000, 160
x = np.memmap(path, "float32", "w+", shape=(rows, columns))
rng = np.random.default_rng(0)
for start in range(0, rows, 10_000):
    x[start : start + 10_000] = rng.normal(size=(10_000, columns))
y = (np.asarray(x[:, 0]) * np.asarray(x[:, 1]) > 0).astype("int64")
x.flush()

# %%
# It trains as an array does
# --------------------------
# Rows are shuffled and split as ever; ``tracemalloc`` watches how much memory Python asks for meanwhile.

x = np.memmap(path, "float32", "r", shape=(rows, columns))
net = nnx.mlp((32,), 2)
settings = dict(
    loss="softmax_cross_entropy",
    optimizer=nnx.Adam(0.003),
    batch_size=256,
    metrics=["accuracy"],
)
settings |= dict(validation=(x[-4000:], y[-4000:]))
tracemalloc.start()
fit = nnx.fit(net, x[:-4000], y[:-4000], epochs=4, **settings)
peak = tracemalloc.get_traced_memory()[1] / 1e6
tracemalloc.stop()
print(
    f"the file has {path.stat().st_size / 1e6:.0f} MB, the training asked for at most {peak:.1f} MB"
)
print(f"accuracy on rows set aside: {fit.history['validation_accuracy'][-1]:.3f}")
assert peak < 32 and fit.history["validation_accuracy"][-1] > 0.9

# %%
# Batches from anywhere
# ---------------------
# A function that returns an iterator over batches is called once an epoch: rows of a database, files one after another,
# or rows that are made up on the way, which never repeat.


def batches():
    rng = np.random.default_rng()
    for _ in range(375):
        x = rng.normal(size=(256, columns)).astype("float32")
        yield x, (x[:, 0] * x[:, 1] > 0).astype("int64")


stream = nnx.fit(net, batches, epochs=4, **settings)
assert stream.history["validation_accuracy"][-1] > 0.9

figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
axes.plot(
    range(1, 5), fit.history["validation_accuracy"], "o-", label="a file, four times"
)
axes.plot(
    range(1, 5),
    stream.history["validation_accuracy"],
    "o-",
    label="rows that never repeat",
)
axes.set(xlabel="epoch", ylabel="accuracy", ylim=(0.5, 1), xticks=range(1, 5))
axes.legend()
folder.cleanup()
