"""
XOR with sigmoids and squared error
===================================

A 3-4-1 network learns XOR of its first two inputs. A known tutorial prints its error every 1000 iterations; here is the
same training with the correct gradient.
"""

# %%
# The network of the tutorial
# ---------------------------
# Four rows are the whole data; the third input is always 1. The loop is ``examples/xor_mean_squared_error.py``:

import inspect
import sys

import matplotlib.pyplot as plt

sys.path += [f"{sys.path[0]}/../..", "../.."]  # examples/, two folders up
from xor_mean_squared_error import train

print(inspect.getsource(train))

# %%
# The figures
# -----------
# The tutorial's update has two slips: it takes sigmoid' of values that are already activations, and a mean for the
# biases. Both begin at the same error, because both begin with the same weights. The correct gradient is faster.

figures = train(iterations=8000)
printed = [
    0.5013730688788007,
    0.46648301270,
    0.2421,
    0.0989,
    0.0873,
    0.0689,
    0.0554,
    0.0274,
]  # by the tutorial
for iteration, error in figures:
    print(f"{iteration:5d}  {error:.16f}")
assert abs(figures[0][1] - printed[0]) < 1e-12
assert dict(figures)[3000] < printed[-1]

figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.semilogy(*zip(*figures, strict=True), "o-", label="nnx, the correct gradient")
axes.semilogy(
    range(0, 8000, 1000), printed, "s--", color="0.6", label="the tutorial, as printed"
)
axes.axhline(printed[-1], color="0.8", linewidth=1, zorder=0)
axes.set(xlabel="iteration", ylabel="mean |output - Y|", title="XOR, 3-4-1, sigmoid")
axes.legend()
