"""LabelBinarizer for arrays of any library, and for several targets: labels as the losses take them."""

from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from sys import float_info
from typing import Any

from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import type_of_target

from ..backends import is_sparse, namespace
from ..backends.numpy import namespace as host_namespace
from ..contract import Array, Loss, Saved
from ..errors import ShapeError, require, shown
from ..losses import SoftmaxCrossEntropy
from .arrays import backend_for, beside, can_be_beside, is_foreign, is_number, to_host

SOFTMAX = SoftmaxCrossEntropy()
SEVERAL = "multiclass-multioutput"


def unique(y: Array) -> Array:
    """The values of y (rows,) in rising order."""
    xp = namespace(y)
    if is_number(y) and xp.isdtype(y.dtype, "bool"):
        return xp.astype(xp.sort(xp.unique_values(xp.astype(y, xp.int32))), y.dtype)
    try:
        return xp.sort(xp.unique_values(y))
    except TypeError as error:
        raise ValueError(f"the labels of a target must be of one kind: {error}") from None


class Labels:
    """LabelBinarizer for any library: the classes of y, and y as columns of yes and no."""

    def fit(self, y: Array) -> "Labels":
        """Find the classes of y: integers or booleans (rows,), or 0 and 1 (rows, labels)."""
        xp = namespace(y)
        if y.ndim == 2:
            self.y_type_ = "multilabel-indicator"
            self.classes_ = xp.arange(y.shape[1])
        else:
            self.classes_ = unique(y)
            self.y_type_ = "multiclass" if self.classes_.shape[0] > 2 else "binary"
        return self

    def transform(self, y: Array) -> Array:
        """Booleans (rows, outputs)."""
        if self.y_type_ == "multilabel-indicator":
            return y != 0
        columns = self.classes_[-1:] if self.y_type_ == "binary" else self.classes_
        return y[:, None] == columns[None, :]

    def inverse_transform(self, p: Array) -> Array:
        """The class of each row from probabilities (rows,), (rows, classes), or the labels (rows, labels)."""
        xp, known = namespace(p), beside(self.classes_, p)
        if self.y_type_ == "multilabel-indicator":
            return xp.astype(p > 0.5, known.dtype)
        p = xp.stack([0.0 * p + 0.5, p], axis=1)[:, : known.shape[0]] if p.ndim == 1 else p
        likely = xp.argmax(p, axis=1)
        return xp.take(known, likely, axis=0)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"classes_": to_host(self.classes_)}


class SeveralLabels:
    """The classes of each of several targets, y (rows, targets), and y as their numbers."""

    y_type_ = SEVERAL

    def fit(self, y: Array) -> "SeveralLabels":
        """Find the classes of each column of y."""
        self.classes_ = [unique(y[:, i]) for i in range(y.shape[1])]
        return self

    def transform(self, y: Array) -> Array:
        """The numbers of the classes, (rows, targets) integers. Raises ValueError for a label that fit has not seen."""
        xp, columns = namespace(y), []
        targets = y.shape[1] if y.ndim == 2 else 1
        if targets != len(self.classes_):
            raise ValueError(f"y has {targets} targets, fit had {len(self.classes_)}")
        for i, classes in enumerate(self.classes_):
            same = y[:, i : i + 1] == beside(classes, y)[None, :]
            if not bool(xp.all(xp.any(same, axis=1))):
                raise ValueError(f"`y` has classes not in `self.classes_[{i}]`, which is {to_host(classes)}.")
            columns.append(xp.argmax(xp.astype(same, xp.int8), axis=1))
        return xp.stack(columns, axis=1)

    def parts(self, p: Array) -> list[Array]:
        """The columns of each target, of probabilities of all of them (rows, sum of the numbers of classes)."""
        starts = [0]
        for classes in self.classes_:
            starts.append(starts[-1] + int(classes.shape[0]))
        return [p[:, start:stop] for start, stop in pairwise(starts)]

    def inverse_transform(self, p: Array) -> Array:
        """The class of each target of each row, (rows, targets), from the probabilities of all of them."""
        return self._labels([namespace(p).argmax(part, axis=1) for part in self.parts(p)])

    def restored(self, numbers: Array) -> Array:
        """The labels, (rows, targets), of the numbers that `transform` gave."""
        return self._labels([numbers[:, i] for i in range(numbers.shape[1])])

    def _labels(self, columns: list[Array]) -> Array:
        found = []
        for classes, column in zip(self.classes_, columns, strict=True):
            known = beside(classes, column) if is_number(classes) else classes
            found.append(namespace(known).take(known, beside(column, known), axis=0))
        return namespace(found[0]).stack(found, axis=1)

    def __getstate__(self) -> dict[str, Any]:
        return {"classes_": [to_host(c) if is_foreign(c) else c for c in self.classes_]}


