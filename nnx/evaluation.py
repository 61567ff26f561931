"""Evaluation of a model on rows it has not seen: the usual scores, and the importance of each column.

Everything here is on the host and in float64. The letters: n = rows, k = classes or outputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .backends import numpy as host
from .errors import DataError, require, shown, unknown
from .inputs import as_labels, numbers_on_host
from .metrics import (
    accuracy,
    balanced_accuracy,
    f1,
    log_loss,
    mean_absolute_error,
    r2,
    roc_auc,
    root_mean_squared_error,
)
from .names import spelled
from .random import one_seed, permutation
from .settings import UP_TO_1, integer, real

TASKS = ("classification", "regression")
ROUNDING = 1e-5  # by which probabilities in few digits may lie outside 0 to 1

__all__ = ["Evaluation", "Importance", "permutation_importance", "scores"]


@dataclass(frozen=True)
class Importance:
    """Importance of columns: by how much a score falls when the values of a column are shuffled.

    Parameters
    ----------
    names : tuple of str
        The names of the columns.
    mean : array
        The mean fall (columns,) over the repeats, in the score's unit; near 0 where the model does not need the column.
    std : array
        The deviation (columns,) over the repeats.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> found = nnx.evaluation.permutation_importance(
    ...     lambda x: x[:, 0], x, {"a": [0], "b": [1]}, lambda y: -np.mean((y - x[:, 0]) ** 2)
    ... )
    >>> found.names, bool(found.mean[0] > 1.0), float(found.mean[1])
    (('a', 'b'), True, 0.0)
    """

    names: tuple[str, ...]
    mean: Any  # (columns,)
    std: Any  # (columns,)


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of a model: predictions for rows held out, what they should have been, and the scores of that.

    `Evaluation.of` makes one from predictions and computes the scores; `nnx.plots` draws it.

    Parameters
    ----------
    task : str
        "classification" or "regression".
    classes : tuple of str
        The names of the classes; () in a regression.
    target : array
        Class numbers from 0, or values (n,).
    predicted : array
        Probabilities (n, k) of the classes, or values (n,).
    scores : dict of str to float
        The scores by name, as `nnx.evaluation.scores` gives them.
    importance : Importance, default None
        The importance of the columns, where it was computed.
    threshold : float, default 0.5
        The probability above which the second of two classes is predicted.

    Notes
    -----
    Shapes: target (n,), class numbers from 0 or values; predicted (n, k) probabilities, or (n,) values.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    >>> found = nnx.evaluation.Evaluation.of("classification", [0, 1, 1, 1], p, classes=["no", "yes"])
    >>> found.guess.tolist(), found.scores["accuracy"]
    ([0, 1, 0, 1], 0.75)
    """

    task: str  # "classification" or "regression"
    classes: tuple[str, ...]  # () in a regression
    target: Any = field(repr=False)
    predicted: Any = field(repr=False)
    scores: Mapping[str, float]
    importance: Importance | None = None
    threshold: float = 0.5

    @property
    def guess(self) -> Any:
        """The numbers (n,) of the classes that are predicted."""
        return guessed(probabilities("Evaluation: predicted", self.predicted), self.threshold)

    @classmethod
    def of(
        cls,
        task: str,
        target: Any,
        predicted: Any,
        *,
        classes: Sequence[str] = (),
        importance: Importance | None = None,
        threshold: float = 0.5,
    ) -> "Evaluation":
        """Evaluation of these predictions, its scores computed.

        Parameters
        ----------
        task : str
            "classification" or "regression".
        target : array
            Class numbers from 0, or values (n,).
        predicted : array
            Probabilities (n, k) of the classes, or values (n,).
        classes : sequence of str, default ()
            The names of the classes, in the order of the probabilities.
        importance : Importance, default None
            The importance of the columns.
        threshold : float, default 0.5
            The probability above which the second of two classes is predicted, from 0 to 1.

        Returns
        -------
        Evaluation
            The evaluation.

        Raises
        ------
        DataError
            If targets, predictions and classes do not fit each other.
        SettingError
            If a setting is of another kind.
        """
        fine = hasattr(classes, "__len__") and not isinstance(classes, (str, bytes))
        require(fine, f"Evaluation: classes must be a list of names, got {shown(classes)}")
        fine = importance is None or isinstance(importance, Importance)
        require(fine, "Evaluation: importance must be an Importance", importance)
        target, predicted = (numbers(f"Evaluation: {n}", a) for n, a in (("target", target), ("predicted", predicted)))
        found = scores(task, target, predicted, threshold=threshold)
        k = probabilities("Evaluation: predicted", predicted).shape[1] if task == "classification" else len(classes)
        if len(classes) != k:
            raise DataError(f"Evaluation: {len(classes)} names for {k} classes")
        return cls(task, tuple(map(str, classes)), target, predicted, found, importance, threshold)


