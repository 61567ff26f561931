"""A recording as a program: operations on numbered pieces of memory, which two recordings can be compared by."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

from .calls import Call, Refused, leaves, mapped


@dataclass(
    slots=True, unsafe_hash=True
)  # not frozen: hundreds are made for a step, and that takes a fourth of the time
class View:
    """An array as it lies in memory: its buffer's number, offset and strides in bytes."""

    buffer: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def whole(self) -> bool:
        """Whether its elements lie one after another."""
        step = self.dtype.itemsize
        for n, stride in zip(self.shape[::-1], self.strides[::-1], strict=True):
            if n > 1 and stride != step:
                return False
            step *= n
        return True


@dataclass(frozen=True)
class Constant:
    """An array that was made in the step from numbers alone; equal if its elements are."""

    array: Any

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constant) or self.array.dtype != other.array.dtype:
            return False
        return np.array_equal(self.array, other.array, equal_nan=self.array.dtype.kind in "fc")

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Operation:
    """A call on views, constants and Python numbers."""

    kind: str
    function: Any
    inputs: tuple[Any, ...]
    output: View
    settings: dict[str, Any] = field(default_factory=dict)
    reads: list[View] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        found = leaves((self.inputs, self.settings)) if self.kind == "other" else self.inputs
        self.reads = [x for x in found if type(x) is View]

    @cached_property
    def kinds(self) -> tuple[np.dtype[Any], ...]:
        """The types in which NumPy computes an element-wise function: of each input, and of the output.

        Raises Refused for an integer that has no place in the type: NumPy compares it all the same.
        """
        own = [dtype_of(x) for x in self.inputs]
        kinds = [
            d or (np.dtype(bool) if isinstance(x, bool) else type(x)) for d, x in zip(own, self.inputs, strict=True)
        ]
        found = _resolved(self.function, (*kinds, None))
        for x, kind in zip(self.inputs, found, strict=False):
            if isinstance(x, int) and kind.kind in "iu" and not np.iinfo(kind).min <= x <= np.iinfo(kind).max:
                raise Refused(f"{x} beside {kind}")
        return found

    @cached_property
    def touched(self) -> frozenset[int]:
        """The buffers that it reads or writes."""
        return frozenset({self.output.buffer, *(view.buffer for view in self.reads)})

    @property
    def views(self) -> list[View]:
        """All views that it looks at."""
        return [*self.reads, self.output]


@lru_cache(maxsize=4096)
def _resolved(function: Any, kinds: tuple[Any, ...]) -> tuple[np.dtype[Any], ...]:
    return tuple(function.resolve_dtypes(kinds))


def dtype_of(x: Any) -> Any:
    """The type of a view's or a constant's elements, None for a Python number."""
    return x.dtype if isinstance(x, View) else x.array.dtype if isinstance(x, Constant) else None


SHARED = "two of the step's arrays share memory, or one is empty or not in one piece"


@dataclass
class Program:
    """Operations, and the buffers they work on: the first ones are the leaves of the arguments."""

    operations: list[Operation]
    sizes: list[int]  # bytes of each buffer
    leaves: int  # how many of them are given

    def same(self, other: "Program") -> bool:
        """Whether both are the same operations on the same memory."""
        return self.sizes == other.sizes and self.operations == other.operations


def program(calls: Sequence[Call], given: Sequence[Any], returned: Sequence[Any]) -> Program:
    """The program of these calls.

    given: the arrays among the arguments, each in one piece. returned: for each of the first of them, the array that
    takes its place after the call. Raises Refused.
    """
    memory = _Memory(given)
    operations = [
        Operation(kind, function, memory.inputs(inputs), memory.output(output), memory.inputs(settings))
        for kind, function, inputs, output, settings in calls
    ]
    taken: list[View] = []  # what takes the place of something else
    for i, array in enumerate(returned):
        new, old = memory.view(array), memory.view(given[i])
        if new is None or new.shape != old.shape or new.dtype != old.dtype:
            raise Refused("what the step returns does not have the shapes and types of what it was given")
        if new != old:
            if new.buffer < len(given):
                raise Refused("the step gives back one of its arrays in place of another")
            if any(view.buffer == new.buffer and not disjoint(view, new) for view in taken):
                raise Refused("the step gives back one array in two places")
            taken.append(new)
            operations.append(Operation("copy", None, (new,), old))
    operations = _live(_without_concat(operations, memory.sizes, len(given)), len(given))
    return Program(operations, memory.sizes, len(given))


