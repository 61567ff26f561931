"""Losses: a mean over the batch of the sum over the features, and its gradient.

With weights w (one for each row, or class) the mean is sum(w e) / sum(w). The letters: z is the network's output
(..., n, k), e its loss for each element, s = w / sum(w) the share of each row in the mean (1/n without weights).
"""

from dataclasses import dataclass

from .backends import constant, device, namespace, per_member
from .contract import Array, Loss, Saved, Setting
from .errors import ShapeError, numbers, require
from .layers.activation import sigmoid, softplus

_TINY = 1e-30  # keeps sum(w) from being 0 where a batch has only rows of weight 0


def _share(weight: Array | None, n: int) -> Array | float:
    """s, from weights (..., n, 1 or k)."""
    if weight is None:
        return 1.0 / max(n, 1)
    xp = namespace(weight)
    return weight / xp.maximum(xp.sum(weight, axis=-2, keepdims=True), _TINY)


def _column(weight: Array | None) -> Array | None:
    return None if weight is None else weight[..., None]


def _total(e: Array, s: Array | float) -> Array:
    """sum(e s), without a pass of its own for an s that is one number."""
    xp = namespace(e)
    return xp.sum(e, axis=(-2, -1)) * s if isinstance(s, float) else xp.sum(e * s, axis=(-2, -1))


def _same_shape(loss: Loss, z: Array, target: Array) -> None:
    if z.shape[-2:] != target.shape[-2:]:
        raise ShapeError(
            f"{type(loss).__name__}: target has shape {target.shape}, expected {z.shape[-2:]} as the output"
        )


@dataclass(frozen=True)
class SquaredError(Loss):
    """e = (z - t)^2 / 2;  dz = s (z - t).

    Shapes: z (..., n, k), target (..., n, k), weight (..., n).
    Raises: ShapeError if z and target differ in their last two axes.
    """

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        _same_shape(self, z, target)
        d, s = z - target, _share(_column(weight), z.shape[-2])
        return 0.5 * _total(d * d, s), (d, s)

    def backprop(self, saved: Saved) -> Array:
        d, s = saved
        return d * s


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """e = |z - t|;  dz = s sign(z - t). Its minimum is the median.

    Shapes: z (..., n, k), target (..., n, k), weight (..., n).
    """

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        _same_shape(self, z, target)
        d, s = z - target, _share(_column(weight), z.shape[-2])
        return _total(namespace(d).abs(d), s), (d, s)

    def backprop(self, saved: Saved) -> Array:
        d, s = saved
        return namespace(d).sign(d) * s


@dataclass(frozen=True)
class Huber(Loss):
    """e = c (d - c / 2) with d = z - t and c = d held within [-delta, delta];  dz = s c.

    That is d^2 / 2 near the target and delta (|d| - delta / 2) away from it.

    Shapes: z (..., n, k), target (..., n, k), weight (..., n).
    Source: Huber 1964, section 3.
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        require(self.delta > 0, f"Huber: delta must be positive, got {self.delta}")

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        _same_shape(self, z, target)
        xp = namespace(z)
        d, s = z - target, _share(_column(weight), z.shape[-2])
        c = xp.minimum(xp.maximum(d, -self.delta), self.delta)
        return _total(c * (d - 0.5 * c), s), (c, s)

    def backprop(self, saved: Saved) -> Array:
        c, s = saved
        return c * s


@dataclass(frozen=True)
class Quantile(Loss):
    """e = max(q d, (q - 1) d) with d = t - z, for each level q at once;  dz = s ((z > t) - q).

    Shapes: z (..., n, number of levels), target (..., n, 1), weight (..., n).
    Source: Koenker & Bassett 1978, eq. 3.2.
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(float(q) for q in self.levels))
        fine = len(self.levels) > 0 and all(0 < q < 1 for q in self.levels)
        require(fine, f"Quantile: levels must lie between 0 and 1, got {self.levels}")

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        if z.shape[-1] != len(self.levels) or target.shape[-2:] != (z.shape[-2], 1):
            raise ShapeError(
                f"Quantile: expected output ({z.shape[-2]}, {len(self.levels)}) and target ({z.shape[-2]}, 1), "
                f"got {z.shape[-2:]} and {target.shape[-2:]}"
            )
        xp, q = namespace(z), constant(self.levels, z)
        d, s = target - z, _share(_column(weight), z.shape[-2])
        return _total(xp.maximum(q * d, (q - 1.0) * d), s), (d, q, s)

    def backprop(self, saved: Saved) -> Array:
        d, q, s = saved
        return (namespace(d).astype(d < 0.0, d.dtype) - q) * s


