"""A program's operations as passes: loops over the elements of a shape, in the order of NumPy's own.

What is computed so has the bits of what NumPy computes: an element-wise function is the same for each element, and
sums are taken in the order in which NumPy takes them.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np

from .calls import Refused
from .code import TYPES
from .formulas import is_vector
from .program import Constant, Operation, View, disjoint, dtype_of
from .recorded import indexed

WINDOWS = ("over places", "outer over places", "onto places")
ALONE = ("matmul", "take", *WINDOWS)  # operations that share no loop
ROW_REDUCTIONS = ("add", "maximum", "minimum")
SHORT = 32  # columns up to which NumPy's loop is called once for all rows


@dataclass(frozen=True, eq=False)
class Pass:
    """An operation with the shape it runs over, and the axes of it that it adds up."""

    op: Operation
    shape: tuple[int, ...]
    reduced: tuple[int, ...] = ()
    vector: bool = False  # one call of NumPy's own loop for a row

    @property
    def rows(self) -> tuple[int, ...]:
        return self.shape[:-1]

    @property
    def columns(self) -> int:
        return self.shape[-1]

    @property
    def over_rows(self) -> bool:
        """Whether its result is complete only after the last row."""
        return any(axis < len(self.shape) - 1 for axis in self.reduced)

    @property
    def within_row(self) -> bool:
        """Whether it makes one number of each row."""
        return self.reduced == (len(self.shape) - 1,)

    @property
    def totals(self) -> bool:
        """Whether it makes numbers of rows, if only to add them up."""
        return len(self.shape) - 1 in self.reduced

    def strides(self, view: View) -> tuple[int, ...]:
        """The view's strides along the axes of the iteration, 0 where it has none or is of length 1."""
        if view is self.op.output and self.reduced:
            kept = [axis for axis in range(len(self.shape)) if axis not in self.reduced]
            if len(view.shape) == len(self.shape):  # the reduced axes are kept, with length 1
                return tuple(0 if a in self.reduced else view.strides[a] for a in range(len(self.shape)))
            strides = dict(zip(kept, view.strides, strict=True))
            return tuple(strides.get(axis, 0) for axis in range(len(self.shape)))
        missing = len(self.shape) - len(view.shape)
        own = [0 if n == 1 else stride for n, stride in zip(view.shape, view.strides, strict=True)]
        return (0,) * missing + tuple(own)[max(-missing, 0) :]

    def views(self) -> list[View]:
        return [*self.op.reads, self.op.output]


def as_pass(op: Operation, *, exact: bool = True) -> Pass:
    """The operation as a pass. Raises Refused if no loop is known for it.

    exact: to NumPy's bits, so that sums are in its order, and what has no formula is left to its own loops.
    """
    found = _as_pass(_in_memory_order(op), exact)
    for view in found.op.views:
        if view.dtype.name not in TYPES:
            raise Refused(f"elements of type {view.dtype}")
    for x in found.op.inputs:
        if not isinstance(x, View) and getattr(dtype_of(x) or np.asarray(x).dtype, "name", "") not in TYPES:
            raise Refused(f"elements of type {dtype_of(x) or type(x).__name__}")
    if any(_overlaps(view, found) for view in found.op.reads):
        raise Refused("what is written lies across what is read")
    return found


def _in_memory_order(op: Operation) -> Operation:
    """An operation on each element with its axes in the order in which the result lies in memory."""
    plain = op.kind in ("ufunc", "where", "round", "above_zero") and getattr(op.function, "signature", None) is None
    d, out = len(op.output.shape), op.output
    order = tuple(sorted(range(d), key=lambda axis: -abs(out.strides[axis])))
    fixed = [x for x in op.inputs if isinstance(x, Constant) and x.array.ndim]
    copied = op.kind == "copy" and isinstance(op.inputs[0], View) and op.inputs[0].shape == out.shape
    if order == tuple(range(d)) or fixed or not (plain or copied):
        return op

    def turned(x: View) -> View:
        missing = d - len(x.shape)
        shape, strides = (1,) * missing + x.shape, (0,) * missing + x.strides
        return replace(x, shape=tuple(shape[a] for a in order), strides=tuple(strides[a] for a in order))

    return replace(op, inputs=tuple(turned(x) if isinstance(x, View) else x for x in op.inputs), output=turned(out))


