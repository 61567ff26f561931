"""scikit-learn's MLPClassifier and MLPRegressor on nnx: the same constructor, numbers and behaviour."""

from . import version  # noqa: F401
from .classifier import MLPClassifier
from .ensemble import EnsembleClassifier, EnsembleRegressor
from .quirks import FIXES
from .regressor import MLPRegressor
from .search import PopulationSearchCV

__all__ = [
    "FIXES",
    "EnsembleClassifier",
    "EnsembleRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "PopulationSearchCV",
]
