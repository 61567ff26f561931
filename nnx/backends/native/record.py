"""A function of NumPy arrays, run once while every array operation in it is written down.

What is recorded is what happened to memory: which operation read which arrays and wrote which. A view needs no
operation, because the memory it looks at will be the same when the recording is run again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..arrays import _libraries, _namespaces
from ..numpy import lean

FILLED = {np.zeros_like: 0, np.ones_like: 1, np.empty_like: 0}
ABOUT_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj}


class Refused(Exception):
    """The function did what a recording cannot repeat; the text says what."""


@dataclass(frozen=True)
class Call:
    """One operation: kind says how to repeat it, inputs are arrays or Python numbers."""

    kind: str  # "ufunc", "reduce", "take", "concat", "where", "copy", "fill", "other"
    function: Any
    inputs: tuple[Any, ...]
    output: Any
    settings: dict[str, Any] = field(default_factory=dict)


class Recorded(NDArrayOperatorsMixin):
    """An array whose operations are computed and written down; what would need its values is refused.

    Where the calls are `Shapes`, nothing is computed: results have their shapes and types, and any values.
    """

    __slots__ = ("calls", "value")

    def __init__(self, value: Any, calls: list[Call]) -> None:
        self.value, self.calls = value, calls

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    mT = property(lambda self: Recorded(self.value.mT, self.calls))
    T = property(lambda self: Recorded(self.value.T, self.calls))

    def __len__(self) -> int:
        return len(self.value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        values = tuple(_value(x) for x in inputs)
        out = settings.pop("out", (None,))[0]
        if ufunc.nout != 1 or method not in ("__call__", "reduce") or settings.get("where", True) is not True:
            raise Refused(f"{ufunc.__name__}.{method} with {sorted(settings)}")
        if out is not None and not isinstance(out, Recorded):
            raise Refused(f"{ufunc.__name__} writes on an array that is no part of the step")
        kept = {name: value for name, value in settings.items() if value is not None}
        run = ufunc if method == "__call__" else ufunc.reduce
        if isinstance(self.calls, Shapes):
            result = unset(ufunc, method, values, settings) if out is None else out.value
        else:
            result = run(*values, **settings) if out is None else run(*values, out=out.value, **settings)
        if method == "reduce":
            kept = {"axis": settings.get("axis", 0), "keepdims": bool(settings.get("keepdims", False))}
            values = values[:1]
        return self._written("ufunc" if method == "__call__" else "reduce", ufunc, values, np.asarray(result), kept)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        values, kept = _value(args), _value(settings)
        result = joined(function, values, kept) if isinstance(self.calls, Shapes) else function(*values, **kept)
        if function in ABOUT_SHAPES:
            return result
        if not isinstance(result, (np.ndarray, np.generic)):
            raise Refused(f"numpy.{function.__name__}")
        array = np.asarray(result)
        inputs = [x for x in leaves((values, kept)) if isinstance(x, np.ndarray)]
        if any(np.may_share_memory(array, x) for x in inputs):
            return Recorded(array, self.calls)
        if function in FILLED:
            return self._written("fill", None, (FILLED[function],), array)
        if function is np.full_like and not isinstance(args[1], Recorded):
            return self._written("fill", None, (args[1],), array)
        if function is np.concatenate:
            return self._written("concat", function, tuple(values[0]), array, {"axis": kept.get("axis", 0)})
        if function is np.where and len(values) == 3 and not kept:
            return self._written("where", function, values, array)
        return self._written("other", function, values, array, kept)

    def __getitem__(self, index: Any) -> Any:
        values = _value(index)
        array = np.asarray(self.value[values])
        if np.may_share_memory(array, self.value):
            return Recorded(array, self.calls)
        return self._written("other", _item, (self.value, values), array)

    def reshape(self, shape: Any) -> Any:
        try:
            return Recorded(np.reshape(self.value, shape, copy=False), self.calls)
        except ValueError:  # it has to be copied
            like = np.empty(self.shape, self.dtype) if isinstance(self.calls, Shapes) else self.value
            return self._written("copy", None, (self.value,), like.reshape(shape))

    def take(self, indices: Any, axis: int) -> Any:
        x, rows = self.value, _value(indices)
        if isinstance(self.calls, Shapes) and axis == 0:
            result = np.empty((*np.shape(rows), *x.shape[1:]), x.dtype)
        else:
            result = x.take(rows, axis)
        return self._written("take", np.take, (x, rows), result, {"axis": axis})

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        if not copy and self.dtype == dtype:
            return self
        if isinstance(self.calls, Shapes):
            return self._written("copy", None, (self.value,), np.empty(self.shape, dtype))
        return self._written("copy", None, (self.value,), self.value.astype(dtype))

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        return lean.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        return lean.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        return lean.max(self, axis=axis, keepdims=keepdims)

    def copy(self) -> Any:
        return self._written("copy", None, (self.value,), self.value.copy())

    def _written(self, kind: str, function: Any, inputs: Any, output: Any, settings: Any = None) -> "Recorded":
        self.calls.append(Call(kind, function, tuple(inputs), output, settings or {}))
        return Recorded(output, self.calls)

    def _refuse(self, *args: Any, **settings: Any) -> Any:
        raise Refused("the step reads the value of an array, or writes on a part of one")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = __iter__ = __setitem__ = _refuse
    tolist = item = _refuse


class Shapes(list[Call]):
    """The calls of a recording that follows shapes and types only: a step of any size is written down at once."""


def unset(ufunc: Any, method: str, values: Any, settings: Any) -> Any:
    """An array like the one that the call would give, found from arrays of one element."""
    small = [np.ones((1,) * x.ndim, x.dtype) if isinstance(x, np.ndarray) else x for x in values]
    if method == "reduce":
        dtype, (x, *_) = ufunc.reduce(small[0], **settings).dtype, values
        kept, axes = settings.get("keepdims", False), settings.get("axis", 0)
        chosen = range(x.ndim) if axes is None else axes if isinstance(axes, tuple) else (axes,)
        gone = {axis % x.ndim for axis in chosen}
        return np.empty([1 if a in gone else n for a, n in enumerate(x.shape) if kept or a not in gone], dtype)
    dtype = ufunc(*small, **settings).dtype
    shapes = [np.shape(x) for x in values]
    if ufunc is np.matmul:
        (*lead, rows, inner), (*other, height, columns) = shapes
        if inner != height:
            raise ValueError(f"matmul of {shapes[0]} and {shapes[1]}")
        return np.empty((*np.broadcast_shapes(tuple(lead), tuple(other)), rows, columns), dtype)
    return np.empty(np.broadcast_shapes(*shapes), dtype)


def joined(function: Any, values: Any, settings: Any) -> Any:
    """What the function gives; of the two that make large arrays of others, only the shape and type."""
    if function is np.concatenate and not set(settings) - {"axis"}:
        first, axis = values[0][0], settings.get("axis", 0)
        shape = list(first.shape)
        shape[axis] = sum(x.shape[axis] for x in values[0])
        return np.empty(shape, np.result_type(*values[0]))
    if function is np.where and len(values) == 3:
        return np.empty(np.broadcast_shapes(*map(np.shape, values)), np.result_type(*values[1:]))
    return function(*values, **settings)


def _item(x: Any, index: Any) -> Any:
    return x[index]


def _value(tree: Any) -> Any:
    """The same with every recorded array replaced by the array itself."""
    return mapped(lambda leaf: leaf.value if isinstance(leaf, Recorded) else leaf, tree)


def leaves(tree: Any) -> list[Any]:
    """What lies in nested tuples, lists and dicts, in their order."""
    if isinstance(tree, dict):
        return [leaf for item in tree.values() for leaf in leaves(item)]
    if isinstance(tree, (tuple, list)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [tree]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same nested tuples, lists and dicts with the function of every leaf."""
    if isinstance(tree, dict):
        return {name: mapped(function, item) for name, item in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(mapped(function, item) for item in tree))
    if isinstance(tree, (tuple, list)):
        return type(tree)([mapped(function, item) for item in tree])
    return function(tree)


def record(function: Callable[..., Any], args: tuple[Any, ...], *, compute: bool = True) -> tuple[Any, list[Call]]:
    """What the function gives, and the operations it did; without `compute`, their shapes alone. Raises Refused."""
    calls: list[Call] = [] if compute else Shapes()

    def wrapped(leaf: Any) -> Any:
        return Recorded(leaf, calls) if isinstance(leaf, np.ndarray) else leaf

    try:
        result = function(*mapped(wrapped, args))
    except Refused:
        raise
    except Exception as error:  # what is wrong with the step itself will come again when it is run plainly
        raise Refused(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}") from None
    return _value(result), calls


def _namespace() -> ModuleType:
    """NumPy for recorded arrays: `asarray` would otherwise look inside them."""
    module = ModuleType("numpy", "NumPy for recorded arrays")
    module.__dict__.update(vars(lean))

    def asarray(x: Any, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
        if not isinstance(x, Recorded):
            return np.asarray(x, dtype=dtype, copy=copy)
        return x.astype(x.dtype if dtype is None else dtype, copy=bool(copy))

    module.__dict__.update(asarray=asarray)
    return module


_namespaces[Recorded] = _namespace()
_libraries[Recorded] = "numpy"
