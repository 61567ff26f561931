"""
Evaluate, compute the gradient, update
======================================

Gradient descent with nothing hidden: three dense layers learn :math:`y = \\sin x_1 + x_2^2`.
"""

# %%
# The loop
# --------
# Training is four calls. ``net.evaluate`` computes the output and keeps what each layer needs for its gradient;
# ``loss.backprop`` gives the derivative of the loss by the output; ``net.backprop`` carries it back to the parameters;
# ``optimizer.update`` moves them. This is all of it, as the script ``examples/gradient_descent.py`` has it:

import inspect
import sys

import matplotlib.pyplot as plt
import numpy as np

import nnx

sys.path += [f"{sys.path[0]}/../..", "../.."]  # examples/, two folders up
from gradient_descent import gradient_error, train

print(inspect.getsource(train))

# %%
# The loss falls
# --------------

epochs, losses = zip(*train(epochs=4000), strict=True)
for epoch, loss in list(zip(epochs, losses, strict=True))[::5]:
    print(f"epoch {epoch:4d}, loss {loss:.4f}")
assert losses[-1] < losses[0] / 50

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.semilogy(epochs, losses, "o-")
axes.set(
    xlabel="epoch",
    ylabel="loss, 1/(2m) sum (A - Y)²",
    title="plain gradient descent on 100 rows",
)

# %%
# Is the gradient right?
# ----------------------
# Move all parameters a little along a random direction. The change of the loss, divided by the length of the move, has
# to be what the gradient says. In float64 the two agree to more than seven digits:

errors = [gradient_error(seed) for seed in range(20)]
print(f"largest relative difference of 20 networks: {max(errors):.1e}")
assert max(errors) < 1e-7

# %%
# What each layer does
# --------------------
# ``nnx.fit`` runs the same lines, and its losses are the same. ``nnx.trace`` gives the output of each layer: here for
# rows whose :math:`x_1` runs from -2 to 2, with :math:`x_2 = 1`.

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (2, 100))
Y = np.sin(X[:1]) + X[1:] ** 2
net = nnx.Chain(
    nnx.Dense(16), nnx.Tanh(), nnx.Dense(8), nnx.Sigmoid(), nnx.Dense(1), nnx.Identity()
)
settings = dict(
    loss="squared_error",
    optimizer=nnx.SGD(rate=0.1),
    shuffle=False,
    dtype="float64",
    seed=1,
)
fit = nnx.fit(net, X.T, Y.T, epochs=2001, **settings)
assert np.allclose(fit.history["loss"][::200], losses[:11], rtol=1e-9)

line = np.linspace(-2, 2, 200)
given = nnx.trace(net, fit.params, np.stack([line, np.ones(200)], axis=1))
figure, axes = plt.subplots(1, 5, figsize=(10, 2.6), layout="constrained", sharex=True)
for panel, (name, y) in zip(axes, given.items(), strict=False):
    panel.plot(line, y, linewidth=1)
    panel.set(title=f"{name}, {y.shape[1]}", xlabel="$x_1$")
axes[-1].plot(line, np.sin(line) + 1, "k:", label="truth")
axes[-1].legend()