def _overlaps(view: View, p: Pass) -> bool:
    """Whether an element may be written before another is made of what it was."""
    out = p.op.output
    if view.buffer != out.buffer or disjoint(view, out):
        return False
    in_place = not p.reduced and p.op.kind not in ALONE and not p.vector
    return not in_place or not (view.offset == out.offset and p.strides(view) == p.strides(out))


def _as_pass(op: Operation, exact: bool) -> Pass:
    shape = op.output.shape or (1,)
    match op.kind:
        case "ufunc" if set(op.settings) - {"factors"}:
            raise Refused(f"{op.function.__name__} with {', '.join(op.settings)}")
        case "ufunc" if op.function is np.matmul:
            return Pass(replace(op, kind="matmul"), shape)
        case "ufunc" if op.function.signature is not None:
            raise Refused(f"numpy.{op.function.__name__}")
        case "ufunc" if exact and is_vector(op):
            return _vector(op, shape)
        case "ufunc":
            return Pass(op, shape)
        case "where" | "fill" | "round" | "above_zero":
            return Pass(op, shape)
        case "copy":
            x = op.inputs[0]
            if isinstance(x, Constant) or x.shape == op.output.shape:
                return Pass(op, shape)
            if not op.output.whole:
                raise Refused("a reshape into a part of an array")
            return Pass(Operation("copy", None, (x,), _shaped(op.output, x.shape)), x.shape or (1,))
        case "reduce":
            x = op.inputs[0]
            if not isinstance(x, View):
                raise Refused("a reduction of a constant")
            if set(op.settings) - {"axis", "keepdims"}:
                raise Refused(f"{op.function.__name__} of all with {', '.join(op.settings)}")
            if op.function.__name__ not in ROW_REDUCTIONS:
                raise Refused(f"{op.function.__name__} over axes")
            if op.output.dtype != x.dtype:
                raise Refused(f"{op.function.__name__} into another type")
            d, axes = len(x.shape), op.settings["axis"]
            gone = {a % d for a in (range(d) if axes is None else axes if isinstance(axes, tuple) else (axes,))}
            return _in_order(op, x, gone) if exact and x.shape else _reduction(op, x, gone)
        case "take":
            x, rows = op.inputs
            if not isinstance(x, View) or not x.whole or not isinstance(rows, View) or len(rows.shape) != 1:
                raise Refused("take from what does not lie in one piece, or of more than one line of numbers")
            return Pass(op, shape)
        case kind if kind in WINDOWS:
            return Pass(op, shape)
        case "other" if op.function is indexed:
            raise Refused("indexing by arrays")
        case _:
            raise Refused(f"numpy.{op.function.__name__}" if op.function else op.kind)


def _vector(op: Operation, shape: tuple[int, ...]) -> Pass:
    """A function that is left to NumPy's own loop: for each row, or, where rows are short, for all of them at once."""
    views = [x for x in (*op.inputs, op.output) if isinstance(x, View)]
    numbers = [x for x in op.inputs if not isinstance(x, View)]
    alike = all(x.shape == op.output.shape and x.whole for x in views)
    if len(shape) == 1 or shape[-1] > SHORT or not alike or any(np.ndim(getattr(x, "array", x)) for x in numbers):
        return Pass(op, shape, vector=True)
    size = (op.output.size,)
    inputs = tuple(_shaped(x, size) if isinstance(x, View) else x for x in op.inputs)
    return Pass(replace(op, inputs=inputs, output=_shaped(op.output, size)), size, vector=True)


