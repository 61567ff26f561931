"""
Tied weights
============

One matrix used twice: an autoencoder whose decoder is its encoder's W, transposed. Parameters are a plain dict, so the
gradient of a shared one is simply the sum of both uses.
"""

# %%
# A linear autoencoder with tied weights is y = (x W) Wᵀ, trained to give y = x. The best it can do is known: it learns
# the space of the principal components of the data.

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import nnx
from nnx.backends import namespace


@dataclass(frozen=True)
class TiedAutoencoder(nnx.Layer):
    """y = (x W) W^T;  h = x W;  dh = dy W;  dx = dh W^T;  dW = x^T dh + dy^T h."""

    units: int
    names = ("W",)

    def init(self, features, draw):
        return {"W": draw.normal((features, self.units)) / features**0.5}, features

    def evaluate(self, params, x, *, train=False, key=None):
        xp, W = namespace(x), params["W"]
        h = xp.matmul(x, W)
        return xp.matmul(h, xp.matrix_transpose(W)), (x, h)

    def backprop(self, params, saved, dy, *, need_dx=True):
        xp, (x, h), W = namespace(dy), saved, params["W"]
        dh = xp.matmul(dy, W)
        dW = xp.matmul(xp.matrix_transpose(x), dh) + xp.matmul(
            xp.matrix_transpose(dy), h
        )  # both uses
        return xp.matmul(dh, xp.matrix_transpose(W)), {"W": dW}


digits = load_digits().data / 16
mean = digits.mean(axis=0)
x = digits - mean
net = TiedAutoencoder(8)
print(nnx.check(net, x[:20]))
assert not nnx.check(net, x[:20])

# %%
# It trains like any other layer; its target is its input.

fit = nnx.fit(
    net,
    x,
    x,
    loss="squared_error",
    optimizer=nnx.Adam(0.003, schedule=nnx.Cosine()),
    epochs=60,
)
pca = PCA(8).fit(x)
best = np.mean(np.sum((x - pca.inverse_transform(pca.transform(x))) ** 2, axis=1))
reached = np.mean(np.sum((x - fit.predict(x)) ** 2, axis=1))
print(
    f"squared error of a row: {reached:.4f}; the least that 8 directions can reach: {best:.4f}"
)
assert best <= reached < 1.01 * best

# %%
# Digits from eight numbers each, beside those that PCA makes of eight numbers.

rows = {
    "digit": x,
    "tied autoencoder": fit.predict(x),
    "PCA": pca.inverse_transform(pca.transform(x)),
}
figure, axes = plt.subplots(3, 10, figsize=(9, 3), layout="constrained")
for line, (name, pictures) in zip(axes, rows.items(), strict=True):
    for panel, picture in zip(line, pictures[:10], strict=True):
        panel.imshow((mean + picture).reshape(8, 8), cmap="gray_r")
        panel.set(xticks=[], yticks=[])
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
