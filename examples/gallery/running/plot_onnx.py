"""
ONNX: the same numbers elsewhere
================================

A trained model becomes one file that other programs run without nnx, without Python even. This page compares both on
the same rows.
"""

# %%
# Train and export
# ----------------
# The graph holds the network and what its loss means: it gives labels and probabilities, not logits.

try:
    import onnxruntime
except ImportError as error:
    raise SystemExit("This page needs onnxruntime: pip install onnxruntime") from error

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

import nnx

x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32")
net = nnx.mlp((64, 64), 10, activation="gelu", dropout=0.1)
fit = nnx.fit(net, x[:1400], y[:1400], loss="softmax_cross_entropy", epochs=15)
model = nnx.to_onnx(fit)  # with a path it writes the file as well

for node in model.graph.node:
    print(f"{node.op_type:12s} {', '.join(node.input)} -> {', '.join(node.output)}")

# %%
# Run it
# ------

session = onnxruntime.InferenceSession(model.SerializeToString())
label, probabilities = session.run(None, {"x": x[1400:]})
here = fit.predict(x[1400:])
difference = np.abs(probabilities - here)
print(
    f"labels equal: {np.array_equal(label, here.argmax(axis=1))}; largest difference {difference.max():.1e}"
)
assert np.array_equal(label, here.argmax(axis=1)) and difference.max() < 1e-5

# %%
# The differences are the rounding of float32, which has about seven digits.

figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
axes[0].loglog(here.ravel(), probabilities.ravel(), ".", markersize=2)
axes[0].set(xlabel="probability by nnx", ylabel="probability by onnxruntime")
axes[1].hist(np.log10(difference[difference > 0]), 40)
axes[1].set(xlabel="log10 of the difference", ylabel="probabilities")
