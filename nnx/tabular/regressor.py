"""TabularRegressor: numbers predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from .base import Tabular
from .labels import numbers
from .use import interval


class TabularRegressor(RegressorMixin, Tabular):  # type: ignore[misc]
    """Networks that predict a number from any table, ready to use: what `nnx train` runs.

    The parameters and attributes are those of nnx.TabularClassifier, but for metric: "rmse", "mae", which trains on the
    absolute error, or "r2"; "auto": the squared error. class_weight and calibrate have no use. The target is
    standardised, and predictions are in its own units; `predict_interval` says how far targets may lie from them.

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

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R^2 of the predictions. y: (rows,), or the name of the column of X that has it."""
        return float(super().score(X, self._column(X, y), sample_weight))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """The lower and upper ends within which targets lie with this probability: (rows, 2).

        From what each network was wrong by on the rows that it held out, about the networks' mean; it holds for rows
        like those of the training.
        coverage: the probability, between 0 and 1. Raises: SettingError if no rows were held out.
        Source: after CV+, Barber, Candes, Ramdas & Tibshirani 2021, "Predictive inference with the jackknife+",
        section 3, with what the mean of several networks is wrong by less than one.
        """
        x = self._encoded(X)
        return interval(self.model_, x, coverage)

    def _values(self, encoded: Any) -> Any:
        return self._model_target.decode(encoded[:, None])
