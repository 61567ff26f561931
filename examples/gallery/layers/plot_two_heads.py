"""
Two heads: a class and a number from one network
================================================

One trunk, two outputs, two losses, and a loop of your own: gradients are arrays, so those of two heads are added.
"""

# %%
# Each row is a point on one of two rings. One head says which ring, the other the angle along it, as a number.

import matplotlib.pyplot as plt
import numpy as np

import nnx

rng = np.random.default_rng(0)
angle, ring = rng.uniform(-2.5, 2.5, 600), rng.integers(0, 2, 600)
x = (1 + ring)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(
    scale=0.1, size=(600, 2)
)
train, test = slice(0, 400), slice(400, 600)

trunk = nnx.Chain(nnx.Dense(32), nnx.Tanh(), nnx.Dense(32), nnx.Tanh())
heads = {"ring": nnx.Dense(2), "angle": nnx.Dense(1)}
losses = {"ring": nnx.SoftmaxCrossEntropy(), "angle": nnx.SquaredError()}
target = {"ring": ring, "angle": angle[:, None]}

# %%
# The loop
# --------
# Parameters are dictionaries; one optimizer for each, or one for all of them with names put in front.

params = {"trunk": nnx.init(trunk, x[train], seed=0)}
params |= {
    name: nnx.init(head, 32, seed=1, dtype="float64") for name, head in heads.items()
}
optimizer = nnx.Adam(0.01)
state = {part: optimizer.init(params[part]) for part in params}
history = {name: [] for name in heads}

for _ in range(400):
    h, values = trunk.evaluate(params["trunk"], x[train], train=True)
    dh, grads = 0.0, {}
    for name, head in heads.items():
        z, saved = head.evaluate(params[name], h, train=True)
        loss, kept = losses[name].evaluate(z, target[name][train])
        dx, grads[name] = head.backprop(
            params[name], saved, losses[name].backprop(kept)
        )
        dh = dh + dx  # what both heads want of the trunk
        history[name].append(float(loss))
    _, grads["trunk"] = trunk.backprop(params["trunk"], values, dh, need_dx=False)
    for part in params:
        params[part], state[part] = optimizer.update(
            params[part], grads[part], state[part]
        )

# %%
# Both are learned
# ----------------

h, _ = trunk.evaluate(params["trunk"], x[test])
z = {name: head.evaluate(params[name], h)[0] for name, head in heads.items()}
right = np.mean(np.argmax(z["ring"], axis=1) == ring[test])
wrong_by = np.mean(np.abs(z["angle"][:, 0] - angle[test]))
print(f"ring: {100 * right:.1f} % right; angle: wrong by {wrong_by:.3f} in the mean")
assert right > 0.97 and wrong_by < 0.2

figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for name, curve in history.items():
    axes[0].semilogy(curve, label=name)
axes[0].set(xlabel="epoch", title="both losses")
axes[0].legend()
axes[1].scatter(*x[test].T, c=np.argmax(z["ring"], axis=1), cmap="coolwarm", s=12)
axes[1].set(title="the ring, predicted", aspect="equal")
shown = axes[2].scatter(*x[test].T, c=z["angle"][:, 0], cmap="viridis", s=12)
axes[2].set(title="the angle, predicted", aspect="equal")
figure.colorbar(shown)
