"""What MLPClassifier and MLPRegressor share: scikit-learn's parameters, attributes and order of events."""

from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, validate_data

from ..backends import Backend, backend_of
from ..backends.numpy import namespace as host_namespace
from ..contract import Array
from . import lbfgs, stochastic
from .network import LOSSES, Objective, as_params, network

np = host_namespace()
STOCHASTIC = ("sgd", "adam")
FLOATS = (np.float64, np.float32)


class BaseMLP(BaseEstimator):  # type: ignore[misc]
    """The parameters are scikit-learn's; see MLPClassifier."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
    }

    # ---- training

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, *, incremental: bool = False) -> Any:
        sizes = self._hidden_sizes()
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        X, y = self._validate_input(X, y, incremental, reset=first)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        y = y.reshape(-1, 1) if y.ndim == 1 else y
        self.n_outputs_ = y.shape[1]
        widths = [X.shape[1], *sizes, self.n_outputs_]
        self._random_state = check_random_state(self.random_state)
        if first:
            self._initialize(widths, X.dtype)
        with self._backend().scope():
            if self.solver in STOCHASTIC:
                stochastic.fit(self, X, y, sample_weight, incremental=incremental)
            else:
                lbfgs.fit(self, X, y, sample_weight)
        if not all(np.isfinite(p).all() for p in (*self.coefs_, *self.intercepts_)):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            )
        return self

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _initialize(self, widths: list[int], dtype: Any) -> None:
        """Weights drawn as in Glorot & Bengio 2010, layer by layer, W then b, in float64 from the random state."""
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(widths)
        self.out_activation_ = self._out_activation()
        self.coefs_: list[Any] = []
        self.intercepts_: list[Any] = []
        for fan_in, fan_out in pairwise(widths):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / (fan_in + fan_out))
            for kept, shape in ((self.coefs_, (fan_in, fan_out)), (self.intercepts_, fan_out)):
                kept.append(self._random_state.uniform(-bound, bound, shape).astype(dtype, copy=False))
        self._keep_best()
        if self.solver in STOCHASTIC:
            watched = bool(self.early_stopping)
            self.loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if watched else None
            self.best_validation_score_ = -np.inf if watched else None
            self.best_loss_ = None if watched else np.inf

    def _keep_best(self) -> None:
        self._best_coefs = [p.copy() for p in self.coefs_]
        self._best_intercepts = [p.copy() for p in self.intercepts_]

    def _validate(self, X: Any, y: Any, reset: bool, **settings: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them, X in float64 or float32."""
        settings |= {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": FLOATS, "reset": reset}
        X, y = validate_data(self, X, y, **settings)
        return X, y

    def _objective(self, *, sparse: bool) -> Objective:
        widths = [p.shape[1] for p in self.coefs_]
        net = network(widths, self.activation, sparse=sparse)
        return Objective(net, LOSSES[self.out_activation_], float(self.alpha), self.n_outputs_)

    def _backend(self) -> Backend:
        """Where the weights are."""
        return backend_of(self.coefs_[0])

    def _targets(self, y: Any, dtype: Any) -> Array:
        """y (rows, outputs) as the loss takes it."""
        if self.out_activation_ == "softmax":
            return y.argmax(axis=1)
        return y.astype(dtype, copy=False)

    # ---- prediction

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> Any:
        """Probabilities, or the values predicted, (rows, outputs)."""
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        objective = self._objective(sparse=hasattr(X, "tocsr"))
        with self._backend().scope():
            z, _ = objective.net.evaluate(as_params(self.coefs_, self.intercepts_), X)
            return objective.loss.predict(z)

    def _score_with_function(self, X: Any, y: Any, sample_weight: Any, score_function: Any) -> float:
        """The score of checked data; NaN where the network gives what is not finite."""
        predicted = self._predict(X, check_input=False)
        if np.isnan(predicted).any() or np.isinf(predicted).any() if predicted.dtype.kind == "f" else False:
            return float("nan")
        return float(score_function(y, predicted, sample_weight=sample_weight))

    def _loss_grad_lbfgs(self, packed: Any, X: Any, y: Any, sample_weight: Any, *unused: Any) -> tuple[float, Any]:
        """The loss and its gradient at packed parameters; scikit-learn's tests call it by this name."""
        return lbfgs.Packed(self, X, y, sample_weight).evaluate(packed)

    def _is_classifier(self) -> bool:
        return bool(is_classifier(self))

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
