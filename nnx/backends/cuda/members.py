"""The program of a population as that of one member, where no member needs what another has computed.

A buffer with the members on axis 0 is cut into equal parts, one a member; from what all members share, each computes
for itself. What lies in a part, and reads nothing of another, can be run by a block of its own.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..native.calls import Refused
from ..native.program import Constant, Operation, Program, View

ALIGNED = ("ufunc", "where", "fill", "round", "above_zero")  # operations whose inputs are broadcast to their output


@dataclass(frozen=True)
class Member:
    """One of `count` members.

    program: of its own parts; its leaves are the given ones, then the constants.
    own: the buffers that have a part for each member, of `program.sizes` bytes.
    constants: arrays with a part for each member.
    """

    program: Program
    count: int
    own: frozenset[int]
    constants: list[Any]


def member_of(program: Program, count: int, lasting: Sequence[int], rows: int | None) -> Member:
    """One member of the program; the program itself where members do not compute apart from each other.

    count: of the members, if the program is a population.
    lasting: the leaves with the members on axis 0.
    rows: the leaf with the batch's row numbers. Whether they are each member's own is found out.
    """
    for own in ({*lasting, rows} - {None}, set(lasting)) if count else ():
        with suppress(Refused):
            return _Cut(program, count, own, rows).member()
    return Member(program, 1, frozenset(), [])


class _Cut:
    def __init__(self, program: Program, count: int, own: set[Any], rows: int | None) -> None:
        self.program, self.count, self.own, self.rows = program, count, own, rows
        before = -1
        while len(own) > before:
            before = len(own)
            own |= {op.output.buffer for op in program.operations if own & {v.buffer for v in op.views}}
        self.constants: list[Any] = []

    def member(self) -> Member:
        """The member. Raises Refused."""
        sizes, leaves = self.program.sizes, self.program.leaves
        for b in self.own:
            if sizes[b] % self.count:
                raise Refused("members of different sizes")
        operations = [self._operation(op) for op in self.program.operations]
        n = len(self.constants)

        def moved(x: Any) -> Any:
            if not isinstance(x, View) or 0 <= x.buffer < leaves:
                return x
            return replace(x, buffer=leaves - 1 - x.buffer if x.buffer < 0 else x.buffer + n)

        operations = [replace(op, inputs=tuple(map(moved, op.inputs)), output=moved(op.output)) for op in operations]
        parts = [size // self.count if b in self.own else size for b, size in enumerate(sizes)]
        parts[leaves:leaves] = [x.nbytes // self.count for x in self.constants]
        own = frozenset([*(b if b < leaves else b + n for b in self.own), *range(leaves, leaves + n)])
        return Member(Program(operations, parts, leaves + n), self.count, own, self.constants)

    def _operation(self, op: Operation) -> Operation:
        if op.output.buffer not in self.own:
            return op
        if op.kind == "take":
            return self._take(op)
        output = self._part(op.output)
        settings = op.settings
        if op.kind == "reduce":
            axes, d = settings["axis"], len(op.inputs[0].shape)
            chosen = [a % d for a in (range(d) if axes is None else axes if isinstance(axes, tuple) else (axes,))]
            if 0 in chosen or not isinstance(op.inputs[0], View) or op.inputs[0].buffer not in self.own:
                raise Refused("a reduction over the members")
            settings = {**settings, "axis": tuple(a - 1 for a in chosen)}
            return replace(op, inputs=(self._part(op.inputs[0]),), output=output, settings=settings)
        if op.kind == "copy" and isinstance(op.inputs[0], View) and op.inputs[0].buffer in self.own:
            return replace(op, inputs=(self._part(op.inputs[0]),), output=output)
        if op.kind not in (*ALIGNED, "copy"):
            raise Refused(f"{op.kind} for each member")
        return replace(op, inputs=tuple(self._input(x, len(op.output.shape)) for x in op.inputs), output=output)

    def _part(self, x: View) -> View:
        """The first member's part of what has the members on axis 0."""
        size = self.program.sizes[x.buffer] // self.count
        if not x.shape or x.shape[0] != self.count or x.strides[0] != size:
            raise Refused("members that do not lie one after another")
        part = replace(x, shape=x.shape[1:], strides=x.strides[1:])
        ends = [x.offset, x.offset + x.dtype.itemsize]
        for n, stride in zip(part.shape, part.strides, strict=True):
            ends[stride > 0] += (n - 1) * stride
        if ends[0] < 0 or ends[1] > size:
            raise Refused("a member's numbers among another's")
        return part

    def _input(self, x: Any, axes: int) -> Any:
        """What one member reads of an operand of an operation over so many axes."""
        shape = x.shape if isinstance(x, View) else x.array.shape if isinstance(x, Constant) else ()
        if isinstance(x, View) and x.buffer in self.own:
            if len(shape) != axes:
                raise Refused("members on another axis than the first")
            return self._part(x)
        if len(shape) < axes or not shape:
            return x
        if isinstance(x, Constant):
            if shape[0] == 1:
                return Constant(np.asarray(x.array[0]))
            whole = np.ascontiguousarray(x.array)
            self.constants.append(whole)
            steps = whole.strides[1:]
            return View(-len(self.constants), 0, shape[1:], steps, whole.dtype)
        if shape[0] != 1 and x.strides[0]:
            raise Refused("what all members share, read by their number")
        return replace(x, shape=shape[1:], strides=x.strides[1:])

    def _take(self, op: Operation) -> Operation:
        """The rows of a member's batch, where each has its own."""
        data, rows = op.inputs
        if rows.buffer != self.rows or data.buffer in self.own or not rows.whole or not op.output.whole:
            raise Refused("rows taken for each member")
        if rows.offset or op.output.offset or len(rows.shape) != 1 or rows.size % self.count:
            raise Refused("rows taken for each member")
        n = rows.size // self.count
        output = replace(op.output, shape=(n, *op.output.shape[1:]))
        if prod(output.shape) * output.dtype.itemsize != self.program.sizes[output.buffer] // self.count:
            raise Refused("rows taken for each member")
        return replace(op, inputs=(data, replace(rows, shape=(n,))), output=output)
