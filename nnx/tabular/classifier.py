"""TabularClassifier: classes predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin

from ..backends import numpy as host
from ..errors import DataError, unknown
from ..tables.kinds.cells import arrow
from .base import Tabular
from .given import Given
from .labels import labels, typed


class TabularClassifier(ClassifierMixin, Tabular):  # type: ignore[misc]
    """Networks that predict classes from any table, ready to use: what `nnx train` runs.

    Columns of numbers, text, dates and gaps are read and encoded as by `nnx.TableEncoder`; several networks are trained
    as one population, each with rows of its own held out, and their mean probability predicts. Nothing has to be
    scaled, filled or encoded before. Columns are found by their names when predicting: they may come in another order,
    and others may be there.

    Parameters
    ----------
    preset : {"fast", "default", "best"}, default "default"
        How much is trained: "fast" trains 2 networks, "default" 5 (above 5,000 rows 3), "best" 8, half of them of
        another kind (`nnx.realmlp`), in 5 to 10 times the time.
    metric : str, default "auto"
        What early stopping follows on the rows held out: "log_loss", "accuracy", "balanced_accuracy", "auc" or "f1";
        "auto" is the loss. Of two classes "balanced_accuracy" and "f1" also choose the probability above which the
        second is predicted.
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
    class_weight : "balanced", dict or None, default None
        What the rows of each class count for: "balanced" weighs all classes alike; {label: weight}, 1 for those left
        out.
    calibrate : bool, default True
        Divide each network's logits by the temperature that suits the rows it held out, so that a probability of 0.8 is
        right in eight of ten rows.
    kinds : dict of str to str or None, default None
        What columns hold, where it is to be said: {"zip": "text"}. The kinds are "number", "text", "category", "words",
        "boolean", "date", "time", "duration" and "drop"; "date:%d/%m/%Y" says how a date is written.
    drop : str or sequence of str, default ()
        Names of columns to leave out.
    monotone : dict of str to int or None, default None
        Columns of numbers, durations or truths with which the probability of the second of two classes
        never falls, 1, or never rises, -1: {"size": 1, "age": -1}. It holds for
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
    classes_ : array
        The labels, in the order of the columns of `predict_proba`.
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
    TabularRegressor : The same for numbers.
    MLPClassifier : One network on a matrix of numbers, as scikit-learn's.
    TableEncoder : The encoder alone.

    Notes
    -----
    Source: the temperature is that of Guo, Pleiss, Sun & Weinberger 2017, "On calibration of modern neural networks",
    section 4.2.

    Examples
    --------
    >>> table = {"length": [1.4, 4.7, None, 1.3, 4.5, 6.1] * 10, "colour": ["blue", "violet", "red"] * 20}
    >>> model = nnx.TabularClassifier("fast", epochs=20).fit(table, ["setosa", "versicolor", "virginica"] * 20)
    >>> model.predict({"length": [1.4, None], "colour": ["blue", "red"]})
    array(['setosa', 'virginica'], dtype=...)
    >>> model.notes_
    ["column 'colour' gives the target away (one value for each of its values); drop=['colour']?"]
    """

    task: ClassVar[str] = "classification"

    def _target(self, y: Any) -> tuple[Any, Any]:
        classes, names = labels(y)
        return names, classes

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them, without a target.

        Returns
        -------
        array of shape (rows, classes)
            The probabilities on the host, in the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If X has not the columns that were trained on, or cells of another kind.
        """
        return self._answer(X, proba=True)[:, self._order]

    def predict(self, X: Any) -> Any:
        """Predict the most probable class of each row.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them, without a target.

        Returns
        -------
        array of shape (rows,)
            The classes on the host, as y spelled them.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If X has not the columns that were trained on, or cells of another kind.
        """
        output, target = self._answer(X, proba=True), self._model_target
        places = {target.classes[k]: i for i, k in enumerate(self._order)}
        found = target.decode(output)
        return self.classes_[[places[str(name)] for name in found.tolist()]]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the accuracy of the predictions: the share of rows that are right.

        Parameters
        ----------
        X : table of shape (rows, columns)
            The rows, as ``fit`` takes them.
        y : array of shape (rows,) or str
            Their classes, or the name of the column of X that has them.
        sample_weight : array of shape (rows,), optional
            What each row counts for.

        Returns
        -------
        float
            The accuracy, from 0 to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        DataError
            If a row is of no class that was trained on, or X has not the columns.
        """
        return float(super().score(X, self._column(X, y), sample_weight))

    def _values(self, encoded: Any) -> Any:
        if (encoded < 0).any():
            classes = ", ".join(self._model_target.classes[:5])
            raise DataError(f"score: a row is of no class that was trained on: these are {classes}")
        return self.classes_[host.namespace().argsort(self._order)[encoded]]

    def _name(self, given: Given) -> None:
        target, own = self._model_target, given.labels
        self.classes_ = typed(target, given.source) if own is None else own
        names = target.classes if own is None else [str(label) for label in own.tolist()]
        self._order = target.encode(arrow().array(names, "string")).tolist()  # of classes_ among the outputs

    def _number(self, output: Any) -> int:
        labels = self.classes_.tolist()
        if output is not None and output not in labels:
            raise DataError(f"explain: {unknown('class', output, map(str, labels))}")
        return int(self._order[-1 if output is None else labels.index(output)])
