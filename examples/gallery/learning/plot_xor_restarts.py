"""
Sixteen restarts at once
========================

Some small networks end in a local minimum, wherever they are sent by their first weights. Sixteen of them trained as
one population cost little more than one, and the best of them solves XOR.
"""

# %%
# A population
# ------------
# With ``members=16`` every array has an axis of 16 in front, and one program trains all of them. Member k draws its own
# weights, and is what it would be alone. ``examples/xor_restarts.py`` has the network and this call:

# sphinx_gallery_thumbnail_number = 2
import inspect
import sys

sys.path += [f"{sys.path[0]}/../..", "../.."]  # examples/, two folders up
from xor_restarts import solved, train, x, y

import nnx

print(inspect.getsource(train))
fit = train(seed=9)

# %%
# Every member's loss by epoch, in the colour of its score. Two groups can be told apart: those that go on to 0, and
# those that stay at about 0.36.

nnx.plots.population(fit)

# %%
# What each of them answers at every place of the square; the best has a frame. A member that is stuck has two of the
# four points on the wrong side.

good = solved(fit)
print(f"{good.sum()} of {len(fit)} members solve XOR; the best is member {fit.best()}")
assert good[fit.best()] and not good.all()

nnx.plots.decision_boundaries(fit, x, y)

# %%
# ``fit[k]`` is one of them, as ``nnx.fit`` gives for one network: it predicts, and it can be saved.

best = fit[fit.best()]
print("the best answers", best.predict(x)[:, 0].round(3))
