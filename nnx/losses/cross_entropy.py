"""Losses for classes, from logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from ..backends import constant, device, each, namespace, per_member
from ..contract import Array, Loss, Saved, Setting
from ..errors import ShapeError, numbers, require, shown
from ..layers.activation import sigmoid, softplus
from ..settings import NOT_NEGATIVE, SHARE, per_member as per_setting, settle
from .mean import as_type, column, same_shape, share, weighted_sum


def holds_labels(target: Array, z: Array) -> bool:
    """True if the target holds the number of a class for each row, and not a column for each class."""
    if not namespace(target).isdtype(target.dtype, ("bool", "integral")):
        return False
    return not (target.ndim == z.ndim and target.shape[-2:] == z.shape[-2:])


def _check_settings(loss: "BinaryCrossEntropy | SoftmaxCrossEntropy") -> None:
    settle(loss, label_smoothing=SHARE, class_weight=None)
    place, weights = f"{type(loss).__name__}: class_weight", loss.class_weight
    if isinstance(weights, Mapping):
        known = set(weights) == set(range(len(weights)))
        require(known, f"{place} must name the classes 0, 1, ..., got {shown(weights)}")
        weights = [weights[k] for k in range(len(weights))]
    if weights is not None:
        several = hasattr(weights, "__iter__") and not isinstance(weights, str)
        require(several, f"{place} must be one number for each class, got {shown(weights)}")
        each_own = any(hasattr(row, "__iter__") for row in weights)  # each member's, or of all
        rows = [per_setting(place, row, NOT_NEGATIVE) for row in (weights if each_own else [weights])]
        require(len({len(numbers(row)) for row in rows}) == 1, f"{place} must be as many for each member")
        plain = tuple(tuple(numbers(row)) for row in rows)
        object.__setattr__(loss, "class_weight", plain if each_own else plain[0])


def _of_classes(weights: Setting, z: Array) -> Array:
    """The weights (..., 1, k) of the classes, from those of all members or of each."""
    return constant(weights, z)[..., None, :]


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """e = log(1 + exp(z)) - t z, z being the logit of t = 1;  dz = s (1 / (1 + exp(-z)) - t).

    Several columns are several independent yes-or-no questions.

    Shapes: z (..., n, k), target (..., n, k), or (..., n) where k = 1, of 0 and 1; weight (..., n).
    Settings: label_smoothing moves t to t (1 - a) + a / 2; class_weight is (weight of 0, weight of 1).
    """

    label_smoothing: Setting = 0.0
    class_weight: Setting = None

    def __post_init__(self) -> None:
        _check_settings(self)
        given = (0.0, 0.0) if self.class_weight is None else self.class_weight
        ok = len(given[0] if isinstance(given[0], tuple) else given) == 2
        require(ok, f"BinaryCrossEntropy: class_weight must be two numbers, got {shown(self.class_weight)}")

    @property
    def domain(self) -> tuple[float, float]:
        return 0.0, 1.0

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        if target.shape[-2:] != z.shape[-2:] and z.shape[-1] == 1:
            target = target[..., None]
        same_shape(self, z, target)
        t = as_type(target, z)
        a, s = self.label_smoothing, share(self.weights(t, weight, z), z.shape[-2], total)
        t = t * per_member(each(lambda a: 1.0 - a, a), z, 2) + per_member(each(lambda a: 0.5 * a, a), z, 2)
        return weighted_sum(softplus(z) - t * z, s), (z, t, s)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        if self.class_weight is None:
            return column(weight, like)
        both = _of_classes(self.class_weight, like)
        zero, one = both[..., :1], both[..., 1:]
        return _times(as_type(target, like) * (one - zero) + zero, weight, like)

    def backprop(self, saved: Saved) -> Array:
        z, t, s = saved
        return (sigmoid(z) - t) * s

    def predict(self, z: Array) -> Array:
        return sigmoid(z)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """e = -t log p, p = exp(z) / sum(exp(z)) over the k classes;  dz = s (p - t).

    Shapes: z (..., n, k); target (..., n) integers in [0, k), or (..., n, k) probabilities; weight (..., n).
    Settings: label_smoothing moves t to t (1 - a) + a / k (Szegedy et al. 2016, section 7); class_weight is one number
    for each class (or such a tuple for each member), and the mean is weighted by it.
    """

    label_smoothing: Setting = 0.0
    class_weight: Setting = None

    def __post_init__(self) -> None:
        _check_settings(self)

    @property
    def labels(self) -> bool:
        return True

    @property
    def domain(self) -> tuple[float, float]:
        return 0.0, inf  # labels; probabilities are checked to add up to 1

    def evaluate(
        self, z: Array, target: Array, weight: Array | None = None, total: Array | float | None = None
    ) -> tuple[Array, Saved]:
        xp, k = namespace(z), z.shape[-1]
        t = self._one_hot(z, target)
        a, s = self.label_smoothing, share(self._weights(t, weight, z), z.shape[-2], total)
        if any(numbers(a)):
            t = t * per_member(each(lambda a: 1.0 - a, a), z, 2) + per_member(each(lambda a: a / k, a), z, 2)
        log_p = z - xp.max(z, axis=-1, keepdims=True)
        p = xp.exp(log_p)
        total = xp.sum(p, axis=-1, keepdims=True)
        log_p -= xp.log(total)
        p /= total
        return -weighted_sum(t * log_p, s), (p, t, s)

    def backprop(self, saved: Saved) -> Array:
        p, t, s = saved
        return (p - t) * s

    def predict(self, z: Array) -> Array:
        xp = namespace(z)
        p = xp.exp(z - xp.max(z, axis=-1, keepdims=True))
        p /= xp.sum(p, axis=-1, keepdims=True)
        return p

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        if self.class_weight is None:
            return column(weight, like)
        if namespace(target).isdtype(target.dtype, ("bool", "integral")):
            target = one_hot(target, _of_classes(self.class_weight, like).shape[-1], like)
        return self._weights(target, weight, like)

    def _weights(self, t: Array, weight: Array | None, z: Array) -> Array | None:
        if self.class_weight is None:
            return column(weight, z)
        each_class = _of_classes(self.class_weight, z)
        if each_class.shape[-1] != t.shape[-1]:
            raise ShapeError(f"SoftmaxCrossEntropy: {each_class.shape[-1]} class weights for {t.shape[-1]} classes")
        return _times(namespace(t).sum(t * each_class, axis=-1, keepdims=True), weight, z)

    def _one_hot(self, z: Array, target: Array) -> Array:
        k = z.shape[-1]
        if holds_labels(target, z):
            if target.shape[-1:] != z.shape[-2:-1]:
                raise ShapeError(f"SoftmaxCrossEntropy: {target.shape[-1]} labels for {z.shape[-2]} rows")
            return one_hot(target, k, z)
        same_shape(self, z, target)
        return as_type(target, z)


def one_hot(labels: Array, k: int, z: Array) -> Array:
    """The column (..., n, k) of each label (..., n) as 1, the others 0, in z's float type."""
    xp = namespace(z)
    if xp.isdtype(labels.dtype, "bool"):
        labels = xp.astype(labels, xp.int32)
    return xp.astype(labels[..., None] == xp.arange(k, dtype=labels.dtype, device=device(z)), z.dtype)


def _times(classes: Array, weight: Array | None, z: Array) -> Array:
    """The weights of the rows' classes times their own."""
    w = column(weight, z)
    return classes if w is None else classes * w