@dataclass(frozen=True)
class SeveralSoftmax(Loss):
    """The sum of softmax cross-entropies, one for each of several targets, with so many classes each.

    Shapes: z (n, sum of sizes), target (n, number of sizes) of class numbers, weight (n,).
    """

    sizes: tuple[int, ...]

    @property
    def labels(self) -> bool:
        return True

    def outputs(self, columns: int) -> int:
        require(columns == len(self.sizes), f"expected a target of {len(self.sizes)} columns, got {columns}")
        return sum(self.sizes)

    def _parts(self, z: Array) -> list[Array]:
        if z.shape[-1] != sum(self.sizes):
            raise ShapeError(f"SeveralSoftmax: expected {sum(self.sizes)} outputs, got {z.shape[-1]}")
        stops = [sum(self.sizes[: i + 1]) for i in range(len(self.sizes))]
        return [z[..., stop - size : stop] for stop, size in zip(stops, self.sizes, strict=True)]

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        pairs = [SOFTMAX.evaluate(part, target[..., i], weight, total) for i, part in enumerate(self._parts(z))]
        value = pairs[0][0]
        for other, _ in pairs[1:]:
            value = value + other
        return value, [saved for _, saved in pairs]

    def backprop(self, saved: Saved) -> Array:
        parts = [SOFTMAX.backprop(own) for own in saved]
        return namespace(parts[0]).concat(parts, axis=-1)

    def predict(self, z: Array) -> Array:
        return namespace(z).concat([SOFTMAX.predict(part) for part in self._parts(z)], axis=-1)


def labels_of(y: Any) -> Any:
    """The binarizer of labels like y: it makes of them what the losses take."""
    if is_foreign(y):
        xp = namespace(y)
        quantity = xp.isdtype(y.dtype, "real floating") and bool(
            xp.any((y != xp.round(y)) | (xp.abs(xp.astype(y, xp.float32)) >= 2.0**63))
        )
        kind = "continuous" if quantity else "multilabel-indicator" if y.ndim == 2 else ""
    else:
        kind = type_of_target(y)
    if kind.startswith("continuous") or kind == "unknown":
        raise ValueError(f"Unknown label type: {kind}. Maybe you are trying to fit a classifier on a quantity?")
    if (kind == SEVERAL and not is_sparse(y)) or (kind in (SEVERAL, "multilabel-indicator") and not is_indicator(y)):
        return SeveralLabels()
    return Labels() if is_foreign(y) else LabelBinarizer()


def is_indicator(y: Any) -> bool:
    """Whether y (rows, labels) is of 0 and 1 alone; other values, even if only two, are names of classes."""
    if is_sparse(y):
        if not ((y.data == 0) | (y.data == 1)).all():
            raise ValueError("y: a sparse matrix of labels holds 0 and 1 alone, got other values")
        return True
    xp = namespace(y) if is_foreign(y) else host_namespace()
    y = y if is_foreign(y) else xp.asarray(y)
    return not bool(xp.any((y != 0) & (y != 1)))


def likeliest(labels: Any, classes: Any, p: Array, X: Any) -> Any:
    """The class of each row beside X, or the labels (rows, labels), from probabilities (rows,) or (rows, outputs)."""
    if type(labels) is LabelBinarizer and not labels.sparse_input_ and not is_foreign(p) and not is_foreign(X):
        if labels.y_type_ == "multiclass":  # without the binarizer's ceremony, which costs more than one row
            return labels.classes_.take(p.argmax(axis=1))
        if labels.y_type_ == "binary" and len(labels.classes_) == 2:
            return labels.classes_.take(p > 0.5)
    known = classes if isinstance(classes, list) else [classes]
    like = X if all(can_be_beside(own, X) for own in known) else None
    anywhere = like is not None and isinstance(labels, (Labels, SeveralLabels))
    return beside(labels.inverse_transform(p if anywhere else to_host(p)), like)


