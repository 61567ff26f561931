"""MLPClassifier."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call, type_of_target, unique_labels

from ..backends import namespace
from .arrays import Labels, backend_for, beside, is_foreign, is_number, to_host, together
from .base import BaseMLP, np
from .convert import Added


class MLPClassifier(Added, ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """Multi-layer perceptron for classes, with scikit-learn's parameters and numbers.

    X (rows, features); y (rows,) of labels of any kind, or (rows, labels) of 0 and 1 for several labels at once.
    See sklearn.neural_network.MLPClassifier for the parameters, attributes and messages, which are the same.
    Beside them: class_weight ("balanced", or a dict), dropout, weight_decay (decoupled, with Adam), callbacks
    (functions of the estimator after each epoch; one that returns True ends the training), backend and device (where
    to compute).

    >>> import numpy as np
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> model = nnx.MLPClassifier((8,), max_iter=500, random_state=0).fit(x, x[:, 0] > 0)
    >>> model.predict([[0.9], [-0.9]])
    array([ True, False])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseMLP._parameter_constraints,
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
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
        class_weight: Any = None,
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

    @available_if(lambda est: est._check_solver())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one epoch. classes: all that there will be, in the first call."""
        if _check_partial_fit_first_call(self, classes):
            foreign = is_foreign(y)
            multilabel = y.ndim == 2 if foreign else type_of_target(y).startswith("multilabel")
            self._label_binarizer = Labels() if foreign else LabelBinarizer()
            self._label_binarizer.fit(y if multilabel else backend_for(y).asarray(classes) if foreign else classes)
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Any:
        """The class of each row, or the labels (rows, labels)."""
        with self._begin(X, "predict"):
            return self._predict(X)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (rows, classes)."""
        with self._begin(X, "predict_proba"):
            p = self._forward_pass_fast(X)
            return namespace(p).concat([1 - p, p], axis=1) if self.n_outputs_ == 1 else p

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of `predict_proba`."""
        with self._begin(X, "predict_log_proba"):
            p = self.predict_proba(X)
            return namespace(p).log(p)

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        p = self._forward_pass_fast(X, check_input=check_input)
        p = p[:, 0] if self.n_outputs_ == 1 else p
        if isinstance(self._label_binarizer, Labels):
            return self._label_binarizer.inverse_transform(p)
        return beside(self._label_binarizer.inverse_transform(to_host(p)), X if is_number(self.classes_) else None)

    def _score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        return self._score_with_function(X, y, sample_weight, accuracy_score)

    _measure = staticmethod(accuracy_score)

    def _weighted(self, y: Any, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        one = isinstance(self._label_binarizer, Labels) and y.shape[1] == 1
        labels = to_host(self._label_binarizer.inverse_transform(y[:, 0] * 1.0 if one else y))
        found = compute_sample_weight(self.class_weight, labels)
        return found if sample_weight is None else found * sample_weight

    def _out_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _validate_input(self, X: Any, y: Any, incremental: bool | None, reset: bool) -> tuple[Any, Any]:
        X, y = self._validate(X, y, reset)
        if is_foreign(y):
            return X, self._columns(y, incremental)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and incremental is False):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            classes = unique_labels(y)
            if self.warm_start and incremental is not None:  # None: rows to validate on, which may lack a class
                if set(classes) != set(self.classes_):
                    raise ValueError(
                        "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                        f"Previously got {self.classes_}, `y` has {classes}"
                    )
            elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        return X, self._label_binarizer.transform(y).astype(bool)

    def _columns(self, y: Any, incremental: bool | None) -> Any:
        """Labels on another library's device as columns of yes and no."""
        if not hasattr(self, "classes_") or (not self.warm_start and incremental is False):
            self._label_binarizer = Labels().fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif y.ndim == 1:
            xp, known = namespace(y), backend_for(y).asarray(self.classes_)
            self._label_binarizer.classes_ = known
            if not bool(xp.all(xp.any(y[:, None] == known[None, :], axis=1))):
                raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}.")
        return self._label_binarizer.transform(y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
