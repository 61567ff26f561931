from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod

from ..backends import constant, device, namespace
from ..contract import Array, Draw, Features, Initializer, Key, Layer, Params, Row, Saved, Shapes
from ..errors import SettingError, ShapeError, require, shown
from ..initializers import Normal
from ..settings import AT_LEAST_1, NOT_NEGATIVE, integer, settle
from .shared import line

NORMAL = Normal()
MOST = 2**24  # rows of all tables: whole numbers up to here are exact in float32
SORTED = 128  # tables of more rows have their gradient summed by sorting


@dataclass(frozen=True)
class Embedding(Layer):
    """Columns of codes replaced by learned vectors: y = [x without them, E_0[code_0], E_1[code_1], ...].

    It is for columns that name a category, as `nnx.TableEncoder` can write them.

    Parameters
    ----------
    sizes : tuple of int
        Number of codes of each column, at least 1; all of them sum to less than 2^24.
    columns : tuple of int
        Numbers of the columns of x that hold codes, counted from 0, each once and as many as sizes.
    units : int, default 8
        Length of the vector of a code, at least 1.
    weight : Initializer, default Normal()
        How E begins.

    Raises
    ------
    SettingError
        If sizes and columns differ in length or are empty, a column is named twice, or sizes sum to too many.
    ShapeError
        If x has not all of the columns.

    Notes
    -----
    Shapes: x (..., n, i), E (..., sum of sizes, u), y (..., n, i - columns + columns u).

    Code j of `x[..., columns[j]]` is a whole number from 0 to `sizes[j] - 1`; 0 stands for a missing or unknown value,
    and all else that is no code is taken for it. The codes travel as floats among the other columns of x: so a network
    has one input, in batches, populations, files and ONNX alike, and float32 is exact for whole numbers up to 2^24.

    E has the rows of all tables, one below the other. The gradient of a row is the sum of dy over the rows of x with
    its code: for up to 128 codes a product with a matrix of 0 and 1; for more, differences of the running sum of dy in
    the order of the codes, which are as exact as a sum over the whole batch.

    Source: E drawn as in RealMLP (Holzmueller, Grinsztajn & Steinwart 2024): normal, u = 8.

    Examples
    --------
    >>> net = nnx.Embedding(sizes=(3,), columns=(1,), units=2)
    >>> E = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> net.evaluate({"E": E}, np.array([[0.5, 2.0], [0.6, -7.0]]))[0].tolist()
    [[0.5, 3.0, 4.0], [0.6, 0.0, 0.0]]
    """

    sizes: tuple[int, ...]
    columns: tuple[int, ...]
    units: int = 8
    weight: Initializer = NORMAL

    def __post_init__(self) -> None:
        settle(self, sizes=None, columns=None, units=AT_LEAST_1)
        for name, least in (("sizes", AT_LEAST_1), ("columns", NOT_NEGATIVE)):
            given = getattr(self, name)
            require(isinstance(given, (tuple, list)), f"Embedding: {name} must be a tuple, got {shown(given)}")
            own = tuple(integer(f"Embedding: {name}", v, least) for v in given)
            object.__setattr__(self, name, own)
        if not 0 < len(self.sizes) == len(self.columns) == len(set(self.columns)):
            raise SettingError(
                f"Embedding: expected different columns, and a size for each, got the columns {shown(self.columns)} "
                f"and the sizes {shown(self.sizes)}"
            )
        require(sum(self.sizes) < MOST, f"Embedding: sizes must sum to less than {MOST:,}, got {sum(self.sizes):,}")

    @property
    def names(self) -> tuple[str, ...]:
        return ("E",)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """The first row of each table, and the number of all rows."""
        return (0, *accumulate(self.sizes))

    def shapes(self, row: Row) -> tuple[Shapes, Row]:
        return {"E": (self.starts[-1], self.units)}, (self._width(line(self, row)),)

    def init(self, features: Features, draw: Draw) -> tuple[Params, Features]:
        return {"E": self.weight.init((self.starts[-1], self.units), draw.fold("E"))}, self._width(features)

    def _width(self, features: int) -> int:
        if features <= max(self.columns):
            raise ShapeError(f"Embedding: column {max(self.columns)} holds codes, x has {features} columns")
        return features + len(self.columns) * (self.units - 1)

    def evaluate(
        self, params: Mapping[str, Array], x: Array, *, train: bool = False, key: Key | None = None
    ) -> tuple[Array, Saved]:
        xp, E = namespace(x), params["E"]
        self._width(x.shape[-1])
        code = xp.concat([x[..., c : c + 1] for c in self.columns], axis=-1)  # (..., n, c)
        code = xp.floor(code + 0.5)
        known = (code > 0) & (code < constant(tuple(map(float, self.sizes)), x))
        code = xp.where(known, code, 0.0)
        row = xp.astype(code + constant(tuple(map(float, self.starts[:-1])), x), xp.int32)
        lead = E.shape[:-2]
        if lead:  # each member has tables of its own
            row = row + members(lead, self.starts[-1], x)
        v = xp.take(xp.reshape(E, (-1, self.units)), xp.reshape(row, (-1,)), axis=0)
        v = xp.reshape(v, (*row.shape[:-1], len(self.columns) * self.units))
        rest = [x[..., a:b] for a, b in self._others(x.shape[-1])]
        rest = [xp.broadcast_to(part, (*v.shape[:-1], part.shape[-1])) for part in rest]
        return xp.concat([*rest, v], axis=-1), (code, x.shape[-1])

    def _others(self, features: int) -> list[tuple[int, int]]:
        """The columns between those of codes, from one to the next."""
        ends = pairwise([-1, *sorted(self.columns), features])
        return [(a + 1, b) for a, b in ends if b > a + 1]

    def backprop(
        self, params: Mapping[str, Array], saved: Saved, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array | None, Params]:
        xp, (code, features), E, u = namespace(dy), saved, params["E"], self.units
        others = features - len(self.columns)
        sums = []
        for j, size in enumerate(self.sizes):
            g = dy[..., others + j * u : others + (j + 1) * u]
            add = by_product if size <= SORTED else by_order
            sums.append(add(code[..., j], g, size, E.shape[:-2]))
        grads = {"E": xp.concat(sums, axis=-2)}
        if not need_dx:
            return None, grads
        zero = xp.zeros((*dy.shape[:-1], 1), dtype=dy.dtype, device=device(dy))
        parts, start = [], 0
        for c, after in pairwise([-1, *sorted(self.columns), features]):
            parts += [dy[..., start : start + after - c - 1], zero]
            start += after - c - 1
        return xp.concat(parts[:-1], axis=-1), grads


