"""scikit-learn's MLPClassifier and MLPRegressor on nnx: the same constructor, numbers and behaviour."""

try:
    import sklearn  # noqa: F401
except ImportError:
    from ..errors import BackendError

    raise BackendError("the estimators need scikit-learn: pip install 'nnx-array[sklearn]'") from None

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
