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

    Columns of numbers, text, dates and gaps are read and encoded as by `nnx.TableEncoder`; several networks are
    trained as one population, each with rows of its own held out, and their mean probability predicts.

    preset: "fast" trains 2 networks, "default" 5 (above 5,000 rows 3), "best" 8, half of them of another kind
        (`nnx.realmlp`), in 5 to 10 times the time.
    metric: what early stopping follows: "log_loss", "accuracy", "balanced_accuracy", "auc" or "f1"; "auto": the loss.
        Of two classes "balanced_accuracy" and "f1" also choose the probability above which the second is predicted.
    time_limit: seconds, or "10m", after which training ends and the best weights so far are kept.
    members: the number of networks; hidden: the widths of their hidden layers; dropout; rate: the learning rate;
        epochs, at most; batch_size; patience: epochs without a gain before a network stops; validation: the share of
        the rows that each network holds out. None: chosen from the size of the table.
    activation: "relu", "selu", "mish", ...
    class_weight: "balanced" weighs all classes alike; {label: weight}.
    calibrate: divide each network's logits by the temperature that suits the rows it held out.
    kinds: what columns hold, where it is to be said: {"zip": "text"}. drop: the names of columns to leave out.
    settings: any other setting of `nnx train`, by its name: {"optimizer.weight_decay": 0.1}.
    backend: "numpy", "cupy", "torch", "jax", ...; None: that of the array X, or NNX_BACKEND, or NumPy.
    dtype: "float32" or "float64". random_state: the seed of all that is drawn. verbose: show each epoch.
    ranks: nnx.ranks(): the networks are dealt out to the processes that mpiexec has started; one alone is shared by its
        micro-batches, settings={"training.micro_batches": 8}.

    After fit: classes_; evaluation_: scores on the rows held out, each predicted by networks that were not trained on
    it; history_, best_epoch_, stopped_: means over the networks; notes_: what a person should know of the table;
    config_: all settings as they were chosen; model_, as nnx.load gives it; n_features_in_, feature_names_in_.

    Raises: SettingError, DataError, TrainingError, BackendError.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> nnx.TabularClassifier("fast", epochs=20).fit(X, y).predict(X[:2])
    array([0, 0])
    """

    task: ClassVar[str] = "classification"

    def _target(self, y: Any) -> tuple[Any, Any]:
        classes, names = labels(y)
        return names, classes

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, in the order of classes_: (rows, classes)."""
        return self._answer(X, proba=True)[:, self._order]

    def predict(self, X: Any) -> Any:
        """The most probable class of each row: (rows,)."""
        output, target = self._answer(X, proba=True), self._model_target
        places = {target.classes[k]: i for i, k in enumerate(self._order)}
        found = target.decode(output)
        return self.classes_[[places[str(name)] for name in found.tolist()]]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy of the predictions. y: (rows,), or the name of the column of X that has it."""
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