class _Memory:
    """Which buffer an array lies in. All arrays that it is asked about are kept by others while it lasts."""

    def __init__(self, given: Sequence[Any]) -> None:
        self.sizes: list[int] = []
        self.owners: dict[int, tuple[int, Any]] = {}  # by the identity of the array whose memory it is
        self.views: dict[int, View] = {}  # by the identity of the array
        self.places = sorted((address(array), number) for number, array in enumerate(given))  # none across another
        for array in given:
            if not array.flags.c_contiguous or array.size == 0:
                raise Refused(SHARED)
            self.add(array)
        ends = [start + self.sizes[number] for start, number in self.places]
        if any(end > start for end, (start, _) in zip(ends, self.places[1:], strict=False)):
            raise Refused(SHARED)

    def add(self, array: Any) -> None:
        """Another buffer: all of an array."""
        self.owners[id(array)] = len(self.sizes), array
        self.sizes.append(array.nbytes)

    def view(self, array: Any) -> Any:
        """Where it lies; None where it is in none of the buffers."""
        known = self.views.get(id(array))
        if known is None:
            found = self._find(array)
            if found is None:
                return None
            known = View(*found, array.shape, array.strides, array.dtype)
            self.views[id(array)] = known
        return known

    def _find(self, array: Any) -> tuple[int, int] | None:
        """The buffer and the offset of an array."""
        known = self.owners.get(id(owner_of(array)))
        if known is not None:
            buffer, owner = known
            return buffer, 0 if array is owner else address(array) - address(owner)
        begin = address(array)  # it may lie in what is given, which need not own its memory
        before = bisect_right(self.places, (begin, len(self.sizes)))
        start, buffer = self.places[before - 1] if before else (begin, 0)
        return (buffer, begin - start) if before and begin < start + self.sizes[buffer] else None

    def output(self, array: Any) -> Any:
        if array.size == 0:
            raise Refused("an array without elements")
        found = self.view(array)
        if found is None:
            self.add(owner_of(array))
            found = self.view(array)
        return found

    def inputs(self, tree: Any) -> Any:
        """Arguments with views and constants in the place of arrays."""
        if type(tree) is tuple and not any(isinstance(x, (tuple, list, dict)) for x in tree):
            return tuple([self._input(x) for x in tree])
        return mapped(self._input, tree) if tree else tree

    def _input(self, x: Any) -> Any:
        if not isinstance(x, (np.ndarray, np.generic)):
            return x
        if x.size == 0:
            raise Refused("an array without elements")
        view = self.view(x) if isinstance(x, np.ndarray) else None
        return Constant(np.asarray(x)) if view is None else view


def owner_of(array: Any) -> Any:
    """The array whose memory it lies in: itself, or what it is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def address(array: Any) -> int:
    """Where an array begins."""
    return int(array.__array_interface__["data"][0])


def disjoint(a: View, b: View) -> bool:
    """Whether two views of one buffer have no byte in common, as far as their ends tell."""
    (start, stop), (begin, end) = _ends(a), _ends(b)
    return stop <= begin or end <= start


def _ends(view: View) -> tuple[int, int]:
    steps = [(n - 1) * stride for n, stride in zip(view.shape, view.strides, strict=True)]
    start = view.offset + sum(s for s in steps if s < 0)
    return start, view.offset + sum(s for s in steps if s > 0) + view.dtype.itemsize


def _without_concat(operations: list[Operation], sizes: list[int], given: int) -> list[Operation]:
    """Joining arrays as copies into the parts of the whole; those made only for that are made there at once."""
    moved: dict[int, tuple[int, int]] = {}  # buffer -> the buffer it is a part of now, and where
    kept: list[Operation] = []
    for number, op in enumerate(operations):
        if op.kind != "concat":
            kept.append(op)
            continue
        out, offset = op.output, op.output.offset
        axis = op.settings["axis"] % len(out.shape)
        later = {view.buffer for other in operations[number + 1 :] for view in other.views}
        for x in op.inputs:
            shape = x.shape if isinstance(x, View) else x.array.shape
            part = replace(out, offset=offset, shape=shape)
            offset += shape[axis] * out.strides[axis]
            alike = isinstance(x, View) and part.whole and _is_all_of(x, sizes) and x.dtype == out.dtype
            if alike and x.buffer >= given and x.buffer not in moved and x.buffer not in later:
                moved[x.buffer] = (part.buffer, part.offset)
            else:
                kept.append(Operation("copy", None, (x,), part))

    def place(x: Any) -> Any:
        while isinstance(x, View) and x.buffer in moved:
            buffer, offset = moved[x.buffer]
            x = replace(x, buffer=buffer, offset=x.offset + offset)
        return x

    return [
        replace(op, inputs=mapped(place, op.inputs), output=place(op.output), settings=mapped(place, op.settings))
        if any(view.buffer in moved for view in op.views)
        else op
        for op in kept
    ]


def _is_all_of(x: View, sizes: list[int]) -> bool:
    return x.whole and x.offset == 0 and sizes[x.buffer] == x.size * x.dtype.itemsize


def _live(operations: list[Operation], given: int) -> list[Operation]:
    """The operations whose results are looked at later, or lie in what was given."""
    needed, kept = set(range(given)), []
    for op in reversed(operations):
        if op.output.buffer in needed:
            kept.append(op)
            needed.update(view.buffer for view in op.views)
    return kept[::-1]


def at(tree: Any, memory: Sequence[Any]) -> Any:
    """The same with the arrays that views mean, and those of constants."""

    def found(x: Any) -> Any:
        if isinstance(x, View):
            return np.ndarray(x.shape, x.dtype, memory[x.buffer], x.offset, x.strides)
        return x.array if isinstance(x, Constant) else x

    return mapped(found, tree)
