"""Losses for classes, from logits."""

from dataclasses import dataclass
from math import inf

from ..backends import constant, device, namespace, per_member
from ..contract import Array, Loss, Saved, Setting
from ..errors import ShapeError, numbers, require, settle
from ..layers.activation import sigmoid, softplus
from .mean import column, like, same_shape, share, weighted_sum


def holds_labels(target: Array, z: Array) -> bool:
    """Whether the target holds the number of a class for each row, and not a column for each class."""
    if not namespace(target).isdtype(target.dtype, ("bool", "integral")):
        return False
    return not (target.ndim == z.ndim and target.shape[-2:] == z.shape[-2:])


def _check_settings(loss: "BinaryCrossEntropy | SoftmaxCrossEntropy") -> None:
    settle(loss)
    for v in numbers(loss.label_smoothing):
        require(0 <= v < 1, f"{type(loss).__name__}: label_smoothing must be at least 0 and below 1, got {v}")
    weights = loss.class_weight
    if isinstance(weights, dict):
        known = set(weights) == set(range(len(weights)))
        require(known, f"{type(loss).__name__}: class_weight must name the classes 0, 1, ..., got {weights}")
        object.__setattr__(loss, "class_weight", tuple(float(weights[k]) for k in range(len(weights))))


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """e = log(1 + exp(z)) - t z, z being the logit of t = 1;  dz = s (1 / (1 + exp(-z)) - t).

    Several columns are several independent yes-or-no questions.

    Shapes: z (..., n, k), target (..., n, k), or (..., n) where k = 1, of 0 and 1; weight (..., n).
    Settings: label_smoothing moves t to t (1 - a) + a / 2; class_weight is (weight of 0, weight of 1).
    """

    label_smoothing: Setting = 0.0
    class_weight: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _check_settings(self)
        ok = self.class_weight is None or (len(self.class_weight) == 2 and min(self.class_weight) >= 0)
        require(ok, f"BinaryCrossEntropy: class_weight must be two numbers >= 0, got {self.class_weight}")

    @property
    def domain(self) -> tuple[float, float]:
        return 0.0, 1.0

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        if target.shape[-2:] != z.shape[-2:] and z.shape[-1] == 1:
            target = target[..., None]
        same_shape(self, z, target)
        t = like(target, z)
        w = column(weight, z)
        if self.class_weight is not None:
            zero, one = self.class_weight
            classes = t * (one - zero) + zero
            w = classes if w is None else classes * w
        a, s = per_member(self.label_smoothing, z, 2), share(w, z.shape[-2])
        t = t * (1.0 - a) + 0.5 * a
        return weighted_sum(softplus(z) - t * z, s), (z, t, s)

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
    for each class, and the mean is weighted by it.
    """

    label_smoothing: Setting = 0.0
    class_weight: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_settings(self)
        if self.class_weight is not None:
            object.__setattr__(self, "class_weight", tuple(float(w) for w in self.class_weight))
            fine = min(self.class_weight, default=-1) >= 0
            require(fine, f"SoftmaxCrossEntropy: class_weight must be numbers >= 0, got {self.class_weight}")

    @property
    def labels(self) -> bool:
        return True

    @property
    def domain(self) -> tuple[float, float]:
        return 0.0, inf  # labels; probabilities are checked to add up to 1

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        xp, k = namespace(z), z.shape[-1]
        t = self._one_hot(z, target)
        w = column(weight, z)
        if self.class_weight is not None:
            if len(self.class_weight) != k:
                raise ShapeError(f"SoftmaxCrossEntropy: {len(self.class_weight)} class weights for {k} classes")
            classes = xp.sum(t * constant(self.class_weight, z), axis=-1, keepdims=True)
            w = classes if w is None else classes * w
        a, s = per_member(self.label_smoothing, z, 2), share(w, z.shape[-2])
        if not (isinstance(a, (int, float)) and a == 0):
            t = t * (1.0 - a) + a / k
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

    def _one_hot(self, z: Array, target: Array) -> Array:
        xp, k = namespace(z), z.shape[-1]
        if holds_labels(target, z):
            if target.shape[-1:] != z.shape[-2:-1]:
                raise ShapeError(f"SoftmaxCrossEntropy: {target.shape[-1]} labels for {z.shape[-2]} rows")
            if xp.isdtype(target.dtype, "bool"):
                target = xp.astype(target, xp.int32)
            return xp.astype(target[..., None] == xp.arange(k, dtype=target.dtype, device=device(z)), z.dtype)
        same_shape(self, z, target)
        return like(target, z)
