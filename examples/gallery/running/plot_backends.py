"""
One script on four libraries
============================

The same lines train on NumPy, PyTorch, JAX and CuPy. First weights, the order of the rows and dropout masks are the
same bits on all of them, so the losses agree to the last digits.
"""

# %%
# One function
# ------------
# Nothing in it names a library but the argument. A library that is not there is an error, never another library.

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import nnx

x, y = load_digits(return_X_y=True)
x, y = x[:1500] / 16, y[:1500]
net = nnx.mlp((32,), 10, dropout=0.2)


def train(backend):
    settings = dict(
        loss="softmax_cross_entropy", epochs=8, batch_size=500, dtype="float64", seed=1
    )
    return nnx.fit(net, x, y, backend=backend, **settings)


fits = {}
for name in ("numpy", "torch", "jax", "cupy"):
    try:
        fits[name] = train(name)
        print(
            f"{name:6s} loss {fits[name].history['loss'][-1]:.15f}, {type(fits[name].params['0.W']).__module__}"
        )
    except nnx.BackendError as error:
        print(f"{name:6s} {error}")

# %%
# The same curve
# --------------
# The curves lie on top of each other; the difference is that of rounding, in float64. Where it is 0, it is
# drawn at 1e-17.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
reference = np.array(fits["numpy"].history["loss"])
for number, (name, fit) in enumerate(fits.items()):
    loss = np.array(fit.history["loss"])
    axes[0].plot(range(1, 9), loss, linewidth=6 - 2 * number, label=name)
    difference = np.abs(loss - reference) / reference
    assert difference.max() < 1e-9
    if name != "numpy":
        axes[1].semilogy(
            range(1, 9),
            np.maximum(difference, 1e-17),
            "o-",
            color=f"C{number}",
            label=f"{name} to numpy",
        )
axes[0].set(xlabel="epoch", ylabel="loss")
axes[0].legend()
axes[1].set(xlabel="epoch", ylabel="relative difference", ylim=(1e-17, 1e-8))
axes[1].legend()

# %%
# A model goes from one to another
# --------------------------------
# Files hold numbers, not a library. Saved from the last one above, it is loaded on NumPy.

*_, (name, fit) = fits.items()
with tempfile.TemporaryDirectory() as folder:
    nnx.save(f"{folder}/digits.safetensors", fit.net, fit.params, loss=fit.loss)
    model = nnx.load(f"{folder}/digits.safetensors", backend="numpy")
there = fit.backend.to_numpy(fit.predict(x[:100]))
print(
    f"trained on {name}, loaded on numpy: largest difference {np.abs(model.predict(x[:100]) - there).max():.1e}"
)
assert np.allclose(model.predict(x[:100]), there, atol=1e-12)
