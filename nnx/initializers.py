"""Initial weights. Each takes the shape (inputs, outputs) and draws in float64 on the host.

The bound of a uniform distribution of variance s^2 is s sqrt(3).
"""

from dataclasses import dataclass
from math import sqrt

from .backends import namespace
from .contract import Array, Draw, Initializer
from .errors import settle


@dataclass(frozen=True)
class Constant(Initializer):
    """Every weight the same."""

    value: float

    def __post_init__(self) -> None:
        settle(self)

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return draw.constant(shape, self.value)


@dataclass(frozen=True)
class Zeros(Initializer):
    """Every weight 0."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return draw.constant(shape, 0.0)


@dataclass(frozen=True)
class Normal(Initializer):
    """Normal with this standard deviation, whatever the shape."""

    deviation: float = 1.0

    def __post_init__(self) -> None:
        settle(self)

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return self.deviation * draw.normal(shape)


@dataclass(frozen=True)
class Signs(Initializer):
    """-1 or 1, the one as likely as the other. Source: Wen, Tran & Ba 2020."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        u = draw.uniform(shape)
        return 2 * namespace(u).floor(2 * u) - 1


@dataclass(frozen=True)
class GlorotUniform(Initializer):
    """Uniform, variance 2 / (inputs + outputs). Source: Glorot & Bengio 2010, eq. 16."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(6 / sum(shape)) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class GlorotNormal(Initializer):
    """Normal, variance 2 / (inputs + outputs). Source: Glorot & Bengio 2010, eq. 12."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(2 / sum(shape)) * draw.normal(shape)


@dataclass(frozen=True)
class HeUniform(Initializer):
    """Uniform, variance 2 / inputs: for ReLU. Source: He et al. 2015, eq. 10."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(6 / shape[0]) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class HeNormal(Initializer):
    """Normal, variance 2 / inputs: for ReLU. Source: He et al. 2015, eq. 10."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(2 / shape[0]) * draw.normal(shape)


@dataclass(frozen=True)
class LeCunUniform(Initializer):
    """Uniform, variance 1 / inputs. Source: LeCun et al. 1998, "Efficient BackProp", eq. 16."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(3 / shape[0]) * (2 * draw.uniform(shape) - 1)


@dataclass(frozen=True)
class LeCunNormal(Initializer):
    """Normal, variance 1 / inputs: for SELU. Source: LeCun et al. 1998, eq. 16; Klambauer et al. 2017."""

    def init(self, shape: tuple[int, int], draw: Draw) -> Array:
        return sqrt(1 / shape[0]) * draw.normal(shape)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain`. Source: Saxe, McClelland & Ganguli 2014.

    From the QR decomposition of a normal matrix, the signs of R's diagonal moved into Q.
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
