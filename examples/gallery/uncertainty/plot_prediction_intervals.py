"""
Prediction intervals
====================

Three quantiles of the target learned at once: a band that should hold nine of ten new points, wide where the data is
noisy and narrow where it is not.
"""

# %%
# ``MLPRegressor`` with the loss "quantile" has one output for each quantile. ``examples/prediction_intervals.py`` makes
# the data, whose noise depends on x, and trains:

import inspect
import sys

import numpy as np

sys.path += [f"{sys.path[0]}/../..", "../.."]  # examples/, two folders up
from prediction_intervals import data, inside, noise, picture, train

print(
    inspect.getsource(noise),
    inspect.getsource(data),
    inspect.getsource(train),
    sep="\n",
)
model = train("numpy")

# %%
# The band follows the true quantiles, which the network has never seen.

picture(model)

# %%
# Does it hold what it promises? Also in each part of the line, where there is little noise and where there is much:

x, _ = data(4000, seed=1)
for low in range(-3, 3):
    share = inside(model, (low <= x[:, 0]) & (x[:, 0] < low + 1))
    print(
        f"{low:2d} to {low + 1:2d}: {100 * share:.0f} % of new points within the band"
    )
    assert 0.83 < share < 0.95
print(f"everywhere: {100 * inside(model):.1f} %")
assert abs(inside(model) - 0.9) < 0.02

# %%
# Tables have this ready: ``nnx.TabularRegressor().fit(df, "price").predict_interval(df, coverage=0.9)``.

low, middle, high = model.predict(np.array([[0.0], [1.0]])).T
print("at x = 0 and 1: from", low.round(2), "to", high.round(2))
assert (high - low)[1] > 2 * (high - low)[0]
