"""MLPRegressor."""

from numbers import Real
from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if

from ..backends.numpy import namespace as host_namespace
from ..contract import Loss
from ..layers import ACTIVATIONS
from ..losses import AbsoluteError, Huber, Poisson, Quantile, ScaledLoss, SquaredError
from ..training.scale import standardised
from .arrays import is_foreign, to_host
from .base import BaseMLP
from .convert import Added
from .network import activation
from .parameters import CONSTRAINTS, LAYER
from .private import Interval, StrOptions, _fit_context
from .quirks import fixed

np = host_namespace()
FAR = 10.0  # a target whose mean or deviation is beyond it is slow to learn
LOSSES: dict[str, Loss] = {
    "squared_error": SquaredError(),
    "poisson": Poisson(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
}


class MLPRegressor(Added, RegressorMixin, BaseMLP):  # type: ignore[misc]
    """Multi-layer perceptron for numbers, with scikit-learn's parameters and numbers.

    X (rows, features); y (rows,) or (rows, outputs). loss="poisson" is for counts.
    See sklearn.neural_network.MLPRegressor for the parameters, attributes and messages, which are the same, and
    nnx.MLPClassifier for what the parameters may hold more, and the further ones. Here there are, besides:
    loss: also "absolute_error", "huber", "quantile", or a loss such as nnx.Huber(2.0) or one of your own.
    quantile: for loss="quantile", a level between 0 and 1, or several in rising order; predict then gives a column for
    each, and score the mean of the D squared pinball scores.
    scale_target: for a y far from 0, or much larger or smaller than 1: the network is trained on (y - mean) / deviation
    of each column and predicts in y's units; losses are then without units. target_mean_ and target_scale_ are those of
    the first fit or partial_fit. sklearn.compose.TransformedTargetRegressor does the same from outside.
    out_activation: a name or a layer after the outputs, such as "sigmoid" for values from 0 to 1.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({*LOSSES, "quantile"}), LAYER],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like", None],
        "scale_target": ["boolean"],
        "out_activation": [StrOptions({"logistic", *ACTIVATIONS}), LAYER, None],
    }

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
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
        quantile: Any = None,
        out_activation: Any = None,
        scale_target: bool = False,
        dropout: float = 0.0,
        norm: str | None = None,
        weight_decay: float | None = None,
        frozen: Any = (),
        scoring: Any = None,
        callbacks: Any = None,
        fixes: Any = (),
        backend: str | None = None,
        device: str = "",
        micro_batches: int = 1,
        ranks: Any = None,
    ) -> None:
        self._keep(locals())

    @available_if(lambda est: est._check_solver if not fixed(est, "partial_fit") else est._check_solver())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one epoch."""
        return self._fit(X, y, sample_weight, kind="partial_fit", epochs=1)

    def predict(self, X: Any) -> Any:
        """The values predicted, (rows,) or (rows, outputs)."""
        with self._begin(X, "predict"):
            return self._predict(X)

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        return self._as_values(self._forward_pass_fast(X, check_input=check_input))

    def _as_values(self, y: Any) -> Any:
        """The values, (rows,) or (rows, outputs), from the outputs (rows, outputs)."""
        return y[:, 0] if y.shape[1] == 1 else y

    def _measure(self, y: Any, predicted: Any, sample_weight: Any = None) -> float:
        """R squared; of quantiles, the mean of their D squared pinball scores."""
        loss = self._loss()
        if not isinstance(loss, Quantile):
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        columns = predicted.reshape(predicted.shape[0], -1).T
        pairs = zip(columns, loss.levels, strict=True)
        scores = [d2_pinball_score(y, column, alpha=q, sample_weight=sample_weight) for column, q in pairs]
        return float(sum(scores)) / len(scores)

    def _scores_itself(self) -> bool:
        return isinstance(self._loss(), Quantile)

    def _loss(self) -> Loss:
        if self.loss == "quantile":
            try:
                return Quantile(tuple(self.quantile) if hasattr(self.quantile, "__iter__") else (self.quantile,))
            except (TypeError, ValueError) as error:
                raise ValueError(f"quantile: expected numbers between 0 and 1, in rising order: {error}") from None
        return LOSSES[self.loss] if isinstance(self.loss, str) else self.loss

    def _trained_loss(self) -> Loss:
        if not hasattr(self, "target_mean_"):
            return self._loss()
        return ScaledLoss(self._loss(), tuple(self.target_mean_), tuple(self.target_scale_))

    def _look_at_target(self, y: Any, sample_weight: Any, dtype: str, *, first: bool) -> None:
        if not first:
            return
        self.__dict__.pop("target_mean_", None)
        self.__dict__.pop("target_scale_", None)
        if not (self.scale_target or self.verbose):
            return
        dtype = dtype if self.scale_target else "float64"
        found = standardised(SquaredError(), to_host(y), sample_weight, dtype=dtype, wider="give X in float64")
        if self.scale_target:
            ScaledLoss(self._loss())  # refuses a loss of counts
            self.target_mean_, self.target_scale_ = np.asarray(found.mean), np.asarray(found.scale)
        elif max(*map(abs, found.mean), *found.scale) > FAR:
            print(
                f"y has mean {found.mean[0]:.3g} and deviation {found.scale[0]:.3g}, far from 0 and 1: with "
                "scale_target=True the network would be trained on (y - mean) / deviation"
            )

    def _out_layer(self) -> Any:
        return None if self.out_activation is None else activation(self.out_activation)

    def _out_activation(self) -> str:
        if self.out_activation is not None:
            return self.out_activation if isinstance(self.out_activation, str) else type(self.out_activation).__name__
        return "exp" if isinstance(self._loss(), Poisson) else "identity"

    def _validate_input(self, X: Any, y: Any, kind: str, reset: bool) -> tuple[Any, Any]:
        if (self.loss == "quantile") != (self.quantile is not None):
            raise ValueError(f"quantile belongs to loss='quantile', got loss={self.loss!r}, quantile={self.quantile!r}")
        if self.out_activation is not None and isinstance(self._loss(), Poisson):
            raise ValueError("out_activation: loss='poisson' has the exponential function by itself")
        X, y = self._validate(X, y, reset, **({} if is_foreign(X) else {"y_numeric": True}))
        if fixed(self, "counts") and isinstance(self._loss(), Poisson) and float(to_host(y).min()) < 0:
            raise ValueError("loss='poisson' expects y of at least 0")
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y
