"""Prediction by a fitted estimator, on the arrays of any library."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import Backend, backend, backend_of, is_array, is_sparse, on_device, preferred
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Loss, Params
from ..errors import shown
from ..inputs import as_given, as_numbers
from ..layers import Dense
from ..layers.monotone import RISING
from ..names import Spelled
from .arrays import backend_for, checked_rows, is_foreign, mapped, scope_of, to_host
from .network import Blueprint, Objective, activation, as_lists, as_params, in_pieces, objective_of
from .private import CallbackSupportMixin, _check_monotonic_cst
from .quirks import fixed

np = host_namespace()
FLOATS = (np.float64, np.float32)
ON_DEVICE = (
    *("coefs_", "intercepts_", "layer_params_", "classes_"),
    *("_best_coefs", "_best_intercepts", "_best_layer_params", "_last"),
)


class Prediction(Spelled, CallbackSupportMixin, BaseEstimator):  # type: ignore[misc]
    """A network of weights on some device, and rows that may be elsewhere."""

    coefs_: list[Array]
    intercepts_: list[Array]
    layer_params_: Mapping[str, Array] = MappingProxyType({})  # of the layers that are not dense, by name

    # ---- the network

    @abstractmethod
    def _loss(self) -> Loss:
        """The loss of the library that the parameters mean."""

    def _trained_loss(self) -> Loss:
        """The loss that the network is trained with and predicts by."""
        return self._loss()

    def _out_layer(self) -> Any:
        """The layer after the last dense one, or None."""
        return None

    def _objective(self, *, widths: tuple[int, ...] | None = None) -> Objective:
        widths = widths or tuple(int(p.shape[1]) for p in self.coefs_)
        several = isinstance(self.activation, (list, tuple))
        if several and len(self.activation) != len(widths) - 1:
            raise ValueError(f"activation has {len(self.activation)} entries for {len(widths) - 1} hidden layers")
        plan = Blueprint(
            widths,
            tuple(self.activation) if several else (self.activation,) * (len(widths) - 1),
            self.norm,
            float(self.dropout),
            self._out_layer(),
            self._trained_loss(),
            float(self.alpha),
            self.fixes != () and fixed(self, "outputs"),
            self._signs(),
        )
        return objective_of(plan)

    def _signs(self) -> tuple[int, ...]:
        """The sign of each column of `monotonic_cst`, () where all are 0. Raises ValueError for what is none."""
        if self.monotonic_cst is None:
            return ()
        signs = tuple(map(int, _check_monotonic_cst(self, self.monotonic_cst)))
        return signs if any(signs) else ()

    def _check_plan(self, hidden: list[int]) -> None:
        """Raise ValueError where the parameters give no network."""
        given = self.activation if isinstance(self.activation, (list, tuple)) else [self.activation]
        if isinstance(self.activation, (list, tuple)) and len(given) != len(hidden):
            raise ValueError(f"activation has {len(given)} entries for {len(hidden)} hidden layers")
        loss = self._loss()
        if not hasattr(loss, "outputs"):
            raise ValueError(f"{type(loss).__name__}: a loss of one's own inherits nnx.Loss")
        schedule = None if isinstance(self.learning_rate, str) else self.learning_rate
        for part in (self.solver, schedule):
            self._check_hash(part)
        for name, part in (*(("activation", a) for a in given), ("out_activation", self._out_layer()), ("loss", loss)):
            layer = activation(part) if isinstance(part, str) else part
            if layer is not None and (isinstance(layer, type) or not hasattr(layer, "evaluate")):
                raise ValueError(
                    f"{name}: expected a layer such as nnx.GELU(), or a loss such as nnx.Huber(), got {shown(layer)}"
                )
            self._check_hash(layer)
            if isinstance(layer, Dense):
                raise ValueError("activation: Dense belongs in hidden_layer_sizes")
        if self._signs():
            self._check_monotone()

    def _check_monotone(self) -> None:
        """Raise ValueError where an output might not rise with what the dense layers give; the activations are checked
        by their layer."""
        if self.norm:
            raise ValueError(f"monotonic_cst: norm={self.norm!r} may turn the sign of a column; leave norm out")
        output = self._out_layer()
        if output is not None and type(output) not in RISING:
            raise ValueError(f"monotonic_cst needs an out_activation that rises everywhere, got {shown(output)}")

    @staticmethod
    def _check_hash(part: Any) -> None:
        """Raise ValueError for what cannot be told from another by its settings."""
        try:
            hash(part)
        except TypeError:
            raise ValueError(
                f"{type(part).__name__} cannot be hashed: make its class a frozen dataclass of plain settings"
            ) from None

    def _weights(self) -> Params:
        """All parameters by name."""
        return as_params(self.coefs_, self.intercepts_, self.layer_params_)

    def _take(self, params: Params) -> None:
        """Make these the parameters."""
        self.coefs_, self.intercepts_, self.layer_params_ = as_lists(params, len(self.coefs_))

    # ---- where it is, and where the rows are

    def _backend(self) -> Backend:
        """The backend of the weights."""
        return backend_of(self.coefs_[0])

    def _asked(self, X: Any) -> str:
        """The backend asked for: the parameter, or NNX_BACKEND for data of the host; "": where X is."""
        return self.backend or ("" if is_foreign(X) else preferred(""))

    def _place(self, X: Any) -> Backend:
        """The backend that X is computed on: its own library and device, or those that are asked for."""
        asked = self._asked(X)
        if not asked:
            return backend_for(X) if is_foreign(X) else backend_of(np.zeros(1))
        name = on_device(asked, self.device)
        kind = str(getattr(X, "dtype", "float64")).rpartition(".")[2]
        return backend(name, kind if kind in ("float32", "float64") else "float64")

    def _move_to(self, chosen: Backend) -> None:
        """The weights and the optimizer's state on this backend; where they are there already, nothing is done."""
        now = self._backend()
        if (now.name, now.device) == (chosen.name, chosen.device):
            return

        def moved(x: Any) -> Any:
            return chosen.asarray(x) if is_array(x) else x

        for name in ("coefs_", "intercepts_", "_best_coefs", "_best_intercepts", "_best_layer_params", "_last"):
            if hasattr(self, name):
                setattr(self, name, mapped(moved, getattr(self, name)))
        self.layer_params_ = mapped(moved, dict(self.layer_params_))
        if hasattr(self, "_optimizer"):
            self._optimizer.state = mapped(moved, self._optimizer.state)

    # ---- prediction

    def hidden_activations(self, X: Any) -> Any:
        """Give the output of the last hidden layer for each row: features for another model.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows, units)
            The outputs, in the library of X.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than the rows that were trained on, or numbers that are not finite.
        """
        with self._begin(X, "hidden_activations"):
            return self._compute(X, "hidden")

    def _forward_pass_fast(self, X: Any, check_input: bool = True) -> Any:
        """Probabilities, or the values predicted, (rows, outputs)."""
        return self._compute(X, "predict", check_input)

    def _compute(self, X: Any, what: str, check_input: bool = True, params: Params | None = None) -> Any:
        """The objective's method of this name applied to X, where X is. params: others than the estimator's own."""
        if check_input:
            if is_foreign(X):
                with backend_for(X).scope():
                    X = checked_rows(self, X, reset=False)
            else:
                X = self._checked(X)
        sparse, params = is_sparse(X), self._weights() if params is None else params
        function: Callable[[Params, Any], Array] = getattr(self._objective(), what)
        first = self.coefs_[0]
        if sparse and is_foreign(first):
            params, first = mapped(to_host, params), None
        elif any(type(p) is not type(first) for p in params.values()):  # some were set by hand
            params = {name: self._backend().floats(p) for name, p in params.items()}
        try:
            if not is_foreign(X) and not is_foreign(first):
                return in_pieces(function, params, X)
            chosen, home = self._backend(), backend_for(X) if is_array(X) else None
            apart = home is not None and (home.name, home.device) != (chosen.name, chosen.device)
            with chosen.scope():
                y = in_pieces(function, params, chosen.floats(X) if apart else X)
            return home.asarray(y) if apart and home is not None else y
        except KeyError as missing:
            raise ValueError(f"the parameters mean another network than the one fitted: it has no {missing}") from None

    def _checked(self, X: Any) -> Any:
        """X as scikit-learn checks it; the plainest of arrays without its ceremony, which costs more than one row."""
        plain = type(X) is np.ndarray and X.ndim == 2 and X.dtype in FLOATS and not hasattr(self, "feature_names_in_")
        if plain and X.shape[0] and X.shape[1] == self.n_features_in_ and np.isfinite(X.sum()):
            return X
        X = validate_data(self, as_given("X", X), accept_sparse=["csr", "csc"], reset=False)
        return X.astype(np.float64) if X.dtype == object else X

    def _begin(self, X: Any, method: str) -> AbstractContextManager[Any]:
        """The context to predict in. Raises unless fitted, and, where scikit-learn dispatches, if X is elsewhere."""
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

    def _given(self, name: str, y: Any) -> Any:
        """A target as it is given, of numbers. Raises ValueError for what is none."""
        return y if y is None or isinstance(y, str) else as_numbers(name, y)

    def _scored(self, y: Any) -> Any:
        """The target of a score as it is given. Raises ValueError for what cannot be compared with predictions."""
        return self._given("y", y)

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The score of checked data; NaN where the network gives what is not finite."""
        predicted = to_host(self._predict(X, check_input=False))
        if predicted.dtype.kind == "f" and not np.isfinite(predicted).all():
            return float("nan")
        return float(self._measure(to_host(y), predicted, sample_weight=sample_weight))

    # ---- what scikit-learn asks of an estimator

    def __getstate__(self) -> Any:
        """The state with its arrays on the host, so that a model fitted on a GPU can be read where there is none."""
        state = dict(super().__getstate__())
        for name, value in state.items():
            if name in ON_DEVICE:
                state[name] = mapped(lambda x: to_host(x) if is_foreign(x) else x, value)
        return state

    def _is_classifier(self) -> bool:
        return bool(is_classifier(self))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        return tags
