"""Arrays that write down what is done to them."""

from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ...errors import BackendError
from ..numpy import lean
from . import shapes
from .calls import Call, Calls, Refused, leaves, mapped

POWERS: dict[Any, Any] = {2: np.square, -1: np.reciprocal, 0.5: np.sqrt}  # what ** of NumPy's arrays does for them
KEPT = "an array of one step was kept until another; nnx.fit(compile=False) runs such a step"


class Recorded(NDArrayOperatorsMixin):
    """An array whose operations are written down; what would need its values is refused."""

    __slots__ = ("calls", "value")

    def __init__(self, value: Any, calls: Calls) -> None:
        self.value, self.calls = value, calls

    __class__ = property(lambda self: np.ndarray)  # for `isinstance`
    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)
    size = property(lambda self: self.value.size)
    mT = property(lambda self: Recorded(self.value.mT, self.calls))
    T = property(lambda self: Recorded(self.value.T, self.calls))

    def __len__(self) -> int:
        return len(self.value)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return np

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        if ufunc.nout == 1 and method == "__call__" and not settings:
            return self.called(ufunc, inputs)
        name = ufunc.__name__
        if ufunc.nout != 1 or method not in ("__call__", "reduce"):
            raise Refused(f"numpy.{name}" + (f".{method}" if ufunc.nout == 1 else ", which gives several arrays"))
        if settings.pop("where", True) is not True:
            raise Refused(f"numpy.{name} with where")
        (out,) = settings.pop("out", (None,))
        kept = {key: value for key, value in settings.items() if value is not None or key == "initial"}
        if method == "reduce":
            axes = settings.get("axis", 0)
            axes = tuple(map(int, axes)) if isinstance(axes, tuple) else axes if axes is None else int(axes)
            axes = () if axes in (0, -1, None) and not np.ndim(self._operand(inputs[0])) else axes
            kept |= {"axis": axes, "keepdims": bool(settings.get("keepdims", False))}
        return self.called(ufunc, inputs, out, method, kept)

    def called(self, ufunc: Any, inputs: Any, out: Any = None, method: str = "__call__", kept: Any = None) -> Any:
        """The result of a ufunc. kept: the settings that count."""
        kept = kept or {}
        values = tuple([self._operand(x) for x in inputs])
        strange = out is not None and type(self.leaf(out)) is not Recorded
        if strange or (kept and any(isinstance(x, Recorded) for x in leaves(kept))):
            raise Refused(f"numpy.{ufunc.__name__} writes on what is no array of the step, or has one as a setting")
        if not self.calls.compute:
            result = shapes.of_ufunc(ufunc, method, values, kept)
            if out is not None:
                shapes.check_fits(result, out.value, kept.get("casting", "same_kind"))
                result = out.value
        else:
            run = ufunc if method == "__call__" else ufunc.reduce
            result = run(*values, **kept) if out is None else run(*values, out=out.value, **kept)
        return self._written("ufunc" if method == "__call__" else "reduce", ufunc, values, result, kept)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        name = f"numpy.{function.__name__}"
        if function in shapes.ABOUT_SHAPES:
            return function(*value_of(args), **value_of(settings))
        others = (args[1:], settings) if function in shapes.BY_OTHERS else ()
        if function in shapes.BY_VALUES or any(isinstance(x, Recorded) for x in leaves(others)):
            raise Refused(f"the shape of what {name} gives depends on values")
        args, settings = mapped(self.leaf, args), mapped(self.leaf, settings)
        if (known := self._known(function, args, settings)) is not None:
            return known
        given = mapped(_as_it_is if function in shapes.VIEWS else _to_be_read, (args, settings))
        result = function(*given[0], **given[1])
        sources = [x.value for x in leaves((args, settings)) if type(x) is Recorded]
        if isinstance(result, (tuple, list)) and all(shapes.is_view(x, sources) for x in result):
            return type(result)([Recorded(x, self.calls) for x in result])
        if not isinstance(result, (np.ndarray, np.generic)):
            raise Refused(f"{name}, which gives no array, or several")
        if shapes.is_view(result, sources):
            return Recorded(result, self.calls)
        fill = shapes.FILLED.get(function)
        if function is np.full_like:
            fill = args[1] if len(args) > 1 else settings.get("fill_value")
        if isinstance(fill, (bool, int, float, np.generic)):
            return self._written("fill", None, (fill,), result)
        return self._written("other", function, value_of(args), result, value_of(settings))

    def _known(self, function: Any, args: Any, settings: Any) -> Any:
        """The result of a function that has a kind of its own; None for any other, or another form of it."""
        if function is np.concatenate and len(args) <= 2 and not set(settings) - {"axis"}:
            arrays, axis = (*args, settings.get("axis", 0))[:2]
            if isinstance(arrays, (tuple, list)) and isinstance(axis, int):
                parts = [np.asarray(self._operand(x)) for x in arrays]
                result = np.concatenate(parts, axis) if self.calls.compute else shapes.of_join(parts, axis)
                return self._written("concat", function, [x for x in parts if x.size], result, {"axis": axis})
        if (
            function in shapes.REDUCED
            and args
            and isinstance(args[0], Recorded)
            and not set(settings) - {"axis", "dtype", "keepdims"}
        ):
            axis = args[1:2] or (settings.get("axis"),)  # which is 0 for a ufunc where it is left out
            rest = {key: value for key, value in settings.items() if key != "axis"}
            return shapes.REDUCED[function].reduce(args[0], *axis, *args[2:], **rest)
        if function is np.where and len(args) == 3 and not settings:
            values = tuple(map(self._operand, args))
            result = np.where(*values) if self.calls.compute else shapes.of_where(*values)
            return self._written("where", function, values, result)
        return None

    def __getitem__(self, index: Any) -> Any:
        index = mapped(self.leaf, index)
        if any(x.ndim == 0 or x.dtype == bool for x in leaves(index) if isinstance(x, Recorded)):
            raise Refused("which elements are meant depends on values")
        index = value_of(index)
        result = self.value[index]
        if not self.calls.numbers and isinstance(result, np.generic):
            result = self.value[(*index, ...) if isinstance(index, tuple) else (index, ...)]
        if shapes.is_view(result, [self.value]):
            return Recorded(result, self.calls)
        return self._written("other", indexed, (self.value, index), result)

    def __setitem__(self, index: Any, values: Any) -> None:
        part = self[index]
        if not shapes.is_view(part.value, [self.value]):
            self._refuse()
        if isinstance(values, Recorded) and shapes.same_place(values.value, part.value):
            return  # what an operation such as += has written there
        value = np.broadcast_to(self._operand(values), part.shape)
        if self.calls.compute:
            part.value[...] = value
        self._written("copy", None, (value,), part.value)

    def __pow__(self, other: Any) -> Any:
        return self._power(other, None)

    def __ipow__(self, other: Any) -> Any:
        return self._power(other, self)

    def _power(self, other: Any, out: Any) -> Any:
        if type(other) in (int, float) and other in POWERS and self.dtype.kind in "fc":
            return POWERS[other](self, out=out)
        return np.power(self, other, out=out)

    def reshape(self, *shape: Any) -> Any:
        shape = shape[0] if len(shape) == 1 else shape
        try:
            return Recorded(np.reshape(self.value, shape, copy=False), self.calls)
        except ValueError:  # it has to be copied
            x = self.value if self.calls.compute else np.zeros(self.shape, self.dtype)
            return self._written("copy", None, (self.value,), x.reshape(shape))

    def take(self, indices: Any, axis: Any = None) -> Any:
        if axis != 0 or not isinstance(indices, Recorded) or not np.can_cast(indices.dtype, np.intp):
            return np.take(self, indices, axis=axis)
        x, rows = self.value, self._operand(indices)
        result = x.take(rows, 0) if self.calls.compute else np.zeros((*rows.shape, *x.shape[1:]), x.dtype)
        return self._written("take", np.take, (x, rows), result, {"axis": 0})

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        if not copy and self.dtype == dtype:
            return self
        x, compute = self.value, self.calls.compute
        return self._written("copy", None, (x,), x.astype(dtype) if compute else shapes.zeros_as(x, dtype))

    def sum(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        return lean.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        exact = self.dtype.kind == "f" and self.dtype.itemsize >= 4  # else NumPy adds up in another type
        return (lean if exact else np).mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, *, keepdims: bool = False) -> Any:
        return lean.max(self, axis=axis, keepdims=keepdims)

    def copy(self) -> Any:
        result = self.value.copy() if self.calls.compute else np.zeros(self.shape, self.dtype)
        return self._written("copy", None, (self.value,), result)

    def _written(self, kind: str, function: Any, inputs: Any, result: Any, settings: Any = None) -> "Recorded":
        if self.calls.closed:
            raise BackendError(KEPT)
        if result.dtype.kind not in KINDS:
            raise Refused(f"an array of type {result.dtype}")
        if "raise" in np.geterr().values():
            raise Refused("the step asks NumPy to raise errors of arithmetic")
        array = result if type(result) is np.ndarray else np.asarray(result)
        self.calls.append(Call(kind, function, tuple(inputs), array, settings or {}))
        return (Number if array is not result and self.calls.numbers else Recorded)(array, self.calls)

    def leaf(self, x: Any) -> Any:
        """An argument of a function; arrays that are not recorded are constants, kept as they are now."""
        if isinstance(x, Recorded):
            if x.calls is not self.calls:
                raise BackendError(KEPT)
        elif isinstance(x, np.ndarray):
            if type(x) is not np.ndarray or x.dtype.kind not in KINDS:
                raise Refused(f"an array of type {type(x).__name__}, {x.dtype}")
            return np.array(x, dtype=x.dtype.newbyteorder("="))
        return x

    def _operand(self, x: Any) -> Any:
        """An operand as an array or a number."""
        if type(x) in (int, float, bool, complex):
            return x
        x = self.leaf(x)
        if isinstance(x, Recorded):
            return x.value
        if isinstance(x, (np.ndarray, np.generic)):
            return x
        if isinstance(x, (int, float, complex)):
            return x.__pos__()  # of a class derived from them
        if any(isinstance(leaf, Recorded) for leaf in leaves(x)):
            raise Refused("a list of arrays in the place of an array")
        return self.leaf(np.asarray(x))

    def _refuse(self, *args: Any, **settings: Any) -> Any:
        if self.calls.closed:
            raise BackendError(KEPT)
        raise Refused("the step reads the value of an array, or writes on a part of one")

    def __getattr__(self, name: str) -> Any:
        if name in ATTRIBUTES:  # not an AttributeError: `hasattr` must not find out
            raise Refused(f"the step uses .{name} of an array")
        raise AttributeError(f"an array has no attribute {name!r}")

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __array__ = __iter__ = _refuse
    __copy__ = __deepcopy__ = __reduce_ex__ = _refuse


