"""TabularClassifier: classes predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin

from ..errors import DataError, unknown
from ..tables.kinds.cells import arrow
from .base import Tabular
from .given import Given
from .labels import labels, typed


class TabularClassifier(ClassifierMixin, Tabular):  # type: ignore[misc]
    """Networks that predict classes from any table, ready to use: what `nnx train` runs.

    Columns of numbers, text, dates and gaps are read and encoded as by `nnx.TableEncoder`; several networks are
    trained as one population, each with rows of its own held out, and their mean probability predicts.

    preset: "fast", "default", or "best": more networks, half of them of another kind (`nnx.realmlp`), in 5 to 10 times
        the time.
    metric: what early stopping and the recipe follow: "log_loss", "accuracy", ...; "auto": the loss.
    time_limit: seconds, or "10m", after which training ends with what there is.
    members, hidden, dropout, rate, epochs, batch_size, patience, validation: None: chosen from the size of the table.
        validation is the share of the rows that each network holds out.
    class_weight: "balanced" weighs all classes alike; {label: weight}. calibrate: scale logits by the rows held out.
    kinds: what columns hold, where it is to be said: {"zip": "text"}. drop: columns to leave out.
    settings: any other setting of `nnx train`, by its name: {"optimizer.weight_decay": 0.1}.
    backend: "numpy", "cupy", "torch", "jax", ...; None: NNX_BACKEND, or NumPy.

    After fit: classes_, model_ (as nnx.load gives it), history_, best_epoch_, stopped_, evaluation_ (on rows held out,
    each predicted by a network that was not trained on it), notes_ (what a person should know), config_.

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
