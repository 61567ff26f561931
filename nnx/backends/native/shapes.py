"""The results of NumPy's functions as far as shape, type and order in memory go: nothing is computed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

FILLED = {np.zeros_like: 0, np.ones_like: 1, np.empty_like: 0}
REDUCED: dict[Any, Any] = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
REDUCED |= {np.amax: np.maximum, np.amin: np.minimum, np.prod: np.multiply}
ABOUT_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj}
# Functions that give nothing but views that may be written on: they are handed the arrays themselves.
VIEWS = {np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.squeeze, np.expand_dims, np.ravel, np.flip, np.unstack}
VIEWS |= {np.matrix_transpose, np.split, np.array_split, np.atleast_1d, np.atleast_2d}
# Functions whose result has another shape for other values: of their first argument, or of one of the others.
BY_VALUES = {np.nonzero, np.flatnonzero, np.argwhere, np.extract, np.trim_zeros, np.bincount, np.unique, np.union1d}
BY_VALUES |= {np.intersect1d, np.setdiff1d, np.unique_values}
BY_OTHERS = {np.repeat, np.compress, np.delete, np.insert, np.pad}


MOST = 4096  # calls of which it is kept what they give
_known: dict[Any, tuple[tuple[int, ...], np.dtype[Any]]] = {}


def of_ufunc(ufunc: Any, method: str, values: Sequence[Any], settings: dict[str, Any]) -> Any:
    """An array like the one that the call would give, all zeros; a NumPy scalar where that would be one."""
    kinds = [ufunc, method, *settings.items()]
    for x in values:
        if isinstance(x, np.ndarray):
            kinds.append((x.shape, x.dtype) if x.flags.c_contiguous else None)
        else:  # an integer may be too large for the other's type
            kinds.append((type(x), x if isinstance(x, int) else None))
    if None in kinds or not settings.keys() <= {"dtype", "axis", "keepdims"}:  # the result may lie otherwise in memory
        return _of_ufunc(ufunc, method, values, settings)
    key = tuple(kinds)
    known = _known.get(key)
    if known is None:
        found = _of_ufunc(ufunc, method, values, settings)
        known = found.shape, found.dtype
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = known
    shape, dtype = known
    return np.zeros(shape, dtype) if shape else np.zeros((), dtype)[()]


def _of_ufunc(ufunc: Any, method: str, values: Sequence[Any], settings: dict[str, Any]) -> Any:
    if set(settings) - {"dtype", "casting", "axis", "keepdims", "initial"}:
        return (ufunc if method == "__call__" else ufunc.reduce)(*values, **settings)
    if method == "reduce":
        return _reduced(ufunc, values[0], settings)
    if ufunc.signature is not None:
        return _product(ufunc, values, settings)
    small = [np.ones((1,) * x.ndim, x.dtype) if isinstance(x, np.ndarray) else x for x in values]
    return _blank(values, ufunc(*small, **settings).dtype)


def _blank(values: Sequence[Any], dtype: Any) -> Any:
    """An array of the shape that the operands have together, its axes in memory as NumPy orders them for these."""
    shape = np.broadcast_shapes(*map(np.shape, values))
    arrays = [x for x in values if isinstance(x, np.ndarray)]
    if not shape:
        return np.zeros((), dtype)[()]
    if all(x.flags.c_contiguous for x in arrays) or 0 in shape:
        return np.zeros(shape, dtype)
    roles: Any = [["readonly"]] * len(arrays) + [["writeonly", "allocate"]]
    operands: Any = [*arrays, None]
    found = np.nditer(operands, [], roles, [*(x.dtype for x in arrays), dtype], itershape=shape).operands[-1]
    return zeros_as(found, dtype)


def zeros_as(x: Any, dtype: Any) -> Any:
    """Zeros in the shape and the order in memory that NumPy gives a copy of x; unlike zeros_like's, never written."""
    if x.flags.c_contiguous:
        return np.zeros(x.shape, dtype)
    strides = np.empty_like(x, dtype).strides
    axes = sorted(range(x.ndim), key=lambda axis: -strides[axis])
    found = np.zeros([x.shape[axis] for axis in axes], dtype)
    return found.transpose(np.argsort(axes))


def _reduced(ufunc: Any, x: Any, settings: dict[str, Any]) -> Any:
    d, kept, axes = x.ndim, settings.get("keepdims", False), settings.get("axis", 0)
    if not x.flags.c_contiguous or 0 in x.shape or not d:
        return ufunc.reduce(x, **settings)
    dtype = ufunc.reduce(np.ones((1,) * d, x.dtype), **settings).dtype
    chosen = range(d) if axes is None else axes if isinstance(axes, tuple) else (axes,)
    gone = {axis % d for axis in chosen}
    shape = [1 if a in gone else n for a, n in enumerate(x.shape) if kept or a not in gone]
    return np.zeros(shape, dtype) if shape else np.zeros((), dtype)[()]


def _product(ufunc: Any, values: Sequence[Any], settings: dict[str, Any]) -> Any:
    shapes = [np.shape(x) for x in values]
    alike = all(isinstance(x, np.ndarray) and x.ndim >= 2 and (x.ndim < 4 or x.flags.c_contiguous) for x in values)
    if ufunc is not np.matmul or not alike or set(settings) & {"axis", "keepdims"} or any(0 in s for s in shapes):
        return ufunc(*values, **settings)
    (*lead, rows, inner), (*other, height, columns) = shapes
    if inner != height:
        raise ValueError(f"matmul of {shapes[0]} and {shapes[1]}")
    dtype = ufunc(*(np.ones((1, 1), x.dtype) for x in values), **settings).dtype
    return np.zeros((*np.broadcast_shapes(tuple(lead), tuple(other)), rows, columns), dtype)


def same_place(a: Any, b: Any) -> bool:
    """Whether two arrays are the same elements of the same memory."""
    return bool(a.shape == b.shape and a.strides == b.strides and a.ctypes.data == b.ctypes.data)


def check_fits(result: Any, out: Any, casting: Any) -> None:
    """Raise ValueError where NumPy would not write the result there."""
    alike = result.shape == out.shape or np.broadcast_shapes(result.shape, out.shape) == out.shape
    if not alike or not out.flags.writeable or not np.can_cast(result.dtype, out.dtype, casting):
        raise ValueError(f"{result.dtype} {np.shape(result)} cannot be written on {out.dtype} {out.shape}")


def of_join(arrays: Sequence[Any], axis: int) -> Any:
    """An array like the one that joining these would give."""
    first = arrays[0]
    alike = all(x.ndim == first.ndim and x.flags.c_contiguous for x in arrays) and -first.ndim <= axis < first.ndim
    rest = {tuple(n for a, n in enumerate(x.shape) if a != axis % first.ndim) for x in arrays} if alike else set()
    if len(rest) != 1:
        return np.concatenate(arrays, axis)
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    return np.zeros(shape, np.result_type(*arrays))


def of_where(chosen: Any, a: Any, b: Any) -> Any:
    """An array like the one that np.where would give."""
    return np.asarray(_blank((chosen, a, b), np.result_type(a, b)))


def is_view(x: Any, sources: list[Any]) -> bool:
    """Whether x is an array in the memory of one of the sources."""
    if not isinstance(x, np.ndarray):
        return False
    return x.size == 0 or any(np.may_share_memory(x, source) for source in sources)
