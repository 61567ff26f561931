"""
An autoencoder: digits in two numbers
=====================================

A network learns to give back its input through a layer of two units. Those two numbers are a map of the data, and the
second half of the network draws a digit for every place on it.
"""

# %%
# Encoder and decoder are chains; a chain of both is a network, and its target is its input.

# sphinx_gallery_thumbnail_number = 2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import nnx

x, digit = load_digits(return_X_y=True)
x = x / 16
encoder = nnx.Chain(
    nnx.Dense(64), nnx.Tanh(), nnx.Dense(32), nnx.Tanh(), nnx.Dense(2), nnx.Tanh()
)
decoder = nnx.Chain(
    nnx.Dense(32), nnx.Tanh(), nnx.Dense(64), nnx.Tanh(), nnx.Dense(64), nnx.Sigmoid()
)
optimizer = nnx.Adam(0.01, schedule=nnx.OneCycle())
fit = nnx.fit(
    nnx.Chain(encoder, decoder),
    x,
    x,
    loss="squared_error",
    optimizer=optimizer,
    epochs=60,
    batch_size=64,
)
nnx.plots.curves(fit)

# %%
# Each half takes its own parameters: the names of the first begin with ``0.``, those of the second with ``1.``.

print(*fit.params)


def own(part):
    return {
        name.removeprefix(f"{part}."): p
        for name, p in fit.params.items()
        if name.startswith(f"{part}.")
    }


code = nnx.predict(encoder, own(0), x)
error = np.mean((fit.predict(x) - x) ** 2)
print(
    f"mean squared error of a pixel: {error:.4f}; of the mean digit: {np.mean(x.var(axis=0)):.4f}"
)
assert error < 0.6 * np.mean(x.var(axis=0))

# %%
# The map
# -------
# Digits of one kind lie together, though the network was never told what they are.

figure, axes = plt.subplots(figsize=(6.5, 5), layout="constrained")
shown = axes.scatter(*code.T, c=digit, cmap="tab10", vmin=-0.5, vmax=9.5, s=8)
figure.colorbar(shown, ticks=range(10))
axes.set(xlabel="first number", ylabel="second number")

# %%
# What the decoder draws at each place of the map:

side = np.linspace(-0.95, 0.95, 12, dtype="float32")
places = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)
drawn = nnx.predict(decoder, own(1), places).reshape(12, 12, 8, 8)
drawn = np.pad(drawn, ((0, 0), (0, 0), (1, 1), (1, 1)))
figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
axes.imshow(
    drawn.transpose(0, 2, 1, 3).reshape(120, 120), cmap="gray_r", extent=(-1, 1, -1, 1)
)
axes.set(xlabel="first number", ylabel="second number")
