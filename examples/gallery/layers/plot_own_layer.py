"""
A layer of your own, checked
============================

A layer is a frozen dataclass with ``evaluate`` and ``backprop``; ``nnx.check`` tries both against a central difference.
"""

# %%
# The snake
# ---------
# y = x + sin²(a x) / a grows like a line and waves on its way, with a learned frequency a for each column (Liu, Hartwig
# & Ueda 2020). dx = dy (1 + sin 2ax); da = dy (x sin(2ax) / a - sin²(ax) / a²), summed over the rows.

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

import nnx
from nnx.backends import namespace


@nnx.register  # lets model files hold it
@dataclass(frozen=True)
class Snake(nnx.Layer):
    names = ("a",)

    def shapes(self, row):
        return {"a": row[-1:]}, row

    def init(self, features, draw):
        return {"a": draw.constant((features,), 1.0)}, features

    def evaluate(self, params, x, *, train=False, key=None):
        a, xp = params["a"][..., None, :], namespace(x)
        return x + xp.sin(a * x) ** 2 / a, x

    def backprop(self, params, x, dy, *, need_dx=True):
        a, xp = params["a"][..., None, :], namespace(x)
        da = x * xp.sin(2 * a * x) / a - (xp.sin(a * x) / a) ** 2
        return dy * (1 + xp.sin(2 * a * x)), {"a": xp.sum(dy * da, axis=-2)}


# %%
# Is it right?
# ------------
# ``nnx.check`` tries shapes, types, gradients, and more. A layer that forgets a factor 2 is told where it is wrong.

x = np.random.default_rng(0).normal(size=(50, 3))
print(faults := nnx.check(Snake(), x))
assert not faults


class Wrong(Snake):
    def backprop(self, params, x, dy, *, need_dx=True):
        _, grads = super().backprop(params, x, dy)
        return dy * (1 + np.sin(params["a"][..., None, :] * x)), grads


print(faults := nnx.check(Wrong(), x))
assert "gradient of the input" in faults[0]

# %%
# Beside tanh
# -----------
# Both networks see the grey part. Beyond it the snake goes on climbing and waving, where tanh becomes flat.

t = np.linspace(-10, 10, 400)[:, None]
truth, seen = t / 2 + np.sin(t), np.abs(t[:, 0]) < 5
_, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
axes.axvspan(-5, 5, color="0.93", label="rows seen")
adam, error = nnx.Adam(0.03, schedule=nnx.Cosine()), {}
for layer in (Snake(), nnx.Tanh()):
    net = nnx.Chain(nnx.Dense(32), layer, nnx.Dense(1))
    fit = nnx.fit(
        net,
        t[seen],
        truth[seen],
        loss="squared_error",
        optimizer=adam,
        epochs=300,
        batch_size=50,
    )
    error[layer] = np.mean((fit.predict(t) - truth)[~seen] ** 2)
    axes.plot(
        t,
        fit.predict(t),
        label=f"{type(layer).__name__}: error beyond {error[layer]:.2f}",
    )
axes.plot(t, truth, "k:", label="truth")
axes.legend()
assert error[Snake()] < error[nnx.Tanh()] / 2