def members(lead: tuple[int, ...], rows: int, like: Array) -> Array:
    """The first row of each member's tables where they lie one below the other: (..., 1, 1) int32."""
    xp = namespace(like)
    first = xp.arange(0, prod(lead) * rows, rows, dtype=xp.int32, device=device(like))
    return xp.reshape(first, (*lead, 1, 1))


def by_product(code: Array, g: Array, size: int, lead: tuple[int, ...]) -> Array:
    """The sums of g (..., n, u) over the rows of each code (..., n): (*lead, size, u)."""
    xp = namespace(g)
    one = code[..., None, :] == xp.arange(size, dtype=g.dtype, device=device(g))[:, None]
    total = xp.matmul(xp.astype(one, g.dtype), g)
    extra = total.ndim - len(lead) - 2
    return xp.sum(total, axis=tuple(range(extra))) if extra else total


def by_order(code: Array, g: Array, size: int, lead: tuple[int, ...]) -> Array:
    """The same by the running sum of g in the order of the codes, those of member k being k size + code."""
    xp = namespace(g)
    row, many = xp.astype(code, xp.int32), prod(lead) * size
    if lead:
        row = row + members(lead, size, g)[..., 0]
    row = xp.reshape(xp.broadcast_to(row, g.shape[:-1]), (-1,))
    order = xp.argsort(row)
    running = xp.cumulative_sum(xp.take(xp.reshape(g, (-1, g.shape[-1])), order, axis=0), axis=0, include_initial=True)
    ends = xp.searchsorted(xp.take(row, order, axis=0), xp.arange(many + 1, dtype=xp.int32, device=device(g)))
    at = xp.take(running, ends, axis=0)
    return xp.reshape(at[1:, :] - at[:-1, :], (*lead, size, g.shape[-1]))
