"""
A search in one training
========================

Twelve candidates times three folds are 36 networks. ``PopulationSearchCV`` trains them together and gives the scores
of scikit-learn's ``GridSearchCV``.
"""

# %%
# The search
# ----------
# The interface is that of ``GridSearchCV``. Rates and penalties are numbers, so all candidates are one program.

import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

import nnx

x, y = load_digits(return_X_y=True)
x = x / 16
warnings.simplefilter(
    "ignore", ConvergenceWarning
)  # twelve epochs are few, and enough to compare
estimator = nnx.MLPClassifier(
    (32,), batch_size=50, max_iter=12, n_iter_no_change=12, random_state=0
)
grid = {
    "learning_rate_init": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1],
    "alpha": [1e-4, 1.0],
}

begin = time.perf_counter()
search = nnx.PopulationSearchCV(estimator, grid, cv=3).fit(x, y)
print(
    f"{time.perf_counter() - begin:.1f} seconds, {search.best_params_}, accuracy {search.best_score_:.3f}"
)
assert (
    search.best_params_["learning_rate_init"] in (1e-2, 3e-2)
    and search.best_score_ > 0.9
)

# %%
# The scores over each setting:

nnx.plots.search(search.cv_results_)

# %%
# The scores are GridSearchCV's
# -----------------------------
# Here for a part of the grid, trained one after another:

part = {"learning_rate_init": [1e-3, 1e-2], "alpha": [1e-4]}
alone = GridSearchCV(estimator, part, cv=3).fit(x, y).cv_results_
together = nnx.PopulationSearchCV(estimator, part, cv=3).fit(x, y).cv_results_
for name in ("split0_test_score", "split1_test_score", "split2_test_score"):
    print(name, alone[name].round(4), together[name].round(4))
    assert np.allclose(
        alone[name], together[name], atol=0.004
    )  # to rounding: at most two rows of 600

# %%
# ``search`` predicts with the best candidate, trained on all rows.

print("the first ten digits:", search.predict(x[:10]))