def suited(known: Any, y: Array) -> Any:
    """The same classes for y of another library than before. Raises ValueError for labels other than 0 and 1 there."""
    if known.y_type_ == "multilabel-indicator" and not is_indicator(y):
        raise ValueError("`y` has classes not in `self.classes_`: expected 0 and 1 for each label, as in fit")
    if isinstance(known, SeveralLabels) or is_foreign(y) == isinstance(known, Labels):
        return known
    if not is_foreign(y):
        return binarizer(known)
    if not is_number(known.classes_):
        raise ValueError(f"y is on {backend_for(y).name}, and the classes are text: {known.classes_}")
    labels = Labels()
    labels.y_type_, labels.classes_ = known.y_type_, backend_for(y).asarray(known.classes_)
    return labels


def binarizer(labels: Labels) -> LabelBinarizer:
    """scikit-learn's LabelBinarizer for the same classes."""
    classes = to_host(labels.classes_)
    if labels.y_type_ == "multilabel-indicator":
        return LabelBinarizer().fit([[i == j for j in classes] for i in classes])
    return LabelBinarizer().fit(classes)


def check_known(labels: Any, y: Array, classes: Any) -> None:
    """Raise ValueError if labels on another library's device are none of the classes."""
    if y.ndim == 1 and isinstance(labels, Labels):
        xp, known = namespace(y), backend_for(y).asarray(classes)
        labels.classes_ = known
        if not bool(xp.all(xp.any(y[:, None] == known[None, :], axis=1))):
            raise ValueError(f"`y` has classes not in `self.classes_`. `self.classes_` has {classes}.")


def comparable(y: Any, classes: Any) -> Any:
    """y. Raises ValueError where it is of dates or durations and the classes are not, or the other way round."""
    kinds = [str(getattr(a, "dtype", "other labels")).partition("[")[0] for a in (y, classes)]
    if any("time" in kind for kind in kinds) and kinds[0] != kinds[1]:
        raise ValueError(f"y: expected labels of the type of the classes, {kinds[1]}, got {kinds[0]}")
    return y


def check_class_weight(given: Any, classes: Any) -> None:
    """Raise ValueError for weights of classes that have no meaning, or are all 0. given: a dict, or one per target."""
    for weights in given if isinstance(given, list) else [given]:
        for label, weight in weights.items() if isinstance(weights, dict) else ():
            real = isinstance(weight, Real)
            if not real or not 0 <= weight <= float_info.max:
                what = f"{shown(weight)} for {shown(label)}"
                raise ValueError(f"class_weight: expected finite numbers of at least 0, got {what}")
    known = [] if isinstance(classes, list) else list(to_host(classes))
    if isinstance(given, dict) and known and not any(given.get(c, 1) for c in known):
        raise ValueError("class_weight is 0 for every class: nothing would be learned")


def log_softmax(z: Array) -> Array:
    """The logarithms of softmax, which are finite where its values are 0."""
    xp = namespace(z)
    z = z - xp.max(z, axis=1, keepdims=True)
    return z - xp.log(xp.sum(xp.exp(z), axis=1, keepdims=True))


def summing_to_one(p: Array) -> Array:
    """Probabilities (rows, classes) whose sum, in float64, is at most 1 and at most a rounding of the largest below."""
    xp = namespace(p)
    if p.dtype == xp.float64:
        return p
    exact = xp.astype(p, xp.float64)
    exact = exact / xp.sum(exact, axis=1, keepdims=True)
    near = xp.astype(exact, p.dtype)
    wide = xp.astype(near, xp.float64)
    largest = wide == xp.max(wide, axis=1, keepdims=True)
    largest = largest & (xp.cumulative_sum(xp.astype(largest, xp.int32), axis=1) == 1)  # the first of equals
    rest = 1.0 - xp.sum(xp.where(largest, xp.zeros_like(wide), wide), axis=1, keepdims=True)
    below = xp.astype(rest * (1.0 - 2.0**-24), p.dtype)  # rounded to nearest, this is not above the rest
    return xp.where(largest, below, near)
