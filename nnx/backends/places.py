"""Products over windows: what a convolution is, written so that a library need not copy all windows to compute it.

The letters: u = channels of the result, c = channels of x, k = places of a window, n = rows, o = windows of a row.
A place (p, s) of a window is plane p of x, shifted by s along each axis:
`y[u, n, i] = sum over k, c of W[u, k c] x[p_k, c, n, i + s_k]`.
"""

from math import prod
from typing import Any

from ..contract import Array
from .arrays import added, full, holds_dual, library_name, namespace

Sizes = tuple[int, ...]
Places = tuple[tuple[int, Sizes], ...]


def gathered(x: Array, places: Places, o: Sizes) -> Array:
    """What lies at the places of all windows, one place below the other: (..., planes, c, n, *) to (..., k c, n o)."""
    parts = [x[(..., plane, slice(None), slice(None), *along(shift, o))] for plane, shift in places]
    whole = parts[0] if len(parts) == 1 else namespace(x).concat(parts, axis=-len(o) - 2)
    lead = whole.shape[: whole.ndim - len(o) - 2]
    return namespace(x).reshape(whole, (*lead, len(places) * x.shape[-len(o) - 2], x.shape[-len(o) - 1] * prod(o)))


def along(shift: Sizes, o: Sizes) -> tuple[slice, ...]:
    """The positions that a place has in all windows."""
    return tuple(slice(s, s + many) for s, many in zip(shift, o, strict=True))


def product_over_places(W: Array, x: Array, places: Places, o: Sizes) -> Array:
    """W times what lies at the places of all windows.

    Shapes: W (..., u, k c), x (..., planes, c, n, *positions), y (..., u, n, *o).
    """
    if _on_host(W, x):
        from .native.places import product

        return product(W, x, places, o)
    xp = _namespace(W, x)
    y = xp.matmul(W, gathered(x, places, o))
    return xp.reshape(y, (*y.shape[:-1], x.shape[-len(o) - 1], *o))


def outer_over_places(dy: Array, x: Array, places: Places) -> Array:
    """The gradient of W: dy times the transpose of what lies at the places.

    Shapes: dy (..., u, n, *o), x (..., planes, c, n, *positions), dW (..., u, k c).
    """
    if _on_host(dy, x):
        from .native.places import outer

        return outer(dy, x, places)
    xp, axes = _namespace(dy, x), len(places[0][1])
    v = gathered(x, places, dy.shape[-axes:])
    dy = xp.reshape(dy, (*dy.shape[: dy.ndim - axes - 1], -1))
    return xp.matmul(dy, xp.matrix_transpose(v))


def onto_places(Wt: Array, dy: Array, places: Places, like: Array) -> Array:
    """The gradient of x: the transpose of W times dy, added up where the places lie.

    Shapes: Wt (..., k c, u), dy (..., u, n, *o); the result, and like, (..., planes, c, n, *positions).
    """
    axes = len(places[0][1])
    own, o = like.shape[like.ndim - axes - 3 :], dy.shape[dy.ndim - axes :]
    if _on_host(Wt, dy):
        from .native.places import onto

        return onto(Wt, dy, places, own)
    xp = _namespace(Wt, dy)
    dv = xp.matmul(Wt, xp.reshape(dy, (*dy.shape[: dy.ndim - axes - 1], -1)))
    dv = xp.reshape(dv, (*dv.shape[:-2], len(places), *own[1:3], *o))
    total = full((*dv.shape[: dv.ndim - axes - 3], *own), 0.0, dv)
    for i, (plane, shift) in enumerate(places):
        index = (..., plane, slice(None), slice(None), *along(shift, o))
        total = added(total, index, dv[(..., i, *(slice(None),) * (axes + 2))])
    return total


def _on_host(a: Array, b: Array) -> bool:
    """Whether both are NumPy's, or recorded as such, and no dual numbers."""
    return library_name(a) == library_name(b) == "numpy" and not holds_dual(a, b)


def _namespace(a: Array, b: Array) -> Any:
    """The namespace of both: that of dual numbers if one is such."""
    return namespace(a if holds_dual(a) else b)
