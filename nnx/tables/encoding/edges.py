"""Edges of bins for the layers that place numbers between them."""

from itertools import pairwise
from typing import Any, NamedTuple

from ...backends import numpy as host
from ...errors import DataError
from ...inputs import numbers_on_host
from ...names import spelled
from ...settings import Range, integer

NARROW = 0.1  # of the median width: what lies outside a narrower first or last bin would be drawn out too far
LARGEST, SMALLEST = 3e38, 1e-30  # float32 has these numbers and, to 7 digits, their differences
AT_LEAST_2 = Range("must be at least 2", lambda v: v >= 2)


class BinEdges(NamedTuple):
    """Ascending edges for each of these columns."""

    edges: tuple[tuple[float, ...], ...]
    columns: tuple[int, ...]


@spelled
def bin_edges(x: Any, bins: int = 48) -> BinEdges:
    """Edges of up to so many bins of equal numbers of rows for columns of x, and which columns these are.

    `nnx.PiecewiseLinear` and `nnx.PiecewiseLinearEmbedding` place numbers between such edges. The edges are quantiles
    to 7 digits, each once: many equal numbers make fewer bins. Missing and infinite numbers are left out. So are
    columns that would have one bin, such as constants and those of two values: x itself says as much. A first or last
    bin much narrower than the others is joined to the next, since beyond it the line goes on as steep.

    Parameters
    ----------
    x : array of shape (rows, columns)
        Numbers to learn the edges from, of any library: the rows to train on.
    bins : int, default 48
        Bins of a column at most, at least 2.

    Returns
    -------
    BinEdges
        Its `edges` are a tuple of ascending edges for each of its `columns`, which are numbers of columns of x.

    Raises
    ------
    DataError
        If x is no matrix of numbers.
    SettingError
        If `bins` is below 2.

    Notes
    -----
    Shapes: x (rows, columns).

    Source: Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features", section 3.2.1.

    Examples
    --------
    >>> x = np.array([[0.0, 7.0, 1.0], [1.0, 7.0, 0.0], [3.0, 7.0, 1.0], [4.0, 7.0, 0.0]])
    >>> nnx.bin_edges(x, 3)  # the second column is constant, the third has two values
    BinEdges(edges=((0.0, 1.0, 3.0, 4.0),), columns=(0,))
    """
    bins, xp = integer("bin_edges: bins", bins, AT_LEAST_2), host.namespace()
    x = numbers_on_host("bin_edges: x", x)
    if x.ndim != 2:
        raise DataError(f"bin_edges: x has shape {x.shape}, expected (rows, columns)")
    shares = xp.linspace(0.0, 1.0, bins + 1)
    found = {}
    for j in range(x.shape[1]):
        v = x[:, j].astype("float64")
        v = v[xp.abs(v) <= LARGEST]  # which nan is not
        edges = _edges(xp.quantile(v, shares).tolist()) if len(v) else []
        if len(edges) > 2:
            found[j] = tuple(edges)
    return BinEdges(tuple(found.values()), tuple(found))


def _edges(quantiles: list[float]) -> list[float]:
    """The quantiles that differ, without those that make the first or the last bin narrow."""
    edges = sorted({float(f"{q:.7g}") if abs(q) >= SMALLEST else 0.0 for q in quantiles})
    widths = sorted(b - a for a, b in pairwise(edges))
    least = NARROW * widths[len(widths) // 2] if widths else 0.0
    while len(edges) > 2 and edges[1] - edges[0] < least:
        del edges[1]
    while len(edges) > 2 and edges[-1] - edges[-2] < least:
        del edges[-2]
    return edges