@dataclass(frozen=True)
class Poisson(Loss):
    """e = exp(z) - t z, z being the logarithm of the expected count;  dz = s (exp(z) - t).

    Shapes: z (..., n, k), target (..., n, k) of counts >= 0, weight (..., n).
    Source: the negative log-likelihood of the Poisson distribution without its constant log(t!).
    """

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        _same_shape(self, z, target)
        mean, s = self.predict(z), _share(_column(weight), z.shape[-2])
        return _total(mean - target * z, s), (mean, target, s)

    def backprop(self, saved: Saved) -> Array:
        mean, target, s = saved
        return (mean - target) * s

    def predict(self, z: Array) -> Array:
        return namespace(z).exp(z)


def _is_integer(target: Array) -> bool:
    return bool(namespace(target).isdtype(target.dtype, ("bool", "integral")))


def _smoothing(loss: Loss, value: Setting) -> None:
    for v in numbers(value):
        require(0 <= v < 1, f"{type(loss).__name__}: label_smoothing must be at least 0 and below 1, got {v}")


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
        _smoothing(self, self.label_smoothing)
        ok = self.class_weight is None or (len(self.class_weight) == 2 and min(self.class_weight) >= 0)
        require(ok, f"BinaryCrossEntropy: class_weight must be two numbers >= 0, got {self.class_weight}")

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        if target.shape[-2:] != z.shape[-2:] and z.shape[-1] == 1:
            target = target[..., None]
        _same_shape(self, z, target)
        t = namespace(z).astype(target, z.dtype)
        w = _column(weight)
        if self.class_weight is not None:
            zero, one = self.class_weight
            classes = t * (one - zero) + zero
            w = classes if w is None else classes * w
        a, s = per_member(self.label_smoothing, z, 2), _share(w, z.shape[-2])
        t = t * (1.0 - a) + 0.5 * a
        return _total(softplus(z) - t * z, s), (z, t, s)

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
        _smoothing(self, self.label_smoothing)
        if self.class_weight is not None:
            object.__setattr__(self, "class_weight", tuple(float(w) for w in self.class_weight))
            fine = min(self.class_weight, default=-1) >= 0
            require(fine, f"SoftmaxCrossEntropy: class_weight must be numbers >= 0, got {self.class_weight}")

    @property
    def labels(self) -> bool:
        return True

    def evaluate(self, z: Array, target: Array, weight: Array | None = None) -> tuple[Array, Saved]:
        xp, k = namespace(z), z.shape[-1]
        t = self._one_hot(z, target)
        w = _column(weight)
        if self.class_weight is not None:
            if len(self.class_weight) != k:
                raise ShapeError(f"SoftmaxCrossEntropy: {len(self.class_weight)} class weights for {k} classes")
            classes = xp.sum(t * constant(self.class_weight, z), axis=-1, keepdims=True)
            w = classes if w is None else classes * w
        a, s = per_member(self.label_smoothing, z, 2), _share(w, z.shape[-2])
        if not (isinstance(a, (int, float)) and a == 0):
            t = t * (1.0 - a) + a / k
        log_p = z - xp.max(z, axis=-1, keepdims=True)
        p = xp.exp(log_p)
        total = xp.sum(p, axis=-1, keepdims=True)
        log_p -= xp.log(total)
        p /= total
        return -_total(t * log_p, s), (p, t, s)

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
        if _is_integer(target):
            if target.shape[-1:] != z.shape[-2:-1]:
                raise ShapeError(f"SoftmaxCrossEntropy: {target.shape[-1]} labels for {z.shape[-2]} rows")
            target = target[..., None] == xp.arange(k, dtype=target.dtype, device=device(z))
            return xp.astype(target, z.dtype)
        _same_shape(self, z, target)
        return target


LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "binary_cross_entropy": BinaryCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
}
