"""The base of MLPClassifier and MLPRegressor: scikit-learn's parameters, attributes and order of events."""

from numbers import Integral
from operator import call
from typing import Any, ClassVar, Self

from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import Backend, backend, is_sparse, namespace
from ..contract import Array
from ..errors import NNXError, shown
from ..inputs import as_given
from ..losses import Poisson
from ..training.memory import is_out_of_memory, too_little
from . import lbfgs, lm, quirks, ranks, solver, stochastic
from .arrays import as_columns, backend_for, checked, given_weight, is_finite, is_foreign, own, pair, to_host, usable
from .parameters import CONSTRAINTS, check, hidden_sizes
from .prediction import FLOATS, Prediction, np
from .private import _check_feature_names, _check_sample_weight, callback_management_context, fit_context
from .quirks import fixed
from .ranks import random_state_of
from .session import How, Prepared
from .weights import drawn, given


class BaseMLP(Prediction):
    """The parameters are scikit-learn's; see MLPClassifier."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    def _keep(self, given: dict[str, Any]) -> None:
        """Every parameter of the constructor as an attribute, unchanged, as scikit-learn wants them."""
        for name in self._get_param_names():
            setattr(self, name, given[name])

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        coefs_init: Any = None,
        intercepts_init: Any = None,
    ) -> Self:
        """Train on all rows, from newly drawn weights unless `warm_start` is set.

        A fit that fails leaves the estimator as it was. Ctrl-C ends the training with a warning and keeps what was
        learned.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            Numbers, in any array library. A sparse matrix is not made dense.
        y : array of shape (rows,) or (rows, outputs)
            The target of each row: labels for a classifier, numbers for a regressor.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0; only ratios matter.
        X_val : array of shape (rows, features), optional
            Rows to validate on, in place of a part of X: they fill `validation_loss_curve_`, and decide
            `early_stopping`. Given together with `y_val`. Not for "lbfgs" or "lm". A Pipeline hands them on as they
            are; with scikit-learn's metadata routing, `set_fit_request(X_val=True, y_val=True)` and
            `Pipeline(..., transform_input=["X_val"])` it transforms them as it does X.
        y_val : array of shape (rows,) or (rows, outputs), optional
            The targets of `X_val`.
        coefs_init : list of array, optional
            Weights to begin with, as in `coefs_`; None in the list for those to be drawn. Only for a fit that begins
            anew.
        intercepts_init : list of array, optional
            Biases to begin with, as in `intercepts_`; None in the list for those to be drawn.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, parameters do not go together, the data are not what is expected, or
            weights are no longer finite.
        BackendError
            If the library or device asked for cannot compute here.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` was reached and no schedule says that this is the end.
        """
        init = None if coefs_init is None and intercepts_init is None else (coefs_init, intercepts_init)
        return self._fit(X, y, sample_weight, held=pair(X_val, y_val), init=init)

    @fit_context(prefer_skip_nested_validation=True)
    def resume(
        self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None, y_val: Any = None, *, max_iter: Any = None
    ) -> Self:
        """Go on with ``fit`` on the same data for more epochs, as if it had not ended.

        ``fit`` with `max_iter=5` and `resume` of 5 give the same bits as ``fit`` with `max_iter=10`. The random numbers
        are drawn again from where ``fit`` began. A schedule that spans the training spans then the longer one, so it is
        not what it would have been from the start.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows that ``fit`` had.
        y : array of shape (rows,) or (rows, outputs)
            Their targets.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.
        X_val : array of shape (rows, features), optional
            Rows to validate on, as in ``fit``.
        y_val : array of shape (rows,) or (rows, outputs), optional
            The targets of `X_val`.
        max_iter : int, optional
            Epochs to add, at least 1. None is the parameter `max_iter`.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If the solver is "lbfgs" or "lm", the number of rows is another than that of ``fit``, the network, the
            solver or `frozen` is not what it was, or the last training was by `partial_fit`.
        NotFittedError
            If ``fit`` was not called.
        """
        epochs = self.max_iter if max_iter is None else max_iter
        if self.solver in solver.WHOLE:
            raise ValueError(f"resume needs another solver than {self.solver!r}; with it, use warm_start=True")
        if not isinstance(epochs, Integral) or epochs < 1:
            raise ValueError(f"resume: max_iter must be a number of epochs, got {shown(epochs)}")
        check_is_fitted(self)
        return self._fit(X, y, sample_weight, held=pair(X_val, y_val), kind="resume", epochs=epochs)

    @fit_context(prefer_skip_nested_validation=True)
    def initialize(self, X: Any, y: Any) -> Self:
        """Draw the weights that ``fit`` would begin with, without training.

        `coefs_` and `intercepts_` may then be set, to predict with weights from elsewhere, or to go on by
        `partial_fit`, or by ``fit`` with `warm_start=True`.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            Rows of the data, for the number and names of the columns and the type of the weights.
        y : array of shape (rows,) or (rows, outputs)
            Their targets, for the classes or the number of outputs.

        Returns
        -------
        MLPClassifier or MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or the data are not what is expected.
        """
        return self._fit(X, y, kind="initialize", epochs=0)

    def _fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, held: Any = None, init: Any = None, **how: Any
    ) -> Self:
        """Train; an estimator whose training fails is left as it was. how: see How."""
        asked = How(**{"epochs": self.max_iter} | how)
        with callback_management_context(self):
            parts = None if self.solver in solver.WHOLE else asked.epochs
            context = self._init_callback_context(max_subtasks=parts) if asked.kind == "fit" else None
            before = self._snapshot(asked)
            try:
                prepared = self._prepare(X, y, sample_weight, held, init, asked)
                if asked.epochs:
                    self._train(prepared, asked, context)
            except Exception as error:
                self._restore(before)
                if is_out_of_memory(error) and not isinstance(error, NNXError):
                    raise too_little(self._place(X)) from None
                raise
        return self

    def _snapshot(self, how: How) -> dict[str, Any]:
        """The estimator's state before a training, for `_restore` if that fails."""
        before = {k: list(v) if isinstance(v, list) else v for k, v in vars(self).items()}
        if hasattr(self, "_optimizer") and (self.warm_start or not how.anew):
            before["_optimizer"] = self._optimizer.copy()
        return before

    def _restore(self, before: dict[str, Any]) -> None:
        self.__dict__.clear()
        self.__dict__.update(before)

    def _prepare(self, X: Any, y: Any, weight: Any, held: Any, init: Any, how: How, once: Any = call) -> Prepared:
        """All that comes before the training: parameters and data checked, data moved, weights to begin with.

        held: X and y to validate on, or None. init: coefs_init and intercepts_init, or None.
        once: calls the check of the data, or knows what it gives.
        """
        first = not hasattr(self, "coefs_") or (not self.warm_start and how.anew)
        if init is not None and not first:
            raise ValueError("coefs_init and intercepts_init are for a fit that begins anew, without warm_start")
        sizes = self._hidden_sizes()
        self._check(sizes, held)
        X, y, sample_weight = as_given("X", X), self._given("y", y), given_weight(weight)
        held = None if held is None else (as_given("X_val", held[0]), self._given("y_val", held[1]))
        if (place := self._place(X)).why and self.verbose:
            print(place.why)
        with place.scope():
            X, y, sample_weight, held = once(lambda: self._validated(X, y, sample_weight, held, how, reset=first))
            if first:
                self.out_activation_ = self._out_activation()
            self._check_plan(sizes)
            self._look_at_target(y, sample_weight, str(X.dtype).rpartition(".")[2], first=first)
            widths = (*sizes, self._loss().outputs(int(y.shape[1])))
            self._check_network(widths, how, first=first)
            if how.anew or not (fixed(self, "stream") and hasattr(self, "_random_state")):
                self._random_state = random_state_of(self)
            chosen = backend_for(X) if is_foreign(X) else None
            if first:
                self._initialize(int(X.shape[1]), widths, str(X.dtype).rpartition(".")[2], chosen, init)
            else:
                self._move_to(chosen or backend("numpy"))
        return Prepared(X, y, sample_weight, held, place)

    def _validated(
        self, X: Any, y: Any, sample_weight: Any, held: Any, how: How, reset: bool
    ) -> tuple[Any, Any, Any, Any]:
        """The data, checked, and where it is computed with."""
        if self._asked(X) and not is_foreign(X):
            _check_feature_names(self, X, reset=reset)  # before X loses them
        X, y = self._validate_input(self._moved(X), y, how.kind, reset=reset)
        if sample_weight is not None:
            host = to_host(sample_weight) if is_foreign(sample_weight) else sample_weight
            sample_weight = _check_sample_weight(host, to_host(X[:, :1]) if is_foreign(X) else X)
        sample_weight = usable(self._weighted(y, sample_weight), some=how.kind != "partial_fit")
        if held is not None:
            X_val = self._moved(held[0])
            if is_foreign(X) and not is_foreign(X_val):
                X_val = backend_for(X).as_floats(check_array(X_val, dtype=FLOATS))
            X_val, y_val = self._validate_input(X_val, held[1], "held", reset=False)
            held = X_val, as_columns(y_val)
        return X, as_columns(y), sample_weight, held

    def _check_network(self, widths: tuple[int, ...], how: How, *, first: bool) -> None:
        """Raise ValueError where the solver cannot train the network, or it is not the one to go on with."""
        net = self._objective(widths=widths).net
        if self.solver in solver.WHOLE and net.running:
            raise ValueError(f"batch normalisation needs another solver than {self.solver!r}, which has no batches")
        if first:
            return
        if len(widths) == len(self.coefs_) and {*net.names, *net.running} != set(self._weights()):
            raise ValueError("activation and norm must be what they were to go on with a fitted network")
        strict = how.kind == "resume" or (how.anew and fixed(self, "warm_start"))
        if strict and widths != (had := tuple(int(p.shape[1]) for p in self.coefs_)):
            raise ValueError(f"to go on, the network must have layers {had} as before, not {widths}")

    def _train(self, prepared: Prepared, how: How, context: Any) -> None:
        """Train on what has been prepared."""
        X, y, sample_weight, held, place = prepared
        with place.scope():
            if self.solver in solver.WHOLE:
                whole = lbfgs if self.solver == "lbfgs" else lm
                whole.fit(self, X, y, sample_weight, context)
            else:
                stochastic.fit(self, X, y, sample_weight, held, how, context)
            self._check_trained()

    def _check_trained(self) -> None:
        """Raise ValueError if a weight is not finite, or the loss, but where the best weights are kept."""
        counts = isinstance(self._loss(), Poisson) and not fixed(self, "counts")  # its deviance below 0 is no number
        best = self.early_stopping and self.solver not in solver.WHOLE
        fine = best or counts or np.isfinite(getattr(self, "loss_", 0.0))
        if not (fine and all(map(is_finite, self._weights().values()))):
            text = "The input data may contain large values and need to be preprocessed."
            raise ValueError(f"Solver produced non-finite parameter weights. {text}")

    def _check(self, sizes: list[int], held: Any) -> None:
        """Raise ValueError where parameters do not go together."""
        check(self)
        quirks.check(self)
        solver.check(self)
        if self.solver == "lm":
            lm.check(self)
        ranks.check(self)
        called = self.callbacks if isinstance(self.callbacks, (list, tuple)) else [self.callbacks or print]
        if not all(callable(function) for function in called):
            raise ValueError(f"callbacks: expected functions of the estimator, got {shown(self.callbacks)}")
        batches = self.dropout or held is not None or self.norm == "batch" or self.verbose == "bar"
        if self.solver in solver.WHOLE and batches:
            raise ValueError(f"dropout, norm='batch', X_val and verbose='bar' need another solver than {self.solver!r}")
        if self.scoring is not None and not self.early_stopping:
            raise ValueError(f"scoring={self.scoring!r} needs early_stopping=True")
        for i in self.frozen:
            if not isinstance(i, Integral) or isinstance(i, bool) or i not in range(len(sizes) + 1):
                raise ValueError(f"frozen: expected numbers of layers from 0 to {len(sizes)}, got {shown(i)}")
        if len(set(self.frozen)) == len(sizes) + 1:
            raise ValueError("frozen: at least one layer must be left to train")

    def _look_at_target(self, y: Any, sample_weight: Any, dtype: str, *, first: bool) -> None:
        """Learn of y (rows, outputs) what the loss needs to know; a classifier needs nothing."""

    def _weighted(self, y: Any, sample_weight: Any) -> Any:
        """The weights of the rows; a classifier multiplies them by those of the classes."""
        return sample_weight

    def _moved(self, X: Any) -> Any:
        """X where it is computed with; sparse matrices, lists and frames stay what they are until they are checked."""
        asked = self._asked(X)
        if not asked:
            return X
        place = self._place(X)
        if place.is_host:
            return to_host(X)
        if is_sparse(X):
            raise ValueError(
                f"sparse X is computed with on the host: leave backend={asked!r} out"
                if self.backend
                else f"sparse X is computed with on the host, not on NNX_BACKEND={asked}: give backend='numpy'"
            )
        return place.as_floats(X if is_foreign(X) else check_array(X, dtype=FLOATS))

    def _hidden_sizes(self) -> list[int]:
        return hidden_sizes(self.hidden_layer_sizes)

    def _initialize(
        self, features: int, widths: tuple[int, ...], dtype: str, chosen: Backend | None, init: Any
    ) -> None:
        """The weights that a fit begins with, as its best so far, and curves without a point."""
        self.n_iter_, self.t_, self.n_layers_, self.n_outputs_ = 0, 0, len(widths) + 1, widths[-1]
        objective = self._objective(widths=widths)
        between = (*objective.plan.between, *objective.plan.between[-1:]) or (self.activation,)
        params = drawn(objective.net.layers, between, features, self._random_state)
        if init is not None:
            params |= given(params, init, len(widths))
        self.coefs_ = self.intercepts_ = [None] * len(widths)
        params = {name: p.astype(dtype, copy=False) for name, p in params.items()}
        self._take(params if chosen is None else {name: chosen.asarray(p) for name, p in params.items()})
        self._keep_best()
        if self.solver not in solver.WHOLE:
            self._begin_curves()

    def _begin_curves(self) -> None:
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
        self._best_layer_params = {name: own(p) for name, p in self.layer_params_.items()}

    def _validate(self, X: Any, y: Any, reset: bool, **settings: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn checks them, X in float64 or float32."""
        if is_foreign(X):
            return checked(self, X, y, reset)
        y = to_host(y)
        settings |= {"accept_sparse": ["csr", "csc"], "multi_output": True, "dtype": FLOATS, "reset": reset}
        X, y = validate_data(self, X, y, **settings)
        return X, y

    def _labels(self, y: Any) -> Any:
        """y as `predict` gives it, from y (rows, outputs)."""
        return y

    def _targets(self, y: Any, dtype: Any) -> Array:
        """y (rows, outputs) as the loss takes it."""
        return namespace(y).astype(y, dtype, copy=False)

    def _loss_grad_lbfgs(self, packed: Any, X: Any, y: Any, sample_weight: Any, *unused: Any) -> tuple[float, Any]:
        """The loss and its gradient at packed parameters; scikit-learn's tests call it by this name."""
        return lbfgs.Packed(self, X, y, sample_weight).evaluate(packed)

    def _check_solver(self) -> bool:
        if self.solver in solver.WHOLE:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True
