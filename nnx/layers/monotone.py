"""Networks that rise or fall with some columns of x, whatever their parameters are.

On the way from such a column to the output every weight has a fixed sign and every activation rises, so that each path
has the sign asked for. The first units of a layer, `free` of them, lie on no such way: they see the other columns
alone, by weights of any sign, and all units of the next layer see them.

The letters: E = the weights as they act on x, W = the numbers that are learned, s = the sign of each column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor

from ..backends import constant, matmul, namespace, transposed
from ..contract import Array, Draw, Initializer, Key, Layer, Params, Row, Saved, Shapes
from ..errors import ShapeError, require, shown
from ..settings import AT_LEAST_1, NOT_NEGATIVE, integer, settle
from .activation import ELU, SELU, Identity, LeakyReLU, ReLU, Sigmoid, Softplus, Tanh
from .columns import settled
from .dense import GLOROT, ZEROS, Dense
from .shared import added_up

RISING = (ELU, Identity, LeakyReLU, ReLU, SELU, Sigmoid, Softplus, Tanh)
SPREAD = 3.0  # a weight of a monotone column begins within SPREAD / (the number of these)


@dataclass(frozen=True)
class MonotoneDense(Dense):
    """A dense layer whose units rise with some columns of x and fall with others: y = x E + b.

    A weight from a column with which y rises is the size of what is learned, `E = |W|`; from one with which y falls
    it is `E = -|W|`; from any other column it is `E = W`. The first `free` units do not depend on the columns that are
    named: there `E = 0`. It holds at every value of W, so that any optimizer may train it.

    Parameters
    ----------
    units : int
        Columns of y, at least 1.
    weight : Initializer, default GlorotUniform()
        How W begins for the columns that are not named. For the n columns that are, it begins uniform within 3 / n.
    bias : Initializer, default Zeros()
        How b begins.
    rising : tuple of int or int, default ()
        Numbers of the columns of x with which y rises, ascending from 0; one number: all columns from it on.
    falling : tuple of int, default ()
        Numbers of the columns with which y falls.
    free : int, default 0
        Units, the first of y, that do not depend on these columns, from 0 to `units`.

    Raises
    ------
    SettingError
        If a setting is out of its range, or a column is named twice.
    ShapeError
        If the last axis of x is not i, or x has not the columns that are named.

    Notes
    -----
    Shapes: x (..., n, i), W (..., i, units), b (..., units), y (..., n, units). The rows x may be sparse, as for
    `nnx.Dense`.

    With `F = E / W`, which is 1, -1 or 0: `dW = (x^T dy) F`, `db` = the sum of dy over the rows, and `dx = dy E^T`. At
    W = 0 F is the sign of the column. Computed in floats y is as monotone as the order in which a matrix product adds
    up is the same for two rows: it is where both are rows of matrices of one shape, at one place.

    Source: Archer & Wang 1993; the size of W as in Runje & Shankaranarayana 2023, "Constrained monotonic neural
    networks", section 4; free units as in Amos, Xu & Kolter 2017, "Input convex neural networks", section 3.2.

    Examples
    --------
    >>> net = nnx.MonotoneDense(1, rising=(0,), falling=(1,))
    >>> y, _ = net.evaluate({"W": np.array([[-2.0], [3.0]]), "b": np.array([0.0])}, np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> y.tolist()
    [[2.0], [-3.0]]
    """

    weight: Initializer = GLOROT
    bias: Initializer = ZEROS
    rising: tuple[int, ...] | int = ()
    falling: tuple[int, ...] = ()
    free: int = 0

    def __post_init__(self) -> None:
        settle(self, units=AT_LEAST_1, free=NOT_NEGATIVE, rising=None, falling=None)
        require(self.free <= self.units, f"MonotoneDense: free must be at most units = {self.units}, got {self.free}")
        falling = _columns("falling", self.falling)
        whole = hasattr(self.rising, "__index__") and not isinstance(self.rising, bool)
        rising = (
            integer("MonotoneDense: rising", self.rising, NOT_NEGATIVE) if whole else _columns("rising", self.rising)
        )
        object.__setattr__(self, "rising", rising)
        object.__setattr__(self, "falling", falling)
        both = [c for c in falling if (c >= rising if isinstance(rising, int) else c in rising)]
        require(not both, f"MonotoneDense: y cannot both rise and fall with column {both[:1]}")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        self._check_columns(row[-1])
        return super().shapes(row)

    def _check_columns(self, features: int) -> None:
        """Raise ShapeError unless x with so many features has the columns that are named."""
        last = max((*((self.rising - 1,) if isinstance(self.rising, int) else self.rising), *self.falling), default=-1)
        if last >= features:
            raise ShapeError(f"MonotoneDense: x has {features} features, rising and falling name column {last}")

    def init(self, features: int, draw: Draw) -> tuple[Params, int]:
        self._check_columns(features)
        params, units = super().init(features, draw)
        s = _signs(self.rising, self.falling, features)
        xp, W, many = namespace(params["W"]), params["W"], sum(map(abs, s))
        if many:
            bound = SPREAD / many
            drawn = bound * (2 * draw.fold("monotone").uniform((features, units)) - 1)
            W = xp.where(xp.asarray(s)[:, None] == 0.0, W, drawn)
        return params | {"W": W * xp.where(self._factors(W) == 0.0, 0.0, 1.0)}, units

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        W = params["W"]
        if x.ndim < 2 or x.shape[-1] != W.shape[-2]:
            self._refuse(x, W)
        F = self._factors(W)
        E = W * F
        y = matmul(x, E)
        y += params["b"][..., None, :]
        return y, (x, F, E)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (x, F, E) = namespace(dy), saved
        grads = {"W": matmul(transposed(x), dy) * F, "b": xp.sum(dy, axis=-2)}
        return (xp.matmul(dy, xp.matrix_transpose(E)) if need_dx else None), added_up(grads, params)

    def acting(self, W: Array) -> Array:
        """Give the weights as they act on x.

        Parameters
        ----------
        W : array
            What is learned, (..., i, units).

        Returns
        -------
        array
            E, (..., i, units).
        """
        return W * self._factors(W)

    def _factors(self, W: Array) -> Array:
        """F = E / W, (..., i, units): 1 for a free column, the sign of W and of the column for another, or 0."""
        xp = namespace(W)
        s = constant(_signs(self.rising, self.falling, W.shape[-2]), W)[:, None]
        S = s * constant((0.0,) * self.free + (1.0,) * (self.units - self.free), W)
        return xp.where(W < 0.0, -S, S) + (1.0 - xp.abs(s))


@dataclass(frozen=True)
class MonotoneActivation(Layer):
    """An activation f that rises, as f(x) for some units, -f(-x) for others, and bounded for the rest.

    After `nnx.MonotoneDense`, units that are all convex could make convex functions alone. The first `free` units and
    a third of the others are `y = f(x)`, a third `y = -f(-x)`, and a third
    `y = f(1 + min(x, 0)) - f(1 - max(x, 0))`; of `nnx.ReLU` these are max(x, 0), min(x, 0) and x held between -1 and 1.

    Parameters
    ----------
    activation : Layer
        The activation f, one that rises everywhere: ReLU, LeakyReLU, ELU, SELU, Softplus, Tanh, Sigmoid or Identity.
    free : int, default 0
        Units, the first of x, that have f as it is, at least 0.

    Raises
    ------
    SettingError
        If f may fall, as `nnx.GELU` does, or free is below 0.
    ShapeError
        If x has fewer than `free` columns.

    Notes
    -----
    Shapes: x, y (..., n, i).

    The slopes are those of f: f'(x), f'(-x), and f'(1 + x) where x < 0, else f'(1 - x).

    Source: Runje & Shankaranarayana 2023, "Constrained monotonic neural networks", eq. 3 to 5, without the constant
    f(1), which the bias of the next layer has.

    Examples
    --------
    >>> x = np.array([[-2.0, -2.0, -2.0], [2.0, 2.0, 2.0]])
    >>> y, _ = nnx.MonotoneActivation(nnx.LeakyReLU(0.1)).evaluate({}, x)
    >>> y.round(3).tolist()
    [[-0.2, -2.0, -1.1], [2.0, 0.2, 1.1]]
    """

    activation: Layer
    free: int = 0

    def __post_init__(self) -> None:
        settle(self, free=NOT_NEGATIVE)
        names = ", ".join(kind.__name__ for kind in RISING)
        fine = type(self.activation) in RISING
        require(fine, f"MonotoneActivation: activation must rise everywhere: {names}; got {shown(self.activation)}")

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        self._parts(row[-1])
        return {}, row

    def _parts(self, columns: int) -> tuple[int, int]:
        """Where the units of -f(-x) begin, and the bounded ones."""
        third = (columns - self.free) // 3
        if third < 0:
            raise ShapeError(f"MonotoneActivation: x has {columns} columns, free says {self.free}")
        return columns - 2 * third, columns - third

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp, f, (a, b) = namespace(x), self.activation, self._parts(x.shape[-1])
        up, convex = f.evaluate({}, x[..., :a])
        down, concave = f.evaluate({}, -x[..., a:b])
        z = x[..., b:]
        low, below = f.evaluate({}, 1.0 + xp.minimum(z, 0.0))
        high, above = f.evaluate({}, 1.0 - xp.maximum(z, 0.0))
        return xp.concat((up, -down, low - high), axis=-1), (convex, concave, below, above, z)

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        if not need_dx:
            return None, {}
        xp, f, (a, b) = namespace(dy), self.activation, self._parts(dy.shape[-1])
        convex, concave, below, above, z = saved
        dz = dy[..., b:]
        low, high = (f.backprop({}, s, dz)[0] for s in (below, above))
        parts = (f.backprop({}, convex, dy[..., :a])[0], f.backprop({}, concave, dy[..., a:b])[0])
        return xp.concat((*parts, xp.where(z < 0.0, low, high)), axis=-1), {}


def free_share(free: int, columns: int) -> float:
    """The share of the hidden units that see the free columns alone: half of the share that these are of all.

    Measured on seven problems of six columns and 300 and 1,000 rows: with three free columns a quarter of the units was
    better than a half by a tenth of the error, with five free ones worse by a tenth.
    """
    return 0.5 * free / columns


def monotone_layers(
    widths: Sequence[int],
    rising: Sequence[int],
    falling: Sequence[int],
    free: float,
    free_outputs: int = 0,
) -> list[MonotoneDense]:
    """The dense layers of a network of these widths, the last being its outputs.

    free: the share of each hidden layer that does not depend on the columns named.
    """
    layers = [MonotoneDense(widths[0], rising=_columns("rising", rising), falling=_columns("falling", falling))]
    for width in widths[1:]:
        own = floor(layers[-1].units * free)
        layers[-1] = _with_free(layers[-1], own)
        layers.append(MonotoneDense(width, rising=own))
    return [*layers[:-1], _with_free(layers[-1], free_outputs)]


def _with_free(layer: MonotoneDense, free: int) -> MonotoneDense:
    return MonotoneDense(layer.units, rising=layer.rising, falling=layer.falling, free=free)


def _columns(name: str, given: object) -> tuple[int, ...]:
    """The numbers of columns as a tuple; there may be none."""
    many = hasattr(given, "__len__") and not isinstance(given, str)
    return () if many and not len(given) else settled(f"MonotoneDense: {name}", given) or ()  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _signs(rising: tuple[int, ...] | int, falling: tuple[int, ...], features: int) -> tuple[float, ...]:
    """The sign of each column of x: 1, -1, or 0 for a free one."""
    up = range(rising, features) if isinstance(rising, int) else rising
    return tuple(1.0 if c in up else -1.0 if c in falling else 0.0 for c in range(features))
