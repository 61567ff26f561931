"""MLPClassifier."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels

from ..backends import is_array, namespace
from ..backends.arrays import library_name
from ..backends.numpy import namespace as host_namespace
from ..contract import Layer, Loss, Optimizer, Schedule
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
from .parameters import CONSTRAINTS, LAYER, where
from .private import StrOptions, _check_partial_fit_first_call, fit_context
from .quirks import fixed

np, BINARY = host_namespace(), BinaryCrossEntropy()
BALANCED_PART = "class_weight 'balanced' is not supported for partial_fit: give a dict, as of compute_class_weight"


class MLPClassifier(Added, ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """Multi-layer perceptron for classes, with scikit-learn's parameters and numbers.

    Parameters, attributes, messages and, with the same `random_state`, the numbers are those of
    `sklearn.neural_network.MLPClassifier`: change the import and nothing else. What it does beyond that is off by
    default: losses, activations, optimizers and schedules of the library, class weights, dropout, normalisation, frozen
    layers, scorers, callbacks, micro-batches. Arrays of PyTorch, JAX and CuPy are computed with on their own device,
    and what comes back is of their library.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default (100,)
        Units of each hidden layer, from the input to the output: `(64, 32)` is two layers. `()` is none: a linear
        model.
    activation : str, Layer or list of these, default "relu"
        What follows each hidden layer. scikit-learn's "relu", "tanh", "logistic" and "identity", or another name of the
        library: "elu", "gelu", "gelu_tanh", "leaky_relu", "mish", "selu", "sigmoid", "silu", "softplus"; a layer such
        as `nnx.GELU()`, or one of your own; a list has one for each hidden layer.
    solver : str or Optimizer, default "adam"
        The optimizer: "adam", "sgd" (with `momentum`), "lbfgs", "adamw", "lion", "rmsprop", "adagrad", "momentum",
        "nesterov". "lbfgs" looks at all rows in each step and suits small tables; it knows no batches, dropout or
        epochs. By name the rate is `learning_rate_init`, and `momentum`, `beta_1`, `beta_2` and `epsilon` are taken
        where the rule has them ("lion" keeps betas of its own). `nnx.RMSProp(1e-3)` has its rate and schedule itself.
    alpha : float, default 0.0001
        Strength of the penalty on large weights, at least 0: alpha / 2 times the sum of the squared weights (not the
        biases), divided by the rows of the batch as in scikit-learn, so that its strength depends on `batch_size`.
        `weight_decay` does not.
    batch_size : int or "auto", default "auto"
        Rows in a batch, at least 1. "auto" is 200, or all rows where there are fewer.
    learning_rate : {"constant", "invscaling", "adaptive"} or Schedule, default "constant"
        How the rate changes. The names are for `solver="sgd"`, as in scikit-learn, or for every solver with
        `fixes="schedules"`: "invscaling" is learning_rate_init / (rows seen + 1)^power_t after each epoch; "adaptive"
        divides the rate by 5 where training would end for want of improvement, and ends at a rate of 1e-6. A schedule
        such as `nnx.Cosine(warmup=100)` is a factor on `learning_rate_init` for every solver by name but "lbfgs"; it
        spans `max_iter` epochs, so reaching these is no warning then.
    learning_rate_init : float, default 0.001
        The rate that training begins with, above 0. Not for "lbfgs".
    power_t : float, default 0.5
        The exponent of "invscaling", at least 0.
    max_iter : int, default 200
        Epochs at most; with "lbfgs" iterations.
    shuffle : bool, default True
        Put the rows in another order before each epoch.
    random_state : int, RandomState or None, default None
        Decides the first weights, the order of the rows, the rows held out and dropout. An integer gives the same
        numbers each time, and those of scikit-learn; None gives others each time.
    tol : float, default 0.0001
        What counts as an improvement, at least 0: the training loss must fall, or with `early_stopping` the score must
        rise, by so much. With "lbfgs" the largest entry of the gradient at which it ends.
    verbose : bool, int or "bar", default False
        Print a line after each epoch; "bar" shows a progress bar instead.
    warm_start : bool, default False
        Let ``fit`` go on from the weights of the last ``fit``. The optimizer begins anew, unless `fixes` has
        "warm_start".
    momentum : float, default 0.9
        Share of the last step that is kept, from 0 to 1. For "sgd", "momentum" and "nesterov".
    nesterovs_momentum : bool, default True
        Whether the momentum of "sgd" is Nesterov's.
    early_stopping : bool, default False
        Hold out rows, stop when the score on them no longer improves, and keep the weights of the best epoch. Not for
        "lbfgs", which takes no notice.
    validation_fraction : float, default 0.1
        Share of the rows that `early_stopping` holds out, from 0 to below 1. Of two classes each gives its part.
    beta_1 : float, default 0.9
        Decay of Adam's mean of gradients, from 0 to below 1. For "adam" and "adamw".
    beta_2 : float, default 0.999
        Decay of Adam's mean of squared gradients, from 0 to below 1. For "adam" and "adamw".
    epsilon : float, default 1e-08
        What is added to the denominator, above 0. For "adam", "adamw", "rmsprop" and "adagrad".
    n_iter_no_change : int or inf, default 10
        Epochs without an improvement by `tol` after which training ends: after one epoch more, as in scikit-learn,
        unless `fixes` has "patience". `np.inf` never ends it.
    max_fun : int, default 15000
        Evaluations of the loss at most. For "lbfgs".
    loss : "log_loss" or Loss, default "log_loss"
        What training makes small. `nnx.SoftmaxCrossEntropy(label_smoothing=0.1)` is for three classes or more,
        `nnx.BinaryCrossEntropy()` for two or for several labels; or a loss of your own.
    class_weight : "balanced", dict, list of dict or None, default None
        What the rows of each class count for: "balanced" lets all classes count alike; {label: weight}, 1 for those
        left out; for several targets a list of dicts. It is multiplied by `sample_weight`. "balanced" is not for
        `partial_fit`.
    dropout : float, default 0.0
        Share of each hidden layer's outputs that is dropped in training, from 0 to below 1. Not for "lbfgs".
    norm : {"layer", "batch"} or None, default None
        Normalisation before each activation. "batch" needs two rows in a batch, and another solver than "lbfgs".
    weight_decay : float or None, default None
        Share of each weight, times the rate, that is taken away in a step: decoupled from the loss, whatever the batch.
        For "adam" (which then is AdamW), "adamw" and "lion". None is what the optimizer has by itself: 0.01 of "adamw",
        else 0.
    frozen : sequence of int, default ()
        Numbers of dense layers, from 0, that keep their weights. At least one layer has to be left.
    monotonic_cst : array-like of int, dict or None, default None
        Columns with which the probability of the second of two classes rises, 1, or falls, -1, as in scikit-learn's
        HistGradientBoostingClassifier; 0 is free. One number for each column, or a dict of some by the names of a data
        frame. It holds for every row, whatever was learned. It needs an activation that rises everywhere, as "relu"
        and "tanh" do, and no `norm`. Of a weight in `coefs_` that lies on the way of such a column the size counts.
    scoring : str, callable or None, default None
        The score that `early_stopping` follows: the name of a scorer of scikit-learn such as "roc_auc", a function of
        estimator, X and y whose larger values are better, or "loss". None is that of `score`.
    callbacks : callable, list of callable or None, default None
        Functions of the estimator, called after each epoch (of "lbfgs" each iteration). One that returns True ends the
        training.
    fixes : str or collection of str, default ()
        Quirks of scikit-learn to be without, of `nnx.estimators.FIXES`; all with "all", else they are kept:

        - "counts": `loss="poisson"` refuses a y below 0.
        - "float32": `solver="lbfgs"` gives float32 weights for float32 data.
        - "log_proba": `predict_log_proba` is finite where a probability is 0.
        - "one_class": with one class, `predict_proba` has one column.
        - "outputs": with several outputs, squared error descends the mean that it reports, and not the sum.
        - "partial_fit": `MLPRegressor(solver="lbfgs")` has no `partial_fit`, as the classifier has none.
        - "patience": training stops after `n_iter_no_change` epochs without improvement, and not after one more.
        - "schedules": "invscaling" and "adaptive" are for every solver, and not for "sgd" alone.
        - "stratify": `early_stopping` holds out rows of all classes in proportion, and not only of two.
        - "stream": `partial_fit` goes on with the random numbers, and does not begin anew from an integer seed.
        - "sum_to_one": float32 probabilities add up to 1, and never to more, when they are added in float64.
        - "warm_start": `warm_start` keeps the optimizer's state, and refuses other `hidden_layer_sizes`.
    backend : str or None, default None
        Where to compute: "numpy", "torch", "torch:cuda", "jax", "jax:gpu", "cupy", "auto", or several by commas, of
        which the first that works is taken: "cupy,numpy". What comes back is in the library of X. None is where X is;
        for data of the host what the variable NNX_BACKEND names, or NumPy.
    device : str, default ""
        The device of ``backend``, such as "cuda:1" beside "torch". "" is the usual one.
    micro_batches : int, default 1
        Parts that each batch is computed in, one after another, at least 1. Their gradients add up: less memory, the
        same training to rounding (batch normalisation sees a part at a time). Not for "lbfgs".
    ranks : Ranks or None, default None
        `nnx.ranks()` in a program that mpiexec has started several times: each process computes some of the
        micro-batches, of which there must be at least as many as processes. Not for "lbfgs".

    Attributes
    ----------
    classes_ : array or list of array
        The labels, in rising order; for several targets a list.
    coefs_ : list of array
        Weights of the dense layers, (units before, units) each. They may be set.
    intercepts_ : list of array
        Biases of the dense layers, (units,) each. They may be set.
    layer_params_ : dict of str to array
        Parameters of the layers that are not dense, by name; empty where there are none.
    loss_ : float
        The training loss of the last epoch, with the penalty of `alpha`.
    loss_curve_ : list of float
        The training loss of each epoch. Not there after "lbfgs", nor are the curves and best values below.
    best_loss_ : float or None
        The smallest of them; None with `early_stopping`.
    validation_loss_curve_ : list of float
        The loss on the rows held out, or on X_val, after each epoch; empty where there are none. Rows have the weight 1
        in it, whatever `class_weight` is.
    validation_scores_ : list of float or None
        The score on these rows after each epoch; None without `early_stopping`.
    best_validation_score_ : float or None
        The best of them.
    n_iter_ : int
        Epochs, or iterations of "lbfgs", that have been done.
    t_ : int
        Rows that have been trained on, each as often as it was.
    n_layers_ : int
        Layers, input and output among them.
    n_outputs_ : int
        Outputs of the network.
    out_activation_ : str
        The function of the outputs: "softmax" for three classes or more, "logistic" for two or for several labels.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Names of the columns of X, where it is a data frame.

    See Also
    --------
    MLPRegressor : The same for numbers.
    EnsembleClassifier : Several of them at once, and their mean.
    PopulationSearchCV : Search over their parameters, many trained at once.
    TabularClassifier : Columns of text, dates and gaps too, ready to use.

    Notes
    -----
    Shapes: X (rows, features); y (rows,) of labels of any kind, or (rows, labels) of 0 and 1 for several labels at
    once. y may also be (rows, targets) of several classes each; then `classes_` and `predict_proba` are lists, as in
    forests.

    Source: weights are drawn as in Glorot & Bengio 2010, eq. 16, from the random numbers that scikit-learn draws.

    Examples
    --------
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> model = nnx.MLPClassifier((8,), solver="lbfgs", random_state=0).fit(x, x[:, 0] > 0)
    >>> model.predict([[0.9], [-0.9]])
    array([ True, False])
    >>> model.predict_proba([[0.9]]).round(2)
    array([[0., 1.]])

    What scikit-learn does not have:

    >>> model = nnx.MLPClassifier((8,), activation="gelu", learning_rate=nnx.Cosine(), max_iter=20, random_state=0)
    >>> len(model.fit(x, x[:, 0] > 0).loss_curve_)
    20
    """

    _label_binarizer: Any

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions({"log_loss"}), LAYER],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Layer | Sequence[str | Layer] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: str | Schedule = "constant",
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
        loss: str | Loss = "log_loss",
        class_weight: Literal["balanced"] | Mapping[Any, float] | Sequence[Any] | None = None,
        dropout: float = 0.0,
        norm: str | None = None,
        weight_decay: float | None = None,
        frozen: Any = (),
        monotonic_cst: Any = None,
        scoring: Any = None,
        callbacks: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
        fixes: Any = (),
        backend: str | None = None,
        device: str = "",
        micro_batches: int = 1,
        ranks: Any = None,
    ) -> None:
        self._keep(locals())

    @where(lambda est: est._check_solver())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train for one epoch on these rows, from the weights that are there.

        Call it once for each part of a stream of data. `early_stopping` and `class_weight="balanced"` are not for it.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,), (rows, labels) or (rows, targets)
            Their labels.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.
        classes : array of shape (classes,) or list of array, optional
            All labels that there will be, needed in the first call, as y may lack some; for several targets a list of
            the classes of each.

        Returns
        -------
        MLPClassifier
            The estimator itself.

        Raises
        ------
        AttributeError
            If the solver is "lbfgs".
        ValueError
            If the first call has no `classes`, or y has a label that is not among them.
        """
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
        """Predict the class of each row, or its labels.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows,), (rows, labels) or (rows, targets)
            The most probable class, as y spelled it; of several labels 1 where the probability is above 1/2. In the
            library of X, or NumPy where that has no type for the labels.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than the rows that were trained on, or numbers that are not finite.
        """
        with self._begin(X, "predict"):
            return self._predict(X)

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows, classes), or list of array
            The probabilities, in the order of `classes_`; those of several labels are each for itself; for several
            targets a list with an array for each.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than the rows that were trained on, or numbers that are not finite.
        """
        with self._begin(X, "predict_proba"):
            return self._as_probabilities(self._forward_pass_fast(X))

    def _as_probabilities(self, p: Any) -> Any:
        """The probability of each class, (rows, classes) or a list of them, from the outputs (rows, outputs)."""
        if isinstance(self._label_binarizer, SeveralLabels):
            return [self._adjusted(part) for part in self._label_binarizer.parts(p)]
        return self._adjusted(namespace(p).concat([1 - p, p], axis=1) if self.n_outputs_ == 1 else p)

    def predict_log_proba(self, X: Any) -> Any:
        """Give the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows, classes), or list of array
            The logarithms: -inf where a probability is 0, unless `fixes` has "log_proba".

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than the rows that were trained on, or numbers that are not finite.
        """
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

    def _check_monotone(self) -> None:
        if self.out_activation_ == "softmax":
            raise ValueError("monotonic_cst is for two classes, or several labels, not for three classes or more")
        super()._check_monotone()

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