@spelled
def scores(task: str, target: Any, predicted: Any, *, threshold: float = 0.5) -> dict[str, float]:
    """Usual scores of predictions for the task, by name.

    Parameters
    ----------
    task : str
        "classification" or "regression".
    target : array
        Class numbers (n,) from 0, or values (n,) or (n, k).
    predicted : array
        Probabilities (n, k), or of two classes (n,) or (n, 1) those of the second; or values.
    threshold : float, default 0.5
        The probability above which the second of two classes is predicted, from 0 to 1; log loss and area have no use
        for it.

    Returns
    -------
    dict of str to float
        For classes "accuracy", "balanced_accuracy" (the mean recall of the classes that occur), "log_loss", "macro_f1"
        (the mean F1 of the classes that occur or are predicted), and for two classes "roc_auc", the area under the ROC
        curve (not a number where one of them does not occur). For values "r2", "mean_absolute_error" and
        "root_mean_squared_error".

    Raises
    ------
    DataError
        If the task is unknown, or targets and predictions do not fit each other.
    SettingError
        If the threshold is not from 0 to 1.

    Notes
    -----
    Shapes: target (n,) class numbers or values, or (n, k) values; predicted (n, k) probabilities, or values.

    Examples
    --------
    >>> found = nnx.evaluation.scores("regression", [1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    >>> {name: round(value, 3) for name, value in found.items()}
    {'r2': 0.5, 'mean_absolute_error': 0.333, 'root_mean_squared_error': 0.577}
    """
    if not isinstance(task, str) or task not in TASKS:
        raise DataError(unknown("task", task, TASKS))
    target = numbers("scores: target", target)
    predicted = host.put(numbers("scores: predicted", predicted), "float64", None)
    if len(target) != len(predicted) or not len(target):
        raise DataError(f"scores: {len(predicted)} predictions for {len(target)} rows")
    if task == "regression":
        y, t = predicted.reshape(len(target), -1), host.put(target, "float64", None).reshape(len(target), -1)
        return {
            "r2": float(r2(y, t)),
            "mean_absolute_error": float(mean_absolute_error(y, t)),
            "root_mean_squared_error": float(root_mean_squared_error(y, t)),
        }
    p = probabilities("scores: predicted", predicted)
    target = class_numbers(target, p.shape[1], None, "scores")
    threshold = real("scores: threshold", threshold, UP_TO_1)
    sure = host.namespace().eye(p.shape[1])[guessed(p, threshold)] if threshold != 0.5 else p
    found = {
        "accuracy": float(accuracy(sure, target)),
        "balanced_accuracy": float(balanced_accuracy(sure, target)),
        "log_loss": float(log_loss(p, target)),
        "macro_f1": float(f1(sure, target)),
    }
    return found | ({"roc_auc": float(roc_auc(p, target))} if p.shape[1] == 2 else {})


def guessed(p: Any, threshold: float) -> Any:
    """The class numbers (n,) that probabilities (n, k) predict; of two the second where it is above the threshold."""
    if threshold != 0.5 and p.shape[1] == 2:
        return (p[:, 1] > threshold).astype("int64")
    return p.argmax(axis=1)


def class_numbers(labels: Any, k: int, classes: Sequence[Any] | None, place: str) -> Any:
    """The numbers (n,), int64 from 0 to k - 1, of labels (n,): these numbers themselves, or some of the k classes.

    Labels that are text are found among the classes, and so are numbers where the classes are numbers.
    Raises: DataError for a label that is no class.
    """
    xp, labels = host.namespace(), host.get(as_labels(place, labels))
    if labels.ndim != 1:
        raise DataError(f"{place}: expected the label of each row, got shape {labels.shape}")
    if classes is not None and len(classes) != k:
        raise DataError(f"{place}: {len(classes)} names for {k} classes")
    if labels.dtype.kind == "O" and not any(isinstance(label, str) for label in labels.tolist()):
        labels = host.get(labels.tolist())
    text, named = labels.dtype.kind in "OUS", classes is not None and not any(isinstance(c, str) for c in classes)
    if classes is not None and (text or named):
        places = {str(name) if text else name: i for i, name in enumerate(host.get(list(classes)).tolist())}
        found = [places.get(str(label) if text else label, -1) for label in labels.tolist()]
        if -1 in found:
            raise DataError(f"{place}: {labels.tolist()[found.index(-1)]!r:.40} is none of the {k} classes")
        return host.put(found, "int64", None)
    if text:
        raise DataError(f"{place}: labels that are text need classes=, in the order of the probabilities")
    labels = numbers(place, labels)
    strange = labels[~((labels >= 0) & (labels < k) & (labels == xp.floor(labels)))]
    if len(strange):
        hint = "; give classes= for others" if classes is None and place != "scores" else ""
        raise DataError(f"{place}: expected class numbers from 0 to {k - 1}, got {strange[0]}{hint}")
    return labels.astype("int64")


