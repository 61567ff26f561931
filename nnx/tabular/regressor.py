"""TabularRegressor: numbers predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from .base import Tabular
from .labels import numbers
from .use import interval


class TabularRegressor(RegressorMixin, Tabular):  # type: ignore[misc]
    """Networks that predict a number from any table, ready to use: what `nnx train` runs.

    The parameters are those of nnx.TabularClassifier; metric is "rmse", "mae" or "r2". The target is standardised, and
    predictions are in its own units.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> nnx.TabularRegressor("fast", epochs=20).fit(X, y).predict(X).shape
    (442,)
    """

    task: ClassVar[str] = "regression"

    def _target(self, y: Any) -> tuple[Any, Any]:
        return numbers(y), None

    def predict(self, X: Any) -> Any:
        """The value of each row, in the target's own units: (rows,)."""
        return self._answer(X)

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """The lower and upper ends within which targets lie with this probability: (rows, 2).

        From what each network was wrong by on the rows that it held out; for rows like those of the training.
        About their mean, by CV+ (Barber, Candes, Ramdas & Tibshirani 2021) with what the mean is wrong by less.
        """
        x = self._encoded(X)
        return interval(self.model_, x, coverage)
