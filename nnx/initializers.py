"""Initial weights. Each takes the shape (inputs, outputs) and draws in float64 on the host.

The bound of a uniform distribution of variance s^2 is s sqrt(3).
"""

from dataclasses import dataclass
from math import sqrt

from .backends import namespace
from .contract import Array, Draw, Initializer
from .settings import NOT_NEGATIVE, settle


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight the same number.

    Parameters
    ----------
    value : float
        The number.

    Raises
    ------
    SettingError
        If value is no finite number.

    Examples
    --------
    >>> nnx.init(nnx.Dense(3, bias=nnx.Constant(0.5)), 2)["b"].tolist()
    [0.5, 0.5, 0.5]
    """

    value: float

    def __post_init__(self) -> None:
        settle(self)

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return draw.constant(shape, self.value)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every weight 0, as biases begin.

    Examples
    --------
    >>> nnx.init(nnx.Dense(2, weight=nnx.Zeros()), 2)["W"].tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return draw.constant(shape, 0.0)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal of mean 0 with this standard deviation, whatever the shape of the weight.

    Parameters
    ----------
    deviation : float, default 1.0
        Standard deviation, at least 0.

    Raises
    ------
    SettingError
        If deviation is negative or no finite number.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.Normal(0.1)), 100)["W"]
    >>> round(float(W.std()), 2)
    0.1
    """

    deviation: float = 1.0

    def __post_init__(self) -> None:
        settle(self, deviation=NOT_NEGATIVE)

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return self.deviation * draw.normal(shape)


@dataclass(frozen=True)
class Signs(Initializer):
    """-1 or 1, the one as likely as the other.

    It is how the factors of the members of `nnx.tabm` begin.

    Notes
    -----
    Source: Wen, Tran & Ba 2020.

    Examples
    --------
    >>> np.unique(nnx.init(nnx.Dense(20, weight=nnx.Signs()), 10)["W"]).tolist()
    [-1.0, 1.0]
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        u = draw.uniform(shape)
        return 2 * namespace(u).floor(2 * u) - 1


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform, variance 2 / (inputs + outputs): how the weights of `nnx.Dense` begin.

    It suits activations that are about y = x near 0, such as `nnx.Tanh`.

    Notes
    -----
    The bound is sqrt(6 / (inputs + outputs)) on both sides of 0.

    Source: Glorot & Bengio 2010, eq. 16.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.GlorotUniform()), 100)["W"]
    >>> round(float(abs(W).max()), 2)  # sqrt(6 / 150)
    0.2
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(6 / sum(shape)) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal, variance 2 / (inputs + outputs).

    It suits activations that are about y = x near 0, such as `nnx.Tanh`.

    Notes
    -----
    Source: Glorot & Bengio 2010, eq. 12.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.GlorotNormal()), 100)["W"]
    >>> round(float(W.std()), 2)  # sqrt(2 / 150)
    0.12
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(2 / sum(shape)) * draw.normal(shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform, variance 2 / inputs: for weights before `nnx.ReLU`.

    Notes
    -----
    The bound is sqrt(6 / inputs) on both sides of 0.

    Source: He et al. 2015, eq. 10.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.HeUniform()), 150)["W"]
    >>> round(float(abs(W).max()), 2)  # sqrt(6 / 150)
    0.2
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(6 / shape[0]) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal, variance 2 / inputs: for weights before `nnx.ReLU`.

    Notes
    -----
    Source: He et al. 2015, eq. 10.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.HeNormal()), 200)["W"]
    >>> round(float(W.std()), 2)  # sqrt(2 / 200)
    0.1
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(2 / shape[0]) * draw.normal(shape)


@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """Uniform, variance 1 / inputs.

    Notes
    -----
    The bound is sqrt(3 / inputs) on both sides of 0.

    Source: LeCun et al. 1998, "Efficient BackProp", eq. 16.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.LeCunUniform()), 300)["W"]
    >>> round(float(abs(W).max()), 2)  # sqrt(3 / 300)
    0.1
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(3 / shape[0]) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """Normal, variance 1 / inputs: for weights before `nnx.SELU`.

    Notes
    -----
    Source: LeCun et al. 1998, eq. 16; Klambauer et al. 2017.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(50, weight=nnx.LeCunNormal()), 100)["W"]
    >>> round(float(W.std()), 2)  # sqrt(1 / 100)
    0.1
    """

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(1 / shape[0]) * draw.normal(shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain`.

    Signals keep their length through a deep chain of such weights.

    Parameters
    ----------
    gain : float, default 1.0
        The length of the rows or columns, such as sqrt(2) before `nnx.ReLU`.

    Raises
    ------
    SettingError
        If gain is no finite number.

    Notes
    -----
    The weights are from the QR decomposition of a normal matrix, the signs of R's diagonal moved into Q.

    Source: Saxe, McClelland & Ganguli 2014.

    Examples
    --------
    >>> W = nnx.init(nnx.Dense(2, weight=nnx.Orthogonal()), 5)["W"]
    >>> bool(np.allclose(W.T @ W, np.eye(2), atol=1e-6))
    True
    """

    gain: float = 1.0

    def __post_init__(self) -> None:
        settle(self)

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        tall = (max(shape), min(shape))
        normal = draw.normal(tall)
        xp = namespace(normal)
        q, r = xp.linalg.qr(normal)
        q = q * xp.sign(xp.linalg.diagonal(r))[..., None, :] * self.gain
        return q if shape == tall else xp.matrix_transpose(q)
