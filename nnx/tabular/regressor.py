"""TabularRegressor: numbers predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from .base import Tabular
from .labels import numbers
from .use import interval


class TabularRegressor(RegressorMixin, Tabular):  # type: ignore[misc]
    """Networks that predict a number from any table, ready to use: what `nnx train` runs.

    Columns of numbers, text, dates and gaps are read and encoded as by `nnx.TableEncoder`; several networks are trained
    as one population, each with rows of its own held out, and their mean predicts. The target is standardised, and
    predictions are in its own units; `predict_interval` says how far targets may lie from them.

    Parameters
    ----------
    preset : {"fast", "default", "best"}, default "default"
        How much is trained: "fast" trains 2 networks, "default" 5 (above 5,000 rows 3), "best" 8, half of them of
        another kind (`nnx.realmlp`), in 5 to 10 times the time.
    metric : {"auto", "rmse", "mae", "r2"}, default "auto"
        What early stopping follows on the rows held out. "auto" is the squared error; "mae" also trains on the absolute
        error, which outliers pull less.
    time_limit : float, str or None, default None
        Seconds, or a duration such as "90s", "10m" or "1h30m", after which training ends and the best weights so far
        are kept: after the batch that is being computed then, in a thread after the epoch. A step that is compiled
        first takes its time before.
    members : int or None, default None
        Networks whose mean predicts, from 1 to 1,000. None is by `preset`.
    hidden : int, sequence of int or None, default None
        Units of each hidden layer: `(256, 256)`. None is two layers of 128 up to 1,000 rows, two of 256 up to 30,000,
        three of 256 above.
    activation : str, default "relu"
        What follows each hidden layer: "relu", "elu", "gelu", "gelu_tanh", "identity", "leaky_relu", "mish", "selu",
        "sigmoid", "silu", "softplus", "tanh".
    dropout : float or None, default None
        Share of each hidden layer's outputs that is dropped in training, from 0 to below 1. None is 0.1.
    rate : float or None, default None
        The learning rate, above 0. None is 0.001 up to 1,000 rows, 0.0007 up to 5,000, 0.002 above; 0.0003 for a table
        that is encoded as more than 1,000 columns, such as free text.
    epochs : int or None, default None
        Epochs at most. None is 200 up to 1,000 rows, 150 up to 5,000, 100 up to 30,000, and fewer above.
    batch_size : int or None, default None
        Rows in a batch. None is 64 up to 1,000 rows, 256 up to 30,000, 512 up to 100,000, 1,024 above.
    patience : int or None, default None
        Epochs without a gain before a network stops. None is 16 up to 1,000 rows, 10 up to 5,000, 6 above.
    validation : float or None, default None
        Share of the rows that each network holds out, from 0 to below 1: other rows each, and none twice before all
        have been. None is an eighth. 0 holds out none: then, unless `X_val` is given, nothing stops early, is
        calibrated or evaluated.
    class_weight : None, default None
        Without use here.
    calibrate : bool, default True
        Without use here.
    kinds : dict of str to str or None, default None
        What columns hold, where it is to be said: {"zip": "text"}. The kinds are "number", "text", "category", "words",
        "boolean", "date", "time", "duration" and "drop"; "date:%d/%m/%Y" says how a date is written.
    drop : str or sequence of str, default ()
        Names of columns to leave out.
    monotone : dict of str to int or None, default None
        Columns of numbers, durations or truths with which the value predicted never falls, 1, or never
        rises, -1: {"size": 1, "age": -1}. It holds for
        every row, whatever was learned. A gap is apart from it.
    settings : dict of str to object or None, default None
        Any other setting of `nnx train`, by its name: {"optimizer.weight_decay": 0.1}. `docs/command.md` lists them.
    backend : str or None, default None
        Where to compute: "numpy", "torch", "torch:cuda", "jax", "jax:gpu", "cupy", "auto", or several by commas, of
        which the first that works is taken. The predictions are the same to rounding. None is that of the array X, or
        what the variable NNX_BACKEND names, or NumPy.
    dtype : {"float32", "float64"}, default "float32"
        The type of the arithmetic.
    random_state : int, RandomState or None, default 0
        The seed of all that is drawn, from 0 to below 2^64. A RandomState gives one; None is another one each time.
    verbose : bool, default False
        Show each epoch.
    ranks : Ranks or None, default None
        `nnx.ranks()` in a program that mpiexec has started several times: the networks are dealt out to the processes;
        they share the micro-batches of one alone, 8 unless `settings={"training.micro_batches": 16}` say otherwise.

    Attributes
    ----------
    evaluation_ : Evaluation or None
        Scores on the rows held out, each predicted by networks that were not trained on it. Early stopping looked at
        them, so a test on rows of your own is stricter. None where no rows were held out.
    history_ : dict of str to list of float
        The losses and metrics of each epoch, as means over the networks: give it to `nnx.plots.curves`.
    best_epoch_ : int
        The epoch whose weights were kept, the middle one of those of the networks.
    stopped_ : str
        Why training ended: "epochs", "early stopping", "time", "interrupted" or "not finite".
    notes_ : list of str
        What a person should know of the table: columns left out, columns that give the target away.
    config_ : object
        All settings as they were chosen.
    model_ : Model
        Encoder and networks as `nnx.load` gives them.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str
        Their names, where X has some.

    See Also
    --------
    TabularClassifier : The same for classes.
    MLPRegressor : One network on a matrix of numbers, as scikit-learn's.
    TableEncoder : The encoder alone.

    Examples
    --------
    >>> rooms, town = [1, 2, 3, 4, 5] * 16, (["Rome"] * 5 + ["Oslo"] * 5) * 8
    >>> rent = [300 * n + 200 * (t == "Oslo") for n, t in zip(rooms, town)]
    >>> model = nnx.TabularRegressor("fast", epochs=60).fit({"rooms": rooms, "town": town, "rent": rent}, "rent")
    >>> new = {"rooms": [2, 4], "town": ["Rome", "Oslo"]}
    >>> model.predict(new).round(-2)
    array([ 600., 1400.])
    >>> model.predict_interval(new, coverage=0.8).shape
    (2, 2)
    >>> model.explain(new).columns
    ('rooms', 'town')
    """

    task: ClassVar[str] = "regression"

    def _target(self, y: Any) -> tuple[Any, Any]:
        return numbers(y), None

    def predict(self, X: Any) -> Any:
        """Predict the value of each row.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them, without a target.

        Returns
        -------
        array of shape (rows,)
            The values on the host, in the target's own units.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If X has not the columns that were trained on, or cells of another kind.
        """
        return self._answer(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give R squared of the predictions: 1 is exact, 0 as good as the mean of y.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them.
        y : array of shape (rows,) or str
            Their values, or the name of the column of X that has them.
        sample_weight : array of shape (rows,), optional
            What each row counts for.

        Returns
        -------
        float
            The score.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If X has not the columns that were trained on.
        """
        return float(super().score(X, self._column(X, y), sample_weight))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Any:
        """Give the lower and upper ends within which targets lie with a probability.

        They come from what each network was wrong by on the rows that it held out, about the networks' mean, and hold
        for rows like those of the training.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them, without a target.
        coverage : float, default 0.9
            The probability, between 0 and 1.

        Returns
        -------
        array of shape (rows, 2)
            The ends in the target's own units; -inf and inf where too few rows were held out for the coverage.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        SettingError
            If no rows were held out, or the coverage is not between 0 and 1.

        Notes
        -----
        Source: after CV+, Barber, Candes, Ramdas & Tibshirani 2021, "Predictive inference with the jackknife+", section
        3, with what the mean of several networks is wrong by less than one.
        """
        x = self._encoded(X)
        return interval(self.model_, x, coverage)

    def _values(self, encoded: Any) -> Any:
        return self._model_target.decode(encoded[:, None])