def _reduction(op: Operation, x: View, gone: set[int]) -> Pass:
    """A sum, or the largest or smallest number, over these axes, in any order. Raises Refused."""
    d, name, reduced = len(x.shape), op.function.__name__, tuple(sorted(gone))
    if not reduced:
        return Pass(Operation("copy", None, (x,), op.output), op.output.shape or (1,))
    if reduced[0] < d - 2 and reduced == tuple(range(reduced[0], d - 1)) and _is_one_axis(x, reduced):
        a, long = reduced[0], prod(x.shape[axis] for axis in reduced)
        x = replace(x, shape=(*x.shape[:a], long, x.shape[-1]), strides=(*x.strides[:a], *x.strides[-2:]))
        out = _kept(op.output, d, gone)
        target = replace(op.output, shape=(*x.shape[:a], 1, x.shape[-1]), strides=(*out[:a], 0, out[-1]))
        return _reduction(replace(op, inputs=(x,), output=target), x, {a})
    if reduced != (d - 1,) and (name != "add" or reduced[0] < d - 2):
        raise Refused(f"{name} over the axes {reduced} of {d}")
    return Pass(op, x.shape, reduced)


def _is_one_axis(x: View, axes: tuple[int, ...]) -> bool:
    """Whether these axes, one after another, can be walked along as one."""
    return all(x.strides[a] == x.strides[b] * x.shape[b] for a, b in pairwise(axes))


def _in_order(op: Operation, x: View, gone: set[int]) -> Pass:
    """The same in the order in which NumPy takes the numbers, which is that in memory.

    Its innermost axis is added up by itself, several together where they lie in one piece; to axes further out numbers
    are added one after another. Raises Refused.
    """
    out, d = _kept(op.output, len(x.shape), gone), len(x.shape)
    long = [a for a in range(d) if x.shape[a] > 1]
    if not gone.intersection(long):
        kept = [a for a in range(d) if len(op.output.shape) == d or a not in gone]
        source = replace(x, shape=op.output.shape, strides=tuple(x.strides[a] for a in kept))
        return Pass(Operation("copy", None, (source,), op.output), op.output.shape or (1,))
    if any(x.strides[a] <= 0 for a in long):  # NumPy then asks for more than the strides
        raise Refused(f"{op.function.__name__} of what is repeated or reversed")
    order = sorted(long, key=lambda a: -x.strides[a])
    if len(gone) == 1 and order == long and (x.shape[-1] > 1 or gone == {d - 1}):
        return _checked(Pass(op, x.shape, tuple(gone)))
    axes: list[tuple[int, int, int, bool]] = []  # length, stride, stride of the result, and whether it is reduced
    for a in order:
        n = x.shape[a]
        if axes and axes[-1][3] and a in gone and axes[-1][1] == x.strides[a] * n:
            n *= axes.pop()[0]
        axes.append((n, x.strides[a], out[a], a in gone))
    view = replace(x, shape=tuple(axis[0] for axis in axes), strides=tuple(axis[1] for axis in axes))
    shape = tuple(1 if flag else n for n, _, _, flag in axes)
    target = replace(op.output, shape=shape, strides=tuple(axis[2] for axis in axes))
    reduced = tuple(a for a, axis in enumerate(axes) if axis[3])
    return _checked(Pass(replace(op, inputs=(view,), output=target), view.shape, reduced))


def _checked(p: Pass) -> Pass:
    if p.op.function.__name__ != "add" and p.over_rows:
        raise Refused(f"{p.op.function.__name__} over the axes {p.reduced} of {len(p.shape)}")
    return p


def _kept(out: View, axes: int, gone: set[int]) -> tuple[int, ...]:
    """The strides of a reduction's result along all axes of what is reduced."""
    if len(out.shape) == axes:
        return tuple(0 if a in gone else out.strides[a] for a in range(axes))
    strides = iter(out.strides)
    return tuple(0 if a in gone else next(strides) for a in range(axes))


def _shaped(x: View, shape: tuple[int, ...]) -> View:
    """The same elements one after another, in another shape."""
    steps = tuple(prod(shape[axis + 1 :]) * x.dtype.itemsize for axis in range(len(shape)))
    return View(x.buffer, x.offset, shape, steps, x.dtype)
