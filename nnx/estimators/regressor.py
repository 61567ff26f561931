"""MLPRegressor."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from .arrays import is_foreign, together
from .base import BaseMLP
from .convert import Added


class MLPRegressor(Added, RegressorMixin, BaseMLP):  # type: ignore[misc]
    """Multi-layer perceptron for numbers, with scikit-learn's parameters and numbers.

    X (rows, features); y (rows,) or (rows, outputs). loss="poisson" is for counts.
    See sklearn.neural_network.MLPRegressor for the parameters, attributes and messages, which are the same.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        loss: str = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        callbacks: Any = None,
        backend: str | None = None,
        device: str = "",
    ) -> None:
        self._keep(locals())

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None) -> Any:
        """Train on all rows. sample_weight (rows,). X_val, y_val: rows to validate on, in place of a part of X."""
        return self._fit(X, y, sample_weight, held=together(X_val, y_val))

    @available_if(lambda est: est._check_solver)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Any:
        """The values predicted, (rows,) or (rows, outputs)."""
        with self._begin(X, "predict"):
            return self._predict(X)

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        y = self._forward_pass_fast(X, check_input=check_input)
        return y[:, 0] if y.shape[1] == 1 else y

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return self._score_with_function(X, y, sample_weight, r2_score)

    _measure = staticmethod(r2_score)

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _validate_input(self, X: Any, y: Any, incremental: bool | None, reset: bool) -> tuple[Any, Any]:
        X, y = self._validate(X, y, reset, **({} if is_foreign(X) else {"y_numeric": True}))
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
