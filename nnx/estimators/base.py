"""What MLPClassifier and MLPRegressor share: scikit-learn's parameters, attributes and order of events."""

from contextlib import AbstractContextManager
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

from sklearn import get_config
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..backends import Backend, backend, backend_of, is_array, namespace
from ..backends.numpy import namespace as host_namespace
from ..contract import Array
from . import lbfgs, stochastic
from .arrays import (
    as_columns,
    backend_for,
    checked,
    checked_rows,
    is_finite,
    is_foreign,
    mapped,
    own,
    scope_of,
    to_host,
)
from .network import Objective, as_params, objective_of

np = host_namespace()
STOCHASTIC = ("sgd", "adam")
FLOATS = (np.float64, np.float32)
ON_DEVICE = ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts", "classes_")


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
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "callbacks": [callable, list, tuple, None],
        "backend": [str, None],
        "device": [str],
    }

    def _keep(self, given: dict[str, Any]) -> None:
        """Every parameter of the constructor as an attribute, unchanged, as scikit-learn wants them."""
        for name in self._get_param_names():
            setattr(self, name, given[name])

    # ---- training

    def _fit(self, X: Any, y: Any, sample_weight: Any = None, *, held: Any = None, incremental: bool = False) -> Any:
        """Train; an estimator whose training fails is left as it was."""
        first = not hasattr(self, "coefs_") or (not self.warm_start and not incremental)
        before = {k: list(v) if isinstance(v, list) else v for k, v in vars(self).items()}
        if not first and hasattr(self, "_optimizer"):
            before["_optimizer"] = self._optimizer.copy()
        try:
            self._train(X, y, sample_weight, held, first=first, incremental=incremental)
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _train(self, X: Any, y: Any, sample_weight: Any, held: Any, *, first: bool, incremental: bool) -> None:
        sizes = self._hidden_sizes()
        if self.solver == "lbfgs" and (self.dropout or held is not None or self.callbacks):
            raise ValueError("dropout, X_val and callbacks need solver='adam' or solver='sgd'")
        if self.weight_decay and self.solver != "adam":
            raise ValueError("weight_decay needs solver='adam'")
        with self._place(X).scope():
            X, y = self._validate_input(self._moved(X), y, incremental, reset=first)
            if sample_weight is not None:
                host = to_host(sample_weight) if is_foreign(sample_weight) else sample_weight
                sample_weight = _check_sample_weight(host, to_host(X[:, :1]) if is_foreign(X) else X)
            sample_weight = self._weighted(to_host(y), sample_weight)
            if held is not None:
                X_val, y_val = self._validate_input(self._moved(held[0]), held[1], None, reset=False)
                held = X_val, as_columns(y_val)
            y = as_columns(y)
            self.n_outputs_ = int(y.shape[1])
            widths = [int(X.shape[1]), *sizes, self.n_outputs_]
            self._random_state = check_random_state(self.random_state)
            chosen = backend_for(X) if is_foreign(X) else None
            if first:
                self._initialize(widths, str(X.dtype).rpartition(".")[2], chosen)
            else:
                self._move_to(chosen or backend("numpy"))
            if self.solver in STOCHASTIC:
                stochastic.fit(self, X, y, sample_weight, held, incremental=incremental)
            else:
                lbfgs.fit(self, X, y, sample_weight)
            if not all(is_finite(p) for p in (*self.coefs_, *self.intercepts_)):
                raise ValueError(
                    "Solver produced non-finite parameter weights. The input data may contain large values and need to "
                    "be preprocessed."
                )

    def _weighted(self, y: Any, sample_weight: Any) -> Any:
        """The weights of the rows; a classifier multiplies them by those of the classes."""
        return sample_weight

    def hidden_activations(self, X: Any) -> Any:
        """What the last hidden layer gives for each row, (rows, units): features for another model."""
        with self._begin(X, "hidden_activations"):
            X = checked_rows(self, X, reset=False) if is_foreign(X) else self._checked(X)
            objective = self._objective(sparse=hasattr(X, "tocsr"))
            return objective.hidden(as_params(self.coefs_, self.intercepts_), X)

    def _place(self, X: Any) -> Backend:
        """Where X is computed with: its own library and device, or those of the parameters backend and device."""
        if self.backend is None:
            return backend_for(X) if is_foreign(X) else backend_of(np.zeros(1))
        name = f"{self.backend}:{self.device}" if self.device else self.backend
        kind = str(getattr(X, "dtype", "float64")).rpartition(".")[2]
        return backend(name, kind if kind in ("float32", "float64") else "float64")

    def _moved(self, X: Any) -> Any:
        """X where it is computed with; sparse matrices, lists and frames stay what they are until they are checked."""
        if self.backend is None:
            return X
        if hasattr(X, "tocsr"):
            raise ValueError(f"sparse X is computed with on the host: leave backend={self.backend!r} out")
        if self.backend == "numpy":
            return to_host(X)
        return self._place(X).as_floats(X if is_foreign(X) else check_array(X, dtype=FLOATS))

    def _move_to(self, chosen: Backend) -> None:
        """The weights and the optimizer's state on this backend; where they are there already, nothing is done."""
        now = self._backend()
        if (now.name, now.device) == (chosen.name, chosen.device):
            return

        def moved(x: Any) -> Any:
            return chosen.asarray(x) if is_array(x) else x

        for name in ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts"):
            if hasattr(self, name):
                setattr(self, name, mapped(moved, getattr(self, name)))
        if hasattr(self, "_optimizer"):
            self._optimizer.state = mapped(moved, self._optimizer.state)

    def _hidden_sizes(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if any(size <= 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        return [int(size) for size in sizes]

    def _initialize(self, widths: list[int], dtype: str, chosen: Backend | None) -> None:
        """Weights drawn as in Glorot & Bengio 2010, layer by layer, W then b, in float64 from the random state."""
        self.n_iter_, self.t_, self.n_layers_ = 0, 0, len(widths)
        self.out_activation_ = self._out_activation()
        self.coefs_: list[Any] = []
        self.intercepts_: list[Any] = []
        for fan_in, fan_out in pairwise(widths):
            bound = np.sqrt((2.0 if self.activation == "logistic" else 6.0) / (fan_in + fan_out))
            for kept, shape in ((self.coefs_, (fan_in, fan_out)), (self.intercepts_, fan_out)):
                drawn = self._random_state.uniform(-bound, bound, shape).astype(dtype, copy=False)
                kept.append(drawn if chosen is None else chosen.asarray(drawn))
        self._keep_best()
        if self.solver in STOCHASTIC:
            watched = bool(self.early_stopping)
            self.loss_curve_: list[float] = []
            self.validation_loss_curve_: list[float] = []
            self._no_improvement_count = 0
            self.validation_scores_: list[float] | None = [] if watched else None
            self.best_validation_score_ = -np.inf if watched else None
            self.best_loss_ = None if watched else np.inf

    def _keep_best(self) -> None:
        self._best_coefs = [own(p) for p in self.coefs_]
        self._best_intercepts = [own(p) for p in self.intercepts_]

    def _validate(self, X: Any, y: Any, reset: bool, **settings: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them, X in float64 or float32."""
        if is_foreign(X):
            return checked(self, X, y, reset)
        settings |= {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": FLOATS, "reset": reset}
        X, y = validate_data(self, X, y, **settings)
        return X, y

    def _objective(self, *, sparse: bool) -> Objective:
        widths = tuple(int(p.shape[1]) for p in self.coefs_)
        dropout = float(self.dropout)
        return objective_of(widths, self.activation, self.out_activation_, float(self.alpha), dropout, sparse)

    def _backend(self) -> Backend:
        """Where the weights are."""
        return backend_of(self.coefs_[0])

    def _targets(self, y: Any, dtype: Any) -> Array:
        """y (rows, outputs) as the loss takes it."""
        xp = namespace(y)
        if self.out_activation_ == "softmax":
            return xp.argmax(xp.astype(y, xp.int8), axis=1)
        return xp.astype(y, dtype, copy=False)

    # ---- prediction

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> Any:
        """Probabilities, or the values predicted, (rows, outputs)."""
        if check_input:
            if is_foreign(X):
                with backend_for(X).scope():
                    X = checked_rows(self, X, reset=False)
            else:
                X = self._checked(X)
        objective, params = self._objective(sparse=hasattr(X, "tocsr")), as_params(self.coefs_, self.intercepts_)
        if not is_foreign(X) and not is_foreign(self.coefs_[0]):
            return objective.predict(params, X)
        chosen, home = self._backend(), backend_for(X) if is_array(X) else None
        apart = home is not None and (home.name, home.device) != (chosen.name, chosen.device)
        with chosen.scope():
            y = objective.predict(params, chosen.floats(X) if apart else X)
        return home.asarray(y) if apart and home is not None else y

    def _checked(self, X: Any) -> Any:
        """X as scikit-learn checks it; the plainest of arrays without its ceremony, which costs more than one row."""
        plain = type(X) is np.ndarray and X.ndim == 2 and X.dtype in FLOATS and not hasattr(self, "feature_names_in_")
        if plain and X.shape[0] and X.shape[1] == self.n_features_in_ and np.isfinite(X.sum()):
            return X
        return validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)

    def _begin(self, X: Any, method: str) -> AbstractContextManager[Any]:
        """What a prediction needs: a fitted estimator and, where scikit-learn dispatches, X where it was fitted."""
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)
        if self.backend is None and get_config()["array_api_dispatch"] and is_array(X):
            home, fitted = backend_for(X), self._backend()
            if (home.name, home.device) != (fitted.name, fitted.device):
                raise ValueError(
                    f"Inputs passed to {type(self).__name__}.{method}() must use the same namespace and the same "
                    f"device as those passed to fit(): X is on {home}, the weights are on {fitted}. "
                    "Without array_api_dispatch, or with backend=, X may be on another."
                )
        return scope_of(X)

    def _score_with_function(self, X: Any, y: Any, sample_weight: Any, score_function: Any) -> float:
        """The score of checked data; NaN where the network gives what is not finite."""
        predicted = to_host(self._predict(X, check_input=False))
        if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
            return float("nan")
        return float(score_function(to_host(y), predicted, sample_weight=sample_weight))

    def __getstate__(self) -> Any:
        """The state with its arrays on the host, so that a model fitted on a GPU can be read where there is none."""
        state = dict(super().__getstate__())
        for name, value in state.items():
            if name in ON_DEVICE:
                state[name] = mapped(lambda x: to_host(x) if is_foreign(x) else x, value)
        return state

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
        tags.array_api_support = True
        return tags
