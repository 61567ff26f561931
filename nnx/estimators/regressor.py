"""MLPRegressor."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, ClassVar, Literal, Self

from sklearn.base import RegressorMixin
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils import column_or_1d

from ..backends.numpy import namespace as host_namespace
from ..contract import Layer, Loss, Optimizer, Schedule
from ..layers import ACTIVATIONS
from ..losses import AbsoluteError, Huber, Poisson, Quantile, ScaledLoss, SquaredError
from ..optimizers import OPTIMIZERS
from ..training.scale import standardised
from .arrays import is_foreign, to_host
from .base import BaseMLP
from .convert import Added
from .network import activation
from .parameters import CONSTRAINTS, LAYER, where
from .private import HasMethods, Interval, StrOptions, fit_context
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

    Parameters, attributes, messages and, with the same `random_state`, the numbers are those of
    `sklearn.neural_network.MLPRegressor`: change the import and nothing else. What it does beyond that is off by
    default: losses, quantiles, activations, optimizers and schedules of the library, a scaled target, dropout,
    normalisation, scorers, callbacks. Arrays of PyTorch, JAX and CuPy are computed with on their own device, and what
    comes back is of their library.

    Parameters
    ----------
    loss : str or Loss, default "squared_error"
        What training makes small: "squared_error"; "absolute_error" and "huber", which outliers pull less; "quantile",
        with `quantile`; "poisson" for counts; or a loss such as `nnx.Huber(2.0)` or one of your own.
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
        epochs. "lm", Levenberg-Marquardt, is like it, for squared error and some hundred parameters: its steps take
        more (the cube of their number, of which 10,000 are allowed) and lead much lower. By name the rate is
        `learning_rate_init`, and `momentum`, `beta_1`, `beta_2` and `epsilon` are taken where the rule has them ("lion"
        keeps betas of its own). `nnx.RMSProp(1e-3)` has its rate and schedule itself.
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
        such as `nnx.Cosine(warmup=100)` is a factor on `learning_rate_init` for every solver by name but "lbfgs" and
        "lm"; it spans `max_iter` epochs, so reaching these is no warning then.
    learning_rate_init : float, default 0.001
        The rate that training begins with, above 0. Not for "lbfgs" or "lm".
    power_t : float, default 0.5
        The exponent of "invscaling", at least 0.
    max_iter : int, default 200
        Epochs at most; with "lbfgs" and "lm" iterations.
    shuffle : bool, default True
        Put the rows in another order before each epoch.
    random_state : int, RandomState or None, default None
        Decides the first weights, the order of the rows, the rows held out and dropout. An integer gives the same
        numbers each time, and those of scikit-learn; None gives others each time.
    tol : float, default 0.0001
        What counts as an improvement, at least 0: the training loss must fall, or with `early_stopping` the score must
        rise, by so much. With "lbfgs" and "lm" the largest entry of the gradient at which it ends.
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
        "lbfgs" and "lm", which take no notice.
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
        Evaluations of the loss at most. For "lbfgs" and "lm".
    quantile : float, sequence of float or None, default None
        For `loss="quantile"`, a level between 0 and 1, or several in rising order: `(0.05, 0.5, 0.95)` is the median
        and the ends of an interval that holds nine of ten. ``predict`` then gives a column for each, which never cross,
        and `score` the mean of the D squared pinball scores.
    out_activation : str, Layer or None, default None
        A name or a layer after the outputs, such as "sigmoid" for values from 0 to 1. The names are those of
        `activation`. "poisson" has the exponential function by itself.
    scale_target : bool, default False
        For a y far from 0, or much larger or smaller than 1, which is slow to learn otherwise: the network is trained
        on (y - mean) / deviation of each column and predicts in the units of y; losses are then without units.
        `sklearn.compose.TransformedTargetRegressor` does the same from outside. It is off because the numbers are then
        others than scikit-learn's; with `verbose` one line says where it would help.
    dropout : float, default 0.0
        Share of each hidden layer's outputs that is dropped in training, from 0 to below 1. Not for "lbfgs" or "lm".
    norm : {"layer", "batch"} or None, default None
        Normalisation before each activation. "batch" needs two rows in a batch, and a solver that has batches.
    weight_decay : float or None, default None
        Share of each weight, times the rate, that is taken away in a step: decoupled from the loss, whatever the batch.
        For "adam" (which then is AdamW), "adamw" and "lion". None is what the optimizer has by itself: 0.01 of "adamw",
        else 0.
    frozen : sequence of int, default ()
        Numbers of dense layers, from 0, that keep their weights. At least one layer has to be left.
    monotonic_cst : array-like of int, dict or None, default None
        Columns with which the values predicted rise, 1, or fall, -1, as in scikit-learn's
        HistGradientBoostingRegressor; 0 is free. One number for each column, or a dict of some by the names of a data
        frame. It holds for every row, whatever was learned. It needs an activation that rises everywhere, as "relu"
        and "tanh" do, and no `norm`. Of a weight in `coefs_` that lies on the way of such a column the size counts.
    scoring : str, callable or None, default None
        The score that `early_stopping` follows: the name of a scorer of scikit-learn such as "roc_auc", a function of
        estimator, X and y whose larger values are better, or "loss". None is that of `score`.
    callbacks : callable, list of callable or None, default None
        Functions of the estimator, called after each epoch (of "lbfgs" and "lm" each iteration). One that returns True
        ends the training.
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
        same training to rounding (batch normalisation sees a part at a time). Not for "lbfgs" or "lm".
    ranks : Ranks or None, default None
        `nnx.ranks()` in a program that mpiexec has started several times: each process computes some of the
        micro-batches, of which there must be at least as many as processes. Not for "lbfgs" or "lm".

    Attributes
    ----------
    coefs_ : list of array
        Weights of the dense layers, (units before, units) each. They may be set.
    intercepts_ : list of array
        Biases of the dense layers, (units,) each. They may be set.
    layer_params_ : dict of str to array
        Parameters of the layers that are not dense, by name; empty where there are none.
    loss_ : float
        The training loss of the last epoch, with the penalty of `alpha`.
    loss_curve_ : list of float
        The training loss of each epoch. Not there after "lbfgs" and "lm", nor are the curves and best values below.
    best_loss_ : float or None
        The smallest of them; None with `early_stopping`.
    validation_loss_curve_ : list of float
        The loss on the rows held out, or on X_val, after each epoch; empty where there are none.
    validation_scores_ : list of float or None
        The score on these rows after each epoch; None without `early_stopping`.
    best_validation_score_ : float or None
        The best of them.
    n_iter_ : int
        Epochs, or iterations of "lbfgs" or "lm", that have been done.
    t_ : int
        Rows that have been trained on, each as often as it was.
    n_layers_ : int
        Layers, input and output among them.
    n_outputs_ : int
        Outputs of the network.
    out_activation_ : str
        The function of the outputs: "identity", "exp" of "poisson", or that of `out_activation`.
    target_mean_ : array
        With `scale_target`, the mean of each column of y in the first ``fit`` or `partial_fit`.
    target_scale_ : array
        With `scale_target`, the deviation of each column of y there.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Names of the columns of X, where it is a data frame.

    See Also
    --------
    MLPClassifier : The same for classes.
    EnsembleRegressor : Several of them at once: their mean, and how far they disagree.
    PopulationSearchCV : Search over their parameters, many trained at once.
    TabularRegressor : Columns of text, dates and gaps too, ready to use, with intervals.

    Notes
    -----
    Shapes: X (rows, features); y (rows,) or (rows, outputs).

    Source: weights are drawn as in Glorot & Bengio 2010, eq. 16, from the random numbers that scikit-learn draws.

    Examples
    --------
    >>> x = np.arange(20.0).reshape(-1, 1) / 10 - 1
    >>> model = nnx.MLPRegressor(hidden_layer_sizes=(8,), solver="lbfgs", max_iter=500, random_state=0)
    >>> model.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2) > 0.99
    True

    A prediction with the ends of an interval, a column each:

    >>> model.set_params(loss="quantile", quantile=(0.05, 0.5, 0.95)).fit(x, x[:, 0] ** 2).predict(x).shape
    (20, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "solver": [StrOptions({"lbfgs", "lm", *OPTIMIZERS}), HasMethods(["init", "update", "over"])],
        "loss": [StrOptions({*LOSSES, "quantile"}), LAYER],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like", None],
        "scale_target": ["boolean"],
        "out_activation": [StrOptions({"logistic", *ACTIVATIONS}), LAYER, None],
    }

    def __init__(
        self,
        loss: str | Loss = "squared_error",
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
        quantile: float | Sequence[float] | None = None,
        out_activation: str | Layer | None = None,
        scale_target: bool = False,
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

    @where(lambda est: est._check_solver() if est.solver == "lm" or fixed(est, "partial_fit") else True)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, from the weights that are there.

        Call it once for each part of a stream of data. `early_stopping` is not for it.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.
        y : array of shape (rows,) or (rows, outputs)
            Their targets.
        sample_weight : array of shape (rows,), optional
            What each row counts for, at least 0.

        Returns
        -------
        MLPRegressor
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range, or the data are not what is expected.
        """
        return self._fit(X, y, sample_weight, kind="partial_fit", epochs=1)

    def predict(self, X: Any) -> Any:
        """Predict the value of each row.

        Parameters
        ----------
        X : array, sparse matrix or data frame of shape (rows, features)
            The rows.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
            The values in the units of y, in the library of X; of several quantiles a column for each.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other columns than the rows that were trained on, or numbers that are not finite.
        """
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
