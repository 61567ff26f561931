"""Activations: one function on every element. Each shows y = f(x) and its derivative side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

from ..backends import erf, namespace
from ..contract import Array, Key, Layer, Params, Saved
from ..errors import require


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), as (1 + tanh(x / 2)) / 2, which never overflows."""
    y = namespace(x).tanh(0.5 * x)
    y *= 0.5
    y += 0.5
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), as max(x, 0) + log(1 + exp(-|x|)), which never overflows."""
    xp = namespace(x)
    y = xp.log1p(xp.exp(-xp.abs(x)))
    y += xp.maximum(x, 0.0)
    return y


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
class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x));  dx = dy y (1 - y)."""

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y = sigmoid(x)
        return y, y

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        y = saved
        return dy * (y * (1.0 - y)), {}


@dataclass(frozen=True)
class Tanh(Layer):
    """y = tanh(x);  dx = dy (1 - y^2)."""

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y = namespace(x).tanh(x)
        return y, y

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        y = saved
        return dy * (1.0 - y * y), {}


@dataclass(frozen=True)
class ReLU(Layer):
    """y = max(x, 0);  dx = dy where x > 0, else 0."""

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        y = namespace(x).maximum(x, 0.0)
        return y, y

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, y = namespace(dy), saved
        return dy * xp.astype(y > 0.0, dy.dtype), {}


@dataclass(frozen=True)
class LeakyReLU(Layer):
    """y = x where x > 0, else slope x;  dx = dy where x > 0, else slope dy.

    Source: Maas, Hannun & Ng 2013.
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        require(self.slope >= 0, f"LeakyReLU: slope must not be negative, got {self.slope}")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp = namespace(x)
        return xp.maximum(x, 0.0) + self.slope * xp.minimum(x, 0.0), x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, x = namespace(dy), saved
        factor = xp.astype(x > 0.0, dy.dtype)
        factor *= 1.0 - self.slope
        factor += self.slope
        return dy * factor, {}


@dataclass(frozen=True)
class ELU(Layer):
    """y = x where x > 0, else alpha (exp(x) - 1);  dx = dy where x > 0, else dy alpha exp(x).

    Source: Clevert, Unterthiner & Hochreiter 2016, eq. 15.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        require(self.alpha > 0, f"ELU: alpha must be positive, got {self.alpha}")

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp = namespace(x)
        y = xp.maximum(x, 0.0) + self.alpha * xp.expm1(xp.minimum(x, 0.0))
        return y, y

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, y = namespace(dy), saved
        return dy * xp.where(y > 0.0, xp.ones_like(y), y + self.alpha), {}


@dataclass(frozen=True)
class SELU(Layer):
    """y = scale x where x > 0, else scale alpha (exp(x) - 1), which keeps mean 0 and variance 1 from layer to layer.

    Source: Klambauer et al. 2017, eq. 2 and 14.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp = namespace(x)
        y = _SCALE * xp.maximum(x, 0.0) + (_SCALE * _ALPHA) * xp.expm1(xp.minimum(x, 0.0))
        return y, y

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, y = namespace(dy), saved
        return dy * xp.where(y > 0.0, xp.full_like(y, _SCALE), y + _SCALE * _ALPHA), {}


@dataclass(frozen=True)
class GELU(Layer):
    """y = x F, F = (1 + erf(x / sqrt 2)) / 2, the normal distribution;  dx = dy (F + x exp(-x^2 / 2) / sqrt(2 pi)).

    Source: Hendrycks & Gimpel 2016, eq. 1.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        F = 0.5 * erf(x * sqrt(0.5)) + 0.5
        return x * F, (x, F)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (x, F) = namespace(dy), saved
        return dy * (F + x * (xp.exp(-0.5 * x * x) / sqrt(2 * pi))), {}


@dataclass(frozen=True)
class GELUTanh(Layer):
    """y = x (1 + t) / 2, t = tanh(sqrt(2 / pi) (x + 0.044715 x^3)), close to GELU and cheaper.

    Source: Hendrycks & Gimpel 2016, section 2.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp = namespace(x)
        t = xp.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
        return 0.5 * x * (1.0 + t), (x, t)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        x, t = saved
        dt = (1.0 - t * t) * (sqrt(2 / pi) * (1.0 + 3 * 0.044715 * x * x))
        return dy * (0.5 * (1.0 + t) + 0.5 * x * dt), {}


@dataclass(frozen=True)
class SiLU(Layer):
    """y = x s, s = 1 / (1 + exp(-x));  dx = dy s (1 + x (1 - s)). Also called swish.

    Source: Elfwing, Uchibe & Doya 2018, eq. 4 and 5.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        s = sigmoid(x)
        return x * s, (x, s)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        x, s = saved
        return dy * (s * (1.0 + x * (1.0 - s))), {}


@dataclass(frozen=True)
class Mish(Layer):
    """y = x t, t = tanh(log(1 + exp(x)));  dx = dy (t + x (1 - t^2) / (1 + exp(-x))).

    Source: Misra 2020, eq. 1.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        t = namespace(x).tanh(softplus(x))
        return x * t, (x, t)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        x, t = saved
        return dy * (t + x * (1.0 - t * t) * sigmoid(x)), {}


@dataclass(frozen=True)
class Softplus(Layer):
    """y = log(1 + exp(x));  dx = dy / (1 + exp(-x)).

    Source: Dugas et al. 2001.
    """

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        return softplus(x), x

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        return dy * sigmoid(saved), {}


_ALPHA = 1.6732632423543772  # SELU: solutions of its fixed-point equations for mean 0 and variance 1
_SCALE = 1.0507009873554805
