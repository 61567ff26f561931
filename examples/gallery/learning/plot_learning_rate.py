"""
Finding a learning rate, and changing it on the way
===================================================

A range test shows in a few steps which rates are too small, good, and ruinous. A schedule lets a training begin with a
large rate and end with a small one.
"""

# %%
# The range test
# --------------
# The rate grows from step to step until the loss explodes. Where the loss falls fastest is a good first choice.

# sphinx_gallery_thumbnail_number = 4
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import nnx

x, y = load_digits(return_X_y=True)
x = x / 16
net = nnx.mlp((64,), 10)
nnx.plots.rate_finder(net, x, y, loss="softmax_cross_entropy", optimizer="adam")

# %%
# Is it right? Nine networks as one population, each with its own rate, all validated on the same rows:

rates = tuple(np.geomspace(1e-5, 1.0, 9).tolist())
same = dict(seed=(0,) * 9, epochs=8, batch_size=64, validation=0.25)
fit = nnx.fit(
    net,
    x,
    y,
    loss="softmax_cross_entropy",
    optimizer=nnx.Adam(rate=rates),
    members=9,
    **same,
)
scores = fit.scores("validation_loss")

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.loglog(rates, scores, "o-")
axes.set(xlabel="rate", ylabel="validation loss after 8 epochs")
print(f"best of the nine: {rates[fit.best('validation_loss')]:.3g}")
assert 1e-3 <= rates[fit.best("validation_loss")] <= 1e-1

# %%
# Schedules
# ---------
# A schedule is a factor on the rate for each step. ``nnx.fit`` tells it how many steps there will be.

cosine, steps = nnx.Cosine(warmup=50), 600
decays = nnx.StepDecay(every=200), nnx.ExponentialDecay(every=200)
figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
for schedule in (cosine, nnx.OneCycle(), *decays):
    over = schedule.over(steps)
    factor = [float(over.evaluate(np.asarray(step))) for step in range(steps)]
    axes.plot(factor, label=type(schedule).__name__)
axes.set(xlabel="step", ylabel="factor on the rate")
figure.legend(loc="outside right upper", fontsize=8)

# %%
# Two networks learn a wave, one with a constant rate, one whose rate falls to 0. Steps of a constant size go past the
# minimum and back, while steps that become smaller settle in it.

x = np.random.default_rng(0).uniform(-2, 2, (1000, 1))
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
final = {}
for name, schedule in {"none": None, "Cosine": cosine}.items():
    adam = nnx.Adam(0.02, schedule=schedule)
    net = nnx.mlp((32, 32), 1, activation="tanh")
    fit = nnx.fit(
        net,
        x,
        np.sin(3 * x),
        loss="squared_error",
        optimizer=adam,
        epochs=120,
        batch_size=64,
    )
    axes.semilogy(fit.history["loss"], label=f"schedule: {name}")
    final[name] = np.mean(fit.history["loss"][-5:])
axes.set(xlabel="epoch", ylabel="loss", title="y = sin 3x, Adam, rate 0.02")
axes.legend()
print({name: f"{loss:.1e}" for name, loss in final.items()})
assert final["Cosine"] < final["none"] / 5
