"""The order of a program's operations when passes over the same rows are made into one.

An operation runs over the elements of its iteration shape: the rows are all its axes but the last. Operations over
the same rows, of which none needs a row before another has finished it, share a loop; within a row, those over the
same columns share the inner loop too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any, TypeVar

import numpy as np

from .calls import Refused
from .code import TYPES
from .formulas import is_vector
from .program import Constant, Operation, View, disjoint, dtype_of
from .recorded import indexed

ALONE = ("matmul", "take")  # operations that share no loop
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


@dataclass
class Shared:
    """Passes that share a loop over rows, or within a row over columns; or one operation by itself."""

    space: Any
    passes: list[Any] = field(default_factory=list)


def hazard(first: Pass, second: Pass, together: Callable[[Pass, View, Pass, View], bool]) -> str:
    """How the second must follow the first: "" not at all, "with" it or after it, only "after" it."""
    if first.op.output.buffer not in second.op.touched and second.op.output.buffer not in first.op.touched:
        return ""
    found = ""
    for a in first.views():
        for b in second.views():
            if a.buffer != b.buffer or not (a is first.op.output or b is second.op.output) or disjoint(a, b):
                continue
            if not together(first, a, second, b):
                return "after"
            found = "with"
    return found


T = TypeVar("T")


def placed(passes: Iterable[Any], space: Callable[[Any], Any], conflict: Callable[[Any, Any], str]) -> list[Shared]:
    """Every pass in the earliest group of its space that what came before it allows; None is a space for one."""
    groups: list[Shared] = []
    for item in passes:
        earliest = 0
        for number in range(len(groups) - 1, -1, -1):
            found = [conflict(other, item) for other in groups[number].passes]
            if any(found):
                earliest = number + ("after" in found)
                break
        own = space(item)
        for group in groups[earliest:]:
            if own is not None and group.space == own:
                group.passes.append(item)
                break
        else:
            groups.append(Shared(own, [item]))
    return groups


def sunk(groups: list[Shared], conflict: Callable[[Any, Any], str]) -> list[Shared]:
    """The groups with every pass moved on to the one that first needs it, where that runs over the same rows.

    What is multiplied there is then not written in one loop and read again in another.
    """
    for here in range(len(groups) - 2, -1, -1):
        group = groups[here]
        stay: list[Any] = []
        for item in reversed(group.passes):
            target = None
            if group.space is not None and not any(conflict(item, other) for other in stay):
                for later in groups[here + 1 :]:
                    found = [conflict(item, other) for other in later.passes]
                    if any(found):
                        target = later if later.space == group.space and "after" not in found else None
                        break
            if target is None:
                stay.insert(0, item)
            else:
                target.passes.insert(0, item)
        group.passes = stay
    return [group for group in groups if group.passes]


def same_row(first: Pass, a: View, second: Pass, b: View) -> bool:
    """Whether what two passes over rows find in these views of one buffer is, row for row, the same piece of it."""
    if first.rows != second.rows or (a is first.op.output and first.over_rows) or second.op.kind in ALONE:
        return False
    if first.op.kind in ALONE or (b is second.op.output and second.over_rows):
        return False
    if not first.rows:
        return True
    mine, theirs = first.strides(a)[:-1], second.strides(b)[:-1]
    long = [stride for n, stride in zip(first.rows, mine, strict=True) if n > 1]
    return mine == theirs and 0 not in long and abs(a.offset - b.offset) < min(map(abs, long), default=1)


def same_element(first: Pass, a: View, second: Pass, b: View) -> bool:
    """Whether two passes find in these views of one buffer, element for element, the same."""
    if first.columns != second.columns or first.within_row or first.vector or second.within_row or second.vector:
        return False
    return a.offset == b.offset and first.strides(a) == second.strides(b) and a.dtype == b.dtype


def by_rows(passes: list[Pass]) -> list[Shared]:
    """The passes in groups over the same rows."""

    def conflict(a: Pass, b: Pass) -> str:
        return hazard(a, b, same_row)

    return sunk(placed(passes, lambda p: None if p.op.kind in ALONE else p.rows, conflict), conflict)


def by_columns(passes: list[Pass]) -> list[Shared]:
    """The passes of one group in the inner loops of a row."""

    def space(item: Pass) -> Any:
        alone = item.within_row or item.vector
        return None if alone else item.columns

    return placed(passes, space, lambda a, b: hazard(a, b, same_element))


def as_pass(op: Operation, *, loops: bool = True) -> Pass:
    """The operation as a pass. Raises Refused if no loop is known for it.

    loops: whether functions that have no formula are left to NumPy's own loops.
    """
    found = _as_pass(op, loops)
    for view in found.op.views:
        if view.dtype.name not in TYPES:
            raise Refused(f"elements of type {view.dtype}")
    for x in found.op.inputs:
        if not isinstance(x, View) and getattr(dtype_of(x) or np.asarray(x).dtype, "name", "") not in TYPES:
            raise Refused(f"elements of type {dtype_of(x) or type(x).__name__}")
    if any(_overlaps(view, found) for view in found.op.reads):
        raise Refused("what is written lies across what is read")
    return found


def _overlaps(view: View, p: Pass) -> bool:
    """Whether an element may be written before another is made of what it was."""
    out = p.op.output
    if view.buffer != out.buffer or disjoint(view, out):
        return False
    in_place = not p.reduced and p.op.kind not in ALONE and not p.vector
    return not in_place or not (view.offset == out.offset and p.strides(view) == p.strides(out))


def _as_pass(op: Operation, loops: bool) -> Pass:
    shape = op.output.shape or (1,)
    match op.kind:
        case "ufunc" if set(op.settings) - {"factors"}:
            raise Refused(f"{op.function.__name__} with {', '.join(op.settings)}")
        case "ufunc" if op.function is np.matmul:
            return Pass(replace(op, kind="matmul"), shape)
        case "ufunc" if op.function.signature is not None:
            raise Refused(f"numpy.{op.function.__name__}")
        case "ufunc" if loops and is_vector(op):
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
            return _reduction(op, x)
        case "take":
            x, rows = op.inputs
            if not isinstance(x, View) or not x.whole or not isinstance(rows, View) or len(rows.shape) != 1:
                raise Refused("take from what does not lie in one piece, or of more than one line of numbers")
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


def _reduction(op: Operation, x: View) -> Pass:
    """A sum, or the largest or smallest, over axes, in the order in which NumPy takes the numbers.

    That is the order in memory: its innermost axis is added up by itself, several together where they lie in one piece;
    axes further out are added number by number to what is there. Raises Refused for what is neither sort alone.
    """
    d, name, axes = len(x.shape), op.function.__name__, op.settings["axis"]
    gone = {a % d for a in (range(d) if axes is None else axes if isinstance(axes, tuple) else (axes,))}
    out = _kept(op.output, d, gone)
    long = [a for a in range(d) if x.shape[a] > 1]
    if not gone.intersection(long):
        kept = [a for a in range(d) if len(op.output.shape) == d or a not in gone]
        source = replace(x, shape=op.output.shape, strides=tuple(x.strides[a] for a in kept))
        return Pass(Operation("copy", None, (source,), op.output), op.output.shape or (1,))
    order = sorted(long, key=lambda a: -x.strides[a])
    if any(x.strides[a] <= 0 for a in long):  # NumPy then asks for more than the strides
        raise Refused(f"{name} of what is repeated or reversed")
    found: list[tuple[int, int, int, bool]] = []  # length, stride, stride of the result, whether it is reduced
    for a in order:
        n, stride, far, reduced = x.shape[a], x.strides[a], out[a], a in gone
        if found and found[-1][3] and reduced and found[-1][1] == stride * n:
            n *= found.pop()[0]
        found.append((n, stride, far, reduced))
    if len(gone) == 1 and order == long and (x.shape[-1] > 1 or gone == {d - 1}):
        reduced_axis, shape = next(iter(gone)), x.shape
        made = Pass(op, shape, (reduced_axis,))
    else:
        flags = [part[3] for part in found]
        if sum(flags) > 1:
            raise Refused(f"{name} over the axes {sorted(gone)} of {d}")
        reduced_axis = flags.index(True)
        shape, strides = tuple(part[0] for part in found), tuple(part[1] for part in found)
        result = replace(
            op.output,
            shape=tuple(1 if part[3] else part[0] for part in found),
            strides=tuple(part[2] for part in found),
        )
        source = replace(x, shape=shape, strides=strides)
        made = Pass(replace(op, inputs=(source,), output=result), shape, (reduced_axis,))
    if not made.within_row and (name != "add" or reduced_axis < len(shape) - 2):
        raise Refused(f"{name} over the axis {reduced_axis} of {len(shape)}")
    return made


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
