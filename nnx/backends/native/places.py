"""Products over places on NumPy: a block of rows at a time, so that what is gathered stays in the cache."""

from math import prod
from typing import Any

import numpy as np

from ..places import along

BYTES = 2**18  # of what is gathered for a block of rows

Sizes = tuple[int, ...]
Places = tuple[tuple[int, Sizes], ...]


def rows_at_once(per_row: int, itemsize: int) -> int:
    """The rows of a block, for so many numbers gathered of each."""
    return max(BYTES // (per_row * itemsize), 1)


def calls_of(op: Any) -> int:
    """The calls of NumPy that an operation over places is where it is not compiled: of a recorded `Operation`."""
    if op.kind not in WRITERS:
        return 0
    places, axes = op.settings["places"], len(op.settings["places"][0][1])
    lines = op.output if op.kind == "over places" else op.inputs[op.kind == "onto places"]
    cells = op.output if op.kind == "onto places" else op.inputs[1]
    n, *o = lines.shape[len(lines.shape) - axes - 1 :]
    per_row = len(places) * cells.shape[len(cells.shape) - axes - 2] * prod(o)
    return int(-(-n // rows_at_once(per_row, lines.dtype.itemsize)) * (len(places) + 2))


def product(W: Any, x: Any, places: Places, o: Sizes) -> Any:
    """W times what lies at the places: (..., u, k c) and (..., planes, c, n, *positions) to (..., u, n, *o)."""
    lead = np.broadcast_shapes(W.shape[:-2], x.shape[: x.ndim - len(o) - 3])
    shape = (*lead, W.shape[-2], x.shape[-len(o) - 1], *o)
    if hasattr(x, "calls") or hasattr(W, "calls"):
        return _recorded("over places", (W, x), np.zeros(shape, x.dtype), {"places": places})
    y = np.empty(shape, x.dtype)
    write_product(W, x, places, y)
    return y


def outer(dy: Any, x: Any, places: Places) -> Any:
    """dy times the transpose of what lies at the places: (..., u, n, *o) and (..., planes, c, n, *positions) to
    (..., u, k c)."""
    axes = len(places[0][1])
    lead = np.broadcast_shapes(dy.shape[: dy.ndim - axes - 2], x.shape[: x.ndim - axes - 3])
    shape = (*lead, dy.shape[-axes - 2], len(places) * x.shape[-axes - 2])
    if hasattr(x, "calls") or hasattr(dy, "calls"):
        return _recorded("outer over places", (_whole(dy), x), np.zeros(shape, x.dtype), {"places": places})
    dW = np.empty(shape, x.dtype)
    write_outer(np.ascontiguousarray(dy), x, places, dW)
    return dW


def onto(Wt: Any, dy: Any, places: Places, own: Sizes) -> Any:
    """Wt times dy, added up where the places lie: (..., k c, u) and (..., u, n, *o) to (..., *own)."""
    axes = len(places[0][1])
    lead = np.broadcast_shapes(Wt.shape[:-2], dy.shape[: dy.ndim - axes - 2])
    if hasattr(Wt, "calls") or hasattr(dy, "calls"):
        like = np.zeros((*lead, *own), dy.dtype)
        return _recorded("onto places", (Wt, _whole(dy)), like, {"places": places})
    total = np.empty((*lead, *own), dy.dtype)
    write_onto(Wt, np.ascontiguousarray(dy), places, total)
    return total


def _whole(dy: Any) -> Any:
    """The same recorded array in one piece."""
    return dy if not hasattr(dy, "calls") or dy.value.flags.c_contiguous else dy.copy()


def _recorded(kind: str, inputs: tuple[Any, ...], like: Any, settings: dict[str, Any]) -> Any:
    """The operation written down. Its result is computed where the recording asks for values."""
    own = next(x for x in inputs if hasattr(x, "calls"))
    first, second = (x.value if hasattr(x, "calls") else x for x in map(own.leaf, inputs))
    if own.calls.compute:
        WRITERS[kind](first, second, settings["places"], like)
    return own._written(kind, WRITERS[kind], (first, second), like, settings)


def write_product(W: Any, x: Any, places: Places, y: Any) -> None:
    """The product, written on y, which lies in one piece."""
    axes = len(places[0][1])
    lead, (u, n, *o) = y.shape[: y.ndim - axes - 2], y.shape[y.ndim - axes - 2 :]
    W, x = np.broadcast_to(W, (*lead, *W.shape[-2:])), np.broadcast_to(x, (*lead, *x.shape[-axes - 3 :]))
    per_row, windows = len(places) * x.shape[-axes - 2] * prod(o), prod(o)
    size = rows_at_once(per_row, y.itemsize)
    scratch = np.empty(per_row * min(size, n), y.dtype)
    for at in np.ndindex(lead):
        own, factor, out = x[at], W[at], y[at].reshape(u, n * windows)
        for start in range(0, n, size):
            stop = min(start + size, n)
            v = _block(own, places, tuple(o), start, stop, scratch)
            np.matmul(factor, v, out=out[:, start * windows : stop * windows])


def write_outer(dy: Any, x: Any, places: Places, dW: Any) -> None:
    """The gradient, written on dW."""
    axes = len(places[0][1])
    lead, (u, n, *o) = dW.shape[:-2], dy.shape[dy.ndim - axes - 2 :]
    dy, x = np.broadcast_to(dy, (*lead, u, n, *o)), np.broadcast_to(x, (*lead, *x.shape[-axes - 3 :]))
    per_row, windows = len(places) * x.shape[-axes - 2] * prod(o), prod(o)
    size = rows_at_once(per_row, dW.itemsize)
    scratch, part = np.empty(per_row * min(size, n), dW.dtype), np.empty(dW.shape[-2:], dW.dtype)
    for at in np.ndindex(lead):
        own, left, out = x[at], dy[at].reshape(u, n * windows), dW[at]
        for start in range(0, n, size):
            stop = min(start + size, n)
            v = _block(own, places, tuple(o), start, stop, scratch)
            np.matmul(left[:, start * windows : stop * windows], v.T, out=part if start else out)
            if start:
                np.add(out, part, out=out)


def write_onto(Wt: Any, dy: Any, places: Places, total: Any) -> None:
    """The sums, written on total, which lies in one piece."""
    axes = len(places[0][1])
    lead, (u, n, *o) = total.shape[: total.ndim - axes - 3], dy.shape[dy.ndim - axes - 2 :]
    Wt, dy = np.broadcast_to(Wt, (*lead, *Wt.shape[-2:])), np.broadcast_to(dy, (*lead, u, n, *o))
    c, windows = total.shape[-axes - 2], prod(o)
    per_row = len(places) * c * windows
    size = rows_at_once(per_row, total.itemsize)
    scratch = np.empty(per_row * min(size, n), total.dtype)
    total[...] = 0.0
    for at in np.ndindex(lead):
        factor, right, out = Wt[at], dy[at].reshape(u, n * windows), total[at]
        for start in range(0, n, size):
            stop = min(start + size, n)
            v = scratch[: per_row * (stop - start)].reshape(len(places) * c, -1)
            np.matmul(factor, right[:, start * windows : stop * windows], out=v)
            parts = v.reshape(len(places), c, stop - start, *o)
            for i, (plane, shift) in enumerate(places):
                out[(plane, slice(None), slice(start, stop), *along(shift, tuple(o)))] += parts[i]


def _block(x: Any, places: Places, o: Sizes, start: int, stop: int, scratch: Any) -> Any:
    """What lies at the places in the windows of some rows, one place below the other."""
    shape = (len(places), x.shape[1], stop - start, *o)
    v = scratch[: prod(shape)].reshape(shape)
    for i, (plane, shift) in enumerate(places):
        v[i] = x[(plane, slice(None), slice(start, stop), *along(shift, o))]
    return v.reshape(shape[0] * shape[1], -1)


WRITERS = {"over places": write_product, "outer over places": write_outer, "onto places": write_onto}