def numbers(place: str, x: Any, *, finite: bool = False) -> Any:
    """A host array of numbers with rows. finite: whether all must be. Raises: DataError."""
    found = numbers_on_host(place, x)
    if found.ndim == 0:
        raise DataError(f"{place} must be an array of numbers, got {shown(x)}")
    if finite and found.dtype.kind == "f":
        bad = found[~host.namespace().isfinite(found)]
        if len(bad):
            raise DataError(f"{place} must be finite, got {bad[0]}")
    return found


def probabilities(place: str, predicted: Any) -> Any:
    """Probabilities (n, k): one column p, or none, becomes the two columns 1 - p and p.

    Raises: DataError for what is not between 0 and 1, but for rounding.
    """
    predicted = numbers(place, predicted)
    if predicted.ndim > 2:
        raise DataError(f"{place} must have shape (rows, classes), got {predicted.shape}")
    strange = predicted[~((predicted >= -ROUNDING) & (predicted <= 1 + ROUNDING))]
    if len(strange):
        raise DataError(f"{place} must be probabilities, from 0 to 1, got {strange[0]}")
    if predicted.dtype.kind != "f":
        predicted = predicted.astype("float64")
    if predicted.ndim == 2 and predicted.shape[1] > 1:
        return predicted
    p = predicted.reshape(-1, 1)
    return host.namespace().concat((1.0 - p, p), axis=1)


def confusion(target: Any, guess: Any, k: int) -> Any:
    """(k, k): how many rows of the class of the row were taken for the class of the column."""
    pairs = host.get(target).astype("int64") * k + host.get(guess)
    return host.namespace().bincount(pairs, minlength=k * k).reshape(k, k)


@spelled
def permutation_importance(
    predict: Callable[[Any], Any],
    x: Any,
    columns: Mapping[str, Sequence[int]],
    score: Callable[[Any], float],
    *,
    seed: int = 0,
    repeats: int = 5,
) -> Importance:
    """Importance of each column: by how much the score falls when it is shuffled, the rest of x left as it is.

    Parameters
    ----------
    predict : callable
        What the model predicts for rows of x: a function of an array (n, columns).
    x : array
        The rows (n, columns), a host array; it is not changed.
    columns : dict of str to sequence of int
        Names, each with the numbers of its columns in x: those of one name (a category's, one for each value) are
        shuffled together. Columns that say the same hide each other: both look unimportant.
    score : callable
        How good predictions are: a function of what `predict` gives, a number, larger is better.
    seed : int, default 0
        What the orders are drawn by.
    repeats : int, default 5
        How many times each column is shuffled, at least 1.

    Returns
    -------
    Importance
        The names, and the mean and deviation of the fall for each.

    Raises
    ------
    DataError
        If x does not have rows and columns of numbers.
    SettingError
        If a setting is of another kind or outside its range.

    Notes
    -----
    Shapes: x (n, columns).

    Source: Breiman 2001, "Random forests", section 10; Fisher, Rudin & Dominici 2019, eq. 1, as a difference.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(100, 2))
    >>> found = nnx.evaluation.permutation_importance(
    ...     lambda x: x[:, 0], x, {"a": [0], "b": [1]}, lambda y: -np.mean((y - x[:, 0]) ** 2)
    ... )
    >>> bool(found.mean[0] > found.mean[1])
    True
    """
    for what, function in (("predict", predict), ("score", score)):
        require(callable(function), f"permutation_importance: {what} must be a function, got {shown(function)}")
    fine = isinstance(columns, Mapping) and all(hasattr(group, "__iter__") for group in columns.values())
    require(fine, "permutation_importance: columns must be numbers of columns by name", columns)
    repeats, seed = integer("permutation_importance: repeats", repeats), one_seed("permutation_importance", seed)
    xp, shuffled = host.namespace(), host.put(numbers("permutation_importance: x", x), None, None)
    if shuffled.ndim != 2 or not len(shuffled):
        raise DataError(f"permutation_importance: x must have shape (rows, columns), got {shuffled.shape}")
    whole, falls = float(score(predict(shuffled))), []
    for name, group in columns.items():
        own = list(group)
        kept, row = shuffled[:, own], []
        for repeat in range(repeats):
            order = permutation(seed, f"importance {name}", len(shuffled), repeat)
            shuffled[:, own] = kept[order]
            row.append(whole - float(score(predict(shuffled))))
        shuffled[:, own] = kept
        falls.append(row)
    table = xp.asarray(falls).reshape(len(columns), repeats)
    return Importance(tuple(columns), table.mean(axis=1), table.std(axis=1))