class Number(Recorded):
    """A result without axes where that is a number: `+=` gives another one, and no view of it sees a change."""

    __slots__ = ()

    __class__ = property(lambda self: self.value.dtype.type)
    mT = property(lambda self: self._array().mT)
    T = property(lambda self: self)

    def __getitem__(self, index: Any) -> Any:
        return self if index == () else self._array()[index]

    def reshape(self, *shape: Any) -> Any:
        return self._array().reshape(*shape)

    def astype(self, dtype: Any, *, copy: bool = True) -> Any:
        if not copy and self.dtype == dtype:
            return self
        return self._written("copy", None, (self.value,), self.value.astype(dtype)[()])

    def copy(self) -> Any:
        return self

    def _array(self) -> Recorded:
        return self._written("copy", None, (self.value,), self.value.copy())


def _operator(ufunc: Any, usual: Any, *, turned: bool = False, in_place: bool = False) -> Any:
    """An operator on recorded arrays and numbers without NumPy's dispatch, which takes as long as recording it."""

    def operator(self: Recorded, other: Any) -> Any:
        if type(other) not in (Recorded, Number, float, int):
            return usual(self, other)
        return self.called(ufunc, (other, self) if turned else (self, other), self if in_place else None)

    return operator


IN_PLACE = "add sub mul matmul truediv floordiv mod pow lshift rshift and xor or"
for _name, _ufunc in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide}.items():
    for _prefix, _how in {"": {}, "r": {"turned": True}, "i": {"in_place": True}}.items():
        _full = f"__{_prefix}{_name}__"
        setattr(Recorded, _full, _operator(_ufunc, getattr(Recorded, _full), **_how))
for _name in IN_PLACE.split():
    setattr(Number, f"__i{_name}__", getattr(Recorded, f"__{_name}__"))
KINDS = "biufc"  # of the elements that are recorded
ATTRIBUTES = {name for name in dir(np.ndarray) if not name.startswith("__")}


def indexed(x: Any, index: Any) -> Any:
    """The elements of x with this index."""
    return x[index]


def _as_it_is(leaf: Any) -> Any:
    return leaf.value[()] if isinstance(leaf, Number) else leaf.value if isinstance(leaf, Recorded) else leaf


def _to_be_read(leaf: Any) -> Any:
    """The same as an array that cannot be written on: a function that wants to is found out."""
    leaf = _as_it_is(leaf)
    if isinstance(leaf, np.ndarray):
        leaf = leaf.view()
        leaf.flags.writeable = False
    return leaf


def value_of(tree: Any) -> Any:
    """The same with every recorded array replaced by the array itself."""
    return mapped(lambda leaf: leaf.value if isinstance(leaf, Recorded) else leaf, tree)
