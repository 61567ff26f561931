"""Activations: one function on every element, each shown as y = f(x) and its slope f'(x) side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

from ..backends import erf, namespace
from ..contract import Array, Key, Layer, Params, Saved
from ..settings import NOT_NEGATIVE, POSITIVE, settle


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)): e / (1 + e) where x < 0, 1 / (1 + e) elsewhere, e = exp(-|x|), which never overflows."""
    xp = namespace(x)
    e = xp.exp(-xp.abs(x))
    y = xp.where(x < 0.0, e, xp.ones_like(x))
    e += 1.0
    y /= e
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which never overflows."""
    xp = namespace(x)
    y = xp.log1p(xp.exp(-xp.abs(x)))
    y += xp.maximum(x, 0.0)
    return y


def expm1_below(x: Array) -> Array:
    """exp(min(x, 0)) - 1, as 2 t / (1 - t) with t = tanh(min(x, 0) / 2).

    It keeps its digits near 0 as expm1 does, which on NumPy takes four times as long as tanh.
    """
    xp = namespace(x)
    t = xp.tanh(0.5 * xp.minimum(x, 0.0))
    below = 2.0 * t
    below /= 1.0 - t
    return below


def bent(y: Array, above: float, shift: float) -> Array:
    """`above` where y > 0, else y + shift: the slope of a bent exponential, by sums, which are faster than `where`."""
    xp = namespace(y)
    slope = xp.astype(y > 0.0, y.dtype)
    slope *= above - shift
    slope += xp.minimum(y, 0.0)
    slope += shift
    return slope


class Elementwise(Layer):
    """y = f(x);  dx = dy f'(x). Shapes: x, y (..., n, i), as for all activations below."""

    def value(self, x: Array) -> tuple[Array, Saved]:
        """The function f(x), and what its slope needs."""
        raise TypeError(f"{type(self).__name__} has no value")

    def slope(self, saved: Saved) -> Array:
        """The derivative f'(x), newly made."""
        raise TypeError(f"{type(self).__name__} has no slope")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return self.value(x)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return (self.slope(saved) * dy if need_dx else None), {}


@dataclass(frozen=True)
class Identity(Layer):
    """y = x;  dx = dy."""

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return x, None

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return dy, {}


@dataclass(frozen=True)
class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x));  y' = y (1 - y)."""

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = sigmoid(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return y * (1.0 - y)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """y = tanh(x);  y' = 1 - y^2."""

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = namespace(x).tanh(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return 1.0 - y * y


@dataclass(frozen=True)
class ReLU(Elementwise):
    """y = max(x, 0);  y' = 1 where x > 0, else 0."""

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = namespace(x).maximum(x, 0.0)
        return y, y

    def slope(self, y: Array) -> Array:
        return namespace(y).astype(y > 0.0, y.dtype)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """y = x where x > 0, else negative x;  y' = 1 where x > 0, else negative.

    Source: Maas, Hannun & Ng 2013.
    """

    negative: float = 0.01

    def __post_init__(self) -> None:
        settle(self, negative=NOT_NEGATIVE)

    def value(self, x: Array) -> tuple[Array, Saved]:
        xp = namespace(x)
        return xp.maximum(x, 0.0) + self.negative * xp.minimum(x, 0.0), x

    def slope(self, x: Array) -> Array:
        factor = namespace(x).astype(x > 0.0, x.dtype)
        factor *= 1.0 - self.negative
        factor += self.negative
        return factor


@dataclass(frozen=True)
class ELU(Elementwise):
    """y = x where x > 0, else alpha (exp(x) - 1);  y' = 1 where x > 0, else alpha exp(x).

    Source: Clevert, Unterthiner & Hochreiter 2016, eq. 15.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        settle(self, alpha=POSITIVE)

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = namespace(x).maximum(x, 0.0) + self.alpha * expm1_below(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return bent(y, 1.0, self.alpha)


_ALPHA = 1.6732632423543772  # SELU: solutions of its fixed-point equations for mean 0 and variance 1
_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class SELU(Elementwise):
    """y = scale x where x > 0, else scale alpha (exp(x) - 1), which keeps mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al. 2017, eq. 2 and 14.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = _SCALE * namespace(x).maximum(x, 0.0) + (_SCALE * _ALPHA) * expm1_below(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return bent(y, _SCALE, _SCALE * _ALPHA)


@dataclass(frozen=True)
class GELU(Elementwise):
    """y = x F, F = (1 + erf(x / sqrt 2)) / 2, the normal distribution;  y' = F + x exp(-x^2 / 2) / sqrt(2 pi).

    Source: Hendrycks & Gimpel 2016, eq. 1.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        F = 0.5 * erf(x * sqrt(0.5)) + 0.5
        return x * F, (x, F)

    def slope(self, saved: Saved) -> Array:
        x, F = saved
        return F + x * (namespace(x).exp(-0.5 * x * x) / sqrt(2 * pi))


@dataclass(frozen=True)
class GELUTanh(Elementwise):
    """y = x (1 + t) / 2, t = tanh(sqrt(2 / pi) (x + 0.044715 x^3)), close to GELU and cheaper.

    Source: Hendrycks & Gimpel 2016, section 2.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        t = namespace(x).tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
        return 0.5 * x * (1.0 + t), (x, t)

    def slope(self, saved: Saved) -> Array:
        x, t = saved
        dt = (1.0 - t * t) * (sqrt(2 / pi) * (1.0 + 3 * 0.044715 * x * x))
        return 0.5 * (1.0 + t) + 0.5 * x * dt


@dataclass(frozen=True)
class SiLU(Elementwise):
    """y = x s, s = 1 / (1 + exp(-x));  y' = s (1 + x (1 - s)). Also called swish.

    Source: Elfwing, Uchibe & Doya 2018, eq. 4 and 5.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        s = sigmoid(x)
        return x * s, (x, s)

    def slope(self, saved: Saved) -> Array:
        x, s = saved
        return s * (1.0 + x * (1.0 - s))


@dataclass(frozen=True)
class Mish(Elementwise):
    """y = x t, t = tanh(log(1 + exp(x)));  y' = t + x (1 - t^2) / (1 + exp(-x)).

    With e = exp(x) and m = e (e + 2), t = m / (m + 2) and y' = t + 4 x e (1 + e) / (m + 2)^2: one exp for all of it.
    Source: Misra 2020, eq. 1.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        xp = namespace(x)
        e = xp.exp(xp.minimum(x, 20.0))  # from there on t is 1, and float32 has the square of the square of e
        m = e * (e + 2.0)
        t = m / (m + 2.0)
        return x * t, (x, e, t)

    def slope(self, saved: Saved) -> Array:
        x, e, t = saved
        d = e * (e + 2.0)
        d += 2.0
        d *= d
        slope = e * (1.0 + e)
        slope *= 4.0 * x
        slope /= d
        slope += t
        return slope


@dataclass(frozen=True)
class Softplus(Elementwise):
    """y = log(1 + exp(x));  y' = 1 / (1 + exp(-x)).

    Source: Dugas et al. 2001.
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        return softplus(x), x

    def slope(self, x: Array) -> Array:
        return sigmoid(x)
