"""
Does a probability mean what it says?
=====================================

A network trained for long on noisy labels is too sure of itself. One number, a temperature, makes its probabilities
honest, and changes none of its answers.
"""

# %%
# Trained too long
# ----------------
# Two clouds overlap, so nobody could be right always. The network learns its 300 rows nearly by heart.

import matplotlib.pyplot as plt
import numpy as np

import nnx


def clouds(rows, seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    return rng.normal(size=(rows, 5)) + 0.6 * y[:, None], y


x, y = clouds(300, 0)
x_held, y_held = clouds(300, 1)  # set apart for the temperature
x_new, y_new = clouds(4000, 2)
loss = nnx.SoftmaxCrossEntropy()
fit = nnx.fit(
    nnx.mlp((64, 64), 2),
    x,
    y,
    loss=loss,
    optimizer=nnx.Adam(0.003),
    epochs=60,
    batch_size=50,
)
p = fit.predict(x_new)
print(
    f"right: {nnx.accuracy(p, y_new):.3f}; of its own rows: {nnx.accuracy(fit.predict(x), y):.3f}"
)

# %%
# Of the answers that it calls 95 % sure, far fewer are right:

nnx.plots.calibration(y_new, p)

# %%
# A temperature
# -------------
# Logits divided by T > 1 give softer probabilities. T is the one with the least log loss on rows set apart
# (Guo et al. 2017). ``fit.output`` gives the logits, ``loss.predict`` their probabilities.

temperatures = np.geomspace(0.5, 20, 100)
logits = fit.output(x_held)
held = [float(nnx.log_loss(loss.predict(logits / T), y_held)) for T in temperatures]
T = temperatures[np.argmin(held)]

figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.semilogx(temperatures, held)
axes.plot(T, min(held), "o")
axes.set(
    xlabel="temperature",
    ylabel="log loss, rows set apart",
    title=f"least at T = {T:.1f}",
)

# %%
# Honest now, also on rows that nothing was fitted to. ``nnx.TabularClassifier`` does this by itself.

honest = loss.predict(fit.output(x_new) / T)
for name, probabilities in (("as trained", p), (f"T = {T:.1f}", honest)):
    error = nnx.plots.reliability(y_new, probabilities).error
    print(
        f"{name:12s} log loss {nnx.log_loss(probabilities, y_new):.3f}, calibration error {error:.3f}"
    )
assert (
    nnx.plots.reliability(y_new, honest).error
    < nnx.plots.reliability(y_new, p).error / 3
)
assert np.array_equal(honest.argmax(axis=1), p.argmax(axis=1))

nnx.plots.calibration(y_new, honest)
