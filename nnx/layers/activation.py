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
    """log(1 + exp(x)), as log(1 + exp(-|x|)) - min(-x, 0), which never overflows; both bend to one side at 0."""
    xp = namespace(x)
    y = xp.log1p(xp.exp(-xp.abs(x)))
    y -= xp.minimum(-x, 0.0)
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
    """The base of the activations: y = f(x) on each element by itself, and dx = dy f'(x).

    Shapes: x, y (..., n, i), as for all activations below.
    """

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
    """No change: y = x and dx = dy.

    It stands where an activation or a layer is asked for and none is wanted. By name: `activation="identity"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Examples
    --------
    >>> y, _ = nnx.Identity().evaluate({}, np.array([[-1.0, 2.0]]))
    >>> y.tolist()
    [[-1.0, 2.0]]
    """

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
    """Logistic sigmoid: y = 1 / (1 + exp(-x)), between 0 and 1.

    The slope is `y' = y (1 - y)`, 1/4 at most, so that gradients shrink in a deep chain of it. For probabilities use a
    loss that takes logits, such as `nnx.BinaryCrossEntropy`, and no Sigmoid at the end. By name:
    `activation="sigmoid"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Neither a large nor a small x overflows.

    Examples
    --------
    >>> y, _ = nnx.Sigmoid().evaluate({}, np.array([[-1000.0, 0.0, 1000.0]]))
    >>> y.tolist()
    [[0.0, 0.5, 1.0]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = sigmoid(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return y * (1.0 - y)


@dataclass(frozen=True)
class Tanh(Elementwise):
    """Hyperbolic tangent: y = tanh(x), between -1 and 1.

    The slope is `y' = 1 - y^2`. By name: `activation="tanh"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Examples
    --------
    >>> y, _ = nnx.Tanh().evaluate({}, np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(3).tolist()
    [[-0.762, 0.0, 0.762]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = namespace(x).tanh(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return 1.0 - y * y


@dataclass(frozen=True)
class ReLU(Elementwise):
    """Rectified linear unit: y = max(x, 0).

    The slope is `y' = 1` where `x > 0`, else 0. It is the activation of `nnx.mlp` where none is named. By name:
    `activation="relu"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Examples
    --------
    >>> y, _ = nnx.ReLU().evaluate({}, np.array([[-1.0, 0.0, 2.0]]))
    >>> y.tolist()
    [[0.0, 0.0, 2.0]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = namespace(x).maximum(x, 0.0)
        return y, y

    def slope(self, y: Array) -> Array:
        return namespace(y).astype(y > 0.0, y.dtype)


@dataclass(frozen=True)
class LeakyReLU(Elementwise):
    """Leaky rectified linear unit: y = x where x > 0, else negative x.

    The slope is `y' = 1` where `x > 0`, else `negative`: a unit whose x is always negative still learns, as it would
    not with `nnx.ReLU`. By name: `activation="leaky_relu"`.

    Parameters
    ----------
    negative : float, default 0.01
        Slope where x is not positive, at least 0.

    Raises
    ------
    SettingError
        If negative is below 0 or no finite number.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Maas, Hannun & Ng 2013.

    Examples
    --------
    >>> y, _ = nnx.LeakyReLU(0.1).evaluate({}, np.array([[-2.0, 0.0, 2.0]]))
    >>> y.round(3).tolist()
    [[-0.2, 0.0, 2.0]]
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
    """Exponential linear unit: y = x where x > 0, else alpha (exp(x) - 1).

    The slope is `y' = 1` where `x > 0`, else `alpha exp(x)`. Unlike `nnx.ReLU` it gives negative values, down to
    -alpha. By name: `activation="elu"`.

    Parameters
    ----------
    alpha : float, default 1.0
        The value that y falls towards is -alpha; positive.

    Raises
    ------
    SettingError
        If alpha is not positive or no finite number.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Clevert, Unterthiner & Hochreiter 2016, eq. 15.

    Examples
    --------
    >>> y, _ = nnx.ELU().evaluate({}, np.array([[-1.0, 0.0, 2.0]]))
    >>> y.round(3).tolist()
    [[-0.632, 0.0, 2.0]]
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
    """Scaled exponential linear unit: y = scale x where x > 0, else scale alpha (exp(x) - 1).

    The constants, `alpha = 1.6733` and `scale = 1.0507`, keep mean 0 and variance 1 from layer to layer, for weights
    that begin by `nnx.LeCunNormal`. The slope is `y' = scale` where `x > 0`, else `scale alpha exp(x)`. By name:
    `activation="selu"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Klambauer et al. 2017, eq. 2 and 14.

    Examples
    --------
    >>> y, _ = nnx.SELU().evaluate({}, np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(3).tolist()
    [[-1.111, 0.0, 1.051]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        y = _SCALE * namespace(x).maximum(x, 0.0) + (_SCALE * _ALPHA) * expm1_below(x)
        return y, y

    def slope(self, y: Array) -> Array:
        return bent(y, _SCALE, _SCALE * _ALPHA)


@dataclass(frozen=True)
class GELU(Elementwise):
    """Gaussian error linear unit: y = x F, F = (1 + erf(x / sqrt 2)) / 2 being the normal distribution.

    The slope is `y' = F + x exp(-x^2 / 2) / sqrt(2 pi)`. It is a smooth form of `nnx.ReLU`. By name:
    `activation="gelu"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Hendrycks & Gimpel 2016, eq. 1.

    Examples
    --------
    >>> y, _ = nnx.GELU().evaluate({}, np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(3).tolist()
    [[-0.159, 0.0, 0.841]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        F = 0.5 * erf(x * sqrt(0.5)) + 0.5
        return x * F, (x, F)

    def slope(self, saved: Saved) -> Array:
        x, F = saved
        return F + x * (namespace(x).exp(-0.5 * x * x) / sqrt(2 * pi))


@dataclass(frozen=True)
class GELUTanh(Elementwise):
    """GELU by a hyperbolic tangent: y = x (1 + t) / 2, t = tanh(sqrt(2 / pi) (x + 0.044715 x^3)).

    It is close to `nnx.GELU` and cheaper. The slope is
    `y' = (1 + t) / 2 + x (1 - t^2) sqrt(2 / pi) (1 + 3 0.044715 x^2) / 2`. By name: `activation="gelu_tanh"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Hendrycks & Gimpel 2016, section 2.

    Examples
    --------
    >>> x = np.linspace(-4, 4, 81).reshape(1, 81)
    >>> near, exact = (f.evaluate({}, x)[0] for f in (nnx.GELUTanh(), nnx.GELU()))
    >>> bool(abs(near - exact).max() < 0.001)
    True
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
    """Sigmoid linear unit, also called swish: y = x s, s = 1 / (1 + exp(-x)).

    The slope is `y' = s (1 + x (1 - s))`. By name: `activation="silu"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    Source: Elfwing, Uchibe & Doya 2018, eq. 4 and 5.

    Examples
    --------
    >>> y, _ = nnx.SiLU().evaluate({}, np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(3).tolist()
    [[-0.269, 0.0, 0.731]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        s = sigmoid(x)
        return x * s, (x, s)

    def slope(self, saved: Saved) -> Array:
        x, s = saved
        return s * (1.0 + x * (1.0 - s))


@dataclass(frozen=True)
class Mish(Elementwise):
    """Mish: y = x t, t = tanh(log(1 + exp(x))).

    The slope is `y' = t + x (1 - t^2) / (1 + exp(-x))`. By name: `activation="mish"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    With `e = exp(x)` and `m = e (e + 2)` it is computed as `t = m / (m + 2)` and
    `y' = t + 4 x e (1 + e) / (m + 2)^2`: one exp for all of it.

    Source: Misra 2020, eq. 1.

    Examples
    --------
    >>> y, _ = nnx.Mish().evaluate({}, np.array([[-1.0, 0.0, 1.0]]))
    >>> y.round(3).tolist()
    [[-0.303, 0.0, 0.865]]
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
    """Softplus: y = log(1 + exp(x)), a smooth max(x, 0).

    The slope is `y' = 1 / (1 + exp(-x))`. y is positive, as a rate or a deviation has to be. By name:
    `activation="softplus"`.

    Notes
    -----
    Shapes: x, y (..., n, i).

    A large x does not overflow.

    Source: Dugas et al. 2001.

    Examples
    --------
    >>> y, _ = nnx.Softplus().evaluate({}, np.array([[-1.0, 0.0, 1000.0]]))
    >>> y.round(3).tolist()
    [[0.313, 0.693, 1000.0]]
    """

    def value(self, x: Array) -> tuple[Array, Saved]:
        return softplus(x), x

    def slope(self, x: Array) -> Array:
        return sigmoid(x)
