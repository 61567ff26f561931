"""MLPClassifier."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from ..backends import is_array, namespace
from ..backends.arrays import library_name
from ..backends.numpy import namespace as host_namespace
from ..contract import Loss
from ..inputs import as_labels
from ..layers.activation import softplus
from ..losses import LOSSES, BinaryCrossEntropy, SoftmaxCrossEntropy
from .arrays import as_columns, backend_for, beside, checked_rows, is_foreign, to_host, usable
from .base import BaseMLP
from .convert import Added
from .labels import (
    SEVERAL,
    SOFTMAX,
    Labels,
    SeveralLabels,
    SeveralSoftmax,
    check_class_weight,
    check_known,
    comparable,
    labels_of,
    likeliest,
    log_softmax,
    suited,
    summing_to_one,
)
from .parameters import CONSTRAINTS, LAYER
from .private import StrOptions, _check_partial_fit_first_call, _fit_context
from .quirks import fixed

np, BINARY = host_namespace(), BinaryCrossEntropy()
BALANCED_PART = "class_weight 'balanced' is not supported for partial_fit: give a dict, as of compute_class_weight"


class MLPClassifier(Added, ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """Multi-layer perceptron for classes, with scikit-learn's parameters and numbers.

    X (rows, features); y (rows,) of labels of any kind, or (rows, labels) of 0 and 1 for several labels at once.
    See sklearn.neural_network.MLPClassifier for the parameters, attributes and messages, which are the same.
    y may also be (rows, targets) of several classes each; then classes_ and predict_proba are lists, as in forests.

    The parameters may hold more than scikit-learn's: activation any name or layer of the library, or a list of them,
    one for each hidden layer; solver any name of an optimizer, or an optimizer; learning_rate a schedule;
    verbose="bar". Beside them:
    loss: a loss of the library for the outputs, such as nnx.SoftmaxCrossEntropy(label_smoothing=0.1).
    class_weight: "balanced", or a dict.
    dropout: the share of each hidden layer's outputs that is dropped in training.
    norm: "layer" or "batch", before each activation.
    weight_decay: decoupled, for "adam", "adamw" and "lion"; None: what the optimizer has by itself.
    frozen: numbers of dense layers from 0 that keep their weights.
    scoring: what early_stopping watches: the name of a scorer, a function of estimator, X and y, or "loss".
    callbacks: functions of the estimator after each epoch; one that returns True ends the training.
    fixes: quirks of scikit-learn to be without, by name, or "all": nnx.estimators.FIXES.
    backend, device: where to compute; "cupy,numpy" is the first that works. None: where X is, or for data of the host
        NNX_BACKEND.
    micro_batches: each batch is computed in so many parts, whose gradients add up: less memory.
    ranks: nnx.ranks(), in a program that mpiexec has started several times: each process computes some of the parts.

    >>> import numpy as np
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> model = nnx.MLPClassifier((8,), max_iter=500, random_state=0).fit(x, x[:, 0] > 0)
    >>> model.predict([[0.9], [-0.9]])
    array([ True, False])
    """

    _label_binarizer: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"log_loss"}), LAYER],
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
        loss: Any = "log_loss",
        class_weight: Any = None,
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

    @available_if(lambda est: est._check_solver())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train for one epoch. classes: all that there will be, in the first call; for several targets, a list."""
        if isinstance(self.class_weight, str):
            raise ValueError(BALANCED_PART)
        y = self._given("y", y)
        classes = list(classes) if getattr(classes, "ndim", 1) == 2 else classes
        lists = (list, tuple)
        several = isinstance(classes, lists) and all(isinstance(c, lists) or is_array(c) for c in classes)
        if several and not hasattr(self, "classes_"):
            self._label_binarizer = SeveralLabels()
            self.classes_ = self._label_binarizer.classes_ = [np.unique(to_host(c)) for c in classes]
        elif not several and _check_partial_fit_first_call(self, self._given("classes", classes)):
            foreign = is_foreign(y)
            multilabel = y.ndim == 2 if foreign else type_of_target(y).startswith("multilabel")
            self._label_binarizer = labels_of(y)
            if isinstance(self._label_binarizer, SeveralLabels):
                raise ValueError("classes: expected a list of the classes of each target, for y of several")
            self._label_binarizer.fit(y if multilabel else backend_for(y).asarray(classes) if foreign else classes)
        return self._fit(X, y, sample_weight, kind="partial_fit", epochs=1)

    def predict(self, X: Any) -> Any:
        """The class of each row, or the labels (rows, labels)."""
        with self._begin(X, "predict"):
            return self._predict(X)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, (rows, classes); for several targets, a list of them."""
        with self._begin(X, "predict_proba"):
            return self._as_probabilities(self._forward_pass_fast(X))

    def _as_probabilities(self, p: Any) -> Any:
        """The probability of each class, (rows, classes) or a list of them, from the outputs (rows, outputs)."""
        if isinstance(self._label_binarizer, SeveralLabels):
            return [self._adjusted(part) for part in self._label_binarizer.parts(p)]
        return self._adjusted(namespace(p).concat([1 - p, p], axis=1) if self.n_outputs_ == 1 else p)

    def predict_log_proba(self, X: Any) -> Any:
        """The logarithm of `predict_proba`."""
        with self._begin(X, "predict_log_proba"):
            if fixed(self, "log_proba") and (isinstance(self.loss, str) or type(self.loss) in LOSSES.values()):
                return self._log_proba(self._compute(X, "output"))
            p = self.predict_proba(X)
            return [namespace(part).log(part) for part in p] if isinstance(p, list) else namespace(p).log(p)

    def _log_proba(self, z: Any) -> Any:
        """The logarithms of the probabilities from the network's outputs, finite where a probability is 0."""
        if isinstance(self._label_binarizer, SeveralLabels):
            return [log_softmax(part) for part in self._label_binarizer.parts(z)]
        if fixed(self, "one_class") and len(self.classes_) == 1:
            return namespace(z).zeros_like(z)
        if self.n_outputs_ == 1:
            return -namespace(z).concat([softplus(z), softplus(-z)], axis=1)
        return log_softmax(z) if self.out_activation_ == "softmax" else -softplus(-z)

    def _adjusted(self, p: Any) -> Any:
        """Probabilities (rows, classes) without the quirks that `fixes` names."""
        if fixed(self, "one_class") and self._label_binarizer.y_type_ == "binary" and len(self.classes_) == 1:
            return namespace(p).ones_like(p[:, :1])
        several = self.out_activation_ == "softmax" or self.n_outputs_ == 1
        return summing_to_one(p) if several and fixed(self, "sum_to_one") else p

    def _predict(self, X: Any, check_input: bool = True) -> Any:
        return self._as_labels(self._forward_pass_fast(X, check_input=check_input), X)

    def _as_labels(self, p: Any, X: Any) -> Any:
        """The class of each row, or the labels (rows, labels), beside X, from the outputs (rows, outputs)."""
        return likeliest(self._label_binarizer, self.classes_, p[:, 0] if self.n_outputs_ == 1 else p, X)

    def _measure(self, y: Any, predicted: Any, sample_weight: Any = None) -> float:
        """The accuracy; of several targets, the share of rows with all of them right."""
        if isinstance(self._label_binarizer, SeveralLabels):
            if np.ndim(y) != 2:
                raise ValueError(f"score: expected y (rows, {predicted.shape[1]} targets), got shape {np.shape(y)}")
            return float(np.average((np.asarray(y) == predicted).all(axis=1), weights=sample_weight))
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def _scores_itself(self) -> bool:
        return isinstance(self._label_binarizer, SeveralLabels)

    def _given(self, name: str, y: Any) -> Any:
        y = as_labels(name, y)
        return to_host(y) if str(getattr(y, "dtype", "")).endswith("uint64") else y

    def _scored(self, y: Any) -> Any:
        return comparable(self._given("y", y), getattr(self, "classes_", None))

    def _labels(self, y: Any) -> Any:
        if isinstance(self._label_binarizer, SeveralLabels):
            return self._label_binarizer.restored(y)
        if not isinstance(self._label_binarizer, Labels):
            return self._label_binarizer.inverse_transform(to_host(y))
        yes = namespace(y).astype(y, namespace(y).float32) if is_foreign(y) else y
        return self._label_binarizer.inverse_transform(yes[:, 0] if is_foreign(y) and y.shape[1] == 1 else yes)

    def _weighted(self, y: Any, sample_weight: Any) -> Any:
        if self.class_weight is None:
            return sample_weight
        check_class_weight(self.class_weight, self.classes_)
        found = compute_sample_weight(self.class_weight, to_host(self._labels(as_columns(y))))
        return found if sample_weight is None else usable(found, some=False) * usable(sample_weight, some=False)

    def _out_activation(self) -> str:
        return "logistic" if self._label_binarizer.y_type_ in ("binary", "multilabel-indicator") else "softmax"

    def _loss(self) -> Loss:
        if not isinstance(self.loss, str):
            return self.loss  # type: ignore[no-any-return]
        if isinstance(self._label_binarizer, SeveralLabels):
            return SeveralSoftmax(tuple(int(c.shape[0]) for c in self._label_binarizer.classes_))
        return SOFTMAX if self.out_activation_ == "softmax" else BINARY

    def _check_plan(self, hidden: list[int]) -> None:
        if not isinstance(self.loss, str):
            self._check_loss()
        super()._check_plan(hidden)

    def _check_loss(self) -> None:
        """Raise ValueError for a loss of the library that is not for such labels."""
        kind = SEVERAL if isinstance(self._label_binarizer, SeveralLabels) else self.out_activation_
        fitting = {"softmax": SoftmaxCrossEntropy, "logistic": BinaryCrossEntropy}.get(kind)
        if fitting is None or (type(self.loss) in LOSSES.values() and type(self.loss) is not fitting):
            wanted = f"nnx.{fitting.__name__}" if fitting else "'log_loss'"
            found = self._label_binarizer.y_type_
            raise ValueError(f"loss: labels of the kind {found!r} need {wanted}, got {self.loss}")

    def _targets(self, y: Any, dtype: Any) -> Any:
        if self.out_activation_ == "softmax" and not isinstance(self._label_binarizer, SeveralLabels):
            return namespace(y).argmax(namespace(y).astype(y, namespace(y).int8), axis=1)
        return y if isinstance(self._label_binarizer, SeveralLabels) else super()._targets(y, dtype)

    def _validate_input(self, X: Any, y: Any, kind: str, reset: bool) -> tuple[Any, Any]:
        """X and y (rows, outputs) as yes and no, or as numbers of classes; kind: the method that asks, or "held"."""
        X, y = self._checked_pair(X, y, reset)
        if not is_foreign(y) and y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and kind in ("fit", "initialize")):
            self._label_binarizer = labels_of(y).fit(y)
            self.classes_ = self._label_binarizer.classes_
        elif is_foreign(y) or isinstance(self._label_binarizer, SeveralLabels):
            self._label_binarizer = suited(self._label_binarizer, y)
            check_known(self._label_binarizer, y, self.classes_)
        else:
            self._label_binarizer = suited(self._label_binarizer, y)
            self.classes_ = to_host(self.classes_)
            classes = unique_labels(y)
            if self.warm_start and kind not in ("held", "resume"):  # those may lack a class
                if set(classes) != set(self.classes_):
                    raise ValueError(
                        "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                        f"Previously got {self.classes_}, `y` has {classes}"
                    )
            elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
                raise ValueError(
                    f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. 'y' has {classes}."
                )
        y = self._label_binarizer.transform(y)
        y = y if is_foreign(y) or isinstance(self._label_binarizer, SeveralLabels) else y.astype(bool)
        return X, beside(y, X) if is_foreign(X) else y

    def _checked_pair(self, X: Any, y: Any, reset: bool) -> tuple[Any, Any]:
        """X and y as they are to be; labels of the host stay there, wherever X is, for no library has types for all."""
        y = y if library_name(y) == library_name(X) else to_host(y)
        if not is_foreign(X) or is_foreign(y):
            return self._validate(X, y, reset)
        X, given = checked_rows(self, X, reset), np.asarray(y)
        check_consistent_length(np.empty((X.shape[0], 0)), given)
        return X, given

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
