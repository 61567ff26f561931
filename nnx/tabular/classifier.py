"""TabularClassifier: classes predicted from a table."""

from typing import Any, ClassVar

from sklearn.base import ClassifierMixin

from .base import Tabular
from .given import Given
from .labels import labels, typed


class TabularClassifier(ClassifierMixin, Tabular):  # type: ignore[misc]
    """Networks that predict classes from any table, ready to use: what `nnx train` runs.

    Columns of numbers, text, dates and gaps are read and encoded as by `nnx.TableEncoder`; several networks are
    trained as one population, each with rows of its own held out, and their mean probability predicts.

    preset: "fast" (one network), "default", or "best" (more networks, several times as long).
    metric: what early stopping and the recipe follow: "log_loss", "accuracy", ...; "auto": the loss.
    time_limit: seconds, or "10m", after which training ends with what there is.
    members, hidden, dropout, rate, epochs, batch_size, patience, validation: None: chosen from the size of the table.
        validation is the share of the rows that each network holds out.
    class_weight: "balanced" weighs all classes alike. calibrate: scale a network's logits by rows it held out.
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
        output = self._output(X)
        names = self._model_target.classes
        return output[:, [names.index(str(c)) for c in self.classes_.tolist()]]

    def predict(self, X: Any) -> Any:
        """The most probable class of each row: (rows,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _name(self, given: Given) -> None:
        target = self._model_target
        self.classes_ = typed(target, given.source) if given.labels is None else given.labels
