"""Losses for classes, from logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from ..backends import constant, device, each, namespace, per_member
from ..contract import Array, Loss, Saved, Setting
from ..errors import ShapeError, numbers, require, shown
from ..layers.activation import sigmoid
from ..settings import NOT_NEGATIVE, SHARE, per_member as per_setting, settle
from .mean import as_type, check_given, column, same_shape, shares, weighted_sum


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
        # each member's, or of all; an element of a tensor has no axes, though it has __iter__
        each_own = any(hasattr(row, "__iter__") and getattr(row, "ndim", 1) for row in weights)
        rows = [per_setting(place, row, NOT_NEGATIVE) for row in (weights if each_own else [weights])]
        require(len({len(numbers(row)) for row in rows}) == 1, f"{place} must be as many for each member")
        some = all(any(numbers(row)) for row in rows)
        require(some, f"{place} is 0 for every class: nothing would be learned")
        plain = tuple(tuple(numbers(row)) for row in rows)
        object.__setattr__(loss, "class_weight", plain if each_own else plain[0])


def _of_classes(weights: Setting, z: Array) -> Array:
    """The weights (..., 1, k) of the classes, from those of all members or of each, the largest of each being 1."""
    rows = [_relative(row) for row in weights] if isinstance(weights[0], tuple) else _relative(weights)
    return constant(tuple(rows), z)[..., None, :]


def _relative(weights: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(w / max(weights) for w in weights)


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Cross-entropy of yes-or-no questions from logits: e = log(1 + exp(z)) - t z, z being the logit of t = 1.

    The gradient is `dz = s (1 / (1 + exp(-z)) - t)`, s being the share of each row in the mean (1/n without weights).
    `predict` gives the probability of t = 1. Several columns are several independent yes-or-no questions. By name:
    `loss="binary_cross_entropy"`.

    Parameters
    ----------
    label_smoothing : float or sequence of float, default 0.0
        A share a from 0, for none, to below 1: t is moved to `t (1 - a) + a / 2`. A sequence has one for each member of
        a population.
    class_weight : sequence of float or dict, optional
        (weight of 0, weight of 1), or a dict {0: ..., 1: ...}, at least 0; or such a sequence for each member of a
        population. Only the ratio counts. None, the default: both count the same.

    Raises
    ------
    SettingError
        If label_smoothing is out of range, or class_weight is not two numbers, not both 0.
    ShapeError
        If z and target differ in their last two axes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k), target (..., n, k), or (..., n) where k = 1, of 0 and 1; weight (..., n).

    With `q = 1 / (1 + exp(|z|))` and c the part of the target on the other side of z, `1 - t` where `z >= 0` and else
    t, `e = log(1 + exp(-|z|)) + c |z|` and `dz = s (c - q)`, its sign turned where `z < 0`: neither loses digits where
    z is large.

    Examples
    --------
    >>> loss = nnx.BinaryCrossEntropy()
    >>> value, saved = loss.evaluate(np.array([[0.0], [2.0]]), np.array([0, 1]))
    >>> round(float(value), 3), loss.predict(np.array([[0.0], [2.0]])).round(3).tolist()
    (0.41, [[0.5], [0.881]])
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
        check_given(self, z, target, weight)
        if target.shape[-2:] != z.shape[-2:] and z.shape[-1] == 1:
            target = target[..., None]
        same_shape(self, z, target)
        xp, t, s = namespace(z), as_type(target, z), shares(self, target, weight, z, total)
        below, size = z < 0.0, xp.abs(z)
        c = _smoothed(xp.where(below, t, 1.0 - t), self.label_smoothing, 2)
        e = xp.exp(-size)
        far = xp.where(c > 0.0, size, 0.0)  # where c is 0, z may be infinite
        far *= c
        far += xp.log1p(e)
        return weighted_sum(far, s), (below, c, e, s)

    def weights(self, target: Array, weight: Array | None, like: Array) -> Array | None:
        if self.class_weight is None:
            return column(weight, like)
        both, t = _of_classes(self.class_weight, like), as_type(target, like)
        return _times(t * both[..., 1:] + (1.0 - t) * both[..., :1], weight, like)

    def backprop(self, saved: Saved) -> Array:
        below, c, e, s = saved
        d = c - e / (1.0 + e)
        return namespace(d).where(below, -d, d) * s

    def predict(self, z: Array) -> Array:
        return sigmoid(z)


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of k classes from logits: e = -t log p, p = exp(z) / sum(exp(z)) over the classes.

    The gradient is `dz = s (p - t)`, s being the share of each row in the mean (1/n without weights). `predict` gives
    the probabilities p. By name: `loss="softmax_cross_entropy"`.

    Parameters
    ----------
    label_smoothing : float or sequence of float, default 0.0
        A share a from 0, for none, to below 1: t is moved to `t (1 - a) + a / k`. A sequence has one for each member of
        a population.
    class_weight : sequence of float or dict, optional
        One number for each class, or a dict {0: ..., 1: ..., ...}, at least 0; or such a sequence for each member of a
        population. The mean is weighted by it, and only the ratios count. None, the default: all count the same.

    Raises
    ------
    SettingError
        If label_smoothing is out of range, or class_weight is 0 for every class or does not name the classes 0, 1, ...
    ShapeError
        If target does not fit z, class_weight is for another number of classes, or weight is not one for each row.
    DataError
        If one of them holds no real numbers.

    Notes
    -----
    Shapes: z (..., n, k); target (..., n) integers in [0, k), or (..., n, k) probabilities; weight (..., n).

    Source: label smoothing as in Szegedy et al. 2016, section 7.

    Examples
    --------
    >>> loss = nnx.SoftmaxCrossEntropy()
    >>> value, saved = loss.evaluate(np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), np.array([0, 0]))
    >>> round(float(value), 3), loss.predict(np.array([[2.0, 0.0, 0.0]])).round(3).tolist()
    (0.669, [[0.787, 0.107, 0.107]])
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
        check_given(self, z, target, weight)
        xp, t = namespace(z), self._one_hot(z, target)
        s = shares(self, t, weight, z, total)
        log_p, e, rest = softmax_parts(z)
        log_p -= xp.log1p(rest)
        smooth = _smoothed(t, self.label_smoothing, z.shape[-1])
        error = xp.where(smooth > 0.0, log_p, 0.0)  # where it is 0, log p may be infinite
        error *= smooth
        return -weighted_sum(error, s), (e, t, rest, s)

    def backprop(self, saved: Saved) -> Array:
        e, t, rest, s = saved
        whole = 1.0 + rest
        d = e - t
        d -= t * rest
        d /= whole
        if any(numbers(self.label_smoothing)):
            d = _of_smoothing(d, e / whole, self.label_smoothing)
        d *= s
        return d

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


def softmax_parts(z: Array) -> tuple[Array, Array, Array]:
    """z less the largest of its row, e = exp of that, and the sum of the row's e but for one of its largest, a 1.

    Then p = e / (1 + rest) and log p = log e - log1p(rest): the 1 takes no digits of the rest where p is near it.
    """
    xp = namespace(z)
    gap = z - xp.max(z, axis=-1, keepdims=True)
    e = xp.exp(gap)
    whole = xp.sum(e, axis=-1, keepdims=True)
    small = xp.sum(xp.where(e < 1.0, e, 0.0), axis=-1, keepdims=True)
    return gap, e, xp.where(whole < 1.5, small, whole - 1.0)  # there may be several 1s


def _smoothed(t: Array, smoothing: Setting, k: int) -> Array:
    """t (1 - a) + a / k."""
    if not any(numbers(smoothing)):
        return t
    return t * per_member(each(lambda a: 1.0 - a, smoothing), t, 2) + per_member(each(lambda a: a / k, smoothing), t, 2)


def _of_smoothing(d: Array, p: Array, smoothing: Setting) -> Array:
    """p - t (1 - a) - a / k from d = p - t, as d (1 - a) + a (p - 1 / k), which keeps its digits where d is small."""
    a, rest = per_member(smoothing, p, 2), per_member(each(lambda a: 1.0 - a, smoothing), p, 2)
    return d * rest + a * (p - 1.0 / p.shape[-1])


def one_hot(labels: Array, k: int, z: Array) -> Array:
    """The column (..., n, k) of each label (..., n) as 1, the others 0, in z's float type."""
    labels = whole(labels)
    xp, kind = namespace(labels), labels.dtype  # a host array beside z of JAX, which would wrap its integers
    classes = xp.astype(xp.arange(k, dtype=xp.int32, device=device(labels)), kind)
    return namespace(z).astype(labels[..., None] == classes, z.dtype)


def whole(labels: Array) -> Array:
    """Labels as integers of at least 32 bits, which hold the number of any class: 300 is none of 8 bits."""
    xp = namespace(labels)
    if xp.isdtype(labels.dtype, "bool") or labels.dtype in (xp.int8, xp.uint8, xp.int16, xp.uint16):
        return xp.astype(labels, xp.int32)
    return labels


def _times(classes: Array, weight: Array | None, z: Array) -> Array:
    """The weights of the rows' classes times their own."""
    w = column(weight, z)
    return classes if w is None else classes * w
