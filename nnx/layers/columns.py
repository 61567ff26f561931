"""Columns of x, each with weights of its own: what the layers for numeric columns share.

y = (x, e_1, ..., e_f): x passes through, and behind it lies the embedding of each embedded column. Inside, the columns
are an axis in front, so that one batched matrix product serves all of them, and the rows come last: what is made of a
number is then a loop over rows with the same constants, and the embeddings lie in memory where y^T takes them.

The letters: f = embedded columns, t = what is made of each number, u = units of an embedding.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from ..backends import namespace, same_library
from ..contract import Array, Layer
from ..errors import SettingError, ShapeError, require, shown
from ..settings import NOT_NEGATIVE, integer

Columns = tuple[int, ...] | None  # the numbers of the embedded columns; None for all


def settled(kind: str, columns: object) -> Columns:
    """The numbers of columns as a tuple. Raises SettingError unless they ascend."""
    if columns is None:
        return None
    if not hasattr(columns, "__iter__") or isinstance(columns, (str, bytes)):
        raise SettingError(f"{kind}: columns must be numbers of columns such as (0, 2), or None, got {shown(columns)}")
    found = tuple(integer(f"{kind}: columns", number, NOT_NEGATIVE) for number in columns)
    rising = all(a < b for a, b in pairwise(found))
    require(len(found) > 0 and rising, f"{kind}: columns must ascend and be at least one, got {shown(columns)}")
    return found


def check(layer: Layer, columns: Columns, embedded: int, features: int) -> None:
    """Raise ShapeError unless x with so many features has these columns, as many as are embedded."""
    kind = type(layer).__name__
    if columns is None and features != embedded:
        raise ShapeError(f"{kind}: x has {features} features, {embedded} are embedded; say which, columns=(0, 1, ...)")
    if columns is not None and columns[-1] >= features:
        raise ShapeError(f"{kind}: x has {features} features, columns go up to {columns[-1]}")


def check_given(layer: Layer, columns: Columns, W: Array, x: Array) -> None:
    """Raise ShapeError or BackendError unless x has the columns that W (..., f, t, u) is for, and is of its library."""
    if x.ndim < 2:
        raise ShapeError(f"{type(layer).__name__}: x has shape {x.shape}, expected (rows, features)")
    check(layer, columns, W.shape[-3], x.shape[-1])
    if type(x) is not type(W):
        same_library(x=x, W=W)


@lru_cache(maxsize=256)
def _runs(columns: tuple[int, ...]) -> list[tuple[int, int]]:
    """Where neighbours among the columns begin and end."""
    starts = [c for k, c in enumerate(columns) if not k or columns[k - 1] != c - 1]
    stops = [c + 1 for k, c in enumerate(columns) if k + 1 == len(columns) or columns[k + 1] != c + 1]
    return list(zip(starts, stops, strict=True))


def picked(x: Array, columns: Columns) -> Array:
    """The embedded columns: (..., n, i) -> (..., n, f)."""
    if columns is None:
        return x
    parts = [x[..., start:stop] for start, stop in _runs(columns)]
    return parts[0] if len(parts) == 1 else namespace(x).concat(parts, axis=-1)


def across(column: Array) -> Array:
    """The numbers of each column side by side: (..., n, f) -> (..., f, 1, n)."""
    return namespace(column).matrix_transpose(column)[..., None, :]


def beside(x: Array, e: Array) -> Array:
    """(x, e): (..., n, i), (..., f, u, n) -> (..., n, i + f u)."""
    xp, (*lead, f, u, n) = namespace(x), e.shape
    shape = (*lead, n, x.shape[-1])
    x = x if x.shape == shape else xp.broadcast_to(x, shape)  # for each member of a population
    return xp.matrix_transpose(xp.concat((xp.matrix_transpose(x), xp.reshape(e, (*lead, f * u, n))), axis=-2))


def embeddings(dy: Array, f: int, u: int) -> Array:
    """The part of dy that belongs to the embeddings: (..., n, i + f u) -> (..., n, f, u)."""
    *lead, n, width = dy.shape
    return namespace(dy).reshape(dy[..., width - f * u :], (*lead, n, f, u))


def by_column(de: Array) -> Array:
    """(..., n, f, u) -> (..., f, n, u)."""
    lead = de.ndim - 3
    return namespace(de).permute_dims(de, (*range(lead), lead + 1, lead, lead + 2))


def onto(dx: Array, d: Array, columns: Columns) -> Array:
    """dx with the gradients of the embedded columns added: (..., n, i), (..., n, f) -> (..., n, i)."""
    if columns is None:
        return dx + d
    return namespace(dx).concat(list(_pieces(dx, d, columns)), axis=-1)


def _pieces(dx: Array, d: Array, columns: tuple[int, ...]) -> Iterator[Array]:
    at = done = 0
    for start, stop in _runs(columns):
        if start > at:
            yield dx[..., at:start]
        yield dx[..., start:stop] + d[..., done : done + stop - start]
        at, done = stop, done + stop - start
    if at < dx.shape[-1]:
        yield dx[..., at:]
